"""Who may enter a junction: signals, stop lines, who yields, who is in the way, room behind it.

A vehicle that may enter holds its way from then on until its rear has left it; nobody else is let
onto a way that crosses or merges while it is held before the place where they meet. Decisions are
taken one vehicle after the other within a step, so that no two are taken at once.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

from fleetloop.envs.maps.kinds import ConflictKind, Control, SignalState
from fleetloop.envs.trace.jit import inline
from fleetloop.envs.traffic.arrays import LINE_M, LONG_M, WIDE
from fleetloop.envs.traffic.places import place_on_way
from fleetloop.envs.traffic.yielding import body_comes, free_until, is_blocked, is_way_blocked

MARGIN_M = 0.8
"""Room that is kept around the places where ways meet."""

SWING_M = 2.5
"""The same for long vehicles, whose corners leave their strip."""

GAP_S = 2.5
"""Spare time that those who yield leave to others (HCM 6th ed., chapter 20: critical headways of
4.1 to 7.1 s, of which crossing itself takes the rest)."""

PATIENCE_S = 25.0
"""Who has waited for so long takes smaller gaps."""

STARVED_S = 60.0
"""Who has waited for so long is let in by those who could go and can still stop."""

RING_GAP_M = 16.0
"""Room that is kept in a roundabout: the longest vehicle and its distances."""

HARD_BRAKE_M_S2 = 3.5

DIVERGE = int(ConflictKind.DIVERGE)
STOP, ALL_WAY_STOP = int(Control.STOP), int(Control.ALL_WAY_STOP)
RED, RED_AMBER = int(SignalState.RED), int(SignalState.RED_AMBER)
AMBER, GREEN = int(SignalState.AMBER), int(SignalState.GREEN)


@inline
def may_enter(vehicle, link, line_m, v, roadway, places, blocks, states):
    """Whether a vehicle may enter its way now.

    Args:
        vehicle, link: Who, and its way.
        line_m: From its front to the end of its lane.
        v, roadway, places, blocks: State and indices.
        states: (signals, columns) what signals show.
    """
    shown = signal_of(link, roadway, states)
    if shown == RED or shown == RED_AMBER:  # noqa: SIM109 - Numba tests no tuples
        return False
    if shown == AMBER:
        return v[vehicle].speed_m_s ** 2 > 2.0 * HARD_BRAKE_M_S2 * max(line_m, 0.0) + 0.25
    control = roadway.links[link].control
    if (control == STOP or control == ALL_WAY_STOP) and not v[vehicle].stopped:  # noqa: SIM109
        return False
    if is_way_blocked(vehicle, roadway.links[link].connector, line_m, v, blocks):
        return False
    if not has_room(vehicle, link, v, roadway, places, blocks):
        return False
    hurried = v[vehicle].waited_s > PATIENCE_S
    stops = line_m > v[vehicle].speed_m_s ** 2 / (2.0 * v[vehicle].brake_m_s2) + 1.0
    for row in range(roadway.links[link].first_conflict, roadway.links[link].last_conflict):
        if roadway.conflicts[row].kind == DIVERGE:
            continue
        other = roadway.conflicts[row].link
        wide = roadway.conflicts[row].kind == WIDE
        if _is_held(vehicle, other, roadway.conflicts[row].other_exit_m, wide, v, roadway, places):
            return False
        if stops and _is_starved(vehicle, other, v, roadway, places, blocks, states):
            return False
        if wide:
            continue
        if roadway.links[other].connector >= 0 and is_blocked(
            vehicle,
            roadway.links[other].connector,
            roadway.conflicts[row].other_enter_m - MARGIN_M,
            roadway.conflicts[row].other_exit_m + MARGIN_M,
            v,
            blocks,
        ):
            return False
        yields = roadway.conflicts[row].yields and shown != GREEN and not hurried
        if yields and _comes(vehicle, link, other, row, line_m, v, roadway, places, blocks, states):
            return False
    return True


@inline
def signal_of(link, roadway, states):
    """What a signal shows to a way; 255 without one."""
    signal = roadway.links[link].signal
    if signal < 0:
        return 255
    return states[signal, roadway.links[link].signal_index]


@inline
def _is_held(vehicle, link, exit_m, wide, v, roadway, places):
    """Whether somebody else holds a way and has not left the place where it meets ours.

    Ways that meet in wide turns only (`wide`) are in the way of long vehicles alone.
    """
    long = v[vehicle].length_m > LONG_M
    other = places.holder[link]
    while other >= 0:
        if other != vehicle and (not wide or long or v[other].length_m > LONG_M):
            rear = place_on_way(other, link, v, roadway) - 0.5 * v[other].length_m
            swings = long or v[other].length_m > LONG_M
            if rear < exit_m + (SWING_M if swings else MARGIN_M):
                return True
        other = places.holder_next[other]
    other = places.tail[link]
    while other >= 0:
        rear = v[other].tail_m - 0.5 * v[other].length_m
        concerns = other != vehicle and (not wide or long or v[other].length_m > LONG_M)
        swings = long or v[other].length_m > LONG_M
        if concerns and rear < exit_m + (SWING_M if swings else MARGIN_M):
            return True
        other = places.tail_next[other]
    return False


@inline
def _is_starved(vehicle, link, v, roadway, places, blocks, states):
    """Whether the first one before another way has waited too long, more than we, and could go."""
    lane = roadway.links[link].from_lane
    last = places.first[lane + 1] - 1
    if last < places.first[lane]:
        return False
    other = places.order[last]
    if v[other].link != link or v[other].go or v[other].fixed:
        return False
    if v[other].waited_s < STARVED_S or v[other].waited_s <= v[vehicle].waited_s:
        return False
    shown = signal_of(link, roadway, states)
    if shown == RED or shown == RED_AMBER or shown == AMBER:  # noqa: SIM109
        return False
    if is_way_blocked(other, roadway.links[link].connector, LINE_M, v, blocks):
        return False
    return has_room(other, link, v, roadway, places, blocks)


@inline
def _comes(vehicle, link, other_link, row, line_m, v, roadway, places, blocks, states):
    """Whether somebody who goes first will be at the meeting place before we have left it."""
    shown = signal_of(other_link, roadway, states)
    if shown == RED or shown == RED_AMBER or shown == AMBER:  # noqa: SIM109
        return False
    way_m = max(line_m, 0.0) + roadway.conflicts[row].exit_m + v[vehicle].length_m
    speed = max(v[vehicle].speed_m_s, 1.0)
    # Time to cover a way from a speed at an acceleration.
    accel = v[vehicle].gentle_m_s2
    clear_s = ((speed * speed + 2.0 * accel * way_m) ** 0.5 - speed) / accel + GAP_S
    lane = roadway.links[other_link].from_lane
    for k in range(places.first[lane + 1] - 1, places.first[lane] - 1, -1):
        other = places.order[k]
        away_m = roadway.lanes[lane].length_m - v[other].s_m - 0.5 * v[other].length_m
        if away_m > 120.0:
            break
        if v[other].link != other_link or other == vehicle:
            continue
        if v[other].speed_m_s < 0.5 and v[other].waited_s > 3.0 and not v[other].go:
            # It stands and is not let in either: waiting for it would never end.
            continue
        if away_m < clear_s * max(v[other].speed_m_s, 2.0):
            return True
    return body_comes(lane, roadway.lanes[lane].length_m, clear_s, blocks)


@inline
def has_room(vehicle, link, v, roadway, places, blocks):
    """Whether there will be room behind the junction, those who are on their way there included."""
    lane = roadway.links[link].to_lane
    if roadway.links[link].connector < 0:
        return True
    # Behind who drives fast there will be room.
    room = roadway.lanes[lane].length_m + 30.0
    begin = places.first[lane]
    if begin < places.first[lane + 1]:
        last = places.order[begin]
        if v[last].speed_m_s <= 8.0:
            room = v[last].s_m - 0.5 * v[last].length_m
    room = min(room, free_until(vehicle, lane, v, blocks))
    if room > roadway.lanes[lane].length_m + 20.0:
        return True
    for row in range(roadway.links[link].first_conflict, roadway.links[link].last_conflict):
        other_link = roadway.conflicts[row].link
        if roadway.links[other_link].to_lane == lane:
            room -= _held_length(vehicle, other_link, v, roadway, places)
    room -= _held_length(vehicle, link, v, roadway, places)
    return room > v[vehicle].length_m + 2.0 and _ring_has_room(vehicle, link, v, roadway, places)


@inline
def _ring_has_room(vehicle, link, v, roadway, places):
    """Whether a roundabout that one wants to enter keeps a gap, so that it goes on turning.

    A ring that is full to the last place never moves again: each waits for the one ahead.
    """
    ring = roadway.lanes[roadway.links[link].to_lane].ring
    if ring < 0 or roadway.lanes[v[vehicle].lane].ring == ring:
        return True
    used = places.ring_used[ring]
    return used == 0.0 or used + v[vehicle].length_m + RING_GAP_M < roadway.ring_m[ring]


@inline
def join_ring(vehicle, link, v, roadway, places):
    """Notes that a vehicle was let into a roundabout."""
    ring = roadway.lanes[roadway.links[link].to_lane].ring
    if ring >= 0 and roadway.lanes[v[vehicle].lane].ring != ring:
        places.ring_used[ring] += v[vehicle].length_m + 2.0


@inline
def _held_length(vehicle, link, v, roadway, places):
    """Length of road that those who hold a way will need behind it."""
    total = 0.0
    other = places.holder[link]
    while other >= 0:
        if other != vehicle:
            total += v[other].length_m + 2.0
        other = places.holder_next[other]
    return total
