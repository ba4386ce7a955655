"""One step of all vehicles: decide at junctions, follow, move, choose the next way."""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.jit import inline, kernel
from fleetloop.envs.traffic.arrays import LONG_M, Roadway, Table
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
from fleetloop.envs.traffic.places import Places, fill_rings, hold, list_holders, sort_places
from fleetloop.envs.traffic.yielding import is_blocked

STUCK_S = 120.0
"""Who has not moved for so long is taken off the road and comes in again elsewhere."""

RECONSIDER_S = 8.0
"""Who has waited for so long, and again after as long, looks for a way that is not full."""

_ROOM_M = 8.0
_SIGHT_M = 80.0
_OVER_LINE_M = 0.5


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
    ahead = np.empty(2)
    sort_places(lanes, v, places)
    list_holders(v, roadway, places)
    fill_rings(v, roadway, places)
    for vehicle in range(len(v)):
        if v[vehicle].lane >= 0:
            _decide(vehicle, v, roadway, places, blocks, states, seed, dt_s)
    for vehicle in range(len(v)):
        if v[vehicle].lane < 0 or v[vehicle].fixed:
            continue
        _accelerate(vehicle, v, roadway, places, blocks, ahead, dt_s)
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
        _reconsider(vehicle, v, roadway, places, blocks, seed)


@inline
def _accelerate(vehicle, v, roadway, places, blocks, ahead, dt):
    look_ahead(vehicle, v, roadway, places, blocks, ahead)
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
    v[vehicle].waited_s = v[vehicle].waited_s + dt if v[vehicle].speed_m_s < 0.1 else 0.0
    if v[vehicle].tail_link >= 0:
        v[vehicle].tail_m += step
        end = roadway.lanes[roadway.links[v[vehicle].tail_link].connector].length_m
        if v[vehicle].tail_m - 0.5 * v[vehicle].length_m > end:
            v[vehicle].tail_link = -1
    while v[vehicle].lane >= 0 and v[vehicle].s_m > roadway.lanes[v[vehicle].lane].length_m:
        _cross(vehicle, v, roadway, seed)


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
        return
    if roadway.lanes[lane].connector_link >= 0:
        v[vehicle].tail_link = link
        v[vehicle].tail_m = roadway.lanes[lane].length_m + v[vehicle].s_m
    v[vehicle].lane = roadway.links[link].to_lane
    v[vehicle].link = choose_way(vehicle, v, roadway, seed)
    v[vehicle].go = False
    v[vehicle].stopped = False


@inline
def choose_way(vehicle, v, roadway, seed):
    """Draws the way at the end of a vehicle's lane; -1 where the map ends."""
    lane = v[vehicle].lane
    begin, end = roadway.lanes[lane].first_way, roadway.lanes[lane].last_way
    total = 0.0
    for row in range(begin, end):
        total += _weight(vehicle, row, v, roadway)
    if total <= 0.0:
        return -1
    wanted = uniform(vehicle, v, seed) * total
    for row in range(begin, end):
        wanted -= _weight(vehicle, row, v, roadway)
        if wanted < 0.0:
            return roadway.ways[row].link
    return roadway.ways[end - 1].link


@inline
def _reconsider(vehicle, v, roadway, places, blocks, seed):
    """Another way for one whose own is full: any that has room, by their weights."""
    lane = v[vehicle].lane
    begin, end = roadway.lanes[lane].first_way, roadway.lanes[lane].last_way
    total = 0.0
    for row in range(begin, end):
        if has_room(vehicle, roadway.ways[row].link, v, roadway, places, blocks):
            total += _weight(vehicle, row, v, roadway)
    wanted = uniform(vehicle, v, seed) * total
    for row in range(begin, end):
        weight = _weight(vehicle, row, v, roadway)
        link = roadway.ways[row].link
        if weight > 0.0 and has_room(vehicle, link, v, roadway, places, blocks):
            wanted -= weight
            if wanted < 0.0:
                v[vehicle].link = link
                return


@inline
def _weight(vehicle, row, v, roadway):
    """How much a vehicle likes a way: long ones go around tight turns, if they can."""
    way = roadway.ways[row]
    tight = v[vehicle].length_m > LONG_M and way.radius_m < 1.2 * v[vehicle].length_m
    return way.weight * (1e-4 if tight else 1.0)


@inline
def _take_off(vehicle, v):
    v[vehicle].lane = -1
    v[vehicle].link = -1
    v[vehicle].tail_link = -1
    v[vehicle].go = False
    v[vehicle].stopped = False
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
        if v[other].lane == lane:
            away = abs(v[other].s_m - place) - 0.5 * v[other].length_m - half
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


@kernel
def first_ways(v: Table, roadway: Roadway, seed: np.uint64) -> None:
    """Draws the first way of all vehicles that have none."""
    for vehicle in range(len(v)):
        if v[vehicle].lane >= 0 and v[vehicle].link < 0 and not v[vehicle].fixed:
            v[vehicle].link = choose_way(vehicle, v, roadway, seed)


def take_off(v: Table, rows: npt.NDArray[np.int64]) -> None:
    """Takes vehicles off the map."""
    for name in ("lane", "link", "tail_link"):
        v[name][rows] = -1
    for name in ("go", "stopped"):
        v[name][rows] = False
    for name in ("speed_m_s", "accel_m_s2", "waited_s"):
        v[name][rows] = 0.0
