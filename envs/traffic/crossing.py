"""People and vehicles at crossings: who comes, who may start, which stretches are kept free."""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np

from fleetloop.envs.maps.kinds import CrossingKind, SignalState
from fleetloop.envs.trace.jit import inline
from fleetloop.envs.traffic.blocks import STANDS_M_S, new_block
from fleetloop.envs.traffic.sliding import old_place_m

NEVER_S = 1e9
GENTLE_STOP_M_S2 = 2.5
"""People step in front of a vehicle only if it can stop like this, after a second."""

SPARE_S = 2.0
"""Spare time that people leave behind them when vehicles need not stop [HCM 6th ed., chapter 20:
critical headway of a pedestrian = length / speed + start-up and clearance time of 3 s]."""

PATIENCE_S = 30.0
"""Who waited for so long at a crossing without marks makes vehicles stop."""

SEEN_S = 3.0
"""Vehicles stop for people who will be on their lane within this time."""

ON_LANE_M = 0.3
BEND = 0.2
"""Who crosses at a run takes a road to bend by so much at the most: 11 degrees."""

SIGNAL, UNMARKED = int(CrossingKind.SIGNAL), int(CrossingKind.UNMARKED)
GREEN = int(SignalState.GREEN)


@inline
def note_arrivals(v, roadway, walkway, blocks, arrival_s, unstoppable):
    """Writes for each crossed lane when the first vehicle is there, and whether it can stop."""
    arrival_s[:] = NEVER_S
    unstoppable[:] = False
    for vehicle in range(len(v)):
        lane = v[vehicle].lane
        if lane < 0:
            continue
        front, speed = v[vehicle].s_m + 0.5 * v[vehicle].length_m, v[vehicle].speed_m_s
        rear = front - v[vehicle].length_m
        _note(lane, front, rear, speed, walkway, arrival_s, unstoppable)
        if v[vehicle].tail_link >= 0:
            connector = roadway.links[v[vehicle].tail_link].connector
            tail = v[vehicle].tail_m - 0.5 * v[vehicle].length_m
            _note(connector, 1e6, tail, speed, walkway, arrival_s, unstoppable)
        if v[vehicle].old_lane >= 0:
            nose = old_place_m(vehicle, v, roadway) + 0.5 * v[vehicle].length_m
            tail = nose - v[vehicle].length_m
            _note(v[vehicle].old_lane, nose, tail, speed, walkway, arrival_s, unstoppable)
        link = v[vehicle].link
        if link < 0:
            continue
        begin = roadway.lanes[lane].length_m
        if roadway.lanes[lane].connector_link < 0 and roadway.links[link].connector >= 0:
            lane = roadway.links[link].connector
            # Who waits at a line does not come.
            moves = speed if v[vehicle].go or speed > 2.0 else 0.0
            _note(lane, front - begin, rear - begin, moves, walkway, arrival_s, unstoppable)
            begin += roadway.lanes[lane].length_m
        lane = roadway.links[link].to_lane
        _note(lane, front - begin, rear - begin, speed, walkway, arrival_s, unstoppable)
    for row in range(min(blocks.used[0], len(blocks.rows))):
        if blocks.rows[row].body < 0:
            continue
        lane, speed = blocks.rows[row].lane, blocks.rows[row].speed_m_s
        front, rear = blocks.rows[row].high_m, blocks.rows[row].low_m
        _note(lane, front, rear, speed, walkway, arrival_s, unstoppable)
        begin = roadway.lanes[lane].length_m
        for way in range(roadway.lanes[lane].first_way, roadway.lanes[lane].last_way):
            link = roadway.ways[way].link
            follows = roadway.links[link].connector
            if follows < 0 or follows == lane:
                follows = roadway.links[link].to_lane
            _note(follows, front - begin, rear - begin, speed, walkway, arrival_s, unstoppable)


@inline
def _note(lane, front, rear, speed, walkway, arrival_s, unstoppable):
    """Notes a vehicle between two places on a lane at all crossings of that lane."""
    row = walkway.on_lane[lane]
    while row >= 0:
        away = walkway.crossed[row].enter_m - front
        if rear < walkway.crossed[row].exit_m:
            if away <= 0.0:
                arrival_s[row] = 0.0
            elif speed > STANDS_M_S:
                arrival_s[row] = min(arrival_s[row], away / speed)
            if away < speed + speed * speed / (2.0 * GENTLE_STOP_M_S2):
                unstoppable[row] = True
        row = walkway.crossed[row].next


