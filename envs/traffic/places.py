"""Who is where: vehicles sorted along lanes, and listed by the ways that they hold."""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.jit import inline

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


class Places(NamedTuple):
    """Index of one instant, made anew in each step."""

    order: Ints  # (n,): vehicles by lane, then by distance
    rank: Ints  # (n,): place of a vehicle in `order`
    first: Ints  # (lanes + 1,): where each lane's vehicles begin in `order`
    holder: Ints  # (links,): first vehicle that holds a way, -1
    holder_next: Ints  # (n,): the next one
    tail: Ints  # (links,): first vehicle whose rear is still on a way, -1
    tail_next: Ints  # (n,)
    ring_used: Floats  # (rings,) length of road that those in each roundabout need


@inline
def sort_places(lanes, v, places):
    """Insertion sort: from step to step the order hardly changes. Those outside (-1) come last."""
    order = places.order
    for k in range(1, len(order)):
        vehicle = order[k]
        slot = k
        while slot > 0 and _after(order[slot - 1], vehicle, v):
            order[slot] = order[slot - 1]
            slot -= 1
        order[slot] = vehicle
    places.first[:] = 0
    for k in range(len(order)):
        places.rank[order[k]] = k
        lane = v[order[k]].lane
        if lane >= 0:
            places.first[lane + 1] += 1
    for row in range(lanes):
        places.first[row + 1] += places.first[row]


@inline
def _after(one, two, v):
    """Whether vehicle `one` belongs behind `two` in the order; the row breaks ties."""
    a, b = v[one].lane, v[two].lane
    if a != b:
        return (a > b or a < 0) and b >= 0
    if v[one].s_m != v[two].s_m:
        return v[one].s_m > v[two].s_m
    return one > two


@inline
def list_holders(v, roadway, places):
    """Lists, for each way, who may enter it or is on it, and whose rear is still there."""
    places.holder[:] = -1
    places.tail[:] = -1
    for vehicle in range(len(v) - 1, -1, -1):
        if v[vehicle].lane < 0:
            continue
        link = v[vehicle].link
        on = roadway.lanes[v[vehicle].lane].connector_link >= 0
        if link >= 0 and (on or v[vehicle].go):
            hold(vehicle, link, places)
        if v[vehicle].tail_link >= 0:
            tail = v[vehicle].tail_link
            places.tail_next[vehicle] = places.tail[tail]
            places.tail[tail] = vehicle


@inline
def fill_rings(v, roadway, places):
    """Adds up how much of each roundabout is taken, by those who were let in too."""
    places.ring_used[:] = 0.0
    for vehicle in range(len(v)):
        lane, link = v[vehicle].lane, v[vehicle].link
        if lane < 0:
            continue
        ring = roadway.lanes[lane].ring
        if ring < 0 and link >= 0 and (v[vehicle].go or roadway.lanes[lane].connector_link >= 0):
            ring = roadway.lanes[roadway.links[link].to_lane].ring
        if ring >= 0:
            places.ring_used[ring] += v[vehicle].length_m + 2.0


@inline
def hold(vehicle, link, places):
    """Notes that a vehicle holds a way."""
    places.holder_next[vehicle] = places.holder[link]
    places.holder[link] = vehicle


@inline
def place_on_way(vehicle, link, v, roadway):
    """Place of a vehicle's middle on a way that it holds: negative while it has not entered."""
    lane = v[vehicle].lane
    if roadway.lanes[lane].connector_link == link:
        return v[vehicle].s_m
    return v[vehicle].s_m - roadway.lanes[lane].length_m
