"""Park the car in a free bay between cars that stand there: nose first, in reverse, or at a kerb.

Bays lie side by side along x. Those of a car park open towards the aisle below them (y < 0); at a
kerb they lie along it, one behind the other. The agent is told where its bay is and where the nose
has to point; the others it has to see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.core.semantics import SemanticClass
from fleetloop.core.spec import Field, Schema
from fleetloop.core.types import Event
from fleetloop.envs.ground import FlatGround
from fleetloop.envs.overlap import depths
from fleetloop.envs.props.merge import shared_looks
from fleetloop.envs.robots.base import Robot
from fleetloop.envs.stage import Look, Stage
from fleetloop.envs.tasks.base import Verdict
from fleetloop.envs.tasks.park_ways import (
    AXLE_BACK_M,
    STEP_M,
    Part,
    along_kerb,
    in_reverse,
    nose_first,
)
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.shapes import Box, Plane
from fleetloop.envs.traffic.recording import RoadUser
from fleetloop.envs.weather import WeatherConfig, draw_weather

Floats = npt.NDArray[np.float64]

PATH_POINTS, PATH_STEP_M = 40, STEP_M
_KERB_M = 0.30
_NEAR_END_M = 0.3
"""So near to the end of a part of the way the next one begins, once the car stands."""

_STILL_M_S = 0.05

_WAYS: Mapping[str, Callable[[Floats, float, float], tuple[Part, ...]]] = {
    "nose": nose_first,
    "reverse": in_reverse,
    "kerb": along_kerb,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkConfig:
    """The car park and what counts.

    Attributes:
        mode: `nose` first, in `reverse`, or parallel to the `kerb`. The last two need a car with
            gears: `robot_options={"action": "gears"}`.
        bays: How many side by side.
        bay_m: Width and depth of a bay; 2.5 to 2.75 m by 5.0 m are usual for perpendicular bays
            (RAL Richtlinie RASt 06; ITE parking handbooks), the wider the easier.
        kerb_bay_m: The same of a bay along a kerb: length along it, and depth. 6 to 6.7 m by 2.0 m
            are usual [same].
        aisle_m: Width of the aisle.
        occupied: Chance that another bay is taken.
        weather: What may be drawn.
        within_m: Parked counts if the middle is this near, along and across the bay.
        within_rad: And the heading.
        max_duration_s: When the episode is cut.
    """

    mode: Literal["nose", "reverse", "kerb"] = "nose"
    bays: int = 7
    bay_m: tuple[float, float] = (2.9, 5.4)
    kerb_bay_m: tuple[float, float] = (6.5, 2.1)
    aisle_m: float = 8.0
    occupied: float = 0.75
    weather: WeatherConfig = field(default_factory=WeatherConfig)
    within_m: tuple[float, float] = (0.5, 0.3)
    within_rad: float = 0.1
    max_duration_s: float = 60.0

    def __post_init__(self) -> None:
        if self.mode not in _WAYS:
            raise ConfigError(f"The mode of parking is {self.mode!r}: use {', '.join(_WAYS)}.")
        if not 3 <= self.bays <= 40:
            raise ConfigError(f"bays of a car park is {self.bays}: use 3 to 40.")
        if not (2.3 <= self.bay_m[0] <= 4.0 and 4.8 <= self.bay_m[1] <= 7.0):
            raise ConfigError(f"bay_m is {self.bay_m}: use 2.3 to 4.0 m by 4.8 to 7.0 m.")
        if not (6.0 <= self.kerb_bay_m[0] <= 12.0 and 1.9 <= self.kerb_bay_m[1] <= 3.0):
            raise ConfigError(f"kerb_bay_m is {self.kerb_bay_m}: use 6 to 12 m by 1.9 to 3 m.")
        if not 6.5 <= self.aisle_m <= 15.0:
            raise ConfigError(f"aisle_m is {self.aisle_m}: use 6.5 to 15 m.")
        if not 0.0 <= self.occupied <= 1.0:
            raise ConfigError(f"occupied is {self.occupied}: use 0 to 1.")
        if not self.max_duration_s > 0.0:
            raise ConfigError(f"max_duration_s is {self.max_duration_s}: it must be positive.")

    @property
    def size_m(self) -> tuple[float, float]:
        """Of a bay along x and y."""
        return self.kerb_bay_m if self.mode == "kerb" else self.bay_m

    @property
    def nose_rad(self) -> float:
        """Where the nose points in the bay."""
        return {"nose": 0.5, "reverse": -0.5, "kerb": 0.0}[self.mode] * np.pi


class Park:
    """See the module."""

    CONFIG: ClassVar[type[ParkConfig]] = ParkConfig
    ROBOT: ClassVar[str] = "car"
    RIG: ClassVar[str] = "front64"

    def __init__(self, config: ParkConfig) -> None:
        self.config = config
        self._bay_x_m = 0.0
        self._fixed = np.zeros((0, 5))
        self._parts: tuple[Part, ...] = ()
        self._part = 0  # that is driven now
        self._gears = False
        self._outline = (2.3, -2.4, 0.95)
        self._before_m = 0.0

    @property
    def goal_schema(self) -> Schema:
        """The bay's middle, and where the nose points in it, in the base frame."""
        return Schema(
            {
                "bay_m": Field(shape=(2,), dtype="float32", unit="m", frame="base", low=-200.0,
                               high=200.0),
                "bay_direction": Field(shape=(2,), dtype="float32", unit="1", frame="base",
                                       low=-1.0, high=1.0),
            }
        )  # fmt: skip

    @property
    def max_duration_s(self) -> float:
        """As configured."""
        return self.config.max_duration_s

    def build(self, stage: Stage, rng: np.random.Generator, draws: dict[str, Any]) -> Pose:
        """Draws the free bay, the parked cars, the weather and the first pose."""
        config = self.config
        weather = draw_weather(config.weather, rng, draws)
        stage.scene.light = weather.light
        stage.ground = FlatGround(friction=weather.grip)
        width, depth = config.size_m
        number = int(rng.integers(1, config.bays - 1))
        self._bay_x_m = (number + 0.5) * width
        _add_ground(stage, config)
        self._fixed = _add_cars(stage, config, number, rng, draws)
        before = float(rng.uniform(9.0, 14.0))
        aside = float(rng.uniform(1.5, 2.0))
        turn = float(rng.uniform(-0.05, 0.05))
        draws |= {"bay": number, "before_m": before, "aside_m": aside, "turn_rad": turn}
        start = np.array([self._bay_x_m - before, -config.aisle_m + aside])
        self._parts, self._part = _WAYS[config.mode](start, self._bay_x_m, 0.5 * depth), 0
        return Pose.of(float(start[0]), float(start[1]), yaw_rad=turn)

    def begin(self, stage: Stage, robot: Robot) -> None:
        """Takes the robot's measures.

        Raises:
            ConfigError: The robot is no vehicle, or has no gears where they are needed.
        """
        footprint = getattr(robot, "footprint_m", None)
        if footprint is None:
            raise ConfigError("Park needs a robot that tells its `footprint_m`, such as the car.")
        self._outline = footprint
        self._gears = "gear" in robot.action_spec.names
        if not self._gears and any(part.backwards for part in self._parts):
            raise ConfigError(
                f"Parking with mode={self.config.mode!r} needs a car that can reverse: make the "
                "environment with robot_options={'action': 'gears'}."
            )
        self._before_m = self._away_m(robot)

    def judge(self, stage: Stage, robot: Robot, t_ns: int) -> Verdict:
        """Rewards coming nearer; ends when parked, in a collision, or out of the car park."""
        along, across, turn = self._error(robot)
        away = self._away_m(robot)
        base = robot.state().links["base"]
        x, y = (float(value) for value in base.world_T_link.position_m[:2])
        config = self.config
        hit = bool((depths(self._ego(robot), self._fixed) > 0.0).any())
        out = not (-20.0 < x < config.bays * config.size_m[0] + 20.0 and -config.aisle_m < y)
        fits = abs(along) < config.within_m[0] and abs(across) < config.within_m[1]
        still = float(np.hypot(*base.twist.linear_m_s[:2])) < _STILL_M_S
        if still and self._part + 1 < len(self._parts) and self._to_go_m(robot) < _NEAR_END_M:
            self._part += 1
        parked = fits and abs(turn) < config.within_rad and still and not hit
        cause = "collision" if hit else "left" if out else "parked" if parked else ""
        gained, self._before_m = self._before_m - away, away
        return Verdict(
            reward_terms={
                "nearer": gained,
                "parked": 10.0 if parked else 0.0,
                "failure": -5.0 if hit or out else 0.0,
            },
            terminated=bool(cause),
            success=parked,
            cause=cause,
            events=(Event(t_ns=t_ns, kind=cause),) if cause else (),
        )

    def goal(self, stage: Stage, robot: Robot) -> dict[str, npt.NDArray[Any]]:
        """See `goal_schema`."""
        base = robot.state().links["base"].world_T_link.inverse()
        middle = base.transform_points(np.array([self._bay_x_m, 0.5 * self.config.size_m[1], 0.0]))
        nose = self.config.nose_rad
        points = base.transform_vectors(np.array([np.cos(nose), np.sin(nose), 0.0]))
        return {
            "bay_m": middle[:2].astype(np.float32),
            "bay_direction": np.clip(points[:2], -1.0, 1.0).astype(np.float32),
        }

    def truth(self, stage: Stage, robot: Robot) -> dict[str, npt.NDArray[Any]]:
        """What the expert acts on.

        `path_m` (PATH_POINTS, 2), the way of the rear axle ahead in the base frame, `PATH_STEP_M`
        apart, straight on beyond where the car stops; `to_go_m` to there; `backwards`, whether
        it is driven in reverse; `speed_m_s`; `along_m`, `across_m`, `turn_rad`, how far the car is
        from standing in the bay; `gears`, whether the car has them.
        """
        link = robot.state().links["base"]
        pose, part = link.world_T_link, self._parts[self._part]
        line = part.line_m
        row = self._row(robot)
        rows = np.minimum(row + np.arange(PATH_POINTS), len(line) - 1)
        points = np.column_stack([line[rows], np.full(PATH_POINTS, pose.position_m[2])])
        forward = pose.transform_vectors(np.array([1.0, 0.0, 0.0]))
        along, across, turn = self._error(robot)
        return {
            "path_m": pose.inverse().transform_points(points)[:, :2],
            "to_go_m": np.array(self._to_go_m(robot)),
            "backwards": np.array(part.backwards),
            "gears": np.array(self._gears),
            "speed_m_s": np.array(float(forward @ link.twist.linear_m_s)),
            "along_m": np.array(along),
            "across_m": np.array(across),
            "turn_rad": np.array(turn),
        }

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """The last distance, and the part of the way; all else stands still."""
        return {"before_m": np.array(self._before_m), "part": np.array(self._part)}

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back to a snapshot of this episode."""
        self._before_m, self._part = float(snapshot["before_m"]), int(snapshot["part"])

    def _row(self, robot: Robot) -> int:
        """Of the present part's line, nearest to the rear axle."""
        pose = robot.state().links["base"].world_T_link
        axle = pose.transform_points(np.array([-AXLE_BACK_M, 0.0, 0.0]))[:2]
        return int(((self._parts[self._part].line_m - axle) ** 2).sum(axis=1).argmin())

    def _to_go_m(self, robot: Robot) -> float:
        """Along the present part."""
        return PATH_STEP_M * (self._parts[self._part].end - self._row(robot))

    def _ego(self, robot: Robot) -> Floats:
        pose = robot.state().links["base"].world_T_link
        nose, tail, half = self._outline
        middle = pose.transform_points(np.array([0.5 * (nose + tail), 0.0, 0.0]))
        return np.array([middle[0], middle[1], float(pose.yaw_rad), 0.5 * (nose - tail), half])

    def _error(self, robot: Robot) -> tuple[float, float, float]:
        """Along and across the bay from its middle, and the turn from it.

        Nose first, it may stand in the bay either way round: nobody gets there in reverse for less.
        """
        x, y, yaw, _, _ = self._ego(robot)
        nose = self.config.nose_rad
        whole = np.pi if self.config.mode == "nose" else 2.0 * np.pi
        turn = (yaw - nose + 0.5 * whole) % whole - 0.5 * whole
        gap_x, gap_y = float(x - self._bay_x_m), float(y - 0.5 * self.config.size_m[1])
        along, across = (gap_x, gap_y) if self.config.mode == "kerb" else (gap_y, gap_x)
        return along, across, float(turn)

    def _away_m(self, robot: Robot) -> float:
        along, across, turn = self._error(robot)
        return float(np.hypot(along, across)) + abs(turn)


