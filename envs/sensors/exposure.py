"""Exposure time and gain, and the loop that sets them from frame to frame.

The loop steps on a logarithmic scale (1 EV is a factor of two): it goes a part of the way from the
level that it measures to the one that it wants. Light is gathered for longer first and amplified
only when time runs out, since gain multiplies noise. Once within the inner dead band it rests until
the level leaves the outer one, so that noise and small things passing do not make it hunt.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from fleetloop.core.checks import check_positive
from fleetloop.core.errors import ConfigError

_DARK = 1e-6
"""Least level that is told from none."""

_BISECTIONS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureConfig:
    """Exposure of a camera.

    Attributes:
        auto: Whether the loop sets time and gain; else they stay as they are.
        exposure_s: Time for which each pixel gathers light, at the start.
        gain: Factor on the digits, at the start.
        target_level: Mean of the linear digits that the loop wants, 0 to 1.
        adaptation: Part of the way to the target that it goes in each frame, above 0 to 1.
        dead_band_ev: It starts to move when the level is off by more, and rests below half of it.
        max_step_ev: It goes no further in a frame.
        shortest_s, longest_s: Limits of the time. It is never longer than the frame rate leaves.
        max_gain: Limit of the gain; the least is 1.
    """

    auto: bool = True
    exposure_s: float = 2e-4
    gain: float = 1.0
    target_level: float = 0.20
    adaptation: float = 0.35
    dead_band_ev: float = 0.15
    max_step_ev: float = 2.0
    shortest_s: float = 1e-5
    longest_s: float = 1.0 / 60.0
    max_gain: float = 16.0

    def __post_init__(self) -> None:
        check_positive(
            self, "an exposure", "exposure_s", "gain", "max_step_ev", "shortest_s", "longest_s"
        )
        for name in ("target_level", "adaptation"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ConfigError(
                    f"{name} of an exposure is {getattr(self, name)}: use above 0 to 1."
                )
        if not self.dead_band_ev >= 0.0:
            raise ConfigError(
                f"dead_band_ev of an exposure is {self.dead_band_ev}: use 0 or more EV."
            )
        if not self.shortest_s <= self.longest_s:
            raise ConfigError(
                f"An exposure of {self.shortest_s} s at least cannot end after {self.longest_s} s "
                "at most: use shortest_s <= longest_s."
            )
        if not 1.0 <= self.max_gain <= 1e4:
            raise ConfigError(f"max_gain of an exposure is {self.max_gain}: use 1 to 10000.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Time and gain of one frame.

    Attributes:
        exposure_s: Time.
        gain: Factor on the digits.
        is_settled: Whether the loop rests.
    """

    exposure_s: float
    gain: float
    is_settled: bool = False


def divided(config: ExposureConfig, product_s: float, longest_s: float) -> Setting:
    """Divides time x gain into as much time as there is, and gain for the rest."""
    longest_s = max(min(config.longest_s, longest_s), config.shortest_s)
    exposure_s = min(max(product_s, config.shortest_s), longest_s)
    return Setting(
        exposure_s=exposure_s, gain=min(max(product_s / exposure_s, 1.0), config.max_gain)
    )


def next_setting(config: ExposureConfig, now: Setting, level: float, longest_s: float) -> Setting:
    """What the next frame is taken with.

    Args:
        config: The loop.
        now: What this frame was taken with.
        level: Mean of its linear digits, 0 to 1.
        longest_s: What the frame rate leaves for the exposure.
    """
    error_ev = math.log2(config.target_level / max(level, _DARK))
    band_ev = config.dead_band_ev * (1.0 if now.is_settled else 0.5)
    if abs(error_ev) <= band_ev:
        return Setting(exposure_s=now.exposure_s, gain=now.gain, is_settled=True)
    step_ev = config.adaptation * error_ev
    step_ev = min(max(step_ev, -config.max_step_ev), config.max_step_ev)
    return divided(config, now.exposure_s * now.gain * 2.0**step_ev, longest_s)


def adapted_setting(
    config: ExposureConfig, level_of: Callable[[float], float], longest_s: float
) -> Setting:
    """What the loop would have come to in a light that never changed.

    Args:
        config: The loop.
        level_of: Level by time x gain; it must not fall as that grows.
        longest_s: What the frame rate leaves for the exposure.
    """
    low = math.log(config.shortest_s)
    high = math.log(max(config.longest_s, config.shortest_s) * config.max_gain)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        if level_of(math.exp(middle)) < config.target_level:
            low = middle
        else:
            high = middle
    setting = divided(config, math.exp(0.5 * (low + high)), longest_s)
    return Setting(exposure_s=setting.exposure_s, gain=setting.gain, is_settled=True)
