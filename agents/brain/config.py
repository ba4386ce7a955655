"""Sizes of the brain, from a laptop to a GPU, by one frozen config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fleetloop.core.checks import check_counts
from fleetloop.core.errors import ConfigError, UnknownNameError

Kind = Literal["cnn", "transformer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrainConfig:
    """What kind of network, and how large.

    Attributes:
        kind: `transformer` mixes tokens of all inputs by attention; `cnn` joins them in one
            perceptron, the plain baseline. Both share encoders and heads.
        d: Width of a token, and of the perceptron.
        layers: Of the trunk.
        heads: Of the attention.
        channels: Of the convolutions over a picture, each of which halves it.
        patch: 0, or pixels a side of what the first convolution sees at once, each pixel once: it
            makes the picture smaller by so much, and costs a third of a sliding one.
        grid: The last map is cut into so many squares a side, a token each.
        uncertainty: Whether the spread of each action is predicted too.

    Raises:
        ConfigError: A size is not positive, or the heads do not divide the width.
    """

    kind: Kind = "transformer"
    d: int = 96
    layers: int = 2
    heads: int = 4
    channels: tuple[int, ...] = (16, 24, 32, 48)
    patch: int = 0
    grid: int = 2
    uncertainty: bool = True

    def __post_init__(self) -> None:
        if self.kind not in ("cnn", "transformer"):
            raise ConfigError(f"The kind of brain {self.kind!r} is none of: cnn, transformer.")
        check_counts(self, "a brain", "d", "layers", "heads", "grid")
        if self.d % self.heads:
            raise ConfigError(f"{self.heads} heads do not divide the width {self.d} of a token.")
        if self.patch < 0:
            raise ConfigError(f"patch of a brain is {self.patch}: use 0 or more pixels.")
        if not self.channels or min(self.channels) < 1:
            raise ConfigError(f"channels are {self.channels}: use one positive number or more.")


BRAINS: Mapping[str, BrainConfig] = {
    "cnn": BrainConfig(kind="cnn", d=128, layers=2, channels=(32, 32, 48), patch=4),
    "laptop": BrainConfig(),
    "small": BrainConfig(d=128, layers=4, channels=(16, 32, 48, 64)),
    "gpu": BrainConfig(d=512, layers=12, heads=8, channels=(48, 96, 192, 384), grid=4),
}
"""Presets by name. `cnn` and `laptop` train in minutes on one core, `small` in tens of minutes;
`gpu` wants one."""


def brain_preset(name: str) -> BrainConfig:
    """A preset.

    Raises:
        UnknownNameError: There is none of that name.
    """
    if name not in BRAINS:
        raise UnknownNameError("brain", name, BRAINS)
    return BRAINS[name]
