"""Reads lanelet2 maps: OpenStreetMap XML with lanelets as relations [Poggenhans et al. 2018].

Names follow the format's documentation (`LaneletPrimitives`, `LinestringTagging`,
`LaneletAndAreaTagging`, `RegulatoryElementTagging`).
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from fleetloop.core.errors import ConfigError
from fleetloop.envs.maps.drafts import Mark
from fleetloop.envs.maps.kinds import (
    AreaKind,
    Control,
    LaneKind,
    MarkColor,
    MarkKind,
    RoadClass,
    SignCode,
)
from fleetloop.envs.maps.lanelets.model import Lanelet, LaneletMap, Sign
from fleetloop.envs.maps.lanelets.shape import middle
from fleetloop.envs.maps.osm.parse import Document, Relation, Tags
from fleetloop.envs.maps.osm.places import WORLD, country_of
from fleetloop.envs.maps.osm.projection import to_metres
from fleetloop.envs.maps.osm.scenery import outer_rings
from fleetloop.envs.maps.osm.values import metres, speed_m_s
from fleetloop.envs.maps.polyline import Floats, distances

_KINDS: dict[str, LaneKind] = {
    "road": LaneKind.DRIVE, "highway": LaneKind.DRIVE, "play_street": LaneKind.DRIVE,
    "bus_lane": LaneKind.DRIVE, "emergency_lane": LaneKind.SHOULDER,
    "road_shoulder": LaneKind.SHOULDER, "pedestrian_lane": LaneKind.SIDEWALK,
    "bicycle_lane": LaneKind.BIKE, "walkway": LaneKind.SIDEWALK,
    "shared_walkway": LaneKind.SIDEWALK,
}  # fmt: skip
_LIMITS_KM_H = {"highway": 130.0, "play_street": 7.0, "bicycle_lane": 25.0}
_URBAN_KM_H, _RURAL_KM_H = 50.0, 100.0
_MARKS: dict[str, MarkKind] = {
    "solid": MarkKind.SOLID, "dashed": MarkKind.BROKEN, "solid_solid": MarkKind.SOLID_SOLID,
    "solid_dashed": MarkKind.SOLID_BROKEN, "dashed_solid": MarkKind.BROKEN_SOLID,
}  # fmt: skip
_SIGNS = {
    "206": SignCode.STOP, "205": SignCode.YIELD, "274": SignCode.SPEED_LIMIT,
    "306": SignCode.PRIORITY_ROAD, "301": SignCode.PRIORITY_ROAD, "350": SignCode.CROSSING,
    "267": SignCode.NO_ENTRY, "220": SignCode.ONE_WAY, "215": SignCode.ROUNDABOUT,
    "314": SignCode.PARKING,
}  # fmt: skip
_AREAS = {
    "vegetation": AreaKind.GRASS, "parking": AreaKind.PAVED, "walkway": AreaKind.PAVED,
    "exit": AreaKind.PAVED,
}  # fmt: skip

Bounds = tuple[int, int, bool, bool]
"""Numbers of the left and right way, and whether each runs against the lanelet."""


def is_lanelet2(document: Document) -> bool:
    """Whether a file holds lanelets."""
    return any(r.tags.get("type") == "lanelet" for r in document.relations.values())


def read_lanelets(document: Document, where: str) -> LaneletMap:
    """Makes lanelets of a document.

    Raises:
        ConfigError: It holds none.
    """
    if not is_lanelet2(document):
        raise ConfigError(
            f"{where} holds no relation of type lanelet: for plain OpenStreetMap extracts use the "
            "source 'osm'."
        )
    place_m, origin = _places(document)
    found = LaneletMap(name=document.name, origin_lat_lon=origin, left_hand=False, lanelets={})
    bounds: dict[str, Bounds] = {}
    skipped = 0
    for relation in document.relations.values():
        if relation.tags.get("type") != "lanelet":
            continue
        sides = _bounds(document, relation, place_m)
        if sides is None:
            skipped += 1
            continue
        left, right, ways = sides
        _add(found, bounds, relation, left, right, ways)
    if skipped:
        found.notes.append(f"Left out: {skipped} lanelets with a bound that the file lacks.")
    _relate(document, found, bounds)
    found.left_hand = _side(document, found, bounds, origin)
    _rule(document, found)
    _surround(document, found, place_m)
    return found


def _places(document: Document) -> tuple[dict[int, Floats], tuple[float, float]]:
    """Places (3,) of all nodes: local coordinates where all have them, else projected degrees."""
    numbers = list(document.lat_lon)
    if not numbers:
        return {}, (0.0, 0.0)
    degrees = np.array([document.lat_lon[number] for number in numbers])
    lat, lon = 0.5 * (degrees.min(axis=0) + degrees.max(axis=0))
    origin = (round(float(lat), 5), round(float(lon), 5))
    tags = [document.node_tags.get(number, {}) for number in numbers]
    if all("local_x" in tag and "local_y" in tag for tag in tags):
        flat = np.array([[_number(tag, "local_x"), _number(tag, "local_y")] for tag in tags])
        flat -= np.round(0.5 * (flat.min(axis=0) + flat.max(axis=0)))
    else:
        flat = to_metres(degrees, origin)
    height = np.array([_number(tag, "ele") for tag in tags])
    # Heights above the sea: the median is the ground, and a few stray ones say nothing.
    told = np.array(["ele" in tag for tag in tags])
    height = (
        np.where(told, height - np.median(height[told]), 0.0) if told.mean() > 0.5 else 0.0 * height
    )
    return {
        number: np.array([x, y, z]) for number, (x, y), z in zip(numbers, flat, height, strict=True)
    }, origin


def _number(tags: Tags, key: str) -> float:
    try:
        value = float(tags.get(key, "0"))
    except ValueError:
        return 0.0
    return value if np.isfinite(value) else 0.0


def _line(document: Document, number: int, place_m: dict[int, Floats]) -> Floats | None:
    way = document.ways.get(number)
    if way is None:
        return None
    points = [place_m[node] for node in way.nodes if node in place_m]
    line = np.array(points)
    if len(points) < 2 or float(distances(line)[-1]) < 0.05:
        return None
    return line


def _bounds(
    document: Document, relation: Relation, place_m: dict[int, Floats]
) -> tuple[Floats, Floats, Bounds] | None:
    """Left and right bound in the direction of travel, the left one to the left."""
    ways = {m.role: m.number for m in relation.members if m.kind == "way"}
    left = _line(document, ways.get("left", 0), place_m)
    right = _line(document, ways.get("right", 0), place_m)
    if left is None or right is None:
        return None
    straight = np.linalg.norm(left[0] - right[0]) + np.linalg.norm(left[-1] - right[-1])
    crossed = np.linalg.norm(left[0] - right[-1]) + np.linalg.norm(left[-1] - right[0])
    turned_left, turned_right = False, bool(crossed < straight)
    if turned_right:
        right = right[::-1]
    x, y = np.concatenate([left, right[::-1]])[:, :2].T
    if float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) > 0.0:
        left, right = left[::-1], right[::-1]
        turned_left, turned_right = not turned_left, not turned_right
    return left, right, (ways["left"], ways["right"], turned_left, turned_right)


def _add(
    found: LaneletMap,
    bounds: dict[str, Bounds],
    relation: Relation,
    left: Floats,
    right: Floats,
    ways: Bounds,
) -> None:
    tags, key = relation.tags, str(relation.number)
    subtype = tags.get("subtype", "road")
    kind = _KINDS.get(subtype)
    plain = Lanelet(
        key=key,
        kind=LaneKind.SIDEWALK if kind is None else kind,
        left_m=left,
        right_m=right,
        limit_m_s=_limit(tags, subtype, found),
    )
    if subtype == "crosswalk":
        line = middle(plain)
        width = float(np.clip(np.median(line.width_m), 1.5, 8.0))
        found.crossings.append((line.xyz_m[[0, -1]], width))
        return
    if kind is None:
        note = f"Lanelets of the kind {subtype!r} are left out."
        if note not in found.notes:
            found.notes.append(note)
        return
    if kind == LaneKind.DRIVE and not _for_cars(tags):
        plain.kind = LaneKind.SIDEWALK
    plain.two_way = tags.get("one_way", "yes") in ("no", "false", "0")
    fast = subtype == "highway" or tags.get("location") == "nonurban"
    plain.road_class = RoadClass.MOTORWAY if fast else RoadClass.COLLECTOR
    found.lanelets[key] = plain
    bounds[key] = ways


def _for_cars(tags: Tags) -> bool:
    said = {key.partition(":")[2]: value for key, value in tags.items()
            if key.startswith("participant:")}  # fmt: skip
    if not said:
        return True
    cars = ("vehicle", "vehicle:car", "vehicle:bus", "vehicle:taxi")
    if any(said.get(word) == "yes" for word in cars):
        return True
    return not any(value == "yes" for value in said.values()) and said.get("vehicle") != "no"


def _limit(tags: Tags, subtype: str, found: LaneletMap) -> float:
    stated = speed_m_s(tags.get("speed_limit", "").replace("km/h", ""), WORLD)
    if stated >= 1.0:
        return min(stated, 55.0)
    note = "Guessed speed limits: lanelets do not state theirs; those of their kind were used."
    if note not in found.notes:
        found.notes.append(note)
    usual = _RURAL_KM_H if tags.get("location") == "nonurban" else _URBAN_KM_H
    return _LIMITS_KM_H.get(subtype, usual) / 3.6


def _relate(document: Document, found: LaneletMap, bounds: dict[str, Bounds]) -> None:
    """What follows and what lies beside, by the nodes and ways that lanelets share."""
    starts: dict[tuple[int, int], list[str]] = defaultdict(list)
    ends: dict[str, tuple[int, int]] = {}
    for key, (left, right, turned_left, turned_right) in bounds.items():
        a, b = document.ways[left].nodes, document.ways[right].nodes
        begin = (a[-1] if turned_left else a[0], b[-1] if turned_right else b[0])
        starts[begin].append(key)
        ends[key] = (a[0] if turned_left else a[-1], b[0] if turned_right else b[-1])
    lefts: dict[tuple[int, bool], list[str]] = defaultdict(list)
    rights: dict[tuple[int, bool], list[str]] = defaultdict(list)
    for key, (left, right, turned_left, turned_right) in bounds.items():
        lefts[left, turned_left].append(key)
        rights[right, turned_right].append(key)
    for key, (left, right, turned_left, turned_right) in bounds.items():
        lanelet = found.lanelets[key]
        lanelet.after = [other for other in starts.get(ends[key], ()) if other != key]
        if lanelet.two_way:
            back = (ends[key][1], ends[key][0])
            # Those drawn from the other end, when they are for both directions too.
            lanelet.after += [o for o in starts.get(back, ()) if o != key
                              and found.lanelets[o].two_way]  # fmt: skip
        lanelet.right = _drive(found, lefts.get((right, turned_right), ()))
        lanelet.left = _drive(found, rights.get((left, turned_left), ()))
        lanelet.opposite = _drive(found, lefts.get((left, not turned_left), ())) or _drive(
            found, rights.get((right, not turned_right), ())
        )
        lanelet.left_mark, lanelet.left_change = _mark(document.ways[left].tags, left=True)
        lanelet.right_mark, lanelet.right_change = _mark(document.ways[right].tags, left=False)


def _drive(found: LaneletMap, keys: object) -> str:
    assert isinstance(keys, (list, tuple))
    drive = [key for key in keys if found.lanelets[key].kind == LaneKind.DRIVE]
    return drive[0] if len(drive) == 1 else ""


def _mark(tags: Tags, *, left: bool) -> tuple[Mark, bool]:
    """The line of a bound, and whether one may cross it outwards."""
    kind, subtype = tags.get("type", ""), tags.get("subtype", "")
    shown = Mark()
    if kind in ("line_thin", "line_thick"):
        color = MarkColor.YELLOW if tags.get("color") == "yellow" else MarkColor.WHITE
        shown = Mark(kind=_MARKS.get(subtype, MarkKind.SOLID), color=color)
    elif kind == "curbstone":
        shown = Mark(kind=MarkKind.KERB)
    change = tags.get("lane_change")
    if change in ("yes", "no"):
        return shown, change == "yes"
    # Of a double line the left half is named first: who has the dashed half may cross.
    near = {"solid_dashed": "dashed", "dashed_solid": "solid"}.get(subtype, subtype)
    if not left and subtype in ("solid_dashed", "dashed_solid"):
        near = "solid" if near == "dashed" else "dashed"
    painted = kind in ("line_thin", "line_thick", "virtual")
    return shown, painted and near == "dashed"


def _side(
    document: Document, found: LaneletMap, bounds: dict[str, Bounds], origin: tuple[float, float]
) -> bool:
    """Whether traffic keeps to the left: by lanelets of both directions that share a bound."""
    right_hand = left_hand = 0
    for key, lanelet in found.lanelets.items():
        other = lanelet.opposite
        if other and lanelet.kind == LaneKind.DRIVE:
            if bounds[key][0] == bounds[other][0]:
                right_hand += 1
            else:
                left_hand += 1
    if right_hand != left_hand:
        word = "left" if left_hand > right_hand else "right"
        found.notes.append(f"Traffic keeps to the {word}, as lanelets side by side do.")
        return left_hand > right_hand
    country, told = country_of(document, *origin)
    found.notes.append(f"Traffic keeps to the {'left' if country.left_hand else 'right'}, {told}.")
    return country.left_hand


def _rule(document: Document, found: LaneletMap) -> None:
    """Lights, right of way and limits from regulatory elements."""
    for relation in document.relations.values():
        kind = relation.tags.get("subtype", "")
        if relation.tags.get("type") != "regulatory_element":
            continue
        members = defaultdict(list)
        for member in relation.members:
            members[member.role].append(member)
        for member in members["yield"]:
            lanelet = found.lanelets.get(str(member.number))
            if kind == "right_of_way" and lanelet is not None:
                stop = any(_sign_number(document, m.number) == "206" for m in members["refers"])
                lanelet.control = Control.STOP if stop else Control.YIELD
    for relation in document.relations.values():
        lanelet = found.lanelets.get(str(relation.number))
        if lanelet is None:
            continue
        for member in relation.members:
            rule = document.relations.get(member.number) if member.kind == "relation" else None
            if rule is None or member.role != "regulatory_element":
                continue
            if rule.tags.get("subtype") == "traffic_light":
                lanelet.lit = True
            elif rule.tags.get("subtype") == "speed_limit":
                limit = _limit_of(document, rule)
                lanelet.limit_m_s = limit or lanelet.limit_m_s
            elif rule.tags.get("subtype") in ("all_way_stop", "stop_line"):
                lanelet.control = Control.ALL_WAY_STOP


def _sign_number(document: Document, way: int) -> str:
    tags = document.ways[way].tags if way in document.ways else {}
    return "".join(c for c in tags.get("subtype", "").partition("_")[0] if c.isdigit())


def _limit_of(document: Document, rule: Relation) -> float:
    """m/s of a speed limit: `sign_type` such as `50 km/h` or `de274-30`, or the sign's own."""
    words = [rule.tags.get("sign_type", "")]
    words += [document.ways[m.number].tags.get(key, "") for m in rule.members
              if m.kind == "way" and m.number in document.ways
              for key in ("value", "subtype", "sign_type")]  # fmt: skip
    for word in words:
        if "274" in word:
            word = word.replace("_", "-").partition("-")[2]
        km_h = metres(word.lower().replace("km/h", "").replace("kmh", "").strip())
        if "mph" in word.lower():
            km_h = 1.609344 * metres(word.lower().replace("mph", "").strip())
        if km_h >= 5.0:
            return min(km_h / 3.6, 55.0)
    return 0.0


def _surround(document: Document, found: LaneletMap, place_m: dict[int, Floats]) -> None:
    for way in document.ways.values():
        if way.tags.get("type") == "traffic_sign":
            number = _sign_number(document, way.number)
            line = _line(document, way.number, place_m)
            if line is not None and number in _SIGNS:
                code = _SIGNS[number]
                value = metres(way.tags.get("value")) / 3.6
                place = line.mean(axis=0) + np.array([0.0, 0.0, 2.0])
                found.signs.append(Sign(code=code, place_m=place, value=value,
                                        text=way.tags.get("subtype", "")))  # fmt: skip
    for relation in document.relations.values():
        subtype = relation.tags.get("subtype", "")
        if relation.tags.get("type") != "multipolygon":
            continue
        for nodes in outer_rings(document, relation):
            ring = np.array([place_m[node][:2] for node in nodes[:-1] if node in place_m])
            if len(ring) < 3:
                continue
            if subtype == "building":
                found.buildings.append(ring)
            elif subtype in _AREAS:
                found.areas.append((_AREAS[subtype], ring))
