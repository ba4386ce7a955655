"""Signals, signs, crossings and things beside the road of an OpenDRIVE document.

A file says where lights stand, hardly ever when they change: phases are planned by us for every
junction that has lights, and that is noted. Sign codes are those of Germany's StVO catalogue, which
OpenDRIVE files use by default, and the MUTCD's for the United States.
"""

from __future__ import annotations

import math

import numpy as np

from fleetloop.core.frames import FloatArray
from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.kinds import (
    BuildingKind,
    Control,
    CrossingKind,
    JunctionKind,
    PropKind,
    SignCode,
)
from fleetloop.envs.maps.opendrive.document import Corner, Document, Object, Road, Signal
from fleetloop.envs.maps.opendrive.lanes import Placed, along_s
from fleetloop.envs.maps.opendrive.stretches import place
from fleetloop.envs.maps.signal_plan import plan_signal

LIGHTS = frozenset({"1000001", "1000009", "1000010", "1000011", "1000012", "1000013"})
"""Signal types of OpenDRIVE's own catalogue that are lights for vehicles."""

SIGNS: dict[str, SignCode] = {
    "206": SignCode.STOP,
    "R1-1": SignCode.STOP,
    "stop": SignCode.STOP,
    "205": SignCode.YIELD,
    "R1-2": SignCode.YIELD,
    "yield": SignCode.YIELD,
    "274": SignCode.SPEED_LIMIT,
    "R2-1": SignCode.SPEED_LIMIT,
    "306": SignCode.PRIORITY_ROAD,
    "301": SignCode.PRIORITY_ROAD,
    "350": SignCode.CROSSING,
    "215": SignCode.ROUNDABOUT,
    "267": SignCode.NO_ENTRY,
    "220": SignCode.ONE_WAY,
    "314": SignCode.PARKING,
    "357": SignCode.DEAD_END,
    "224": SignCode.BUS_STOP,
}

NEAR_JUNCTION_M = 60.0
"""A light or sign on a road further from its end has nothing to do with the junction there."""

_PROPS = {
    "tree": (PropKind.TREE, (1.8, 1.8, 7.0)),
    "vegetation": (PropKind.BUSH, (0.8, 0.8, 1.2)),
    "pole": (PropKind.POLE, (0.12, 0.12, 4.0)),
    "streetLamp": (PropKind.LAMP, (0.12, 0.12, 8.0)),
    "lamp": (PropKind.LAMP, (0.12, 0.12, 8.0)),
    "guide-post": (PropKind.BOLLARD, (0.1, 0.1, 1.0)),
    "rail-pole": (PropKind.BOLLARD, (0.1, 0.1, 0.8)),
    "railing": (PropKind.FENCE, (4.0, 0.1, 0.8)),
    "barrier": (PropKind.WALL, (4.0, 0.3, 0.9)),
    "obstacle": (PropKind.CABINET, (0.6, 0.6, 1.0)),
}


def add_controls(
    builder: NetworkBuilder, document: Document, placed: Placed, junctions: dict[str, int]
) -> None:
    """Rules the junctions: lights, stop and yield signs, priorities."""
    for number, row in junctions.items():
        links = [k for k, link in enumerate(builder.drafts.links) if link.junction == row]
        if not links:
            continue
        if _has_lights(document, number):
            builder.note("Lights have no times in the file: their phases were planned.")
            plan_signal(builder, row)
            builder.drafts.junctions[row].kind = int(JunctionKind.SIGNAL)
            for lane in sorted({builder.drafts.links[k].from_lane for k in links}):
                builder.add_stop_line(lane, control=Control.SIGNAL)
            continue
        _add_priorities(builder, document, placed, number, links)


def _has_lights(document: Document, junction: str) -> bool:
    """Whether a light stands on a road of the junction or, near and facing, on one into it."""
    for road in document.roads.values():
        for signal in road.signals:
            light = signal.kind in LIGHTS or (signal.dynamic and signal.kind not in SIGNS)
            if signal.reference:
                light = _is_light(document, signal.number)
            if light and (road.junction == junction or _faces(road, signal, junction)):
                return True
    return False


def _is_light(document: Document, number: str) -> bool:
    return any(
        signal.number == number and not signal.reference and signal.kind in LIGHTS
        for road in document.roads.values()
        for signal in road.signals
    )


def _faces(road: Road, signal: Signal, junction: str) -> bool:
    """Whether a signal on a road is for traffic that is about to enter a junction."""
    for link, end_m, word in ((road.successor, road.length_m, "+"), (road.predecessor, 0.0, "-")):
        if link is None or not link.is_junction or link.element != junction:
            continue
        if abs(signal.s_m - end_m) <= NEAR_JUNCTION_M and signal.orientation in (word, "none", ""):
            return True
    return False


def _add_priorities(
    builder: NetworkBuilder,
    document: Document,
    placed: Placed,
    junction: str,
    links: list[int],
) -> None:
    """Stop and yield signs on the roads that lead in."""
    rule_of_lane: dict[int, Control] = {}
    for key, row in placed.rows.items():
        road = document.roads[key.road]
        word = "+" if along_s(key.lane, left_hand=road.left_hand) else "-"
        for signal in road.signals:
            code = SIGNS.get(signal.kind)
            if code not in (SignCode.STOP, SignCode.YIELD) or not _faces(road, signal, junction):
                continue
            valid = not signal.validity or any(
                low <= key.lane <= high for low, high in map(sorted, signal.validity)
            )
            if valid and signal.orientation in (word, "none", ""):
                rule_of_lane[row] = Control.STOP if code == SignCode.STOP else Control.YIELD
    for index in links:
        link = builder.drafts.links[index]
        rule = rule_of_lane.get(link.from_lane)
        if rule is not None:
            link.control, link.priority = int(rule), -1
            builder.drafts.junctions[link.junction].kind = int(
                JunctionKind.STOP if rule == Control.STOP else JunctionKind.YIELD
            )
    for lane in sorted({builder.drafts.links[k].from_lane for k in links} & rule_of_lane.keys()):
        builder.add_stop_line(lane, control=rule_of_lane[lane])


