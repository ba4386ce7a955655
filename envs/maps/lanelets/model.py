"""Lanelets as both formats have them: bounds in the direction of travel, and what lies around."""

from __future__ import annotations

from dataclasses import dataclass, field

from fleetloop.envs.maps.drafts import Mark
from fleetloop.envs.maps.kinds import AreaKind, Control, LaneKind, RoadClass, SignCode
from fleetloop.envs.maps.polyline import Floats

_NO_MARK = Mark()


@dataclass(slots=True, kw_only=True, eq=False)
class Lanelet:
    """A lanelet.

    Attributes:
        key: Its id in the file.
        kind: Who it is for.
        left_m, right_m: (n, 3) bounds in the direction of travel.
        limit_m_s: Speed limit.
        road_class: Rank of its road.
        two_way: Whether it is driven in both directions.
        after: Keys of the lanelets that follow.
        left, right: Keys of neighbours of the same direction, empty without.
        opposite: Key of the neighbour of the other direction.
        left_change, right_change: Whether one may change to these neighbours.
        left_mark, right_mark: Lines at the bounds.
        control: What its traffic obeys where it enters a junction.
        lit: Whether a traffic light is for it.
    """

    key: str
    kind: LaneKind
    left_m: Floats
    right_m: Floats
    limit_m_s: float
    road_class: RoadClass = RoadClass.COLLECTOR
    two_way: bool = False
    after: list[str] = field(default_factory=list)
    left: str = ""
    right: str = ""
    opposite: str = ""
    left_change: bool = False
    right_change: bool = False
    left_mark: Mark = _NO_MARK
    right_mark: Mark = _NO_MARK
    control: Control = Control.FREE
    lit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sign:
    """A traffic sign at a place (3,)."""

    code: SignCode
    place_m: Floats
    value: float
    text: str


@dataclass(slots=True, kw_only=True, eq=False)
class LaneletMap:
    """A whole map.

    Attributes:
        name: For people.
        origin_lat_lon: Degrees of x = y = 0.
        left_hand: Whether traffic keeps to the left.
        lanelets: By key.
        crossings: Ends (2, 3) and width of crosswalks.
        signs: Traffic signs.
        areas: Kinds and outlines (p, 2).
        buildings: Outlines (p, 2).
        notes: What was guessed or left out.
    """

    name: str
    origin_lat_lon: tuple[float, float]
    left_hand: bool
    lanelets: dict[str, Lanelet]
    crossings: list[tuple[Floats, float]] = field(default_factory=list)
    signs: list[Sign] = field(default_factory=list)
    areas: list[tuple[AreaKind, Floats]] = field(default_factory=list)
    buildings: list[Floats] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
