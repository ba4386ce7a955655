"""Lanes of the streets, ways through the junctions, turns at dead ends."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.drafts import Mark
from fleetloop.envs.maps.kinds import (
    Control,
    LaneKind,
    MarkColor,
    MarkKind,
    RoadClass,
)
from fleetloop.envs.maps.osm.control import Ruling
from fleetloop.envs.maps.osm.graph import Graph
from fleetloop.envs.maps.osm.legs import Layout, Site, line_headings
from fleetloop.envs.maps.osm.moves import Move, assign_lanes, pair_lanes
from fleetloop.envs.maps.osm.outline import site_outline
from fleetloop.envs.maps.osm.streets import Street
from fleetloop.envs.maps.polyline import Floats, distances, joint, offset

_LATERAL_M_S2 = 2.5
"""Comfortable sideways acceleration in turns (AASHTO's comfort limits are 2 to 3 m/s2 in towns)."""

End = tuple[int, int]


@dataclass(slots=True, kw_only=True)
class Built:
    """Rows of what was added.

    Attributes:
        into, out: Drive lanes that come to the end of an edge, and that leave from it, from the
            left as their drivers see them.
        bikes_into, bikes_out: Bicycle lanes likewise.
        lines: Each edge's line between its junctions, and its headings.
        junctions: Row of the junction of each site, -1 without one.
    """

    into: dict[End, list[int]] = field(default_factory=dict)
    out: dict[End, list[int]] = field(default_factory=dict)
    bikes_into: dict[End, list[int]] = field(default_factory=dict)
    bikes_out: dict[End, list[int]] = field(default_factory=dict)
    lines: dict[int, tuple[Floats, Floats]] = field(default_factory=dict)
    junctions: list[int] = field(default_factory=list)


def add_streets(builder: NetworkBuilder, graph: Graph, layout: Layout, *, yellow: bool) -> Built:
    """Adds the lanes of all streets between their junctions.

    Args:
        builder: Gets them.
        graph, layout: The streets.
        yellow: Colour of the line between directions.
    """
    built = Built()
    cuts = {(leg.edge, leg.end): leg.cut_m for site in layout.sites for leg in site.legs}
    for number, edge in enumerate(graph.edges):
        if (number, 0) not in cuts or (number, 1) not in cuts:
            continue
        line, heading = between(layout.lines_m[number], cuts[number, 0], cuts[number, 1])
        road = builder.add_road(edge.street.name, edge.street.road_class)
        _add_strips(builder, built, number, edge.street, line, heading, road, yellow=yellow)
        built.lines[number] = line, heading
    return built


def between(line_m: Floats, begin_m: float, end_m: float) -> tuple[Floats, Floats]:
    """A line less some metres at both ends, and its headings."""
    along = distances(line_m[:, :2])
    low, high = begin_m, float(along[-1]) - end_m
    count = max(int(np.ceil((high - low) / 0.5)), 3) + 1
    at = np.linspace(low, high, count)
    points = np.column_stack([np.interp(at, along, line_m[:, k]) for k in range(3)])
    heading = np.interp(at, along, line_headings(line_m))
    return points, heading


def sideways(line_m: Floats, heading_rad: Floats, left_m: float) -> tuple[Floats, Floats]:
    """A parallel line without the loops that the inner side of a sharp bend would have."""
    moved = offset(line_m, heading_rad, left_m)
    ahead = np.stack([np.cos(heading_rad), np.sin(heading_rad)], axis=1)
    keep = np.ones(len(moved), dtype=bool)
    last = moved[0]
    for k in range(1, len(moved) - 1):
        forward = float((moved[k, :2] - last[:2]) @ ahead[k])
        if forward < 0.05 or (
            float((moved[-1, :2] - moved[k, :2]) @ ahead[-1]) < 0.05 and (k > len(moved) - 8)
        ):
            keep[k] = False
        else:
            last = moved[k]
    return moved[keep], heading_rad[keep]


def _add_strips(
    builder: NetworkBuilder,
    built: Built,
    number: int,
    street: Street,
    line: Floats,
    heading: Floats,
    road: int,
    *,
    yellow: bool,
) -> None:
    rows: list[int] = []
    for k, strip in enumerate(street.strips):
        points, along = sideways(line, heading, street.middle_m(k))
        if not strip.forward:
            points, along = points[::-1], along[::-1] + np.pi
        left, right = _marks(street, k, yellow=yellow)
        drives = strip.kind in (LaneKind.DRIVE, LaneKind.BIKE)
        rows.append(
            builder.add_lane(
                strip.kind, points, width_m=strip.width_m, road=road,
                speed_limit_m_s=street.limit_m_s if drives else 0.0,
                left_mark=left if strip.forward else right,
                right_mark=right if strip.forward else left,
                name=f"{street.name} {number}.{k}", heading_rad=along,
            )
        )  # fmt: skip
    for k in range(len(rows) - 1):
        one, two = street.strips[k], street.strips[k + 1]
        if one.kind != LaneKind.DRIVE or two.kind != LaneKind.DRIVE:
            continue
        if one.forward != two.forward:
            builder.set_opposite(rows[k], rows[k + 1])
        elif one.forward:
            builder.set_neighbours(left=rows[k], right=rows[k + 1])
        else:
            builder.set_neighbours(left=rows[k + 1], right=rows[k])
    for forward in (True, False):
        lanes = [rows[k] for k in street.drives(forward=forward)]
        bikes = [rows[k] for k, strip in enumerate(street.strips)
                 if strip.kind == LaneKind.BIKE and strip.forward == forward]  # fmt: skip
        first, last = (0, 1) if forward else (1, 0)
        built.out[number, first], built.into[number, last] = lanes, lanes
        built.bikes_out[number, first], built.bikes_into[number, last] = bikes, bikes


def _marks(street: Street, k: int, *, yellow: bool) -> tuple[Mark, Mark]:
    """Lines at the left and right border of a strip, seen along the way."""
    return (_mark(street, k - 1, k, yellow=yellow), _mark(street, k, k + 1, yellow=yellow))


def _mark(street: Street, left: int, right: int, *, yellow: bool) -> Mark:
    if left < 0 or right >= len(street.strips):
        fast = street.road_class == RoadClass.MOTORWAY or street.highway == "trunk"
        return Mark(kind=MarkKind.SOLID if fast else MarkKind.NONE)
    one, two = street.strips[left], street.strips[right]
    if LaneKind.PARKING in (one.kind, two.kind):
        return Mark()
    if LaneKind.BIKE in (one.kind, two.kind):
        return Mark(kind=MarkKind.SOLID)
    if one.forward == two.forward and one.kind == two.kind:
        return Mark(kind=MarkKind.BROKEN)
    lanes = sum(strip.kind == LaneKind.DRIVE for strip in street.strips)
    if street.road_class >= RoadClass.RESIDENTIAL and lanes == 2:
        return Mark()
    color = MarkColor.YELLOW if yellow else MarkColor.WHITE
    return Mark(kind=MarkKind.SOLID_SOLID if lanes > 2 else MarkKind.BROKEN, color=color)


def add_site(
    builder: NetworkBuilder, built: Built, site: Site, ruling: Ruling, moves: list[Move]
) -> int:
    """Adds a junction with its ways; returns its row."""
    places = np.array([leg.axis_m[min(int(leg.cut_m / 0.5), len(leg.axis_m) - 1), :2]
                       for leg in site.legs])  # fmt: skip
    junction = builder.add_junction(ruling.kind, places.mean(axis=0), site_outline(site))
    for source in range(len(site.legs)):
        mine = [move for move in moves if move.source == source]
        leg = site.legs[source]
        into = built.into[leg.edge, leg.end]
        outs = [built.out[site.legs[m.target].edge, site.legs[m.target].end] for m in mine]
        words = leg.street.turns[1]
        served = assign_lanes(words, len(into), mine, [len(out) for out in outs])
        for move, lanes, out in zip(mine, served, outs, strict=True):
            gaps = _gaps(builder, into, out)
            pairs = pair_lanes(lanes, len(out), move.turn_rad, gaps, spread=site.is_joint)
            for a, b in pairs:
                _connect(builder, into[a], out[b], junction, ruling.controls[source])
            _join_bikes(builder, built, site, move, junction, ruling.controls[source])
    return junction


def _gaps(builder: NetworkBuilder, into: list[int], out: list[int]) -> Floats:
    """Sideways distances (into, out) from the end of each lane to the begin of each other."""
    lanes = builder.drafts.lanes
    found = np.zeros((len(into), len(out)))
    for a, one in enumerate(into):
        curve = lanes[one].curve
        left = np.array([-np.sin(curve.heading_rad[-1]), np.cos(curve.heading_rad[-1])])
        for b, two in enumerate(out):
            step = lanes[two].curve.xyz_m[0, :2] - curve.xyz_m[-1, :2]
            found[a, b] = float(step @ left)
    return found


def _connect(
    builder: NetworkBuilder, from_lane: int, to_lane: int, junction: int, control: Control
) -> int:
    """Adds a way through a junction, slow where it bends."""
    one, two = builder.drafts.lanes[from_lane], builder.drafts.lanes[to_lane]
    way = joint(
        one.curve.xyz_m[-1], float(one.curve.heading_rad[-1]),
        two.curve.xyz_m[0], float(two.curve.heading_rad[0]),
    )  # fmt: skip
    heading = line_headings(way)
    heading[0], heading[-1] = one.curve.heading_rad[-1], two.curve.heading_rad[0]
    heading = np.unwrap(heading)
    along = distances(way[:, :2])
    bend = float(np.abs(np.gradient(heading, along)).max())
    limit = min(one.speed_limit_m_s, two.speed_limit_m_s)
    slow = float(np.sqrt(_LATERAL_M_S2 / max(bend, 1e-6)))
    count = len(way)
    connector = builder.add_lane(
        LaneKind(one.kind),
        way,
        width_left_m=np.linspace(one.width_left_m[-1], two.width_left_m[0], count),
        width_right_m=np.linspace(one.width_right_m[-1], two.width_right_m[0], count),
        junction=junction,
        speed_limit_m_s=min(limit, max(slow, 3.0)),
        name=f"{one.name} to {two.name}",
        heading_rad=heading,
    )
    return builder.add_link(
        from_lane, to_lane, connector=connector, junction=junction, control=control
    )


def _join_bikes(
    builder: NetworkBuilder, built: Built, site: Site, move: Move, junction: int, control: Control
) -> None:
    """Bicycle lanes go straight on where there is one on the other side."""
    one, two = site.legs[move.source], site.legs[move.target]
    into, out = built.bikes_into[one.edge, one.end], built.bikes_out[two.edge, two.end]
    if abs(move.turn_rad) < np.deg2rad(35.0) and into and out:
        _connect(builder, into[0], out[0], junction, control)
