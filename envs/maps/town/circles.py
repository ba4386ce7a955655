"""Round places of a town: roundabouts, and dead ends with room to turn."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.kinds import Control, JunctionKind, LaneKind, RoadClass, SignCode
from fleetloop.envs.maps.polyline import joint
from fleetloop.envs.maps.town.arms import BULB_M, RING_HALF_M, RING_M, Node
from fleetloop.envs.maps.town.junctions import Rule, add_control, add_crossing, ends_of
from fleetloop.envs.maps.town.streets import BuiltStreet

Floats = npt.NDArray[np.float64]

RING_LIMIT_M_S = 25.0 / 3.6
_MOUTH_RAD = 0.40
_TURN_RADIUS_M = 5.6


def build_roundabout(
    builder: NetworkBuilder, node: Node, rule: Rule, streets: list[BuiltStreet]
) -> list[int]:
    """Adds a roundabout: a ring of lanes, and a small junction at each arm; returns these.

    Traffic turns counter-clockwise; at each arm one first leaves, then others enter, and who
    enters yields.
    """
    count = len(node.arms)
    road = builder.add_road(f"roundabout {node.number}", RoadClass.COLLECTOR)
    junctions, ring = [], []
    for k, arm in enumerate(node.arms):
        place, _ = arm.place(RING_M, 0.0)
        junctions.append(builder.add_junction(JunctionKind.ROUNDABOUT, place))
        after = node.arms[(k + 1) % count].angle_rad
        span = (after - arm.angle_rad) % (2.0 * np.pi)
        ring.append(
            builder.add_lane(
                LaneKind.DRIVE,
                _arc(node.center_m, arm.angle_rad + _MOUTH_RAD,
                     arm.angle_rad + span - _MOUTH_RAD),
                width_m=2.0 * RING_HALF_M - 0.6, road=road, speed_limit_m_s=RING_LIMIT_M_S,
                name=f"roundabout {node.number} after arm {k}",
            )
        )  # fmt: skip
    for k, arm in enumerate(node.arms):
        street, end = ends_of(arm, streets)
        before, after = ring[k - 1], ring[k]
        low, high = arm.angle_rad - _MOUTH_RAD, arm.angle_rad + _MOUTH_RAD
        through = _arc(node.center_m, low, high)
        builder.connect(before, after, junction=junctions[k], points_m=through, priority=1)
        builder.connect(before, street.out[end][0], junction=junctions[k], priority=1)
        builder.connect(street.into[end][0], after, junction=junctions[k],
                        control=Control.YIELD)  # fmt: skip
        add_crossing(builder, arm, rule.crossings[k], junctions[k])
        add_control(builder, arm, Control.YIELD, streets)
        sign, heading = arm.place(arm.stop_s + 8.0, arm.profile.kerb_m + 0.7)
        builder.add_sign(SignCode.ROUNDABOUT, [*sign, 2.2], heading, lane=street.into[end][0])
        # What rides a bicycle joins the cars: its lane ends at the ring.
    return junctions


def build_dead_end(builder: NetworkBuilder, node: Node, streets: list[BuiltStreet]) -> int:
    """Adds the turn at the end of a street; returns its junction."""
    arm = node.arms[0]
    street, end = ends_of(arm, streets)
    middle, heading = arm.place(BULB_M, 0.0)
    junction = builder.add_junction(JunctionKind.DEAD_END, middle)
    into, out = street.into[end][0], street.out[end][0]
    curves = [builder.drafts.lanes[lane].curve for lane in (into, out)]
    inwards = heading + np.pi
    angle = inwards - 0.5 * np.pi + np.linspace(0.0, np.pi, 24)
    circle = middle + _TURN_RADIUS_M * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    first = joint(curves[0].xyz_m[-1], float(curves[0].heading_rad[-1]), circle[0], inwards)
    last = joint(circle[-1], inwards + np.pi, curves[1].xyz_m[0], float(curves[1].heading_rad[0]))
    way = np.concatenate([first[:-1, :2], circle, last[1:, :2]])
    builder.connect(into, out, junction=junction, points_m=way, speed_limit_m_s=15.0 / 3.6)
    return junction


def _arc(center: Floats, low_rad: float, high_rad: float) -> Floats:
    count = max(int((high_rad - low_rad) * RING_M / 0.25), 4) + 1
    angle = np.linspace(low_rad, high_rad, count)
    return np.asarray(center + RING_M * np.stack([np.cos(angle), np.sin(angle)], axis=1))
