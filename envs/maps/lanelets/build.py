"""Lanelets into a builder: streets, ways through junctions, control, crossings, surroundings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from fleetloop.core.errors import ConfigError
from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.drafts import Mark
from fleetloop.envs.maps.kinds import (
    BuildingKind,
    Control,
    CrossingKind,
    JunctionKind,
    LaneKind,
)
from fleetloop.envs.maps.lanelets.junctions import Piece, cut
from fleetloop.envs.maps.lanelets.model import Lanelet, LaneletMap
from fleetloop.envs.maps.lanelets.shape import Line, agree, joined, middle
from fleetloop.envs.maps.pave_lanes import pave_lanes
from fleetloop.envs.maps.polyline import wrap
from fleetloop.envs.maps.signal_plan import plan_signal

NARROWEST_M = 2.0
TWO_LANES_M = 4.4
"""A lanelet for both directions that is as wide becomes a lane for each."""

_LONGEST_CHAIN = 12
_LIGHT_M = 20.0
_LATERAL_M_S2 = 2.5


def build_lanelets(source: LaneletMap, where: str, licence: str) -> NetworkBuilder:
    """Makes a network of lanelets.

    Raises:
        ConfigError: No lanelet can be driven on.
    """
    builder = NetworkBuilder(
        name=source.name, source=where, licence=licence, left_hand=source.left_hand,
        origin_lat_lon=source.origin_lat_lon,
    )  # fmt: skip
    for note in source.notes:
        builder.note(note)
    lanelets = _driven(builder, source)
    if not lanelets:
        raise ConfigError(
            f"{where} has no lanelet that cars may drive on: choose a map with roads in it."
        )
    lines = {key: middle(lanelet) for key, lanelet in lanelets.items()}
    lines = {key: line for key, line in lines.items()
             if line.length_m > 1.0 and float(line.width_m.max()) >= NARROWEST_M}  # fmt: skip
    for lanelet in lanelets.values():
        lanelet.after = [key for key in lanelet.after if key in lines]
    agree(lines, {key: lanelets[key].after for key in lines})
    pieces = cut(lanelets, lines)
    rows = _add_streets(builder, lanelets, lines, pieces)
    junctions = _add_junctions(builder, lanelets, lines, pieces, rows)
    _add_others(builder, source)
    _add_control(builder, lanelets, pieces, junctions)
    pave_lanes(builder)
    return builder


def _driven(builder: NetworkBuilder, source: LaneletMap) -> dict[str, Lanelet]:
    """Lanelets that cars use; those for both directions as two."""
    drive = {k: v for k, v in source.lanelets.items() if v.kind == LaneKind.DRIVE}
    both = {key for key, lanelet in drive.items() if lanelet.two_way}
    wide = {key for key in both if _width(drive[key]) >= TWO_LANES_M}
    if both:
        builder.note(
            f"Lanelets for both directions: {len(wide)} are wide enough for two lanes; "
            f"{len(both) - len(wide)} are driven in the direction that they are drawn in."
        )
    found: dict[str, Lanelet] = {}
    for key, lanelet in drive.items():
        if key not in wide:
            lanelet.two_way = False
            found[key] = lanelet
            continue
        found[key], found[f"-{key}"] = _halves(lanelet, left_hand=source.left_hand)
    for key in wide:
        forward, back = found[key], found[f"-{key}"]
        for other in list(forward.after):
            if other in wide:
                found[f"-{other}"].after.append(back.key)
    for lanelet in found.values():
        lanelet.after = [other for other in dict.fromkeys(lanelet.after)
                         if other in found and _goes_on(lanelet, found[other])]  # fmt: skip
    return found


def _goes_on(one: Lanelet, two: Lanelet) -> bool:
    """Whether the end of a lanelet lies near the begin of another and does not turn back."""
    end = 0.5 * (one.left_m[-1] + one.right_m[-1])
    begin = 0.5 * (two.left_m[0] + two.right_m[0])
    return float(np.hypot(*(end - begin)[:2])) < 2.5


def _width(lanelet: Lanelet) -> float:
    return float(np.median(middle(lanelet).width_m))


def _halves(lanelet: Lanelet, *, left_hand: bool) -> tuple[Lanelet, Lanelet]:
    """A lanelet for both directions as one for each, on the sides that traffic keeps to."""
    line = middle(lanelet)
    normal = np.stack([-np.sin(line.heading_rad), np.cos(line.heading_rad),
                       np.zeros(len(line.heading_rad))], axis=1)  # fmt: skip
    left = line.xyz_m + 0.5 * line.width_m[:, None] * normal
    right = line.xyz_m - 0.5 * line.width_m[:, None] * normal
    ahead, back = (left, line.xyz_m) if left_hand else (line.xyz_m, right), (
        (right, line.xyz_m) if left_hand else (line.xyz_m, left))  # fmt: skip
    forward = Lanelet(key=lanelet.key, left_m=ahead[0], right_m=ahead[1], after=lanelet.after,
                      control=lanelet.control, lit=lanelet.lit, opposite=f"-{lanelet.key}",
                      kind=LaneKind.DRIVE, limit_m_s=lanelet.limit_m_s,
                      road_class=lanelet.road_class)  # fmt: skip
    other = Lanelet(key=f"-{lanelet.key}", left_m=back[0][::-1], right_m=back[1][::-1],
                    opposite=lanelet.key, kind=LaneKind.DRIVE, limit_m_s=lanelet.limit_m_s,
                    road_class=lanelet.road_class)  # fmt: skip
    return forward, other


def _add_streets(
    builder: NetworkBuilder,
    lanelets: dict[str, Lanelet],
    lines: dict[str, Line],
    pieces: list[Piece],
) -> dict[int, int]:
    """Adds all pieces outside of junctions; returns the row of each."""
    rows: dict[int, int] = {}
    of_key: dict[str, int] = {}
    roads: dict[str, int] = {}
    for number, piece in enumerate(pieces):
        if piece.junction >= 0:
            continue
        lanelet = lanelets[piece.key]
        line = lines[piece.key].part(piece.low_m, piece.high_m)
        road = _road(builder, lanelets, roads, piece.key)
        rows[number] = _add_line(builder, line, lanelet.limit_m_s, lanelet.left_mark,
                                 lanelet.right_mark, road=road,
                                 name=f"lanelet {piece.key} at {piece.low_m:.0f}")  # fmt: skip
        if piece.whole:
            of_key[piece.key] = rows[number]
    for key, row in of_key.items():
        lanelet = lanelets[key]
        if lanelet.right in of_key and lanelets[lanelet.right].left == key:
            builder.set_neighbours(
                left=row, right=of_key[lanelet.right], change=lanelets[lanelet.right].left_change,
                change_right=lanelet.right_change,
            )  # fmt: skip
        if lanelet.opposite in of_key and lanelets[lanelet.opposite].opposite == key:
            builder.set_opposite(row, of_key[lanelet.opposite])
    for number, piece in enumerate(pieces):
        if piece.junction < 0:
            for other in piece.after:
                if pieces[other].junction < 0:
                    builder.add_link(rows[number], rows[other])
    return rows


def _road(
    builder: NetworkBuilder, lanelets: dict[str, Lanelet], roads: dict[str, int], key: str
) -> int:
    """The road that lanelets side by side share: that of the leftmost one."""
    first, seen = key, {key}
    while lanelets[first].left in lanelets and lanelets[first].left not in seen:
        first = lanelets[first].left
        seen.add(first)
    if first not in roads:
        roads[first] = builder.add_road(f"lanelet {first}", lanelets[first].road_class)
    return roads[first]


def _add_line(
    builder: NetworkBuilder,
    line: Line,
    limit_m_s: float,
    left: Mark,
    right: Mark,
    *,
    name: str,
    road: int = -1,
    junction: int = -1,
) -> int:
    return builder.add_lane(
        LaneKind.DRIVE, line.xyz_m, width_m=np.maximum(line.width_m, NARROWEST_M), road=road,
        junction=junction, speed_limit_m_s=limit_m_s, left_mark=left, right_mark=right,
        name=name, heading_rad=line.heading_rad,
    )  # fmt: skip


def _add_junctions(
    builder: NetworkBuilder,
    lanelets: dict[str, Lanelet],
    lines: dict[str, Line],
    pieces: list[Piece],
    rows: dict[int, int],
) -> dict[int, int]:
    """Adds every way from street to street through each junction; returns the junctions' rows."""
    junctions: dict[int, int] = {}
    for number, piece in enumerate(pieces):
        if piece.junction >= 0:
            continue
        for first in piece.after:
            if pieces[first].junction < 0:
                continue
            for chain, target in _chains(pieces, first):
                own = pieces[first].junction
                if own not in junctions:
                    junctions[own] = builder.add_junction(JunctionKind.PLAIN, (0.0, 0.0))
                parts = [lines[pieces[k].key].part(pieces[k].low_m, pieces[k].high_m)
                         for k in chain]  # fmt: skip
                line = joined(parts)
                bend = float(np.abs(np.gradient(line.heading_rad, line.along_m)).max())
                slow = float(np.sqrt(_LATERAL_M_S2 / max(bend, 1e-6)))
                limit = min(lanelets[pieces[k].key].limit_m_s for k in chain)
                none = Mark()
                connector = _add_line(
                    builder, line, min(limit, max(slow, 4.0)), none, none,
                    junction=junctions[own], name=f"lanelet {pieces[first].key}",
                )  # fmt: skip
                control = max((lanelets[pieces[k].key].control for k in (number, *chain)),
                              default=Control.FREE)  # fmt: skip
                builder.add_link(rows[number], rows[target], connector=connector,
                                 junction=junctions[own], control=control)  # fmt: skip
    for row in junctions.values():
        places = [lane.curve.xyz_m[len(lane.curve.s_m) // 2, :2] for lane in builder.drafts.lanes
                  if lane.junction == row]  # fmt: skip
        builder.drafts.junctions[row].center_m = np.mean(places, axis=0)
    return junctions


def _chains(pieces: list[Piece], first: int) -> Iterator[tuple[list[int], int]]:
    """Ways through a junction from a piece on, and the street where each one ends."""
    todo = [[first]]
    while todo:
        chain = todo.pop()
        for other in pieces[chain[-1]].after:
            if pieces[other].junction < 0:
                yield chain, other
            elif other not in chain and len(chain) < _LONGEST_CHAIN:
                todo.append([*chain, other])


def _add_control(
    builder: NetworkBuilder,
    lanelets: dict[str, Lanelet],
    pieces: list[Piece],
    junctions: dict[int, int],
) -> None:
    """Lights for junctions that have some, lines where vehicles wait."""
    ways = Counter(link.junction for link in builder.drafts.links)
    lit: set[int] = set()
    for number, piece in enumerate(pieces):
        if lanelets[piece.key].lit:
            ahead = [k for k in _ahead(pieces, number) if k in junctions]
            if ahead:
                lit.add(max(ahead, key=lambda k: ways[junctions[k]]))
    if lit:
        builder.note("Lights: the map tells where they are, not when they change; planned.")
    links = builder.drafts.links
    for number, row in junctions.items():
        mine = [link for link in links if link.junction == row]
        if not mine:
            continue
        if number in lit:
            plan_signal(builder, row)
            builder.drafts.junctions[row].kind = int(JunctionKind.SIGNAL)
        ruled = {link.from_lane: link.control for link in mine if link.control != Control.FREE}
        if number not in lit and ruled:
            stop = Control.STOP in ruled.values()
            builder.drafts.junctions[row].kind = int(
                JunctionKind.STOP if stop else JunctionKind.YIELD
            )
        for lane, control in sorted(ruled.items()):
            builder.add_stop_line(lane, control=Control(control))


def _ahead(pieces: list[Piece], first: int) -> list[int]:
    """Numbers of the junctions that a lanelet lies in or leads to within some metres."""
    found: list[int] = []
    todo = [(first, 0.0)]
    seen = {first}
    while todo:
        number, away_m = todo.pop()
        if pieces[number].junction >= 0:
            found.append(pieces[number].junction)
        if away_m < _LIGHT_M:
            for other in pieces[number].after:
                if other not in seen:
                    seen.add(other)
                    length = (
                        0.0 if number == first else pieces[number].high_m - pieces[number].low_m
                    )
                    todo.append((other, away_m + length))
    return found


def _add_others(builder: NetworkBuilder, source: LaneletMap) -> None:
    """What is not driven on: walks, bicycle lanes, crosswalks, signs, areas, buildings."""
    for lanelet in source.lanelets.values():
        if lanelet.kind == LaneKind.DRIVE:
            continue
        line = middle(lanelet)
        if line.length_m < 1.0 or float(line.width_m.max()) < 0.4:
            continue
        builder.add_lane(
            lanelet.kind, line.xyz_m, width_m=np.maximum(line.width_m, 0.4),
            speed_limit_m_s=lanelet.limit_m_s if lanelet.kind == LaneKind.BIKE else 0.0,
            name=f"lanelet {lanelet.key}",
        )  # fmt: skip
    for ends, width in source.crossings:
        if float(np.hypot(*(ends[1] - ends[0])[:2])) > 1.5:
            builder.add_crossing(ends[0], ends[1], width_m=width, kind=CrossingKind.ZEBRA,
                                 junction=_junction_at(builder, ends.mean(axis=0)))  # fmt: skip
    for sign in source.signs:
        builder.add_sign(sign.code, sign.place_m, _facing(builder, sign.place_m), value=sign.value,
                         text=sign.text)  # fmt: skip
    for kind, ring in source.areas:
        builder.add_area(kind, ring)
    for ring in source.buildings:
        builder.add_building(BuildingKind.APARTMENTS, ring, 9.0)


def _junction_at(builder: NetworkBuilder, place_m: np.ndarray) -> int:
    """The junction whose ways pass over a place, or -1."""
    best, found = 3.0, -1
    for lane in builder.drafts.lanes:
        if lane.junction >= 0 and lane.kind == LaneKind.DRIVE:
            away = float(np.hypot(*(lane.curve.xyz_m[:, :2] - place_m[:2]).T).min())
            if away < best:
                best, found = away, lane.junction
    return found


def _facing(builder: NetworkBuilder, place_m: np.ndarray) -> float:
    """Towards those who come on the nearest lane."""
    best, heading = np.inf, 0.0
    for lane in builder.drafts.lanes:
        if lane.kind == LaneKind.DRIVE:
            away = np.hypot(*(lane.curve.xyz_m[:, :2] - place_m[:2]).T)
            k = int(np.argmin(away))
            if float(away[k]) < best:
                best, heading = float(away[k]), float(lane.curve.heading_rad[k])
    return float(wrap(heading + np.pi))
