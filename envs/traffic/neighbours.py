"""Who is ahead and behind of a place on a lane that a vehicle is on in part, or may come onto."""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201

from __future__ import annotations

from fleetloop.envs.trace.jit import inline
from fleetloop.envs.traffic.following import FREE_M


@inline
def beside_m(vehicle, lane, v, roadway):
    """Place on a lane beside a vehicle's own, at the same part of the length."""
    share = v[vehicle].s_m / roadway.lanes[v[vehicle].lane].length_m
    return share * roadway.lanes[lane].length_m


@inline
def neighbours(vehicle, chain, place, v, roadway, gaps, at):
    """Gap ahead, gap behind, speed ahead, follower of a place on a chain, into `gaps` from `at`."""
    gaps[at], gaps[at + 1], gaps[at + 2], gaps[at + 3] = FREE_M, FREE_M, 0.0, -1.0
    half = 0.5 * v[vehicle].length_m
    for other in range(len(v)):
        if other == vehicle or v[other].lane < 0:
            continue
        lane, old, link = v[other].lane, v[other].old_lane, v[other].link
        if roadway.lanes[lane].chain == chain:
            where = roadway.lanes[lane].chain_m + v[other].s_m
        elif old >= 0 and roadway.lanes[old].chain == chain:
            where = roadway.lanes[old].chain_m + beside_m(other, old, v, roadway)
        elif link >= 0 and roadway.lanes[roadway.links[link].to_lane].chain == chain:
            # It is on its way there.
            begin = roadway.lanes[roadway.links[link].to_lane].chain_m
            where = begin + v[other].s_m - roadway.lanes[lane].length_m
            connector = roadway.links[link].connector
            if connector >= 0 and connector != lane:
                where -= roadway.lanes[connector].length_m
        else:
            continue
        away = where - place
        gap = abs(away) - half - 0.5 * v[other].length_m
        if away > 0.0:
            if gap < gaps[at]:
                gaps[at], gaps[at + 2] = gap, v[other].speed_m_s
        elif gap < gaps[at + 1]:
            gaps[at + 1], gaps[at + 3] = gap, float(other)
