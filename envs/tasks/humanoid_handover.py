"""Bring a thing to somebody and put it into the waiting hand, gently and not too early."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_positive
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray, Pose
from fleetloop.core.spec import Field, Schema
from fleetloop.core.types import Event
from fleetloop.envs.homes.groceries import COLORS, KINDS, Grocery, build_grocery
from fleetloop.envs.homes.resident import Resident, build_resident, palm_place
from fleetloop.envs.homes.room import RoomConfig, build_room
from fleetloop.envs.robots.base import Robot
from fleetloop.envs.robots.humanoid.holding import GRIP_POINT_M, Held
from fleetloop.envs.robots.humanoid.robot import Humanoid
from fleetloop.envs.stage import Stage
from fleetloop.envs.tasks.base import Verdict
from fleetloop.envs.tasks.humanoid_walk import touched_by

RIGHT = 1
_SMOOTH = 0.5  # part of a new force on the palm that is felt at a step
_GIVEN_STEPS = 3
_PLAY_M = 0.008  # what fingers are farther apart than the thing is wide, and still let it go

Detail = dict[str, str | float | int | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanoidHandoverConfig:
    """Who waits, and what counts.

    Attributes:
        room: The room.
        distance_m: Bounds of the way from the robot to the hand.
        bearing_rad: How far to the side of where the person looks the robot starts at most.
        turn_rad: How far it is turned away from the hand at most.
        height_m: Bounds of the person's stature.
        lift_rad: Bounds of how the forearm is lifted, from straight down.
        palm_m: How far from the palm's middle a thing is taken.
        press_n: Largest force on the palm, smoothed over two steps.
        tell_palm: Whether the goal tells where the hand is; else it has to be seen.
        max_duration_s: When the episode is cut.
    """

    room: RoomConfig = field(default_factory=lambda: RoomConfig(size_m=(5.0, 7.0), furniture=3))
    distance_m: tuple[float, float] = (0.9, 1.8)
    bearing_rad: float = 0.4
    turn_rad: float = 0.4
    height_m: tuple[float, float] = (1.62, 1.80)
    lift_rad: tuple[float, float] = (1.05, 1.25)
    palm_m: float = 0.05
    press_n: float = 30.0
    tell_palm: bool = True
    max_duration_s: float = 40.0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("distance_m", 0.5, 4.0), ("height_m", 1.5, 1.95), ("lift_rad", 0.8, 1.5),
        ):  # fmt: skip
            bounds = getattr(self, name)
            if not low <= bounds[0] <= bounds[1] <= high:
                raise ConfigError(f"{name} is {bounds}: use {low} to {high}, in order.")
        check_positive(self, "a handover", "palm_m", "press_n", "max_duration_s", infinite=True)


class HumanoidHandover:
    """See the module; truth and goal are documented at `truth` and `goal_schema`."""

    CONFIG: ClassVar[type[HumanoidHandoverConfig]] = HumanoidHandoverConfig
    ROBOT: ClassVar[str] = "humanoid"
    RIG: ClassVar[str] = "head64"

    def __init__(self, config: HumanoidHandoverConfig) -> None:
        self.config = config
        self._resident: Resident | None = None
        self._grocery: Grocery | None = None
        self._palm = Pose.identity()
        self._changing = np.zeros(3)

    @property
    def goal_schema(self) -> Schema:
        """The palm, from the robot, and where the person looks from there, (2,) unit."""
        place = Field(shape=(3,), dtype="float32", unit="m", frame="base")
        looks = Field(shape=(2,), dtype="float32", unit="1", frame="base", low=-1.0, high=1.0)
        return Schema({"palm_m": place, "looks": looks})

    @property
    def max_duration_s(self) -> float:
        """As configured."""
        return self.config.max_duration_s

    def build(self, stage: Stage, rng: np.random.Generator, draws: dict[str, Any]) -> Pose:
        """Draws the room, the person, the thing, and where the robot stands."""
        config = self.config
        half = tuple(float(v) for v in 0.5 * rng.uniform(*config.room.size_m, 2))
        height, lift = float(rng.uniform(*config.height_m)), float(rng.uniform(*config.lift_rad))
        looks = float(rng.uniform(-math.pi, math.pi))
        palm = palm_place(height, lift)
        far = float(rng.uniform(*config.distance_m))
        side = float(rng.uniform(-1.0, 1.0)) * config.bearing_rad
        # The way lies about the room's middle: both ends are within the smallest room.
        foot = Pose.of(-0.6 * math.cos(looks), -0.6 * math.sin(looks), yaw_rad=looks)
        start = foot.transform_points(
            np.array([palm[0] + far * math.cos(side), palm[1] + far * math.sin(side), 0.0])
        )
        self._palm = foot @ Pose.of(*(float(v) for v in palm))
        way = self._palm.position_m - start
        heading = math.atan2(way[1], way[0]) + float(rng.uniform(-1.0, 1.0)) * config.turn_rad
        free = np.linspace(foot.position_m[:2], start[:2], 4)
        build_room(stage, config.room, rng, draws, free, (half[0], half[1]))
        style = int(rng.integers(1000))
        self._resident = build_resident(stage, foot, height, lift, style)
        kind, color = KINDS[int(rng.integers(len(KINDS)))], list(COLORS)[int(rng.integers(5))]
        aside = Pose.of(float(start[0]), float(start[1]), 0.9)
        self._grocery = build_grocery(stage, kind, color, aside, rng)
        draws |= {
            "thing": self._grocery.name, "person_height_m": height, "person_style": style,
            "palm_m": self._palm.position_m.tolist(), "looks_rad": looks,
            "start_m": start[:2].tolist(), "heading_rad": heading,
        }  # fmt: skip
        return Pose.of(float(start[0]), float(start[1]), yaw_rad=heading)

    def begin(self, stage: Stage, robot: Robot) -> None:
        """Puts the thing into the right hand."""
        body, grocery = _humanoid(robot), self._thing
        half = grocery.size.half_m[1]
        held = Held(thing=grocery.thing, body_m=grocery.grip_m, mass_kg=grocery.mass_kg,
                    drop_m=grocery.size.grip_m, lets_go_m=half + _PLAY_M)  # fmt: skip
        body.give(RIGHT, held)
        self._changing = np.array([self._to_go_m(stage), 0.0, 0.0])

    def judge(self, stage: Stage, robot: Robot, t_ns: int) -> Verdict:
        """Rewards bringing the thing to the palm; ends when it was taken, or went wrong."""
        body, config = _humanoid(robot), self.config
        left = self._to_go_m(stage)
        gained, self._changing[0] = self._changing[0] - left, left
        press = self._press_n(stage, body)
        self._changing[1] += _SMOOTH * (press - self._changing[1])
        held = body.holding.of(RIGHT) is not None
        there = self._off_m(stage) < config.palm_m and abs(self._gap_m(stage)) < 0.03
        self._changing[2] = self._changing[2] + 1.0 if there and not held else 0.0
        touched = touched_by(stage, body, but=("palm", self._thing.thing.name))
        causes = {
            f"fall_{body.fall_cause}": bool(body.fall_cause),
            "dropped": not held and not there,
            "collision": bool(touched),
            "pressed": self._changing[1] > config.press_n,
        }
        failure = next((name for name, holds in causes.items() if holds), "")
        done = self._changing[2] >= _GIVEN_STEPS and not failure
        cause = failure or ("done" if done else "")
        events: tuple[Event, ...] = ()
        if cause:
            detail: Detail = {"with": touched, "thing": self._thing.name,
                      "to_palm_m": round(self._off_m(stage), 4),
                      "press_n": round(float(self._changing[1]), 2)}  # fmt: skip
            events = (Event(t_ns=t_ns, kind="given" if done else cause, detail=detail),)
        return Verdict(
            reward_terms={
                "progress": gained,
                "time": -0.005,
                "failure": -5.0 if failure else 0.0,
                "given": 1.0 if done else 0.0,
            },
            terminated=bool(cause),
            success=done,
            cause=cause,
            events=events,
        )

    def goal(self, stage: Stage, robot: Robot) -> dict[str, npt.NDArray[Any]]:
        """See `goal_schema`."""
        base = robot.state().links["base"].world_T_link.inverse()
        palm = base.transform_points(self._palm.position_m)
        looks = base.transform_vectors(self._palm.rotation[:, 0])[:2]
        looks = looks / max(float(np.hypot(*looks)), 1e-9)
        if not self.config.tell_palm:
            palm, looks = np.zeros(3), np.zeros(2)
        return {"palm_m": palm.astype(np.float32), "looks": looks.astype(np.float32)}

    def truth(self, stage: Stage, robot: Robot) -> dict[str, npt.NDArray[Any]]:
        """What an expert and a critic need; places in the base frame.

        `palm_m` (3,), middle of the palm; `looks` (2,), where the person looks; `foot_m` (3,), the
        middle of the thing's foot; `grip_m` and `grip_rest_m` (3,), the right grip and where it is
        at ease; `held`, whether the thing is still in the hand; `speed_m_s` of the base; `press_n`
        on the palm.
        """
        body = _humanoid(robot)
        link = robot.state().links["base"]
        base = link.world_T_link.inverse()
        grip = body.hand_pose(RIGHT).transform_points(GRIP_POINT_M)
        return {
            "palm_m": base.transform_points(self._palm.position_m),
            "looks": base.transform_vectors(self._palm.rotation[:, 0])[:2].copy(),
            "foot_m": base.transform_points(self._foot_m(stage)),
            "grip_m": base.transform_points(grip),
            "grip_rest_m": body.control.rest_m[RIGHT].copy(),
            "held": np.array(float(body.holding.of(RIGHT) is not None)),
            "speed_m_s": np.array(np.linalg.norm(link.twist.linear_m_s[:2])),
            "press_n": np.array(self._changing[1]),
        }

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """The way that was left, the force on the palm, and for how long the thing lay there."""
        return {"changing": self._changing.copy()}

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back to a snapshot of this episode."""
        self._changing = snapshot["changing"].copy()

    @property
    def _thing(self) -> Grocery:
        assert self._grocery is not None
        return self._grocery

    def _foot_m(self, stage: Stage) -> FloatArray:
        assert self._thing.thing.body is not None
        pose = Pose(*stage.world.pose(self._thing.thing.body))
        return pose.transform_points(np.array([0.0, 0.0, -self._thing.size.half_m[2]]))

    def _off_m(self, stage: Stage) -> float:
        return float(np.hypot(*(self._foot_m(stage) - self._palm.position_m)[:2]))

    def _gap_m(self, stage: Stage) -> float:
        return float(self._foot_m(stage)[2] - self._palm.position_m[2])

    def _to_go_m(self, stage: Stage) -> float:
        return float(np.linalg.norm(self._foot_m(stage) - self._palm.position_m))

    def _press_n(self, stage: Stage, body: Humanoid) -> float:
        """Force down on the palm; without an engine that of the hand that presses on it."""
        assert self._resident is not None
        palm = self._resident.palm.body
        assert palm is not None
        if stage.physics == "fast":
            return float(body.pressing.mean_n[RIGHT])
        return float(np.linalg.norm(stage.bullet.contact_wrench(palm)[:3]))


def _humanoid(robot: Robot) -> Humanoid:
    if not isinstance(robot, Humanoid):
        raise ConfigError(f"This task is made for a humanoid, not for {type(robot).__name__}.")
    return robot
