"""One step of all vehicles: decide at junctions, follow, move, choose the next way."""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.jit import inline, kernel
from fleetloop.envs.traffic.arrays import Roadway, Table
from fleetloop.envs.traffic.blocks import Blocks
from fleetloop.envs.traffic.draws import uniform
from fleetloop.envs.traffic.following import (
    FREE_M,
    HARDEST_M_S2,
    idm,
    line_gap,
    look_ahead,
    wanted_speed,
)
from fleetloop.envs.traffic.junctions import (
    RED,
    RED_AMBER,
    has_room,
    join_ring,
    may_enter,
    signal_of,
)
from fleetloop.envs.traffic.neighbours import neighbours
from fleetloop.envs.traffic.places import Places, fill_rings, hold, list_holders, sort_places
from fleetloop.envs.traffic.sliding import block_old_lanes, old_place_m, slide
from fleetloop.envs.traffic.ways import choose_way, draw_wish, reconsider
from fleetloop.envs.traffic.yielding import is_blocked, nearest_block

STUCK_S = 120.0
"""Who has not moved for so long is taken off the road and comes in again elsewhere."""

RECONSIDER_S = 8.0
"""Who has waited for so long, and again after as long, looks for a way that is not full."""

_ROOM_M = 8.0
_SIGHT_M = 80.0
_OVER_LINE_M = 0.5
_NEARLY_THERE_M = 0.3


@kernel
def step_vehicles(
    v: Table,
    roadway: Roadway,
    places: Places,
    blocks: Blocks,
    bodies: Table,
    states: npt.NDArray[np.uint8],
    seed: np.uint64,
    dt_s: float,
) -> int:
    """Advances all vehicles that nobody else moves.

    Args:
        v: Their state, changed in place.
        roadway: The network.
        places: Indices; `order` holds on from step to step.
        blocks: What `bodies` block.
        bodies: (n,) BODY.
        states: (signals, columns) what signals show now.
        seed: Of the ways that are chosen.
        dt_s: Length of the step.

    Returns:
        How many were taken off because they had been stuck.
    """
    lanes = len(roadway.lanes)
    ahead, gaps = np.empty(2), np.empty(8)
    block_old_lanes(v, roadway, blocks)
    sort_places(lanes, v, places)
    list_holders(v, roadway, places)
    fill_rings(v, roadway, places)
    for vehicle in range(len(v)):
        if v[vehicle].lane >= 0:
            _decide(vehicle, v, roadway, places, blocks, states, seed, dt_s)
    for vehicle in range(len(v)):
        if v[vehicle].lane < 0 or v[vehicle].fixed:
            continue
        _accelerate(vehicle, v, roadway, places, blocks, ahead, gaps, dt_s)
    stuck = 0
    for vehicle in range(len(v)):
        if v[vehicle].fixed:
            continue
        if v[vehicle].lane < 0:
            _come_in(vehicle, v, roadway, blocks, bodies, seed)
            continue
        _move(vehicle, v, roadway, seed, dt_s)
        if v[vehicle].waited_s > STUCK_S:
            _take_off(vehicle, v)
            stuck += 1
    return stuck


@inline
def _decide(vehicle, v, roadway, places, blocks, states, seed, dt):
    """Lets a vehicle into its junction, or takes the leave back while it can still stop."""
    link = v[vehicle].link
    lane = v[vehicle].lane
    if link < 0 or roadway.lanes[lane].connector_link >= 0 or v[vehicle].fixed:
        return
    gap = line_gap(vehicle, v, roadway)
    front = v[vehicle].s_m + 0.5 * v[vehicle].length_m
    speed = v[vehicle].speed_m_s
    if roadway.links[link].connector < 0:
        v[vehicle].go = True
        return
    if abs(v[vehicle].aside_m) > _NEARLY_THERE_M:
        return
    if v[vehicle].go:
        shown = signal_of(link, roadway, states)
        stoppable = gap > speed * speed / (2.0 * v[vehicle].brake_m_s2) + 0.5
        if (shown == RED or shown == RED_AMBER) and stoppable:  # noqa: SIM109
            v[vehicle].go = False
        return
    if gap < 2.5 and speed < 0.3:
        v[vehicle].stopped = True
    if gap > speed * speed / (2.0 * v[vehicle].brake_m_s2) + 1.0 * speed + 4.0:
        return
    # Only the first of a lane: those behind would hold the way against who stands before them.
    if places.rank[vehicle] + 1 < places.first[lane + 1]:
        leader = places.order[places.rank[vehicle] + 1]
        if not v[leader].go:
            return
    line_m = roadway.lanes[lane].length_m - front
    if may_enter(vehicle, link, line_m, v, roadway, places, blocks, states):
        v[vehicle].go = True
        hold(vehicle, link, places)
        join_ring(vehicle, link, v, roadway, places)
        return
    waited = v[vehicle].waited_s
    again = int(waited / RECONSIDER_S) != int((waited - dt) / RECONSIDER_S)
    if again and not has_room(vehicle, link, v, roadway, places, blocks):
        reconsider(vehicle, v, roadway, places, blocks, seed)


