"""Lines of lanes for the log: from a road network near a route, and from the loop of LaneFollow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import FloatArray
from fleetloop.core.lane_lines import MARKS, LaneLines, joined
from fleetloop.envs.ground import Ground
from fleetloop.envs.maps.kinds import LaneKind
from fleetloop.envs.maps.network import RoadNetwork
from fleetloop.envs.maps.track import Track

REACH_M = 120.0
"""Lanes that come nearer than this to the route are told."""

_TOLD = (int(LaneKind.DRIVE), int(LaneKind.BIKE))
_EVERY_M = 10.0
_NONE = MARKS.index("none")


def lines_of_network(network: RoadNetwork, route_m: FloatArray, ground: Ground) -> LaneLines:
    """Lanes for driving and cycling near a route, connectors among them.

    Args:
        network: The map.
        route_m: (n, 2) or (n, 3) points along the route, evenly spaced.
        ground: What the lines lie on.
    """
    lanes = network.lanes
    xy = lanes.xyz_m[:, :2]
    first = lanes.begin[:-1]
    low, high = np.minimum.reduceat(xy, first, axis=0), np.maximum.reduceat(xy, first, axis=0)
    length = float(np.linalg.norm(np.diff(route_m[:, :2], axis=0), axis=1).sum())
    count = max(2, int(length / _EVERY_M))
    near = np.zeros(len(lanes), np.bool_)
    for place in route_m[np.linspace(0, len(route_m) - 1, count).astype(int), :2]:
        near |= np.maximum(np.maximum(low - place, place - high), 0.0).max(axis=1) < REACH_M
    near &= np.isin(lanes.kind, _TOLD)
    lines = []
    for lane in np.flatnonzero(near).tolist():
        rows = lanes.rows(lane)
        across = np.stack([-np.sin(lanes.heading_rad[rows]), np.cos(lanes.heading_rad[rows])], 1)
        for role, offset, mark in (
            (0, np.zeros(rows.stop - rows.start), _NONE),
            (1, lanes.width_left_m[rows], int(lanes.left_mark[lane])),
            (2, -lanes.width_right_m[rows], int(lanes.right_mark[lane])),
        ):
            places = xy[rows] + offset[:, None] * across
            places = np.concatenate([places, lanes.xyz_m[rows, 2:]], axis=1)
            lines.append((lane, role, mark, _laid(places, ground)))
    return joined(lines)


def lines_of_track(track: Track, ground: Ground) -> LaneLines:
    """Both lanes of the loop; lane 0 is the right-hand one, 1 the opposite."""
    width = track.config.lane_width_m
    s_m = np.append(np.arange(len(track.center_m)) * track.step_m, 0.0)
    lines = []
    for lane, way in enumerate((1, -1)):
        for role, t_m, mark in ((0, 0.5, "none"), (1, 0.0, "broken"), (2, 1.0, "solid")):
            x, y, _ = track.place(s_m, np.full(len(s_m), -way * t_m * width))
            points = _laid(np.stack([x, y], axis=1)[::way], ground)
            lines.append((lane, role, MARKS.index(mark), points))
    return joined(lines)


def _laid(points_m: npt.NDArray[np.float64], ground: Ground) -> FloatArray:
    """Points (n, 2), or (n, 3) where roads may lie above each other, on the ground: (n, 3)."""
    return np.concatenate([points_m[:, :2], ground.heights_m(points_m)[:, None]], axis=1)
