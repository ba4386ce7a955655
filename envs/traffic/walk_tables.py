"""Where people walk, as tables that kernels read: the walking graph, its crossings, short cuts.

A short cut is a place where somebody could cross the road without a crossing: from one sidewalk
straight over ordinary lanes to another.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.kinds import LaneKind
from fleetloop.envs.maps.network import RoadNetwork

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Table = npt.NDArray[Any]

EDGE = np.dtype(
    [
        ("node_a", np.int32),
        ("node_b", np.int32),
        ("lane", np.int32),  # -1: a straight step between two nodes
        ("crossing", np.int32),
        ("s_a_m", np.float64),
        ("length_m", np.float64),
        ("half_m", np.float64),  # half the width
        ("first_cut", np.int32),
        ("last_cut", np.int32),
    ],
    align=True,
)
CROSSING = np.dtype(
    [
        ("kind", np.int32),
        ("signal", np.int32),
        ("signal_index", np.int32),
        ("first", np.int32),  # of its crossed lanes
        ("last", np.int32),
    ],
    align=True,
)
CROSSED = np.dtype(
    [
        ("lane", np.int32),
        ("next", np.int32),  # another crossing of the same lane, -1
        ("enter_m", np.float64),
        ("exit_m", np.float64),
        ("walk_enter_m", np.float64),
        ("walk_exit_m", np.float64),
    ],
    align=True,
)
CUT = np.dtype(
    [
        ("s_m", np.float64),
        ("edge", np.int32),  # on the other side; -1: something stands in the way
        ("other_s_m", np.float64),
        ("x_m", np.float64),
        ("y_m", np.float64),
        ("from_x_m", np.float64),
        ("from_y_m", np.float64),
    ],
    align=True,
)

CUT_EVERY_M = 8.0
CUT_FAR_M = 24.0
"""Roads that are wider than this are not crossed at a run."""

_NARROWEST_CUT_M = 4.0
_JUNCTION_M = 15.0


class Walkway(NamedTuple):
    """The walking graph; rows as in `Walks` and `Crossings`."""

    edges: Table  # (e,) EDGE
    first: Ints  # (nodes + 1,) rows of `out`
    out: Ints  # (2 e,) edges at each node
    node_m: Floats  # (nodes, 3)
    crossings: Table  # (c,) CROSSING
    crossed: Table  # (k,) CROSSED
    on_lane: Ints  # (lanes,) the first crossing on each lane, row of `crossed`, -1
    cuts: Table  # (u,) CUT


def walkway_of(network: RoadNetwork) -> Walkway:
    """Puts the walking graph of a network into tables."""
    walks = network.walks
    nodes, count = len(walks.xyz_m), len(walks.node_a)
    edges = np.zeros(count, EDGE)
    for name in ("node_a", "node_b", "lane", "crossing", "s_a_m", "length_m"):
        edges[name] = getattr(walks, name)
    edges["half_m"] = 0.5 * walks.width_m
    ends = np.concatenate([walks.node_a, walks.node_b])
    order = np.argsort(ends, kind="stable")
    table = network.crossings
    crossings = np.zeros(len(table), CROSSING)
    for name in ("kind", "signal", "signal_index"):
        crossings[name] = getattr(table, name)
    crossings["first"], crossings["last"] = table.begin[:-1], table.begin[1:]
    crossed = np.zeros(len(table.crossed_lane), CROSSED)
    crossed["lane"] = table.crossed_lane
    for name in ("enter_m", "exit_m", "walk_enter_m", "walk_exit_m"):
        crossed[name] = getattr(table, name)
    on_lane = np.full(len(network.lanes), -1, np.int32)
    for row, lane in enumerate(table.crossed_lane):
        crossed["next"][row], on_lane[lane] = on_lane[lane], row
    cuts = _cuts(network, edges)
    return Walkway(
        edges=edges,
        first=np.searchsorted(ends[order], np.arange(nodes + 1)).astype(np.int32),
        out=np.tile(np.arange(count, dtype=np.int32), 2)[order],
        node_m=walks.xyz_m,
        crossings=crossings,
        crossed=crossed,
        on_lane=on_lane,
        cuts=cuts,
    )


def _cuts(network: RoadNetwork, edges: Table) -> Table:
    """Finds the short cuts of all sidewalks, and notes in `edges` which are whose."""
    lanes = network.lanes
    points = _sidewalk_points(network, edges)
    roads = (lanes.kind == LaneKind.DRIVE) & (lanes.junction < 0)
    is_road = np.repeat(roads, np.diff(lanes.begin))
    road_m = lanes.xyz_m[is_road, :2][::2]
    junctions_m = network.junctions.center_m
    found: list[tuple[float | int, ...]] = []
    for edge in range(len(edges)):
        edges["first_cut"][edge] = len(found)
        mine = points[points[:, 0] == edge] if len(road_m) else points[:0]
        others = points[points[:, 0] != edge]
        last = -CUT_EVERY_M
        for _, s, x, y, heading in mine:
            if s - last < CUT_EVERY_M or len(others) == 0:
                continue
            if len(junctions_m) and _nearest(junctions_m, x, y) < _JUNCTION_M:
                continue
            away = others[:, 2:4] - [x, y]
            along = np.abs(away @ [np.cos(heading), np.sin(heading)])
            across = np.linalg.norm(away, axis=1)
            fits = (along < 0.7) & (across > _NARROWEST_CUT_M) & (across < CUT_FAR_M)
            for row in np.flatnonzero(fits)[np.argsort(across[fits])][:1]:
                middle = 0.5 * (others[row, 2:4] + [x, y])
                if _nearest(road_m, *middle) < 0.5 * across[row]:
                    found.append((s, int(others[row, 0]), others[row, 1], *others[row, 2:4], x, y))
                    last = s
        edges["last_cut"][edge] = len(found)
    return np.array(found, CUT)


def _sidewalk_points(network: RoadNetwork, edges: Table) -> Floats:
    """Edge, distance along it, x, y and heading of points on sidewalks, (p, 5)."""
    rows = []
    for edge in np.flatnonzero((edges["lane"] >= 0) & (edges["crossing"] < 0)):
        inner = np.arange(2.0, float(edges["length_m"][edge]) - 2.0, 1.0)
        for s in inner:
            x, y, _, heading = network.lanes.pose_at(
                int(edges["lane"][edge]), float(edges["s_a_m"][edge]) + s
            )
            rows.append((edge, s, x, y, heading))
    return np.array(rows, dtype=np.float64).reshape(-1, 5)


def _nearest(points_m: Floats, x: float, y: float) -> float:
    return float(np.hypot(points_m[:, 0] - x, points_m[:, 1] - y).min())
