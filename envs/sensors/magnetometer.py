"""Magnetometer: the Earth's field in the sensor's axes, bent by the iron and currents around it.

    reading = clip(round((1 + s)(A m + h) + b(t) + w(t)))

with the true field m, the soft iron A (a symmetric matrix near one: iron that bends the field) and
the hard iron h (magnets that turn with the robot) [Gebre-Egziabher et al. 2006, "Calibration of
strapdown magnetometers in the magnetic field domain"].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_not_negative
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

BMM150 = ChannelErrors(
    # Bosch BMM150, BST-BMM150-DS001, table 2: regular preset 0.6 µT rms at 10 Hz, steps of 0.3 µT,
    # range ±1300 µT (x, y).
    white_u_rt_s=white_from_rms(0.6e-6, 10.0),
    lsb_u=0.3e-6,
    limit_u=1300e-6,
    jump_u=30e-6,
)
"""A consumer part; u is tesla."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MagnetometerConfig(SensorConfig):
    """A three-axis magnetometer.

    Attributes:
        errors: Per axis; u is tesla.
        hard_iron_t: Standard deviation per axis of the field of the robot's own magnets, drawn
            once per episode: tens of microtesla in a car without calibration, 0.5 after it.
        soft_iron: Standard deviation of the six elements by which the soft iron differs from one.

    The fault `bias_jump` (a magnet comes near) adds `errors.jump_u` times its severity.
    """

    KIND: ClassVar[str] = "magnetometer"
    LOOKS: ClassVar[bool] = False
    FAULTS: ClassVar[tuple[str, ...]] = ("bias_jump",)

    errors: ChannelErrors = BMM150
    hard_iron_t: float = 2e-6
    soft_iron: float = 0.02

    def __post_init__(self) -> None:
        SensorConfig.__post_init__(self)
        check_not_negative(self, f"sensor {self.name!r}", "hard_iron_t", "soft_iron")


class Magnetometer:
    """See the module; field `field_t` in the sensor frame."""

    CONFIG: ClassVar[type[SensorConfig]] = MagnetometerConfig
    MODALITY: ClassVar[Modality] = "state"
    scan_s: float = 0.0

    def __init__(self, config: MagnetometerConfig) -> None:
        self.config = config
        self._channels = Channels("magnetometer", 3, config.errors, config.rate_hz)
        self.schema = Schema(
            {
                "field_t": Field(
                    shape=(3,),
                    dtype="float32",
                    unit="T",
                    frame="sensor",
                    low=-self._channels.limit,
                    high=self._channels.limit,
                    doc="Magnetic flux density.",
                )
            }
        )

    def initial_state(self, rng: np.random.Generator) -> State:
        """Draws the iron."""
        config = self.config
        bent = config.soft_iron * rng.standard_normal((3, 3))
        upper = np.triu(bent)
        return {
            **no_capture_yet(),
            **self._channels.start(rng),
            "soft_iron": np.eye(3) + upper + np.triu(bent, 1).T,
            "hard_iron_t": config.hard_iron_t * rng.standard_normal(3),
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
        """Reads the field."""
        field_t = capture.world_T_sensor.rotation.T @ np.array(
            capture.surroundings.magnetic_field_t
        )
        felt_t = state["soft_iron"] @ field_t + state["hard_iron_t"]
        severity = capture.severity("bias_jump")
        dt_s = elapsed_s(capture.t_ns, state)
        reading, changed = self._channels.sample(felt_t, state, dt_s, rng, severity)
        state = {**state, **captured_at(capture.t_ns), **changed}
        return {"field_t": reading.astype(np.float32)}, state
