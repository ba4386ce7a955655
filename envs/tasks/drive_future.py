"""Where traffic will be in the next seconds, each on its chosen way: privileged truth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.jit import inline, kernel
from fleetloop.envs.traffic.arrays import Roadway, Table
from fleetloop.envs.traffic.sliding import slid

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

STEP_S = 0.5
STEPS = 10
_PARTS = 5
"""Of a step, as long as those of traffic."""


@kernel
def futures(
    v: Table, roadway: Roadway, rows: npt.NDArray[np.int64], out: npt.NDArray[np.float64]
) -> None:
    """Writes x, y, heading of vehicles at the next times.

    They keep their speed, or go on gaining it as they do now up to the limit. Who brakes for the
    line before it, since it may not enter, stops there. Who changes its lane slides over as traffic
    does, and who keeps to a side of the lane goes on doing so.

    Args:
        v: State of traffic.
        roadway: The network.
        rows: (k,) which vehicles; -1 is left alone.
        out: (k, STEPS, 3) written, world.
    """
    point = np.empty(4)
    for k in range(len(rows)):
        vehicle = rows[k]
        if vehicle < 0 or v[vehicle].lane < 0:
            continue
        lane = v[vehicle].lane
        speed, gain = v[vehicle].speed_m_s, max(v[vehicle].accel_m_s2, 0.0)
        top = max(speed, roadway.lanes[lane].speed_m_s)
        room = _room(v, vehicle, roadway)
        away, aside, lean = 0.0, v[vehicle].aside_m, v[vehicle].lean
        for step in range(STEPS):
            speed = min(speed + gain * STEP_S, top)
            further = min(away + speed * STEP_S, room)
            if aside != 0.0:
                part_m = (further - away) / _PARTS
                for _ in range(_PARTS):
                    aside, lean = slid(aside, lean, speed, v[vehicle].length_m, part_m)
            away = further
            _ahead(vehicle, away, v, roadway, point)
            left = aside + v[vehicle].keep_m
            out[k, step, 0] = point[0] - left * np.sin(point[3])
            out[k, step, 1] = point[1] + left * np.cos(point[3])
            out[k, step, 2] = point[3] + np.arctan(lean)


@inline
def _room(v, vehicle, roadway):
    """How far a vehicle may go before it has to wait; endless if it is let in or far away."""
    lane = v[vehicle].lane
    link = v[vehicle].link
    if link < 0 or v[vehicle].go or roadway.lanes[lane].connector_link >= 0:
        return 1e9
    if roadway.links[link].connector < 0:
        return 1e9
    gap = roadway.lanes[lane].line_m - v[vehicle].s_m - 0.5 * v[vehicle].length_m
    speed = v[vehicle].speed_m_s
    if gap > speed * speed / (2.0 * v[vehicle].brake_m_s2) + speed + 4.0:
        return 1e9
    return max(gap, 0.0)


@inline
def _ahead(vehicle, distance, v, roadway, out):
    """A place ahead of a vehicle's middle on the way that it has chosen."""
    lane, s = v[vehicle].lane, v[vehicle].s_m + distance
    link = v[vehicle].link
    if link >= 0 and s > roadway.lanes[lane].length_m:
        s -= roadway.lanes[lane].length_m
        connector = roadway.links[link].connector
        if roadway.lanes[lane].connector_link < 0 and connector >= 0:
            lane = connector
            if s > roadway.lanes[lane].length_m:
                s -= roadway.lanes[lane].length_m
                lane = roadway.links[link].to_lane
        else:
            lane = roadway.links[link].to_lane
    first, last = roadway.lanes[lane].first_point, roadway.lanes[lane].last_point - 1
    share = s / roadway.lanes[lane].length_m * (last - first)
    low = min(max(int(share), 0), last - first - 1)
    part = share - low
    for i in range(3):
        a, b = roadway.xyz_m[first + low, i], roadway.xyz_m[first + low + 1, i]
        out[i] = a + part * (b - a)
    a, b = roadway.heading_rad[first + low], roadway.heading_rad[first + low + 1]
    out[3] = a + min(max(part, 0.0), 1.0) * (b - a)
