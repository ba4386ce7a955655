"""Lanes of an OpenDRIVE document into a builder, and where each one is found again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from fleetloop.core.frames import FloatArray
from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.drafts import Mark
from fleetloop.envs.maps.kinds import LaneKind, MarkColor, MarkKind, RoadClass, SurfaceKind
from fleetloop.envs.maps.opendrive.document import Document, Lane, Road, RoadMark
from fleetloop.envs.maps.opendrive.stretches import LaneLine, Stretch, lane_line, stretches_of

KINDS: dict[str, LaneKind] = {
    "driving": LaneKind.DRIVE,
    "entry": LaneKind.DRIVE,
    "exit": LaneKind.DRIVE,
    "onRamp": LaneKind.DRIVE,
    "offRamp": LaneKind.DRIVE,
    "connectingRamp": LaneKind.DRIVE,
    "slipLane": LaneKind.DRIVE,
    "bidirectional": LaneKind.DRIVE,
    "bus": LaneKind.DRIVE,
    "taxi": LaneKind.DRIVE,
    "HOV": LaneKind.DRIVE,
    "shared": LaneKind.DRIVE,
    "mwyEntry": LaneKind.DRIVE,
    "mwyExit": LaneKind.DRIVE,
    "biking": LaneKind.BIKE,
    "sidewalk": LaneKind.SIDEWALK,
    "walking": LaneKind.SIDEWALK,
    "parking": LaneKind.PARKING,
    "shoulder": LaneKind.SHOULDER,
    "stop": LaneKind.SHOULDER,
    "restricted": LaneKind.SHOULDER,
    "median": LaneKind.MEDIAN,
}
"""Lane types of OpenDRIVE; those that are not here (none, border, curb, rail) carry nobody."""

GROUND: dict[LaneKind, SurfaceKind] = {
    LaneKind.DRIVE: SurfaceKind.ROAD,
    LaneKind.SHOULDER: SurfaceKind.ROAD,
    LaneKind.BIKE: SurfaceKind.BIKE,
    LaneKind.PARKING: SurfaceKind.PARKING,
    LaneKind.SIDEWALK: SurfaceKind.SIDEWALK,
    LaneKind.MEDIAN: SurfaceKind.ISLAND,
}

DRIVABLE_M = 2.0
"""A driving lane that is nowhere wider is ground, not a lane."""

SIDEWALK_HEIGHT_M = 0.12

_LIMITS_M_S = {
    "motorway": 130 / 3.6, "rural": 100 / 3.6, "town": 50 / 3.6, "townExpressway": 70 / 3.6,
    "townCollector": 50 / 3.6, "townArterial": 50 / 3.6, "townLocal": 30 / 3.6,
    "townPlayStreet": 7 / 3.6, "townPrivate": 20 / 3.6, "lowSpeed": 30 / 3.6,
    "pedestrian": 7 / 3.6, "bicycle": 20 / 3.6,
}  # fmt: skip
_DEFAULT_LIMIT_M_S = 50 / 3.6
_CLASSES = {
    "motorway": RoadClass.MOTORWAY, "rural": RoadClass.ARTERIAL, "town": RoadClass.COLLECTOR,
    "townExpressway": RoadClass.ARTERIAL, "townCollector": RoadClass.COLLECTOR,
    "townArterial": RoadClass.ARTERIAL, "townLocal": RoadClass.RESIDENTIAL,
    "lowSpeed": RoadClass.RESIDENTIAL, "townPrivate": RoadClass.SERVICE,
}  # fmt: skip
_MARKS = {
    "solid": MarkKind.SOLID, "broken": MarkKind.BROKEN, "solid solid": MarkKind.SOLID_SOLID,
    "solid broken": MarkKind.SOLID_BROKEN, "broken solid": MarkKind.BROKEN_SOLID,
    "broken broken": MarkKind.BROKEN_BROKEN, "botts dots": MarkKind.DOTS, "curb": MarkKind.KERB,
}  # fmt: skip


class LaneKey(NamedTuple):
    """A lane of a stretch of a road."""

    road: str
    stretch: int
    lane: int


@dataclass(slots=True, kw_only=True)
class Placed:
    """What was put into the builder.

    Attributes:
        stretches: Of each road.
        rows: Builder rows of ordinary lanes.
    """

    stretches: dict[str, list[Stretch]] = field(default_factory=dict)
    rows: dict[LaneKey, int] = field(default_factory=dict)


def along_s(number: int, *, left_hand: bool) -> bool:
    """Whether a lane's traffic goes in the direction of s."""
    return (number < 0) != left_hand


