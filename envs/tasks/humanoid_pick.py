"""Take a thing that has a name from a table, and put it on a mat: lifted, not dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_positive
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.core.semantics import SemanticClass
from fleetloop.core.spec import Field, Schema
from fleetloop.core.types import Event
from fleetloop.envs.homes.groceries import COLORS, KINDS, Grocery, build_grocery
from fleetloop.envs.homes.room import RoomConfig, build_room
from fleetloop.envs.homes.tableware import Table, build_table
from fleetloop.envs.robots.base import Robot
from fleetloop.envs.robots.humanoid.grasp import held_as_it_is, pinched
from fleetloop.envs.robots.humanoid.holding import GRIP_POINT_M
from fleetloop.envs.robots.humanoid.robot import Humanoid
from fleetloop.envs.stage import Look, Stage
from fleetloop.envs.tasks.base import Verdict
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.shapes import Cylinder

RIGHT = 1
MAT_M = 0.055
_EDGE_M = 0.18  # of the table before the robot
_SLOTS_Y_M = (-0.45, -0.34, -0.23, -0.12)
_JITTER_M = 0.004
_RIGHTS_ITSELF = 0.85  # cosine of the tilt from which a foot comes to lie flat
_CLEAR_M = 0.06  # the hand has to be gone by so much from what it put down

Detail = dict[str, str | float | int | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanoidPickConfig:
    """What is on the table, and what counts.

    Attributes:
        things: How many things stand there, 1 to 3; each is of another kind or colour.
        table_height_m: Bounds of the table's height.
        reach_m: Bounds of how far behind the table's edge they stand.
        turn_rad: How far the robot is turned away at most.
        place_m: How far from the mat's middle a thing may end.
        upright: Least cosine of its tilt there.
        still_m_s: How slow it has to be there.
        disturbed_m: How far other things may be moved.
        tell_thing: Whether the goal tells where the thing is; else it has to be seen.
        max_duration_s: When the episode is cut.
    """

    things: int = 3
    table_height_m: tuple[float, float] = (0.80, 0.86)
    reach_m: tuple[float, float] = (0.08, 0.11)
    turn_rad: float = 0.06
    place_m: float = 0.05
    upright: float = 0.95
    still_m_s: float = 0.05
    disturbed_m: float = 0.05
    tell_thing: bool = True
    max_duration_s: float = 30.0

    def __post_init__(self) -> None:
        if not 1 <= self.things <= len(_SLOTS_Y_M) - 1:
            raise ConfigError(f"things is {self.things}: use 1 to {len(_SLOTS_Y_M) - 1}.")
        for name, low, high in (("table_height_m", 0.7, 0.9), ("reach_m", 0.06, 0.2)):
            bounds = getattr(self, name)
            if not low <= bounds[0] <= bounds[1] <= high:
                raise ConfigError(f"{name} is {bounds}: use {low} to {high}, in order.")
        check_positive(
            self,
            "a picking task",
            "place_m",
            "still_m_s",
            "disturbed_m",
            "max_duration_s",
            infinite=True,
        )


class HumanoidPick:
    """See the module; truth and goal are documented at `truth` and `goal_schema`."""

    CONFIG: ClassVar[type[HumanoidPickConfig]] = HumanoidPickConfig
    ROBOT: ClassVar[str] = "humanoid"
    RIG: ClassVar[str] = "head64"

    def __init__(self, config: HumanoidPickConfig) -> None:
        self.config = config
        self._things: list[Grocery] = []
        self._starts_m = np.zeros((0, 3))
        self._mat_m = np.zeros(3)
        self._changing = np.zeros(3)

    @property
    def goal_schema(self) -> Schema:
        """The thing (kind, colour, and where it is taken) and the mat, from the robot."""
        place = Field(shape=(3,), dtype="float32", unit="m", frame="base")
        kind = Field(shape=(len(KINDS),), dtype="float32", unit="1", low=0.0, high=1.0)
        color = Field(shape=(len(COLORS),), dtype="float32", unit="1", low=0.0, high=1.0)
        return Schema({"thing_m": place, "mat_m": place, "kind": kind, "color": color})

    @property
    def max_duration_s(self) -> float:
        """As configured."""
        return self.config.max_duration_s

    def build(self, stage: Stage, rng: np.random.Generator, draws: dict[str, Any]) -> Pose:
        """Draws room, table, things, the mat, and where the robot stands."""
        config = self.config
        height = float(rng.uniform(*config.table_height_m))
        room = RoomConfig(size_m=(4.0, 6.0), furniture=2)
        half = tuple(float(v) for v in 0.5 * rng.uniform(*room.size_m, 2))
        free = np.array([[0.0, 0.0], [0.5, 0.0], [0.5, 0.8], [0.5, -0.8]])
        build_room(stage, room, rng, draws, free, (half[0], half[1]))
        table = Table(half_m=(0.32, float(rng.uniform(0.60, 0.75))), height_m=height)
        build_table(stage, "table", Pose.of(_EDGE_M + table.half_m[0]), table, rng)
        slots = rng.permutation(len(_SLOTS_Y_M))[: config.things + 1]
        looks = rng.permutation(len(KINDS) * len(COLORS))[: config.things].tolist()
        places = np.zeros((config.things + 1, 3))
        places[:, 0] = _EDGE_M + rng.uniform(*config.reach_m, len(places))
        places[:, 1] = np.array(_SLOTS_Y_M)[slots]
        places[:, 1] += rng.uniform(-_JITTER_M, _JITTER_M, len(places))
        places[:, 2] = height
        self._mat_m, self._starts_m = places[0], places[1:]
        mat = Look(shape=Cylinder(MAT_M, 0.0015), semantic=SemanticClass.TABLE,
                   material=replace(MATERIALS.get("cloth"), color=(0.75, 0.75, 0.72)))  # fmt: skip
        stage.add("mat", Pose.of(*(float(v) for v in self._mat_m)), looks=[mat])
        kinds, colors = list(KINDS), list(COLORS)
        self._things = []
        for look, (x, y, z) in zip(looks, self._starts_m.tolist(), strict=True):
            kind, color = kinds[look % len(kinds)], colors[look // len(kinds)]
            foot = Pose.of(x, y, z, yaw_rad=float(rng.uniform(-0.3, 0.3)))
            self._things.append(build_grocery(stage, kind, color, foot, rng))
        turn = float(rng.uniform(-1.0, 1.0)) * config.turn_rad
        draws |= {
            "thing": self._things[0].name, "things": [thing.name for thing in self._things],
            "things_m": self._starts_m.tolist(), "mat_m": self._mat_m.tolist(),
            "table_height_m": height, "heading_rad": turn,
        }  # fmt: skip
        return Pose.of(float(rng.uniform(-0.01, 0.01)), 0.0, yaw_rad=turn)

    def begin(self, stage: Stage, robot: Robot) -> None:
        """Measures how far everything is to go."""
        self._changing = np.array([self._to_go_m(stage, _humanoid(robot)), 0.0, -1.0])

    def judge(self, stage: Stage, robot: Robot, t_ns: int) -> Verdict:
        """Rewards bringing hand to thing and thing to mat; ends there, or with what went wrong."""
        body, config = _humanoid(robot), self.config
        events = self._take(stage, body, t_ns)
        left = self._to_go_m(stage, body)
        gained, self._changing[0] = self._changing[0] - left, left
        held = body.holding.of(RIGHT)
        poses = [self._pose(stage, thing) for thing in self._things]
        sunk = poses[0].position_m[2] - self._things[0].size.half_m[2] < self._mat_m[2] - 0.04
        tilted = held is None and float(poses[0].rotation[2, 2]) < 0.7
        moved = [
            float(np.hypot(*(pose.position_m - start)[:2]))
            for pose, start in zip(poses[1:], self._starts_m[1:], strict=True)
        ]
        wrong = held is not None and held.thing is not self._things[0].thing
        causes = {
            f"fall_{body.fall_cause}": bool(body.fall_cause),
            "dropped": sunk or tilted,
            "wrong_thing": wrong,
            "disturbed": max(moved, default=0.0) > config.disturbed_m,
        }
        failure = next((name for name, holds in causes.items() if holds), "")
        done = not failure and self._is_placed(stage, body)
        cause = failure or ("done" if done else "")
        if cause:
            detail: Detail = {
                "thing": self._things[0].name,
                "to_mat_m": round(self._off_m(poses[0]), 4),
                "moved_m": round(max(moved, default=0.0), 4),
            }
            events.append(Event(t_ns=t_ns, kind="placed" if done else cause, detail=detail))
        return Verdict(
            reward_terms={
                "progress": gained,
                "taken": 0.5 if any(event.kind == "grasped" for event in events) else 0.0,
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
        base = robot.state().links["base"].world_T_link.inverse()
        thing = self._things[0]
        seen = base.transform_points(self._pose(stage, thing).transform_points(thing.grip_m))
        if not self.config.tell_thing:
            seen = np.zeros(3)
        return {
            "thing_m": seen.astype(np.float32),
            "mat_m": base.transform_points(self._mat_m).astype(np.float32),
            "kind": (np.array(KINDS) == thing.kind).astype(np.float32),
            "color": (np.array(list(COLORS)) == thing.color).astype(np.float32),
        }

    def truth(self, stage: Stage, robot: Robot) -> dict[str, npt.NDArray[Any]]:
        """What an expert and a critic need; places in the base frame.

        `thing_m` (3,), where the thing is taken; `mat_m` (3,), where that point shall be; `grip_m`
        and `grip_rest_m` (3,), the right grip and where it is at ease; `held`, whether the right
        hand holds the thing; `half_m`, half of its width; `opening_m`, how far its fingers are from
        the middle; `table_m`, height of the table;
        `others_m` (3, 3), where other things are taken, zeros where there is none.
        """
        body, thing = _humanoid(robot), self._things[0]
        base = robot.state().links["base"].world_T_link.inverse()
        pose = self._pose(stage, thing)
        others = np.zeros((3, 3))
        for row, other in enumerate(self._things[1:]):
            place = self._pose(stage, other).transform_points(other.grip_m)
            others[row] = base.transform_points(place)
        held = body.holding.of(RIGHT)
        grip = body.hand_pose(RIGHT).transform_points(GRIP_POINT_M)
        wanted = self._mat_m + np.array([0.0, 0.0, thing.size.grip_m])
        return {
            "thing_m": base.transform_points(pose.transform_points(thing.grip_m)),
            "mat_m": base.transform_points(wanted),
            "grip_m": base.transform_points(grip),
            "grip_rest_m": body.control.rest_m[RIGHT].copy(),
            "held": np.array(float(held is not None and held.thing is thing.thing)),
            "half_m": np.array(thing.size.half_m[1]),
            "opening_m": np.array(body.opening_m(RIGHT)),
            "table_m": np.array(base.transform_points(self._mat_m)[2]),
            "others_m": others,
        }

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """The way that was left after the last step."""
        return {"changing": self._changing.copy()}

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back to a snapshot of this episode."""
        self._changing = snapshot["changing"].copy()

    def _take(self, stage: Stage, body: Humanoid, t_ns: int) -> list[Event]:
        """Ties what the fingers hold, and lets fall what they let go of where nothing falls."""
        held = body.holding.of(RIGHT)
        last, now = int(self._changing[2]), -1
        events: list[Event] = []
        for number, thing in enumerate(self._things):
            half = thing.size.half_m[1]
            if held is None and pinched(stage, body, RIGHT, thing.thing, half):
                drop = thing.size.grip_m
                held = held_as_it_is(stage, body, RIGHT, thing.thing, thing.mass_kg, half, drop)
                body.hold(RIGHT, held)
                events.append(Event(t_ns=t_ns, kind="grasped", detail={"thing": thing.name}))
            if held is not None and held.thing is thing.thing:
                now = number
        if last >= 0 and now < 0:
            events.append(Event(t_ns=t_ns, kind="released",
                                detail={"thing": self._things[last].name}))  # fmt: skip
            if stage.physics == "fast":
                _settle(stage, self._things[last], body)
        self._changing[2] = now
        return events

    def _pose(self, stage: Stage, thing: Grocery) -> Pose:
        assert thing.thing.body is not None
        return Pose(*stage.world.pose(thing.thing.body))

    def _off_m(self, pose: Pose) -> float:
        return float(np.hypot(*(pose.position_m - self._mat_m)[:2]))

    def _is_placed(self, stage: Stage, body: Humanoid) -> bool:
        """Whether the thing stands on the mat, still, and the hand is gone."""
        thing, config = self._things[0], self.config
        assert thing.thing.body is not None
        pose = self._pose(stage, thing)
        low = pose.position_m[2] - thing.size.half_m[2] - self._mat_m[2]
        speed, _ = stage.world.com_velocity(thing.thing.body)
        grip = body.hand_pose(RIGHT).transform_points(GRIP_POINT_M)
        away = float(np.linalg.norm(grip - pose.transform_points(thing.grip_m)))
        return (
            body.holding.of(RIGHT) is None
            and self._off_m(pose) < config.place_m
            and abs(low) < 0.01
            and float(pose.rotation[2, 2]) > config.upright
            and float(np.linalg.norm(speed)) < config.still_m_s
            and away > _CLEAR_M
        )

    def _to_go_m(self, stage: Stage, body: Humanoid) -> float:
        """From the hand to the thing, if it is not held, and from the thing to the mat."""
        thing = self._things[0]
        pose = self._pose(stage, thing)
        off = self._off_m(pose)
        held = body.holding.of(RIGHT)
        if off < self.config.place_m or (held is not None and held.thing is thing.thing):
            return off
        grip = body.hand_pose(RIGHT).transform_points(GRIP_POINT_M)
        return off + float(np.linalg.norm(grip - pose.transform_points(thing.grip_m)))


def _settle(stage: Stage, grocery: Grocery, body: Humanoid) -> None:
    """Where there is no engine: what was let go of stands on what is under it."""
    number = grocery.thing.body
    assert number is not None
    position, quaternion = stage.world.pose(number)
    foot = position - np.array([0.0, 0.0, grocery.size.half_m[2]])
    top = stage.kinematic.support_m(foot, body.holding.bodies | {number})
    position[2] = max(top, 0.0) + grocery.size.half_m[2]
    place = Pose(position, quaternion)
    if float(place.rotation[2, 2]) > _RIGHTS_ITSELF:
        x, y, z = (float(v) for v in position)
        place = Pose.of(x, y, z, yaw_rad=float(place.yaw_rad))
    stage.world.set_pose(number, place)


def _humanoid(robot: Robot) -> Humanoid:
    if not isinstance(robot, Humanoid):
        raise ConfigError(f"This task is made for a humanoid, not for {type(robot).__name__}.")
    return robot
