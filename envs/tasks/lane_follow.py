"""Follow the right-hand lane of a seeded loop at a wanted speed: the smallest driving task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_positive
from fleetloop.core.frames import Pose
from fleetloop.core.lane_lines import LaneLines
from fleetloop.core.spec import Field, Schema
from fleetloop.core.types import Event
from fleetloop.envs.maps.roadside import RoadsideConfig, build_roadside
from fleetloop.envs.maps.track import Track, TrackConfig, generate_track
from fleetloop.envs.robots.base import Robot
from fleetloop.envs.stage import Stage
from fleetloop.envs.tasks.base import Verdict
from fleetloop.envs.tasks.lane_lines import lines_of_track
from fleetloop.envs.weather import WeatherConfig, draw_weather

_PATH_POINTS = 40
_GROUND = "ground"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneFollowConfig:
    """The road and what counts.

    Attributes:
        track: Shape of the loop.
        roadside: What stands beside it.
        distance_m: How far to drive.
        target_speed_m_s: Wanted speed.
        max_duration_s: When the episode is cut.
        start_offset_m: Largest sideways offset at the start.
        start_heading_rad: Largest wrong heading at the start.
        weather: Kinds of `envs.weather`, one of which is drawn for light and grip; none leaves the
            stage's own light and a dry road.
    """

    track: TrackConfig = field(default_factory=TrackConfig)
    roadside: RoadsideConfig = field(default_factory=RoadsideConfig)
    distance_m: float = 200.0
    target_speed_m_s: float = 10.0
    max_duration_s: float = 60.0
    start_offset_m: float = 0.3
    start_heading_rad: float = 0.05
    weather: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_positive(
            self, "LaneFollow", "distance_m", "target_speed_m_s", "max_duration_s", infinite=True
        )
        if self.weather:
            WeatherConfig(kinds=self.weather)  # refuses kinds that there are not


class LaneFollow:
    """See the module; truth and goal are documented at `truth` and `goal_schema`."""

    CONFIG: ClassVar[type[LaneFollowConfig]] = LaneFollowConfig
    ROBOT: ClassVar[str] = "car"
    RIG: ClassVar[str] = "front"

    def __init__(self, config: LaneFollowConfig) -> None:
        self.config = config
        self._track: Track | None = None
        self._travelled_m = 0.0
        self._last_s_m = 0.0

    @property
    def goal_schema(self) -> Schema:
        """The wanted speed."""
        speed = Field(shape=(1,), dtype="float32", unit="m/s", low=0.0, high=60.0)
        return Schema({"speed_m_s": speed})

    @property
    def max_duration_s(self) -> float:
        """As configured."""
        return self.config.max_duration_s

    @property
    def track(self) -> Track:
        """The loop of this episode."""
        assert self._track is not None
        return self._track

    def build(self, stage: Stage, rng: np.random.Generator, draws: dict[str, Any]) -> Pose:
        """Draws the loop, its roadside, and the start on it."""
        self._track = generate_track(self.config.track, rng)
        roadside = self.config.roadside
        if self.config.weather:
            weather = draw_weather(WeatherConfig(kinds=self.config.weather), rng, draws)
            stage.scene.light = weather.light
            roadside = replace(roadside, friction=weather.grip * roadside.friction)
        build_roadside(stage, self._track, roadside, rng, draws)
        start_s_m = float(rng.uniform(0.0, self._track.length_m))
        offset = float(rng.uniform(-1.0, 1.0) * self.config.start_offset_m)
        turn = float(rng.uniform(-1.0, 1.0) * self.config.start_heading_rad)
        draws |= {"start_s_m": start_s_m, "start_offset_m": offset, "start_heading_rad": turn}
        lane = self._track.pose(start_s_m, self._lane_t_m + offset)
        self._travelled_m, self._last_s_m = 0.0, start_s_m
        return lane @ Pose.of(yaw_rad=turn)

    def begin(self, stage: Stage, robot: Robot) -> None:
        """Nothing more to prepare."""

    def judge(self, stage: Stage, robot: Robot, t_ns: int) -> Verdict:
        """Rewards progress in the lane; ends at the distance, off the road, or in a collision."""
        base = robot.state().links["base"]
        s_m, t_m = self.track.locate(base.world_T_link.position_m)
        gained_m = _around(s_m - self._last_s_m, self.track.length_m)
        self._travelled_m += gained_m
        self._last_s_m = s_m
        off_lane_m = abs(t_m - self._lane_t_m)
        hit = self._hit(stage)
        off_road = abs(t_m) > self.track.config.half_width_m
        done = self._travelled_m >= self.config.distance_m
        events = []
        if hit:
            events.append(Event(t_ns=t_ns, kind="collision", detail={"with": hit}))
        if off_road:
            events.append(Event(t_ns=t_ns, kind="off_road", detail={"t_m": round(t_m, 3)}))
        cause = "collision" if hit else "off_road" if off_road else "done" if done else ""
        failed = bool(hit) or off_road
        return Verdict(
            reward_terms={
                "progress": gained_m / self.config.target_speed_m_s,
                "off_lane": -0.05 * off_lane_m,
                "failure": -5.0 if failed else 0.0,
            },
            terminated=bool(cause),
            success=done and not failed,
            cause=cause,
            events=tuple(events),
        )

    def goal(self, stage: Stage, robot: Robot) -> dict[str, npt.NDArray[Any]]:
        """The wanted speed, (1,) m/s."""
        return {"speed_m_s": np.array([self.config.target_speed_m_s], dtype=np.float32)}

    def truth(self, stage: Stage, robot: Robot) -> dict[str, npt.NDArray[Any]]:
        """Where the car is on the road and what comes.

        `s_m`, `t_m` road coordinates; `heading_error_rad`; `speed_m_s`; `target_speed_m_s`;
        `travelled_m`; `lane_path_m` (n, 2), the lane's centre ahead in the base frame, 1 m apart;
        `curvature_ahead_1_m` (n,).
        """
        base = robot.state().links["base"]
        pose = base.world_T_link
        s_m, t_m = self.track.locate(pose.position_m)
        ahead = s_m + np.arange(_PATH_POINTS, dtype=np.float64)
        x, y, heading = self.track.place(ahead, np.full(_PATH_POINTS, self._lane_t_m))
        points = np.stack([x, y, np.full(_PATH_POINTS, pose.position_m[2])], axis=1)
        local = pose.inverse().transform_points(points)
        forward = pose.transform_vectors(np.array([1.0, 0.0, 0.0]))
        error = float(pose.yaw_rad) - float(heading[0])
        return {
            "s_m": np.array(s_m),
            "t_m": np.array(t_m),
            "heading_error_rad": np.array(np.arctan2(np.sin(error), np.cos(error))),
            "speed_m_s": np.array(forward @ base.twist.linear_m_s),
            "target_speed_m_s": np.array(self.config.target_speed_m_s),
            "travelled_m": np.array(self._travelled_m),
            "lane_path_m": local[:, :2],
            "curvature_ahead_1_m": np.array([self.track.curvature_at(s) for s in ahead[:25]]),
        }

    def lane_lines(self, stage: Stage) -> LaneLines:
        """Both lanes of the loop."""
        return lines_of_track(self.track, stage.ground)

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """The distance so far; the loop itself never changes within an episode."""
        return {"progress": np.array([self._travelled_m, self._last_s_m])}

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back to a snapshot of this episode."""
        self._travelled_m, self._last_s_m = (float(value) for value in snapshot["progress"])

    @property
    def _lane_t_m(self) -> float:
        return -0.5 * self.config.track.lane_width_m

    def _hit(self, stage: Stage) -> str:
        body = stage.things["robot"].body
        assert body is not None
        for contact in stage.world.contacts(body):
            other = stage.name_of_body(contact.other)
            if other != _GROUND and contact.distance_m < 0.0:
                return other
        return ""


def _around(difference_m: float, length_m: float) -> float:
    """The shorter way round a loop, signed."""
    return (difference_m + 0.5 * length_m) % length_m - 0.5 * length_m
