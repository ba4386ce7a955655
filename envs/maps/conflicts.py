"""Where links of a junction get into each other's way, and who yields.

Two links conflict where the strips that their vehicles sweep overlap. A strip is as wide as the
lane, and no wider than the widest vehicle that may drive there (2.55 m, Directive 96/53/EC, and
mirrors), so that lanes side by side never conflict. Of each link only the hull of its overlap is
kept: from the first to the last place.

Two straight strips of half widths a and b that cross under angle w overlap for (a + b) / sin w to
both sides of the crossing of their centre lines; the tests hold this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fleetloop.envs.maps.kinds import ConflictKind, Control, Turn
from fleetloop.envs.maps.polyline import Curve, Floats, resample, wrap

HALF_SWEEP_M = 1.3
_STEP_M = 0.5
_OPPOSING_RAD = 0.75 * np.pi

_RANK_OF_CONTROL = {
    Control.SIGNAL: 3,
    Control.FREE: 2,
    Control.ALL_WAY_STOP: 1,
    Control.YIELD: 1,
    Control.STOP: 0,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Way:
    """A link as conflicts see it.

    Attributes:
        link: Number of the link.
        from_lane, to_lane: Lanes.
        curve: The connector's centre line.
        half_width_m: Of the strip, see the module.
        turn: `Turn`.
        control: `Control`.
        priority: Rank given by the source.
    """

    link: int
    from_lane: int
    to_lane: int
    curve: Curve
    half_width_m: float
    turn: int
    control: int
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """One pair, from the first link's side.

    Attributes:
        link, other: Links.
        kind: `ConflictKind`.
        yields: Whether `link` yields.
        enter_m, exit_m: On the link's connector.
        other_enter_m, other_exit_m: On the other's connector.
    """

    link: int
    other: int
    kind: int
    yields: bool
    enter_m: float
    exit_m: float
    other_enter_m: float
    other_exit_m: float


def find_conflicts(ways: Sequence[Way], *, left_hand: bool) -> list[Conflict]:
    """All conflicts between the links of one junction, each from both sides, sorted by link.

    Args:
        ways: Links with connectors, in the order of their numbers.
        left_hand: Whether traffic keeps to the left.
    """
    found = []
    fine = [resample(way.curve.xyz_m, _STEP_M) for way in ways]
    boxes = [_box(curve, way.half_width_m) for curve, way in zip(fine, ways, strict=True)]
    for i, one in enumerate(ways):
        for j in range(i + 1, len(ways)):
            two = ways[j]
            if (boxes[i][:2] > boxes[j][2:]).any() or (boxes[j][:2] > boxes[i][2:]).any():
                continue
            reach = one.half_width_m + two.half_width_m
            ours, theirs = overlap(fine[i], fine[j], reach), overlap(fine[j], fine[i], reach)
            if ours is None or theirs is None:
                continue
            kind = _kind(one, two)
            we = kind != ConflictKind.DIVERGE and yields(one, two, left_hand=left_hand)
            they = kind != ConflictKind.DIVERGE and not we
            for a, b, mine, its, gives in (
                (one, two, ours, theirs, we), (two, one, theirs, ours, they)
            ):  # fmt: skip
                found.append(
                    Conflict(
                        link=a.link,
                        other=b.link,
                        kind=kind,
                        yields=gives,
                        enter_m=mine[0],
                        exit_m=mine[1],
                        other_enter_m=its[0],
                        other_exit_m=its[1],
                    )
                )
    found.sort(key=lambda conflict: (conflict.link, conflict.other))
    return found


def overlap(one: Curve, two: Curve, reach_m: float) -> tuple[float, float] | None:
    """First and last place on curve `one` that is nearer than `reach_m` to curve `two`, or None.

    Between samples the distance is taken as linear.
    """
    gap = _distance_to(one.xyz_m[:, :2], two.xyz_m[:, :2]) - reach_m
    inside = np.flatnonzero(gap < 0.0)
    if len(inside) == 0:
        return None
    first, last = int(inside[0]), int(inside[-1])
    s = one.s_m
    enter, leave = float(s[first]), float(s[last])
    if first > 0:
        share = gap[first - 1] / (gap[first - 1] - gap[first])
        enter = float(s[first - 1] + share * (s[first] - s[first - 1]))
    if last < len(s) - 1:
        share = gap[last] / (gap[last] - gap[last + 1])
        leave = float(s[last] + share * (s[last + 1] - s[last]))
    return enter, leave


def yields(one: Way, two: Way, *, left_hand: bool) -> bool:
    """Whether the first of two links that cross or merge yields to the second one.

    In this order: rank given by the source; rank of the control (a stop sign yields to a yield
    sign, that to a free road); half turns yield; who turns across oncoming traffic yields to it,
    and who turns to who goes straight on beside; the one from the right goes first (Vienna
    Convention on Road Traffic 1968, art. 18.4 a; states that keep left regulate it themselves, and
    Australia's rule is the same); the lower number.
    """
    if one.priority != two.priority:
        return one.priority < two.priority
    ranks = [_RANK_OF_CONTROL[Control(way.control)] for way in (one, two)]
    if ranks[0] != ranks[1]:
        return ranks[0] < ranks[1]
    if (one.turn == Turn.U_TURN) != (two.turn == Turn.U_TURN):
        return one.turn == Turn.U_TURN
    starts = [float(way.curve.heading_rad[0]) for way in (one, two)]
    between = float(wrap(starts[1] - starts[0]))
    if abs(between) > _OPPOSING_RAD:
        across = Turn.RIGHT if left_hand else Turn.LEFT
        if (one.turn == across) != (two.turn == across):
            return one.turn == across
    elif abs(between) > 0.25 * np.pi:
        # Who comes from our right heads to our left.
        return between > 0.0
    elif (one.turn == Turn.STRAIGHT) != (two.turn == Turn.STRAIGHT):
        # Side by side, such as a car that turns right and a bicycle that goes on.
        return one.turn != Turn.STRAIGHT
    return one.link > two.link


def _kind(one: Way, two: Way) -> ConflictKind:
    if one.from_lane == two.from_lane:
        return ConflictKind.DIVERGE
    return ConflictKind.MERGE if one.to_lane == two.to_lane else ConflictKind.CROSS


def _box(curve: Curve, margin_m: float) -> Floats:
    flat = curve.xyz_m[:, :2]
    return np.concatenate([flat.min(axis=0) - margin_m, flat.max(axis=0) + margin_m])


def _distance_to(points_m: Floats, line_m: Floats) -> Floats:
    """Distance (p,) of points (p, 2) to a line of points (q, 2)."""
    step = np.diff(line_m, axis=0)
    squared = np.maximum((step**2).sum(axis=1), 1e-12)
    away = points_m[:, None, :] - line_m[None, :-1, :]
    share = np.clip((away * step).sum(axis=2) / squared, 0.0, 1.0)
    rest = away - share[:, :, None] * step
    return np.asarray(np.sqrt((rest**2).sum(axis=2).min(axis=1)))