@inline
def _accelerate(vehicle, v, roadway, places, blocks, ahead, gaps, dt):
    look_ahead(vehicle, v, roadway, places, blocks, ahead)
    if v[vehicle].old_lane >= 0:
        _look_ahead_on_old_lane(vehicle, v, roadway, blocks, ahead, gaps)
    wanted = wanted_speed(vehicle, v, roadway)
    accel = idm(v, vehicle, wanted, ahead[0], ahead[1])
    limit = ahead[0]
    waits = v[vehicle].link >= 0 and not v[vehicle].go
    on_connector = roadway.lanes[v[vehicle].lane].connector_link >= 0
    if waits and not on_connector:
        gap = line_gap(vehicle, v, roadway)
        limit = min(limit, gap + _OVER_LINE_M)
        accel = min(accel, _to_line(v, vehicle, wanted, gap))
    accel = min(max(accel, -HARDEST_M_S2), v[vehicle].gentle_m_s2)
    speed = max(v[vehicle].speed_m_s + dt * accel, 0.0)
    if limit < FREE_M:
        # Nobody drives into what is ahead, whatever the model says.
        speed = min(speed, max(limit - 0.3, 0.0) / dt)
    v[vehicle].accel_m_s2 = (speed - v[vehicle].speed_m_s) / dt
    v[vehicle].speed_m_s = speed


@inline
def _to_line(v, vehicle, wanted, gap):
    """Braking to a line is smoother than to a car: it stands, and one stops right at it."""
    return idm(v, vehicle, wanted, max(gap + 1.7, 0.05), 0.0)


@inline
def _move(vehicle, v, roadway, seed, dt):
    step = dt * v[vehicle].speed_m_s
    v[vehicle].s_m += step
    slide(vehicle, v, step)
    v[vehicle].waited_s = v[vehicle].waited_s + dt if v[vehicle].speed_m_s < 0.1 else 0.0
    if v[vehicle].tail_link >= 0:
        v[vehicle].tail_m += step
        end = roadway.lanes[roadway.links[v[vehicle].tail_link].connector].length_m
        if v[vehicle].tail_m - 0.5 * v[vehicle].length_m > end:
            v[vehicle].tail_link = -1
    while v[vehicle].lane >= 0 and v[vehicle].s_m > roadway.lanes[v[vehicle].lane].length_m:
        _cross(vehicle, v, roadway, seed)


@inline
def _look_ahead_on_old_lane(vehicle, v, roadway, blocks, ahead, gaps):
    """Keeps behind those on the lane that it is leaving, too, while a part of it is there."""
    old = v[vehicle].old_lane
    place = old_place_m(vehicle, v, roadway)
    chain, chain_m = roadway.lanes[old].chain, roadway.lanes[old].chain_m
    neighbours(vehicle, chain, chain_m + place, v, roadway, gaps, 0)
    if gaps[0] < ahead[0]:
        ahead[0], ahead[1] = gaps[0], gaps[2]
    front = place + 0.5 * v[vehicle].length_m
    nearest_block(vehicle, old, 0.0, front, v, blocks, ahead)
    if roadway.lanes[old].follows >= 0:
        begin = roadway.lanes[old].length_m
        nearest_block(vehicle, roadway.lanes[old].follows, begin, front, v, blocks, ahead)


