"""Buildings, trees, lamps and the use of land."""

from __future__ import annotations

import numpy as np

from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.kinds import AreaKind, BuildingKind, LaneKind, PropKind, RoofKind
from fleetloop.envs.maps.osm.ground import Ground
from fleetloop.envs.maps.osm.outline import crosses_itself
from fleetloop.envs.maps.osm.parse import Document, Relation, Tags
from fleetloop.envs.maps.osm.values import metres
from fleetloop.envs.maps.polyline import Floats, distances

STOREY_M = 3.1
ROOF_M = 2.5
TALLEST_M = 400.0

_BUILDINGS: dict[str, tuple[BuildingKind, int]] = {
    "house": (BuildingKind.HOUSE, 2),
    "detached": (BuildingKind.HOUSE, 2),
    "bungalow": (BuildingKind.HOUSE, 1),
    "semidetached_house": (BuildingKind.HOUSE, 2),
    "terrace": (BuildingKind.ROW_HOUSE, 2),
    "apartments": (BuildingKind.APARTMENTS, 4),
    "residential": (BuildingKind.APARTMENTS, 3),
    "dormitory": (BuildingKind.APARTMENTS, 4),
    "hotel": (BuildingKind.APARTMENTS, 5),
    "retail": (BuildingKind.SHOPS, 2),
    "supermarket": (BuildingKind.SHOPS, 1),
    "commercial": (BuildingKind.OFFICE, 4),
    "office": (BuildingKind.OFFICE, 5),
    "industrial": (BuildingKind.INDUSTRIAL, 2),
    "warehouse": (BuildingKind.INDUSTRIAL, 2),
    "school": (BuildingKind.PUBLIC, 2),
    "university": (BuildingKind.PUBLIC, 4),
    "public": (BuildingKind.PUBLIC, 3),
    "church": (BuildingKind.PUBLIC, 4),
    "garage": (BuildingKind.SHED, 1),
    "garages": (BuildingKind.SHED, 1),
    "shed": (BuildingKind.SHED, 1),
    "roof": (BuildingKind.SHED, 1),
}
"""Kind and storeys by `building`; others are apartments of three storeys."""

_ROOFS = {"flat": RoofKind.FLAT, "gabled": RoofKind.GABLED, "hipped": RoofKind.HIPPED}
_AREAS: dict[tuple[str, str], AreaKind] = {
    ("leisure", "park"): AreaKind.PARK,
    ("leisure", "garden"): AreaKind.GARDEN,
    ("leisure", "pitch"): AreaKind.GRASS,
    ("leisure", "playground"): AreaKind.PARK,
    ("landuse", "grass"): AreaKind.GRASS,
    ("landuse", "forest"): AreaKind.FOREST,
    ("landuse", "farmland"): AreaKind.FARMLAND,
    ("landuse", "industrial"): AreaKind.INDUSTRIAL,
    ("natural", "wood"): AreaKind.FOREST,
    ("natural", "water"): AreaKind.WATER,
    ("natural", "scrub"): AreaKind.PARK,
    ("waterway", "riverbank"): AreaKind.WATER,
    ("amenity", "parking"): AreaKind.PAVED,
    ("highway", "pedestrian"): AreaKind.PAVED,
}
_PROPS: dict[tuple[str, str], tuple[PropKind, tuple[float, float, float]]] = {
    ("natural", "tree"): (PropKind.TREE, (2.0, 2.0, 8.0)),
    ("highway", "street_lamp"): (PropKind.LAMP, (1.6, 0.14, 7.0)),
    ("amenity", "bench"): (PropKind.BENCH, (0.5, 1.6, 0.8)),
    ("amenity", "waste_basket"): (PropKind.BIN, (0.5, 0.5, 1.0)),
    ("emergency", "fire_hydrant"): (PropKind.HYDRANT, (0.3, 0.3, 0.75)),
    ("barrier", "bollard"): (PropKind.BOLLARD, (0.15, 0.15, 0.9)),
    ("man_made", "street_cabinet"): (PropKind.CABINET, (0.4, 1.0, 1.3)),
    ("highway", "bus_stop"): (PropKind.BUS_STOP, (1.6, 4.0, 2.5)),
    ("power", "pole"): (PropKind.POLE, (0.25, 0.25, 9.0)),
}
_ROW_STEP_M = 9.0


