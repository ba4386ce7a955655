"""How lanes of an OpenDRIVE document follow each other: on roads, over joints, in junctions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.kinds import JunctionKind, LaneKind
from fleetloop.envs.maps.opendrive.document import Connection, Document, Road, RoadLink
from fleetloop.envs.maps.opendrive.lanes import (
    KINDS,
    LaneKey,
    Placed,
    add_line,
    along_s,
    pave,
)
from fleetloop.envs.maps.opendrive.stretches import LaneLine, lane_line

GAP_M = 2.0
"""Ends that lie further apart are not joined, whatever the file says."""

_MEET_M = 0.15


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chain:
    """A lane followed through a whole connecting road, in its direction of travel.

    Attributes:
        entry, exit: Its first and last piece.
        line: All pieces end to end, in the direction of travel.
    """

    entry: LaneKey
    exit: LaneKey
    line: LaneLine


def add_links(builder: NetworkBuilder, document: Document, placed: Placed) -> dict[str, int]:
    """Adds all links, and the junctions with their connectors.

    Returns:
        Builder row of each junction by its id.
    """
    for key, row in placed.rows.items():
        if builder.drafts.lanes[row].kind == LaneKind.DRIVE:
            for target in _following(document, placed, key):
                _join(builder, row, placed.rows[target])
    rows: dict[str, int] = {}
    for junction in document.junctions.values():
        if junction.direct:
            for connection in junction.connections:
                _add_direct(builder, document, placed, connection)
            continue
        rows[junction.number] = builder.add_junction(JunctionKind.PLAIN, (0.0, 0.0))
        for connection in junction.connections:
            _add_connection(builder, document, placed, connection, rows[junction.number])
        _settle(builder, rows[junction.number])
    for road in document.roads.values():
        if road.junction:
            _add_ground(builder, road, placed, rows.get(road.junction, -1))
    return rows


def end_of(document: Document, placed: Placed, key: LaneKey) -> tuple[bool, RoadLink | None]:
    """Whether a lane runs with s, and what its road is linked to where its traffic leaves."""
    road = document.roads[key.road]
    forward = along_s(key.lane, left_hand=road.left_hand)
    return forward, road.successor if forward else road.predecessor


def _following(document: Document, placed: Placed, key: LaneKey) -> list[LaneKey]:
    """Ordinary lanes that a lane goes on as, on its own road or the road that is linked to it."""
    forward, link = end_of(document, placed, key)
    stretches = placed.stretches[key.road]
    stretch = stretches[key.stretch]
    numbers = (stretch.after if forward else stretch.before)[key.lane]
    index = key.stretch + (1 if forward else -1)
    if 0 <= index < len(stretches):
        found = [LaneKey(key.road, index, number) for number in numbers or (key.lane,)]
    else:
        found = list(_across(document, placed, link, numbers))
    return [target for target in found if _drives(placed, target)]


def _across(
    document: Document, placed: Placed, link: RoadLink | None, numbers: tuple[int, ...]
) -> Iterator[LaneKey]:
    """Lanes of the linked road whose traffic leaves from the end that touches."""
    if link is None or link.is_junction or link.element not in document.roads:
        return
    other = document.roads[link.element]
    at_start = link.contact != "end"
    index = 0 if at_start else len(placed.stretches[other.number]) - 1
    for number in numbers:
        if along_s(number, left_hand=other.left_hand) == at_start:
            yield LaneKey(other.number, index, number)


def _drives(placed: Placed, key: LaneKey) -> bool:
    return key in placed.rows


def _join(builder: NetworkBuilder, row: int, target: int) -> None:
    """Links two lanes that touch; a small gap is closed by moving the second one's begin."""
    one, two = builder.drafts.lanes[row], builder.drafts.lanes[target]
    if one.kind != two.kind:
        return
    gap_m = float(np.linalg.norm(one.curve.xyz_m[-1] - two.curve.xyz_m[0]))
    if gap_m > GAP_M:
        builder.note(f"Lanes that the file joins over more than {GAP_M:g} m are left apart.")
        return
    if gap_m > _MEET_M:
        builder.note("Ends of lanes that miss each other by less than 2 m are pulled together.")
        _pull(two.curve.xyz_m, two.curve.s_m, one.curve.xyz_m[-1])
    builder.add_link(row, target)


