"""The way from one lane to the next: sideways within seconds, no sharper than vehicles steer.

A vehicle that changes belongs to its new lane at once, beside its middle, and blocks the old one
until no part of it reaches there. Its heading leans towards the new lane; how fast the lean grows
is bounded by the curve that it drives, and by sideways acceleration.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201

from __future__ import annotations

from fleetloop.envs.trace.jit import inline
from fleetloop.envs.traffic.blocks import new_block

ASIDE_M_S = 1.0
SIDEWAYS_M_S2 = 0.8
"""With both a change of 3.5 m takes 4.7 s [Toledo and Zohar 2007, "Modeling duration of lane
changes", Transp. Res. Rec. 1999: mean 4.6 s]."""

RAMP_S = ASIDE_M_S / SIDEWAYS_M_S2
BEND_1_M = 0.08
"""Curvature at the most: 12.5 m, a brisk turn of the wheel at a walking pace."""

STEEPEST = 0.25
SWING_M = 0.5
"""The ends of a long vehicle leave its strip by no more than this."""

WIDEST_M = 2.55
CLEAR_M = 0.2
_CENTERED_M = 0.02


@inline
def owner(vehicle):
    """The number in `body` of a block that says whose it is: -2 and below."""
    return -2 - vehicle


@inline
def steepest(length_m):
    """The largest lean of a vehicle."""
    return min(STEEPEST, 2.0 * SWING_M / length_m)


@inline
def slide_m(spacing_m, length_m):
    """Length of road that a change takes at the least, some to spare."""
    lean = steepest(length_m)
    return 1.15 * spacing_m / lean + lean / BEND_1_M + 1.0


@inline
def slid(aside, lean, speed_m_s, length_m, step_m):
    """Aside and lean after a step of the way; zeros once the vehicle is in its new lane."""
    size, lean = abs(aside), abs(lean)
    speed = max(speed_m_s, 0.5)
    bend = min(BEND_1_M, SIDEWAYS_M_S2 / (speed * speed))
    wanted = min(steepest(length_m), ASIDE_M_S / speed, (2.0 * bend * size) ** 0.5)
    lean = min(lean + bend * step_m, wanted)
    moved = lean * step_m
    if moved >= size or size < _CENTERED_M:
        return 0.0, 0.0
    sign = 1.0 if aside > 0.0 else -1.0
    return aside - sign * moved, -sign * lean


@inline
def slide(vehicle, v, step_m):
    """Brings a vehicle nearer to the middle of its new lane while it moves on by a step."""
    if v[vehicle].aside_m == 0.0:
        return
    aside, lean = slid(
        v[vehicle].aside_m, v[vehicle].lean, v[vehicle].speed_m_s, v[vehicle].length_m, step_m
    )
    v[vehicle].aside_m, v[vehicle].lean = aside, lean
    half = 0.5 * v[vehicle].width_m + 0.5 * v[vehicle].length_m * abs(lean)
    if aside == 0.0 or abs(aside) + half + CLEAR_M < v[vehicle].spacing_m - 0.5 * WIDEST_M:
        v[vehicle].old_lane = -1


@inline
def block_old_lanes(v, roadway, blocks):
    """Keeps the lane that somebody is leaving blocked until it is out of it."""
    for vehicle in range(len(v)):
        lane = v[vehicle].old_lane
        if lane < 0 or v[vehicle].lane < 0:
            continue
        row = new_block(lane, blocks)
        if row >= 0:
            place, half = old_place_m(vehicle, v, roadway), 0.5 * v[vehicle].length_m
            blocks.rows[row].body = owner(vehicle)
            blocks.rows[row].low_m, blocks.rows[row].high_m = place - half, place + half
            blocks.rows[row].speed_m_s = v[vehicle].speed_m_s
            blocks.rows[row].beside_m = 0.0


@inline
def old_place_m(vehicle, v, roadway):
    """Place of a vehicle's middle on the lane that it is leaving."""
    share = v[vehicle].s_m / roadway.lanes[v[vehicle].lane].length_m
    return share * roadway.lanes[v[vehicle].old_lane].length_m