def add_scenery(
    builder: NetworkBuilder, document: Document, place_m: dict[int, Floats], roads: Ground,
    box_m: tuple[Floats, Floats],
) -> None:  # fmt: skip
    """Adds all of it, as far as it lies within a box and off the roads.

    Args:
        builder: Gets it.
        document: The map.
        place_m: Of its nodes.
        roads: Where nothing may stand.
        box_m: (2,) corners.
    """
    _add_areas(builder, document, place_m, box_m)
    _add_buildings(builder, document, place_m, roads, box_m)
    _add_props(builder, document, place_m, roads, box_m)


def _outlines(
    document: Document, place_m: dict[int, Floats]
) -> list[tuple[int, Tags, Floats]]:  # fmt: skip
    """Closed ways, and outer rings of multipolygons, with their tags."""
    found = []
    for way in document.ways.values():
        if len(way.nodes) > 3 and way.nodes[0] == way.nodes[-1] and way.tags:
            found.append((way.number, way.tags, way.nodes))
    for relation in document.relations.values():
        if relation.tags.get("type") == "multipolygon":
            found += [
                (relation.number, relation.tags, ring) for ring in outer_rings(document, relation)
            ]
    kept = []
    for number, tags, nodes in found:
        ring = np.array([place_m[node][:2] for node in nodes[:-1] if node in place_m])
        if len(ring) >= 3 and len(ring) >= len(nodes) - 1 and _is_simple(ring):
            kept.append((number, tags, ring))
    return kept


def outer_rings(document: Document, relation: Relation) -> list[tuple[int, ...]]:
    """Outer ways of a multipolygon, joined end to end until they close."""
    outer = [m.number for m in relation.members if m.kind == "way" and m.role in ("outer", "")]
    left = [list(document.ways[number].nodes) for number in outer if number in document.ways]
    found: list[tuple[int, ...]] = []
    while left:
        chain = left.pop(0)
        while chain[0] != chain[-1]:
            for k, other in enumerate(left):
                if other[0] == chain[-1] or other[-1] == chain[-1]:
                    del left[k]
                    chain += (other if other[0] == chain[-1] else other[::-1])[1:]
                    break
            else:
                break
        if chain[0] == chain[-1] and len(chain) > 3:
            found.append(tuple(chain))
    return found


def _is_simple(ring: Floats) -> bool:
    return float(np.ptp(ring, axis=0).min()) > 1.0 and not crosses_itself(ring)


def _add_areas(
    builder: NetworkBuilder, document: Document, place_m: dict[int, Floats],
    box_m: tuple[Floats, Floats],
) -> None:  # fmt: skip
    found = []
    for _, tags, ring in _outlines(document, place_m):
        kind = next((area for (key, value), area in _AREAS.items() if tags.get(key) == value), None)
        if kind is None or tags.get("building", "no") != "no":
            continue
        if _inside(ring, box_m):
            found.append((float(np.prod(np.ptp(ring, axis=0))), kind, ring))
    for _, kind, ring in sorted(found, key=lambda entry: -entry[0]):
        builder.add_area(kind, ring)


def _inside(ring: Floats, box_m: tuple[Floats, Floats]) -> bool:
    return bool((ring.max(axis=0) > box_m[0]).all() and (ring.min(axis=0) < box_m[1]).all())


