"""Carry a shopping bag from the front door to the kitchen: not dropped, nothing in it crushed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_positive
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.core.spec import Field, Schema
from fleetloop.core.types import Event
from fleetloop.envs.homes.kitchen import (
    BAG_GRIP_M,
    COUNTER_M,
    build_bag,
    build_counter,
    build_door,
)
from fleetloop.envs.homes.room import RoomConfig, build_room
from fleetloop.envs.homes.route import ahead_on, find_route
from fleetloop.envs.robots.base import Robot
from fleetloop.envs.robots.humanoid.holding import GRIP_POINT_M, Held
from fleetloop.envs.robots.humanoid.robot import Humanoid
from fleetloop.envs.stage import Stage, Thing
from fleetloop.envs.tasks.base import Verdict
from fleetloop.envs.tasks.humanoid_walk import touched_by

RIGHT = 1
ROUTE = 160
"""Points of the route in the truth; the last one is repeated."""

_CLEARANCE_M = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanoidCarryConfig:
    """The home, the bag, and what counts.

    Attributes:
        room: The room; the door is in its west wall, the kitchen at its east wall.
        mass_kg: Bounds of the bag's mass.
        crush_n: Bounds of the force, smoothed with 20 ms, that what is in the bag stands.
        drop_m: A bag farther from the hand than this was dropped.
        arrive_m: How near the robot has to come to its place before the counter.
        still_m_s: How slow it has to be there.
        tell_way: Whether the goal tells the point of the route that lies 1 m ahead; else that is
            the place itself.
        max_duration_s: When the episode is cut.
    """

    room: RoomConfig = field(default_factory=lambda: RoomConfig(furniture=4))
    mass_kg: tuple[float, float] = (1.0, 4.0)
    crush_n: tuple[float, float] = (60.0, 100.0)
    drop_m: float = 0.15
    arrive_m: float = 0.4
    still_m_s: float = 0.2
    tell_way: bool = True
    max_duration_s: float = 60.0

    def __post_init__(self) -> None:
        check_positive(
            self,
            "a carrying task",
            "drop_m",
            "arrive_m",
            "still_m_s",
            "max_duration_s",
            infinite=True,
        )
        for name in ("mass_kg", "crush_n"):
            low, high = getattr(self, name)
            if not 0.0 < low <= high:
                raise ConfigError(f"{name} is ({low}, {high}): use 0 < low <= high.")
        if self.room.size_m[0] < 4.5:
            raise ConfigError(
                f"The room's size_m is {self.room.size_m}: a kitchen and a door need 4.5 m or more."
            )


class HumanoidCarry:
    """See the module; truth and goal are documented at `truth` and `goal_schema`."""

    CONFIG: ClassVar[type[HumanoidCarryConfig]] = HumanoidCarryConfig
    ROBOT: ClassVar[str] = "humanoid"
    RIG: ClassVar[str] = "head64"

    def __init__(self, config: HumanoidCarryConfig) -> None:
        self.config = config
        self._goal_m = np.zeros(2)
        self._route_m = np.zeros((1, 2))
        self._bag: Thing | None = None
        self._mass_kg = 1.0
        self._crush_n = 60.0
        self._last_m = 0.0

    @property
    def goal_schema(self) -> Schema:
        """The place and the way to it, from the robot: metres forward and to the left."""
        place = Field(shape=(2,), dtype="float32", unit="m", frame="base")
        return Schema({"place_m": place, "way_m": place})

    @property
    def max_duration_s(self) -> float:
        """As configured."""
        return self.config.max_duration_s

    def build(self, stage: Stage, rng: np.random.Generator, draws: dict[str, Any]) -> Pose:
        """Draws the room with door and kitchen, and the bag."""
        config = self.config
        hx, hy = (float(v) for v in 0.5 * rng.uniform(*config.room.size_m, 2))
        door_y = float(rng.uniform(-1.0, 1.0)) * (hy - 1.0)
        side = hy - 0.5 * COUNTER_M[1] - 0.1
        kitchen_y = float(rng.uniform(-1.0, 1.0)) * max(side, 0.0)
        start = np.array([-hx + 0.7, door_y])
        self._goal_m = np.array([hx - COUNTER_M[0] - 0.55, kitchen_y + 0.3])
        front = hx - COUNTER_M[0]
        free = [start, self._goal_m, np.array([start[0] + 0.6, door_y])]
        free += [np.array([front + 0.3, kitchen_y + k]) for k in (-1.2, -0.6, 0.0, 0.6, 1.2)]
        room = build_room(stage, config.room, rng, draws, np.array(free), (hx, hy))
        counter = build_counter(stage, Pose.of(hx, kitchen_y, yaw_rad=math.pi), rng)
        build_door(stage, Pose.of(-hx, door_y))
        obstacles = np.vstack([room.obstacles, counter])
        self._route_m = find_route(
            room.half_m, obstacles, start, self._goal_m, _CLEARANCE_M
        )[-ROUTE:]  # fmt: skip
        self._mass_kg = float(rng.uniform(*config.mass_kg))
        self._crush_n = float(rng.uniform(*config.crush_n))
        self._bag = build_bag(
            stage, "bag", Pose.of(float(start[0]), float(start[1]), 0.6), self._mass_kg, rng
        )
        turn = float(rng.uniform(-0.5, 0.5))
        draws |= {
            "bag_kg": self._mass_kg, "crush_n": self._crush_n, "start_m": start.tolist(),
            "goal_m": self._goal_m.tolist(), "heading_rad": turn,
        }  # fmt: skip
        return Pose.of(float(start[0]), float(start[1]), yaw_rad=turn)

    def begin(self, stage: Stage, robot: Robot) -> None:
        """Hangs the bag on the right hand's fingers."""
        body = _humanoid(robot)
        assert self._bag is not None
        held = Held(
            thing=self._bag, body_m=BAG_GRIP_M, mass_kg=self._mass_kg, turns=True,
            max_force_n=400.0,
        )  # fmt: skip
        body.give(RIGHT, held)
        self._last_m = self._left_m(robot)

    def judge(self, stage: Stage, robot: Robot, t_ns: int) -> Verdict:
        """Rewards the way made with the bag; ends at the place, or with what went wrong."""
        body, config = _humanoid(robot), self.config
        left = self._left_m(robot)
        gained, self._last_m = self._last_m - left, left
        knock = float(body.holding.knock_n[RIGHT])
        touched = touched_by(stage, body)
        causes = {
            f"fall_{body.fall_cause}": bool(body.fall_cause),
            "dropped": (body.holding.of(RIGHT) is None or self._gap_m(stage, body) > config.drop_m),
            "crushed": knock > self._crush_n,
            "collision": bool(touched),
        }
        failure = next((name for name, holds in causes.items() if holds), "")
        base = robot.state().links["base"]
        near = float(np.linalg.norm(base.world_T_link.position_m[:2] - self._goal_m))
        slow = float(np.linalg.norm(base.twist.linear_m_s[:2])) < config.still_m_s
        done = near < config.arrive_m and slow and not failure
        cause = failure or ("done" if done else "")
        swing = self._swing_rad(stage)
        events = []
        if cause:
            kind = "arrived" if done else cause
            events.append(Event(t_ns=t_ns, kind=kind, detail={
                "with": touched, "knock_n": round(knock, 2), "bag_kg": self._mass_kg,
            }))  # fmt: skip
        return Verdict(
            reward_terms={
                "progress": gained,
                "swing": -0.01 * swing,
                "time": -0.005,
                "failure": -5.0 if failure else 0.0,
            },
            terminated=bool(cause),
            success=done,
            cause=cause,
            events=tuple(events),
        )

    def goal(self, stage: Stage, robot: Robot) -> dict[str, npt.NDArray[Any]]:
        """See `goal_schema`."""
        pose = robot.state().links["base"].world_T_link
        way = ahead_on(self._route_m, pose.position_m[:2], 1.0)
        points = np.stack([self._goal_m, way if self.config.tell_way else self._goal_m])
        c, s = math.cos(float(pose.yaw_rad)), math.sin(float(pose.yaw_rad))
        gap = points - pose.position_m[:2]
        local = np.stack([c * gap[:, 0] + s * gap[:, 1], c * gap[:, 1] - s * gap[:, 0]], axis=1)
        return {"place_m": local[0].astype(np.float32), "way_m": local[1].astype(np.float32)}

    def truth(self, stage: Stage, robot: Robot) -> dict[str, npt.NDArray[Any]]:
        """Where everything is.

        `goal_m`, `position_m` (2,) in the world; `heading_rad`; `left_m` along the route;
        `route_m` (ROUTE, 2) in the world, its last point repeated; `bag_m` (3,) in the base frame;
        `bag_kg`; `swing_rad`; `knock_n`, the largest force on the bag in the last step; `crush_n`.
        """
        body = _humanoid(robot)
        pose = robot.state().links["base"].world_T_link
        route = np.repeat(self._route_m[-1:], ROUTE, axis=0)
        route[: len(self._route_m)] = self._route_m
        return {
            "goal_m": self._goal_m.copy(),
            "position_m": pose.position_m[:2].copy(),
            "heading_rad": np.array(float(pose.yaw_rad)),
            "left_m": np.array(self._left_m(robot)),
            "route_m": route,
            "bag_m": pose.inverse().transform_points(self._bag_pose(stage).position_m),
            "bag_kg": np.array(self._mass_kg),
            "swing_rad": np.array(self._swing_rad(stage)),
            "knock_n": np.array(body.holding.knock_n[RIGHT]),
            "crush_n": np.array(self._crush_n),
        }

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """The way that was left after the last step."""
        return {"last_m": np.array(self._last_m)}

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back to a snapshot of this episode."""
        self._last_m = float(snapshot["last_m"])

    def _left_m(self, robot: Robot) -> float:
        """Length of the route that is left, with the way to it."""
        here = robot.state().links["base"].world_T_link.position_m[:2]
        far = np.linalg.norm(self._route_m - here, axis=1)
        near = int(far.argmin())
        steps = np.linalg.norm(np.diff(self._route_m[near:], axis=0), axis=1)
        return float(far[near] + steps.sum())

    def _bag_pose(self, stage: Stage) -> Pose:
        assert self._bag is not None
        assert self._bag.body is not None
        return Pose(*stage.world.pose(self._bag.body))

    def _gap_m(self, stage: Stage, body: Humanoid) -> float:
        grip = body.hand_pose(RIGHT).transform_points(GRIP_POINT_M)
        return float(np.linalg.norm(self._bag_pose(stage).transform_points(BAG_GRIP_M) - grip))

    def _swing_rad(self, stage: Stage) -> float:
        """How far the bag hangs askew."""
        return math.acos(min(1.0, max(-1.0, float(self._bag_pose(stage).rotation[2, 2]))))


def _humanoid(robot: Robot) -> Humanoid:
    if not isinstance(robot, Humanoid):
        raise ConfigError(f"This task is made for a humanoid, not for {type(robot).__name__}.")
    return robot
