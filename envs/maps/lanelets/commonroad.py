"""Reads the lanelet network of CommonRoad scenarios, formats 2018b and 2020a [Althoff et al. 2017].

Only the road is read here; recorded vehicles are another matter.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from fleetloop.core.errors import ConfigError, StorageError
from fleetloop.envs.maps.drafts import Mark
from fleetloop.envs.maps.kinds import Control, LaneKind, MarkKind, RoadClass, SignCode
from fleetloop.envs.maps.lanelets.model import Lanelet, LaneletMap, Sign
from fleetloop.envs.maps.lanelets.shape import middle
from fleetloop.envs.maps.osm.parse import Document
from fleetloop.envs.maps.osm.places import country_of
from fleetloop.envs.maps.polyline import Floats, distances

MAX_BYTES = 256 * 1024 * 1024
"""A file that is larger, unpacked, is not read."""

_KINDS: dict[str, LaneKind] = {
    "sidewalk": LaneKind.SIDEWALK, "bicycleLane": LaneKind.BIKE, "shoulder": LaneKind.SHOULDER,
    "parking": LaneKind.PARKING, "border": LaneKind.SHOULDER, "restricted": LaneKind.SHOULDER,
}  # fmt: skip
_MARKS: dict[str, MarkKind] = {
    "solid": MarkKind.SOLID, "dashed": MarkKind.BROKEN, "broad_solid": MarkKind.SOLID,
    "broad_dashed": MarkKind.BROKEN, "solid_solid": MarkKind.SOLID_SOLID,
    "solid_dashed": MarkKind.SOLID_BROKEN, "dashed_solid": MarkKind.BROKEN_SOLID,
    "dashed_dashed": MarkKind.BROKEN_BROKEN, "curb": MarkKind.KERB,
}  # fmt: skip
_SIGNS = {
    "206": SignCode.STOP, "205": SignCode.YIELD, "274": SignCode.SPEED_LIMIT,
    "306": SignCode.PRIORITY_ROAD, "301": SignCode.PRIORITY_ROAD, "R1-1": SignCode.STOP,
    "R2-1": SignCode.SPEED_LIMIT, "267": SignCode.NO_ENTRY, "220": SignCode.ONE_WAY,
}  # fmt: skip
_LIMITS_KM_H = {"urban": 50.0, "country": 100.0, "highway": 130.0, "interstate": 105.0}
_UNKNOWN_KM_H = 50.0

Element = ElementTree.Element


def read_commonroad(path: Path) -> LaneletMap:
    """Reads a scenario's roads, plain or gzip-packed.

    Raises:
        StorageError: The file cannot be read or is too large.
        ConfigError: It is no CommonRoad scenario, or holds no lanelet.
    """
    root = _root(path)
    where = path.name
    elements = root.findall("lanelet")
    if not elements:
        raise ConfigError(f"{where} holds no lanelet: choose a scenario with roads in it.")
    signs = {e.get("id", ""): e for e in root.findall("trafficSign")}
    name = root.get("benchmarkID", "") or where.split(".")[0]
    found = LaneletMap(name=name, origin_lat_lon=_origin(root), left_hand=False, lanelets={})
    for element in elements:
        lanelet = _lanelet(element, signs, found, where)
        found.lanelets[lanelet.key] = lanelet
    for lanelet in found.lanelets.values():
        lanelet.after = [key for key in lanelet.after if key in found.lanelets]
    found.left_hand = _side(elements, found)
    _shift(found)
    for element in signs.values():
        _add_sign(element, found, where)
    return found


def _root(path: Path) -> Element:
    try:
        opened = gzip.open if path.suffix.lower() == ".gz" else open
        with opened(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise StorageError(f"The map {path} cannot be read: {error}. Check the path.") from error
    if len(data) > MAX_BYTES:
        raise StorageError(f"{path.name} is larger than {MAX_BYTES >> 20} MB: cut the map.")
    if b"<!DOCTYPE" in data[:4096] or b"<!ENTITY" in data[:4096]:
        raise ConfigError(f"{path.name} has a DOCTYPE, which no map needs: remove it.")
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise ConfigError(
            f"{path.name} is no well-formed XML ({error}): the file is cut or damaged; get it anew."
        ) from error
    if root.tag != "commonRoad":
        raise ConfigError(f"{path.name} is <{root.tag}>, not <commonRoad>: choose another source.")
    return root


def _lanelet(element: Element, signs: dict[str, Element], found: LaneletMap, where: str) -> Lanelet:
    key = element.get("id", "")
    if not key:
        raise ConfigError(f"{where}: a <lanelet> lacks 'id': add it.")
    where = f"{where}, lanelet {key}"
    kinds = [(e.text or "").strip() for e in element.findall("laneletType")]
    kind = next((_KINDS[word] for word in kinds if word in _KINDS), LaneKind.DRIVE)
    if kind == LaneKind.DRIVE and "crosswalk" in kinds:
        kind = LaneKind.SIDEWALK
    fast = any(word in ("highway", "interstate", "exitRamp", "accessRamp") for word in kinds)
    lanelet = Lanelet(
        key=key, kind=kind, left_m=_bound(element, "leftBound", where),
        right_m=_bound(element, "rightBound", where), limit_m_s=0.0,
        road_class=RoadClass.MOTORWAY if fast else RoadClass.COLLECTOR,
        two_way=element.find("userBidirectional") is not None and kind == LaneKind.DRIVE,
        after=[e.get("ref", "") for e in element.findall("successor")],
        lit=element.find("trafficLightRef") is not None,
        left_mark=_mark(element, "leftBound"), right_mark=_mark(element, "rightBound"),
    )  # fmt: skip
    _beside(element, lanelet)
    lanelet.limit_m_s = _limit(element, signs, kinds, found, where)
    for ref in element.findall("trafficSignRef"):
        for number, _ in _numbers(signs.get(ref.get("ref", ""))):
            code = _SIGNS.get(number)
            if code in (SignCode.STOP, SignCode.YIELD):
                lanelet.control = Control.STOP if code == SignCode.STOP else Control.YIELD
    if "crosswalk" in kinds:
        line = middle(lanelet)
        found.crossings.append((line.xyz_m[[0, -1]], float(np.clip(line.width_m.mean(), 1.5, 8))))
    return lanelet


def _bound(element: Element, name: str, where: str) -> Floats:
    points = []
    for point in element.iterfind(f"{name}/point"):
        points.append([_number(point, axis, where) for axis in ("x", "y", "z")])
    line = np.array(points).reshape(-1, 3)
    if len(line) < 2 or float(distances(line)[-1]) < 0.01:
        raise ConfigError(f"{where}: its {name} has fewer than two different points: draw it anew.")
    return line


def _number(element: Element, name: str, where: str) -> float:
    text = (element.findtext(name) or "").strip()
    if not text and name == "z":
        return 0.0
    try:
        value = float(text)
    except ValueError as error:
        raise ConfigError(
            f"{where}: {name} is {text!r}, should be a number: correct it."
        ) from error
    if not math.isfinite(value):
        raise ConfigError(f"{where}: {name} is {text!r}: it must be finite.")
    return value


def _mark(element: Element, name: str) -> Mark:
    word = (element.findtext(f"{name}/lineMarking") or "").strip()
    return Mark(kind=_MARKS.get(word, MarkKind.NONE))


def _beside(element: Element, lanelet: Lanelet) -> None:
    for side in ("Left", "Right"):
        other = element.find(f"adjacent{side}")
        if other is None:
            continue
        same = other.get("drivingDir") == "same"
        mark = lanelet.left_mark if side == "Left" else lanelet.right_mark
        solid = (MarkKind.SOLID, MarkKind.SOLID_SOLID, MarkKind.KERB)
        free = mark.kind not in solid
        if not same:
            lanelet.opposite = other.get("ref", "")
        elif side == "Left":
            lanelet.left, lanelet.left_change = other.get("ref", ""), free
        else:
            lanelet.right, lanelet.right_change = other.get("ref", ""), free


def _numbers(sign: Element | None) -> list[tuple[str, float]]:
    """Code and value of each plate of a sign."""
    found = []
    for plate in [] if sign is None else sign.findall("trafficSignElement"):
        text = (plate.findtext("additionalValue") or "").strip()
        try:
            value = float(text) if text else 0.0
        except ValueError:
            value = 0.0
        found.append(((plate.findtext("trafficSignID") or "").strip(), value))
    return found


def _limit(
    element: Element, signs: dict[str, Element], kinds: list[str], found: LaneletMap, where: str
) -> float:
    """m/s: of a sign that the lanelet refers to, of 2018b's own element, or by its type."""
    for ref in element.findall("trafficSignRef"):
        for number, value in _numbers(signs.get(ref.get("ref", ""))):
            if _SIGNS.get(number) == SignCode.SPEED_LIMIT and 1.0 < value < 70.0:
                return value
    stated = (element.findtext("speedLimit") or "").strip()
    if stated:
        value = _number(element, "speedLimit", where)
        if 1.0 < value < 70.0:
            return value
    note = "Guessed speed limits: lanelets do not state theirs; those of their type were used."
    if note not in found.notes:
        found.notes.append(note)
    return next((_LIMITS_KM_H[w] for w in kinds if w in _LIMITS_KM_H), _UNKNOWN_KM_H) / 3.6


