"""The world of a drive on its stage: ground, scenery, signals, traffic, lamps at night."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import Pose
from fleetloop.core.rng import child_generator
from fleetloop.envs.ground import RasterGround
from fleetloop.envs.maps.ground_raster import frictions, ground_raster
from fleetloop.envs.maps.locate import LaneIndex
from fleetloop.envs.maps.network import RoadNetwork
from fleetloop.envs.maps.obstacles import obstacles_of
from fleetloop.envs.maps.scenery.build import filled_scene
from fleetloop.envs.maps.scenery.lights import SignalLights
from fleetloop.envs.maps.signals import states_at
from fleetloop.envs.sensors.base import LinkState
from fleetloop.envs.stage import Stage
from fleetloop.envs.tasks.drive_actors import VehicleActors
from fleetloop.envs.tasks.drive_blockers import add_blockers, behind_blockers
from fleetloop.envs.tasks.drive_config import DriveConfig
from fleetloop.envs.tasks.drive_eyes import find_walker_on
from fleetloop.envs.tasks.drive_future import STEP_S, STEPS, futures
from fleetloop.envs.tasks.drive_lamps import night_lamps
from fleetloop.envs.tasks.drive_parked import add_parked, parked_obstacles
from fleetloop.envs.tasks.drive_people import DEPTH_M, SHOULDERS_M, PeopleActors
from fleetloop.envs.tasks.drive_truth import BLOCKER, PERSON, Viewpoint
from fleetloop.envs.traffic.arrays import Roadway, roadway_of
from fleetloop.envs.traffic.blocks import STOREY_M
from fleetloop.envs.traffic.traffic import Traffic
from fleetloop.envs.weather import Weather

if TYPE_CHECKING:
    from fleetloop.envs.tasks.drive_sight import Outline

Floats = npt.NDArray[np.float64]

CLEAR_M = 22.0
"""Nobody of traffic begins nearer to the car."""

BLOCKER_CLEAR_M = 14.0
"""Nor nearer to a vehicle that stands in the way."""

OUT_OF_SIGHT_M = 45.0
STEPS_ON_M = 0.6

_BLOCKER_HEIGHT_M = 1.6


@lru_cache(maxsize=8)
def lane_index(network: RoadNetwork) -> LaneIndex:
    """One for all worlds of a process."""
    return LaneIndex(network)


@lru_cache(maxsize=8)
def _roadway(network: RoadNetwork) -> Roadway:
    return roadway_of(network)


@lru_cache(maxsize=1024)
def _crossing(network: RoadNetwork, row: int) -> tuple[Floats, Floats, float, float, float]:
    """Line (p, 2) and distances (p,) of a crossing, where its road begins and ends, half width."""
    lanes, crossings = network.lanes, network.crossings
    rows = lanes.rows(int(crossings.lane[row]))
    entries = slice(int(crossings.begin[row]), int(crossings.begin[row + 1]))
    return (
        lanes.xyz_m[rows, :2],
        lanes.s_m[rows],
        float(crossings.walk_enter_m[entries].min()),
        float(crossings.walk_exit_m[entries].max()),
        0.5 * float(crossings.width_m[row]) + 0.5,
    )


class DriveWorld:
    """Map and traffic of one episode.

    Args:
        stage: An empty stage.
        network: The map.
        weather: Light and grip.
        config: How much of what.
        seed: Of traffic.
        start_m: (3,) where the car begins.
        blockers: (n, 6) who stands in the way, from `draw_blockers`.

    Attributes:
        network: The map.
        weather: As given.
        traffic: Vehicles.
        obstacles: (n, 5) what stands beside the roads, see `obstacles_of`.
        lanes: Finds lanes near points.
        signal_states: What signals show at the end of the step.
        step_s: Length of the last step.
    """

    def __init__(
        self,
        stage: Stage,
        network: RoadNetwork,
        weather: Weather,
        config: DriveConfig,
        seed: int,
        start_m: Floats,
        blockers: Floats,
    ) -> None:
        self.network, self.weather = network, weather
        stage.scene = filled_scene(network)
        stage.scene.light = weather.light
        raster = ground_raster(network)._replace(friction=frictions(weather.grip))
        stage.ground = self._ground = RasterGround(raster)
        self._lights = SignalLights(stage.scene, network)
        self.traffic = Traffic(network, config.traffic)
        self.traffic.reset(seed)
        self.traffic.clear(float(start_m[0]), float(start_m[1]), CLEAR_M)
        for x, y in blockers[:, :2]:
            self.traffic.clear(float(x), float(y), BLOCKER_CLEAR_M)
        self._blockers = blockers
        add_blockers(stage, blockers, child_generator(seed, "drive", "blockers"))
        add_parked(stage, self.traffic.parked, child_generator(seed, "drive", "parked"))
        self._vehicles = VehicleActors(stage, self.traffic, child_generator(seed, "drive", "paint"))
        self._people = PeopleActors(stage, self.traffic)
        self._everybody = self._standing()
        self._heights_m = np.zeros(len(self._everybody))
        self._heights_m[len(self._everybody) - len(blockers) :] = blockers[:, 2]
        parked = parked_obstacles(self.traffic.parked)
        self.obstacles = np.concatenate([obstacles_of(network), parked])
        self.lanes = lane_index(network)
        self._roadway = _roadway(network)
        self._begin_s = self.traffic.t_s
        self.signal_states = states_at(network.signals, self.traffic.t_s)
        self.step_s = 0.1
        self._nose_x_m = 2.3

    def advance(self, link: LinkState, outline: Outline, t_ns: int, until_ns: int) -> None:
        """Lets traffic drive to the end of a step, with the car where it is at the begin."""
        self._nose_x_m = outline.nose_x_m
        base = link.world_T_link
        yaw = Viewpoint.of(base).yaw_rad
        middle = 0.5 * (outline.nose_x_m + outline.tail_x_m)
        forward = np.array([np.cos(yaw), np.sin(yaw), 0.0])
        place = base.position_m + middle * forward
        size = [outline.nose_x_m - outline.tail_x_m, 2.0 * outline.half_width_m, 1.5]
        others = self._blockers
        height = np.full((len(others), 1), _BLOCKER_HEIGHT_M)
        self.traffic.set_externals(
            np.concatenate([[[*place, yaw]], others[:, :4]]),
            np.concatenate([[forward @ link.twist.linear_m_s], np.zeros(len(others))]),
            np.concatenate([[size], np.concatenate([others[:, 4:], height], axis=1)]),
        )
        self.step_s = (until_ns - t_ns) * 1e-9
        self._turn_back(base.position_m)
        self.traffic.step(self.step_s)
        self._vehicles.note(until_ns)
        self._people.note(until_ns)
        self.signal_states = states_at(self.network.signals, self.traffic.t_s)

    def show(self, stage: Stage, t_ns: int) -> None:
        """Moves what is seen to a time of the step."""
        self._vehicles.show(t_ns)
        self._people.show(t_ns)
        self._lights.show(self._begin_s + t_ns * 1e-9)
        robot = stage.things.get("robot")
        if stage.scene.light.sun_elevation_rad < 0.0 and robot is not None:
            assert robot.body is not None
            base = Pose(*stage.world.pose(robot.body))
            lamps = night_lamps(self.network, base, self._nose_x_m)
            stage.scene.light = replace(stage.scene.light, lamps=lamps)

    def bodies(self, height_m: float) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Everybody at the end of the step (n, 7), see `drive_truth`, and who is there (n,).

        Args:
            height_m: Of the ground that counts: who is on a bridge above or a road below is not
                there.
        """
        actors, people = self._vehicles, self._people
        found, first = self._everybody.copy(), len(actors.kinds)
        pose = actors.poses[1]
        found[:first, :2], found[:first, 2] = pose[:, :2], pose[:, 3]
        found[:first, 3] = actors.speeds_m_s[1]
        if len(self._blockers):
            waits = behind_blockers(self._blockers, self.traffic.vehicles, pose)
            found[:first][waits, 6] = BLOCKER
        found[first : first + len(people), :4] = people.motion()
        z_m = self._heights_m
        z_m[:first], z_m[first : first + len(people)] = pose[:, 2], people.states[1, :, 2]
        there = np.abs(z_m - height_m) < STOREY_M
        there[:first] &= actors.present[1]
        return found, there

    def _standing(self) -> Floats:
        """Everybody as far as it does not change in an episode, (n, 7)."""
        actors, people, blockers = self._vehicles, len(self._people), self._blockers
        moving = np.zeros((len(actors.kinds) + people, 7))
        moving[: len(actors.kinds), 4:6] = actors.sizes_m[:, :2]
        moving[len(actors.kinds) :, 4:] = (DEPTH_M, SHOULDERS_M, PERSON)
        standing = np.zeros((len(blockers), 7))
        standing[:, :2], standing[:, 2] = blockers[:, :2], blockers[:, 3]
        standing[:, 4:6], standing[:, 6] = blockers[:, 4:], BLOCKER
        return np.concatenate([moving, standing])

    def _turn_back(self, here_m: Floats) -> None:
        """Who waits behind a blocker gives up and goes elsewhere, out of the car's sight."""
        if len(self._blockers) == 0:
            return
        pose = self._vehicles.poses[1]
        waits = behind_blockers(self._blockers, self.traffic.vehicles, pose)
        far = np.hypot(pose[:, 0] - here_m[0], pose[:, 1] - here_m[1]) > OUT_OF_SIGHT_M
        for x, y in pose[waits & far, :2]:
            self.traffic.clear(float(x), float(y), 1.0)

    def futures(self, rows: npt.NDArray[np.int64], bodies: Floats) -> Floats:
        """Where those of `bodies` will be, (k, STEPS, 3) x, y, heading, world."""
        count = len(self._vehicles.kinds)
        chosen = bodies[np.maximum(rows, 0)] if len(bodies) else np.zeros((len(rows), 7))
        times = STEP_S * (1.0 + np.arange(STEPS))
        away = chosen[:, 3, None] * times
        out = np.empty((len(rows), STEPS, 3))
        out[..., 0] = chosen[:, 0, None] + away * np.cos(chosen[:, 2, None])
        out[..., 1] = chosen[:, 1, None] + away * np.sin(chosen[:, 2, None])
        out[..., 2] = chosen[:, 2, None]
        futures(self.traffic.vehicles, self._roadway, np.where(rows < count, rows, -1), out)
        return out

    def cover_at(self, point_m: Floats) -> int:
        """`Cover` of the ground at a point (3,)."""
        return self._ground.cover_at(point_m)

    def crossing_busy(self, crossing: int, bodies: Floats, present: npt.NDArray[np.bool_]) -> bool:
        """Whether somebody on foot is on the road at a crossing, or steps onto it now.

        Args:
            crossing: Row of the map's crossings.
            bodies, present: From `bodies`.
        """
        line, s, begin, end, wide = _crossing(self.network, crossing)
        return bool(find_walker_on(line, s, begin, end, wide, STEPS_ON_M, bodies, present, PERSON))

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Copies all that changes."""
        traffic = {f"traffic_{name}": value for name, value in self.traffic.snapshot().items()}
        return {
            **traffic,
            **self._vehicles.snapshot(),
            **self._people.snapshot(),
            "signal_states": self.signal_states.copy(),
            "step_s": np.array(self.step_s),
        }

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back to a snapshot of this episode."""
        self.traffic.restore(
            {name[8:]: value for name, value in snapshot.items() if name.startswith("traffic_")}
        )
        self._vehicles.restore(snapshot)
        self._people.restore(snapshot)
        self.signal_states = snapshot["signal_states"].copy()
        self.step_s = float(snapshot["step_s"])