def _add_ground(stage: Stage, config: ParkConfig) -> None:
    width, depth = config.size_m
    length = config.bays * width
    asphalt = Look(shape=Plane(), material=MATERIALS.get("asphalt"), semantic=SemanticClass.ROAD)
    stage.add("ground", Pose.identity(), looks=[asphalt])
    paint = MATERIALS.get("lane_paint_white")
    for number in range(config.bays + 1):
        line = Look(shape=Box((0.05, 0.5 * depth, 0.004)), material=paint,
                    semantic=SemanticClass.LANE_MARK)  # fmt: skip
        stage.add(f"line_{number}", Pose.of(number * width, 0.5 * depth, 0.0), looks=[line])
    for name, y in (("kerb", depth + _KERB_M), ("far_kerb", -config.aisle_m - _KERB_M)):
        kerb = Look(shape=Box((0.5 * length + 12.0, 0.15, 0.06)), material=MATERIALS.get("kerb"),
                    semantic=SemanticClass.KERB)  # fmt: skip
        stage.add(name, Pose.of(0.5 * length, y, 0.06), looks=[kerb])
    hedge = Look(shape=Box((0.5 * length + 12.0, 0.6, 0.7)), material=MATERIALS.get("foliage"),
                 semantic=SemanticClass.VEGETATION)  # fmt: skip
    stage.add("hedge", Pose.of(0.5 * length, depth + 2.0, 0.7), looks=[hedge])


