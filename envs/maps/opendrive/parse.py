"""Reads an OpenDRIVE file into a `Document`: bounded, without trust, with the place of each error.

Files from the wild have comments before the XML declaration, namespaces, empty attributes and
numbers in odd forms; they are read all the same. What cannot be read is a `ConfigError` that names
the file, the element and the remedy.
"""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from fleetloop.core.errors import ConfigError, StorageError
from fleetloop.envs.maps.opendrive.cubics import Cubics
from fleetloop.envs.maps.opendrive.document import (
    Connection,
    Contact,
    Document,
    Junction,
    Lane,
    Road,
    RoadLink,
    RoadMark,
    Section,
    Signal,
)
from fleetloop.envs.maps.opendrive.objects import parse_objects
from fleetloop.envs.maps.opendrive.plan_view import Geometry, PlanView
from fleetloop.envs.maps.opendrive.values import number, required, text

MAX_BYTES = 256 * 1024 * 1024
"""A file that is larger, unpacked, is not read."""

_TO_M_S = {"": 1.0, "m/s": 1.0, "km/h": 1.0 / 3.6, "kmh": 1.0 / 3.6, "mph": 0.44704}

Element = ElementTree.Element


def read_document(path: Path) -> Document:
    """Reads a file, plain or gzip-packed.

    Raises:
        StorageError: The file cannot be read or is too large.
        ConfigError: It is no OpenDRIVE, or holds no road.
    """
    root = _root(path)
    where = path.name
    roads = {road.number: road for road in (_road(e, where) for e in root.iter("road"))}
    if not roads:
        raise ConfigError(f"{where} holds no road: choose an OpenDRIVE file with roads in it.")
    header = root.find("header")
    offset = None if header is None else header.find("offset")
    shift = (0.0, 0.0, 0.0)
    if offset is not None:
        shift = (number(offset, "x", where), number(offset, "y", where), number(offset, "z", where))
    return Document(
        name=text(header, "name") or where.split(".")[0],
        geo_reference=(root.findtext("header/geoReference") or "").strip(),
        offset_m=shift,
        roads=roads,
        junctions={j.number: j for j in (_junction(e, where) for e in root.findall("junction"))},
        controllers={
            required(e, "id", where): tuple(text(c, "signalId") for c in e.findall("control"))
            for e in root.findall("controller")
        },
    )


def _root(path: Path) -> Element:
    try:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, EOFError) as error:
        raise StorageError(f"The map {path} cannot be read: {error}. Check the path.") from error
    if len(data) > MAX_BYTES:
        raise StorageError(f"{path.name} is larger than {MAX_BYTES >> 20} MB: cut the map.")
    if b"<!DOCTYPE" in data[:4096] or b"<!ENTITY" in data[:4096]:
        raise ConfigError(f"{path.name} defines entities, which no map needs: remove its DOCTYPE.")
    begin = data.find(b"<?xml")
    # Some writers put a comment before the declaration; XML does not allow that, we do.
    data = data[begin:] if begin > 0 else data
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise ConfigError(
            f"{path.name} is no well-formed XML ({error}): the file is cut or damaged; get it anew."
        ) from error
    for element in root.iter():
        element.tag = re.sub(r"^\{.*\}", "", element.tag) if isinstance(element.tag, str) else ""
    if root.tag != "OpenDRIVE":
        raise ConfigError(
            f"{path.name} is <{root.tag}>, not <OpenDRIVE>: for OpenStreetMap use the source 'osm'."
        )
    return root


def _road(element: Element, where: str) -> Road:
    name = required(element, "id", where)
    where = f"{where}, road {name}"
    junction = text(element, "junction")
    length_m = number(element, "length", where)
    sections = _sections(element, where)
    plan = _plan(element, where)
    return Road(
        number=name,
        name=text(element, "name"),
        length_m=length_m if length_m > 0.0 else plan.length_m,
        junction="" if junction in ("", "-1") else junction,
        left_hand=text(element, "rule").upper() == "LHT",
        predecessor=_link(element.find("link/predecessor")),
        successor=_link(element.find("link/successor")),
        plan=plan,
        elevation=_cubics(element.iterfind("elevationProfile/elevation"), where),
        superelevation=_cubics(element.iterfind("lateralProfile/superelevation"), where),
        lane_offset=_cubics(element.iterfind("lanes/laneOffset"), where),
        sections=sections,
        types=_types(element, where),
        signals=tuple(_signals(element, where)),
        objects=tuple(parse_objects(element, length_m, where)),
    )


def _link(element: Element | None) -> RoadLink | None:
    if element is None or not text(element, "elementId"):
        return None
    return RoadLink(
        is_junction=text(element, "elementType") == "junction",
        element=text(element, "elementId"),
        contact=_contact(element),
    )


def _contact(element: Element) -> Contact:
    word = text(element, "contactPoint")
    return "start" if word == "start" else "end" if word == "end" else ""


def _plan(element: Element, where: str) -> PlanView:
    pieces = [piece for g in element.iterfind("planView/geometry") if (piece := _piece(g, where))]
    if not pieces:
        raise ConfigError(f"{where} has no geometry: the road has to be drawn, or removed.")
    return PlanView.of(pieces)


