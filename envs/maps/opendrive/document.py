"""What an OpenDRIVE file says, as it says it: no interpretation, only types and units.

Names follow ASAM OpenDRIVE 1.8. Lane ids count from the reference line: positive to its left,
negative to its right, 0 is the line itself. `s` runs along the reference line, `t` to its left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fleetloop.envs.maps.opendrive.cubics import Cubics
from fleetloop.envs.maps.opendrive.plan_view import PlanView

Contact = Literal["start", "end", ""]
Validity = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadLink:
    """What follows or precedes a road.

    Attributes:
        is_junction: Whether `element` is a junction.
        element: Its id.
        contact: Which end of the other road touches; empty for junctions.
    """

    is_junction: bool
    element: str
    contact: Contact = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadMark:
    """The line at the outer border of a lane, from an offset within its section on."""

    offset_m: float
    kind: str
    color: str
    lane_change: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lane:
    """A lane within one section.

    Attributes:
        number: Its id.
        kind: Its `type`.
        width: Width over the distance from the section's begin; None where `border` is given.
        border: t of the outer border over that distance, likewise.
        marks: At the outer border, by rising offset.
        predecessor, successor: Ids of the lanes it continues, in the neighbouring sections or, at
            the road's ends, on the linked road.
        speed_m_s: Its own limit, 0 without.
    """

    number: int
    kind: str
    width: Cubics | None
    border: Cubics | None
    marks: tuple[RoadMark, ...] = ()
    predecessor: tuple[int, ...] = ()
    successor: tuple[int, ...] = ()
    speed_m_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Section:
    """A stretch of road with a fixed set of lanes, by id (0 included)."""

    s_m: float
    lanes: dict[int, Lane]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A sign or a traffic light; of a `signalReference` only the first fields are set.

    Attributes:
        number: Its id.
        s_m, t_m, z_m: Place on the road; z from the road's surface.
        orientation: `+` for traffic in the direction of s, `-` against it, `none` for both.
        validity: Ranges of lane ids that it is for; empty for all.
        reference: Whether it only refers to a signal that stands on another road.
        dynamic: Whether it changes, as a light does.
        kind, subtype, country, value, unit, text, name: As in the file.
        heading_offset_rad: From the direction that `orientation` gives.
    """

    number: str
    s_m: float
    t_m: float
    orientation: str
    validity: tuple[Validity, ...]
    reference: bool
    z_m: float = 0.0
    dynamic: bool = False
    kind: str = ""
    subtype: str = ""
    country: str = ""
    value: float = 0.0
    unit: str = ""
    text: str = ""
    name: str = ""
    heading_offset_rad: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Corner:
    """A corner of an outline: (s, t) of the road, or (u, v) around the object if `local`."""

    a_m: float
    b_m: float
    z_m: float
    height_m: float
    local: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """A thing beside or on the road; repeated ones have been told apart already."""

    number: str
    kind: str
    name: str
    s_m: float
    t_m: float
    z_m: float
    heading_rad: float
    length_m: float
    width_m: float
    height_m: float
    corners: tuple[Corner, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Road:
    """A road.

    Attributes:
        number, name: Its id and name.
        length_m: As stated.
        junction: Id of the junction that it crosses, empty for ordinary roads.
        left_hand: Its `rule`.
        predecessor, successor: What it is linked to.
        plan, elevation, superelevation, lane_offset: Geometry, over s.
        sections: By rising s.
        types: (s, type, limit in m/s or 0) by rising s.
        signals, objects: What stands on it.
    """

    number: str
    name: str
    length_m: float
    junction: str
    left_hand: bool
    predecessor: RoadLink | None
    successor: RoadLink | None
    plan: PlanView
    elevation: Cubics
    superelevation: Cubics
    lane_offset: Cubics
    sections: tuple[Section, ...]
    types: tuple[tuple[float, str, float], ...]
    signals: tuple[Signal, ...]
    objects: tuple[Object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A way into a junction: from lanes of `incoming` to lanes of `connecting`.

    Attributes:
        incoming: Id of the road that comes in.
        connecting: Id of the road within the junction, or of the linked road of a direct junction.
        contact: End of `connecting` that touches the incoming road.
        lanes: Pairs of lane ids.
    """

    incoming: str
    connecting: str
    contact: Contact
    lanes: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Junction:
    """A junction; `direct` ones have no roads of their own."""

    number: str
    name: str
    direct: bool
    connections: tuple[Connection, ...]
    priorities: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Document:
    """A whole file."""

    name: str
    geo_reference: str
    offset_m: tuple[float, float, float]
    roads: dict[str, Road]
    junctions: dict[str, Junction]
    controllers: dict[str, tuple[str, ...]]