def _origin(root: Element) -> tuple[float, float]:
    """Degrees of the place; zeros where it is not stated (the format writes 999 then)."""
    degrees = []
    for name in ("gpsLatitude", "gpsLongitude"):
        try:
            degrees.append(float(root.findtext(f"location/{name}") or "nan"))
        except ValueError:
            degrees.append(math.nan)
    if not all(math.isfinite(value) and abs(value) <= 180.0 for value in degrees):
        return 0.0, 0.0
    return degrees[0], degrees[1]


def _side(elements: list[Element], found: LaneletMap) -> bool:
    """Whether traffic keeps to the left: by the side on which the other direction lies."""
    sides = {"Left": 0, "Right": 0}
    for element in elements:
        for side in sides:
            other = element.find(f"adjacent{side}")
            sides[side] += other is not None and other.get("drivingDir") == "opposite"
    if sides["Left"] != sides["Right"]:
        left_hand = sides["Right"] > sides["Left"]
        word = "left" if left_hand else "right"
        found.notes.append(f"Traffic keeps to the {word}, as lanelets side by side do.")
        return left_hand
    if found.origin_lat_lon == (0.0, 0.0):
        code = found.name.partition("_")[0].removeprefix("C-")
        left_hand = code in ("GBR", "AUS", "JPN", "IND", "NZL", "ZAF", "IRL", "SGP", "HKG")
        found.notes.append(f"Traffic keeps to the {'left' if left_hand else 'right'}, by its name.")
        return left_hand
    country, told = country_of(Document(name=found.name), *found.origin_lat_lon)
    found.notes.append(f"Traffic keeps to the {'left' if country.left_hand else 'right'}, {told}.")
    return country.left_hand