def add_lanes(builder: NetworkBuilder, document: Document) -> Placed:
    """Adds all lanes of ordinary roads, and their ground; junctions come later."""
    placed = Placed()
    for road in document.roads.values():
        placed.stretches[road.number] = stretches_of(road)
        if not road.superelevation.is_zero:
            builder.note("Roads are banked in the file: their lanes are, but cars stand upright.")
        if road.junction:
            continue
        row = builder.add_road(road.name or f"road {road.number}", _class_of(road))
        for index, stretch in enumerate(placed.stretches[road.number]):
            _add_stretch(builder, road, row, index, stretch, placed)
    return placed


def _add_stretch(
    builder: NetworkBuilder, road: Road, row: int, index: int, stretch: Stretch, placed: Placed
) -> None:
    for number in sorted(stretch.lanes):
        kind = KINDS.get(stretch.lanes[number].kind)
        if number == 0 or kind is None:
            continue
        line = lane_line(road, stretch, number)
        pave(builder, line, kind, road=row)
        if kind == LaneKind.DRIVE and line.width_m.max() < DRIVABLE_M:
            builder.note(f"Driving lanes nowhere {DRIVABLE_M:g} m wide are taken as ground.")
            continue
        if line.width_m.max() < 0.3:
            continue
        placed.rows[LaneKey(road.number, index, number)] = add_line(
            builder, road, stretch, number, kind, line, road_row=row
        )
    _add_neighbours(builder, road, index, stretch, placed)


def add_line(
    builder: NetworkBuilder,
    road: Road,
    stretch: Stretch,
    number: int,
    kind: LaneKind,
    line: LaneLine,
    *,
    road_row: int = -1,
    junction: int = -1,
    turned: bool = False,
) -> int:
    """Adds one lane in its direction of travel and returns its row.

    Args:
        builder: Gets it.
        road, stretch, number: Which lane it is.
        kind: Who it is for.
        line: Where it lies, in the direction of s.
        road_row, junction: Rows of the builder.
        turned: Whether `line` is in the direction of travel already.
    """
    forward = turned or along_s(number, left_hand=road.left_hand)
    step = slice(None) if forward else slice(None, None, -1)
    inner, outer = _marks(stretch, number)
    left, right = (outer, inner) if road.left_hand else (inner, outer)
    limit = speed_limit_m_s(builder, road, stretch, number)
    return builder.add_lane(
        kind,
        line.xyz_m[step],
        width_m=line.width_m[step],
        road=road_row,
        junction=junction,
        speed_limit_m_s=limit if kind in (LaneKind.DRIVE, LaneKind.BIKE) else 0.0,
        left_mark=left,
        right_mark=right,
        name=f"road {road.number} lane {number} at {stretch.begin_m:.0f}",
        heading_rad=line.heading_rad if forward else (line.heading_rad + np.pi)[::-1],
    )


def pave(
    builder: NetworkBuilder,
    line: LaneLine,
    kind: LaneKind,
    *,
    road: int = -1,
    in_junction: bool = False,
) -> None:
    """Adds a lane's ground as a ribbon of triangles between its borders."""
    surface = GROUND.get(kind)
    if surface is None or line.width_m.max() < 0.05:
        return
    lift = SIDEWALK_HEIGHT_M if kind in (LaneKind.SIDEWALK, LaneKind.MEDIAN) else 0.0
    half = 0.5 * line.width_m
    across = np.stack([-np.sin(line.heading_rad), np.cos(line.heading_rad)], axis=1)
    edges = []
    for sign in (1.0, -1.0):
        edge = line.xyz_m.copy()
        edge[:, :2] += sign * half[:, None] * across
        edge[:, 2] += lift
        edges.append(edge)
    count = len(line.s_m)
    vertices = np.concatenate(edges)
    st = np.column_stack([np.tile(line.s_m, 2), np.concatenate([line.t_m + half, line.t_m - half])])
    if in_junction and surface == SurfaceKind.ROAD:
        surface, st = SurfaceKind.JUNCTION, vertices[:, :2]
    builder.add_surface(surface, vertices, ribbon_triangles(count), st, road=road)


