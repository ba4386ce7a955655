"""Where vehicles are in the world: axles follow the lane's line, the body lies between them.

A long vehicle on a tight turn does not stand along the tangent at its middle: its front and its
rear are both on the line, the middle is inside of the bend.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.jit import inline, kernel
from fleetloop.envs.traffic.arrays import Roadway, Table

AXLES = 0.62
"""Distance between the axles as a part of the length: 2.9 of 4.7 m for a car, 6 of 12 m or less
for buses, whose overhangs are long."""


@kernel
def vehicle_poses(v: Table, roadway: Roadway, out: npt.NDArray[np.float64]) -> None:
    """Writes x, y, z, heading of all vehicles, (n, 4); zeros for those outside."""
    front = np.empty(4)
    rear = np.empty(4)
    for vehicle in range(len(v)):
        if v[vehicle].lane < 0:
            out[vehicle, :] = 0.0
            continue
        half = 0.5 * AXLES * v[vehicle].length_m
        _ahead(vehicle, half, v, roadway, front)
        _behind(vehicle, half, v, roadway, rear)
        for i in range(3):
            out[vehicle, i] = 0.5 * (front[i] + rear[i])
        heading = np.arctan2(front[1] - rear[1], front[0] - rear[0])
        aside = v[vehicle].aside_m + v[vehicle].keep_m
        out[vehicle, 0] -= aside * np.sin(heading)
        out[vehicle, 1] += aside * np.cos(heading)
        out[vehicle, 3] = heading + np.arctan(v[vehicle].lean)


@inline
def _ahead(vehicle, distance, v, roadway, out):
    """A place ahead on the way that was chosen."""
    lane, s = v[vehicle].lane, v[vehicle].s_m + distance
    link = v[vehicle].link
    if link >= 0 and s > roadway.lanes[lane].length_m:
        s -= roadway.lanes[lane].length_m
        on_way = roadway.lanes[lane].connector_link >= 0
        connector = roadway.links[link].connector
        if not on_way and connector >= 0:
            lane = connector
            if s > roadway.lanes[lane].length_m:
                s -= roadway.lanes[lane].length_m
                lane = roadway.links[link].to_lane
        else:
            lane = roadway.links[link].to_lane
    _point(lane, s, roadway, out)


@inline
def _behind(vehicle, distance, v, roadway, out):
    """A place behind on the way that was taken."""
    lane, s = v[vehicle].lane, v[vehicle].s_m - distance
    link = roadway.lanes[lane].connector_link
    if s < 0.0 and link < 0 and v[vehicle].tail_link >= 0:
        link = v[vehicle].tail_link
        lane = roadway.links[link].connector
        s = v[vehicle].tail_m - distance
    if s < 0.0 and link >= 0:
        lane = roadway.links[link].from_lane
        s += roadway.lanes[lane].length_m
    _point(lane, s, roadway, out)


@inline
def _point(lane, s_m, roadway, out):
    """A place on a lane's line, (4,) with heading; beyond its ends the line goes straight on."""
    first, last = roadway.lanes[lane].first_point, roadway.lanes[lane].last_point - 1
    # Samples of a lane are evenly spaced.
    share = s_m / roadway.lanes[lane].length_m * (last - first)
    low = min(max(int(share), 0), last - first - 1)
    part = share - low
    for i in range(3):
        a, b = roadway.xyz_m[first + low, i], roadway.xyz_m[first + low + 1, i]
        out[i] = a + part * (b - a)
    a, b = roadway.heading_rad[first + low], roadway.heading_rad[first + low + 1]
    out[3] = a + min(max(part, 0.0), 1.0) * (b - a)
