"""Joint encoders and the steering-wheel sensor: angle in steps, behind backlash, and rate from it.

    count = floor((play(q) + offset) / step + 1/2),   rate = (count - last count) * step / dt

The rate of a counting encoder is as coarse as one step per sample; that is left as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_not_negative, check_positive
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray
from fleetloop.core.spec import Field, Schema
from fleetloop.envs.sensors.base import Buffers, Capture, Modality, SensorConfig, State
from fleetloop.envs.sensors.joints import check_joints, joint_indices, play
from fleetloop.envs.sensors.noise import captured_at, elapsed_s, no_capture_yet, quantise

if TYPE_CHECKING:
    from fleetloop.envs.trace.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class JointEncoderConfig(SensorConfig):
    """Absolute encoders on joints.

    Attributes:
        joints: Names, in the order of the arrays. The default is one joint of that name.
        steps_per_turn: Resolution, 14 bits as in the ams AS5047P; a sliding joint counts metres
            for radians.
        backlash_rad: Width of the gap between joint and encoder, 0 for none.
        offset_rad: Standard deviation of the zero error, drawn once per episode.
        noise_rad: Standard deviation of the angle before it is counted.
        slip_rad: How far the fault `bias_jump` (the coupling slips) turns them at severity 1.
    """

    KIND: ClassVar[str] = "joint_encoder"
    LOOKS: ClassVar[bool] = False
    FAULTS: ClassVar[tuple[str, ...]] = ("bias_jump",)

    rate_hz: float = 120.0
    joints: tuple[str, ...] = ("joint",)
    steps_per_turn: int = 16_384
    backlash_rad: float = 0.0
    offset_rad: float = 0.0005
    noise_rad: float = 0.0001
    slip_rad: float = 0.1

    def __post_init__(self) -> None:
        SensorConfig.__post_init__(self)
        check_joints(self.joints, self.name)
        if self.steps_per_turn < 1:
            raise ConfigError(
                f"The steps_per_turn of sensor {self.name!r} is {self.steps_per_turn}: use >= 1."
            )
        check_not_negative(
            self, f"sensor {self.name!r}", "backlash_rad", "offset_rad", "noise_rad", "slip_rad"
        )


class JointEncoder:
    """See the module; fields `position_rad` and `velocity_rad_s`, one per joint."""

    CONFIG: ClassVar[type[SensorConfig]] = JointEncoderConfig
    MODALITY: ClassVar[Modality] = "state"
    scan_s: float = 0.0

    def __init__(self, config: JointEncoderConfig) -> None:
        self.config = config
        self._step = 2.0 * math.pi / config.steps_per_turn
        count = len(config.joints)
        joints = ", ".join(config.joints)
        self.schema = Schema(
            {
                "position_rad": Field(
                    shape=(count,), dtype="float32", unit="rad", doc=f"Angles of: {joints}."
                ),
                "velocity_rad_s": Field(
                    shape=(count,),
                    dtype="float32",
                    unit="rad/s",
                    doc="Difference of counts since the last capture.",
                ),
            }
        )

    def initial_state(self, rng: np.random.Generator) -> State:
        """Draws zero errors, and where in its gap each encoder stands."""
        config, count = self.config, len(self.config.joints)
        return {
            **no_capture_yet(),
            "offset_rad": config.offset_rad * rng.standard_normal(count),
            "behind_gap_rad": config.backlash_rad * rng.uniform(-0.5, 0.5, count),
            "angle_rad": np.zeros(count),
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
        """Reads all joints.

        Raises:
            ConfigError: The robot lacks one of them.
        """
        config = self.config
        which = joint_indices(capture.robot, config.joints, config.name)
        true = capture.robot.joint_position_rad[which]
        behind = _behind_gap(state, true, config.backlash_rad)
        noise = config.noise_rad * rng.standard_normal(true.size)
        slip = capture.severity("bias_jump") * config.slip_rad
        angle = quantise(behind + state["offset_rad"] + slip + noise, self._step)
        true_rate = capture.robot.joint_velocity_rad_s[which]
        rate = _rate(capture.t_ns, state, angle, true_rate, self._step * config.rate_hz)
        data = {
            "position_rad": angle.astype(np.float32),
            "velocity_rad_s": rate.astype(np.float32),
        }
        changed = {"behind_gap_rad": behind, "angle_rad": angle}
        return data, {**state, **captured_at(capture.t_ns), **changed}


@dataclass(frozen=True, slots=True, kw_only=True)
class SteeringAngleConfig(SensorConfig):
    """The sensor on a car's steering column.

    Attributes:
        joints: Steered joints; their mean is the road-wheel angle.
        ratio: Steering-wheel angle over road-wheel angle.
        step_rad: Resolution at the steering wheel: 0.1° in the comma2k19 log.
        backlash_rad: Play of the column, at the steering wheel.
        offset_rad: Standard deviation of the zero error at the steering wheel, per episode.
        slip_rad: How far the fault `bias_jump` shifts the zero at severity 1.
    """

    KIND: ClassVar[str] = "steering_angle"
    LOOKS: ClassVar[bool] = False
    FAULTS: ClassVar[tuple[str, ...]] = ("bias_jump",)

    rate_hz: float = 60.0
    joints: tuple[str, ...] = ("steer_fl", "steer_fr")
    ratio: float = 15.0
    step_rad: float = math.radians(0.1)
    backlash_rad: float = math.radians(0.5)
    offset_rad: float = math.radians(0.5)
    slip_rad: float = math.radians(20.0)

    def __post_init__(self) -> None:
        SensorConfig.__post_init__(self)
        check_joints(self.joints, self.name)
        check_positive(self, f"sensor {self.name!r}", "ratio")
        check_not_negative(
            self, f"sensor {self.name!r}", "step_rad", "backlash_rad", "offset_rad", "slip_rad"
        )


class SteeringAngle:
    """See the module; `angle_rad` and `rate_rad_s` at the steering wheel, positive to the left."""

    CONFIG: ClassVar[type[SensorConfig]] = SteeringAngleConfig
    MODALITY: ClassVar[Modality] = "state"
    scan_s: float = 0.0

    def __init__(self, config: SteeringAngleConfig) -> None:
        self.config = config
        self.schema = Schema(
            {
                "angle_rad": Field(
                    shape=(), dtype="float32", unit="rad", doc="Steering wheel, left positive."
                ),
                "rate_rad_s": Field(
                    shape=(),
                    dtype="float32",
                    unit="rad/s",
                    doc="Difference of angles since the last capture.",
                ),
            }
        )

    def initial_state(self, rng: np.random.Generator) -> State:
        """Draws the zero error, and where in its play the column stands."""
        config = self.config
        return {
            **no_capture_yet(),
            "offset_rad": config.offset_rad * rng.standard_normal(1),
            "behind_gap_rad": config.backlash_rad * rng.uniform(-0.5, 0.5, 1),
            "angle_rad": np.zeros(1),
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
        """Reads the steering wheel.

        Raises:
            ConfigError: The robot lacks one of the joints.
        """
        config = self.config
        which = joint_indices(capture.robot, config.joints, config.name)
        # One number each: plain floats are many times faster than arrays of one.
        true = config.ratio * _mean(capture.robot.joint_position_rad[which])
        gap = float(state["behind_gap_rad"][0])
        half = config.backlash_rad / 2.0
        begun = state["t_ns"][0] >= 0
        behind = min(max(gap, true - half), true + half) if begun else true + gap
        slip = capture.severity("bias_jump") * config.slip_rad
        angle = _rounded(behind + float(state["offset_rad"][0]) + slip, config.step_rad)
        dt_s = elapsed_s(capture.t_ns, state)
        if dt_s > 0.0:
            rate = (angle - float(state["angle_rad"][0])) / dt_s
        else:
            true_rate = config.ratio * _mean(capture.robot.joint_velocity_rad_s[which])
            rate = _rounded(true_rate, config.step_rad * config.rate_hz)
        data = {"angle_rad": np.array(angle, np.float32), "rate_rad_s": np.array(rate, np.float32)}
        changed = {"behind_gap_rad": np.array([behind]), "angle_rad": np.array([angle])}
        return data, {**state, **captured_at(capture.t_ns), **changed}


def _mean(values: FloatArray) -> float:
    numbers = values.tolist()
    return float(sum(numbers) / len(numbers))


def _rounded(value: float, step: float) -> float:
    """As `quantise`: Python rounds halves to even too."""
    return round(value / step) * step if step > 0.0 else value


def _behind_gap(state: State, true_rad: FloatArray, width_rad: float) -> FloatArray:
    """Where the encoder's side of the gap is now.

    Before the first capture the state holds its place within the gap instead.
    """
    if state["t_ns"][0] < 0:
        return np.asarray(true_rad + state["behind_gap_rad"])
    return play(state["behind_gap_rad"], true_rad, width_rad)


def _rate(
    t_ns: int, state: State, angle_rad: FloatArray, true_rad_s: FloatArray, step_rad_s: float
) -> FloatArray:
    """Rate by difference. At the first capture, that of an encoder which has run before."""
    dt_s = elapsed_s(t_ns, state)
    if dt_s > 0.0:
        return (angle_rad - state["angle_rad"]) / dt_s
    return quantise(true_rad_s, step_rad_s)
