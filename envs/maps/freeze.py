"""From drafts to a frozen network: everything that follows from what a source said.

Turns, conflicts, successors, neighbours, walks, crossed lanes, main lanes and spawn places are
computed here, the same way for every source, never taken from a file.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.envs.maps.conflicts import HALF_SWEEP_M, Conflict, Way, find_conflicts, overlap
from fleetloop.envs.maps.drafts import Drafts, LaneDraft, LinkDraft
from fleetloop.envs.maps.graph import largest_part, ragged, strong_parts
from fleetloop.envs.maps.kinds import LaneKind, SignalState
from fleetloop.envs.maps.network import (
    Areas,
    Buildings,
    Crossings,
    Junctions,
    Lanes,
    Links,
    Props,
    RoadNetwork,
    Roads,
    Signals,
    Signs,
    Spawns,
    StopLines,
    Surfaces,
)
from fleetloop.envs.maps.polyline import Floats, offset
from fleetloop.envs.maps.turns import turn_of
from fleetloop.envs.maps.walks import join_walks

MAIN_SHARE = 0.9
"""Part of the drive lanes that must be strongly connected for a map to count as whole."""

SPAWN_SPACING_M = 10.0
SPAWN_CLEAR_M = 6.0

_VEHICLE = (LaneKind.DRIVE, LaneKind.BIKE)


def assemble(drafts: Drafts) -> RoadNetwork:
    """Makes the network; the drafts only gain notes.

    Raises:
        ConfigError: There is no drive lane.
    """
    if not any(lane.kind == LaneKind.DRIVE for lane in drafts.lanes):
        raise ConfigError(
            f"The map {drafts.name!r} ({drafts.source}) has no lane to drive on: choose a map with "
            "streets."
        )
    lanes = _lanes(drafts)
    return RoadNetwork(
        name=drafts.name,
        source=drafts.source,
        licence=drafts.licence,
        left_hand=drafts.left_hand,
        origin_lat_lon=drafts.origin_lat_lon,
        notes=tuple(drafts.notes),
        lanes=lanes,
        links=_links(drafts),
        roads=Roads(
            name=_texts([name for name, _ in drafts.roads]),
            road_class=_bytes([kind for _, kind in drafts.roads]),
        ),
        junctions=_junctions(drafts),
        signals=_signals(drafts),
        crossings=_crossings(drafts),
        stop_lines=_stop_lines(drafts),
        signs=_signs(drafts),
        surfaces=_surfaces(drafts),
        areas=_areas(drafts),
        buildings=_buildings(drafts),
        props=_props(drafts),
        walks=join_walks(drafts.lanes, drafts.crossings),
        spawns=_spawns(lanes),
    )


def _lanes(drafts: Drafts) -> Lanes:
    lanes = drafts.lanes
    next_lane, next_link, prev_lane = _successors(lanes, drafts.links)
    next_begin, next_flat = ragged(next_lane)
    prev_begin, prev_flat = ragged(prev_lane)
    begin = np.zeros(len(lanes) + 1, dtype=np.int32)
    begin[1:] = np.cumsum([len(lane.curve.s_m) for lane in lanes])
    length = np.array([lane.curve.length_m for lane in lanes])
    drive = np.array([lane.kind == LaneKind.DRIVE for lane in lanes])
    empty_in, empty_out = _portals(lanes, prev_lane), _portals(lanes, next_lane)
    main = _main_lanes(drafts, next_lane, drive & empty_in, drive & empty_out, length)
    return Lanes(
        name=_texts([lane.name for lane in lanes]),
        kind=_bytes([lane.kind for lane in lanes]),
        road=_ints([lane.road for lane in lanes]),
        junction=_ints([lane.junction for lane in lanes]),
        begin=begin,
        s_m=np.concatenate([lane.curve.s_m for lane in lanes]),
        xyz_m=np.concatenate([lane.curve.xyz_m for lane in lanes]),
        heading_rad=np.concatenate([lane.curve.heading_rad for lane in lanes]),
        curvature_1_m=np.concatenate([lane.curve.curvature_1_m for lane in lanes]),
        width_left_m=np.concatenate([lane.width_left_m for lane in lanes]),
        width_right_m=np.concatenate([lane.width_right_m for lane in lanes]),
        length_m=length,
        speed_limit_m_s=_floats([lane.speed_limit_m_s for lane in lanes]),
        left=_ints([lane.left for lane in lanes]),
        right=_ints([lane.right for lane in lanes]),
        left_change=np.array([lane.left_change for lane in lanes]),
        right_change=np.array([lane.right_change for lane in lanes]),
        opposite=_ints([lane.opposite for lane in lanes]),
        left_mark=_bytes([lane.left_mark.kind for lane in lanes]),
        right_mark=_bytes([lane.right_mark.kind for lane in lanes]),
        left_color=_bytes([lane.left_mark.color for lane in lanes]),
        right_color=_bytes([lane.right_mark.color for lane in lanes]),
        next_begin=next_begin,
        next_lane=next_flat,
        next_link=ragged(next_link)[1],
        prev_begin=prev_begin,
        prev_lane=prev_flat,
        main=main,
        portal_in=drive & empty_in,
        portal_out=drive & empty_out,
    )


def _successors(
    lanes: Sequence[LaneDraft], links: Sequence[LinkDraft]
) -> tuple[list[list[int]], list[list[int]], list[list[int]]]:
    next_lane: list[list[int]] = [[] for _ in lanes]
    next_link: list[list[int]] = [[] for _ in lanes]
    prev_lane: list[list[int]] = [[] for _ in lanes]
    for row, link in enumerate(links):
        chain = [link.from_lane, link.connector, link.to_lane]
        if link.connector < 0:
            chain = [link.from_lane, link.to_lane]
        for before, after in itertools.pairwise(chain):
            next_lane[before].append(after)
            next_link[before].append(row)
            prev_lane[after].append(before)
    return next_lane, next_link, prev_lane


def _portals(lanes: Sequence[LaneDraft], joined: Sequence[Sequence[int]]) -> npt.NDArray[np.bool_]:
    """Lanes (n,) that are joined to nothing, and no lane beside them is either."""
    found = np.zeros(len(lanes), dtype=np.bool_)
    for row, lane in enumerate(lanes):
        free = not joined[row]
        for side in ("left", "right"):
            beside = getattr(lane, side)
            while free and beside >= 0:
                free = not joined[beside]
                beside = getattr(lanes[beside], side)
        found[row] = free
    return found


def _main_lanes(
    drafts: Drafts,
    next_lane: Sequence[Sequence[int]],
    portal_in: npt.NDArray[np.bool_],
    portal_out: npt.NDArray[np.bool_],
    length_m: Floats,
) -> npt.NDArray[np.bool_]:
    """The largest strongly connected part, if need be through the border of the map."""
    lanes = drafts.lanes
    drive = np.array([lane.kind == LaneKind.DRIVE for lane in lanes])
    counted = drive & np.array([lane.junction < 0 for lane in lanes])
    edges = [list(after) for after in next_lane]
    for row, lane in enumerate(lanes):
        if lane.left >= 0 and lane.left_change and drive[lane.left]:
            edges[row].append(lane.left)
        if lane.right >= 0 and lane.right_change and drive[lane.right]:
            edges[row].append(lane.right)
    main = np.asarray(largest_part(strong_parts(edges), np.where(drive, length_m, 0.0)) & drive)
    share = _share(main, counted)
    if share >= MAIN_SHARE:
        if share < 1.0:
            _left_out(drafts, share)
        return main
    outside = len(lanes)
    around = [[*after, outside] if portal_out[row] else after for row, after in enumerate(edges)]
    around.append([int(row) for row in np.flatnonzero(portal_in)])
    weight = np.append(np.where(drive, length_m, 0.0), 0.0)
    through = np.asarray(largest_part(strong_parts(around), weight)[:-1] & drive)
    if _share(through, counted) > share:
        drafts.notes.append(
            f"Only {share:.0%} of the drive lanes reach each other within the map; "
            f"{_share(through, counted):.0%} do when who leaves it may come back elsewhere."
        )
        return through
    _left_out(drafts, share)
    return main


def _left_out(drafts: Drafts, share: float) -> None:
    drafts.notes.append(
        f"{share:.0%} of the drive lanes reach each other; the rest is drawn, but nobody starts "
        "there or is sent there."
    )


def _share(main: npt.NDArray[np.bool_], counted: npt.NDArray[np.bool_]) -> float:
    return float((main & counted).sum() / max(int(counted.sum()), 1))


def _links(drafts: Drafts) -> Links:
    links, lanes = drafts.links, drafts.lanes
    turns = [int(turn_of(link, lanes)) for link in links]
    conflicts = _conflicts(drafts, turns)
    count = np.bincount([conflict.link for conflict in conflicts], minlength=len(links))
    begin = np.concatenate([[0], np.cumsum(count)])
    return Links(
        from_lane=_ints([link.from_lane for link in links]),
        to_lane=_ints([link.to_lane for link in links]),
        connector=_ints([link.connector for link in links]),
        junction=_ints([link.junction for link in links]),
        turn=_bytes(turns),
        control=_bytes([link.control for link in links]),
        priority=_ints([link.priority for link in links]),
        signal=_ints([link.signal for link in links]),
        signal_index=_ints([link.signal_index for link in links]),
        conflict_begin=begin.astype(np.int32),
        conflict_link=_ints([conflict.other for conflict in conflicts]),
        conflict_kind=_bytes([conflict.kind for conflict in conflicts]),
        conflict_yields=np.array([conflict.yields for conflict in conflicts], dtype=np.bool_),
        conflict_enter_m=_floats([conflict.enter_m for conflict in conflicts]),
        conflict_exit_m=_floats([conflict.exit_m for conflict in conflicts]),
        conflict_other_enter_m=_floats([conflict.other_enter_m for conflict in conflicts]),
        conflict_other_exit_m=_floats([conflict.other_exit_m for conflict in conflicts]),
    )


def _conflicts(drafts: Drafts, turns: Sequence[int]) -> list[Conflict]:
    by_junction: dict[int, list[Way]] = {}
    for row, link in enumerate(drafts.links):
        if link.junction < 0 or link.connector < 0:
            continue
        lane = drafts.lanes[link.connector]
        half = 0.5 * float((lane.width_left_m + lane.width_right_m).mean())
        by_junction.setdefault(link.junction, []).append(
            Way(
                link=row,
                from_lane=link.from_lane,
                to_lane=link.to_lane,
                curve=lane.curve,
                half_width_m=min(half, HALF_SWEEP_M),
                turn=turns[row],
                control=link.control,
                priority=link.priority,
            )
        )
    found = []
    for junction in sorted(by_junction):
        found.extend(find_conflicts(by_junction[junction], left_hand=drafts.left_hand))
    found.sort(key=lambda conflict: (conflict.link, conflict.other))
    return found


def _junctions(drafts: Drafts) -> Junctions:
    begin, outline = _rings([junction.outline_m for junction in drafts.junctions])
    return Junctions(
        kind=_bytes([junction.kind for junction in drafts.junctions]),
        center_m=np.array([j.center_m for j in drafts.junctions], dtype=float).reshape(-1, 2),
        begin=begin,
        outline_m=outline,
    )


def _signals(drafts: Drafts) -> Signals:
    signals = drafts.signals
    phases = [phase for signal in signals for phase in signal.phases]
    columns = [len(signal.phases[0].states) for signal in signals]
    state = np.full((len(phases), max(columns, default=0)), int(SignalState.OFF), dtype=np.uint8)
    for row, phase in enumerate(phases):
        state[row, : len(phase.states)] = [int(value) for value in phase.states]
    heads = [(row, head) for row, signal in enumerate(signals) for head in signal.heads]
    return Signals(
        junction=_ints([signal.junction for signal in signals]),
        offset_s=_floats([signal.offset_s for signal in signals]),
        begin=_offsets([len(signal.phases) for signal in signals]),
        duration_s=_floats([phase.duration_s for phase in phases]),
        state=state,
        columns=_ints(columns),
        head_signal=_ints([row for row, _ in heads]),
        head_index=_ints([head.index for _, head in heads]),
        head_kind=_bytes([head.kind for _, head in heads]),
        head_xyz_m=_triples([head.position_m for _, head in heads]),
        head_heading_rad=_floats([head.heading_rad for _, head in heads]),
        pole_xyz_m=_triples([head.pole_m for _, head in heads]),
    )


def _crossings(drafts: Drafts) -> Crossings:
    lanes = drafts.lanes
    vehicle = [row for row, lane in enumerate(lanes) if lane.kind in _VEHICLE]
    low = np.array([lanes[row].curve.xyz_m[:, :2].min(axis=0) for row in vehicle])
    high = np.array([lanes[row].curve.xyz_m[:, :2].max(axis=0) for row in vehicle])
    counts: list[int] = []
    found: list[tuple[int, float, float, float, float]] = []
    for crossing in drafts.crossings:
        curve = lanes[crossing.lane].curve
        flat = curve.xyz_m[:, :2]
        reach = 0.5 * crossing.width_m
        near = ((low < flat.max(axis=0) + reach) & (high > flat.min(axis=0) - reach)).all(axis=1)
        before = len(found)
        for index in np.flatnonzero(near):
            row = vehicle[int(index)]
            lane = lanes[row]
            half = 0.5 * float((lane.width_left_m + lane.width_right_m).mean())
            across = overlap(lane.curve, curve, reach)
            walked = overlap(curve, lane.curve, half)
            if across is not None and walked is not None:
                found.append((row, *across, *walked))
        counts.append(len(found) - before)
    columns: list[Any] = list(zip(*found, strict=True)) or [()] * 5
    return Crossings(
        lane=_ints([crossing.lane for crossing in drafts.crossings]),
        kind=_bytes([crossing.kind for crossing in drafts.crossings]),
        junction=_ints([crossing.junction for crossing in drafts.crossings]),
        signal=_ints([crossing.signal for crossing in drafts.crossings]),
        signal_index=_ints([crossing.signal_index for crossing in drafts.crossings]),
        width_m=_floats([crossing.width_m for crossing in drafts.crossings]),
        begin=_offsets(counts),
        crossed_lane=_ints(columns[0]),
        enter_m=_floats(columns[1]),
        exit_m=_floats(columns[2]),
        walk_enter_m=_floats(columns[3]),
        walk_exit_m=_floats(columns[4]),
    )


def _stop_lines(drafts: Drafts) -> StopLines:
    left, right = [], []
    for line in drafts.stop_lines:
        lane = drafts.lanes[line.lane]
        curve = lane.curve
        place = np.array([[np.interp(line.s_m, curve.s_m, curve.xyz_m[:, i]) for i in range(3)]])
        heading = np.array([np.interp(line.s_m, curve.s_m, curve.heading_rad)])
        widths = [float(np.interp(line.s_m, curve.s_m, width))
                  for width in (lane.width_left_m, lane.width_right_m)]  # fmt: skip
        left.append(offset(place, heading, widths[0])[0])
        right.append(offset(place, heading, -widths[1])[0])
    return StopLines(
        lane=_ints([line.lane for line in drafts.stop_lines]),
        s_m=_floats([line.s_m for line in drafts.stop_lines]),
        control=_bytes([line.control for line in drafts.stop_lines]),
        left_xyz_m=np.array(left, dtype=np.float64).reshape(-1, 3),
        right_xyz_m=np.array(right, dtype=np.float64).reshape(-1, 3),
    )


def _signs(drafts: Drafts) -> Signs:
    signs = drafts.signs
    return Signs(
        code=_bytes([sign.code for sign in signs]),
        value=_floats([sign.value for sign in signs]),
        text=_texts([sign.text for sign in signs]),
        xyz_m=_triples([sign.position_m for sign in signs]),
        heading_rad=_floats([sign.heading_rad for sign in signs]),
        lane=_ints([sign.lane for sign in signs]),
    )


def _surfaces(drafts: Drafts) -> Surfaces:
    pieces = drafts.surfaces
    vertex_begin = _offsets([len(piece.vertices_m) for piece in pieces])
    triangles = [piece.triangles + int(vertex_begin[row]) for row, piece in enumerate(pieces)]
    return Surfaces(
        kind=_bytes([piece.kind for piece in pieces]),
        road=_ints([piece.road for piece in pieces]),
        vertex_begin=vertex_begin,
        triangle_begin=_offsets([len(piece.triangles) for piece in pieces]),
        vertices_m=np.concatenate([np.zeros((0, 3)), *(piece.vertices_m for piece in pieces)]),
        triangles=np.concatenate([np.zeros((0, 3), np.int32), *triangles]).astype(np.int32),
        st_m=np.concatenate([np.zeros((0, 2)), *(piece.st_m for piece in pieces)]),
    )


def _areas(drafts: Drafts) -> Areas:
    begin, outline = _rings([area.outline_m for area in drafts.areas])
    return Areas(kind=_bytes([area.kind for area in drafts.areas]), begin=begin, outline_m=outline)


def _buildings(drafts: Drafts) -> Buildings:
    buildings = drafts.buildings
    begin, footprint = _rings([building.footprint_m for building in buildings])
    return Buildings(
        kind=_bytes([building.kind for building in buildings]),
        roof=_bytes([building.roof for building in buildings]),
        begin=begin,
        footprint_m=footprint,
        base_m=_floats([building.base_m for building in buildings]),
        height_m=_floats([building.height_m for building in buildings]),
        style=_ints([building.style for building in buildings]),
    )


def _props(drafts: Drafts) -> Props:
    props = drafts.props
    return Props(
        kind=_bytes([prop.kind for prop in props]),
        xyz_m=_triples([prop.position_m for prop in props]),
        heading_rad=_floats([prop.heading_rad for prop in props]),
        size_m=_triples([prop.size_m for prop in props]),
        style=_ints([prop.style for prop in props]),
    )


def _spawns(lanes: Lanes) -> Spawns:
    wanted = lanes.main & (lanes.junction < 0) & (lanes.kind == LaneKind.DRIVE)
    row: list[int] = []
    place: list[float] = []
    for lane in np.flatnonzero(wanted):
        free = float(lanes.length_m[lane]) - 2.0 * SPAWN_CLEAR_M
        if free < 0.0:
            continue
        count = int(free / SPAWN_SPACING_M) + 1
        row.extend([int(lane)] * count)
        place.extend(SPAWN_CLEAR_M + np.linspace(0.0, free, count + 2)[1:-1])
    return Spawns(lane=_ints(row), s_m=_floats(place))


def _rings(rings: Sequence[Floats]) -> tuple[npt.NDArray[np.int32], Floats]:
    flat = np.concatenate([np.zeros((0, 2)), *rings])
    return _offsets([len(ring) for ring in rings]), flat


def _offsets(counts: Sequence[int]) -> npt.NDArray[np.int32]:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int32)


def _ints(values: Sequence[int]) -> npt.NDArray[np.int32]:
    return np.array(values, dtype=np.int32)


def _bytes(values: Sequence[int]) -> npt.NDArray[np.uint8]:
    return np.array([int(value) for value in values], dtype=np.uint8)


def _floats(values: Sequence[float]) -> Floats:
    return np.array(values, dtype=np.float64)


def _texts(values: Sequence[str]) -> npt.NDArray[np.str_]:
    return np.array(values, dtype=np.str_)


def _triples(values: Sequence[Sequence[float]]) -> Floats:
    return np.array(values, dtype=np.float64).reshape(-1, 3)
