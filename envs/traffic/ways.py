"""Which way vehicles take at the end of their lane, and which lane they need for it."""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np

from fleetloop.envs.trace.jit import inline, kernel
from fleetloop.envs.traffic.arrays import LONG_M, Roadway, Table
from fleetloop.envs.traffic.draws import uniform
from fleetloop.envs.traffic.junctions import has_room

TURNS_ELSEWHERE = 0.3
"""Part of those on roads of several lanes whose way leads on from the lane beside."""


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
def reconsider(vehicle, v, roadway, places, blocks, seed):
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
def draw_wish(vehicle, v, roadway, seed):
    """Whether the way of a vehicle needs the lane beside the one that it has come onto."""
    lane = v[vehicle].lane
    left, right = roadway.lanes[lane].left, roadway.lanes[lane].right
    still = left if v[vehicle].wants > 0 else right
    if v[vehicle].wants != 0 and still >= 0:
        return
    v[vehicle].wants = 0
    if left < 0 and right < 0:
        return
    # From a lane that ends one has to leave; else some want to turn where another one leads.
    ends = v[vehicle].link < 0
    if not ends and uniform(vehicle, v, seed) > TURNS_ELSEWHERE:
        return
    left_goes, right_goes = _goes_on(left, roadway), _goes_on(right, roadway)
    if left_goes and (not right_goes or uniform(vehicle, v, seed) < 0.5):
        v[vehicle].wants = 1
    elif right_goes:
        v[vehicle].wants = -1


@inline
def _goes_on(lane, roadway):
    """Whether there is such a lane, and a way from it."""
    return lane >= 0 and roadway.lanes[lane].first_way < roadway.lanes[lane].last_way


@kernel
def first_ways(v: Table, roadway: Roadway, seed: np.uint64) -> None:
    """Draws the first way of all vehicles that have none."""
    for vehicle in range(len(v)):
        if v[vehicle].lane >= 0 and v[vehicle].link < 0 and not v[vehicle].fixed:
            v[vehicle].link = choose_way(vehicle, v, roadway, seed)
