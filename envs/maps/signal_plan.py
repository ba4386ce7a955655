"""Signal programs for junctions whose source has none: who goes when, and where the heads hang.

Approaches that face each other share a stage; any other approach has its own. Where such a pair
has lanes of its own for turns across oncoming traffic, these go first, protected; all other turns
across it are permitted (they yield). People walk beside traffic: over an arm while no straight
traffic leaves or enters by it, and turning traffic yields to them.

Times: amber 3 s at 50 km/h (ITE: 1 s + v / (2 x 3.05 m/s2) is 3.3 s), all red 1.5 to 2 s, walking
clearance at 1.2 m/s (MUTCD 2009, 4E.06: 3.5 ft/s is 1.07 m/s; RiLSA: 1.2 m/s).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.drafts import LaneDraft, Phase
from fleetloop.envs.maps.kinds import HeadKind, LaneKind, SignalState, Turn
from fleetloop.envs.maps.polyline import Floats, wrap
from fleetloop.envs.maps.turns import turn_of

GREEN_S = 18.0
PROTECTED_S = 8.0
AMBER_S = 3.0
ALL_RED_S = 2.0
WALK_SPEED_M_S = 1.2
_FACING_RAD = np.deg2rad(140.0)
_SAME_APPROACH_RAD = np.deg2rad(25.0)
_HEAD_M = 3.1
_OVERHEAD_M = 5.6
_WALK_HEAD_M = 2.3
_NEAR_M = 70.0
_BESIDE_M = 0.7
_MOST_STEPS = 16


@dataclass(slots=True, kw_only=True)
class _Approach:
    """Links that enter from one direction.

    Attributes:
        heading_rad: Of its traffic.
        lanes: From lanes.
        across, others: Columns of links that turn across oncoming traffic, and of the others.
        own_lane: Whether the former have lanes of their own.
    """

    heading_rad: float
    lanes: list[int] = field(default_factory=list)
    across: list[int] = field(default_factory=list)
    others: list[int] = field(default_factory=list)
    own_lane: bool = False


def plan_signal(
    builder: NetworkBuilder, junction: int, *, offset_s: float = 0.0, heads: bool = True
) -> int:
    """Puts all links and crossings of a junction under a new signal.

    Args:
        builder: Has the junction's links and crossings already.
        junction: Its row.
        offset_s: When the first stage begins.
        heads: Whether to hang heads too.

    Returns:
        Row of the signal.

    Raises:
        ConfigError: The junction has no link with a connector.
    """
    drafts = builder.drafts
    links = [row for row, link in enumerate(drafts.links) if link.junction == junction]
    crossings = [row for row, entry in enumerate(drafts.crossings) if entry.junction == junction]
    if not any(drafts.links[row].connector >= 0 for row in links):
        raise ConfigError(f"Junction {junction} has no links: a signal would control nothing.")
    approaches, turns = _approaches(builder, links)
    column_of = {row: column for column, row in enumerate(links)}
    for approach in approaches:
        approach.across = [column_of[row] for row in approach.across]
        approach.others = [column_of[row] for row in approach.others]
    phases = _phases(builder, approaches, crossings, turns, len(links))
    signal = builder.add_signal(junction, phases, offset_s=offset_s)
    for row in links:
        builder.control_link(row, signal, column_of[row])
    for index, row in enumerate(crossings):
        builder.control_crossing(row, signal, len(links) + index)
    if heads:
        _hang_heads(builder, signal, junction, approaches, crossings, len(links))
    return signal


def _approaches(builder: NetworkBuilder, links: list[int]) -> tuple[list[_Approach], list[Turn]]:
    drafts = builder.drafts
    across = Turn.RIGHT if drafts.left_hand else Turn.LEFT
    found: list[_Approach] = []
    turns = [turn_of(drafts.links[row], drafts.lanes) for row in links]
    by_lane: dict[int, set[bool]] = {}
    for row, turn in zip(links, turns, strict=True):
        lane = drafts.links[row].from_lane
        curve = drafts.lanes[lane].curve
        heading, place = float(curve.heading_rad[-1]), curve.xyz_m[-1, :2]
        for approach in found:
            other = drafts.lanes[approach.lanes[0]].curve.xyz_m[-1, :2]
            near = float(np.hypot(*(other - place))) < 25.0
            if near and abs(float(wrap(approach.heading_rad - heading))) < _SAME_APPROACH_RAD:
                break
        else:
            approach = _Approach(heading_rad=heading)
            found.append(approach)
        if lane not in approach.lanes:
            approach.lanes.append(lane)
        turns_across = turn in (across, Turn.U_TURN)
        (approach.across if turns_across else approach.others).append(row)
        by_lane.setdefault(lane, set()).add(turns_across)
    for approach in found:
        kinds = [by_lane[lane] for lane in approach.lanes]
        approach.own_lane = {True} in kinds and not any(len(kind) == 2 for kind in kinds)
    return found, turns


def _stages(approaches: list[_Approach]) -> list[list[_Approach]]:
    """Pairs that face each other best, then the rest alone; in the order of the first of each."""
    left = list(approaches)
    stages = []
    while left:
        one = left.pop(0)
        gaps = [abs(float(wrap(two.heading_rad - one.heading_rad))) for two in left]
        best = int(np.argmax(gaps)) if gaps else -1
        if best >= 0 and gaps[best] > _FACING_RAD:
            stages.append([one, left.pop(best)])
        else:
            stages.append([one])
    return stages


def _phases(
    builder: NetworkBuilder,
    approaches: list[_Approach],
    crossings: list[int],
    turns: list[Turn],
    count: int,
) -> list[Phase]:
    phases: list[Phase] = []
    for stage in _stages(approaches):
        paired = len(stage) == 2
        if paired and all(approach.own_lane for approach in stage):
            protected = {column: SignalState.GREEN for a in stage for column in a.across}
            _add_stage(phases, protected, {}, PROTECTED_S, 0.0, count, len(crossings))
        shown = {}
        for approach in stage:
            for column in approach.others:
                straight = turns[column] == Turn.STRAIGHT
                shown[column] = SignalState.GREEN if straight else SignalState.GREEN_YIELD
            for column in approach.across:
                shown[column] = SignalState.GREEN_YIELD
        walking, clear = _walking(builder, stage, crossings, count)
        _add_stage(phases, shown, walking, GREEN_S, clear, count, len(crossings))
    return phases


def _walking(
    builder: NetworkBuilder, stage: list[_Approach], crossings: list[int], count: int
) -> tuple[dict[int, SignalState], float]:
    """Crossings along the traffic of a stage, and the longest time to clear one."""
    drafts = builder.drafts
    shown, clear = {}, 0.0
    for index, row in enumerate(crossings):
        curve = drafts.lanes[drafts.crossings[row].lane].curve
        walk = float(curve.heading_rad[0])
        # Beside the traffic: the crossing runs along its heading.
        beside = max(abs(float(np.cos(walk - a.heading_rad))) for a in stage)
        if beside > np.cos(np.deg2rad(40.0)):
            shown[count + index] = SignalState.GREEN
            clear = max(clear, curve.length_m / WALK_SPEED_M_S)
    return shown, clear


def _add_stage(
    phases: list[Phase],
    vehicles: dict[int, SignalState],
    walking: dict[int, SignalState],
    green_s: float,
    clear_s: float,
    count: int,
    crossing_count: int,
) -> None:
    """Green, green without walk, amber, all red."""
    columns = count + crossing_count

    def states(drive: SignalState | None, walk: SignalState) -> tuple[SignalState, ...]:
        row = [SignalState.RED] * columns
        for column, state in vehicles.items():
            row[column] = state if drive is None else drive
        for column in walking:
            row[column] = walk
        return tuple(row)

    green, red = SignalState.GREEN, SignalState.RED
    walk_s = max(green_s - clear_s, 5.0) if walking else green_s
    phases.append(Phase(duration_s=walk_s, states=states(None, green)))
    if walking:
        phases.append(Phase(duration_s=clear_s, states=states(None, SignalState.AMBER)))
    phases.append(Phase(duration_s=AMBER_S, states=states(SignalState.AMBER, red)))
    phases.append(Phase(duration_s=ALL_RED_S, states=states(red, red)))


def _hang_heads(
    builder: NetworkBuilder,
    signal: int,
    junction: int,
    approaches: list[_Approach],
    crossings: list[int],
    count: int,
) -> None:
    """A head beside the stop line, heads over or beyond the junction, and those for walkers."""
    drafts = builder.drafts
    center = drafts.junctions[junction].center_m
    side = 1.0 if drafts.left_hand else -1.0
    strips = _strips_near(builder, center)
    for approach in approaches:
        lanes = [drafts.lanes[lane] for lane in approach.lanes]
        outer = min(lanes, key=lambda lane: side * -_left_of(lane, center, approach.heading_rad))
        edge = float(outer.width_left_m[-1] if side > 0 else outer.width_right_m[-1]) + 1.1
        place = outer.curve.xyz_m[-1]
        forward = np.array([np.cos(approach.heading_rad), np.sin(approach.heading_rad), 0.0])
        left = np.array([-forward[1], forward[0], 0.0])
        facing = float(wrap(approach.heading_rad + np.pi))
        pole = _off_lanes(strips, place + side * edge * left + 0.8 * forward, side * left)
        column = (approach.others or approach.across)[0]
        builder.add_head(
            signal, column, HeadKind.ROUND, pole + np.array([0.0, 0.0, _HEAD_M]), facing, pole
        )
        reach = _far_side(builder, junction, place, forward) + 2.6
        beyond = place + side * edge * left + reach * forward
        foot = _off_lanes(strips, beyond, side * left)
        if len(lanes) > 1:
            over = beyond - side * (edge + 1.7) * left + np.array([0.0, 0.0, _OVERHEAD_M])
            builder.add_head(signal, column, HeadKind.ROUND, over, facing, foot)
            if approach.own_lane and approach.others:
                arrow = HeadKind.ARROW_RIGHT if drafts.left_hand else HeadKind.ARROW_LEFT
                turn = over - side * 5.0 * left
                builder.add_head(signal, approach.across[0], arrow, turn, facing, foot)
        else:
            builder.add_head(
                signal,
                column,
                HeadKind.ROUND,
                foot + np.array([0.0, 0.0, _HEAD_M]),
                facing,
                foot,
            )
    for index, row in enumerate(crossings):
        curve = drafts.lanes[drafts.crossings[row].lane].curve
        for end, turned in ((0, 0.0), (-1, np.pi)):
            heading = float(curve.heading_rad[end]) + turned
            back = np.array([-np.cos(heading), -np.sin(heading), 0.0])
            aside = np.array([-back[1], back[0], 0.0]) * 1.9
            pole = _off_lanes(strips, curve.xyz_m[end] + 0.7 * back + aside, back)
            head = pole + np.array([0.0, 0.0, _WALK_HEAD_M])
            builder.add_head(signal, count + index, HeadKind.PEDESTRIAN, head, heading, pole)


def _strips_near(builder: NetworkBuilder, center_m: npt.ArrayLike) -> Floats:
    """Drive lanes around a junction, (n, 3): x, y of their lines, half widths."""
    rows = [np.zeros((0, 3))]
    for lane in builder.drafts.lanes:
        if lane.kind == LaneKind.DRIVE:
            half = np.maximum(lane.width_left_m, lane.width_right_m)
            rows.append(np.column_stack([lane.curve.xyz_m[:, :2], half]))
    points = np.concatenate(rows)
    away = np.hypot(*(points[:, :2] - np.asarray(center_m, dtype=np.float64)[:2]).T)
    return np.asarray(points[away < _NEAR_M])


def _off_lanes(strips: Floats, foot_m: Floats, outward: Floats) -> Floats:
    """The nearest place to the foot of a pole where no lane is, outwards before other ways."""
    for step in range(_MOST_STEPS):
        for turn_deg in (0.0,) if step == 0 else (0, 30, -30, 60, -60, 90, -90, 135, -135, 180):
            c, s = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
            away = 0.5 * step * np.array([c * outward[0] - s * outward[1],
                                          s * outward[0] + c * outward[1], 0.0])  # fmt: skip
            place = foot_m + away
            gap = np.hypot(*(strips[:, :2] - place[:2]).T)
            if (gap > strips[:, 2] + _BESIDE_M).all():
                return np.asarray(place)
    return foot_m


def _far_side(builder: NetworkBuilder, junction: int, place_m: Floats, forward: Floats) -> float:
    """How far ahead of a stop line the last way through the junction lies."""
    drafts = builder.drafts
    ways = [drafts.lanes[link.connector].curve.xyz_m for link in drafts.links
            if link.junction == junction and link.connector >= 0]  # fmt: skip
    return float(((np.concatenate(ways) - place_m) @ forward).max())


def _left_of(lane: LaneDraft, center: object, heading_rad: float) -> float:
    place = lane.curve.xyz_m[-1, :2] - np.asarray(center, dtype=np.float64)
    return float(-np.sin(heading_rad) * place[0] + np.cos(heading_rad) * place[1])
