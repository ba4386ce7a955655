"""What truth, goal and referee need of an instant of a drive, looked up once a step."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.ground_raster import Cover
from fleetloop.envs.robots.base import Robot
from fleetloop.envs.sensors.base import LinkState
from fleetloop.envs.tasks.drive_eyes import see_points
from fleetloop.envs.tasks.drive_referee import Scene2d, Tally
from fleetloop.envs.tasks.drive_route import STEP_M, DriveRoute
from fleetloop.envs.tasks.drive_truth import (
    Viewpoint,
    actor_truth,
    coming_gates,
    gate_truth,
    lead_truth,
    nearest_actors,
    path_truth,
)
from fleetloop.envs.tasks.drive_world import DriveWorld

Floats = npt.NDArray[np.float64]

_NEAR_M, _AROUND_M = 9.0, 20.0
_AHEAD = np.array([1.0, 0.0, 0.0])
_AGAINST_RAD = 2.1


class Outline(NamedTuple):
    """A vehicle from above, in its base frame.

    Attributes:
        nose_x_m, tail_x_m: Front and rear.
        half_width_m: Without mirrors.
    """

    nose_x_m: float
    tail_x_m: float
    half_width_m: float


class Sight:
    """Looks at the world from a car, once a step.

    Args:
        world: Map and traffic.
        route: Of the car.
        outline: Of the car.

    Attributes:
        row: Of the route's line.
    """

    def __init__(self, world: DriveWorld, route: DriveRoute, outline: Outline) -> None:
        self._world, self._route, self.outline = world, route, outline
        self.row = 0
        self._base = Viewpoint(0.0, 0.0, 0.0, 1.0, 0.0)
        self._link: LinkState | None = None
        self._truth: dict[str, npt.NDArray[Any]] = {}
        self._lead = (0.0, 0.0, False)
        self._coming: list[int] = []
        self._bodies = np.zeros((0, 7))
        self._present = np.zeros(0, dtype=np.bool_)
        self._stale = True
        self._around: tuple[Floats, Floats] | None = None

    def way_ahead(self, first_m: float, spacing_m: float, count: int) -> npt.NDArray[np.float32]:
        """Places of the route from one on, (count, 2), in the frame of the base."""
        base, points = self._base, np.empty((count, 2), np.float32)
        see_points(
            self._route.xyz_m, first_m, spacing_m, STEP_M, base.x_m, base.y_m, base.cosine,
            base.sine, points,
        )  # fmt: skip
        return points

    @property
    def link(self) -> LinkState:
        """The base's state when it was looked at."""
        assert self._link is not None
        return self._link

    def forget(self) -> None:
        """What was seen is no longer so: after a restore."""
        self._stale = True

    def refresh(self, robot: Robot, tally: Tally) -> None:
        """Looks again if what was seen is no longer so."""
        if self._stale:
            self.look(robot, tally)

    def look(self, robot: Robot, tally: Tally) -> None:
        """Finds the car on its route, and who is near; writes its place into the tally."""
        link = self._link = robot.state().links["base"]
        pose = link.world_T_link
        base = self._base = Viewpoint.of(pose)
        located = self._route.locate(base.x_m, base.y_m, tally.here_m)
        tally.here_m, tally.offset_m, self.row = located
        self._stale = False
        bodies, present = self._world.bodies(float(pose.position_m[2]))
        self._bodies, self._present = bodies, present
        rows = nearest_actors(bodies, present, self._base)
        self._truth = path_truth(self._route, self.row, self._base)
        self._truth |= actor_truth(bodies, rows, self._world.futures(rows, bodies), self._base)
        self._lead = lead_truth(
            self._truth["path_m"], self._truth["actor"], self._truth["actor_valid"],
            self.outline.nose_x_m, self.outline.half_width_m,
        )  # fmt: skip
        front_m = tally.here_m + self.outline.nose_x_m
        self._coming = coming_gates(self._route.gates, front_m)
        self._truth |= gate_truth(
            self._route.gates, self._coming, front_m, self._world.signal_states,
            tally.stopped, self._busy(),
        )  # fmt: skip
        heading = base.yaw_rad - float(self._route.heading_rad[self.row])
        forward = pose.transform_vectors(_AHEAD)
        self._truth |= {
            "speed_m_s": np.array(float(forward @ link.twist.linear_m_s)),
            "accel_m_s2": np.array(float(forward @ link.acceleration_m_s2)),
            "yaw_rate_rad_s": np.array(float(link.twist.angular_rad_s[2])),
            "stood_s": np.array(tally.stood_s),
            "lane_offset_m": np.array(tally.offset_m),
            "heading_error_rad": np.array((heading + np.pi) % (2.0 * np.pi) - np.pi),
            "speed_limit_m_s": np.array(float(self._route.limit_m_s[self.row])),
            "lead_gap_m": np.array(self._lead[0]),
            "lead_speed_m_s": np.array(self._lead[1]),
            "lead_valid": np.array(self._lead[2]),
            "left_hand": np.array(self._world.network.left_hand),
            "grip": np.array(self._world.weather.grip),
            "outline_m": np.array(self.outline),
        }

    def truth(self) -> dict[str, npt.NDArray[Any]]:
        """What `look` found."""
        return dict(self._truth)

    def scene(self) -> Scene2d:
        """For the referee."""
        base, outline, link = self._base, self.outline, self.link
        middle = 0.5 * (outline.nose_x_m + outline.tail_x_m)
        x, y = base.x_m + middle * base.cosine, base.y_m + middle * base.sine
        half = 0.5 * (outline.nose_x_m - outline.tail_x_m)
        ax, ay = (float(value) for value in link.acceleration_m_s2[:2])
        level = np.array([base.cosine * ax + base.sine * ay, base.cosine * ay - base.sine * ax])
        here = np.array([base.x_m, base.y_m])
        return Scene2d(
            ego=np.array([x, y, base.yaw_rad, half, outline.half_width_m]),
            front_m=outline.nose_x_m,
            speed_m_s=float(self._truth["speed_m_s"]),
            accel=level,
            yaw_rate_rad_s=float(link.twist.angular_rad_s[2]),
            bodies=self._bodies,
            present=self._present,
            fixed=self._fixed_near(here),
            on_road=self._world.cover_at(link.world_T_link.position_m) == Cover.ROAD,
            against=self._against(here, base.yaw_rad),
            states=self._world.signal_states,
            lead=self._lead,
        )

    def _against(self, here_m: Floats, yaw_rad: float) -> bool:
        """Whether the car is on a lane that leads the other way, off its own."""
        offset = float(self._truth["lane_offset_m"])
        if abs(offset) < 1.75:
            return False
        place = self._world.lanes.nearest(here_m[None], reach_m=6.0)
        if int(place.lane[0]) < 0 or not bool(place.inside[0]):
            return False
        turn = float(place.heading_rad[0]) - yaw_rad
        return abs((turn + np.pi) % (2.0 * np.pi) - np.pi) > _AGAINST_RAD

    def _busy(self) -> npt.NDArray[np.bool_]:
        """Which crossings of the route have people on them, or about to step on them."""
        gates = self._route.gates
        busy = np.zeros(len(gates), dtype=np.bool_)
        # Those that come next are told, and no others.
        for row in self._coming:
            if gates[row].crossing:
                busy[row] = self._world.crossing_busy(gates[row].link, self._bodies, self._present)
        return busy

    def _fixed_near(self, here_m: Floats) -> Floats:
        """What stands near the car (m, 5), out of all within a few steps of driving."""
        if self._around is None or np.abs(here_m - self._around[0]).max() > _AROUND_M:
            fixed = self._world.obstacles
            wide = np.abs(fixed[:, :2] - here_m).max(axis=1) - fixed[:, 3] < _NEAR_M + _AROUND_M
            self._around = (here_m, fixed[wide])
        fixed = self._around[1]
        if len(fixed) == 0:
            return fixed
        near = np.abs(fixed[:, :2] - here_m).max(axis=1) - fixed[:, 3] < _NEAR_M
        return np.asarray(fixed[near])
