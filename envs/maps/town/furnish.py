"""What stands in a town: houses in their lots, street trees, lamps, hedges, bins, signs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.kinds import AreaKind, LaneKind, PropKind, RoadClass, SignCode
from fleetloop.envs.maps.polyline import Floats
from fleetloop.envs.maps.town.arms import RING_HALF_M, RING_M, Node
from fleetloop.envs.maps.town.config import TownConfig
from fleetloop.envs.maps.town.districts import District, Districts, Lot, draw_lot
from fleetloop.envs.maps.town.occupancy import Occupancy
from fleetloop.envs.maps.town.profile import KERB_HEIGHT_M
from fleetloop.envs.maps.town.streets import BuiltStreet

_MARGIN_M = 60.0
_LAMP_M = 28.0
_STYLES = 1 << 16


def furnish(
    builder: NetworkBuilder,
    streets: Sequence[BuiltStreet],
    nodes: Sequence[Node],
    districts: Districts,
    config: TownConfig,
    rng: np.random.Generator,
) -> None:
    """Adds all of it."""
    ground = _taken_by_roads(builder, streets, nodes)
    for middle, radius in districts.parks:
        angle = np.linspace(0.0, 2.0 * np.pi, 32, endpoint=False)
        ring = middle + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        if ground.is_free_disc(middle, 12.0):
            builder.add_area(AreaKind.PARK, ring)
    for street in streets:
        for side in (1.0, -1.0):
            _lots(builder, street, side, ground, districts, config, rng)
    for street in streets:
        _street_furniture(builder, street, districts, rng)
    for node in nodes:
        if node.roundabout:
            _island(builder, node, rng)
    _greenery(builder, ground, districts, rng)


def _taken_by_roads(
    builder: NetworkBuilder, streets: Sequence[BuiltStreet], nodes: Sequence[Node]
) -> Occupancy:
    points = np.concatenate([street.points_m for street in streets])
    ground = Occupancy(points.min(axis=0) - _MARGIN_M, points.max(axis=0) + _MARGIN_M)
    for street in streets:
        ground.take_line(street.points_m, street.profile.outer_m + 0.2)
    for lane in builder.drafts.lanes:
        if lane.kind == LaneKind.SIDEWALK:
            ground.take_line(lane.curve.xyz_m[:, :2], float(lane.width_left_m[0]) + 0.3)
    for junction in builder.drafts.junctions:
        if len(junction.outline_m):
            ground.take(junction.outline_m)
    for node in nodes:
        if node.roundabout:
            angle = np.linspace(0.0, 2.0 * np.pi, 24)
            ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
            ground.take(node.center_m + (RING_M + RING_HALF_M + 3.0) * ring)
    return ground


def _rectangle(
    street: BuiltStreet, side: float, s_m: float, length_m: float, near_m: float, far_m: float
) -> Floats:
    """A rectangle beside a street, (4, 2): its axis is that of the street at its middle."""
    middle = street.line(0.0, s_m - 0.1, s_m + 0.1)[0]
    heading = float(np.interp(s_m, street.along_m, street.heading_rad))
    along = np.array([np.cos(heading), np.sin(heading)])
    away = side * np.array([-along[1], along[0]])
    half = 0.5 * length_m * along
    return np.array([middle - half + near_m * away, middle + half + near_m * away,
                     middle + half + far_m * away, middle - half + far_m * away])  # fmt: skip


def _lots(
    builder: NetworkBuilder,
    street: BuiltStreet,
    side: float,
    ground: Occupancy,
    districts: Districts,
    config: TownConfig,
    rng: np.random.Generator,
) -> None:
    """Buildings along one side of a street, one after the other."""
    outer = street.profile.outer_m
    length = float(street.along_m[-1])
    s = 8.0
    while s < length - 8.0:
        place = street.line(side * (outer + 10.0), s, s + 0.5)[0]
        district = districts.at(place)
        style = int(rng.integers(_STYLES))
        if district == District.PARK:
            s += 6.0
            continue
        lot = draw_lot(district, rng)
        built = rng.uniform() < config.building_density
        middle = s + 0.5 * lot.front_m
        near = outer + lot.setback_m
        ring = _rectangle(street, side, middle, lot.front_m, near, near + lot.depth_m)
        if not ground.is_free(ring):
            s += 2.0
            continue
        if built:
            _plot(builder, street, side, middle, lot, ground)
            builder.add_building(lot.kind, ring, lot.height_m, roof=lot.roof, style=style)
            ground.take(ring)
        s += lot.front_m + lot.gap_m


def _plot(
    builder: NetworkBuilder,
    street: BuiltStreet,
    side: float,
    middle_m: float,
    lot: Lot,
    ground: Occupancy,
) -> None:
    """The ground in front of a building, and what divides it from the sidewalk."""
    outer = street.profile.outer_m
    length = lot.front_m + lot.gap_m
    front = _rectangle(street, side, middle_m, length, outer, outer + lot.setback_m)
    if lot.paved:
        builder.add_area(AreaKind.PAVED, front)
    if not lot.hedge:
        return
    # A gap at one end is the way in.
    shut = 0.68 * length
    hedge = _rectangle(street, side, middle_m - 0.16 * length, shut, outer + 0.25, outer + 0.85)
    if ground.is_free(hedge):
        heading = float(np.interp(middle_m, street.along_m, street.heading_rad))
        kinds = {True: PropKind.FENCE, False: PropKind.HEDGE}
        high = 1.7 if lot.paved else 1.1
        builder.add_prop(kinds[lot.paved], [*hedge.mean(axis=0), 0.0], heading_rad=heading,
                         size_m=(shut, 0.1 if lot.paved else 0.6, high))  # fmt: skip
        ground.take(hedge)


def _street_furniture(
    builder: NetworkBuilder, street: BuiltStreet, districts: Districts, rng: np.random.Generator
) -> None:
    """Lamps, trees, bins and limits on the verges of one street."""
    profile = street.profile
    length = float(street.along_m[-1])
    low, high = street.begin.stop_s + 3.0, length - street.end.stop_s - 3.0
    row = profile.kerb_m + 0.55 * profile.verge_m
    count = max(int((high - low) / _LAMP_M), 1)
    lamps = low + (np.arange(count) + 0.5) * (high - low) / count
    spacing = float(rng.uniform(10.0, 14.0))
    for side in (1.0, -1.0):
        for k, s in enumerate(lamps):
            both = profile.road_class == RoadClass.ARTERIAL
            if both or k % 2 == (0 if side > 0.0 else 1):
                _lamp(builder, street, side, float(s), row)
        for k in range(int((high - low - 6.0) / spacing)):
            s = low + 4.0 + k * spacing + float(rng.uniform(0.0, 2.0))
            height, style = float(rng.uniform(5.5, 9.0)), int(rng.integers(_STYLES))
            kept = rng.uniform() < 0.85
            clear = float(np.abs(lamps - s).min()) > 3.0
            if kept and clear:
                place = street.line(side * row, s, s + 0.1)[0]
                builder.add_prop(PropKind.TREE, [*place, KERB_HEIGHT_M], style=style,
                                 size_m=(0.26 * height, 0.26 * height, height))  # fmt: skip
        _small_things(builder, street, side, low, high, districts, rng)
    for end, side in ((1, -1.0), (0, 1.0)):
        s = low + 6.0 if end else high - 6.0
        place = street.line(side * (profile.kerb_m + 0.5), s, s + 0.1)[0]
        heading = float(np.interp(s, street.along_m, street.heading_rad))
        facing = heading + (np.pi if end else 0.0)
        builder.add_sign(SignCode.SPEED_LIMIT, [*place, 2.2], facing, value=profile.limit_m_s,
                         lane=street.into[end][-1])  # fmt: skip


def _lamp(
    builder: NetworkBuilder, street: BuiltStreet, side: float, s_m: float, row_m: float
) -> None:
    place = street.line(side * row_m, s_m, s_m + 0.1)[0]
    heading = float(np.interp(s_m, street.along_m, street.heading_rad))
    tall = 8.0 if street.profile.road_class == RoadClass.ARTERIAL else 6.0
    builder.add_prop(PropKind.LAMP, [*place, KERB_HEIGHT_M], size_m=(1.6, 0.14, tall),
                     heading_rad=heading - side * 0.5 * np.pi)  # fmt: skip


def _small_things(
    builder: NetworkBuilder,
    street: BuiltStreet,
    side: float,
    low: float,
    high: float,
    districts: Districts,
    rng: np.random.Generator,
) -> None:
    profile = street.profile
    back = profile.outer_m - 0.35
    kinds = (PropKind.BIN, PropKind.BENCH, PropKind.CABINET, PropKind.HYDRANT)
    sizes = {PropKind.BIN: (0.5, 0.5, 1.0), PropKind.BENCH: (0.5, 1.6, 0.8),
             PropKind.CABINET: (0.4, 1.0, 1.3), PropKind.HYDRANT: (0.3, 0.3, 0.75)}  # fmt: skip
    for _ in range(max(int((high - low) / 30.0), 1)):
        kind = kinds[int(rng.integers(len(kinds)))]
        s = float(rng.uniform(low, high))
        place = street.line(side * back, s, s + 0.1)[0]
        heading = float(np.interp(s, street.along_m, street.heading_rad)) - side * 0.5 * np.pi
        builder.add_prop(kind, [*place, KERB_HEIGHT_M], heading_rad=heading, size_m=sizes[kind],
                         style=int(rng.integers(_STYLES)))  # fmt: skip


def _island(builder: NetworkBuilder, node: Node, rng: np.random.Generator) -> None:
    for _ in range(5):
        angle, away = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.0, 6.0)
        place = node.center_m + away * np.array([np.cos(angle), np.sin(angle)])
        size = float(rng.uniform(0.7, 1.3))
        builder.add_prop(PropKind.BUSH, [*place, KERB_HEIGHT_M], size_m=(size, size, 1.2 * size),
                         style=int(rng.integers(_STYLES)))  # fmt: skip


def _greenery(
    builder: NetworkBuilder, ground: Occupancy, districts: Districts, rng: np.random.Generator
) -> None:
    """Trees in gardens and parks, on free ground."""
    outlines = [lane.curve.xyz_m[:, :2] for lane in builder.drafts.lanes
                if lane.kind == LaneKind.SIDEWALK]  # fmt: skip
    points = np.concatenate(outlines)
    low, high = points.min(axis=0) - 25.0, points.max(axis=0) + 25.0
    tries = int(np.prod(high - low) / 130.0)
    for _ in range(tries):
        place = rng.uniform(low, high)
        height, style = float(rng.uniform(5.0, 11.0)), int(rng.integers(_STYLES))
        chance, needle = rng.uniform(size=2)
        share = {District.PARK: 0.9, District.INDUSTRIAL: 0.12, District.CENTER: 0.2}
        if chance > share.get(districts.at(place), 0.5):
            continue
        crown = 0.26 * height
        if ground.is_free_disc(place, crown + 0.6):
            kind = PropKind.CONIFER if needle < 0.25 else PropKind.TREE
            builder.add_prop(kind, [*place, 0.0], size_m=(crown, crown, height), style=style)
            angle = np.linspace(0.0, 2.0 * np.pi, 12)
            ground.take(place + 0.8 * crown * np.stack([np.cos(angle), np.sin(angle)], axis=1))
