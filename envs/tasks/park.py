"""Park the car in a free bay of a car park, nose first, between cars that stand there.

Bays lie side by side along x, open towards the aisle below them (y < 0). The agent is told where
its bay is; the others it has to see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

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
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.shapes import Box, Plane
from fleetloop.envs.traffic.recording import RoadUser
from fleetloop.envs.weather import WeatherConfig, draw_weather

Floats = npt.NDArray[np.float64]

PATH_POINTS, PATH_STEP_M = 40, 0.25
_AXLE_BACK_M = 1.4375
_KERB_M = 0.30


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkConfig:
    """The car park and what counts.

    Attributes:
        bays: How many side by side.
        bay_m: Width and depth of a bay; 2.5 to 2.75 m by 5.0 m are usual for perpendicular bays
            (RAL Richtlinie RASt 06; ITE parking handbooks), the wider the easier.
        aisle_m: Width of the aisle.
        occupied: Chance that another bay is taken.
        weather: What may be drawn.
        within_m: Parked counts if the middle is this near, along and across the bay.
        within_rad: And the heading.
        max_duration_s: When the episode is cut.
    """

    bays: int = 7
    bay_m: tuple[float, float] = (2.9, 5.4)
    aisle_m: float = 8.0
    occupied: float = 0.75
    weather: WeatherConfig = field(default_factory=WeatherConfig)
    within_m: tuple[float, float] = (0.5, 0.3)
    within_rad: float = 0.1
    max_duration_s: float = 60.0

    def __post_init__(self) -> None:
        if not 3 <= self.bays <= 40:
            raise ConfigError(f"bays of a car park is {self.bays}: use 3 to 40.")
        if not (2.3 <= self.bay_m[0] <= 4.0 and 4.8 <= self.bay_m[1] <= 7.0):
            raise ConfigError(f"bay_m is {self.bay_m}: use 2.3 to 4.0 m by 4.8 to 7.0 m.")
        if not 6.5 <= self.aisle_m <= 15.0:
            raise ConfigError(f"aisle_m is {self.aisle_m}: use 6.5 to 15 m.")
        if not 0.0 <= self.occupied <= 1.0:
            raise ConfigError(f"occupied is {self.occupied}: use 0 to 1.")
        if not self.max_duration_s > 0.0:
            raise ConfigError(f"max_duration_s is {self.max_duration_s}: it must be positive.")


class Park:
    """See the module."""

    CONFIG: ClassVar[type[ParkConfig]] = ParkConfig
    ROBOT: ClassVar[str] = "car"
    RIG: ClassVar[str] = "front64"

    def __init__(self, config: ParkConfig) -> None:
        self.config = config
        self._bay_x_m = 0.0
        self._fixed = np.zeros((0, 5))
        self._path_m = np.zeros((0, 2))
        self._outline = (2.3, -2.4, 0.95)
        self._before_m = 0.0

    @property
    def goal_schema(self) -> Schema:
        """Where the bay's middle is and where it opens from, in the base frame."""
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
        width, depth = config.bay_m
        number = int(rng.integers(1, config.bays - 1))
        self._bay_x_m = (number + 0.5) * width
        _add_ground(stage, config)
        self._fixed = _add_cars(stage, config, number, rng, draws)
        before = float(rng.uniform(9.0, 14.0))
        aside = float(rng.uniform(1.5, 2.0))
        turn = float(rng.uniform(-0.05, 0.05))
        draws |= {"bay": number, "before_m": before, "aside_m": aside, "turn_rad": turn}
        start = np.array([self._bay_x_m - before, -config.aisle_m + aside])
        self._path_m = _reference(start, self._bay_x_m, 0.5 * depth)
        return Pose.of(float(start[0]), float(start[1]), yaw_rad=turn)

    def begin(self, stage: Stage, robot: Robot) -> None:
        """Takes the robot's measures.

        Raises:
            ConfigError: The robot is no vehicle.
        """
        footprint = getattr(robot, "footprint_m", None)
        if footprint is None:
            raise ConfigError("Park needs a robot that tells its `footprint_m`, such as the car.")
        self._outline = footprint
        self._before_m = self._away_m(robot)

    def judge(self, stage: Stage, robot: Robot, t_ns: int) -> Verdict:
        """Rewards coming nearer; ends when parked, in a collision, or out of the car park."""
        along, across, turn = self._error(robot)
        away = self._away_m(robot)
        base = robot.state().links["base"]
        x, y = (float(value) for value in base.world_T_link.position_m[:2])
        config = self.config
        hit = bool((depths(self._ego(robot), self._fixed) > 0.0).any())
        out = not (-20.0 < x < config.bays * config.bay_m[0] + 20.0 and -config.aisle_m < y)
        fits = abs(along) < config.within_m[0] and abs(across) < config.within_m[1]
        still = float(np.hypot(*base.twist.linear_m_s[:2])) < 0.05
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
        middle = base.transform_points(np.array([self._bay_x_m, 0.5 * self.config.bay_m[1], 0.0]))
        inwards = base.transform_vectors(np.array([0.0, 1.0, 0.0]))
        return {
            "bay_m": middle[:2].astype(np.float32),
            "bay_direction": np.clip(inwards[:2], -1.0, 1.0).astype(np.float32),
        }

    def truth(self, stage: Stage, robot: Robot) -> dict[str, npt.NDArray[Any]]:
        """What the expert acts on.

        `path_m` (PATH_POINTS, 2), the way of the rear axle ahead in the base frame, `PATH_STEP_M`
        apart; `to_go_m` along it; `speed_m_s`; `along_m`, `across_m`, `turn_rad`, how far the car
        is from standing in the bay.
        """
        link = robot.state().links["base"]
        pose = link.world_T_link
        axle = pose.transform_points(np.array([-_AXLE_BACK_M, 0.0, 0.0]))[:2]
        row = int(((self._path_m - axle) ** 2).sum(axis=1).argmin())
        rows = np.minimum(row + np.arange(PATH_POINTS), len(self._path_m) - 1)
        points = np.column_stack([self._path_m[rows], np.full(PATH_POINTS, pose.position_m[2])])
        forward = pose.transform_vectors(np.array([1.0, 0.0, 0.0]))
        along, across, turn = self._error(robot)
        return {
            "path_m": pose.inverse().transform_points(points)[:, :2],
            "to_go_m": np.array(PATH_STEP_M * (len(self._path_m) - 1 - row)),
            "speed_m_s": np.array(float(forward @ link.twist.linear_m_s)),
            "along_m": np.array(along),
            "across_m": np.array(across),
            "turn_rad": np.array(turn),
        }

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """The last distance; all else stands still."""
        return {"before_m": np.array(self._before_m)}

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back to a snapshot of this episode."""
        self._before_m = float(snapshot["before_m"])

    def _ego(self, robot: Robot) -> Floats:
        pose = robot.state().links["base"].world_T_link
        nose, tail, half = self._outline
        middle = pose.transform_points(np.array([0.5 * (nose + tail), 0.0, 0.0]))
        return np.array([middle[0], middle[1], float(pose.yaw_rad), 0.5 * (nose - tail), half])

    def _error(self, robot: Robot) -> tuple[float, float, float]:
        """Along and across the bay from its middle, and the turn from it; either way round."""
        x, y, yaw, _, _ = self._ego(robot)
        turn = (yaw - 0.5 * np.pi + 0.5 * np.pi) % np.pi - 0.5 * np.pi
        return float(y - 0.5 * self.config.bay_m[1]), float(x - self._bay_x_m), float(turn)

    def _away_m(self, robot: Robot) -> float:
        along, across, turn = self._error(robot)
        return float(np.hypot(along, across)) + abs(turn)


def _reference(start_m: Floats, bay_x_m: float, middle_m: float) -> Floats:
    """The way of the rear axle (n, 2): along the aisle, a quarter of a circle, into the bay."""
    y0 = float(start_m[1])
    end = middle_m + 0.0675 - _AXLE_BACK_M
    # Little more than the car's own circle (4.2 m at the rear axle): a wider one brings the nose
    # into the bay while it still turns, where it sweeps the car beyond.
    radius = min(4.5, end - y0 - 0.2)
    aisle = np.arange(float(start_m[0]) - _AXLE_BACK_M, bay_x_m - radius, 0.02)
    angle = np.arange(0.0, 0.5 * np.pi, 0.02 / radius)
    inside = np.arange(y0 + radius, end, 0.02)
    way = np.concatenate(
        [
            np.stack([aisle, np.full(len(aisle), y0)], axis=1),
            np.stack([bay_x_m - radius + radius * np.sin(angle),
                      y0 + radius * (1.0 - np.cos(angle))], axis=1),
            np.stack([np.full(len(inside), bay_x_m), inside], axis=1),
            [[bay_x_m, end]],
        ]
    )  # fmt: skip
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(way, axis=0).T))])
    wanted = np.arange(0.0, along[-1] + PATH_STEP_M, PATH_STEP_M)
    return np.stack([np.interp(wanted, along, way[:, i]) for i in range(2)], axis=1)


def _add_ground(stage: Stage, config: ParkConfig) -> None:
    width, depth = config.bay_m
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
    width, depth = config.bay_m
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
        measures = (size, 1.85, 1.66 if tall else 1.45)
        place = Pose.of(x, 0.5 * depth, 0.0, yaw_rad=yaw)
        looks = shared_looks(int(RoadUser.CAR), measures, style)
        stage.add(f"parked_{number}", place, looks=looks)
        found.append([x, 0.5 * depth, yaw, 0.5 * size, 0.925])
    draws["taken"] = taken
    return np.array(found)
