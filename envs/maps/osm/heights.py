"""Heights where streets cross on different levels: the upper one is led over the lower one.

OpenStreetMap knows which way lies over which (`layer`, `bridge`, `tunnel`), and hardly ever how
high. Where two streets cross without meeting, the upper one is raised by a clearance, and its ramps
come down along the streets on both sides. A tunnel under nothing stays on the ground.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from fleetloop.envs.maps.osm.graph import Graph
from fleetloop.envs.maps.osm.parse import Document
from fleetloop.envs.maps.osm.streets import is_street, layer_of
from fleetloop.envs.maps.polyline import Floats, distances, project

CLEARANCE_M = 6.0
"""From deck to deck: 4.5 m of clear height (Germany's RAL, 4.6) and the bridge itself."""

RAMP_M = 120.0
"""Length of a ramp: with a rounded profile it is nowhere steeper than 8 %."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Bump:
    """A height at a place of an edge, and how far each node is from there."""

    edge: int
    s_m: float
    height_m: float
    away_m: dict[int, float]


def raise_bridges(graph: Graph, document: Document, lines_m: list[Floats]) -> int:
    """Sets the heights of smooth lines, in place; returns how many crossings of levels there are.

    Args:
        graph: Streets.
        document: The map.
        lines_m: (n, 3) line of each edge, at height 0.
    """
    crossings = _crossings(graph, document)
    edge_of: dict[int, list[int]] = {}
    for number, edge in enumerate(graph.edges):
        for way in edge.ways:
            edge_of.setdefault(way, []).append(number)
    lengths = [float(distances(line[:, :2])[-1]) for line in lines_m]
    bumps: list[_Bump] = []
    for _, upper, lower, place in sorted(crossings, key=lambda found: (found[0], found[1:3])):
        top = _nearest(edge_of.get(upper, []), lines_m, place)
        below = _nearest(edge_of.get(lower, []), lines_m, place)
        if top is None or below is None or top[0] == below[0]:
            continue
        under = float(_height(graph, bumps, below[0], np.array([below[1]]), lengths)[0])
        there = float(_height(graph, bumps, top[0], np.array([top[1]]), lengths)[0])
        if there < under + CLEARANCE_M - 0.5:
            away = _away(graph, top[0], top[1], lengths)
            bumps.append(_Bump(edge=top[0], s_m=top[1], height_m=under + CLEARANCE_M, away_m=away))
    for number, line in enumerate(lines_m):
        if bumps:
            along = distances(line[:, :2])
            line[:, 2] = _height(graph, bumps, number, along, lengths)
    return len(bumps)


def _crossings(graph: Graph, document: Document) -> list[tuple[int, int, int, Floats]]:
    """Layer, upper way, lower way and place of all crossings without a common node."""
    ways = [way for way in document.ways.values() if is_street(way.tags)]
    lines = [[graph.place_m[n] for n in way.nodes if n in graph.place_m] for way in ways]
    layers = [layer_of(way.tags) for way in ways]
    found = []
    for i in range(len(ways)):
        for j in range(i):
            if layers[i] == layers[j] or len(lines[i]) < 2 or len(lines[j]) < 2:
                continue
            place = _meet(np.array(lines[i])[:, :2], np.array(lines[j])[:, :2])
            if place is not None and not set(ways[i].nodes) & set(ways[j].nodes):
                up, down = (i, j) if layers[i] > layers[j] else (j, i)
                found.append((layers[up], ways[up].number, ways[down].number, place))
    return found


def _meet(one: Floats, two: Floats) -> Floats | None:
    """First place where two lines (n, 2) cross, or None."""
    if (one.min(axis=0) > two.max(axis=0)).any() or (two.min(axis=0) > one.max(axis=0)).any():
        return None
    p, r = one[:-1, None], np.diff(one, axis=0)[:, None]
    q, s = two[None, :-1], np.diff(two, axis=0)[None]
    across = r[..., 0] * s[..., 1] - r[..., 1] * s[..., 0]
    safe = np.where(np.abs(across) < 1e-9, np.inf, across)
    gap = q - p
    t = (gap[..., 0] * s[..., 1] - gap[..., 1] * s[..., 0]) / safe
    u = (gap[..., 0] * r[..., 1] - gap[..., 1] * r[..., 0]) / safe
    hit = (t > 0.0) & (t < 1.0) & (u > 0.0) & (u < 1.0) & np.isfinite(safe)
    rows = np.argwhere(hit)
    if len(rows) == 0:
        return None
    i, j = rows[0]
    return np.asarray(one[i] + t[i, j] * (one[i + 1] - one[i]))


def _nearest(edges: list[int], lines_m: list[Floats], place: Floats) -> tuple[int, float] | None:
    found = [(*project(lines_m[number][:, :2], place)[::-1], number) for number in edges]
    if not found:
        return None
    _, s_m, number = min(found)
    return number, s_m


def _away(graph: Graph, edge: int, s_m: float, lengths: list[float]) -> dict[int, float]:
    """Distance of all nodes within a ramp's length from a place, along streets."""
    first, last = graph.edges[edge].ends
    queue = [(s_m, first), (lengths[edge] - s_m, last)]
    found: dict[int, float] = {}
    heapq.heapify(queue)
    while queue:
        away, node = heapq.heappop(queue)
        if node in found or away > RAMP_M:
            continue
        found[node] = away
        for number, end in graph.at[node]:
            if number != edge:
                heapq.heappush(queue, (away + lengths[number], graph.edges[number].ends[1 - end]))
    return found


def _height(
    graph: Graph, bumps: list[_Bump], edge: int, s_m: Floats, lengths: list[float]
) -> Floats:
    """Heights of places on an edge: the highest of all ramps that reach there."""
    height = np.zeros(len(s_m))
    first, last = graph.edges[edge].ends
    for bump in bumps:
        away = np.minimum(bump.away_m.get(first, np.inf) + s_m,
                          bump.away_m.get(last, np.inf) + lengths[edge] - s_m)  # fmt: skip
        if bump.edge == edge:
            away = np.minimum(away, np.abs(s_m - bump.s_m))
        share = np.clip(away / RAMP_M, 0.0, 1.0)
        height = np.maximum(height, bump.height_m * 0.5 * (1.0 + np.cos(np.pi * share)))
    return height
