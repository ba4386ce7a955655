"""The ground of a town: asphalt, kerbs, verges, sidewalks, corners, islands."""

from __future__ import annotations

import numpy as np

from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.kinds import LaneKind, SurfaceKind
from fleetloop.envs.maps.polyline import Floats, offset
from fleetloop.envs.maps.strips import even, lifted, polygon, strip
from fleetloop.envs.maps.town.arms import BULB_M, RING_HALF_M, RING_M, Arm, Node, corner
from fleetloop.envs.maps.town.profile import KERB_HEIGHT_M, KERB_M
from fleetloop.envs.maps.town.streets import BuiltStreet

_SKIRT_M = 0.15
_STEP_M = 3.0


def pave_street(builder: NetworkBuilder, street: BuiltStreet) -> None:
    """Adds the ground of a street between the corners at both ends."""
    profile = street.profile
    length = float(street.along_m[-1])
    low, high = street.begin.kerb_s, length - street.end.kerb_s
    count = max(int((high - low) / _STEP_M), 2) + 1

    def line(left_m: float, z_m: float, s_from: float = low, s_to: float = high) -> Floats:
        return lifted(even(street.line(left_m, s_from, s_to), count), z_m)

    kerb = profile.kerb_m
    builder.add_surface(SurfaceKind.ROAD, *strip(line(kerb, 0.0), line(-kerb, 0.0)),
                        road=street.road)  # fmt: skip
    for side in (1.0, -1.0):
        _edge(builder, street.road, [
            line(side * kerb, 0.0),
            line(side * kerb, KERB_HEIGHT_M),
            line(side * (kerb + KERB_M), KERB_HEIGHT_M),
            line(side * (kerb + profile.verge_m), KERB_HEIGHT_M),
            line(side * profile.outer_m, KERB_HEIGHT_M),
            line(side * profile.outer_m, -_SKIRT_M),
        ], left=side > 0.0, green=True)  # fmt: skip
    for s_from, s_to in street.medians_m:
        _median(builder, street, s_from, s_to)


def pave_node(builder: NetworkBuilder, node: Node, junction: int) -> None:
    """Adds the ground of a junction, and keeps its outline.

    Args:
        builder: Gets it.
        node: The node, cut.
        junction: Row of the junction that gets the outline.
    """
    count = len(node.arms)
    outline = []
    for k, arm in enumerate(node.arms):
        outline.append(arm.place(arm.kerb_s, -arm.profile.kerb_m)[0][None])
        outline.append(corner(node, k, 0.0))
        _corner(builder, node, k)
    ring = _without_repeats(np.concatenate(outline))
    builder.drafts.junctions[junction].outline_m = ring
    if node.roundabout:
        _ring_road(builder, node, ring)
        return
    builder.add_surface(SurfaceKind.JUNCTION, *polygon(ring, 0.0))
    if count == 1:
        # What traffic turns around stays asphalt: cul-de-sacs of this size have no island.
        middle, _ = node.arms[0].place(BULB_M, 0.0)
        builder.drafts.junctions[junction].center_m = middle


def corner_walks(builder: NetworkBuilder, node: Node) -> None:
    """Adds sidewalks around the corners of a node, from the end of one street to the next."""
    for k, arm in enumerate(node.arms):
        one, two = arm.profile, node.arms[(k + 1) % len(node.arms)].profile
        middle = (one.walk_m - one.kerb_m, two.walk_m - two.kerb_m)
        builder.add_lane(
            LaneKind.SIDEWALK, lifted(corner(node, k, middle), KERB_HEIGHT_M),
            width_m=min(one.sidewalk_m, two.sidewalk_m), name=f"corner {node.number}.{k}",
        )  # fmt: skip


