"""Objects of an OpenDRIVE road, with repeated ones told apart one by one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from xml.etree.ElementTree import Element

from fleetloop.envs.maps.opendrive.document import Corner, Object
from fleetloop.envs.maps.opendrive.values import number, text

_MOST_REPEATS = 2000
_CONTINUOUS_STEP_M = 4.0


def parse_objects(road: Element, road_length_m: float, where: str) -> Iterator[Object]:
    """All objects of a road; each repetition is an object of its own.

    A `repeat` of distance 0 is one continuous thing, such as a guard rail: it becomes pieces of
    4 m that touch.
    """
    for element in road.iterfind("objects/object"):
        one = _object(element, where)
        repeats = element.findall("repeat")
        if not repeats:
            yield one
        for repeat in repeats:
            yield from _repeated(one, repeat, road_length_m, where)


def _object(element: Element, where: str) -> Object:
    radius_m = number(element, "radius", where)
    outline = element.find("outlines/outline")
    outline = element.find("outline") if outline is None else outline
    corners = () if outline is None else tuple(_corners(outline, where))
    return Object(
        number=text(element, "id"),
        kind=text(element, "type"),
        name=text(element, "name"),
        s_m=number(element, "s", where),
        t_m=number(element, "t", where),
        z_m=number(element, "zOffset", where),
        heading_rad=number(element, "hdg", where),
        length_m=number(element, "length", where) or 2.0 * radius_m,
        width_m=number(element, "width", where) or 2.0 * radius_m,
        height_m=number(element, "height", where),
        corners=corners,
    )


def _corners(outline: Element, where: str) -> Iterator[Corner]:
    for corner in outline:
        local = corner.tag == "cornerLocal"
        if not local and corner.tag != "cornerRoad":
            continue
        first, second, height = ("u", "v", "z") if local else ("s", "t", "dz")
        yield Corner(
            a_m=number(corner, first, where),
            b_m=number(corner, second, where),
            z_m=number(corner, height, where),
            height_m=number(corner, "height", where),
            local=local,
        )


def _repeated(one: Object, repeat: Element, road_length_m: float, where: str) -> Iterator[Object]:
    begin_m, length_m = number(repeat, "s", where), number(repeat, "length", where)
    length_m = min(length_m, max(road_length_m - begin_m, 0.0))
    step_m = number(repeat, "distance", where)
    continuous = step_m <= 0.0
    step_m = _CONTINUOUS_STEP_M if continuous else step_m
    count = math.ceil(length_m / step_m) if continuous else int(length_m / step_m) + 1
    count = min(count, _MOST_REPEATS)
    for k in range(count):
        along_m = k * step_m
        share = along_m / length_m if length_m > 0.0 else 0.0

        def between(name: str, otherwise: float, share: float = share) -> float:
            if repeat.get(f"{name}Start") is None:
                return otherwise
            start, end = (number(repeat, name + part, where) for part in ("Start", "End"))
            return start + share * (end - start)

        piece_m = min(step_m, length_m - along_m)
        yield replace(
            one,
            s_m=begin_m + along_m + (0.5 * piece_m if continuous else 0.0),
            t_m=between("t", one.t_m),
            z_m=between("zOffset", one.z_m),
            length_m=piece_m if continuous else between("length", one.length_m),
            width_m=between("width", one.width_m),
            height_m=between("height", one.height_m),
            corners=(),
        )
