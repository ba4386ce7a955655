"""Where people walk: sidewalks and crossings, cut where they meet and joined into one graph.

The end of a crossing joins the nearest sidewalk, in its middle if need be; ends of sidewalks join
other sidewalks that they nearly touch. What is further apart stays apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fleetloop.envs.maps.drafts import CrossingDraft, LaneDraft
from fleetloop.envs.maps.kinds import LaneKind
from fleetloop.envs.maps.network import Walks
from fleetloop.envs.maps.polyline import Floats, project

CROSSING_REACH_M = 4.0
SIDEWALK_REACH_M = 2.5
_SAME_PLACE_M = 0.6


@dataclass(slots=True, kw_only=True)
class _Join:
    """The end of one lane (0 begin, 1 end) meets another at a distance along it."""

    lane: int
    end: int
    other: int
    s_m: float


@dataclass(slots=True, kw_only=True)
class _Graph:
    xyz: list[Floats] = field(default_factory=list)
    edges: list[tuple[int, int, int, float, float, float, float, int]] = field(default_factory=list)

    def node(self, xyz_m: Floats) -> int:
        self.xyz.append(xyz_m)
        return len(self.xyz) - 1


def join_walks(lanes: Sequence[LaneDraft], crossings: Sequence[CrossingDraft]) -> Walks:
    """Makes the graph of all sidewalks and crossings."""
    walkable = [row for row, lane in enumerate(lanes)
                if lane.kind in (LaneKind.SIDEWALK, LaneKind.CROSSING)]  # fmt: skip
    joins = _find_joins(lanes, walkable)
    crossing_of = {crossing.lane: row for row, crossing in enumerate(crossings)}
    cuts = {row: [0.0, lanes[row].curve.length_m] for row in walkable}
    for join in joins:
        join.s_m = _cut(cuts[join.other], join.s_m)
    graph = _Graph()
    nodes: dict[tuple[int, float], int] = {}
    for row in walkable:
        _add_lane(graph, nodes, row, lanes[row], cuts[row], crossing_of.get(row, -1))
    for join in joins:
        end_s = lanes[join.lane].curve.length_m if join.end else 0.0
        one, two = nodes[join.lane, end_s], nodes[join.other, join.s_m]
        gap = float(np.linalg.norm(graph.xyz[one] - graph.xyz[two]))
        if one != two:
            width = float(lanes[join.lane].width_left_m[0] + lanes[join.lane].width_right_m[0])
            graph.edges.append((one, two, -1, 0.0, gap, gap, width, -1))
    return _frozen(graph)


def _find_joins(lanes: Sequence[LaneDraft], walkable: Sequence[int]) -> list[_Join]:
    sidewalks = [row for row in walkable if lanes[row].kind == LaneKind.SIDEWALK]
    if not sidewalks:
        return []
    boxes = np.array(
        [np.concatenate([lanes[row].curve.xyz_m[:, :2].min(axis=0),
                         lanes[row].curve.xyz_m[:, :2].max(axis=0)]) for row in sidewalks]
    )  # fmt: skip
    joins: list[_Join] = []
    for row in walkable:
        crossing = lanes[row].kind == LaneKind.CROSSING
        reach = CROSSING_REACH_M if crossing else SIDEWALK_REACH_M
        for end in (0, 1):
            place = lanes[row].curve.xyz_m[-end]
            near = (place[:2] > boxes[:, :2] - reach) & (place[:2] < boxes[:, 2:] + reach)
            found = []
            for index in np.flatnonzero(near.all(axis=1)):
                other = sidewalks[int(index)]
                if other == row:
                    continue
                s, gap = project(lanes[other].curve.xyz_m, place)
                if gap <= reach:
                    found.append((gap, other, s))
            found.sort()
            joins.extend(_Join(lane=row, end=end, other=other, s_m=s)
                         for _, other, s in (found[:1] if crossing else found))  # fmt: skip
    return joins


def _cut(cuts: list[float], s_m: float) -> float:
    """Cuts a lane at a place, or takes a cut that is there already."""
    for present in cuts:
        if abs(present - s_m) < _SAME_PLACE_M:
            return present
    cuts.append(s_m)
    return s_m


def _add_lane(
    graph: _Graph,
    nodes: dict[tuple[int, float], int],
    row: int,
    lane: LaneDraft,
    cuts: list[float],
    crossing: int,
) -> None:
    curve = lane.curve
    width = float((lane.width_left_m + lane.width_right_m).mean())
    ordered = sorted(set(cuts))
    for s in ordered:
        xyz = np.array([np.interp(s, curve.s_m, curve.xyz_m[:, i]) for i in range(3)])
        nodes[row, s] = graph.node(xyz)
    for a, b in itertools.pairwise(ordered):
        graph.edges.append((nodes[row, a], nodes[row, b], row, a, b, b - a, width, crossing))


def _frozen(graph: _Graph) -> Walks:
    ints, floats = np.int32, np.float64
    columns = list(zip(*graph.edges, strict=True)) or [()] * 8
    return Walks(
        xyz_m=np.array(graph.xyz, dtype=floats).reshape(-1, 3),
        node_a=np.array(columns[0], dtype=ints),
        node_b=np.array(columns[1], dtype=ints),
        lane=np.array(columns[2], dtype=ints),
        s_a_m=np.array(columns[3], dtype=floats),
        s_b_m=np.array(columns[4], dtype=floats),
        length_m=np.array(columns[5], dtype=floats),
        width_m=np.array(columns[6], dtype=floats),
        crossing=np.array(columns[7], dtype=ints),
    )
