"""Junctions of a town: who may go where, who yields, signs, lines, crossings, signals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.kinds import (
    Control,
    CrossingKind,
    JunctionKind,
    RoadClass,
    SignCode,
)
from fleetloop.envs.maps.polyline import Floats, joint, wrap
from fleetloop.envs.maps.signal_plan import plan_signal
from fleetloop.envs.maps.town.arms import CROSSING_GAP_M, CROSSING_M, Arm, Node
from fleetloop.envs.maps.town.streets import BuiltStreet

_TURN_RAD = np.deg2rad(35.0)
_SIGN_M = 2.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How a node is ruled.

    Attributes:
        kind: Of the junction.
        controls: One for each arm.
        crossings: One for each arm; None where nobody is meant to cross.
    """

    kind: JunctionKind
    controls: tuple[Control, ...]
    crossings: tuple[CrossingKind | None, ...]


def choose_rule(node: Node, rng: np.random.Generator, roundabouts: float) -> Rule:
    """Chooses signals, signs or right of way by the classes of the streets that meet."""
    classes = [arm.profile.road_class for arm in node.arms]
    count = len(classes)
    chance = rng.uniform(size=2)
    if count < 3:
        kind = JunctionKind.DEAD_END if count == 1 else JunctionKind.PLAIN
        return Rule(kind=kind, controls=(Control.FREE,) * count, crossings=(None,) * count)
    top = min(classes)
    busy = sum(rank <= RoadClass.COLLECTOR for rank in classes)
    if top == RoadClass.ARTERIAL:
        lone = busy - sum(rank == RoadClass.ARTERIAL for rank in classes) == 0 and count == 3
        mains = sum(rank == RoadClass.ARTERIAL for rank in classes)
        if not (lone and mains < 3 and chance[0] < 0.6):
            return Rule(kind=JunctionKind.SIGNAL, controls=(Control.SIGNAL,) * count,
                        crossings=(CrossingKind.SIGNAL,) * count)  # fmt: skip
        return signed_rule(node, Control.STOP)
    if top == RoadClass.COLLECTOR:
        if busy >= 2 and count <= 5 and _spread(node) and chance[0] < roundabouts:
            return Rule(kind=JunctionKind.ROUNDABOUT, controls=(Control.YIELD,) * count,
                        crossings=(CrossingKind.ZEBRA,) * count)  # fmt: skip
        if busy >= 3:
            if chance[1] < 0.6:
                return Rule(kind=JunctionKind.SIGNAL, controls=(Control.SIGNAL,) * count,
                            crossings=(CrossingKind.SIGNAL,) * count)  # fmt: skip
            return Rule(kind=JunctionKind.ALL_WAY_STOP, controls=(Control.ALL_WAY_STOP,) * count,
                        crossings=(CrossingKind.ZEBRA,) * count)  # fmt: skip
        return signed_rule(node, Control.STOP if chance[1] < 0.6 else Control.YIELD)
    if chance[0] < 0.4:
        return Rule(kind=JunctionKind.PLAIN, controls=(Control.FREE,) * count,
                    crossings=(CrossingKind.UNMARKED,) * count)  # fmt: skip
    if count == 3:
        return signed_rule(node, Control.YIELD)
    return Rule(kind=JunctionKind.ALL_WAY_STOP, controls=(Control.ALL_WAY_STOP,) * count,
                crossings=(CrossingKind.ZEBRA,) * count)  # fmt: skip


def _spread(node: Node) -> bool:
    """Whether no two arms are too near for a roundabout."""
    angles = sorted(arm.angle_rad for arm in node.arms)
    gaps = [(b - a) % (2.0 * np.pi) for a, b in zip(angles, [*angles[1:], angles[0]], strict=True)]
    return bool(min(gaps) > np.deg2rad(58.0))


def signed_rule(node: Node, control: Control) -> Rule:
    """The two arms of the best through street are free, all others stop or yield."""
    kind = JunctionKind.STOP if control == Control.STOP else JunctionKind.YIELD
    major = _through_pair(node)
    controls = tuple(Control.FREE if k in major else control for k in range(len(node.arms)))
    crossings = tuple(
        None if k in major and node.arms[k].profile.road_class == RoadClass.ARTERIAL
        else CrossingKind.ZEBRA for k in range(len(node.arms))
    )  # fmt: skip
    return Rule(kind=kind, controls=controls, crossings=crossings)


def _through_pair(node: Node) -> tuple[int, int]:
    best, pair = -np.inf, (0, 1)
    for i, one in enumerate(node.arms):
        for j in range(i + 1, len(node.arms)):
            two = node.arms[j]
            straight = -float(np.cos(two.angle_rad - one.angle_rad))
            rank = -float(one.profile.road_class + two.profile.road_class)
            if rank * 10.0 + straight > best:
                best, pair = rank * 10.0 + straight, (i, j)
    return pair


def turns_left(node: Node, k: int) -> bool:
    """Whether one can turn left when coming in by arm k."""
    return any(_turn(node, k, j) == "left" for j in range(len(node.arms)) if j != k)


def build_junction(
    builder: NetworkBuilder,
    node: Node,
    rule: Rule,
    streets: list[BuiltStreet],
    rng: np.random.Generator,
) -> int:
    """Adds connectors, crossings, lines, signs and signals of an ordinary node; returns its row."""
    junction = builder.add_junction(rule.kind, node.center_m)
    for k in range(len(node.arms)):
        _connect_arm(builder, node, k, rule, streets, junction)
        add_crossing(builder, node.arms[k], rule.crossings[k], junction)
        add_control(builder, node.arms[k], rule.controls[k], streets)
    if rule.kind == JunctionKind.SIGNAL:
        plan_signal(builder, junction, offset_s=float(rng.uniform(0.0, 60.0)))
    return junction