def add_signs(builder: NetworkBuilder, document: Document) -> None:
    """Signs that stand beside the roads; lights hang by the planned signals."""
    unknown: set[str] = set()
    for road in document.roads.values():
        for signal in road.signals:
            if signal.reference or signal.kind in LIGHTS or signal.dynamic:
                continue
            code = SIGNS.get(signal.kind)
            if code is None:
                unknown.add(signal.kind)
                continue
            xyz, heading = _place(road, signal.s_m, signal.t_m)
            facing = heading + (math.pi if signal.orientation != "-" else 0.0)
            builder.add_sign(
                code,
                (xyz[0], xyz[1], xyz[2] + max(signal.z_m, 1.8)),
                facing + signal.heading_offset_rad,
                value=signal.value / 3.6 if code == SignCode.SPEED_LIMIT else 0.0,
                text=signal.text or signal.kind,
            )
    if unknown:
        builder.note(f"Signs of unknown types are left out: {', '.join(sorted(unknown))}.")


def add_objects(builder: NetworkBuilder, document: Document, junctions: dict[str, int]) -> None:
    """Crossings, buildings, trees, poles, barriers."""
    unknown: set[str] = set()
    for road in document.roads.values():
        for thing in road.objects:
            if thing.kind == "crosswalk":
                _add_crossing(builder, road, thing, junctions.get(road.junction, -1))
            elif thing.kind == "building":
                _add_building(builder, road, thing)
            elif thing.kind in _PROPS:
                _add_prop(builder, road, thing)
            elif thing.kind != "parkingSpace":
                unknown.add(thing.kind or "without a type")
    if unknown:
        builder.note(f"Objects of unknown types are left out: {', '.join(sorted(unknown))}.")


def _place(road: Road, s_m: float, t_m: float) -> tuple[FloatArray, float]:
    xyz, heading = place(road, np.array([s_m]), np.array([t_m]))
    return xyz[0], float(heading[0])


def _outline(road: Road, thing: Object) -> FloatArray:
    """World corners (n, 2) of an object: its outline, or the rectangle of its size."""
    xyz, heading = _place(road, thing.s_m, thing.t_m)
    turn = heading + thing.heading_rad
    corners = thing.corners
    if not corners:
        half_l, half_w = 0.5 * thing.length_m, 0.5 * thing.width_m
        corners = tuple(
            Corner(a_m=a, b_m=b, z_m=0.0, height_m=thing.height_m, local=True)
            for a, b in ((-half_l, -half_w), (half_l, -half_w), (half_l, half_w), (-half_l, half_w))
        )
    points = []
    for corner in corners:
        if corner.local:
            x = xyz[0] + corner.a_m * math.cos(turn) - corner.b_m * math.sin(turn)
            y = xyz[1] + corner.a_m * math.sin(turn) + corner.b_m * math.cos(turn)
            points.append((x, y))
        else:
            at, _ = _place(road, corner.a_m, corner.b_m)
            points.append((at[0], at[1]))
    return np.array(points)


def _add_crossing(builder: NetworkBuilder, road: Road, thing: Object, junction: int) -> None:
    """A crosswalk over the longer way of its outline."""
    corners = _outline(road, thing)
    if len(corners) < 4:
        return
    middle = corners.mean(axis=0)
    spread, axes = np.linalg.eigh(np.cov((corners - middle).T))
    across = axes[:, int(np.argmax(spread))]
    along = (corners - middle) @ across
    width = (corners - middle) @ np.array([-across[1], across[0]])
    if float(np.ptp(along)) < 2.0:
        return
    xyz, _ = _place(road, thing.s_m, 0.0)
    ends = [(*(middle + side * across), xyz[2]) for side in (along.min(), along.max())]
    builder.add_crossing(
        ends[0], ends[1], width_m=max(float(np.ptp(width)), 1.5), kind=CrossingKind.ZEBRA,
        junction=junction,
    )  # fmt: skip


def _add_building(builder: NetworkBuilder, road: Road, thing: Object) -> None:
    corners = _outline(road, thing)
    height = thing.height_m or max((corner.height_m for corner in thing.corners), default=0.0)
    if np.ptp(corners, axis=0).min() < 0.5:
        return
    xyz, _ = _place(road, thing.s_m, thing.t_m)
    builder.add_building(
        BuildingKind.APARTMENTS, corners, height if height > 1.0 else 8.0, base_m=float(xyz[2])
    )


def _add_prop(builder: NetworkBuilder, road: Road, thing: Object) -> None:
    kind, usual = _PROPS[thing.kind]
    xyz, heading = _place(road, thing.s_m, thing.t_m)
    stated = (thing.length_m, thing.width_m, thing.height_m)
    size = tuple(
        given if given > 0.0 else other for given, other in zip(stated, usual, strict=True)
    )
    builder.add_prop(
        kind, (xyz[0], xyz[1], xyz[2]), heading_rad=heading + thing.heading_rad,
        size_m=(size[0], size[1], size[2]),
    )  # fmt: skip
