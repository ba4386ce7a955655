"""Unfinished parts of a road network, as `NetworkBuilder` collects them and `freeze` reads them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.kinds import MarkColor, MarkKind, SignalState
from fleetloop.envs.maps.polyline import Curve

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A line at a border of a lane."""

    kind: MarkKind = MarkKind.NONE
    color: MarkColor = MarkColor.WHITE


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What a signal shows for a while.

    Attributes:
        duration_s: Positive.
        states: One for each column of the signal.
    """

    duration_s: float
    states: tuple[SignalState, ...]


@dataclass(slots=True, kw_only=True, eq=False)
class LaneDraft:
    """See `Lanes`; everything may still be changed until the network is frozen."""

    name: str
    kind: int
    road: int
    junction: int
    curve: Curve
    width_left_m: Floats
    width_right_m: Floats
    speed_limit_m_s: float
    left_mark: Mark
    right_mark: Mark
    left: int = -1
    right: int = -1
    opposite: int = -1
    left_change: bool = False
    right_change: bool = False


@dataclass(slots=True, kw_only=True)
class LinkDraft:
    """See `Links`; `turn` and `priority` -1 are found by `freeze`."""

    from_lane: int
    to_lane: int
    connector: int
    junction: int
    turn: int
    control: int
    priority: int
    signal: int = -1
    signal_index: int = -1


@dataclass(slots=True, kw_only=True)
class HeadDraft:
    """A signal head."""

    index: int
    kind: int
    position_m: tuple[float, float, float]
    heading_rad: float
    pole_m: tuple[float, float, float]


@dataclass(slots=True, kw_only=True)
class SignalDraft:
    """A signal controller."""

    junction: int
    offset_s: float
    phases: list[Phase]
    heads: list[HeadDraft] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class JunctionDraft:
    """A junction."""

    kind: int
    center_m: Floats
    outline_m: Floats


@dataclass(slots=True, kw_only=True)
class CrossingDraft:
    """A crossing; the lanes that it crosses are found by `freeze`."""

    lane: int
    kind: int
    junction: int
    width_m: float
    signal: int = -1
    signal_index: int = -1


@dataclass(slots=True, kw_only=True)
class StopLineDraft:
    """A stop or yield line."""

    lane: int
    s_m: float
    control: int


@dataclass(slots=True, kw_only=True)
class SignDraft:
    """A traffic sign."""

    code: int
    value: float
    text: str
    position_m: tuple[float, float, float]
    heading_rad: float
    lane: int


@dataclass(slots=True, kw_only=True, eq=False)
class SurfaceDraft:
    """A piece of ground; triangles count from its own first vertex."""

    kind: int
    road: int
    vertices_m: Floats
    triangles: npt.NDArray[np.int32]
    st_m: Floats


@dataclass(slots=True, kw_only=True, eq=False)
class AreaDraft:
    """A polygon of land."""

    kind: int
    outline_m: Floats


@dataclass(slots=True, kw_only=True, eq=False)
class BuildingDraft:
    """A building."""

    kind: int
    roof: int
    footprint_m: Floats
    base_m: float
    height_m: float
    style: int


@dataclass(slots=True, kw_only=True)
class PropDraft:
    """A tree, a lamp, a bin."""

    kind: int
    position_m: tuple[float, float, float]
    heading_rad: float
    size_m: tuple[float, float, float]
    style: int


@dataclass(slots=True, kw_only=True)
class Drafts:
    """All parts of a network in the making, and its words."""

    name: str
    source: str
    licence: str
    left_hand: bool
    origin_lat_lon: tuple[float, float]
    notes: list[str] = field(default_factory=list)
    roads: list[tuple[str, int]] = field(default_factory=list)
    lanes: list[LaneDraft] = field(default_factory=list)
    links: list[LinkDraft] = field(default_factory=list)
    junctions: list[JunctionDraft] = field(default_factory=list)
    signals: list[SignalDraft] = field(default_factory=list)
    crossings: list[CrossingDraft] = field(default_factory=list)
    stop_lines: list[StopLineDraft] = field(default_factory=list)
    signs: list[SignDraft] = field(default_factory=list)
    surfaces: list[SurfaceDraft] = field(default_factory=list)
    areas: list[AreaDraft] = field(default_factory=list)
    buildings: list[BuildingDraft] = field(default_factory=list)
    props: list[PropDraft] = field(default_factory=list)
