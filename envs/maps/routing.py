"""The way from lane to lane: fields of travel time, one for each destination, and routes in them.

A field tells, for every lane, how long the drive from its begin to the begin of the destination
lane takes at the speed limit, changes of lane included. Whoever follows the smallest value of
what comes next (see `LaneEdges`) is on a shortest way from anywhere, after a wrong turn too.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.envs.maps.kinds import LaneKind
from fleetloop.envs.maps.network import Ints, RoadNetwork
from fleetloop.envs.trace.jit import kernel

Floats = npt.NDArray[np.float64]

FOLLOW, CHANGE_LEFT, CHANGE_RIGHT = 0, 1, 2

CHANGE_S = 3.0
"""What a change of lane costs: about as long as one takes."""

_KEPT_FIELDS = 512


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LaneEdges:
    """All moves on drive lanes, flat: those of lane i are `begin[i]:begin[i + 1]`.

    Attributes:
        begin: (n + 1,).
        target: (e,) lane.
        kind: (e,) FOLLOW, CHANGE_LEFT or CHANGE_RIGHT.
        cost_s: (e,) from the begin of the lane to the begin of the target.
    """

    begin: Ints
    target: Ints
    kind: npt.NDArray[np.uint8]
    cost_s: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Route:
    """Lanes in order. `moves[i]` leads from `lanes[i]` to `lanes[i + 1]`.

    Attributes:
        lanes: (k,) connectors included.
        moves: (k - 1,) FOLLOW, CHANGE_LEFT or CHANGE_RIGHT.
        time_s: From the begin of the first to the begin of the last lane, at the limits.
    """

    lanes: Ints
    moves: npt.NDArray[np.uint8]
    time_s: float


class Router:
    """Answers how to get somewhere.

    Args:
        network: The map.

    Attributes:
        network: The map.
        edges: All moves.
    """

    def __init__(self, network: RoadNetwork) -> None:
        self.network = network
        self.edges = lane_edges(network)
        self._reverse = _reversed(self.edges)
        self._fields: OrderedDict[int, Floats] = OrderedDict()

    def field(self, to_lane: int) -> Floats:
        """Seconds (n,) from the begin of each lane to the begin of `to_lane`; inf without a way.

        Read-only, and kept for the next who asks.

        Raises:
            ConfigError: No such lane.
        """
        if not 0 <= to_lane < len(self.network.lanes):
            raise ConfigError(
                f"Lane {to_lane} does not exist: the map has {len(self.network.lanes)}."
            )
        found = self._fields.get(to_lane)
        if found is None:
            begin, source, cost = self._reverse
            found = _dijkstra(begin, source, cost, to_lane)
            found.setflags(write=False)
            self._fields[to_lane] = found
            if len(self._fields) > _KEPT_FIELDS:
                self._fields.popitem(last=False)
        else:
            self._fields.move_to_end(to_lane)
        return found

    def route(self, from_lane: int, to_lane: int) -> Route | None:
        """A shortest route, or None without a way; of equal ones the first in edge order."""
        field = self.field(to_lane)
        if not np.isfinite(field[from_lane]):
            return None
        lanes, moves = [from_lane], []
        while lanes[-1] != to_lane:
            rows = slice(int(self.edges.begin[lanes[-1]]), int(self.edges.begin[lanes[-1] + 1]))
            best = int(np.argmin(self.edges.cost_s[rows] + field[self.edges.target[rows]]))
            lanes.append(int(self.edges.target[rows][best]))
            moves.append(int(self.edges.kind[rows][best]))
        return Route(
            lanes=np.array(lanes, dtype=np.int32),
            moves=np.array(moves, dtype=np.uint8),
            time_s=float(field[from_lane]),
        )


def lane_edges(network: RoadNetwork) -> LaneEdges:
    """All moves on the drive lanes of a map."""
    lanes = network.lanes
    drive = lanes.kind == LaneKind.DRIVE
    begin, target, kind, cost = [0], [], [], []
    for lane in range(len(lanes)):
        if drive[lane]:
            time = float(lanes.length_m[lane] / lanes.speed_limit_m_s[lane])
            for after in lanes.following(lane):
                if drive[after]:
                    target.append(int(after))
                    kind.append(FOLLOW)
                    cost.append(time)
            for side, allowed, move in (
                (lanes.left[lane], lanes.left_change[lane], CHANGE_LEFT),
                (lanes.right[lane], lanes.right_change[lane], CHANGE_RIGHT),
            ):
                if side >= 0 and allowed and drive[side]:
                    target.append(int(side))
                    kind.append(move)
                    cost.append(CHANGE_S)
        begin.append(len(target))
    return LaneEdges(
        begin=np.array(begin, dtype=np.int32),
        target=np.array(target, dtype=np.int32),
        kind=np.array(kind, dtype=np.uint8),
        cost_s=np.array(cost, dtype=np.float64),
    )


def _reversed(edges: LaneEdges) -> tuple[Ints, Ints, Floats]:
    """Edges by their target: offsets (n + 1,), sources and costs (e,)."""
    count = len(edges.begin) - 1
    source = np.repeat(np.arange(count, dtype=np.int32), np.diff(edges.begin))
    order = np.argsort(edges.target, kind="stable")
    begin = np.zeros(count + 1, dtype=np.int32)
    begin[1:] = np.cumsum(np.bincount(edges.target, minlength=count))
    return begin, source[order], edges.cost_s[order]


@kernel
def _dijkstra(begin: Ints, source: Ints, cost: Floats, start: int) -> Floats:
    """Shortest times from all nodes to one, along edges listed by target [Dijkstra 1959]."""
    count = len(begin) - 1
    best = np.full(count, np.inf)
    # A binary heap of (time, node); stale entries are skipped when they come up.
    heap_time = np.empty(len(source) + 1)
    heap_node = np.empty(len(source) + 1, np.int64)
    heap_time[0], heap_node[0], size = 0.0, start, 1
    best[start] = 0.0
    while size > 0:
        time, node = heap_time[0], heap_node[0]
        size -= 1
        last_time, last_node = heap_time[size], heap_node[size]
        place = 0
        while True:
            child = 2 * place + 1
            if child >= size:
                break
            if child + 1 < size and heap_time[child + 1] < heap_time[child]:
                child += 1
            if heap_time[child] >= last_time:
                break
            heap_time[place], heap_node[place] = heap_time[child], heap_node[child]
            place = child
        heap_time[place], heap_node[place] = last_time, last_node
        if time > best[node]:
            continue
        for row in range(begin[node], begin[node + 1]):
            other, reached = source[row], time + cost[row]
            if reached < best[other]:
                best[other] = reached
                place = size
                size += 1
                while place > 0 and heap_time[(place - 1) // 2] > reached:
                    parent = (place - 1) // 2
                    heap_time[place], heap_node[place] = heap_time[parent], heap_node[parent]
                    place = parent
                heap_time[place], heap_node[place] = reached, other
    return best
