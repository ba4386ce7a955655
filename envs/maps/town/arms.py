"""Arms of junctions: where kerbs begin to bend, where lanes end, and the curves around corners.

Seen from the node outwards, an arm has a left and a right kerb. Corner k joins the left kerb of
arm k to the right kerb of arm k + 1; arms are sorted counter-clockwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.polyline import distances, headings, joint
from fleetloop.envs.maps.town.layout import Plan
from fleetloop.envs.maps.town.profile import Profile

Floats = npt.NDArray[np.float64]

CROSSING_M = 3.0
CROSSING_GAP_M = 0.7
STOP_GAP_M = 1.2
RING_M = 13.0
"""Radius of the middle of a roundabout's lane."""
RING_HALF_M = 3.0
BULB_M = 8.5
"""Radius of the kerb around a dead end."""

_STRAIGHT_RAD = np.deg2rad(160.0)
_BEND_RADIUS_M = 12.0


@dataclass(slots=True, kw_only=True, eq=False)
class Arm:
    """One street at a node.

    Attributes:
        node, street: Numbers in the plan.
        outward: Whether the street begins at this node.
        profile: Its cross-section.
        points_m: (p, 2) centre line from the node outwards.
        along_m: (p,) distance from the node.
        heading_rad: (p,) outwards.
        angle_rad: Direction in which it leaves.
        kerb_s: Where its kerbs begin to bend into the corners.
        stop_s: Where its lanes end.
        crossing: Whether people cross it here.
    """

    node: int
    street: int
    outward: bool
    profile: Profile
    points_m: Floats
    along_m: Floats
    heading_rad: Floats
    angle_rad: float
    kerb_s: float = 0.0
    stop_s: float = 0.0
    crossing: bool = False

    def place(self, s_m: float, left_m: float) -> tuple[Floats, float]:
        """Point (2,) and outward heading at road coordinates."""
        x, y = (float(np.interp(s_m, self.along_m, self.points_m[:, i])) for i in range(2))
        heading = float(np.interp(s_m, self.along_m, self.heading_rad))
        return np.array([x - np.sin(heading) * left_m, y + np.cos(heading) * left_m]), heading


@dataclass(slots=True, kw_only=True, eq=False)
class Node:
    """A node with its arms.

    Attributes:
        number: In the plan.
        center_m: (2,).
        arms: Counter-clockwise.
        roundabout: Whether traffic goes around it.
    """

    number: int
    center_m: Floats
    arms: list[Arm] = field(default_factory=list)
    roundabout: bool = False


def make_nodes(plan: Plan, profiles: list[Profile]) -> list[Node]:
    """All nodes with their arms, sorted; cuts are not known yet."""
    nodes = []
    for number, streets in enumerate(plan.arms()):
        node = Node(number=number, center_m=plan.nodes_m[number])
        for row in streets:
            street = plan.streets[row]
            outward = street.a == number
            points = street.points_m if outward else street.points_m[::-1]
            along = distances(points)
            aim = np.array([np.interp(16.0, along, points[:, i]) for i in range(2)]) - points[0]
            node.arms.append(
                Arm(
                    node=number,
                    street=row,
                    outward=outward,
                    profile=profiles[row],
                    points_m=points,
                    along_m=along,
                    heading_rad=headings(points),
                    angle_rad=float(np.arctan2(aim[1], aim[0])) % (2.0 * np.pi),
                )
            )
        node.arms.sort(key=lambda arm: (arm.angle_rad, arm.street))
        nodes.append(node)
    return nodes


def cut_arms(node: Node) -> None:
    """Finds where kerbs bend and lanes end, from the angles and widths of neighbouring arms."""
    count = len(node.arms)
    for arm in node.arms:
        arm.kerb_s = 2.0
    if node.roundabout:
        for arm in node.arms:
            arm.kerb_s = RING_M + RING_HALF_M + 6.0
    elif count == 1:
        arm = node.arms[0]
        arm.kerb_s = BULB_M + float(np.sqrt(max(BULB_M**2 - arm.profile.kerb_m**2, 1.0))) + 5.0
    else:
        for k, one in enumerate(node.arms):
            two = node.arms[(k + 1) % count]
            between = (two.angle_rad - one.angle_rad) % (2.0 * np.pi)
            if between < _STRAIGHT_RAD:
                radius = max(one.profile.corner_m, two.profile.corner_m)
                radius = _BEND_RADIUS_M if count == 2 else radius
                _cut_corner(one, two, between, radius)
    for arm in node.arms:
        room = CROSSING_GAP_M + CROSSING_M + STOP_GAP_M if arm.crossing else 0.5
        arm.stop_s = arm.kerb_s + room


