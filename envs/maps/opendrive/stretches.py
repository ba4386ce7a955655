"""Roads cut where their lanes change, and where the lanes of each stretch lie.

Sections that only continue the same lanes are joined to one stretch, and a section too short to be
a lane of its own (files have them of centimetres) is covered by its neighbour, whose cubics simply
go on. What follows a lane is kept across both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fleetloop.core.frames import FloatArray
from fleetloop.envs.maps.opendrive.document import Lane, Road, Section

SHORTEST_M = 2.0
_STEP_M = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stretch:
    """A part of a road with one set of lanes.

    Attributes:
        begin_m, end_m: Along the reference line.
        sections: That it is made of.
        before, after: Lane ids that each lane continues at its begin and end.
    """

    begin_m: float
    end_m: float
    sections: tuple[Section, ...]
    before: dict[int, tuple[int, ...]]
    after: dict[int, tuple[int, ...]]

    @property
    def lanes(self) -> dict[int, Lane]:
        """Its lanes by id, as the first section has them."""
        return self.sections[0].lanes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LaneLine:
    """Where a lane lies, in the direction of s, (n,) each.

    Attributes:
        s_m: Along the reference line.
        xyz_m: (n, 3) middle.
        heading_rad: Of the middle, in the direction of s.
        width_m: Whole width.
        t_m: Middle, to the left of the reference line.
    """

    s_m: FloatArray
    xyz_m: FloatArray
    heading_rad: FloatArray
    width_m: FloatArray
    t_m: FloatArray


def stretches_of(road: Road) -> list[Stretch]:
    """All stretches of a road by rising s."""
    parts: list[Stretch] = []
    ends = [section.s_m for section in road.sections[1:]] + [road.length_m]
    for section, end_m in zip(road.sections, ends, strict=True):
        if end_m - section.s_m > 0.0:
            parts.append(_single(section, end_m))
    if not parts:
        parts = [_single(road.sections[0], road.length_m)]
    joined = [parts[0]]
    for part in parts[1:]:
        if _continues(joined[-1], part):
            joined[-1] = _join(joined[-1], part, covers=False)
        else:
            joined.append(part)
    return _cover_short(joined)


def lane_line(road: Road, stretch: Stretch, number: int) -> LaneLine:
    """Where a lane of a stretch lies."""
    count = max(2, math.ceil((stretch.end_m - stretch.begin_m) / _STEP_M)) + 1
    s = np.linspace(stretch.begin_m, stretch.end_m, count)
    inner, outer = borders(road, stretch, number, s)
    t, width = 0.5 * (inner + outer), np.abs(outer - inner)
    xyz, heading = place(road, s, t)
    return LaneLine(s_m=s, xyz_m=xyz, heading_rad=heading, width_m=width, t_m=t)


def borders(
    road: Road, stretch: Stretch, number: int, s_m: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Offsets t of the inner and outer border of a lane at places along the road."""
    inner, outer = np.empty_like(s_m), np.empty_like(s_m)
    starts = np.array([section.s_m for section in stretch.sections])
    which = np.clip(np.searchsorted(starts, s_m, side="right") - 1, 0, len(starts) - 1)
    for index, section in enumerate(stretch.sections):
        mine = which == index
        if mine.any():
            ds = s_m[mine] - section.s_m
            inner[mine], outer[mine] = _section_borders(section, number, ds)
    shift = road.lane_offset.value(s_m)
    return inner + shift, outer + shift


def _section_borders(
    section: Section, number: int, ds: FloatArray
) -> tuple[FloatArray, FloatArray]:
    side = 1 if number > 0 else -1
    inner = outer = np.zeros_like(ds)
    for step in range(1, abs(number) + 1):
        inner = outer
        lane = section.lanes.get(side * step)
        if lane is None:
            continue
        if lane.border is not None:
            outer = lane.border.value(ds)
        elif lane.width is not None:
            outer = inner + side * np.maximum(lane.width.value(ds), 0.0)
    return inner, outer


def place(road: Road, s_m: FloatArray, t_m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """World points (n, 3), and headings (n,) of lines that follow t over s."""
    line = road.plan.at(s_m)
    bank = road.superelevation.value(s_m)
    flat = t_m * np.cos(bank)
    x = line.x_m - flat * np.sin(line.heading_rad)
    y = line.y_m + flat * np.cos(line.heading_rad)
    z = road.elevation.value(s_m) + t_m * np.sin(bank)
    drift = np.gradient(flat, s_m) if len(s_m) > 1 else np.zeros_like(s_m)
    forward = np.maximum(1.0 - line.curvature_1_m * flat, 1e-6)
    return np.stack([x, y, z], axis=1), line.heading_rad + np.arctan2(drift, forward)


def _single(section: Section, end_m: float) -> Stretch:
    return Stretch(
        begin_m=section.s_m,
        end_m=end_m,
        sections=(section,),
        before={number: lane.predecessor for number, lane in section.lanes.items()},
        after={number: lane.successor for number, lane in section.lanes.items()},
    )


def _continues(one: Stretch, two: Stretch) -> bool:
    """Whether each lane of the first goes on as the lane of the same id and kind."""
    last, first = one.sections[-1].lanes, two.lanes
    if last.keys() != first.keys():
        return False
    return all(
        lane.kind == first[number].kind
        and one.after[number] in ((), (number,))
        and two.before[number] in ((), (number,))
        for number, lane in last.items()
    )


def _join(one: Stretch, two: Stretch, *, covers: bool) -> Stretch:
    """One stretch of two: joined, or the first laid over the second as well."""
    after = two.after
    if covers:
        after = {
            number: tuple(
                sorted({far for near in nexts or (number,) for far in two.after.get(near, ())})
            )
            for number, nexts in one.after.items()
        }
    return Stretch(
        begin_m=one.begin_m,
        end_m=two.end_m,
        sections=one.sections if covers else one.sections + two.sections,
        before=one.before,
        after=after,
    )


def _cover_short(parts: list[Stretch]) -> list[Stretch]:
    """Lets neighbours cover what is too short for a lane."""
    kept: list[Stretch] = []
    for part in parts:
        if kept and part.end_m - part.begin_m < SHORTEST_M:
            kept[-1] = _join(kept[-1], part, covers=True)
        elif kept and kept[-1].end_m - kept[-1].begin_m < SHORTEST_M:
            kept[-1] = _cover_backwards(kept[-1], part)
        else:
            kept.append(part)
    return kept


def _cover_backwards(short: Stretch, long: Stretch) -> Stretch:
    before = {
        number: tuple(
            sorted({far for near in nexts or (number,) for far in short.before.get(near, ())})
        )
        for number, nexts in long.before.items()
    }
    return Stretch(
        begin_m=short.begin_m,
        end_m=long.end_m,
        sections=long.sections,
        before=before,
        after=long.after,
    )
