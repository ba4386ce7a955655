"""Streets as a graph: ways cut where they meet, and joined again where nothing changes."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace

import numpy as np

from fleetloop.envs.maps.osm.parse import Document
from fleetloop.envs.maps.osm.places import Country
from fleetloop.envs.maps.osm.streets import Street, is_street, street_of, with_the_way
from fleetloop.envs.maps.polyline import Floats, distances

SMALLEST_RING_M = 8.0
"""Roundabouts of a smaller radius are widened to it: less is below a car's turning circle."""


LEAST_SHARE = 0.1
"""Streets apart from the rest are left out if they are less than this part of the longest piece."""


@dataclass(slots=True, kw_only=True, eq=False)
class Edge:
    """A street between two nodes.

    Attributes:
        nodes: Of the map, in its direction.
        street: Cross-section.
        ways: Numbers of the ways that it is made of.
    """

    nodes: list[int]
    street: Street
    ways: list[int]

    @property
    def ends(self) -> tuple[int, int]:
        """First and last node."""
        return self.nodes[0], self.nodes[-1]


@dataclass(slots=True, kw_only=True, eq=False)
class Graph:
    """All streets.

    Attributes:
        place_m: Of each node, (3,).
        edges: Streets.
        at: Edges by the node where they begin (end 0) or end (end 1): pairs of edge and end.
        guessed: How many ways lack each kind of tag.
        ways: How many ways there are.
        left_out_m: Length of streets that hang together with no others.
    """

    place_m: dict[int, Floats]
    edges: list[Edge] = field(default_factory=list)
    at: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    guessed: Counter[str] = field(default_factory=Counter)
    ways: int = 0
    left_out_m: float = 0.0

    def line(self, edge: Edge) -> Floats:
        """Points (n, 3) of an edge."""
        return np.array([self.place_m[node] for node in edge.nodes])


def make_graph(
    document: Document,
    place_m: dict[int, Floats],
    country: Country,
    *,
    left_hand: bool,
    kept_apart: set[int],
) -> Graph:
    """Makes the graph of all streets.

    Args:
        document: The map.
        place_m: Of its nodes.
        country: For defaults.
        left_hand: Whether traffic keeps to the left.
        kept_apart: Nodes that stay ends of edges, such as crossings with lights of their own.
    """
    graph = Graph(place_m=place_m)
    pieces: list[Edge] = []
    for way in document.ways.values():
        if not is_street(way.tags):
            continue
        tags, turned = with_the_way(way.tags)
        guessed: set[str] = set()
        street = street_of(tags, country, left_hand=left_hand, guessed=guessed)
        nodes = _present(way.nodes, place_m)
        if len(nodes) < 2:
            continue
        graph.guessed.update(guessed)
        graph.ways += 1
        pieces.append(
            Edge(nodes=nodes[::-1] if turned else nodes, street=street, ways=[way.number])
        )
    graph.edges = _joined(_cut(pieces, kept_apart), kept_apart)
    _drop_islands(graph)
    _widen_rings(graph)
    index(graph)
    return graph


def index(graph: Graph) -> None:
    """Notes which edges meet at each node."""
    at: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for number, edge in enumerate(graph.edges):
        for end, node in enumerate(edge.ends):
            at[node].append((number, end))
    graph.at = dict(at)


def _drop_islands(graph: Graph) -> None:
    """Leaves out streets that hang together with few others only."""
    group: dict[int, int] = {}

    def root(node: int) -> int:
        while group.setdefault(node, node) != node:
            node = group[node]
        return node

    for edge in graph.edges:
        a, b = sorted((root(edge.ends[0]), root(edge.ends[1])))
        group[b] = a
    lengths = [float(distances(graph.line(edge)[:, :2])[-1]) for edge in graph.edges]
    total: dict[int, float] = defaultdict(float)
    for edge, length in zip(graph.edges, lengths, strict=True):
        total[root(edge.ends[0])] += length
    least = LEAST_SHARE * max(total.values())
    graph.left_out_m = sum(length for length in total.values() if length < least)
    graph.edges = [edge for edge in graph.edges if total[root(edge.ends[0])] >= least]