def corner(node: Node, k: int, beyond_m: float | tuple[float, float]) -> Floats:
    """Curve around corner k, (p, 2), from the left side of arm k to the right side of the next.

    Args:
        node: The node, cut.
        k: Number of the corner.
        beyond_m: Distance beyond the face of the kerb, the same for both arms or one each.
    """
    one, two = node.arms[k], node.arms[(k + 1) % len(node.arms)]
    near, far = beyond_m if isinstance(beyond_m, tuple) else (beyond_m, beyond_m)
    start, outward = one.place(one.kerb_s, one.profile.kerb_m + near)
    end, end_heading = two.place(two.kerb_s, -two.profile.kerb_m - far)
    if len(node.arms) == 1:
        return _around_bulb(one, start, end, outward, 0.5 * (near + far))
    if node.roundabout:
        return _around_ring(node, k, start, outward, end, end_heading, 0.5 * (near + far))
    return joint(start, outward + np.pi, end, end_heading)[:, :2]


def _cut_corner(one: Arm, two: Arm, between: float, radius_m: float) -> None:
    """Kerbs at offsets w1, w2 under an angle meet at (w2 + w1 cos) / sin along arm 1."""
    w1, w2 = one.profile.kerb_m, two.profile.kerb_m
    # The sidewalk behind the kerb must still have an inner side to turn around.
    behind = max(one.profile.outer_m - w1, two.profile.outer_m - w2)
    tangent = max(radius_m, behind + 1.0) / np.tan(0.5 * between)
    sine, cosine = np.sin(between), np.cos(between)
    one.kerb_s = max(one.kerb_s, float((w2 + w1 * cosine) / sine + tangent))
    two.kerb_s = max(two.kerb_s, float((w1 + w2 * cosine) / sine + tangent))


def _around_ring(
    node: Node,
    k: int,
    start: Floats,
    outward: float,
    end: Floats,
    end_heading: float,
    beyond_m: float,
) -> Floats:
    one, two = node.arms[k], node.arms[(k + 1) % len(node.arms)]
    radius = RING_M + RING_HALF_M + beyond_m
    between = (two.angle_rad - one.angle_rad) % (2.0 * np.pi)
    between = between if between > 0.0 else 2.0 * np.pi
    leave = min((one.profile.kerb_m + beyond_m + 3.5) / radius, 0.46 * between)
    enter = min((two.profile.kerb_m + beyond_m + 3.5) / radius, 0.46 * between)
    angle = one.angle_rad + np.linspace(leave, between - enter, 24)
    arc = node.center_m + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    first = joint(start, outward + np.pi, arc[0], angle[0] + 0.5 * np.pi)[:-1, :2]
    last = joint(arc[-1], angle[-1] + 0.5 * np.pi, end, end_heading)[1:, :2]
    return np.concatenate([first, arc, last])


def _around_bulb(arm: Arm, start: Floats, end: Floats, outward: float, beyond_m: float) -> Floats:
    """Around a dead end: its circle has its middle a radius before the end of the street."""
    middle, heading = arm.place(BULB_M, 0.0)
    radius = BULB_M + beyond_m
    opening = float(np.arcsin(min((arm.profile.kerb_m + beyond_m) / radius, 0.95))) + 0.35
    angle = heading + np.linspace(opening, 2.0 * np.pi - opening, 40)
    arc = middle + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    first = joint(start, outward + np.pi, arc[0], angle[0] + 0.5 * np.pi)[:-1, :2]
    last = joint(arc[-1], angle[-1] + 0.5 * np.pi, end, outward)[1:, :2]
    return np.concatenate([first, arc, last])
