"""Finds vehicles that wait for each other in a circle, where, and since when.

Who waits for whom is a graph: for the one ahead, for those who hold a way that crosses one's own,
for the last one on a lane that is full. A circle in it never dissolves by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleetloop.core.types import Event
from fleetloop.envs.maps.kinds import ConflictKind
from fleetloop.envs.traffic.arrays import Table
from fleetloop.envs.traffic.traffic import Traffic

STANDS_S = 45.0
"""Longer than the red of most signals: who stands for so long is looked at."""

_NEAR_M = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlock:
    """Vehicles in a circle.

    Attributes:
        t_s: Simulated time.
        vehicles: Rows, sorted.
        place_m: Middle of them, x and y.
        waited_s: How long the one that moved last has been standing.
    """

    t_s: float
    vehicles: tuple[int, ...]
    place_m: tuple[float, float]
    waited_s: float


def find_deadlocks(traffic: Traffic, *, stands_s: float = STANDS_S) -> list[Deadlock]:
    """Finds the circles among those who have been standing for some time.

    Args:
        traffic: Which.
        stands_s: Who has moved since is not in one.
    """
    vehicles, poses = traffic.vehicles, traffic.poses()
    standing = np.flatnonzero(traffic.present & (vehicles["waited_s"] >= stands_s))
    waits = {int(row): _waits_for(traffic, int(row)) for row in standing}
    found = []
    for circle in _circles(waits):
        rows = np.array(circle)
        middle = poses[rows, :2].mean(axis=0)
        found.append(
            Deadlock(
                t_s=traffic.t_s,
                vehicles=tuple(circle),
                place_m=(float(middle[0]), float(middle[1])),
                waited_s=float(vehicles["waited_s"][rows].min()),
            )
        )
    return found


def deadlock_events(traffic: Traffic, t_ns: int, step_s: float) -> tuple[Event, ...]:
    """Deadlocks that came about in a step, for the log of an episode.

    A circle is told once: when the last of its members has been standing for `STANDS_S`. Nothing
    is remembered, so a restored episode tells the same.

    Args:
        traffic: After the step.
        t_ns: Time of the episode after the step.
        step_s: Length of the step.
    """
    # Waits are sums of steps: within a millionth of a step they are the same.
    fresh_s = (STANDS_S - 1e-6 * step_s, STANDS_S + (1.0 - 1e-6) * step_s)
    waited = traffic.vehicles["waited_s"]
    if not ((waited >= fresh_s[0]) & (waited < fresh_s[1])).any():
        return ()
    return tuple(
        Event(
            t_ns=t_ns,
            kind="deadlock",
            detail={
                "vehicles": " ".join(str(row) for row in found.vehicles),
                "x_m": found.place_m[0],
                "y_m": found.place_m[1],
            },
        )
        for found in find_deadlocks(traffic, stands_s=fresh_s[0])
        if found.waited_s < fresh_s[1]
    )


def _waits_for(traffic: Traffic, row: int) -> list[int]:
    """Rows that a standing vehicle waits for."""
    vehicles, network = traffic.vehicles, traffic.network
    me = vehicles[row]
    lane, link = int(me["lane"]), int(me["link"])
    ahead = (vehicles["lane"] == lane) & (vehicles["s_m"] > me["s_m"])
    if ahead.any():
        rows = np.flatnonzero(ahead)
        return [int(rows[np.argmin(vehicles["s_m"][rows])])]
    if link < 0:
        return []
    found = set(_last_on(vehicles, int(network.links.to_lane[link])))
    connector = int(network.links.connector[link])
    if connector < 0 or connector == lane:
        return sorted(found - {row})
    found |= set(_last_on(vehicles, connector))
    first, last = network.links.conflict_begin[link], network.links.conflict_begin[link + 1]
    kinds = network.links.conflict_kind[first:last]
    others = network.links.conflict_link[first:last][kinds != ConflictKind.DIVERGE]
    on_way = np.isin(network.links.connector[others], vehicles["lane"])
    held = np.isin(vehicles["link"], others) & vehicles["go"] & (vehicles["lane"] >= 0)
    held |= np.isin(vehicles["tail_link"], others) & (vehicles["lane"] >= 0)
    held |= np.isin(vehicles["lane"], network.links.connector[others[on_way]])
    found |= {int(other) for other in np.flatnonzero(held)}
    return sorted(found - {row})


def _last_on(vehicles: Table, lane: int) -> list[int]:
    """The vehicle that is nearest to the begin of a lane, if it leaves no room."""
    rows = np.flatnonzero(vehicles["lane"] == lane)
    if len(rows) == 0:
        return []
    last = int(rows[np.argmin(vehicles["s_m"][rows])])
    rear = vehicles["s_m"][last] - 0.5 * vehicles["length_m"][last]
    return [last] if rear < _NEAR_M else []


def _circles(waits: dict[int, list[int]]) -> list[list[int]]:
    """Strongly connected parts of more than one row, sorted [Kosaraju 1978: two searches]."""
    inside = {row: [other for other in others if other in waits] for row, others in waits.items()}
    order: list[int] = []
    seen: set[int] = set()
    for start in inside:
        stack = [(start, False)]
        while stack:
            row, done = stack.pop()
            if done:
                order.append(row)
            elif row not in seen:
                seen.add(row)
                stack.append((row, True))
                stack += [(other, False) for other in inside[row] if other not in seen]
    back: dict[int, list[int]] = {row: [] for row in inside}
    for row, others in inside.items():
        for other in others:
            back[other].append(row)
    circles, taken = [], set[int]()
    for start in reversed(order):
        part, rows = [], [start]
        while rows:
            row = rows.pop()
            if row not in taken:
                taken.add(row)
                part.append(row)
                rows += back[row]
        if len(part) > 1:
            circles.append(sorted(part))
    return circles
