"""Changes of lane: who gains by one without braking others hard, or needs one for its way.

MOBIL [Kesting, Treiber and Helbing 2007, "General lane-changing model MOBIL for car-following
models", Transp. Res. Rec. 1999]: a change is safe if the new follower need not brake harder than
4 m/s², and wanted if own gain plus politeness times that of both followers exceeds a threshold.
Who needs the other lane for its way has a bias instead of the threshold.

All who think about a change in a step do so on the same state, after everybody has moved. Of those
whose lanes meet only the one that gains most changes, so it does not matter who is asked first.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

import numpy as np

from fleetloop.envs.trace.jit import inline, kernel
from fleetloop.envs.traffic.arrays import LONG_M, Roadway, Table
from fleetloop.envs.traffic.blocks import Blocks
from fleetloop.envs.traffic.following import FREE_M, idm
from fleetloop.envs.traffic.neighbours import beside_m, neighbours
from fleetloop.envs.traffic.sliding import ASIDE_M_S, RAMP_S, owner, slide_m
from fleetloop.envs.traffic.ways import choose_way
from fleetloop.envs.traffic.yielding import matters

SAFE_M_S2 = 4.0
POLITENESS = 0.25
THRESHOLD_M_S2 = 0.2
BIAS_M_S2 = 2.0
"""Figures of the paper, section 3 (politeness 0 to 0.5, threshold 0.1, safe braking 4)."""

PUSHY_SAFE_M_S2 = 6.0
PUSHY_BIAS_M_S2 = 1.5
PUSHY_FROM_M, PUSHY_TO_M = 3.0, 25.0
"""Drivers who cut in make others brake this hard, and like to be right before an external one."""

CONSIDER_EVERY = 10
"""Each vehicle thinks about its lane once in so many steps."""

ROOM_M = 2.0
"""Least gap to both neighbours on the new lane."""

REACTION_S, PUSHY_REACTION_S = 0.8, 0.2

_SLOWEST_M_S = 1.5
_LONG_SPACING_M = 3.1
_NO = -1e9


@kernel
def change_lanes(v: Table, roadway: Roadway, blocks: Blocks, seed: np.uint64, tick: int) -> None:
    """Lets those change their lane who want to and may.

    Args:
        v: State of all vehicles, changed in place.
        roadway: The network.
        blocks: What bodies block.
        seed: Of the ways that are chosen.
        tick: Number of the step, from which it is told who thinks about its lane.
    """
    who, to_lane = np.empty(len(v), np.int64), np.empty(len(v), np.int64)
    gain, gaps = np.empty(len(v)), np.empty(8)
    count = _plan_changes(v, roadway, blocks, tick, gaps, who, to_lane, gain)
    for _ in range(count):
        k = _next_change(count, v, roadway, who, to_lane, gain)
        if k < 0:
            return
        _begin_change(who[k], to_lane[k], v, roadway, seed)


@inline
def _plan_changes(v, roadway, blocks, tick, gaps, who, to_lane, gain):
    """Finds who would like to change to which lane, and how much that gains; how many they are.

    Args:
        v, roadway, blocks: State and indices; not changed.
        tick: Number of the step.
        gaps: (8,) room for results.
        who, to_lane, gain: (n,) written.
    """
    count = 0
    for vehicle in range(len(v)):
        if (tick + vehicle) % CONSIDER_EVERY != 0 or not _may_change(vehicle, v, roadway):
            continue
        lane = v[vehicle].lane
        best, most = -1, 0.0
        for side in range(2):
            target = roadway.lanes[lane].left if side == 0 else roadway.lanes[lane].right
            against = v[vehicle].wants == (-1 if side == 0 else 1)
            if target < 0 or roadway.lanes[target].too_narrow or against:
                continue
            needed = v[vehicle].wants == (1 if side == 0 else -1)
            if not _fits(vehicle, target, needed, v, roadway):
                continue
            found = _gain(vehicle, target, v, roadway, blocks, gaps)
            if needed:
                found += BIAS_M_S2
            elif not v[vehicle].pushy:
                found -= THRESHOLD_M_S2
            if found > most:
                best, most = target, found
        if best >= 0:
            who[count], to_lane[count], gain[count] = vehicle, best, most
            count += 1
    return count


@inline
def _next_change(count, v, roadway, who, to_lane, gain):
    """The plan that gains most, -1 if none is left; drops those that use one of its chains."""
    best = -1
    for k in range(count):
        if gain[k] <= 0.0:
            continue
        if best < 0 or gain[k] > gain[best] or (gain[k] == gain[best] and _ahead(k, best, who, v)):
            best = k
    if best < 0:
        return -1
    one = roadway.lanes[v[who[best]].lane].chain
    two = roadway.lanes[to_lane[best]].chain
    for k in range(count):
        mine, other = roadway.lanes[v[who[k]].lane].chain, roadway.lanes[to_lane[k]].chain
        if _is_one_of(mine, one, two) or _is_one_of(other, one, two):
            gain[k] = 0.0
    return best


@inline
def _is_one_of(chain, one, two):
    if chain == one:
        return True
    return chain == two


@inline
def _ahead(k, best, who, v):
    """Who of two with the same gain goes first: told by lane and place."""
    one, two = v[who[k]], v[who[best]]
    return one.s_m > two.s_m or (one.s_m == two.s_m and one.lane > two.lane)


@inline
def _may_change(vehicle, v, roadway):
    lane, link = v[vehicle].lane, v[vehicle].link
    if lane < 0 or v[vehicle].fixed or roadway.lanes[lane].connector_link >= 0:
        return False
    if roadway.lanes[lane].left < 0 and roadway.lanes[lane].right < 0:
        return False
    if v[vehicle].tail_link >= 0 or v[vehicle].old_lane >= 0 or v[vehicle].aside_m != 0.0:
        return False
    if link >= 0 and roadway.links[link].connector >= 0 and v[vehicle].go:
        return False
    return v[vehicle].speed_m_s >= _SLOWEST_M_S and v[vehicle].keep_m == 0.0


@inline
def _fits(vehicle, target, needed, v, roadway):
    """Whether both chains go on long enough to get over before the line."""
    lane, length, speed = v[vehicle].lane, v[vehicle].length_m, v[vehicle].speed_m_s
    spacing = abs(_aside_of(vehicle, target, v, roadway))
    if length > LONG_M and spacing < _LONG_SPACING_M:
        return False
    front = roadway.lanes[lane].chain_m + v[vehicle].s_m + 0.5 * length
    left = roadway.lanes[lane].chain_line_m - front
    front = roadway.lanes[target].chain_m + beside_m(vehicle, target, v, roadway) + 0.5 * length
    left = min(left, roadway.lanes[target].chain_line_m - front)
    # Who brakes to the line has twice the time of one who does not.
    covered = speed * (spacing / ASIDE_M_S + RAMP_S)
    covered = 0.6 * covered if needed else covered + 10.0
    return left > max(covered, slide_m(spacing, length))


@inline
def _gain(vehicle, target, v, roadway, blocks, gaps):
    """What a change gains; far below 0 if it is not safe."""
    lane = v[vehicle].lane
    here = roadway.lanes[lane].chain_m + v[vehicle].s_m
    there = roadway.lanes[target].chain_m + beside_m(vehicle, target, v, roadway)
    neighbours(vehicle, roadway.lanes[lane].chain, here, v, roadway, gaps, 0)
    neighbours(vehicle, roadway.lanes[target].chain, there, v, roadway, gaps, 4)
    pushy = v[vehicle].pushy
    safe = PUSHY_SAFE_M_S2 if pushy else SAFE_M_S2
    bias = _bodies(vehicle, roadway.lanes[target].chain, there, safe, v, roadway, blocks, gaps)
    if bias == _NO or gaps[4] < ROOM_M or gaps[5] < ROOM_M:
        return _NO
    _stands_ahead(vehicle, roadway.lanes[lane].chain, here, v, roadway, blocks, gaps)
    spacing = abs(_aside_of(vehicle, target, v, roadway))
    if gaps[2] < 0.5 * v[vehicle].speed_m_s and gaps[0] < slide_m(spacing, v[vehicle].length_m):
        # It would have to stop behind that one half way, and be in the way of both lanes.
        return _NO
    now = idm(v, vehicle, _wanted(vehicle, lane, v, roadway), gaps[0], gaps[2])
    then = idm(v, vehicle, _wanted(vehicle, target, v, roadway), gaps[4], gaps[6])
    if then < -safe:
        return _NO
    others = _of_others(vehicle, target, safe, v, roadway, gaps)
    if others == _NO:
        return _NO
    return then - now + bias + (0.0 if pushy else POLITENESS * others)


@inline
def _of_others(vehicle, target, safe, v, roadway, gaps):
    """What the old and the new follower gain together; `_NO` if one has to brake too hard."""
    others, length = 0.0, v[vehicle].length_m
    follower = int(gaps[7])
    if follower >= 0:
        wanted = _wanted(follower, target, v, roadway)
        after = idm(v, follower, wanted, gaps[5], v[vehicle].speed_m_s)
        if after < -safe:
            return _NO
        before = gaps[5] + length + gaps[4] if gaps[4] < FREE_M else FREE_M
        others += after - idm(v, follower, wanted, before, gaps[6])
    follower = int(gaps[3])
    if follower >= 0:
        wanted = _wanted(follower, v[vehicle].lane, v, roadway)
        before = idm(v, follower, wanted, gaps[1], v[vehicle].speed_m_s)
        free = gaps[1] + length + gaps[0] if gaps[0] < FREE_M else FREE_M
        others += idm(v, follower, wanted, free, gaps[2]) - before
    return others


@inline
def _bodies(vehicle, chain, place, safe, v, roadway, blocks, gaps):
    """Takes account of what blocks the new lane: `_NO` if it is too near, else a bias."""
    half, speed, bias = 0.5 * v[vehicle].length_m, v[vehicle].speed_m_s, 0.0
    reaction = PUSHY_REACTION_S if v[vehicle].pushy else REACTION_S
    for row in range(min(blocks.used[0], len(blocks.rows))):
        lane = blocks.rows[row].lane
        if roadway.lanes[lane].chain != chain or blocks.rows[row].body <= owner(0):
            continue
        ahead = roadway.lanes[lane].chain_m + blocks.rows[row].low_m - place - half
        behind = place - half - roadway.lanes[lane].chain_m - blocks.rows[row].high_m
        moves = blocks.rows[row].speed_m_s
        if ahead >= 0.0:
            closing = max(speed - moves, 0.0)
            if ahead < ROOM_M + 0.5 * speed + closing * closing / (2.0 * SAFE_M_S2):
                return _NO
            if ahead < gaps[4]:
                gaps[4], gaps[6] = ahead, max(moves, 0.0)
        elif behind >= 0.0:
            closing = max(moves - speed, 0.0)
            if behind < ROOM_M + reaction * max(moves, 0.0) + closing * closing / (2.0 * safe):
                return _NO
            drives = blocks.rows[row].body >= 0 and moves > 1.0
            if v[vehicle].pushy and drives and PUSHY_FROM_M < behind < PUSHY_TO_M:
                bias = PUSHY_BIAS_M_S2
        else:
            return _NO
    return bias


@inline
def _stands_ahead(vehicle, chain, place, v, roadway, blocks, gaps):
    """Makes the gap ahead on its own lane that to a nearer body: what stands there is a reason."""
    front = place + 0.5 * v[vehicle].length_m
    for row in range(min(blocks.used[0], len(blocks.rows))):
        lane = blocks.rows[row].lane
        solid = not blocks.rows[row].soft and blocks.rows[row].body > owner(0)
        if roadway.lanes[lane].chain != chain or not solid:
            continue
        gap = roadway.lanes[lane].chain_m + blocks.rows[row].low_m - front
        if 0.0 < gap < gaps[0] and matters(vehicle, row, v, blocks):
            gaps[0], gaps[2] = gap, max(blocks.rows[row].speed_m_s, 0.0)


@inline
def _wanted(vehicle, lane, v, roadway):
    return min(v[vehicle].factor * roadway.lanes[lane].speed_m_s, v[vehicle].top_m_s)


@inline
def _aside_of(vehicle, target, v, roadway):
    """How far a vehicle is to the left of the middle of a lane beside its own."""
    lane = v[vehicle].lane
    share = v[vehicle].s_m / roadway.lanes[lane].length_m
    old = _middle(lane, share, roadway)
    new = _middle(target, share, roadway)
    dx = roadway.xyz_m[old, 0] - roadway.xyz_m[new, 0]
    dy = roadway.xyz_m[old, 1] - roadway.xyz_m[new, 1]
    heading = roadway.heading_rad[new]
    return dy * np.cos(heading) - dx * np.sin(heading)


@inline
def _middle(lane, share, roadway):
    """The point of a lane that is nearest to a share of its length."""
    first, last = roadway.lanes[lane].first_point, roadway.lanes[lane].last_point - 1
    return first + int(min(max(share, 0.0), 1.0) * (last - first) + 0.5)


@inline
def _begin_change(vehicle, target, v, roadway, seed):
    """Puts a vehicle onto another lane, beside its middle by as much as it has to move."""
    lane = v[vehicle].lane
    place = beside_m(vehicle, target, v, roadway)
    v[vehicle].aside_m = _aside_of(vehicle, target, v, roadway)
    v[vehicle].lean = 0.0
    v[vehicle].spacing_m = abs(v[vehicle].aside_m)
    v[vehicle].old_lane = lane
    v[vehicle].lane, v[vehicle].s_m = target, place
    v[vehicle].wants = 0
    v[vehicle].link = choose_way(vehicle, v, roadway, seed)
    v[vehicle].go = False
    v[vehicle].stopped = False