def _pull(xyz_m: np.ndarray, s_m: np.ndarray, place_m: np.ndarray) -> None:
    """Moves the begin of a line to a place and lets the shift fade along its first half."""
    fade = np.clip(1.0 - s_m / max(0.5 * float(s_m[-1]), 1e-6), 0.0, 1.0)
    xyz_m += fade[:, None] * (place_m - xyz_m[0])


def _add_direct(
    builder: NetworkBuilder, document: Document, placed: Placed, connection: Connection
) -> None:
    """A direct junction: lanes of two ordinary roads that touch (ASAM OpenDRIVE 1.8, 12.5)."""
    if connection.incoming not in document.roads or connection.connecting not in document.roads:
        builder.note("Connections to roads that the file lacks are left out.")
        return
    for source, target in connection.lanes:
        for one in _ends(document, placed, connection.incoming, source, leaving=True):
            for two in _ends(document, placed, connection.connecting, target, leaving=False):
                lanes = builder.drafts.lanes
                gap = lanes[one].curve.xyz_m[-1] - lanes[two].curve.xyz_m[0]
                if float(np.linalg.norm(gap)) < GAP_M:
                    _join(builder, one, two)


def _ends(
    document: Document, placed: Placed, road: str, number: int, *, leaving: bool
) -> Iterator[int]:
    """Builder row of a lane at the end of its road where traffic leaves, or enters."""
    forward = along_s(number, left_hand=document.roads[road].left_hand)
    index = len(placed.stretches[road]) - 1 if forward == leaving else 0
    row = placed.rows.get(LaneKey(road, index, number))
    if row is not None:
        yield row


def _add_connection(
    builder: NetworkBuilder,
    document: Document,
    placed: Placed,
    connection: Connection,
    junction: int,
) -> None:
    road = document.roads.get(connection.connecting)
    if road is None or connection.incoming not in document.roads:
        builder.note("Connections to roads that the file lacks are left out.")
        return
    at_start = connection.contact != "end"
    for source, number in connection.lanes or _same_lanes(document, placed, connection):
        if KINDS.get(_kind(placed, road, number, at_start)) != LaneKind.DRIVE:
            continue
        if along_s(number, left_hand=road.left_hand) != at_start:
            builder.note("Connections against the direction of their lanes are left out.")
            continue
        chain = follow(document, placed, road, number)
        entry = _incoming(document, placed, connection, source, road)
        if chain is None or entry is None:
            continue
        _, link = end_of(document, placed, chain.exit)
        stretch = placed.stretches[road.number][chain.exit.stretch]
        after = (stretch.after if at_start else stretch.before)[chain.exit.lane]
        for target in _across(document, placed, link, after or (chain.exit.lane,)):
            if target in placed.rows:
                _add_connector(builder, road, chain, entry, placed, target, junction)


def _same_lanes(
    document: Document, placed: Placed, connection: Connection
) -> list[tuple[int, int]]:
    """Pairs for a connection that lists none, from the connecting lanes' own links."""
    road = document.roads[connection.connecting]
    at_start = connection.contact != "end"
    stretch = placed.stretches[road.number][0 if at_start else -1]
    before = stretch.before if at_start else stretch.after
    return [(number, lane) for lane, numbers in before.items() for number in numbers]


def _kind(placed: Placed, road: Road, number: int, at_start: bool) -> str:
    lane = placed.stretches[road.number][0 if at_start else -1].lanes.get(number)
    return "" if lane is None else lane.kind


def _incoming(
    document: Document, placed: Placed, connection: Connection, number: int, road: Road
) -> int | None:
    """Builder row of the lane that leads into a connecting road."""
    link = road.predecessor if connection.contact != "end" else road.successor
    stretches = placed.stretches[connection.incoming]
    forward = along_s(number, left_hand=document.roads[connection.incoming].left_hand)
    index = len(stretches) - 1 if forward else 0
    told = link is not None and link.element == connection.incoming and link.contact
    # Where the connecting road says which end it touches, traffic has to leave by that end.
    if told and link is not None and (link.contact == "end") != forward:
        return None
    return placed.rows.get(LaneKey(connection.incoming, index, number))