def _add_buildings(
    builder: NetworkBuilder, document: Document, place_m: dict[int, Floats], roads: Ground,
    box_m: tuple[Floats, Floats],
) -> None:  # fmt: skip
    guessed = over = count = 0
    for number, tags, ring in _outlines(document, place_m):
        if tags.get("building", "no") == "no" or not _inside(ring, box_m):
            continue
        if tags.get("location") == "underground" or roads.share(ring) > 0.02:
            over += 1
            continue
        kind, storeys = _BUILDINGS.get(tags["building"], (BuildingKind.APARTMENTS, 3))
        height, known = _height(tags, storeys)
        guessed += not known
        roof = _ROOFS.get(tags.get("roof:shape", ""), RoofKind.FLAT)
        small = kind in (BuildingKind.HOUSE, BuildingKind.ROW_HOUSE) and len(ring) <= 6
        if small and "roof:shape" not in tags:
            roof = RoofKind.GABLED if len(ring) == 4 else RoofKind.FLAT
        if len(ring) != 4:
            roof = RoofKind.FLAT
        builder.add_building(kind, ring, height, roof=roof, style=abs(number) % (1 << 16))
        count += 1
    if guessed:
        builder.note(f"Buildings: {guessed} of {count} have no height; storeys by kind were used.")
    if over:
        builder.note(f"Buildings: {over} lie over or under a street and are left out.")


def _height(tags: Tags, storeys: int) -> tuple[float, bool]:
    """Height to the eaves, and whether tags say so."""
    height = metres(tags.get("height"))
    if height > 1.0:
        low = metres(tags.get("roof:height"))
        return min(max(height - low, 2.0), TALLEST_M), True
    levels = metres(tags.get("building:levels"))
    if levels > 0.0:
        return min(levels * STOREY_M, TALLEST_M), True
    return storeys * STOREY_M, False


def _add_props(
    builder: NetworkBuilder, document: Document, place_m: dict[int, Floats], roads: Ground,
    box_m: tuple[Floats, Floats],
) -> None:  # fmt: skip
    spots: list[tuple[int, Tags, Floats]] = [
        (node, tags, place_m[node]) for node, tags in document.node_tags.items() if node in place_m
    ]
    for way in document.ways.values():
        if way.tags.get("natural") == "tree_row":
            line = np.array([place_m[node] for node in way.nodes if node in place_m])
            if len(line) > 1:
                spots += [(way.number + k, {"natural": "tree"}, place)
                          for k, place in enumerate(_spaced(line))]  # fmt: skip
    on_road = 0
    driven = _driven_places(builder)
    for number, tags, place in spots:
        found = next((_PROPS[key] for key in _PROPS if tags.get(key[0]) == key[1]), None)
        if found is None or (place[:2] < box_m[0]).any() or (place[:2] > box_m[1]).any():
            continue
        if roads.taken(place[None, :2])[0]:
            on_road += 1
            continue
        kind, size = found
        if kind == PropKind.TREE:
            kind, size = _tree(tags, number)
        builder.add_prop(kind, place, heading_rad=_facing(driven, place), size_m=size,
                         style=abs(number) % (1 << 16))  # fmt: skip
    if on_road:
        builder.note(f"Things beside the road: {on_road} stand on the asphalt and are left out.")


def _tree(tags: Tags, number: int) -> tuple[PropKind, tuple[float, float, float]]:
    """Size of a tree from its tags; without, one that differs from tree to tree."""
    height = metres(tags.get("height")) or 6.0 + (abs(number) * 7919 % 50) / 10.0
    crown = 0.5 * metres(tags.get("diameter_crown")) or 0.26 * height
    needles = tags.get("leaf_type") == "needleleaved"
    kind = PropKind.CONIFER if needles else PropKind.TREE
    return kind, (min(crown, 8.0), min(crown, 8.0), min(height, 40.0))


def _driven_places(builder: NetworkBuilder) -> Floats:
    """Points (n, 2) of all lanes that are driven on."""
    lanes = [lane for lane in builder.drafts.lanes if lane.kind == LaneKind.DRIVE]
    return np.concatenate([lane.curve.xyz_m[:, :2] for lane in lanes])


def _facing(driven_m: Floats, place: Floats) -> float:
    """Towards the nearest lane, as lamps and stops do."""
    step = driven_m - place[:2]
    x, y = step[int(np.argmin((step**2).sum(axis=1)))]
    return float(np.arctan2(y, x))


def _spaced(line: Floats) -> list[Floats]:
    along = distances(line)
    count = max(int(along[-1] / _ROW_STEP_M), 1) + 1
    at = np.linspace(0.0, float(along[-1]), count)
    return [np.array([np.interp(s, along, line[:, k]) for k in range(3)]) for s in at]
