"""How fast a vehicle may go: the Intelligent Driver Model behind whoever is ahead on its way.

Acceleration a [1 - (v / v0)^4 - (s* / s)^2] with s* = s0 + v T + v dv / (2 sqrt(a b)) [Treiber,
Hennecke and Helbing 2000, "Congested traffic states in empirical observations and microscopic
simulations"]. Ahead is looked for on the lane, through the junction, and on the lane behind it:
vehicles that follow lanes, and blocks of those who do not.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np

from fleetloop.envs.maps.kinds import ConflictKind
from fleetloop.envs.trace.jit import inline
from fleetloop.envs.traffic.yielding import nearest_block

STANDSTILL_M = 2.0
HARDEST_M_S2 = 8.0
FREE_M = 1e9
DIVERGE = int(ConflictKind.DIVERGE)


@inline
def idm(v, vehicle, wanted_m_s, gap_m, ahead_m_s):
    """Acceleration towards a wanted speed, behind a gap to something at a speed."""
    speed = v[vehicle].speed_m_s
    accel, brake = v[vehicle].gentle_m_s2, v[vehicle].brake_m_s2
    free = 1.0 - (speed / max(wanted_m_s, 0.1)) ** 4
    if speed > wanted_m_s:
        # Above the wanted speed the model would brake without bounds: comfortably instead.
        free = -brake / accel * min(speed / max(wanted_m_s, 0.1) - 1.0, 1.0)
    if gap_m >= FREE_M:
        return accel * free
    closing = speed * (speed - ahead_m_s) / (2.0 * np.sqrt(accel * brake))
    desired = STANDSTILL_M + max(speed * v[vehicle].headway_s + closing, 0.0)
    return accel * (free - (desired / max(gap_m, 0.1)) ** 2)


@inline
def look_ahead(vehicle, v, roadway, places, blocks, out):
    """Gap to who is ahead on the way, and its speed, into `out`; FREE_M if nobody is near."""
    out[0] = FREE_M
    out[1] = 0.0
    lane = v[vehicle].lane
    front = v[vehicle].s_m + 0.5 * v[vehicle].length_m
    reach = 30.0 + 5.0 * v[vehicle].speed_m_s
    rank = places.rank[vehicle]
    if rank + 1 < places.first[lane + 1]:
        _nearer(places.order[rank + 1], 0.0, front, v, out)
    nearest_block(vehicle, lane, 0.0, front, v, blocks, out)
    link = v[vehicle].link
    if link < 0:
        return
    begin = roadway.lanes[lane].length_m
    if roadway.lanes[lane].connector_link < 0:
        _beside(vehicle, link, begin - front, v, roadway, places, out)
        connector = roadway.links[link].connector
        if connector >= 0:
            if begin - front < reach:
                _first_of(vehicle, connector, begin, front, v, places, out)
                nearest_block(vehicle, connector, begin, front, v, blocks, out)
            begin += roadway.lanes[connector].length_m
    else:
        _beside(vehicle, link, -front, v, roadway, places, out)
    if begin - front < reach:
        _first_of(vehicle, roadway.links[link].to_lane, begin, front, v, places, out)
        nearest_block(vehicle, roadway.links[link].to_lane, begin, front, v, blocks, out)


@inline
def _first_of(vehicle, lane, begin, front, v, places, out):
    """The first vehicle on a lane that begins at a distance on our way."""
    k = places.first[lane]
    if k < places.first[lane + 1] and places.order[k] != vehicle:
        _nearer(places.order[k], begin, front, v, out)


@inline
def _nearer(other, begin, front, v, out):
    gap = begin + v[other].s_m - 0.5 * v[other].length_m - front
    if gap < out[0]:
        out[0] = gap
        out[1] = v[other].speed_m_s


@inline
def _beside(vehicle, link, begin_m, v, roadway, places, out):
    """Those who left our lane by another way and are not clear of ours yet.

    Args:
        vehicle, link: Who, and its way.
        begin_m: From its front to the begin of the junction.
        v, roadway, places: State and indices.
        out: As `look_ahead`.
    """
    mine = -begin_m - 0.5 * v[vehicle].length_m
    for row in range(roadway.links[link].first_conflict, roadway.links[link].last_conflict):
        if roadway.conflicts[row].kind != DIVERGE:
            continue
        other_link = roadway.conflicts[row].link
        limit = roadway.conflicts[row].other_exit_m
        connector = roadway.links[other_link].connector
        if connector < 0:
            continue
        for k in range(places.first[connector], places.first[connector + 1]):
            other = places.order[k]
            rear = v[other].s_m - 0.5 * v[other].length_m
            ahead = v[other].s_m > mine or (v[other].s_m == mine and other > vehicle)
            if rear < limit and ahead and begin_m + rear < out[0]:
                out[0] = begin_m + rear
                out[1] = v[other].speed_m_s
        other = places.tail[other_link]
        while other >= 0:
            rear = v[other].tail_m - 0.5 * v[other].length_m
            if rear < limit and other != vehicle and begin_m + rear < out[0]:
                out[0] = begin_m + rear
                out[1] = v[other].speed_m_s
            other = places.tail_next[other]


@inline
def wanted_speed(vehicle, v, roadway):
    """What the driver would like: a part of the limit, and slower ahead of slower lanes."""
    lane = v[vehicle].lane
    factor = v[vehicle].factor
    wanted = min(factor * roadway.lanes[lane].speed_m_s, v[vehicle].top_m_s)
    link = v[vehicle].link
    if link < 0:
        return wanted
    away = roadway.lanes[lane].length_m - v[vehicle].s_m
    brake = 0.8 * v[vehicle].brake_m_s2
    if roadway.lanes[lane].connector_link < 0 and roadway.links[link].connector >= 0:
        slower = factor * roadway.lanes[roadway.links[link].connector].speed_m_s
        wanted = min(wanted, np.sqrt(slower * slower + 2.0 * brake * max(away, 0.0)))
        away += roadway.lanes[roadway.links[link].connector].length_m
    slower = factor * roadway.lanes[roadway.links[link].to_lane].speed_m_s
    return min(wanted, np.sqrt(slower * slower + 2.0 * brake * max(away, 0.0)))


@inline
def line_gap(vehicle, v, roadway):
    """From a vehicle's front to where it has to wait at the end of its lane."""
    lane = v[vehicle].lane
    front = v[vehicle].s_m + 0.5 * v[vehicle].length_m
    return roadway.lanes[lane].line_m - front