def follow(document: Document, placed: Placed, road: Road, number: int) -> Chain | None:
    """Follows a lane through all stretches of its road; None where it ends on the way."""
    forward = along_s(number, left_hand=road.left_hand)
    stretches = placed.stretches[road.number]
    order = list(range(len(stretches)))
    order = order if forward else order[::-1]
    entry = LaneKey(road.number, order[0], number)
    pieces: list[LaneLine] = []
    for position, index in enumerate(order):
        stretch = stretches[index]
        if number not in stretch.lanes:
            return None
        pieces.append(_turned(lane_line(road, stretch, number), forward=forward))
        if position + 1 < len(order):
            after = (stretch.after if forward else stretch.before)[number]
            number = after[0] if after else number
    line = pieces[0] if len(pieces) == 1 else _end_to_end(pieces)
    return Chain(entry=entry, exit=LaneKey(road.number, order[-1], number), line=line)


def _end_to_end(pieces: list[LaneLine]) -> LaneLine:
    return LaneLine(
        s_m=np.concatenate([piece.s_m for piece in pieces]),
        xyz_m=np.concatenate([piece.xyz_m for piece in pieces]),
        heading_rad=np.concatenate([piece.heading_rad for piece in pieces]),
        width_m=np.concatenate([piece.width_m for piece in pieces]),
        t_m=np.concatenate([piece.t_m for piece in pieces]),
    )


def _turned(line: LaneLine, *, forward: bool) -> LaneLine:
    if forward:
        return line
    return LaneLine(
        s_m=line.s_m[::-1],
        xyz_m=line.xyz_m[::-1],
        heading_rad=line.heading_rad[::-1] + np.pi,
        width_m=line.width_m[::-1],
        t_m=line.t_m[::-1],
    )


def _add_connector(
    builder: NetworkBuilder,
    road: Road,
    chain: Chain,
    entry: int,
    placed: Placed,
    target: LaneKey,
    junction: int,
) -> None:
    lanes = builder.drafts.lanes
    one, two = lanes[entry], lanes[placed.rows[target]]
    if LaneKind.DRIVE not in (one.kind,) or two.kind != LaneKind.DRIVE:
        return
    xyz = chain.line.xyz_m.copy()
    gaps = (one.curve.xyz_m[-1] - xyz[0], two.curve.xyz_m[0] - xyz[-1])
    if max(float(np.linalg.norm(gap)) for gap in gaps) > GAP_M:
        builder.note(f"Lanes that the file joins over more than {GAP_M:g} m are left apart.")
        return
    share = np.linspace(0.0, 1.0, len(xyz))[:, None]
    if max(float(np.linalg.norm(gap)) for gap in gaps) > _MEET_M:
        builder.note("Ends of lanes that miss each other by less than 2 m are pulled together.")
        xyz = xyz + (1.0 - share) * gaps[0] + share * gaps[1]
    stretch = placed.stretches[road.number][chain.entry.stretch]
    # The line is in the direction of travel already: it is handed on as one that runs with s.
    moved = LaneLine(
        s_m=chain.line.s_m,
        xyz_m=xyz,
        heading_rad=np.unwrap(chain.line.heading_rad),
        width_m=chain.line.width_m,
        t_m=chain.line.t_m,
    )
    connector = add_line(
        builder, road, stretch, chain.entry.lane, LaneKind.DRIVE, moved,
        junction=junction, turned=True,
    )  # fmt: skip
    builder.add_link(entry, placed.rows[target], connector=connector, junction=junction)


def _add_ground(builder: NetworkBuilder, road: Road, placed: Placed, junction: int) -> None:
    """Paves a connecting road, and adds its sidewalks."""
    for stretch in placed.stretches[road.number]:
        for number in sorted(stretch.lanes):
            kind = KINDS.get(stretch.lanes[number].kind)
            if number == 0 or kind is None:
                continue
            line = lane_line(road, stretch, number)
            pave(builder, line, kind, in_junction=True)
            if kind == LaneKind.SIDEWALK and line.width_m.max() > 0.3:
                add_line(builder, road, stretch, number, kind, line, junction=junction)


def _settle(builder: NetworkBuilder, junction: int) -> None:
    """Puts a junction's middle where its connectors are."""
    lanes = [lane for lane in builder.drafts.lanes
             if lane.junction == junction and lane.kind == LaneKind.DRIVE]  # fmt: skip
    if lanes:
        middles = [lane.curve.xyz_m[len(lane.curve.s_m) // 2, :2] for lane in lanes]
        builder.drafts.junctions[junction].center_m = np.mean(middles, axis=0)
