"""The builder that every source of maps fills: lists now, a frozen `RoadNetwork` at the end.

What a source does, in this order (all `add_*` return row numbers, to be used in later calls):

    builder = NetworkBuilder(name="Munich", source="munich.osm", licence="ODbL", left_hand=False)
    road = builder.add_road("Leopoldstrasse", RoadClass.ARTERIAL)
    lane = builder.add_lane(LaneKind.DRIVE, points_m, width_m=3.25, road=road,
                            speed_limit_m_s=13.9, right_mark=Mark(kind=MarkKind.SOLID))
    builder.set_neighbours(left=lane_1, right=lane_2, change=True)   # same direction
    builder.set_opposite(lane_1, lane_3)
    junction = builder.add_junction(JunctionKind.SIGNAL, center_m, outline_m)
    link = builder.connect(lane, other_lane, junction=junction, control=Control.SIGNAL)
    crossing = builder.add_crossing(start_m, end_m, width_m=3.0, junction=junction)
    signal = builder.add_signal(junction, phases)                    # or `signal_plan.plan_signal`
    builder.control_link(link, signal, index); builder.control_crossing(crossing, signal, index)
    builder.add_head(signal, index, HeadKind.ROUND, position_m, heading_rad, pole_m)
    builder.add_stop_line(lane); builder.add_sign(...); builder.add_building(...)
    builder.note("Speed limits: 14 of 20 roads have none; class defaults were used.")
    network = builder.freeze()

Points of a lane run in the direction of travel (for sidewalks and parking, in any). Resampling,
headings, curvature, turns, conflicts, successors, walks, what a crossing crosses, main lanes and
spawn places are found by `freeze`, the same for all sources.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.envs.maps.drafts import (
    AreaDraft,
    BuildingDraft,
    CrossingDraft,
    Drafts,
    HeadDraft,
    JunctionDraft,
    LaneDraft,
    LinkDraft,
    Mark,
    Phase,
    PropDraft,
    SignalDraft,
    SignDraft,
    StopLineDraft,
    SurfaceDraft,
)
from fleetloop.envs.maps.freeze import assemble
from fleetloop.envs.maps.kinds import (
    AreaKind,
    BuildingKind,
    Control,
    CrossingKind,
    HeadKind,
    JunctionKind,
    LaneKind,
    PropKind,
    RoadClass,
    RoofKind,
    SignCode,
    SurfaceKind,
)
from fleetloop.envs.maps.network import RoadNetwork
from fleetloop.envs.maps.polyline import Curve, as_points, distances, joint, resample

Point = Sequence[float] | npt.NDArray[np.float64]
_NO_MARK = Mark()


class NetworkBuilder:
    """Collects a network; see the module.

    Args:
        name: For people.
        source: Where it comes from.
        licence: Of the source's data.
        left_hand: Whether traffic keeps to the left.
        origin_lat_lon: Degrees of x = y = 0.

    Attributes:
        drafts: All that was added; sources may read it, and change it where no method does.
    """

    def __init__(
        self,
        *,
        name: str,
        source: str,
        licence: str,
        left_hand: bool,
        origin_lat_lon: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self.drafts = Drafts(
            name=name, source=source, licence=licence, left_hand=left_hand,
            origin_lat_lon=origin_lat_lon,
        )  # fmt: skip

    def note(self, text: str) -> None:
        """Says what was guessed, left out or mended; each sentence is kept once."""
        if text not in self.drafts.notes:
            self.drafts.notes.append(text)

    def add_road(self, name: str, road_class: RoadClass) -> int:
        """Adds a stretch of street; lanes that lie side by side share it."""
        self.drafts.roads.append((name, int(road_class)))
        return len(self.drafts.roads) - 1

    def add_lane(
        self,
        kind: LaneKind,
        points_m: npt.ArrayLike,
        *,
        width_m: npt.ArrayLike | None = None,
        width_left_m: npt.ArrayLike | None = None,
        width_right_m: npt.ArrayLike | None = None,
        road: int = -1,
        junction: int = -1,
        speed_limit_m_s: float = 0.0,
        left_mark: Mark = _NO_MARK,
        right_mark: Mark = _NO_MARK,
        name: str = "",
        heading_rad: npt.ArrayLike | None = None,
    ) -> int:
        """Adds a lane and returns its row.

        Args:
            kind: Who it is for.
            points_m: (p, 2) or (p, 3) centre line in the direction of travel.
            width_m: Whole width, one or (p,); or give both halves.
            width_left_m, width_right_m: From the centre line to the borders, one or (p,) each.
            road: Row of the road; -1 for connectors and crossings.
            junction: Row of the junction of a connector.
            speed_limit_m_s: Positive on DRIVE and BIKE lanes.
            left_mark, right_mark: Lines at the borders.
            name: For reports; made up where empty.
            heading_rad: (p,) where known exactly, see `polyline.resample`.

        Raises:
            ConfigError: The line has no length, a width or the limit is not possible, or a row
                does not exist.
        """
        what = name or f"lane {len(self.drafts.lanes)}"
        if (width_m is None) == (width_left_m is None or width_right_m is None):
            raise ConfigError(f"{what}: give width_m, or both width_left_m and width_right_m.")
        drivable = kind in (LaneKind.DRIVE, LaneKind.BIKE)
        if drivable and not 0.0 < speed_limit_m_s < 100.0:
            raise ConfigError(f"{what}: a speed limit of {speed_limit_m_s} m/s is not possible.")
        _check_row(road, len(self.drafts.roads), f"{what}: road")
        _check_row(junction, len(self.drafts.junctions), f"{what}: junction")
        if width_m is not None:
            width_left_m = width_right_m = 0.5 * np.asarray(width_m, dtype=np.float64)
        assert width_left_m is not None
        assert width_right_m is not None
        curve = resample(points_m, heading_rad=heading_rad)
        self.drafts.lanes.append(
            LaneDraft(
                name=what,
                kind=int(kind),
                road=road,
                junction=junction,
                curve=curve,
                width_left_m=_along(points_m, width_left_m, curve, what),
                width_right_m=_along(points_m, width_right_m, curve, what),
                speed_limit_m_s=float(speed_limit_m_s),
                left_mark=left_mark,
                right_mark=right_mark,
            )
        )
        return len(self.drafts.lanes) - 1

    def set_neighbours(
        self, *, left: int, right: int, change: bool = True, change_right: bool | None = None
    ) -> None:
        """Says that two lanes of one direction lie side by side, from begin to end.

        Args:
            left: The left one.
            right: The right one.
            change: Whether one may change from right to left, and from left to right too unless
                `change_right` says otherwise.
            change_right: Whether one may change from left to right.
        """
        one, two = self.drafts.lanes[left], self.drafts.lanes[right]
        one.right, two.left = right, left
        two.left_change = change
        one.right_change = change if change_right is None else change_right

    def set_opposite(self, lane: int, other: int) -> None:
        """Says that two lanes of opposite directions lie side by side."""
        self.drafts.lanes[lane].opposite = other
        self.drafts.lanes[other].opposite = lane

    def add_link(
        self,
        from_lane: int,
        to_lane: int,
        *,
        connector: int = -1,
        junction: int = -1,
        turn: int = -1,
        control: Control = Control.FREE,
        priority: int = 0,
    ) -> int:
        """Says that one can go from the end of a lane to the begin of another; returns the row.

        Args:
            from_lane, to_lane: Lanes.
            connector: The lane between; -1 where they touch (within 0.2 m).
            junction: Row of the junction; the connector's if -1.
            turn: `Turn`; found from the headings if -1.
            control: What rules its entry.
            priority: Rank among links of the junction: the lower one yields, whatever the control.
        """
        count = len(self.drafts.lanes)
        for lane, what in (
            (from_lane, "from_lane"),
            (to_lane, "to_lane"),
            (connector, "connector"),
        ):
            _check_row(lane, count, f"a link's {what}", needed=what != "connector")
        if junction < 0 and connector >= 0:
            junction = self.drafts.lanes[connector].junction
        _check_row(junction, len(self.drafts.junctions), "a link's junction")
        self.drafts.links.append(
            LinkDraft(
                from_lane=from_lane,
                to_lane=to_lane,
                connector=connector,
                junction=junction,
                turn=turn,
                control=int(control),
                priority=priority,
            )
        )
        return len(self.drafts.links) - 1

    def connect(
        self,
        from_lane: int,
        to_lane: int,
        *,
        junction: int,
        points_m: npt.ArrayLike | None = None,
        speed_limit_m_s: float | None = None,
        turn: int = -1,
        control: Control = Control.FREE,
        priority: int = 0,
    ) -> int:
        """Adds a connector from the end of a lane to the begin of another, and its link.

        Args:
            from_lane, to_lane: Lanes.
            junction: Row of the junction that it crosses.
            points_m: Its centre line; a smooth joint of both ends if None.
            speed_limit_m_s: The lower one of both lanes if None.
            turn, control, priority: As in `add_link`.

        Returns:
            Row of the link; its connector is `drafts.links[row].connector`.
        """
        one, two = self.drafts.lanes[from_lane], self.drafts.lanes[to_lane]
        if points_m is None:
            points_m = joint(
                one.curve.xyz_m[-1], float(one.curve.heading_rad[-1]),
                two.curve.xyz_m[0], float(two.curve.heading_rad[0]),
            )  # fmt: skip
        count = len(as_points(points_m))
        ends = (one.width_left_m[-1], two.width_left_m[0], one.width_right_m[-1],
                two.width_right_m[0])  # fmt: skip
        connector = self.add_lane(
            LaneKind(one.kind),
            as_points(points_m),
            width_left_m=np.linspace(ends[0], ends[1], count),
            width_right_m=np.linspace(ends[2], ends[3], count),
            junction=junction,
            speed_limit_m_s=(
                min(one.speed_limit_m_s, two.speed_limit_m_s)
                if speed_limit_m_s is None
                else speed_limit_m_s
            ),
            name=f"{one.name} to {two.name}",
        )
        return self.add_link(
            from_lane, to_lane, connector=connector, junction=junction, turn=turn,
            control=control, priority=priority,
        )  # fmt: skip

    def add_junction(
        self, kind: JunctionKind, center_m: Point, outline_m: npt.ArrayLike = ()
    ) -> int:
        """Adds a junction; the outline (p, 2) counter-clockwise may be empty."""
        outline = np.asarray(outline_m, dtype=np.float64).reshape(-1, 2)
        center = np.asarray(center_m, dtype=np.float64)[:2]
        self.drafts.junctions.append(
            JunctionDraft(kind=int(kind), center_m=center, outline_m=outline)
        )
        return len(self.drafts.junctions) - 1

    def add_signal(self, junction: int, phases: Sequence[Phase], *, offset_s: float = 0.0) -> int:
        """Adds a signal controller that goes through its phases for ever.

        Raises:
            ConfigError: No phases, a duration that is not positive, or phases of unlike columns.
        """
        columns = {len(phase.states) for phase in phases}
        if len(columns) != 1 or any(not phase.duration_s > 0.0 for phase in phases):
            raise ConfigError(
                "A signal needs phases of positive duration, each with a state for every column."
            )
        _check_row(junction, len(self.drafts.junctions), "a signal's junction")
        self.drafts.signals.append(
            SignalDraft(junction=junction, offset_s=float(offset_s), phases=list(phases))
        )
        return len(self.drafts.signals) - 1

    def control_link(self, link: int, signal: int, index: int) -> None:
        """Puts a link under a column of a signal."""
        draft = self.drafts.links[link]
        draft.signal, draft.signal_index, draft.control = signal, index, int(Control.SIGNAL)

    def control_crossing(self, crossing: int, signal: int, index: int) -> None:
        """Puts a crossing under a column of a signal."""
        draft = self.drafts.crossings[crossing]
        draft.signal, draft.signal_index = signal, index
        draft.kind = int(CrossingKind.SIGNAL)

    def add_head(
        self,
        signal: int,
        index: int,
        kind: HeadKind,
        position_m: Point,
        heading_rad: float,
        pole_m: Point,
    ) -> None:
        """Adds a head that shows a column of a signal.

        Args:
            signal, index: Signal and its column.
            kind: Form of the head.
            position_m: (3,) its middle.
            heading_rad: Where it faces: towards those who wait.
            pole_m: (3,) foot of the pole that carries it.
        """
        self.drafts.signals[signal].heads.append(
            HeadDraft(
                index=index,
                kind=int(kind),
                position_m=_triple(position_m),
                heading_rad=float(heading_rad),
                pole_m=_triple(pole_m),
            )
        )

    def add_crossing(
        self,
        start_m: Point,
        end_m: Point,
        *,
        width_m: float,
        kind: CrossingKind = CrossingKind.UNMARKED,
        junction: int = -1,
        name: str = "",
    ) -> int:
        """Adds a straight crossing from kerb to kerb, with its own lane; returns its row."""
        ends = np.array([_triple(start_m), _triple(end_m)])
        lane = self.add_lane(
            LaneKind.CROSSING, ends, width_m=width_m,
            name=name or f"crossing {len(self.drafts.crossings)}",
        )  # fmt: skip
        self.drafts.crossings.append(
            CrossingDraft(lane=lane, kind=int(kind), junction=junction, width_m=float(width_m))
        )
        return len(self.drafts.crossings) - 1

    def add_stop_line(
        self, lane: int, *, s_m: float | None = None, control: Control = Control.STOP
    ) -> None:
        """Adds a line where vehicles wait: at a place of a lane, its end if None."""
        place = self.drafts.lanes[lane].curve.length_m if s_m is None else float(s_m)
        self.drafts.stop_lines.append(StopLineDraft(lane=lane, s_m=place, control=int(control)))

    def add_sign(
        self,
        code: SignCode,
        position_m: Point,
        heading_rad: float,
        *,
        value: float = 0.0,
        text: str = "",
        lane: int = -1,
    ) -> None:
        """Adds a sign; see `Signs`."""
        self.drafts.signs.append(
            SignDraft(
                code=int(code),
                value=float(value),
                text=text,
                position_m=_triple(position_m),
                heading_rad=float(heading_rad),
                lane=lane,
            )
        )

    def add_surface(
        self,
        kind: SurfaceKind,
        vertices_m: npt.ArrayLike,
        triangles: npt.ArrayLike,
        st_m: npt.ArrayLike,
        *,
        road: int = -1,
    ) -> None:
        """Adds ground as triangles that face up; see `Surfaces`."""
        self.drafts.surfaces.append(
            SurfaceDraft(
                kind=int(kind),
                road=road,
                vertices_m=np.asarray(vertices_m, dtype=np.float64).reshape(-1, 3),
                triangles=np.asarray(triangles, dtype=np.int32).reshape(-1, 3),
                st_m=np.asarray(st_m, dtype=np.float64).reshape(-1, 2),
            )
        )

    def add_area(self, kind: AreaKind, outline_m: npt.ArrayLike) -> None:
        """Adds a polygon of land, (p, 2)."""
        self.drafts.areas.append(AreaDraft(kind=int(kind), outline_m=_ring(outline_m)))

    def add_building(
        self,
        kind: BuildingKind,
        footprint_m: npt.ArrayLike,
        height_m: float,
        *,
        roof: RoofKind = RoofKind.FLAT,
        base_m: float = 0.0,
        style: int = 0,
    ) -> None:
        """Adds a building over a polygon (p, 2) of either orientation."""
        self.drafts.buildings.append(
            BuildingDraft(
                kind=int(kind),
                roof=int(roof),
                footprint_m=_ring(footprint_m),
                base_m=float(base_m),
                height_m=float(height_m),
                style=style,
            )
        )

    def add_prop(
        self,
        kind: PropKind,
        position_m: Point,
        *,
        heading_rad: float = 0.0,
        size_m: tuple[float, float, float] = (1.0, 1.0, 1.0),
        style: int = 0,
    ) -> None:
        """Adds a tree, a lamp or the like; see `Props`."""
        self.drafts.props.append(
            PropDraft(
                kind=int(kind),
                position_m=_triple(position_m),
                heading_rad=float(heading_rad),
                size_m=size_m,
                style=style,
            )
        )

    def freeze(self) -> RoadNetwork:
        """Computes all that follows from what was added, and returns the network.

        Raises:
            ConfigError: There is no drive lane.
        """
        return assemble(self.drafts)


def _along(
    points_m: npt.ArrayLike, value: npt.ArrayLike, curve: Curve, what: str
) -> npt.NDArray[np.float64]:
    """A width at the given points, interpolated to the samples of the curve."""
    values = np.asarray(value, dtype=np.float64)
    if not np.isfinite(values).all() or (values < 0.0).any():
        raise ConfigError(f"{what}: widths must be 0 or more, got {values.min():g}.")
    if values.ndim == 0:
        return np.full(len(curve.s_m), float(values))
    raw = np.asarray(points_m, dtype=np.float64)
    if len(values) != len(raw):
        raise ConfigError(f"{what}: {len(values)} widths for {len(raw)} points.")
    return np.interp(curve.s_m, distances(raw), values)


def _check_row(row: int, count: int, what: str, *, needed: bool = False) -> None:
    if not (0 if needed else -1) <= row < count:
        raise ConfigError(f"{what} is {row}, but there are {count}.")


def _triple(point_m: Point) -> tuple[float, float, float]:
    values = [float(value) for value in point_m]
    return values[0], values[1], values[2] if len(values) > 2 else 0.0


def _ring(outline_m: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """A polygon (p, 2), counter-clockwise, without a repeated last corner."""
    ring = np.asarray(outline_m, dtype=np.float64).reshape(-1, 2)
    if len(ring) > 1 and np.allclose(ring[0], ring[-1]):
        ring = ring[:-1]
    if len(ring) < 3:
        raise ConfigError(f"A polygon needs three corners, got {len(ring)}.")
    x, y = ring.T
    if float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) < 0.0:
        ring = ring[::-1]
    return ring
