"""Motor sensing: phase current as the drive measures it, and the joint torque it works out from it.

    current = torque / (k gear efficiency) + ripple
    reading = clip(round((1 + s) current + b(t) + w(t)))
    torque  = reading k gear efficiency

with the torque constant k. The torque is that which the motor gives at the joint; friction between
joint and load is no part of it, in the simulator as in the estimate. Ripple is cogging: the slots
pass the magnets `ripple_per_turn` times in a turn of the rotor [Hanselman, "Brushless Permanent
Magnet Motor Design", 2nd ed., 5].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_positive
from fleetloop.core.errors import ConfigError
from fleetloop.core.spec import Field, Schema
from fleetloop.envs.sensors.base import Buffers, Capture, Modality, SensorConfig, State
from fleetloop.envs.sensors.joints import check_joints, joint_indices
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

DRIVE_12_BIT = ChannelErrors(
    # A 12-bit converter over ±40 A of a shunt amplifier such as TI's INA240 (SBOS662C): gain error
    # 0.2 % with shunts of 1 %, offset 25 µV on 1 mOhm; noise of one step at 1 kHz.
    white_u_rt_s=white_from_rms(80.0 / 4096, 1000.0),
    turn_on_u=0.025,
    scale=0.01,
    lsb_u=80.0 / 4096,
    limit_u=40.0,
    jump_u=1.0,
)
"""Current sensing of a small servo drive; u is ampere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MotorConfig(SensorConfig):
    """Current sensing of joint motors of one type.

    Attributes:
        joints: Names, in the order of the arrays. The default is a placeholder for one joint.
        errors: Per motor; u is ampere.
        torque_constant_nm_a: k of the motor alone.
        gear_ratio: Turns of the rotor per turn of the joint.
        gear_efficiency: Part of the torque that the gear lets through.
        ripple_a: Amplitude of the cogging.
        ripple_per_turn: Its periods in a turn of the rotor.

    The fault `bias_jump` adds `errors.jump_u` times its severity.
    """

    KIND: ClassVar[str] = "motor"
    LOOKS: ClassVar[bool] = False
    FAULTS: ClassVar[tuple[str, ...]] = ("bias_jump",)

    rate_hz: float = 120.0
    joints: tuple[str, ...] = ("joint",)
    errors: ChannelErrors = DRIVE_12_BIT
    torque_constant_nm_a: float = 0.1
    gear_ratio: float = 50.0
    gear_efficiency: float = 0.8
    ripple_a: float = 0.05
    ripple_per_turn: int = 42

    def __post_init__(self) -> None:
        SensorConfig.__post_init__(self)
        check_joints(self.joints, self.name)
        check_positive(self, f"sensor {self.name!r}", "torque_constant_nm_a", "gear_ratio")
        if not 0.0 < self.gear_efficiency <= 1.0:
            raise ConfigError(
                f"The gear_efficiency of sensor {self.name!r} is {self.gear_efficiency!r}: use "
                "above 0 to 1."
            )
        if not (0.0 <= self.ripple_a < math.inf and self.ripple_per_turn >= 0):
            raise ConfigError(
                f"The sensor {self.name!r} has ripple_a {self.ripple_a!r} and ripple_per_turn "
                f"{self.ripple_per_turn!r}: use 0 or more."
            )

    @property
    def torque_per_current_nm_a(self) -> float:
        """Torque at the joint per ampere."""
        return self.torque_constant_nm_a * self.gear_ratio * self.gear_efficiency


class Motor:
    """See the module; fields `current_a` and `torque_nm`, one per joint."""

    CONFIG: ClassVar[type[SensorConfig]] = MotorConfig
    MODALITY: ClassVar[Modality] = "state"
    scan_s: float = 0.0

    def __init__(self, config: MotorConfig) -> None:
        self.config = config
        count = len(config.joints)
        self._channels = Channels("current", count, config.errors, config.rate_hz)
        limit = self._channels.limit
        joints = ", ".join(config.joints)
        self.schema = Schema(
            {
                "current_a": Field(
                    shape=(count,),
                    dtype="float32",
                    unit="A",
                    low=-limit,
                    high=limit,
                    doc=f"Torque-making current of: {joints}.",
                ),
                "torque_nm": Field(
                    shape=(count,),
                    dtype="float32",
                    unit="N m",
                    doc="The same by torque constant and gear, at the joint.",
                ),
            }
        )

    def initial_state(self, rng: np.random.Generator) -> State:
        """Draws gains, offsets and the rotors' places."""
        count = len(self.config.joints)
        return {
            **no_capture_yet(),
            **self._channels.start(rng),
            "rotor_rad": rng.uniform(0.0, 2.0 * math.pi, count),
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
        """Reads all motors.

        Raises:
            ConfigError: The robot lacks one of the joints.
        """
        config = self.config
        which = joint_indices(capture.robot, config.joints, config.name)
        current = capture.robot.joint_torque_nm[which] / config.torque_per_current_nm_a
        rotor = config.gear_ratio * capture.robot.joint_position_rad[which] + state["rotor_rad"]
        current = current + config.ripple_a * np.sin(config.ripple_per_turn * rotor)
        severity = capture.severity("bias_jump")
        dt_s = elapsed_s(capture.t_ns, state)
        reading, changed = self._channels.sample(current, state, dt_s, rng, severity)
        data = {
            "current_a": reading.astype(np.float32),
            "torque_nm": (reading * config.torque_per_current_nm_a).astype(np.float32),
        }
        return data, {**state, **captured_at(capture.t_ns), **changed}