def _corner(builder: NetworkBuilder, node: Node, k: int) -> None:
    one, two = node.arms[k].profile, node.arms[(k + 1) % len(node.arms)].profile
    count = max(len(corner(node, k, 0.0)) // 2, 8)

    def line(beyond: tuple[float, float], z_m: float) -> Floats:
        return lifted(even(corner(node, k, beyond), count), z_m)

    behind = (one.outer_m - one.kerb_m, two.outer_m - two.kerb_m)
    # Seen along the corner the sidewalk lies to the right.
    _edge(builder, -1, [
        line((0.0, 0.0), 0.0),
        line((0.0, 0.0), KERB_HEIGHT_M),
        line((KERB_M, KERB_M), KERB_HEIGHT_M),
        line((KERB_M, KERB_M), KERB_HEIGHT_M),
        line(behind, KERB_HEIGHT_M),
        line(behind, -_SKIRT_M),
    ], left=_sidewalk_is_left(node, k, count), green=False)  # fmt: skip


def _sidewalk_is_left(node: Node, k: int, count: int) -> bool:
    inner = even(corner(node, k, 0.0), count)
    outer = even(corner(node, k, KERB_M), count)
    middle = count // 2
    along = inner[middle + 1] - inner[middle - 1]
    away = outer[middle] - inner[middle]
    return bool(along[0] * away[1] - along[1] * away[0] > 0.0)


def _edge(
    builder: NetworkBuilder, road: int, lines: list[Floats], *, left: bool, green: bool
) -> None:
    """Face of the kerb, its top, verge, sidewalk and the skirt behind, from the road outwards.

    Args:
        builder: Gets them.
        road: Row of the road, or -1.
        lines: Foot and top of the kerb, its back, inner and outer side of the sidewalk, its foot.
        left: Whether the lines after the first lie to the left of it.
        green: Whether the verge is grass.
    """
    kinds = [SurfaceKind.KERB, SurfaceKind.KERB,
             SurfaceKind.ISLAND if green else SurfaceKind.SIDEWALK,
             SurfaceKind.SIDEWALK, SurfaceKind.KERB]  # fmt: skip
    for kind, inner, outer in zip(kinds, lines[:-1], lines[1:], strict=True):
        if np.abs(outer - inner).max() > 1e-6:
            pair = (outer, inner) if left else (inner, outer)
            builder.add_surface(kind, *strip(*pair), road=road)


def _median(builder: NetworkBuilder, street: BuiltStreet, s_from: float, s_to: float) -> None:
    """A raised island in the middle with round noses."""
    half = street.profile.strip_m - 0.25
    low, high = s_from + half, s_to - half
    count = max(int((high - low) / _STEP_M), 2) + 1
    left = even(street.line(half, low, high), count)
    right = even(street.line(-half, low, high), count)
    ring = np.concatenate([right, _nose(street, high, half, ahead=True)[1:-1], left[::-1],
                           _nose(street, low, half, ahead=False)[1:-1]])  # fmt: skip
    raised_island(builder, ring, street.road)


def _nose(street: BuiltStreet, s_m: float, half_m: float, *, ahead: bool) -> Floats:
    middle = street.line(0.0, s_m - 0.1, s_m)[-1]
    heading = float(np.interp(s_m, street.along_m, street.heading_rad))
    start = heading - 0.5 * np.pi if ahead else heading + 0.5 * np.pi
    angle = start + np.linspace(0.0, np.pi, 9)
    return np.asarray(middle + half_m * np.stack([np.cos(angle), np.sin(angle)], axis=1))


def raised_island(builder: NetworkBuilder, ring_m: Floats, road: int) -> None:
    """A kerbed island of grass over an outline (p, 2), counter-clockwise."""
    closed = np.concatenate([ring_m, ring_m[:1]])
    steps = np.diff(np.concatenate([ring_m[-1:], closed]), axis=0)
    heading = np.arctan2(steps[:, 1], steps[:, 0])
    turned = np.unwrap(heading)
    normal = np.append(0.5 * (turned[:-1] + turned[1:]), 0.0)
    normal[-1] = normal[0]
    inner = offset(lifted(closed, KERB_HEIGHT_M), normal, KERB_M)
    foot, top = lifted(closed, 0.0), lifted(closed, KERB_HEIGHT_M)
    builder.add_surface(SurfaceKind.KERB, *strip(top, foot), road=road)
    builder.add_surface(SurfaceKind.KERB, *strip(inner, top), road=road)
    builder.add_surface(SurfaceKind.ISLAND, *polygon(inner[:-1, :2], KERB_HEIGHT_M), road=road)


def _ring_road(builder: NetworkBuilder, node: Node, outline: Floats) -> None:
    """Asphalt around a roundabout's island, and the island."""
    angle = np.linspace(0.0, 2.0 * np.pi, 49)
    around = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    inner = node.center_m + (RING_M - RING_HALF_M) * around
    outer = node.center_m + (RING_M + RING_HALF_M) * around
    vertices, triangles, _ = strip(lifted(inner, 0.0), lifted(outer, 0.0))
    builder.add_surface(SurfaceKind.JUNCTION, vertices, triangles, vertices[:, :2])
    for arm in node.arms:
        _mouth(builder, arm)
    # Where kerbs leave the circle towards an arm: from the circle to the outline.
    _between(builder, node, outline)
    raised_island(builder, inner[:-1], -1)


def _mouth(builder: NetworkBuilder, arm: Arm) -> None:
    half = arm.profile.kerb_m
    start, reach = RING_M, arm.kerb_s
    left = np.array([arm.place(s, half)[0] for s in (start, reach)])
    right = np.array([arm.place(s, -half)[0] for s in (start, reach)])
    # Outwards the left border of the arm is to the left.
    vertices, triangles, _ = strip(lifted(left, 0.0), lifted(right, 0.0))
    builder.add_surface(SurfaceKind.JUNCTION, vertices, triangles, vertices[:, :2])


def _between(builder: NetworkBuilder, node: Node, outline: Floats) -> None:
    """A fan of quads from the ring's outer circle to each corner's kerb."""
    for k in range(len(node.arms)):
        kerb = corner(node, k, 0.0)
        away = kerb - node.center_m
        radius = np.maximum(np.sqrt((away**2).sum(axis=1)), 1e-6)
        circle = node.center_m + away * (RING_M / radius)[:, None]
        vertices, triangles, _ = strip(lifted(circle, 0.0), lifted(kerb, 0.0))
        builder.add_surface(SurfaceKind.JUNCTION, vertices, triangles, vertices[:, :2])


def _without_repeats(points_m: Floats) -> Floats:
    gap = np.sqrt(((points_m - np.roll(points_m, 1, axis=0)) ** 2).sum(axis=1))
    return np.asarray(points_m[gap > 1e-3])