def _shift(found: LaneletMap) -> None:
    """Moves a map whose numbers are large (projected coordinates) to its middle."""
    ends = np.array([side[k] for lanelet in found.lanelets.values()
                     for side in (lanelet.left_m, lanelet.right_m) for k in (0, -1)])  # fmt: skip
    middle_m = np.round(0.5 * (ends.min(axis=0) + ends.max(axis=0)))
    if float(np.abs(middle_m[:2]).max()) < 20_000.0:
        return
    found.notes.append(
        f"Coordinates are moved by {-middle_m[0]:.0f}, {-middle_m[1]:.0f} m to the map's middle."
    )
    middle_m[2] = 0.0
    for lanelet in found.lanelets.values():
        lanelet.left_m, lanelet.right_m = lanelet.left_m - middle_m, lanelet.right_m - middle_m
    found.crossings = [(ends - middle_m, width) for ends, width in found.crossings]


def _add_sign(element: Element, found: LaneletMap, where: str) -> None:
    point = element.find("position/point")
    virtual = (element.findtext("virtual") or "").strip() == "true"
    if point is None or virtual:
        return
    place = np.array([_number(point, axis, where) for axis in ("x", "y", "z")])
    place[2] += 2.2
    for number, value in _numbers(element):
        if number in _SIGNS:
            found.signs.append(Sign(code=_SIGNS[number], place_m=place, value=value, text=number))
