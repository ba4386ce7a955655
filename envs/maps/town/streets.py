"""Lanes of streets between junctions: drive lanes, turn pockets, medians, bicycles, parking, walks.

The strip in the middle of an arterial is a median, and a pocket for those who turn left before
each junction where one can; so lanes never shift sideways.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.drafts import Mark
from fleetloop.envs.maps.kinds import LaneKind, MarkColor, MarkKind, RoadClass
from fleetloop.envs.maps.polyline import distances, headings
from fleetloop.envs.maps.strips import lifted
from fleetloop.envs.maps.town.arms import Arm
from fleetloop.envs.maps.town.profile import KERB_HEIGHT_M, Profile

Floats = npt.NDArray[np.float64]

POCKET_M = 42.0
_PARKING_GAP_M = 6.0


@dataclass(slots=True, kw_only=True, eq=False)
class BuiltStreet:
    """A street with its lanes.

    Attributes:
        road: Row of `Roads`.
        begin, end: Arms at its nodes a and b.
        profile: Cross-section.
        points_m, along_m, heading_rad: Centre line from a to b.
        into: Drive lanes that end at node a (0) and b (1), from the middle outwards; pockets are
            not among them.
        out: Drive lanes that begin there.
        pocket: Turn pocket that ends there, or -1.
        bike_into, bike_out: Bicycle lanes, or -1.
        medians_m: (s from, s to) of raised medians.
    """

    road: int
    begin: Arm
    end: Arm
    profile: Profile
    points_m: Floats
    along_m: Floats
    heading_rad: Floats
    into: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))
    out: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))
    pocket: list[int] = field(default_factory=lambda: [-1, -1])
    bike_into: list[int] = field(default_factory=lambda: [-1, -1])
    bike_out: list[int] = field(default_factory=lambda: [-1, -1])
    medians_m: list[tuple[float, float]] = field(default_factory=list)

    def line(self, left_m: float, s_from: float, s_to: float) -> Floats:
        """Points (p, 2) at an offset to the left, between two places, in that order."""
        low, high = min(s_from, s_to), max(s_from, s_to)
        inner = self.along_m[(self.along_m > low + 0.05) & (self.along_m < high - 0.05)]
        s = np.concatenate([[low], inner, [high]])
        heading = np.interp(s, self.along_m, self.heading_rad)
        x, y = (np.interp(s, self.along_m, self.points_m[:, i]) for i in range(2))
        points = np.stack([x - np.sin(heading) * left_m, y + np.cos(heading) * left_m], axis=1)
        return points if s_from <= s_to else points[::-1]


def build_street(
    builder: NetworkBuilder,
    name: str,
    begin: Arm,
    end: Arm,
    pockets: tuple[bool, bool],
    yellow: bool,
) -> BuiltStreet:
    """Adds the lanes of one street.

    Args:
        builder: Gets them.
        name: Of the street.
        begin, end: Its arms at both nodes, cut.
        pockets: Whether one can turn left at node a and b.
        yellow: Whether lines between directions are yellow.
    """
    profile = begin.profile
    points = begin.points_m
    street = BuiltStreet(
        road=builder.add_road(name, profile.road_class), begin=begin, end=end, profile=profile,
        points_m=points, along_m=distances(points), heading_rad=headings(points),
    )  # fmt: skip
    length = float(street.along_m[-1])
    low, high = begin.stop_s, length - end.stop_s
    pocket = min(POCKET_M, 0.42 * (high - low))
    cuts = [low, high]
    if profile.strip_m > 0.0:
        if pockets[0]:
            cuts.insert(1, low + pocket)
        if pockets[1]:
            cuts.insert(-1, high - pocket)
    forward = _direction(builder, street, cuts, pockets, ahead=True, yellow=yellow)
    backward = _direction(builder, street, cuts, pockets, ahead=False, yellow=yellow)
    for one, two in zip(forward, reversed(backward), strict=True):
        if profile.strip_m == 0.0:
            builder.set_opposite(one[0], two[0])
    _median(builder, street, cuts, pockets)
    _sides(builder, street, low, high)
    return street


def _direction(
    builder: NetworkBuilder,
    street: BuiltStreet,
    cuts: list[float],
    pockets: tuple[bool, bool],
    *,
    ahead: bool,
    yellow: bool,
) -> list[list[int]]:
    """Drive lanes of one direction: for each section, lanes from the middle outwards."""
    profile = street.profile
    stations = cuts if ahead else cuts[::-1]
    sections: list[list[int]] = []
    for s_from, s_to in itertools.pairwise(stations):
        row = []
        for k in range(profile.lanes):
            offset = profile.strip_m + (k + 0.5) * profile.lane_m
            left, right = _marks(profile, k, yellow=yellow)
            row.append(
                builder.add_lane(
                    LaneKind.DRIVE,
                    street.line(-offset if ahead else offset, s_from, s_to),
                    width_m=profile.lane_m, road=street.road, left_mark=left, right_mark=right,
                    speed_limit_m_s=profile.limit_m_s,
                    name=f"{street.road}{'+' if ahead else '-'}{k} at {s_from:.0f} m",
                )
            )  # fmt: skip
        for left_lane, right_lane in itertools.pairwise(row):
            builder.set_neighbours(left=left_lane, right=right_lane)
        if sections:
            for before, after in zip(sections[-1], row, strict=True):
                builder.add_link(before, after)
        sections.append(row)
    end = 1 if ahead else 0
    street.into[end].extend(sections[-1])
    street.out[1 - end].extend(sections[0])
    if profile.strip_m > 0.0 and pockets[end]:
        lane = builder.add_lane(
            LaneKind.DRIVE,
            street.line(0.0, stations[-2], stations[-1]),
            width_m=2.0 * profile.strip_m, road=street.road, speed_limit_m_s=profile.limit_m_s,
            left_mark=_center_mark(MarkKind.SOLID, yellow=yellow),
            right_mark=Mark(kind=MarkKind.BROKEN),
            name=f"{street.road}{'+' if ahead else '-'}pocket",
        )  # fmt: skip
        builder.set_neighbours(left=lane, right=sections[-1][0])
        builder.drafts.lanes[sections[-1][0]].left_mark = Mark(kind=MarkKind.BROKEN)
        street.pocket[end] = lane
    return sections


def _marks(profile: Profile, k: int, *, yellow: bool) -> tuple[Mark, Mark]:
    left = Mark(kind=MarkKind.BROKEN)
    if k == 0:
        kinds = {RoadClass.ARTERIAL: MarkKind.SOLID, RoadClass.COLLECTOR: MarkKind.BROKEN}
        left = _center_mark(kinds.get(profile.road_class, MarkKind.NONE), yellow=yellow)
    right = Mark(kind=MarkKind.BROKEN)
    if k == profile.lanes - 1:
        edge = profile.road_class != RoadClass.RESIDENTIAL
        right = Mark(kind=MarkKind.SOLID if edge else MarkKind.NONE)
    return left, right


def _center_mark(kind: MarkKind, *, yellow: bool) -> Mark:
    return Mark(kind=kind, color=MarkColor.YELLOW if yellow else MarkColor.WHITE)


def _median(
    builder: NetworkBuilder, street: BuiltStreet, cuts: list[float], pockets: tuple[bool, bool]
) -> None:
    if street.profile.strip_m == 0.0:
        return
    low = cuts[1] if pockets[0] else cuts[0]
    high = cuts[-2] if pockets[1] else cuts[-1]
    if high - low < 6.0:
        return
    # Noses keep clear of who swings into the pocket.
    street.medians_m.append((low + 1.0, high - 1.0))
    builder.add_lane(LaneKind.MEDIAN, street.line(0.0, low, high),
                     width_m=2.0 * street.profile.strip_m, road=street.road)  # fmt: skip


def _sides(builder: NetworkBuilder, street: BuiltStreet, low: float, high: float) -> None:
    """Bicycle lanes, parking and sidewalks of both sides."""
    profile = street.profile
    length = float(street.along_m[-1])
    for end, side in ((1, -1.0), (0, 1.0)):
        stations = (low, high) if end else (high, low)
        if profile.bike_m > 0.0:
            offset = side * (profile.drive_edge_m + 0.5 * profile.bike_m)
            lane = builder.add_lane(
                LaneKind.BIKE, street.line(offset, *stations), width_m=profile.bike_m,
                road=street.road, speed_limit_m_s=25.0 / 3.6,
                left_mark=Mark(kind=MarkKind.SOLID), name=f"{street.road} bicycles",
            )  # fmt: skip
            street.bike_into[end] = street.bike_out[1 - end] = lane
        if profile.parking_m > 0.0 and high - low > 2.0 * _PARKING_GAP_M + 8.0:
            offset = side * (profile.drive_edge_m + profile.bike_m + 0.5 * profile.parking_m)
            gap = _PARKING_GAP_M if end else -_PARKING_GAP_M
            builder.add_lane(
                LaneKind.PARKING,
                street.line(offset, stations[0] + gap, stations[1] - gap),
                width_m=profile.parking_m, road=street.road, name=f"{street.road} parking",
            )  # fmt: skip
        walk = (street.begin.kerb_s, length - street.end.kerb_s)
        builder.add_lane(
            LaneKind.SIDEWALK,
            lifted(street.line(side * profile.walk_m, *(walk if end else walk[::-1])),
                   KERB_HEIGHT_M),
            width_m=profile.sidewalk_m, road=street.road, name=f"{street.road} sidewalk",
        )  # fmt: skip