def ends_of(arm: Arm, streets: list[BuiltStreet]) -> tuple[BuiltStreet, int]:
    """The street of an arm, and which of its ends this is (0 or 1)."""
    return streets[arm.street], 0 if arm.outward else 1


def _turn(node: Node, i: int, j: int) -> str:
    turned = float(wrap(node.arms[j].angle_rad - node.arms[i].angle_rad - np.pi))
    return "left" if turned > _TURN_RAD else "right" if turned < -_TURN_RAD else "straight"


def _connect_arm(
    builder: NetworkBuilder,
    node: Node,
    k: int,
    rule: Rule,
    streets: list[BuiltStreet],
    junction: int,
) -> None:
    street, end = ends_of(node.arms[k], streets)
    into, pocket = street.into[end], street.pocket[end]
    targets: dict[str, list[list[int]]] = {"left": [], "straight": [], "right": []}
    for j in range(len(node.arms)):
        if j != k:
            other, other_end = ends_of(node.arms[j], streets)
            turn = _turn(node, k, j)
            targets[turn].append(other.out[other_end])
            bikes = street.bike_into[end], other.bike_out[other_end]
            if turn == "straight" and min(bikes) >= 0:
                builder.connect(*bikes, junction=junction, control=rule.controls[k])
    straight = {lane for out in targets["straight"] for lane in out}
    for from_lane, to_lane in _pairs(into, pocket, targets):
        way = None if to_lane in straight else _turning_way(builder, node, from_lane, to_lane)
        builder.connect(from_lane, to_lane, junction=junction, points_m=way,
                        control=rule.controls[k])  # fmt: skip


def _turning_way(builder: NetworkBuilder, node: Node, from_lane: int, to_lane: int) -> Floats:
    """A turn that begins and ends where the kerbs do: earlier it would cut over the corner."""
    ends = []
    for lane, end, sign in ((from_lane, -1, 1.0), (to_lane, 0, -1.0)):
        curve = builder.drafts.lanes[lane].curve
        place, heading = curve.xyz_m[end, :2], float(curve.heading_rad[end])
        arm = min(node.arms, key=lambda arm: _distance(arm, place))
        ahead = sign * (arm.stop_s - arm.kerb_s)
        bend = place + ahead * np.array([np.cos(heading), np.sin(heading)])
        ends.append((place, bend, heading))
    (start, leave, out), (goal, enter, into) = ends
    return np.concatenate([start[None], joint(leave, out, enter, into)[:, :2], goal[None]])


def _distance(arm: Arm, place_m: Floats) -> float:
    middle, _ = arm.place(arm.stop_s, 0.0)
    return float(np.hypot(*(middle - place_m)))


def _pairs(
    into: list[int], pocket: int, targets: dict[str, list[list[int]]]
) -> list[tuple[int, int]]:
    """Which lane leads to which: lefts from the inside, rights from the outside."""
    inner, outer = into[0], into[-1]
    pairs = []
    for out in targets["left"]:
        pairs.append((pocket if pocket >= 0 else inner, out[0]))
        if pocket >= 0 and not targets["straight"] and len(into) > 1:
            pairs.append((inner, out[-1]))
    for out in targets["straight"]:
        if len(into) == 1:
            pairs.append((inner, out[-1]))
        else:
            pairs += [(lane, out[min(k, len(out) - 1)]) for k, lane in enumerate(into)]
    for out in targets["right"]:
        pairs.append((outer, out[-1]))
        if len(into) > 1 and not targets["straight"] and not targets["left"]:
            pairs.append((inner, out[0]))
    # Whoever is left over takes the way of a neighbour.
    used = {lane for lane, _ in pairs}
    spare = [out[-1] for group in ("straight", "left", "right") for out in targets[group]]
    pairs += [(lane, spare[0]) for lane in into if lane not in used]
    return sorted(set(pairs), key=pairs.index)


def add_crossing(
    builder: NetworkBuilder, arm: Arm, kind: CrossingKind | None, junction: int
) -> None:
    """Adds a crossing over an arm, from kerb to kerb."""
    if kind is None:
        return
    s = arm.kerb_s + CROSSING_GAP_M + 0.5 * CROSSING_M
    start, _ = arm.place(s, -arm.profile.kerb_m)
    end, _ = arm.place(s, arm.profile.kerb_m)
    builder.add_crossing(start, end, width_m=CROSSING_M, kind=kind, junction=junction)


def add_control(
    builder: NetworkBuilder, arm: Arm, control: Control, streets: list[BuiltStreet]
) -> None:
    """Adds stop lines and signs at the end of an arm's lanes."""
    street, end = ends_of(arm, streets)
    if control == Control.FREE:
        return
    lanes = list(street.into[end])
    if street.pocket[end] >= 0:
        lanes.append(street.pocket[end])
    for lane in lanes:
        builder.add_stop_line(lane, control=control)
    codes = {Control.STOP: SignCode.STOP, Control.ALL_WAY_STOP: SignCode.STOP,
             Control.YIELD: SignCode.YIELD}  # fmt: skip
    if control in codes:
        # Seen from outwards the way in is on the left.
        place, heading = arm.place(arm.stop_s + 0.6, arm.profile.kerb_m + 0.7)
        builder.add_sign(codes[control], [*place, _SIGN_M], heading, lane=street.into[end][-1])