def _present(nodes: tuple[int, ...], place_m: dict[int, Floats]) -> list[int]:
    """Nodes that the file holds, without repeats; of a way cut by the extract the longest run."""
    runs: list[list[int]] = [[]]
    for node in nodes:
        if node not in place_m:
            runs.append([])
        elif not runs[-1] or (
            runs[-1][-1] != node
            and float(np.abs(place_m[node] - place_m[runs[-1][-1]]).max()) > 0.01
        ):
            runs[-1].append(node)  # fmt: skip
    return max(runs, key=len)


def _cut(pieces: list[Edge], kept_apart: set[int]) -> list[Edge]:
    """Cuts ways at every node that another way, or the same one again, comes to."""
    uses: Counter[int] = Counter()
    for piece in pieces:
        uses.update(piece.nodes)
        uses.update(piece.ends)
    found = []
    for piece in pieces:
        start = 0
        for k in range(1, len(piece.nodes)):
            inside = k < len(piece.nodes) - 1
            if inside and uses[piece.nodes[k]] < 2 and piece.nodes[k] not in kept_apart:
                continue
            found.append(
                Edge(nodes=piece.nodes[start : k + 1], street=piece.street, ways=list(piece.ways))
            )
            start = k
    return found


def _joined(edges: list[Edge], kept_apart: set[int]) -> list[Edge]:
    """Joins two edges where they alone meet and the street goes on as it is."""
    alive: dict[int, Edge] = dict(enumerate(edges))
    at: dict[int, list[int]] = defaultdict(list)
    for number, edge in alive.items():
        for node in edge.ends:
            at[node].append(number)
    for node in sorted(at):
        here = at[node]
        if len(here) != 2 or here[0] == here[1] or node in kept_apart:
            continue
        one, two = alive[here[0]], alive[here[1]]
        if one.ends[1] != node:
            one, two = two, one
            here = here[::-1]
        if one.ends[1] != node:
            one = _turned(one)
        if two.ends[0] != node:
            two = _turned(two)
        if one.ends[1] != node or two.ends[0] != node or one.ends[0] == node:
            continue
        kept_ways = alive[here[0]] is one and alive[here[1]] is two
        if (one.street.one_way and not kept_ways) or not one.street.goes_on_as(two.street):
            continue
        _merge(alive, at, here[0], here[1], one, two)
    return list(alive.values())


def _merge(
    alive: dict[int, Edge], at: dict[int, list[int]], keep: int, drop: int, one: Edge, two: Edge
) -> None:
    """Puts one edge in the place of two; each end keeps the turn lanes that lead to it."""
    joint = Edge(
        nodes=one.nodes + two.nodes[1:],
        street=_with_turns(two.street, one.street),
        ways=one.ways + two.ways,
    )
    del alive[drop]
    alive[keep] = joint
    for node in set(joint.ends):
        at[node] = [keep if number == drop else number for number in at[node]]
    at[one.ends[1]] = []


def _with_turns(last: Street, first: Street) -> Street:
    return replace(last, turns=(last.turns[0], first.turns[1]))


def _turned(edge: Edge) -> Edge:
    return Edge(nodes=edge.nodes[::-1], street=edge.street.turned(), ways=edge.ways[::-1])


def _widen_rings(graph: Graph) -> None:
    """Moves the nodes of very small roundabouts outwards."""
    for ring in rings(graph.edges):
        places = np.array([graph.place_m[node] for node in ring])
        middle = 0.5 * (places.max(axis=0) + places.min(axis=0))
        radius = float(np.hypot(*(places - middle)[:, :2].T).mean())
        if 0.5 < radius < SMALLEST_RING_M:
            for node, place in zip(ring, places, strict=True):
                graph.place_m[node] = middle + (place - middle) * (SMALLEST_RING_M / radius)


def rings(edges: list[Edge]) -> list[list[int]]:
    """Nodes of each roundabout, the edges of which touch."""
    group: dict[int, int] = {}

    def root(node: int) -> int:
        while group.setdefault(node, node) != node:
            node = group[node]
        return node

    for edge in edges:
        if edge.street.ring:
            for node in edge.nodes[1:]:
                group[root(node)] = root(edge.nodes[0])
    members: dict[int, list[int]] = defaultdict(list)
    for node in sorted(group):
        members[root(node)].append(node)
    return list(members.values())
