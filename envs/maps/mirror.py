"""The mirror image of a map about the x axis: from traffic on the right to traffic on the left."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fleetloop.envs.maps.drafts import Drafts, HeadDraft, LaneDraft
from fleetloop.envs.maps.kinds import HeadKind, Turn
from fleetloop.envs.maps.polyline import Curve

_TURNED = {Turn.LEFT: Turn.RIGHT, Turn.RIGHT: Turn.LEFT}
_HEADS = {HeadKind.ARROW_LEFT: HeadKind.ARROW_RIGHT, HeadKind.ARROW_RIGHT: HeadKind.ARROW_LEFT}


def mirror(drafts: Drafts) -> None:
    """Mirrors everything in place, and swaps the side of traffic."""
    drafts.left_hand = not drafts.left_hand
    for lane in drafts.lanes:
        _mirror_lane(lane)
    for link in drafts.links:
        link.turn = int(_TURNED.get(Turn(link.turn), Turn(link.turn))) if link.turn >= 0 else -1
    for junction in drafts.junctions:
        junction.center_m = junction.center_m * [1.0, -1.0]
        junction.outline_m = junction.outline_m[::-1] * [1.0, -1.0]
    for signal in drafts.signals:
        for head in signal.heads:
            _mirror_head(head)
    for sign in drafts.signs:
        sign.position_m, sign.heading_rad = _flip(sign.position_m), -sign.heading_rad
    for piece in drafts.surfaces:
        piece.vertices_m = piece.vertices_m * [1.0, -1.0, 1.0]
        piece.triangles = np.ascontiguousarray(piece.triangles[:, ::-1])
        piece.st_m = piece.st_m * [1.0, -1.0]
    for area in drafts.areas:
        area.outline_m = area.outline_m[::-1] * [1.0, -1.0]
    for building in drafts.buildings:
        building.footprint_m = building.footprint_m[::-1] * [1.0, -1.0]
    for prop in drafts.props:
        prop.position_m, prop.heading_rad = _flip(prop.position_m), -prop.heading_rad


def _mirror_lane(lane: LaneDraft) -> None:
    curve = lane.curve
    lane.curve = Curve(
        curve.s_m, curve.xyz_m * [1.0, -1.0, 1.0], -curve.heading_rad, -curve.curvature_1_m
    )
    lane.width_left_m, lane.width_right_m = lane.width_right_m, lane.width_left_m
    lane.left_mark, lane.right_mark = replace(lane.right_mark), replace(lane.left_mark)
    lane.left, lane.right = lane.right, lane.left
    lane.left_change, lane.right_change = lane.right_change, lane.left_change


def _mirror_head(head: HeadDraft) -> None:
    head.position_m, head.pole_m = _flip(head.position_m), _flip(head.pole_m)
    head.heading_rad = -head.heading_rad
    head.kind = int(_HEADS.get(HeadKind(head.kind), HeadKind(head.kind)))


def _flip(point: tuple[float, float, float]) -> tuple[float, float, float]:
    return point[0], -point[1], point[2]
