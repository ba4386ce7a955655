"""Sidewalks along kerbs and around corners, and footways that are mapped as ways of their own.

All of them end where they would lie on a road.
"""

from __future__ import annotations

import numpy as np

from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.kinds import LaneKind
from fleetloop.envs.maps.osm.build import Built, sideways
from fleetloop.envs.maps.osm.graph import Graph
from fleetloop.envs.maps.osm.ground import Ground
from fleetloop.envs.maps.osm.legs import Layout, Site, line_headings, smooth
from fleetloop.envs.maps.osm.outline import around, corner
from fleetloop.envs.maps.osm.parse import Document, Tags
from fleetloop.envs.maps.osm.streets import Street, layer_of
from fleetloop.envs.maps.osm.values import metres
from fleetloop.envs.maps.polyline import Floats, distances, offset

WIDTH_M = 2.0
_NEAR_M = 5.0
_SHORTEST_M = 1.5
_BESIDE_M = 0.15
_KINDS = ("footway", "pedestrian", "path", "steps")


def is_footway(tags: Tags) -> bool:
    """Whether people walk along a way that is no crossing, on the ground and in the open."""
    if tags.get("highway") not in _KINDS or "crossing" in (tags.get("footway"), tags.get("path")):
        return False
    if tags.get("area") == "yes" or tags.get("indoor") == "yes" or layer_of(tags) != 0:
        return False
    return tags.get("access") not in ("no", "private") and tags.get("foot") != "no"


def footways(document: Document, place_m: dict[int, Floats]) -> list[tuple[Floats, float]]:
    """Lines (n, 3) and widths of all mapped footways."""
    found = []
    for way in document.ways.values():
        if is_footway(way.tags):
            points = [place_m[node] for node in way.nodes if node in place_m]
            if len(points) > 1 and float(distances(np.array(points))[-1]) > _SHORTEST_M:
                stated = metres(way.tags.get("width"))
                found.append((np.array(points), min(max(stated or WIDTH_M, 1.2), 4.0)))
    return found


def own_walks(
    graph: Graph, layout: Layout, mapped: list[tuple[Floats, float]]
) -> dict[tuple[int, int], bool]:
    """Whether each side (0 left, 1 right) of each edge has a sidewalk that follows its kerb.

    Where a footway is mapped along most of a side, the footway is it.
    """
    found = {}
    places = np.concatenate([line[:, :2] for line in layout.lines_m])
    near = Ground(places.min(axis=0) - 30.0, places.max(axis=0) + 30.0)
    for line, _ in mapped:
        near.take_line(line, _NEAR_M)
    for number, edge in enumerate(graph.edges):
        line = layout.lines_m[number]
        for side in (0, 1):
            wanted = edge.street.walks_m[side] > 0.0
            if wanted:
                beside = offset(line, line_headings(line), walk_offset_m(edge.street, side))
                wanted = float(near.taken(beside[:, :2]).mean()) < 0.5
            found[number, side] = wanted
    return found


def walk_offset_m(street: Street, side: int) -> float:
    """How far the middle of a sidewalk lies to the left of the way's line."""
    half = 0.5 * street.walks_m[side] + _BESIDE_M
    return street.left_m + half if side == 0 else street.left_m - street.width_m - half


def add_walks(
    builder: NetworkBuilder,
    graph: Graph,
    layout: Layout,
    built: Built,
    own: dict[tuple[int, int], bool],
    mapped: list[tuple[Floats, float]],
    roads: Ground,
) -> None:
    """Adds all sidewalks and footways, as far as they lie beside the roads."""
    for (number, side), wanted in own.items():
        if wanted and number in built.lines:
            street = graph.edges[number].street
            line, _ = sideways(*built.lines[number], walk_offset_m(street, side))
            name = f"{street.name} {number} walk {side}"
            _add_clear(builder, line, street.walks_m[side], roads, name)
    for site in layout.sites:
        _add_corners(builder, site, own, roads)
    for points, width in mapped:
        _add_clear(builder, smooth(points, 3.0), width, roads, "footway")


def _add_corners(
    builder: NetworkBuilder, site: Site, own: dict[tuple[int, int], bool], roads: Ground
) -> None:
    """Sidewalks around the corners, from street to street."""
    legs = around(site) if len(site.legs) > 1 else []
    for k, leg in enumerate(legs):
        other = legs[(k + 1) % len(legs)]
        # Seen outwards, the left side of a leg meets the right side of the next one.
        one = own.get((leg.edge, 0 if leg.end == 0 else 1))
        two = own.get((other.edge, 1 if other.end == 0 else 0))
        if one and two and leg is not other:
            width = 0.5 * (leg.street.walks_m[0] + other.street.walks_m[1])
            line = corner(leg, other, 0.5 * width + _BESIDE_M)
            _add_clear(builder, line, width, roads, "corner")


def _add_clear(
    builder: NetworkBuilder, line: Floats, width_m: float, roads: Ground, name: str
) -> None:
    """Adds those stretches of a walk that lie on no road."""
    if len(line) < 3:
        return
    heading = line_headings(line)
    sides = [offset(line, heading, side)[:, :2] for side in (0.4 * width_m, 0.0, -0.4 * width_m)]
    free = ~np.logical_or.reduce([roads.taken(side) for side in sides])
    for piece in _runs(free):
        part = line[piece]
        if len(part) > 1 and float(distances(part)[-1]) >= _SHORTEST_M:
            builder.add_lane(LaneKind.SIDEWALK, part, width_m=width_m, name=name)


def _runs(mask: np.ndarray) -> list[slice]:
    """Stretches of a mask that are true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
