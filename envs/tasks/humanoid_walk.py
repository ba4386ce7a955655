"""Walk to a place in a furnished room without touching anything."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_positive
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray, Pose
from fleetloop.core.semantics import SemanticClass
from fleetloop.core.spec import Field, Schema
from fleetloop.core.types import Event
from fleetloop.envs.homes.room import GROUND, Room, RoomConfig, build_room
from fleetloop.envs.homes.route import find_route
from fleetloop.envs.robots.base import Robot
from fleetloop.envs.robots.humanoid.robot import Humanoid
from fleetloop.envs.stage import Look, Stage
from fleetloop.envs.tasks.base import Verdict
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.shapes import Cylinder

_OBSTACLES = 12
_EDGE_M = 0.9
_CLEARANCE_M = 0.45

ROUTE = 160
"""Points of the route in the truth; the last one is repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanoidWalkConfig:
    """The room and what counts.

    Attributes:
        room: The room.
        distance_m: Smallest and largest distance from start to goal, as the crow flies.
        arrive_m: How near the pelvis has to come.
        max_duration_s: When the episode is cut.
    """

    room: RoomConfig = field(default_factory=RoomConfig)
    distance_m: tuple[float, float] = (2.0, 5.0)
    arrive_m: float = 0.35
    max_duration_s: float = 45.0

    def __post_init__(self) -> None:
        check_positive(self, "a walking task", "arrive_m", "max_duration_s", infinite=True)
        low, high = self.distance_m
        if not 0.5 <= low <= high <= self.room.size_m[0] - 2.0 * _EDGE_M + 1.0:
            raise ConfigError(
                f"distance_m is {self.distance_m}: use 0.5 m or more, in order, and no more than "
                f"fits into a room of {self.room.size_m[0]} m."
            )


