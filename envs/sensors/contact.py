"""Contact: a pressure pad with a threshold, as under a foot or on a fingertip.

The pad feels the part of the link's contact force that presses on it, along its own z axis, which
points from the surface into the link: up, in a foot. The switch closes above one threshold, opens
below a lower one (hysteresis), and either only after the force has stayed there for the debounce
time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.spec import Field, Schema
from fleetloop.envs.sensors.base import Buffers, Capture, Modality, SensorConfig, State
from fleetloop.envs.sensors.noise import (
    ChannelErrors,
    Channels,
    captured_at,
    elapsed_s,
    no_capture_yet,
    white_from_rms,
)

if TYPE_CHECKING:
    from fleetloop.envs.trace.view import View

FSR_PAD = ChannelErrors(
    # Interlink FSR 400 series integration guide: part-to-part ±6 % on one unit's repeat ±2 %, range
    # to 100 N per pad; a sole holds several, summed to 1 kN and read with 12 bits.
    white_u_rt_s=white_from_rms(0.5, 100.0),
    scale=0.02,
    lsb_u=1000.0 / 4096,
    limit_u=1000.0,
    jump_u=20.0,
)
"""Force-sensing resistors under a sole; u is newton."""


_AGREES = -1.0
"""In the state: force and switch agree, no debounce is running."""

_NANOSECOND_S = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactConfig(SensorConfig):
    """A contact pad; mount it with z from the surface into the link.

    Attributes:
        errors: Of the force; u is newton. What would read below zero reads zero.
        close_n: The switch closes at or above this force.
        open_n: The switch opens below this force; at most `close_n`.
        debounce_s: How long the force must stay there before the switch follows.

    The fault `bias_jump` adds `errors.jump_u` times its severity.
    """

    KIND: ClassVar[str] = "contact"
    LOOKS: ClassVar[bool] = False
    FAULTS: ClassVar[tuple[str, ...]] = ("bias_jump",)

    rate_hz: float = 120.0
    errors: ChannelErrors = FSR_PAD
    close_n: float = 10.0
    open_n: float = 5.0
    debounce_s: float = 0.0

    def __post_init__(self) -> None:
        SensorConfig.__post_init__(self)
        if not 0.0 <= self.open_n <= self.close_n < math.inf:
            raise ConfigError(
                f"The sensor {self.name!r} closes at {self.close_n!r} N and opens below "
                f"{self.open_n!r} N: the second must be 0 or more and not above the first."
            )
        if not 0.0 <= self.debounce_s < math.inf:
            raise ConfigError(
                f"The debounce_s of sensor {self.name!r} is {self.debounce_s!r}: use 0 or more."
            )


class Contact:
    """See the module; fields `contact` and `normal_force_n`."""

    CONFIG: ClassVar[type[SensorConfig]] = ContactConfig
    MODALITY: ClassVar[Modality] = "state"
    scan_s: float = 0.0

    def __init__(self, config: ContactConfig) -> None:
        self.config = config
        self._channel = Channels("force", 1, config.errors, config.rate_hz)
        self.schema = Schema(
            {
                "contact": Field(shape=(), dtype="bool", unit="1", doc="The switch is closed."),
                "normal_force_n": Field(
                    shape=(),
                    dtype="float32",
                    unit="N",
                    frame="sensor",
                    low=0.0,
                    high=self._channel.limit,
                    doc="Force that presses on the pad.",
                ),
            }
        )

    def initial_state(self, rng: np.random.Generator) -> State:
        """Draws the pad's gain."""
        return {
            **no_capture_yet(),
            **self._channel.start(rng),
            "closed": np.zeros(1, bool),
            "differs_s": np.array([_AGREES]),
        }

    def views(self, capture: Capture, state: State, rng: np.random.Generator) -> Sequence[View]:
        """No rays."""
        return ()

    def measure(
        self,
        capture: Capture,
        traced: Sequence[Buffers],
        state: State,
        rng: np.random.Generator,
    ) -> tuple[dict[str, npt.NDArray[Any]], State]:
        """Reads the pad and moves the switch."""
        inward = capture.world_T_sensor.rotation[:, 2]
        pressing_n = max(0.0, float(inward @ capture.link.force_n))
        severity = capture.severity("bias_jump")
        dt_s = elapsed_s(capture.t_ns, state)
        reading, changed = self._channel.sample(np.array([pressing_n]), state, dt_s, rng, severity)
        force_n = max(0.0, float(reading[0]))
        changed |= self._switch(state, force_n, dt_s)
        data = {
            "contact": np.array(changed["closed"][0]),
            "normal_force_n": np.array(force_n, np.float32),
        }
        return data, {**state, **captured_at(capture.t_ns), **changed}

    def _switch(self, state: State, force_n: float, dt_s: float) -> State:
        closed = bool(state["closed"][0])
        wanted = force_n >= (self.config.open_n if closed else self.config.close_n)
        first = int(state["t_ns"][0]) < 0
        if first or wanted == closed:
            return {"closed": np.array([wanted]), "differs_s": np.array([_AGREES])}
        before_s = float(state["differs_s"][0])
        differs_s = 0.0 if before_s == _AGREES else before_s + dt_s
        if differs_s >= self.config.debounce_s - _NANOSECOND_S:
            return {"closed": np.array([wanted]), "differs_s": np.array([_AGREES])}
        return {"closed": np.array([closed]), "differs_s": np.array([differs_s])}