def _add_cars(
    stage: Stage, config: ParkConfig, free: int, rng: np.random.Generator, draws: dict[str, Any]
) -> Floats:
    """Parked cars in the other bays; returns what can be hit, (n, 5), the kerbs included."""
    width, depth = config.size_m
    length = config.bays * width
    found = [[0.5 * length, depth + _KERB_M, 0.0, 0.5 * length + 12.0, 0.15]]
    taken = []
    for number in range(config.bays):
        there, size = bool(rng.uniform() < config.occupied), float(rng.uniform(4.0, 4.9))
        tall, turned = bool(rng.uniform() < 0.35), bool(rng.uniform() < 0.3)
        aside, askew = float(rng.uniform(-0.15, 0.15)), float(rng.uniform(-0.03, 0.03))
        style = int(rng.integers(2**31))
        if number == free or not there:
            continue
        taken.append(number)
        x, yaw = (number + 0.5) * width + aside, (0.5 if not turned else -0.5) * np.pi + askew
        if config.mode == "kerb":
            yaw = askew
        measures = (size, 1.85, 1.66 if tall else 1.45)
        place = Pose.of(x, 0.5 * depth, 0.0, yaw_rad=yaw)
        looks = shared_looks(int(RoadUser.CAR), measures, style)
        stage.add(f"parked_{number}", place, looks=looks)
        found.append([x, 0.5 * depth, yaw, 0.5 * size, 0.925])
    draws["taken"] = taken
    return np.array(found)