class HumanoidWalk:
    """See the module; truth and goal are documented at `truth` and `goal_schema`."""

    CONFIG: ClassVar[type[HumanoidWalkConfig]] = HumanoidWalkConfig
    ROBOT: ClassVar[str] = "humanoid"
    RIG: ClassVar[str] = "head64"

    def __init__(self, config: HumanoidWalkConfig) -> None:
        self.config = config
        self._room = Room((0.0, 0.0), np.zeros((0, 5)))
        self._goal_m = np.zeros(2)
        self._last_m = 0.0
        self._route_m = np.zeros((1, 2))

    @property
    def goal_schema(self) -> Schema:
        """The place, seen from the robot: metres forward and to the left."""
        return Schema({"place_m": Field(shape=(2,), dtype="float32", unit="m", frame="base")})

    @property
    def max_duration_s(self) -> float:
        """As configured."""
        return self.config.max_duration_s

    def build(self, stage: Stage, rng: np.random.Generator, draws: dict[str, Any]) -> Pose:
        """Draws the room, the start and the goal."""
        config = self.config
        half_x, half_y = (float(v) for v in 0.5 * rng.uniform(*config.room.size_m, 2))
        start, goal = self._ends(rng, half_x - _EDGE_M, half_y - _EDGE_M)
        heading = float(rng.uniform(-math.pi, math.pi))
        self._goal_m = goal
        free = np.linspace(start, goal, 2)
        self._room = build_room(stage, config.room, rng, draws, free, (half_x, half_y))
        self._route_m = find_route(
            self._room.half_m, self._room.obstacles, start, goal, _CLEARANCE_M
        )[-ROUTE:]
        mat = Look(shape=Cylinder(0.30, 0.004),
                   material=MATERIALS.get("sign_retro"), semantic=SemanticClass.FLOOR)  # fmt: skip
        stage.add("goal", Pose.of(float(goal[0]), float(goal[1]), 0.004), looks=[mat])
        draws |= {"start_m": start.tolist(), "goal_m": goal.tolist(), "heading_rad": heading}
        return Pose.of(float(start[0]), float(start[1]), yaw_rad=heading)

    def begin(self, stage: Stage, robot: Robot) -> None:
        """Measures the way to go."""
        self._last_m = self._distance_m(robot)

    def judge(self, stage: Stage, robot: Robot, t_ns: int) -> Verdict:
        """Rewards the way made; ends at the goal, with a fall, or when something is touched."""
        if not isinstance(robot, Humanoid):
            raise ConfigError(f"This task is made for a humanoid, not for {type(robot).__name__}.")
        distance = self._distance_m(robot)
        gained, self._last_m = self._last_m - distance, distance
        touched = touched_by(stage, robot)
        events = []
        if robot.fall_cause:
            events.append(Event(t_ns=t_ns, kind="fall", detail={"cause": robot.fall_cause}))
        if touched:
            events.append(Event(t_ns=t_ns, kind="collision", detail={"with": touched}))
        failed = bool(robot.fall_cause) or bool(touched)
        done = distance < self.config.arrive_m and not failed
        cause = "done" if done else ""
        if failed:
            cause = f"fall_{robot.fall_cause}" if robot.fall_cause else "collision"
        return Verdict(
            reward_terms={
                "progress": gained,
                "time": -0.005,
                "failure": -5.0 if failed else 0.0,
            },
            terminated=bool(cause),
            success=done,
            cause=cause,
            events=tuple(events),
        )

    def goal(self, stage: Stage, robot: Robot) -> dict[str, npt.NDArray[Any]]:
        """The place from the robot, (2,) m."""
        return {"place_m": self._local(robot, self._goal_m[None])[0].astype(np.float32)}

    def truth(self, stage: Stage, robot: Robot) -> dict[str, npt.NDArray[Any]]:
        """Where everything is.

        `goal_m` (2,) and `position_m` (2,) in the world, `heading_rad`, `distance_m`,
        `room_half_m` (2,), `obstacles` (12, 5): x, y, half x, half y, yaw of upright boxes in the
        world, zeros where there is none; `route_m` (ROUTE, 2), a way round them in the world.
        """
        pose = robot.state().links["base"].world_T_link
        obstacles = np.zeros((_OBSTACLES, 5))
        found = self._room.obstacles[:_OBSTACLES]
        obstacles[: len(found)] = found
        route = np.repeat(self._route_m[-1:], ROUTE, axis=0)
        route[: len(self._route_m)] = self._route_m
        return {
            "goal_m": self._goal_m.copy(),
            "position_m": pose.position_m[:2].copy(),
            "heading_rad": np.array(float(pose.yaw_rad)),
            "distance_m": np.array(self._distance_m(robot)),
            "room_half_m": np.array(self._room.half_m),
            "obstacles": obstacles,
            "route_m": route,
        }

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """The distance after the last step; the room never changes within an episode."""
        return {"last_m": np.array(self._last_m)}

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back to a snapshot of this episode."""
        self._last_m = float(snapshot["last_m"])

    def _ends(
        self, rng: np.random.Generator, half_x: float, half_y: float
    ) -> tuple[FloatArray, FloatArray]:
        """Start and goal at a distance that was asked for; the farthest pair if none fits."""
        low, high = self.config.distance_m
        pairs = rng.uniform(-1.0, 1.0, (200, 2, 2)) * [half_x, half_y]
        lengths = np.linalg.norm(pairs[:, 0] - pairs[:, 1], axis=1)
        fits = np.flatnonzero((lengths >= low) & (lengths <= high))
        chosen = int(fits[0]) if len(fits) else int(lengths.argmax())
        return pairs[chosen, 0], pairs[chosen, 1]

    def _distance_m(self, robot: Robot) -> float:
        position = robot.state().links["base"].world_T_link.position_m
        return float(np.linalg.norm(position[:2] - self._goal_m))

    def _local(self, robot: Robot, points_m: FloatArray) -> FloatArray:
        pose = robot.state().links["base"].world_T_link
        c, s = math.cos(float(pose.yaw_rad)), math.sin(float(pose.yaw_rad))
        gaps = points_m - pose.position_m[:2]
        return np.stack([c * gaps[:, 0] + s * gaps[:, 1], c * gaps[:, 1] - s * gaps[:, 0]], axis=1)


def touched_by(stage: Stage, robot: Humanoid, but: Collection[str] = ()) -> str:
    """Name of something the robot touches, or nothing.

    The ground, what it holds, and `but` do not count.
    """
    own = robot.holding.bodies
    for contact in stage.world.contacts(robot.body):
        if contact.other in own or contact.distance_m >= 0.0:
            continue
        other = stage.name_of_body(contact.other)
        if other != GROUND and other not in but:
            return other
    return ""
