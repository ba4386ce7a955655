"""Drive to a destination through the traffic of a town or of a real map.

The world is a road network with its scenery, signals and traffic. The agent is told way-points of
its route, the limit and what to do next; all else it has to see. Truth is documented at
`drive_truth`, infractions at `drive_referee`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.core.lane_lines import LaneLines
from fleetloop.core.rng import child_generator
from fleetloop.core.spec import Field, Schema
from fleetloop.core.types import Event
from fleetloop.envs.robots.base import Robot
from fleetloop.envs.stage import Stage
from fleetloop.envs.tasks.base import Verdict
from fleetloop.envs.tasks.drive_blockers import draw_blockers
from fleetloop.envs.tasks.drive_config import DriveConfig
from fleetloop.envs.tasks.drive_referee import ARRIVED_M, JERK_M_S3, Tally, judge_instant
from fleetloop.envs.tasks.drive_route import COMMANDS, DriveRoute, draw_route
from fleetloop.envs.tasks.drive_sight import Outline, Sight
from fleetloop.envs.tasks.drive_world import DriveWorld
from fleetloop.envs.tasks.lane_lines import lines_of_network
from fleetloop.envs.traffic.deadlock import deadlock_events
from fleetloop.envs.weather import draw_weather

WAYPOINTS = 8
_INFRACTIONS = ("red_light", "stop_sign", "wrong_way")
_ENDS = ("collision_vehicle", "collision_person", "collision_static", "off_road", "off_route",
         "stuck")  # fmt: skip


class Drive:
    """See the module."""

    CONFIG: ClassVar[type[Any]] = DriveConfig
    ROBOT: ClassVar[str] = "car"
    RIG: ClassVar[str] = "front64"

    def __init__(self, config: DriveConfig) -> None:
        self.config = config
        self._world: DriveWorld | None = None
        self._route: DriveRoute | None = None
        self._tally = Tally.begin(0)
        self._sight: Sight | None = None
        self._disturbed = np.zeros(3)
        self._rng_seed = 0

    @property
    def goal_schema(self) -> Schema:
        """What the agent may know: the way as a navigation system tells it."""
        far = 2.0 * WAYPOINTS * self.config.waypoint_spacing_m + 100.0
        return Schema(
            {
                "route_m": Field(shape=(WAYPOINTS, 2), dtype="float32", unit="m", frame="base",
                                 low=-far, high=far),
                "speed_limit_m_s": Field(shape=(1,), dtype="float32", unit="m/s", low=0.0,
                                         high=80.0),
                "distance_to_go_m": Field(shape=(1,), dtype="float32", unit="m", low=-100.0,
                                          high=1e5),
                "command": Field(shape=(len(COMMANDS),), dtype="float32", unit="1", low=0.0,
                                 high=1.0),
            }
        )  # fmt: skip

    @property
    def max_duration_s(self) -> float:
        """As configured."""
        return self.config.max_duration_s

    @property
    def route(self) -> DriveRoute:
        """The route of this episode."""
        assert self._route is not None
        return self._route

    @property
    def world(self) -> DriveWorld:
        """Map and traffic of this episode."""
        assert self._world is not None
        return self._world

    def build(self, stage: Stage, rng: np.random.Generator, draws: dict[str, Any]) -> Pose:
        """Opens the map, draws weather, route, traffic and the first pose."""
        config = self.config
        network = config.map.opened(rng)
        weather = draw_weather(config.weather, rng, draws)
        self._route = draw_route(network, config.route_m, rng)
        traffic_seed = int(rng.integers(0, 2**31))
        offset = float(rng.uniform(-1.0, 1.0) * config.start_offset_m)
        turn = float(rng.uniform(-1.0, 1.0) * config.start_heading_rad)
        self._rng_seed = int(rng.integers(0, 2**31))
        start = self._route.xyz_m[0]
        draws |= {
            "map": network.source, "route_length_m": self._route.length_m,
            "start_m": start.tolist(), "start_offset_m": offset, "start_heading_rad": turn,
            "traffic_seed": traffic_seed,
        }  # fmt: skip
        blockers = draw_blockers(network, self._route, config.blockers, rng, draws)
        self._world = DriveWorld(stage, network, weather, config, traffic_seed, start, blockers)
        heading = float(self._route.heading_rad[0])
        x, y = start[0] - offset * np.sin(heading), start[1] + offset * np.cos(heading)
        height = stage.ground.heights_m(np.array([[x, y, start[2]]]))[0]
        self._disturbed = np.zeros(3)
        return Pose.of(float(x), float(y), float(height), yaw_rad=heading + turn)

    def begin(self, stage: Stage, robot: Robot) -> None:
        """Looks around for the first time.

        Raises:
            ConfigError: The robot has no `footprint_m`: it is no vehicle.
        """
        footprint = getattr(robot, "footprint_m", None)
        if footprint is None:
            raise ConfigError("Drive needs a robot that tells its `footprint_m`, such as the car.")
        self._tally = Tally.begin(len(self.route.gates))
        self._sight = Sight(self.world, self.route, Outline(*footprint))
        self.world.show(stage, 0)
        self._sight.look(robot, self._tally)

    def advance(self, stage: Stage, robot: Robot, t_ns: int, until_ns: int) -> None:
        """Lets traffic drive to the end of the step, and pushes the steering now and then."""
        self.sight.refresh(robot, self._tally)
        self.world.advance(self.sight.link, self.sight.outline, t_ns, until_ns)
        if self.config.disturbance > 0.0:
            self._disturb(robot, until_ns)

    def pose_looks(self, stage: Stage, t_ns: int) -> None:
        """Moves what traffic and signals look like."""
        self.world.show(stage, t_ns)

    @property
    def sight(self) -> Sight:
        """What was seen at the end of the last step."""
        assert self._sight is not None
        return self._sight

    def judge(self, stage: Stage, robot: Robot, t_ns: int) -> Verdict:
        """Rewards progress; ends on arrival, collisions, off the road, stuck, or too late."""
        tally, config, route = self._tally, self.config, self.route
        before_m = tally.best_m
        self.sight.look(robot, tally)
        tally.best_m = max(tally.best_m, min(tally.here_m, route.length_m))
        scene = self.sight.scene()
        dt_s = self.world.step_s
        jerk_before = tally.before.copy()
        events = judge_instant(tally, route, scene, t_ns, dt_s, config.stuck_s)
        kinds = [event.kind for event in events]
        arrived = route.length_m - tally.here_m < ARRIVED_M and not kinds
        late = t_ns * 1e-9 > 30.0 + route.length_m / config.speed_m_s
        ended = [kind for kind in kinds if kind in _ENDS]
        if config.end_on_infraction:
            ended += [kind for kind in kinds if kind in _INFRACTIONS]
        cause = ended[0] if ended else "arrived" if arrived else "late" if late else ""
        clean = int(tally.counts.sum()) == 0
        jerk = float(np.hypot(*(scene.accel - jerk_before))) / dt_s
        limit = float(route.limit_m_s[self.sight.row])
        weights = config.reward
        return Verdict(
            reward_terms={
                "progress": weights.progress * (tally.best_m - before_m),
                "arrived": weights.arrived * float(arrived),
                "collision": weights.collision * float(any("collision" in k for k in kinds)),
                "infraction": weights.infraction
                * float(sum("collision" not in kind for kind in kinds)),
                "off_lane": weights.off_lane * min(abs(tally.offset_m), 3.0) * dt_s,
                "too_fast": weights.too_fast * max(scene.speed_m_s - limit, 0.0) * dt_s,
                "jerk": weights.jerk * min(max(jerk - JERK_M_S3, 0.0), 50.0) * dt_s,
            },
            terminated=bool(cause),
            success=arrived and clean,
            cause=cause,
            events=(
                *events,
                *((Event(t_ns=t_ns, kind="arrived"),) if arrived else ()),
                *deadlock_events(self.world.traffic, t_ns, dt_s),
            ),
        )

    def goal(self, stage: Stage, robot: Robot) -> dict[str, npt.NDArray[Any]]:
        """See `goal_schema`."""
        self.sight.refresh(robot, self._tally)
        route, here = self.route, self._tally.here_m
        spacing = self.config.waypoint_spacing_m
        command = np.zeros(len(COMMANDS), dtype=np.float32)
        command[route.command[self.sight.row]] = 1.0
        to_go = np.array([route.length_m - here], dtype=np.float32)
        return {
            "route_m": self.sight.way_ahead(here + spacing, spacing, WAYPOINTS),
            "speed_limit_m_s": np.array([route.limit_m_s[self.sight.row]], dtype=np.float32),
            "distance_to_go_m": to_go,
            "command": command,
        }

    def truth(self, stage: Stage, robot: Robot) -> dict[str, npt.NDArray[Any]]:
        """See `drive_truth`; and `counts` of infractions in the order of `drive_referee.BAD`."""
        tally, route = self._tally, self.route
        self.sight.refresh(robot, tally)
        return self.sight.truth() | {
            "distance_to_go_m": np.array(route.length_m - tally.here_m),
            "travelled_m": np.array(tally.best_m),
            "route_completion": np.array(min(tally.best_m / route.length_m, 1.0)),
            "counts": tally.counts.copy(),
            "min_ttc_s": np.array(tally.min_ttc_s),
            "uncomfortable_steps": np.array(tally.uncomfortable),
            "worst": tally.worst.copy(),
        }

    def lane_lines(self, stage: Stage) -> LaneLines:
        """Lanes near the route."""
        return lines_of_network(self.world.network, self.route.xyz_m, stage.ground)

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Traffic, the tally and the disturbance."""
        return {
            **self.world.snapshot(),
            **self._tally.snapshot(),
            "disturbed": self._disturbed.copy(),
        }

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back to a snapshot of this episode."""
        self.world.restore(snapshot)
        self._tally = Tally.restored(snapshot)
        self._disturbed = snapshot["disturbed"].copy()
        self.sight.forget()

    def _disturb(self, robot: Robot, t_ns: int) -> None:
        """Bursts of wrong steering: begin of the next, end of the present one, its size."""
        t_s = t_ns * 1e-9
        begin, end, size = (float(value) for value in self._disturbed)
        if t_s >= begin and t_s >= end:
            rng = child_generator(self._rng_seed, "disturbance", str(round(t_s, 3)))
            begin = t_s + float(rng.uniform(3.0, 9.0))
            end = begin + float(rng.uniform(0.3, 1.2))
            size = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1.0))
            self._disturbed = np.array([begin, end, size])
        active = begin <= t_s < end
        push = 0.35 * size * self.config.disturbance if active else 0.0
        robot.disturb(push)  # type: ignore[attr-defined]  # `begin` asked for a vehicle