@inline
def _cross(vehicle, v, roadway, seed):
    """Goes on to what follows a lane."""
    lane, link = v[vehicle].lane, v[vehicle].link
    if link < 0:
        _take_off(vehicle, v)
        return
    v[vehicle].s_m -= roadway.lanes[lane].length_m
    if roadway.lanes[lane].connector_link < 0 and roadway.links[link].connector >= 0:
        v[vehicle].lane = roadway.links[link].connector
        v[vehicle].old_lane = -1
        return
    if roadway.lanes[lane].connector_link >= 0:
        v[vehicle].tail_link = link
        v[vehicle].tail_m = roadway.lanes[lane].length_m + v[vehicle].s_m
    if v[vehicle].old_lane >= 0:
        v[vehicle].old_lane = roadway.lanes[v[vehicle].old_lane].follows
    v[vehicle].lane = roadway.links[link].to_lane
    v[vehicle].link = choose_way(vehicle, v, roadway, seed)
    draw_wish(vehicle, v, roadway, seed)
    v[vehicle].go = False
    v[vehicle].stopped = False


@inline
def _take_off(vehicle, v):
    v[vehicle].lane = -1
    v[vehicle].link = -1
    v[vehicle].tail_link = -1
    v[vehicle].old_lane = -1
    v[vehicle].wants = 0
    v[vehicle].go = False
    v[vehicle].stopped = False
    v[vehicle].aside_m = 0.0
    v[vehicle].lean = 0.0
    v[vehicle].speed_m_s = 0.0
    v[vehicle].accel_m_s2 = 0.0
    v[vehicle].waited_s = 0.0


@inline
def _come_in(vehicle, v, roadway, blocks, bodies, seed):
    """Lets a vehicle in where the map begins, if there is room; else it tries again.

    On a map without borders it comes in at any place that no body is near enough to see well.
    """
    if len(roadway.entries) == 0:
        return
    pick = int(uniform(vehicle, v, seed) * len(roadway.entries))
    entry = roadway.entries[min(pick, len(roadway.entries) - 1)]
    lane, half = entry.lane, 0.5 * v[vehicle].length_m
    at_border = entry.s_m < 0.0
    place = half + 0.5 if at_border else entry.s_m
    if place - half < 0.0 or place + half > roadway.lanes[lane].length_m:
        return
    if not at_border and _in_sight(lane, place, roadway, bodies):
        return
    for other in range(len(v)):
        # The index of this step does not know those who came in before: all are looked at.
        if v[other].lane == lane or v[other].old_lane == lane:
            there = v[other].s_m if v[other].lane == lane else old_place_m(other, v, roadway)
            away = abs(there - place) - 0.5 * v[other].length_m - half
            if away < (_ROOM_M if at_border else 2.0 * _ROOM_M):
                return
    if is_blocked(vehicle, lane, place - half - 20.0, place + half + _ROOM_M, v, blocks):
        return
    v[vehicle].lane = lane
    v[vehicle].s_m = place
    v[vehicle].speed_m_s = 0.5 * roadway.lanes[lane].speed_m_s
    v[vehicle].link = choose_way(vehicle, v, roadway, seed)


@inline
def _in_sight(lane, place_m, roadway, bodies):
    """Whether a body is so near to a place on a lane that it would see somebody appear."""
    first = roadway.lanes[lane].first_point
    steps = roadway.lanes[lane].last_point - 1 - first
    point = first + int(place_m / roadway.lanes[lane].length_m * steps)
    for body in range(len(bodies)):
        if bodies[body].present:
            dx = roadway.xyz_m[point, 0] - bodies[body].x_m
            dy = roadway.xyz_m[point, 1] - bodies[body].y_m
            if dx * dx + dy * dy < _SIGHT_M * _SIGHT_M:
                return True
    return False


def take_off(v: Table, rows: npt.NDArray[np.int64]) -> None:
    """Takes vehicles off the map."""
    for name in ("lane", "link", "tail_link", "old_lane"):
        v[name][rows] = -1
    for name in ("go", "stopped"):
        v[name][rows] = False
    for name in ("speed_m_s", "accel_m_s2", "waited_s", "aside_m", "lean", "wants"):
        v[name][rows] = 0.0