def _piece(g: Element, where: str) -> Geometry | None:
    length_m = number(g, "length", where)
    if not length_m > 0.0:
        return None
    s_m, x_m, y_m = number(g, "s", where), number(g, "x", where), number(g, "y", where)
    heading = number(g, "hdg", where)
    straight = Geometry(
        kind="line", s_m=s_m, x_m=x_m, y_m=y_m, heading_rad=heading, length_m=length_m
    )
    if (arc := g.find("arc")) is not None:
        k = number(arc, "curvature", where)
        return replace(straight, kind="arc", curvature_1_m=(k, k))
    if (spiral := g.find("spiral")) is not None:
        ends = (number(spiral, "curvStart", where), number(spiral, "curvEnd", where))
        return replace(straight, kind="spiral", curvature_1_m=ends)
    if (poly := g.find("poly3")) is not None:
        return replace(straight, kind="poly3", v=_abcd(poly, "", where))
    if (param := g.find("paramPoly3")) is not None:
        return replace(
            straight,
            kind="paramPoly3",
            u=_abcd(param, "U", where),
            v=_abcd(param, "V", where),
            normalised=text(param, "pRange") != "arcLength",
        )
    if g.find("line") is not None:
        return straight
    kinds = ", ".join(child.tag for child in g) or "nothing"
    raise ConfigError(
        f"{where}: the geometry at s = {s_m:g} is {kinds}; known are line, arc, spiral, poly3 and "
        "paramPoly3."
    )


def _abcd(element: Element, suffix: str, where: str) -> tuple[float, float, float, float]:
    a, b, c, d = (number(element, letter + suffix, where) for letter in "abcd")
    return a, b, c, d


def _cubics(elements: Iterator[Element], where: str, start: str = "s") -> Cubics:
    return Cubics.of([(number(e, start, where), *_abcd(e, "", where)) for e in elements])


def _types(element: Element, where: str) -> tuple[tuple[float, str, float], ...]:
    found = []
    for kind in element.findall("type"):
        found.append((number(kind, "s", where), text(kind, "type"), _speed(kind.find("speed"))))
    return tuple(sorted(found))


def _speed(element: Element | None) -> float:
    """Metres per second; 0 where there is no number ("no limit", "undefined")."""
    if element is None:
        return 0.0
    try:
        value = float(text(element, "max"))
    except ValueError:
        return 0.0
    factor = _TO_M_S.get(text(element, "unit"), 1.0)
    return value * factor if math.isfinite(value) and value > 0.0 else 0.0


def _sections(element: Element, where: str) -> tuple[Section, ...]:
    sections = []
    for found in element.iterfind("lanes/laneSection"):
        s_m = number(found, "s", where)
        lanes = [_lane(lane, f"{where}, section at {s_m:g}") for lane in found.iterfind("*/lane")]
        sections.append(Section(s_m=s_m, lanes={lane.number: lane for lane in lanes}))
    if not sections:
        raise ConfigError(f"{where} has no lane section: add one, or remove the road.")
    return tuple(sorted(sections, key=lambda section: section.s_m))


def _lane(element: Element, where: str) -> Lane:
    lane = int(number(element, "id", where))
    where = f"{where}, lane {lane}"
    widths, borders = element.findall("width"), element.findall("border")
    return Lane(
        number=lane,
        kind=text(element, "type"),
        width=_cubics(iter(widths), where, "sOffset") if widths or not borders else None,
        border=_cubics(iter(borders), where, "sOffset") if borders and not widths else None,
        marks=tuple(
            sorted(
                (
                    RoadMark(
                        offset_m=number(mark, "sOffset", where),
                        kind=text(mark, "type"),
                        color=text(mark, "color"),
                        lane_change=text(mark, "laneChange"),
                    )
                    for mark in element.findall("roadMark")
                ),
                key=lambda mark: mark.offset_m,
            )
        ),
        predecessor=tuple(int(number(e, "id", where)) for e in element.findall("link/predecessor")),
        successor=tuple(int(number(e, "id", where)) for e in element.findall("link/successor")),
        speed_m_s=_speed(element.find("speed")),
    )


def _signals(element: Element, where: str) -> Iterator[Signal]:
    for found in element.iterfind("signals/*"):
        if found.tag not in ("signal", "signalReference"):
            continue
        yield Signal(
            number=required(found, "id", where),
            s_m=number(found, "s", where),
            t_m=number(found, "t", where),
            orientation=text(found, "orientation"),
            validity=tuple(
                (int(number(v, "fromLane", where)), int(number(v, "toLane", where)))
                for v in found.findall("validity")
            ),
            reference=found.tag == "signalReference",
            z_m=number(found, "zOffset", where),
            dynamic=text(found, "dynamic") == "yes",
            kind=text(found, "type"),
            subtype=text(found, "subtype"),
            country=text(found, "country"),
            value=number(found, "value", where),
            unit=text(found, "unit"),
            text=text(found, "text"),
            name=text(found, "name"),
            heading_offset_rad=number(found, "hOffset", where),
        )


def _junction(element: Element, where: str) -> Junction:
    name = required(element, "id", where)
    direct = text(element, "type") == "direct"
    connections = []
    for found in element.findall("connection"):
        connecting = text(found, "linkedRoad" if direct else "connectingRoad")
        if not connecting:
            continue
        connections.append(
            Connection(
                incoming=text(found, "incomingRoad"),
                connecting=connecting,
                contact=_contact(found),
                lanes=tuple(
                    (int(number(pair, "from", where)), int(number(pair, "to", where)))
                    for pair in found.findall("laneLink")
                ),
            )
        )
    return Junction(
        number=name,
        name=text(element, "name"),
        direct=direct,
        connections=tuple(connections),
        priorities=tuple((text(p, "high"), text(p, "low")) for p in element.findall("priority")),
    )
