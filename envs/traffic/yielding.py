"""How vehicles take account of blocks: keep behind them, do not enter ways that they are on."""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

from fleetloop.envs.trace.jit import inline
from fleetloop.envs.traffic.blocks import ROOM_BESIDE_M, STANDS_M_S
from fleetloop.envs.traffic.sliding import owner

HARD_STOP_M_S2 = 3.5
"""Drivers brake this hard for people who are about to step onto the road, not harder."""


TOUCH_M = 0.05


@inline
def matters(vehicle, row, v, blocks):
    """Whether a vehicle that keeps to the lane's line would touch a block."""
    return blocks.rows[row].beside_m < 0.5 * v[vehicle].width_m + ROOM_BESIDE_M


@inline
def nearest_block(vehicle, lane, begin_m, front_m, v, blocks, out):
    """Makes the gap in `out` that to a nearer block on a lane of a vehicle's way.

    Args:
        vehicle: Who looks ahead.
        lane: A lane of its way.
        begin_m: Where that lane begins, counted as `front_m`.
        front_m: Its front.
        v, blocks: State.
        out: Gap and speed.
    """
    row = blocks.first[lane]
    half = 0.5 * v[vehicle].length_m
    while row >= 0:
        if blocks.rows[row].body == owner(vehicle):
            row = blocks.rows[row].next
            continue
        gap = begin_m + blocks.rows[row].low_m - front_m
        middle = begin_m + 0.5 * (blocks.rows[row].low_m + blocks.rows[row].high_m)
        ahead = middle > front_m - half
        if blocks.rows[row].soft:
            speed = v[vehicle].speed_m_s
            ahead = gap > 0.0 and gap > speed * speed / (2.0 * HARD_STOP_M_S2)
        if gap < 0.0 and blocks.rows[row].body == -1 and _is_beside(vehicle, row, v, blocks):
            ahead = False
        towards = -blocks.rows[row].speed_m_s
        if towards > STANDS_M_S and not blocks.rows[row].soft:
            # Who comes towards us covers ground while we brake: stop before, not there.
            covered = towards * (1.0 + v[vehicle].speed_m_s / v[vehicle].brake_m_s2)
            gap = min(gap, max(gap - covered, 1.0))
        if ahead and gap < out[0] and matters(vehicle, row, v, blocks):
            out[0] = gap
            out[1] = max(blocks.rows[row].speed_m_s, 0.0)
        row = blocks.rows[row].next


@inline
def _is_beside(vehicle, row, v, blocks):
    """Whether a person whom a vehicle has come up to stands at its side, clear of it."""
    return blocks.rows[row].beside_m > 0.5 * v[vehicle].width_m + TOUCH_M


@inline
def is_way_blocked(vehicle, connector, line_m, v, blocks):
    """Whether somebody is on a vehicle's own way or about to be, and it can still stop."""
    if connector < 0:
        return False
    row = blocks.first[connector]
    speed = v[vehicle].speed_m_s
    while row >= 0:
        gap = line_m + blocks.rows[row].low_m
        stops = gap > speed * speed / (2.0 * HARD_STOP_M_S2) or not blocks.rows[row].soft
        if stops and blocks.rows[row].speed_m_s < 1.0 and matters(vehicle, row, v, blocks):
            return True
        row = blocks.rows[row].next
    return False


@inline
def is_blocked(vehicle, connector, enter_m, exit_m, v, blocks):
    """Whether a body on a connector is in a stretch of it, or moves towards it."""
    row = blocks.first[connector]
    while row >= 0:
        moves = blocks.rows[row].speed_m_s > STANDS_M_S
        near = blocks.rows[row].high_m > enter_m or moves
        solid = not blocks.rows[row].soft
        if solid and near and blocks.rows[row].low_m < exit_m and blocks.rows[row].body >= 0:
            return True
        row = blocks.rows[row].next
    return False


@inline
def body_comes(lane, length_m, clear_s, blocks):
    """Whether a body on a lane will be at its end before a time has passed."""
    row = blocks.first[lane]
    while row >= 0:
        speed = blocks.rows[row].speed_m_s
        away = length_m - blocks.rows[row].high_m
        stands = speed < STANDS_M_S and blocks.rows[row].waited_s > 3.0
        heads_there = speed > -STANDS_M_S and not stands and blocks.rows[row].body >= 0
        if heads_there and away < clear_s * max(speed, 2.0) and not blocks.rows[row].soft:
            return True
        row = blocks.rows[row].next
    return False


@inline
def free_until(vehicle, lane, v, blocks):
    """Where the first slow block on a lane begins; far away without one."""
    free = 1e9
    row = blocks.first[lane]
    while row >= 0:
        if blocks.rows[row].speed_m_s < 8.0 and matters(vehicle, row, v, blocks):
            free = min(free, blocks.rows[row].low_m)
        row = blocks.rows[row].next
    return free
