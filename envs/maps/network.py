"""The road network: what all maps become, as read-only arrays that every world of a process shares.

It knows nothing of physics, sensors or traffic. Sources fill a `NetworkBuilder` (see `builder.py`),
whose `freeze` makes this; `validate.py` judges it, `cache.py` keeps it, `routing.py` and
`locate.py` answer questions about it.

Conventions: metres, seconds, radians; x east, y north, z up around `RoadNetwork.origin_lat_lon`;
headings counter-clockwise from x. Lanes are told by row number, and point in the direction of
travel. Lists of different lengths are flat arrays with a `begin` array of offsets: the entries of
row i are `begin[i]:begin[i + 1]`. -1 means none.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.digest import digest_arrays

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.str_]

NETWORK_VERSION = 1
"""Grows when a field of the network changes its meaning; caches of other versions are rebuilt."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Table:
    """Arrays that nobody may write to."""

    def __post_init__(self) -> None:
        for field in fields(self):
            # A copy: a view of a writable array could still be changed through that array.
            array = np.array(getattr(self, field.name), order="C")
            array.setflags(write=False)
            object.__setattr__(self, field.name, array)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lanes(_Table):
    """Strips of ground with a direction, (n,) unless said otherwise.

    Connectors (lanes that cross a junction) are lanes too, with `junction` >= 0. Lanes that are
    neighbours begin and end side by side: a place at share q of one's length is beside share q of
    the other's.

    Attributes:
        name: For people and reports, such as `road 7 lane -1`.
        kind: `LaneKind`.
        road: Row of `Roads`; lanes side by side share it. -1 for connectors and crossings.
        junction: Row of `Junctions` for connectors, else -1.
        begin: (n + 1,) rows of the points below; each lane has two or more.
        s_m: (p,) distance from the lane's begin, even steps of at most 1 m.
        xyz_m: (p, 3) centre line.
        heading_rad: (p,) direction of travel, continuous along a lane (not wrapped).
        curvature_1_m: (p,) positive to the left.
        width_left_m, width_right_m: (p,) from the centre line to the borders.
        length_m: Of the centre line.
        speed_limit_m_s: 0 where nobody drives.
        left, right: Neighbours of the same direction and kind of use to which one can change by
            place (whether one may: see below).
        left_change, right_change: Whether crossing that border is allowed.
        opposite: The drive lane of the other direction that is next to this one.
        left_mark, right_mark: `MarkKind` at the borders.
        left_color, right_color: `MarkColor`.
        next_begin: (n + 1,) rows of `next_lane` and `next_link`.
        next_lane: What follows: connectors after ordinary lanes, the target after a connector.
        next_link: The link that leads there; for a connector, its own link.
        prev_begin, prev_lane: What comes before, likewise.
        main: Whether the lane is part of the largest strongly connected part. Spawn, and send
            traffic, on these only.
        portal_in, portal_out: Drive lanes that nothing leads to, or that lead nowhere, and neither
            do their neighbours: the border of the map (or a dead end that nobody can turn in).
    """

    name: Texts
    kind: Bytes
    road: Ints
    junction: Ints
    begin: Ints
    s_m: Floats
    xyz_m: Floats
    heading_rad: Floats
    curvature_1_m: Floats
    width_left_m: Floats
    width_right_m: Floats
    length_m: Floats
    speed_limit_m_s: Floats
    left: Ints
    right: Ints
    left_change: Bools
    right_change: Bools
    opposite: Ints
    left_mark: Bytes
    right_mark: Bytes
    left_color: Bytes
    right_color: Bytes
    next_begin: Ints
    next_lane: Ints
    next_link: Ints
    prev_begin: Ints
    prev_lane: Ints
    main: Bools
    portal_in: Bools
    portal_out: Bools

    def __len__(self) -> int:
        return len(self.kind)

    def rows(self, lane: int) -> slice:
        """Rows of a lane's points."""
        return slice(int(self.begin[lane]), int(self.begin[lane + 1]))

    def following(self, lane: int) -> Ints:
        """Lanes that follow."""
        return self.next_lane[self.next_begin[lane] : self.next_begin[lane + 1]]

    def pose_at(self, lane: int, s_m: float) -> tuple[float, float, float, float]:
        """x, y, z and heading of a place on a centre line."""
        rows = self.rows(lane)
        s = self.s_m[rows]
        x, y, z = (float(np.interp(s_m, s, self.xyz_m[rows, i])) for i in range(3))
        return x, y, z, float(np.interp(s_m, s, self.heading_rad[rows]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Links(_Table):
    """Ways from one lane to another, (n,) unless said otherwise.

    Conflicts are listed from both sides. Places are distances along the link's connector; links
    without a connector have none. Of two links that CROSS or MERGE exactly one yields when both
    may go (a signal that shows red needs no yielding); those that DIVERGE share their begin, and
    a vehicle that is slow to leave it blocks the other link.

    Attributes:
        from_lane, to_lane: Lanes.
        connector: The lane between them, or -1 where they touch.
        junction: Row of `Junctions`, or -1.
        turn: `Turn`.
        control: `Control`.
        priority: Rank; the lower one yields.
        signal: Row of `Signals`, or -1.
        signal_index: Column of `Signals.state`.
        conflict_begin: (n + 1,) rows of the arrays below.
        conflict_link: (c,) the other link.
        conflict_kind: (c,) `ConflictKind`.
        conflict_yields: (c,) whether this link yields to the other.
        conflict_enter_m, conflict_exit_m: (c,) on this link's connector.
        conflict_other_enter_m, conflict_other_exit_m: (c,) on the other's connector.
    """

    from_lane: Ints
    to_lane: Ints
    connector: Ints
    junction: Ints
    turn: Bytes
    control: Bytes
    priority: Ints
    signal: Ints
    signal_index: Ints
    conflict_begin: Ints
    conflict_link: Ints
    conflict_kind: Bytes
    conflict_yields: Bools
    conflict_enter_m: Floats
    conflict_exit_m: Floats
    conflict_other_enter_m: Floats
    conflict_other_exit_m: Floats

    def __len__(self) -> int:
        return len(self.from_lane)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Roads(_Table):
    """Stretches of street, (n,).

    Attributes:
        name: Street name, or the source's id.
        road_class: `RoadClass`.
    """

    name: Texts
    road_class: Bytes

    def __len__(self) -> int:
        return len(self.name)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Junctions(_Table):
    """Places where roads meet, (n,).

    Attributes:
        kind: `JunctionKind`.
        center_m: (n, 2).
        begin: (n + 1,) rows of `outline_m`; may be empty where the source has no outline.
        outline_m: (p, 2) corners of the paved outline, counter-clockwise.
    """

    kind: Bytes
    center_m: Floats
    begin: Ints
    outline_m: Floats

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Signals(_Table):
    """Signal controllers, (n,), their phases, (f,), and the heads that show them, (h,).

    `signals.states_at` tells what they show at a time.

    Attributes:
        junction: Row of `Junctions`, or -1.
        offset_s: The first phase begins at this time.
        begin: (n + 1,) rows of the phases.
        duration_s: (f,).
        state: (f, columns) `SignalState` of each controlled link or crossing, OFF beyond the
            signal's own columns.
        columns: How many columns each signal uses.
        head_signal, head_index: (h,) signal, and column that the head shows.
        head_kind: (h,) `HeadKind`.
        head_xyz_m: (h, 3) middle of the head.
        head_heading_rad: (h,) direction that the head faces (towards those who wait).
        pole_xyz_m: (h, 3) foot of the pole that carries it.
    """

    junction: Ints
    offset_s: Floats
    begin: Ints
    duration_s: Floats
    state: Bytes
    columns: Ints
    head_signal: Ints
    head_index: Ints
    head_kind: Bytes
    head_xyz_m: Floats
    head_heading_rad: Floats
    pole_xyz_m: Floats

    def __len__(self) -> int:
        return len(self.junction)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Crossings(_Table):
    """Where people cross the road, (n,), and the lanes that they cross, (c,).

    Attributes:
        lane: The crossing's own lane (kind CROSSING).
        kind: `CrossingKind`.
        junction: Row of `Junctions`, or -1.
        signal, signal_index: As in `Links`.
        width_m: Along the road.
        begin: (n + 1,) rows of the arrays below.
        crossed_lane: (c,) drive and bike lanes, connectors included.
        enter_m, exit_m: (c,) on the crossed lane.
        walk_enter_m, walk_exit_m: (c,) on the crossing's lane.
    """

    lane: Ints
    kind: Bytes
    junction: Ints
    signal: Ints
    signal_index: Ints
    width_m: Floats
    begin: Ints
    crossed_lane: Ints
    enter_m: Floats
    exit_m: Floats
    walk_enter_m: Floats
    walk_exit_m: Floats

    def __len__(self) -> int:
        return len(self.lane)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StopLines(_Table):
    """Where vehicles wait, (n,).

    Attributes:
        lane: The lane.
        s_m: On it.
        control: `Control` that the line belongs to; YIELD is drawn as teeth.
        left_xyz_m, right_xyz_m: (n, 3) ends of the line.
    """

    lane: Ints
    s_m: Floats
    control: Bytes
    left_xyz_m: Floats
    right_xyz_m: Floats

    def __len__(self) -> int:
        return len(self.lane)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Signs(_Table):
    """Traffic signs, (n,).

    Attributes:
        code: `SignCode`.
        value: Number on it, such as a limit in m/s; 0 without.
        text: The source's own code, or letters on it.
        xyz_m: (n, 3) middle of the plate.
        heading_rad: Direction that the plate faces.
        lane: Lane that it is for, or -1.
    """

    code: Bytes
    value: Floats
    text: Texts
    xyz_m: Floats
    heading_rad: Floats
    lane: Ints

    def __len__(self) -> int:
        return len(self.code)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surfaces(_Table):
    """Ground as triangles, (n,) pieces.

    Attributes:
        kind: `SurfaceKind`.
        road: Row of `Roads`, or -1.
        vertex_begin, triangle_begin: (n + 1,).
        vertices_m: (v, 3).
        triangles: (t, 3), rows of `vertices_m`, facing up (kerbs: towards the road).
        st_m: (v, 2) along and to the left of the road; world x, y on junctions.
    """

    kind: Bytes
    road: Ints
    vertex_begin: Ints
    triangle_begin: Ints
    vertices_m: Floats
    triangles: Ints
    st_m: Floats

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Areas(_Table):
    """Use of land as simple polygons, (n,); later ones lie over earlier ones.

    Attributes:
        kind: `AreaKind`.
        begin: (n + 1,) rows of `outline_m`.
        outline_m: (p, 2) counter-clockwise.
    """

    kind: Bytes
    begin: Ints
    outline_m: Floats

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Buildings(_Table):
    """Buildings, (n,).

    Attributes:
        kind: `BuildingKind`.
        roof: `RoofKind`.
        begin: (n + 1,) rows of `footprint_m`.
        footprint_m: (p, 2) counter-clockwise.
        base_m: Height of the ground.
        height_m: From the ground to the eaves.
        style: Number from which colours and details are drawn.
    """

    kind: Bytes
    roof: Bytes
    begin: Ints
    footprint_m: Floats
    base_m: Floats
    height_m: Floats
    style: Ints

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Props(_Table):
    """What stands beside the road, (n,).

    Attributes:
        kind: `PropKind`.
        xyz_m: (n, 3) foot.
        heading_rad: Where its front faces: a lamp's arm, a bench's sitters; hedges, fences and
            walls run along it.
        size_m: (n, 3) length along the heading (crowns: radius), thickness across it, height.
        style: Number from which looks are drawn.
    """

    kind: Bytes
    xyz_m: Floats
    heading_rad: Floats
    size_m: Floats
    style: Ints

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Walks(_Table):
    """Where people walk: a graph of nodes, (n,), and edges, (e,), for both directions.

    Attributes:
        xyz_m: (n, 3) nodes.
        node_a, node_b: (e,) ends.
        lane: (e,) sidewalk or crossing lane that the edge follows, -1 for a short step between.
        s_a_m, s_b_m: (e,) where the ends are on that lane; 0 and the length without one.
        length_m: (e,).
        width_m: (e,) mean width of the lane.
        crossing: (e,) row of `Crossings`, or -1.
    """

    xyz_m: Floats
    node_a: Ints
    node_b: Ints
    lane: Ints
    s_a_m: Floats
    s_b_m: Floats
    length_m: Floats
    width_m: Floats
    crossing: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spawns(_Table):
    """Places where a vehicle may start, (n,): on main drive lanes, clear of junctions.

    Attributes:
        lane: The lane.
        s_m: Middle of the vehicle.
    """

    lane: Ints
    s_m: Floats

    def __len__(self) -> int:
        return len(self.lane)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoadNetwork:
    """A whole map. Made by `NetworkBuilder.freeze` or read from a cache.

    Attributes:
        name: For people.
        source: Where it came from, such as `town seed 7` or a file's name.
        licence: Of the source's data; must travel with every copy (OpenStreetMap: ODbL).
        left_hand: Whether traffic keeps to the left.
        origin_lat_lon: Degrees of x = y = 0; zeros where the source does not say.
        notes: What was guessed, left out or mended, one sentence each, for people.
    """

    name: str
    source: str
    licence: str
    left_hand: bool
    origin_lat_lon: tuple[float, float]
    notes: tuple[str, ...]
    lanes: Lanes
    links: Links
    roads: Roads
    junctions: Junctions
    signals: Signals
    crossings: Crossings
    stop_lines: StopLines
    signs: Signs
    surfaces: Surfaces
    areas: Areas
    buildings: Buildings
    props: Props
    walks: Walks
    spawns: Spawns

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All arrays by `table.column`."""
        return {
            f"{name}.{column.name}": getattr(getattr(self, name), column.name)
            for name, table in TABLES.items()
            for column in fields(table)
        }

    def digest(self) -> str:
        """Hash over all arrays and words."""
        words = (self.name, self.source, self.licence, str(self.left_hand),
                 repr(self.origin_lat_lon), *self.notes)  # fmt: skip
        return digest_arrays(self.arrays() | {"words": np.array("\n".join(words))})

    @property
    def bounds_m(self) -> tuple[float, float, float, float]:
        """Smallest x, y and largest x, y of all lanes."""
        low, high = self.lanes.xyz_m.min(axis=0), self.lanes.xyz_m.max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


TABLES: dict[str, type[_Table]] = {
    "lanes": Lanes,
    "links": Links,
    "roads": Roads,
    "junctions": Junctions,
    "signals": Signals,
    "crossings": Crossings,
    "stop_lines": StopLines,
    "signs": Signs,
    "surfaces": Surfaces,
    "areas": Areas,
    "buildings": Buildings,
    "props": Props,
    "walks": Walks,
    "spawns": Spawns,
}
"""Tables of a network by the name of their field."""
