"""Junctions on the ground: which nodes are one junction, and where each street is cut back for it.

A street is cut where its kerbs are clear of those of the other streets, and room for the corner is
left. What is too short to be a street between two such cuts belongs to the junction: the nodes at
its ends become one. So dual carriageways that cross, short links between carriageways and
staggered arms become one junction each, whatever their shape.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from fleetloop.envs.maps.osm.graph import Graph
from fleetloop.envs.maps.osm.heights import raise_bridges
from fleetloop.envs.maps.osm.parse import Document
from fleetloop.envs.maps.osm.streets import Street
from fleetloop.envs.maps.polyline import Floats, distances, offset, wrap

STEP_M = 0.5
SHORTEST_M = 4.0
SHORTEST_RING_M = 2.2
SHORTEST_BETWEEN_LIGHTS_M = 14.0
WIDEST_SITE_M = 70.0
"""Streets too short for two junctions make one of them, up to this width."""

_REACH_M = 45.0
_FARTHEST_CUT_M = 32.0
_KERB_GAP_M = 0.4
_LEAST_CUT_M = 2.5
_LOOK_M = 12.0
_STRAIGHT_RAD = np.deg2rad(150.0)
_PARALLEL_RAD = np.deg2rad(14.0)
_CORNER_M = {False: 5.0, True: 3.0}


@dataclass(slots=True, kw_only=True, eq=False)
class Leg:
    """The end of an edge at a junction, seen outwards.

    Attributes:
        edge, end: Which one; end 0 is the edge's begin.
        node: Of the map.
        street: Its cross-section seen outwards.
        line_m: (n, 3) points of the way's line, even steps, from the node on.
        axis_m: (n, 3) the middle between the kerbs.
        heading_rad: (n,) outwards.
        cut_m: Where the street begins.
    """

    edge: int
    end: int
    node: int
    street: Street
    line_m: Floats
    axis_m: Floats
    heading_rad: Floats
    cut_m: float = 0.0

    @property
    def half_m(self) -> float:
        """Half of the width between the kerbs."""
        return 0.5 * self.street.width_m

    def direction_rad(self) -> float:
        """Outwards, some metres from the node."""
        ahead = min(int(_LOOK_M / STEP_M), len(self.line_m) - 1)
        step = self.line_m[ahead] - self.line_m[0]
        return float(np.arctan2(step[1], step[0]))


@dataclass(slots=True, kw_only=True, eq=False)
class Site:
    """A junction, joint or end of the network.

    Attributes:
        nodes: Of the map.
        legs: Streets that come to it.
        inner: Edges that lie inside.
    """

    nodes: list[int]
    legs: list[Leg] = field(default_factory=list)
    inner: list[int] = field(default_factory=list)

    @property
    def is_joint(self) -> bool:
        """Whether one street goes on as another."""
        return len(self.legs) == 2 and not self.inner


@dataclass(slots=True, kw_only=True, eq=False)
class Layout:
    """All of them.

    Attributes:
        sites: Junctions.
        lines_m: (n, 3) smooth line of each edge.
        site_of: Row of the site at each node.
        bridges: How often streets cross on different levels.
    """

    sites: list[Site]
    lines_m: list[Floats]
    site_of: dict[int, int]
    bridges: int = 0


def lay_out(graph: Graph, lights: set[int], document: Document) -> Layout:
    """Finds the junctions of a graph and cuts all streets back.

    Args:
        graph: Streets.
        lights: Nodes whose junction has traffic lights.
        document: The map, which knows what lies over what.
    """
    lines = [smooth(graph.line(edge), _window(edge.street)) for edge in graph.edges]
    bridges = raise_bridges(graph, document, lines)
    group = {node: node for node in graph.at}
    inner: set[int] = set()
    squeezed: set[int] = set()
    while True:
        layout = _sites(graph, lines, group, inner)
        for site in layout.sites:
            cut_back(site)
        short = set(_too_short(graph, layout, inner, lights)) - squeezed
        for number in sorted(short):
            if _widest_m(graph, group, graph.edges[number].ends) > WIDEST_SITE_M:
                squeezed.add(number)
                continue
            inner.add(number)
            _unite(group, *graph.edges[number].ends)
        if not short - squeezed:
            break
    _squeeze(layout, squeezed - inner)
    layout.bridges = bridges
    return layout


def _widest_m(graph: Graph, group: dict[int, int], ends: tuple[int, int]) -> float:
    """How wide the junction would be that the ends of an edge become."""
    roots = {group[node] for node in ends}
    places = np.array([graph.place_m[node][:2] for node, root in group.items() if root in roots])
    return float(np.ptp(places, axis=0).max())


def _squeeze(layout: Layout, numbers: set[int]) -> None:
    """Shares what little room there is where a junction would grow too wide otherwise."""
    cuts: dict[int, list[Leg]] = defaultdict(list)
    for site in layout.sites:
        for leg in site.legs:
            if leg.edge in numbers:
                cuts[leg.edge].append(leg)
    for number, legs in cuts.items():
        length = float(distances(layout.lines_m[number][:, :2])[-1])
        total = sum(leg.cut_m for leg in legs)
        room = max(length - SHORTEST_RING_M, 0.5 * length)
        for leg in legs:
            leg.cut_m *= min(room / max(total, 1e-6), 1.0)


def smooth(points_m: Floats, window_m: float) -> Floats:
    """A line in even steps with its corners rounded; its ends stay where they are."""
    along = distances(points_m)
    count = max(int(np.ceil(along[-1] / STEP_M)), 2) + 1
    at = np.linspace(0.0, along[-1], count)
    even = np.column_stack([np.interp(at, along, points_m[:, k]) for k in range(3)])
    reach = int(0.5 * min(window_m, 0.6 * along[-1]) / STEP_M)
    if reach < 1:
        return even
    weights = np.full(2 * reach + 1, 1.0 / (2 * reach + 1))
    for _ in range(2):
        before = 2.0 * even[0] - even[reach:0:-1]
        after = 2.0 * even[-1] - even[-2 : -reach - 2 : -1]
        padded = np.concatenate([before, even, after])
        even = np.column_stack([np.convolve(padded[:, k], weights, "valid") for k in range(3)])
    return even


def line_headings(line_m: Floats) -> Floats:
    """Directions along an evenly sampled line (n,), continuous."""
    step = np.gradient(line_m[:, :2], axis=0)
    return np.asarray(np.unwrap(np.arctan2(step[:, 1], step[:, 0])))


def _window(street: Street) -> float:
    """Corners are rounded over some metres, more where the street is wide."""
    return 5.0 if street.ring else max(8.0, 1.5 * street.width_m)


def _unite(group: dict[int, int], one: int, two: int) -> None:
    a, b = sorted((group[one], group[two]))
    if a != b:
        for node, root in group.items():
            if root == b:
                group[node] = a


def _sites(graph: Graph, lines: list[Floats], group: dict[int, int], inner: set[int]) -> Layout:
    members: dict[int, list[int]] = defaultdict(list)
    for node in sorted(group):
        members[group[node]].append(node)
    layout = Layout(sites=[], lines_m=lines, site_of={})
    for nodes in members.values():
        site = Site(nodes=nodes)
        for node in nodes:
            layout.site_of[node] = len(layout.sites)
            for number, end in graph.at[node]:
                if number not in inner:
                    site.legs.append(_leg(graph, lines, number, end, node))
                elif number not in site.inner:
                    site.inner.append(number)
        layout.sites.append(site)
    return layout


def _leg(graph: Graph, lines: list[Floats], number: int, end: int, node: int) -> Leg:
    street = graph.edges[number].street
    line = lines[number] if end == 0 else lines[number][::-1]
    street = street if end == 0 else street.turned()
    heading = line_headings(line)
    middle = street.left_m - 0.5 * street.width_m
    return Leg(
        edge=number, end=end, node=node, street=street, line_m=line,
        axis_m=offset(line, heading, middle), heading_rad=heading,
    )  # fmt: skip


def cut_back(site: Site) -> None:
    """Finds where the streets of a junction begin."""
    legs = site.legs
    if len(legs) == 1 and not site.inner:
        legs[0].cut_m = 0.0
        return
    for leg in legs:
        leg.cut_m = _LEAST_CUT_M
    if site.is_joint:
        shift = max(
            abs(legs[0].half_m - legs[1].half_m),
            abs(legs[0].street.left_m + legs[1].street.left_m - legs[1].street.width_m),
        )
        for leg in legs:
            leg.cut_m = float(np.clip(2.5 * shift, _LEAST_CUT_M, 10.0))  # fmt: skip
        turned = abs(float(wrap(legs[0].direction_rad() - legs[1].direction_rad())))
        if turned > _STRAIGHT_RAD:
            return
    for leg in legs:
        for other in legs:
            if other is not leg:
                leg.cut_m = max(leg.cut_m, _cut_for(leg, other))
        leg.cut_m = min(leg.cut_m, _FARTHEST_CUT_M)


def _cut_for(leg: Leg, other: Leg) -> float:
    """How far a leg has to be cut back for another one."""
    between = abs(float(wrap(leg.direction_rad() - other.direction_rad())))
    if between > _STRAIGHT_RAD or (between < _PARALLEL_RAD and leg.node != other.node):
        return 0.0
    radius = _CORNER_M[leg.street.rank == 0 or other.street.rank == 0]
    if leg.street.ring or other.street.ring:
        radius = 2.0
    corner = min(radius / max(np.tan(0.5 * between), 0.2), 7.0)
    return _clear_m(leg, other) + float(corner)


def _clear_m(leg: Leg, other: Leg) -> float:
    """Distance from which on the kerbs of a leg are outside of another one's."""
    count = min(int(_REACH_M / STEP_M) + 1, len(leg.line_m))
    axis, heading = leg.axis_m[:count], leg.heading_rad[:count]
    against = other.axis_m[: int(_REACH_M / STEP_M) + 10 : 2, :2]
    inside = np.zeros(count, dtype=bool)
    for side in (leg.half_m, -leg.half_m, 0.0):
        border = offset(axis, heading, side)[:, :2]
        away = np.sqrt(((border[:, None] - against[None]) ** 2).sum(axis=2).min(axis=1))
        inside |= away < other.half_m + _KERB_GAP_M
    covered = np.flatnonzero(inside)
    return STEP_M * float(covered[-1] + 1) if len(covered) else 0.0


