"""Stay on your feet while you are pushed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_positive
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.core.spec import Field, Schema
from fleetloop.core.types import Event
from fleetloop.envs.homes.room import build_floor
from fleetloop.envs.robots.base import Robot
from fleetloop.envs.robots.humanoid.robot import Humanoid
from fleetloop.envs.stage import Stage
from fleetloop.envs.tasks.base import Verdict

_PUSH_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanoidStandConfig:
    """What happens to the robot.

    Attributes:
        stand_s: How long it has to stand for success.
        max_duration_s: When the episode is cut.
        impulse_ns: Smallest and largest push, N s, given within 0.1 s at the torso.
        pause_s: Shortest and longest time between pushes.
        friction: Bounds of the floor's friction.
    """

    stand_s: float = 8.0
    max_duration_s: float = 10.0
    impulse_ns: tuple[float, float] = (5.0, 15.0)
    pause_s: tuple[float, float] = (1.5, 3.0)
    friction: tuple[float, float] = (0.7, 1.1)

    def __post_init__(self) -> None:
        check_positive(self, "a standing task", "stand_s", "max_duration_s", infinite=True)
        for name in ("impulse_ns", "pause_s", "friction"):
            low, high = getattr(self, name)
            if not 0.0 <= low <= high:
                raise ConfigError(f"{name} is ({low}, {high}): use 0 <= low <= high.")


class HumanoidStand:
    """See the module. The agent is told nothing but to stand."""

    CONFIG: ClassVar[type[HumanoidStandConfig]] = HumanoidStandConfig
    ROBOT: ClassVar[str] = "humanoid"
    RIG: ClassVar[str] = "head64"

    def __init__(self, config: HumanoidStandConfig) -> None:
        self.config = config
        self._pushes = np.zeros((0, 4))
        self._given = 0
        self._start = np.zeros(2)

    @property
    def goal_schema(self) -> Schema:
        """How long it still has to stand."""
        return Schema({"time_left_s": Field(shape=(1,), dtype="float32", unit="s", low=0.0)})

    @property
    def max_duration_s(self) -> float:
        """As configured."""
        return self.config.max_duration_s

    def build(self, stage: Stage, rng: np.random.Generator, draws: dict[str, Any]) -> Pose:
        """Lays a floor, and draws when and how the robot is pushed."""
        config = self.config
        friction = float(rng.uniform(*config.friction))
        build_floor(stage, friction, ("wood", "tile", "concrete")[int(rng.integers(3))])
        rows, at = [], float(rng.uniform(0.5, 1.5))
        while at < config.stand_s - 1.0:
            size, turn = float(rng.uniform(*config.impulse_ns)), float(rng.uniform(-1, 1) * math.pi)
            rows.append((at, size * math.cos(turn), size * math.sin(turn), size))
            at += float(rng.uniform(*config.pause_s)) + 0.1
        self._pushes = np.array(rows).reshape(-1, 4)
        self._given = 0
        draws |= {"floor_friction": friction, "pushes_t_x_y": self._pushes[:, :3].tolist()}
        return Pose.identity()

    def begin(self, stage: Stage, robot: Robot) -> None:
        """Remembers where the robot stands."""
        self._start = robot.state().links["base"].world_T_link.position_m[:2].copy()

    def judge(self, stage: Stage, robot: Robot, t_ns: int) -> Verdict:
        """Rewards an upright, quiet, lazy body; ends with a fall or with the time."""
        body = _humanoid(robot)
        state = robot.state()
        base = state.links["base"]
        t_s = t_ns * 1e-9
        events = self._push(body, t_s, t_ns)
        if body.fall_cause:
            events.append(Event(t_ns=t_ns, kind="fall", detail={"cause": body.fall_cause}))
        done = t_s >= self.config.stand_s and not body.fall_cause
        cause = f"fall_{body.fall_cause}" if body.fall_cause else "done" if done else ""
        up = float(base.world_T_link.rotation[2, 2])
        speed = float(np.linalg.norm(base.twist.linear_m_s))
        effort = float(np.mean((state.joint_torque_nm / 100.0) ** 2))
        return Verdict(
            reward_terms={
                "upright": 0.1 * up,
                "quiet": -0.05 * min(speed, 2.0),
                "effort": -0.02 * effort,
                "failure": -5.0 if body.fall_cause else 0.0,
            },
            terminated=bool(cause),
            success=done,
            cause=cause,
            events=tuple(events),
        )

    def goal(self, stage: Stage, robot: Robot) -> dict[str, npt.NDArray[Any]]:
        """Seconds left, (1,)."""
        left = max(0.0, self.config.stand_s - stage.world.tick * stage.world.rate.dt_s)
        return {"time_left_s": np.array([left], np.float32)}

    def truth(self, stage: Stage, robot: Robot) -> dict[str, npt.NDArray[Any]]:
        """`up` of the pelvis, `speed_m_s`, `moved_m` from the start, `next_push_s`."""
        base = robot.state().links["base"]
        t_s = stage.world.tick * stage.world.rate.dt_s
        coming = self._pushes[self._given :, 0]
        return {
            "up": np.array(base.world_T_link.rotation[2, 2]),
            "speed_m_s": np.array(np.linalg.norm(base.twist.linear_m_s)),
            "moved_m": np.array(np.linalg.norm(base.world_T_link.position_m[:2] - self._start)),
            "next_push_s": np.array(coming[0] - t_s if len(coming) else -1.0),
        }

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """How many pushes were given."""
        return {"given": np.array(self._given)}

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back to a snapshot of this episode."""
        self._given = int(snapshot["given"])

    def _push(self, body: Humanoid, t_s: float, t_ns: int) -> list[Event]:
        """Starts the push whose time has come; it acts from the next tick on."""
        if self._given >= len(self._pushes) or t_s < self._pushes[self._given, 0]:
            return []
        _, x, y, size = self._pushes[self._given]
        self._given += 1
        body.push(np.array([x, y, 0.0]) / _PUSH_S, _PUSH_S)
        return [Event(t_ns=t_ns, kind="push", detail={"impulse_ns": round(float(size), 3)})]


def _humanoid(robot: Robot) -> Humanoid:
    if not isinstance(robot, Humanoid):
        raise ConfigError(f"This task is made for a humanoid, not for {type(robot).__name__}.")
    return robot