def ribbon_triangles(count: int) -> FloatArray:
    """Triangles (2 (n - 1), 3) between n left vertices and the n right ones after them, up."""
    left = np.arange(count - 1)
    right = left + count
    first = np.stack([left, right, left + 1], axis=1)
    second = np.stack([left + 1, right, right + 1], axis=1)
    return np.concatenate([first, second])


def speed_limit_m_s(builder: NetworkBuilder, road: Road, stretch: Stretch, number: int) -> float:
    """Limit of a lane: its own, its road's, or a default by the type of road, which is noted."""
    own = stretch.lanes[number].speed_m_s
    kind, limit = "", 0.0
    for s_m, name, stated in road.types:
        if s_m <= 0.5 * (stretch.begin_m + stretch.end_m):
            kind, limit = name, stated
    found = own or limit
    if not 1.0 <= found <= 70.0:
        builder.note("Speed limits are missing: defaults by the type of road are used.")
        found = _LIMITS_M_S.get(kind, _DEFAULT_LIMIT_M_S)
    return found


def _class_of(road: Road) -> RoadClass:
    kind = road.types[0][1] if road.types else ""
    return _CLASSES.get(kind, RoadClass.COLLECTOR)


def _marks(stretch: Stretch, number: int) -> tuple[Mark, Mark]:
    """Lines at the inner and outer border of a lane."""
    toward = number - 1 if number > 0 else number + 1
    inner = stretch.lanes.get(toward)
    return _mark(inner), _mark(stretch.lanes[number])


def _mark(lane: Lane | None) -> Mark:
    """A lane's outer line: of several along the stretch the one that comes first."""
    found: RoadMark | None = lane.marks[0] if lane is not None and lane.marks else None
    if found is None:
        return Mark()
    color = MarkColor.YELLOW if found.color == "yellow" else MarkColor.WHITE
    return Mark(kind=_MARKS.get(found.kind, MarkKind.NONE), color=color)


def _add_neighbours(
    builder: NetworkBuilder, road: Road, index: int, stretch: Stretch, placed: Placed
) -> None:
    def row(number: int) -> int:
        found = placed.rows.get(LaneKey(road.number, index, number), -1)
        drives = found >= 0 and builder.drafts.lanes[found].kind == LaneKind.DRIVE
        return found if drives else -1

    for number in stretch.lanes:
        outward = number + (1 if number > 0 else -1)
        inner, outer = row(number), row(outward)
        if number == 0 or inner < 0 or outer < 0:
            continue
        mark = stretch.lanes[number].marks
        inward, out = _may_change(mark[0] if mark else None, number)
        left, right = (outer, inner) if road.left_hand else (inner, outer)
        to_left, to_right = (out, inward) if road.left_hand else (inward, out)
        builder.set_neighbours(left=left, right=right, change=to_left, change_right=to_right)
    if row(1) >= 0 and row(-1) >= 0:
        builder.set_opposite(row(1), row(-1))


def _may_change(mark: RoadMark | None, number: int) -> tuple[bool, bool]:
    """Whether one may cross a line inwards (towards the reference line) and outwards.

    The standard's `laneChange` says so in lane ids; where it is silent the line itself does. Of a
    double line the half that is named first lies further in.
    """
    if mark is None:
        return True, True
    if mark.lane_change in ("both", "none"):
        return mark.lane_change == "both", mark.lane_change == "both"
    if mark.lane_change in ("increase", "decrease"):
        inward = (mark.lane_change == "increase") == (number < 0)
        return inward, not inward
    if mark.kind == "solid broken":
        return True, False
    if mark.kind == "broken solid":
        return False, True
    free = mark.kind in ("broken", "broken broken", "botts dots", "none", "")
    return free, free