def _too_short(graph: Graph, layout: Layout, inner: set[int], lights: set[int]) -> list[int]:
    """Edges with no room left between two junctions; cuts that can give way do so first."""
    legs: dict[tuple[int, int], tuple[Leg, Site]] = {}
    for site in layout.sites:
        for leg in site.legs:
            legs[leg.edge, leg.end] = leg, site
    found = []
    for number, edge in enumerate(graph.edges):
        if number in inner:
            continue
        (one, a), (two, b) = legs[number, 0], legs[number, 1]
        length = float(distances(layout.lines_m[number])[-1])
        if edge.street.ring:
            _share_ring(one, two, length)
        room = length - one.cut_m - two.cut_m
        if room < SHORTEST_M:
            for leg, site in ((one, a), (two, b)):
                if site.is_joint:
                    leg.cut_m = max(min(leg.cut_m, leg.cut_m + room - SHORTEST_M), 1.0)
                    room = length - one.cut_m - two.cut_m
        lit = all(any(node in lights for node in site.nodes) for site in (a, b)) and a is not b
        ends = len(a.legs) == 1 or len(b.legs) == 1
        least = SHORTEST_RING_M if edge.street.ring else SHORTEST_M
        if room < (SHORTEST_BETWEEN_LIGHTS_M if lit and not ends else least):
            found.append(number)
    return found


def _share_ring(one: Leg, two: Leg, length_m: float) -> None:
    """Lets a piece of a roundabout keep a third of its length as a street."""
    most = length_m / 3.0
    if length_m > 7.0:
        one.cut_m, two.cut_m = min(one.cut_m, most), min(two.cut_m, most)
