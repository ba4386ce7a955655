"""Six-axis force and torque sensor between a link and what is fixed beyond it.

It feels the wrench that the outside puts on the link, moved to its own origin,

    F = F_link,   T = T_link - r x F_link,

and, if the tool beyond it is told, that tool's weight and inertia: m (g - a) at its centre of mass.
The turning inertia of the tool about its own centre is left out. The reading is

    clip(round((1 + s) X (F, T) + b(t) + w(t)))

with the cross-talk X, a matrix near one that acts on parts of full range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray, cross
from fleetloop.core.spec import Field, Schema
from fleetloop.envs.sensors.base import Buffers, Capture, Modality, SensorConfig, State
from fleetloop.envs.sensors.kinematics import acceleration_at, lever_arm
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceTorqueErrors:
    """Errors of one type of sensor.

    Attributes:
        force: Per axis; u is newton.
        torque: Per axis; u is newton metre.
        cross_talk: Standard deviation of the elements of X beside its diagonal, in parts of full
            range, drawn once per episode.
    """

    force: ChannelErrors
    torque: ChannelErrors
    cross_talk: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.cross_talk < math.inf:
            raise ConfigError(f"The cross_talk is {self.cross_talk!r}: use 0 or more.")


IDEAL = ForceTorqueErrors(force=ChannelErrors(), torque=ChannelErrors())
"""Truth."""

FT300S = ForceTorqueErrors(
    # Robotiq FT 300-S instruction manual, specifications: ±300 N and ±30 N m, noise 0.1 N and
    # 0.005 N m at 100 Hz, stream in steps of 0.01 N and 0.001 N m, drift ±3 N in 24 h (taken as a
    # random walk that reaches 3 N). Cross-talk is not told there: 1 % of range is the usual
    # uncertainty of such sensors.
    force=ChannelErrors(
        white_u_rt_s=white_from_rms(0.1, 100.0),
        walk_u_rt_hz=3.0 / math.sqrt(86_400.0),
        turn_on_u=1.0,
        lsb_u=0.01,
        limit_u=300.0,
        jump_u=20.0,
    ),
    torque=ChannelErrors(
        white_u_rt_s=white_from_rms(0.005, 100.0),
        walk_u_rt_hz=0.03 / math.sqrt(86_400.0),
        turn_on_u=0.01,
        lsb_u=0.001,
        limit_u=30.0,
        jump_u=1.0,
    ),
    cross_talk=0.01,
)
"""Wrist sensor of a small arm: the default."""

OMEGA85 = ForceTorqueErrors(
    # ATI Omega85 SI-1900-80, document 9610-05-1001: ±1900 N and ±80 N m sideways, steps of 5/14 N
    # and 5/748 N m, uncertainty 1 % of range; noise of one step at 1 kHz.
    force=ChannelErrors(
        white_u_rt_s=white_from_rms(5.0 / 14.0, 1000.0),
        walk_u_rt_hz=0.03,
        turn_on_u=5.0,
        lsb_u=5.0 / 14.0,
        limit_u=1900.0,
        jump_u=100.0,
    ),
    torque=ChannelErrors(
        white_u_rt_s=white_from_rms(5.0 / 748.0, 1000.0),
        walk_u_rt_hz=0.001,
        turn_on_u=0.1,
        lsb_u=5.0 / 748.0,
        limit_u=80.0,
        jump_u=5.0,
    ),
    cross_talk=0.01,
)
"""Ankle sensor of a walking robot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceTorqueConfig(SensorConfig):
    """A six-axis sensor; it reports about its own mount.

    Attributes:
        errors: Type of sensor, such as `FT300S` or `IDEAL`.
        tool_mass_kg: Mass beyond the sensor whose weight and inertia it feels; 0 if the link's
            contact forces are all.
        tool_centre_m: Centre of that mass in the sensor frame.

    The fault `bias_jump` adds the `jump_u` of force and torque times its severity.
    """

    KIND: ClassVar[str] = "force_torque"
    LOOKS: ClassVar[bool] = False
    FAULTS: ClassVar[tuple[str, ...]] = ("bias_jump",)

    rate_hz: float = 120.0
    errors: ForceTorqueErrors = FT300S
    tool_mass_kg: float = 0.0
    tool_centre_m: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        SensorConfig.__post_init__(self)
        if not 0.0 <= self.tool_mass_kg < math.inf:
            raise ConfigError(
                f"The tool_mass_kg of sensor {self.name!r} is {self.tool_mass_kg!r}: use 0 or more."
            )
        if not all(math.isfinite(value) for value in self.tool_centre_m):
            raise ConfigError(f"The tool_centre_m of sensor {self.name!r} must be finite.")


class ForceTorque:
    """See the module; fields `force_n` and `torque_nm` in the sensor frame."""

    CONFIG: ClassVar[type[SensorConfig]] = ForceTorqueConfig
    MODALITY: ClassVar[Modality] = "state"
    scan_s: float = 0.0

    def __init__(self, config: ForceTorqueConfig) -> None:
        self.config = config
        self._force = Channels("force", 3, config.errors.force, config.rate_hz)
        self._torque = Channels("torque", 3, config.errors.torque, config.rate_hz)
        self.schema = Schema(
            {
                "force_n": Field(
                    shape=(3,),
                    dtype="float32",
                    unit="N",
                    frame="sensor",
                    low=-self._force.limit,
                    high=self._force.limit,
                    doc="Force of the outside on the link.",
                ),
                "torque_nm": Field(
                    shape=(3,),
                    dtype="float32",
                    unit="N m",
                    frame="sensor",
                    low=-self._torque.limit,
                    high=self._torque.limit,
                    doc="Its moment about the sensor's origin.",
                ),
            }
        )

    def initial_state(self, rng: np.random.Generator) -> State:
        """Draws offsets, scales and cross-talk."""
        errors = self.config.errors
        talk = errors.cross_talk * rng.standard_normal((6, 6)) * (1.0 - np.eye(6))
        force, torque = errors.force.limit_u or 1.0, errors.torque.limit_u or 1.0
        full = np.array([force] * 3 + [torque] * 3)
        return {
            **no_capture_yet(),
            **self._force.start(rng),
            **self._torque.start(rng),
            "cross_talk": np.eye(6) + talk * full[:, None] / full[None, :],
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
        """Reads all six axes."""
        mixed = state["cross_talk"] @ self._wrench(capture)
        severity = capture.severity("bias_jump")
        dt_s = elapsed_s(capture.t_ns, state)
        state = {**state, **captured_at(capture.t_ns)}
        force, changed = self._force.sample(mixed[:3], state, dt_s, rng, severity)
        state.update(changed)
        torque, changed = self._torque.sample(mixed[3:], state, dt_s, rng, severity)
        state.update(changed)
        data = {"force_n": force.astype(np.float32), "torque_nm": torque.astype(np.float32)}
        return data, state

    def _wrench(self, capture: Capture) -> FloatArray:
        """True force and torque about the sensor's origin, in its axes, (6,)."""
        config, link = self.config, capture.link
        to_world = capture.world_T_sensor.rotation
        arm_m = lever_arm(capture)
        force = link.force_n
        torque = link.torque_nm - cross(arm_m, force)
        if config.tool_mass_kg > 0.0:
            centre_m = to_world @ np.array(config.tool_centre_m)
            gravity = np.array([0.0, 0.0, -capture.surroundings.gravity_m_s2])
            load = config.tool_mass_kg * (gravity - acceleration_at(link, arm_m + centre_m))
            force = force + load
            torque = torque + cross(centre_m, load)
        return np.concatenate([to_world.T @ force, to_world.T @ torque])
