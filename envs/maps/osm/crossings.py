"""Where people cross: at nodes that are tagged so, straight over the street from kerb to kerb."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.kinds import CrossingKind, LaneKind
from fleetloop.envs.maps.osm.graph import Edge, Graph
from fleetloop.envs.maps.osm.legs import SHORTEST_M, Layout, Leg, line_headings
from fleetloop.envs.maps.osm.parse import Document, Tags
from fleetloop.envs.maps.osm.streets import Street, is_street
from fleetloop.envs.maps.polyline import Floats, distances, project

WIDTH_M = 3.0
_BESIDE_M = 9.0
_BEFORE_M = 1.0
_ISLAND_M = 10.0
_APART_M = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A crossing over an edge.

    Attributes:
        edge: Which one.
        s_m: From its begin.
        kind: How it is made; lights are told by the junction that it belongs to.
        site: Row of that site, or -1.
    """

    edge: int
    s_m: float
    kind: CrossingKind
    site: int


def find_crossings(document: Document, graph: Graph, layout: Layout, alone: set[int]) -> list[Spot]:
    """All crossings; streets are cut back so that those beside a junction lie before its lines."""
    legs = {(leg.edge, leg.end): (leg, row)
            for row, site in enumerate(layout.sites) for leg in site.legs}  # fmt: skip
    inner = {number: row for row, site in enumerate(layout.sites) for number in site.inner}
    tagged = _tagged(document)
    found: list[Spot] = []
    done: set[int] = set()
    for number, edge in enumerate(graph.edges):
        line = layout.lines_m[number]
        for k, node in enumerate(edge.nodes):
            if node not in tagged or node in done:
                continue
            at_end = k in (0, len(edge.nodes) - 1)
            if at_end and node not in alone:
                continue
            s_m, _ = project(line[:, :2], graph.place_m[node])
            if any(spot.edge == number and abs(spot.s_m - s_m) < _APART_M for spot in found):
                continue
            if at_end:
                site = layout.site_of[node]
                _make_room(layout.sites[site].legs, WIDTH_M)
            elif number in inner:
                site = inner[number]
            else:
                site = _take_in(legs, layout, number, s_m, float(distances(line[:, :2])[-1]))
            done.add(node)
            found.append(Spot(edge=number, s_m=s_m, kind=tagged[node], site=site))
    return found


def _tagged(document: Document) -> dict[int, CrossingKind]:
    """Nodes where a way on foot crosses a street."""
    streets = {node for way in document.ways.values() if is_street(way.tags) for node in way.nodes}
    found: dict[int, CrossingKind] = {}
    for way in document.ways.values():
        if way.tags.get("footway") == "crossing" or way.tags.get("path") == "crossing":
            for node in way.nodes:
                if node in streets:
                    found[node] = _kind(way.tags)
    for node, tags in document.node_tags.items():
        by_light = tags.get("highway") == "traffic_signals" and "crossing" in tags
        if node in streets and (tags.get("highway") == "crossing" or by_light):
            if tags.get("crossing") == "no":
                found.pop(node, None)
            else:
                found[node] = min(_kind(tags), found.get(node, CrossingKind.UNMARKED))
    return found


def _kind(tags: Tags) -> CrossingKind:
    word = tags.get("crossing", "")
    marked = tags.get("crossing:markings", "no") != "no" or "crossing_ref" in tags
    known = ("marked", "zebra", "uncontrolled", "traffic_signals", "island;uncontrolled")
    return CrossingKind.ZEBRA if marked or word in known else CrossingKind.UNMARKED


def _make_room(legs: list[Leg], room_m: float) -> None:
    for leg in legs:
        length = float(distances(leg.line_m[:, :2])[-1])
        leg.cut_m = max(leg.cut_m, min(room_m, 0.4 * length))


def _take_in(
    legs: dict[tuple[int, int], tuple[Leg, int]],
    layout: Layout,
    number: int,
    s_m: float,
    length_m: float,
) -> int:
    """Draws a crossing near a junction into it, if the street is long enough for that."""
    for end in (0, 1):
        leg, site = legs[number, end]
        other, _ = legs[number, 1 - end]
        away = s_m if end == 0 else length_m - s_m
        if len(layout.sites[site].legs) < 3 and not layout.sites[site].inner:
            continue
        wanted = away + 0.5 * WIDTH_M + _BEFORE_M
        if away < leg.cut_m + _BESIDE_M and length_m - wanted - other.cut_m > SHORTEST_M:
            leg.cut_m = max(leg.cut_m, wanted)
            return site
    return -1


def add_crossings(
    builder: NetworkBuilder,
    graph: Graph,
    layout: Layout,
    spots: list[Spot],
    junctions: list[int],
) -> None:
    """Adds the crossings, and islands between those over two carriageways."""
    ends: list[Floats] = []
    for spot in spots:
        edge: Edge = graph.edges[spot.edge]
        left, right = across(layout.lines_m[spot.edge], edge.street, spot.s_m)
        if float(np.hypot(*(left - right)[:2])) < 2.0:
            continue
        junction = junctions[spot.site] if spot.site >= 0 else -1
        builder.add_crossing(right, left, width_m=WIDTH_M, kind=spot.kind, junction=junction)
        ends += [left, right]
    _add_islands(builder, ends)


def across(line_m: Floats, street: Street, s_m: float) -> tuple[Floats, Floats]:
    """Ends (3,) of a straight way over a street, at its left and right kerb."""
    along = distances(line_m[:, :2])
    place = np.array([np.interp(s_m, along, line_m[:, k]) for k in range(3)])
    heading = float(np.interp(s_m, along, line_headings(line_m)))
    left = np.array([-np.sin(heading), np.cos(heading), 0.0])
    return place + street.left_m * left, place + (street.left_m - street.width_m) * left


def _add_islands(builder: NetworkBuilder, ends: list[Floats]) -> None:
    """Joins ends of crossings that lie between two carriageways, away from any sidewalk."""
    walks = [lane.curve.xyz_m[:, :2] for lane in builder.drafts.lanes
             if lane.kind == LaneKind.SIDEWALK]  # fmt: skip
    walked = np.concatenate(walks) if walks else np.zeros((0, 2))
    lone = [k for k, end in enumerate(ends)
            if not len(walked) or float(np.hypot(*(walked - end[:2]).T).min()) > 3.0]  # fmt: skip
    used: set[int] = set()
    for a in lone:
        near = [(float(np.hypot(*(ends[a] - ends[b])[:2])), b) for b in lone
                if b // 2 != a // 2 and b not in used and a not in used]  # fmt: skip
        near = [entry for entry in near if 0.8 < entry[0] < _ISLAND_M]
        if near:
            b = min(near)[1]
            used |= {a, b}
            builder.add_lane(LaneKind.SIDEWALK, np.array([ends[a], ends[b]]), width_m=2.0,
                             name="island")  # fmt: skip
