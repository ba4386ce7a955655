"""Inertial measurement unit: specific force and angular rate at its mount, with all their errors.

    reading = clip(round((1 + s) M (truth + shake) + G f + b(t) + w(t)))

with scale errors s, misalignment M, drifting bias b and white noise w of
`fleetloop.envs.sensors.noise`, the shaking of the mount of `fleetloop.envs.sensors.vibration`, and
for gyroscopes a sensitivity G to the specific force f (Titterton & Weston, "Strapdown Inertial
Navigation Technology", 2nd ed., 4.2 and 12.4). The truth is that of the instant of capture, or the
mean since the last one, as a sensor gives it that integrates or filters between its samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray
from fleetloop.core.spec import Field, Schema
from fleetloop.envs.sensors.base import Buffers, Capture, Modality, SensorConfig, State
from fleetloop.envs.sensors.imu_errors import AUTOMOTIVE, InertialErrors
from fleetloop.envs.sensors.kinematics import mean_motion, move_mount
from fleetloop.envs.sensors.noise import (
    Channels,
    captured_at,
    elapsed_s,
    misalignment_matrix,
    no_capture_yet,
)
from fleetloop.envs.sensors.vibration import Vibration, VibrationMode
from fleetloop.envs.trace.jit import kernel

if TYPE_CHECKING:
    from fleetloop.envs.trace.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class ImuConfig(SensorConfig):
    """An inertial measurement unit.

    Attributes:
        errors: Class of the sensors, from `fleetloop.envs.sensors.imu_errors`.
        vibration: Shaking of the mount, such as `vibration.CAR_VIBRATION`; none by
            default.
        reading: `instant`, or `mean` since the last capture: right for a body with impacts that is
            sampled more slowly than physics runs. The mean needs velocities alone.

    The fault `bias_jump` adds the `jump_u` of each triad times its severity.
    """

    KIND: ClassVar[str] = "imu"
    LOOKS: ClassVar[bool] = False
    FAULTS: ClassVar[tuple[str, ...]] = ("bias_jump",)

    rate_hz: float = 120.0
    errors: InertialErrors = AUTOMOTIVE
    vibration: tuple[VibrationMode, ...] = ()
    reading: Literal["instant", "mean"] = "instant"

    def __post_init__(self) -> None:
        SensorConfig.__post_init__(self)
        if self.reading not in ("instant", "mean"):
            raise ConfigError(
                f"The reading of sensor {self.name!r} is {self.reading!r}: use 'instant' or 'mean'."
            )


class Imu:
    """See the module; fields `specific_force_m_s2` and `angular_rate_rad_s` in the sensor frame."""

    CONFIG: ClassVar[type[SensorConfig]] = ImuConfig
    MODALITY: ClassVar[Modality] = "state"
    scan_s: float = 0.0

    def __init__(self, config: ImuConfig) -> None:
        self.config = config
        errors, rate = config.errors, config.rate_hz
        self._accelerometer = Channels("accelerometer", 3, errors.accelerometer, rate)
        self._gyroscope = Channels("gyroscope", 3, errors.gyroscope, rate)
        self._vibration = Vibration(config.vibration) if config.vibration else None
        self.schema = Schema(
            {
                "specific_force_m_s2": Field(
                    shape=(3,),
                    dtype="float32",
                    unit="m/s^2",
                    frame="sensor",
                    low=-self._accelerometer.limit,
                    high=self._accelerometer.limit,
                    doc="Acceleration less gravity: at rest it points up.",
                ),
                "angular_rate_rad_s": Field(
                    shape=(3,),
                    dtype="float32",
                    unit="rad/s",
                    frame="sensor",
                    low=-self._gyroscope.limit,
                    high=self._gyroscope.limit,
                    doc="Rate of turn against an inertial frame; the Earth's own is left out.",
                ),
            }
        )

    def initial_state(self, rng: np.random.Generator) -> State:
        """Draws turn-on biases, scale errors, leaning axes and g-sensitivity."""
        errors = self.config.errors
        state = {
            **no_capture_yet(),
            **self._accelerometer.start(rng),
            **self._gyroscope.start(rng),
            "accelerometer_axes": misalignment_matrix(errors.misalignment_rad * rng.normal(size=6)),
            "gyroscope_axes": misalignment_matrix(errors.misalignment_rad * rng.normal(size=6)),
            "g_sensitivity": errors.g_sensitivity_rad_s_per_m_s2 * rng.normal(size=(3, 3)),
        }
        if self._vibration is not None:
            state["vibration"] = self._vibration.start(rng)
        if self.config.reading == "mean":
            state |= {"link_twist": np.zeros((2, 3)), "link_quaternion": np.zeros(4)}
        return state

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
        """Reads both triads."""
        dt_s = elapsed_s(capture.t_ns, state)
        link = capture.link
        motion = self._truth(capture, state, dt_s)
        state = {**state, **captured_at(capture.t_ns)}
        if self.config.reading == "mean":
            state["link_twist"] = np.stack([link.twist.linear_m_s, link.twist.angular_rad_s])
            state["link_quaternion"] = link.world_T_link.quaternion_xyzw.copy()
        if self._vibration is not None:
            speed = math.sqrt(float(link.twist.linear_m_s @ link.twist.linear_m_s))
            state["vibration"] = self._vibration.advance(state["vibration"], speed, dt_s, rng)
            motion += self._vibration.shake(state["vibration"], speed).reshape(2, 3)
        severity = capture.severity("bias_jump")
        felt = np.empty((2, 3))
        axes, rate_axes = state["accelerometer_axes"], state["gyroscope_axes"]
        _feel(motion, axes, rate_axes, state["g_sensitivity"], felt)
        force_read, changed = self._accelerometer.sample(felt[0], state, dt_s, rng, severity)
        state.update(changed)
        rate_read, changed = self._gyroscope.sample(felt[1], state, dt_s, rng, severity)
        state.update(changed)
        data = {
            "specific_force_m_s2": force_read.astype(np.float32),
            "angular_rate_rad_s": rate_read.astype(np.float32),
        }
        return data, state

    def _truth(self, capture: Capture, state: State, dt_s: float) -> FloatArray:
        """Specific force and rate of turn of the mount in sensor axes, (2, 3)."""
        motion = np.empty((2, 3))
        if self.config.reading == "mean" and dt_s > 0.0:
            linear, angular = state["link_twist"]
            motion[:] = mean_motion(capture, linear, angular, state["link_quaternion"], dt_s)
            return motion
        link, pose = capture.link, capture.world_T_sensor
        move_mount(
            pose.position_m, pose.quaternion_xyzw, link.world_T_link.position_m,
            link.acceleration_m_s2, link.angular_acceleration_rad_s2, link.twist.angular_rad_s,
            capture.surroundings.gravity_m_s2, motion,
        )  # fmt: skip
        return motion


@kernel
def _feel(
    motion: FloatArray, axes: FloatArray, rate_axes: FloatArray, g_sensitivity: FloatArray,
    felt: FloatArray,
) -> None:  # fmt: skip
    """Writes what leaning axes feel of a motion (2, 3), see the module, into `felt` (2, 3)."""
    for i in range(3):
        force, rate, pull = 0.0, 0.0, 0.0
        for k in range(3):
            force += axes[i, k] * motion[0, k]
            rate += rate_axes[i, k] * motion[1, k]
            pull += g_sensitivity[i, k] * motion[0, k]
        felt[0, i], felt[1, i] = force, rate + pull