@inline
def may_cross(crossing, forward, walk_m, wish, waited, walkway, states, arrival_s, unstoppable):
    """Whether somebody may step onto a crossing now.

    Args:
        crossing: Which.
        forward: Whether from its begin to its end.
        walk_m: Length of the crossing.
        wish: Speed of the person.
        waited: For how long it has waited.
        walkway, states: Tables, and what signals show.
        arrival_s, unstoppable: Of vehicles, by crossed lane.
    """
    signal = walkway.crossings[crossing].signal
    if signal >= 0 and states[signal, walkway.crossings[crossing].signal_index] != GREEN:
        return False
    given_way = walkway.crossings[crossing].kind != UNMARKED or waited > PATIENCE_S
    for row in range(walkway.crossings[crossing].first, walkway.crossings[crossing].last):
        leaves_m = walkway.crossed[row].walk_exit_m
        if not forward:
            leaves_m = walk_m - walkway.crossed[row].walk_enter_m
        free_s = arrival_s[row]
        if free_s == 0.0:
            # It stands on the crossing, or passes.
            return False
        if given_way:
            if unstoppable[row] and free_s < leaves_m / wish + 1.0:
                return False
        elif free_s < leaves_m / wish + SPARE_S:
            return False
    return True


@inline
def keep_crossing_free(crossing, forward, s_m, walk_m, wish, walkway, blocks):
    """Blocks the lanes that somebody on a crossing will soon be on."""
    for row in range(walkway.crossings[crossing].first, walkway.crossings[crossing].last):
        enters, leaves = walkway.crossed[row].walk_enter_m, walkway.crossed[row].walk_exit_m
        if not forward:
            enters, leaves = walk_m - leaves, walk_m - enters
        if s_m < leaves + ON_LANE_M and enters - s_m < SEEN_S * wish:
            block = new_block(walkway.crossed[row].lane, blocks)
            if block >= 0:
                blocks.rows[block].body = -1
                blocks.rows[block].low_m = walkway.crossed[row].enter_m
                blocks.rows[block].high_m = walkway.crossed[row].exit_m
                blocks.rows[block].speed_m_s = 0.0
                blocks.rows[block].beside_m = 0.0
                blocks.rows[block].soft = True


@inline
def road_is_free(x, y, to_x, to_y, wish, poses, v, bodies):
    """Whether nobody will drive through a straight way over the road while it is walked."""
    dx, dy = to_x - x, to_y - y
    time = np.hypot(dx, dy) / wish + SPARE_S
    for vehicle in range(len(v)):
        if v[vehicle].lane >= 0:
            half = 0.5 * v[vehicle].length_m
            speed = v[vehicle].speed_m_s
            if _passes(
                poses[vehicle, 0], poses[vehicle, 1], poses[vehicle, 3],
                half, speed, x, y, dx, dy, time,
            ):  # fmt: skip
                return False
    for body in range(len(bodies)):
        if bodies[body].present and _passes(
            bodies[body].x_m, bodies[body].y_m, bodies[body].heading_rad,
            0.5 * bodies[body].length_m, bodies[body].speed_m_s, x, y, dx, dy, time,
        ):  # fmt: skip
            return False
    return True


@inline
def _passes(vx, vy, heading, half, speed, x, y, dx, dy, time):
    """Whether a vehicle that goes straight on is on a way at some time, with room around."""
    ux, uy = np.cos(heading), np.sin(heading)
    far = (speed + 1.0) * time + half
    # The way in the vehicle's frame; its strip is 2 m to either side, more further on: roads bend.
    ax, ay = (x - vx) * ux + (y - vy) * uy, -(x - vx) * uy + (y - vy) * ux
    bx, by = ax + dx * ux + dy * uy, ay - dx * uy + dy * ux
    reach = 2.0 + BEND * max(min(ax, bx), 0.0)
    if max(ax, bx) < -half - 1.0 or min(ax, bx) > far or max(ay, by) < -reach:
        return False
    if min(ay, by) > reach:
        return False
    # Where the way meets the vehicle's line.
    share = min(max(-ay / (by - ay), 0.0), 1.0) if abs(by - ay) > 1e-6 else 0.5
    meets = ax + share * (bx - ax)
    return -half - 1.0 < meets < far
