"""Ground from lanes alone, for sources that have no ground of their own.

Every lane becomes a strip between its borders: asphalt for what is driven on, raised walks with
kerbs on both sides, grass on raised medians. Ways through junctions are strips as well, over the
junction's outline where the source gave one; patterns of asphalt follow world coordinates, so that
strips which overlap look like one.
"""

from __future__ import annotations

import numpy as np

from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.drafts import LaneDraft
from fleetloop.envs.maps.kinds import LaneKind, SurfaceKind
from fleetloop.envs.maps.polyline import Curve, Floats, offset
from fleetloop.envs.maps.strips import polygon, strip

KERB_HEIGHT_M = 0.12
_KERB_TOP_M = 0.15
_SKIRT_M = 0.3
_STEP = 3
"""Every third sample of a lane is a vertex: 3 m, a sagitta of 2 cm on a radius of 60 m."""

_KINDS = {
    LaneKind.DRIVE: SurfaceKind.ROAD,
    LaneKind.BIKE: SurfaceKind.BIKE,
    LaneKind.PARKING: SurfaceKind.PARKING,
    LaneKind.SHOULDER: SurfaceKind.ROAD,
}


def pave_lanes(builder: NetworkBuilder, *, kerb_m: float = KERB_HEIGHT_M) -> None:
    """Adds the ground of all lanes, and lifts sidewalks and medians onto it.

    Call it once, when all lanes and junctions are there.

    Args:
        builder: Gets the surfaces; heights of sidewalk and median lanes grow by `kerb_m`.
        kerb_m: Height of kerbs; 0 leaves all ground level.
    """
    for lane in builder.drafts.lanes:
        if lane.kind in (LaneKind.SIDEWALK, LaneKind.MEDIAN):
            _raise(lane, kerb_m)
            _raised(builder, lane, kerb_m)
        elif lane.kind in _KINDS:
            kind = _KINDS[LaneKind(lane.kind)]
            if lane.junction >= 0:
                kind = SurfaceKind.JUNCTION
            builder.add_surface(kind, *strip(_side(lane, 1.0, 0.0), _side(lane, -1.0, 0.0)),
                                road=lane.road)  # fmt: skip
    for number, junction in enumerate(builder.drafts.junctions):
        if len(junction.outline_m) >= 3:
            # A hair below the strips, which know their height along the way.
            heights = [lane.curve.xyz_m[:, 2].mean() for lane in builder.drafts.lanes
                       if lane.junction == number]  # fmt: skip
            level = float(sum(heights) / len(heights)) if heights else 0.0
            piece = polygon(junction.outline_m, level - 0.002)
            builder.add_surface(SurfaceKind.JUNCTION, *piece)


def _raise(lane: LaneDraft, kerb_m: float) -> None:
    curve = lane.curve
    lane.curve = Curve(
        curve.s_m,
        curve.xyz_m + np.array([0.0, 0.0, kerb_m]),
        curve.heading_rad,
        curve.curvature_1_m,
    )


def _raised(builder: NetworkBuilder, lane: LaneDraft, kerb_m: float) -> None:
    top = SurfaceKind.ISLAND if lane.kind == LaneKind.MEDIAN else SurfaceKind.SIDEWALK
    narrow = float((lane.width_left_m + lane.width_right_m).min()) < 4.0 * _KERB_TOP_M
    inside = 0.0 if narrow else _KERB_TOP_M
    left, right = _side(lane, 1.0, inside), _side(lane, -1.0, inside)
    builder.add_surface(top, *strip(left, right), road=lane.road)
    if kerb_m <= 0.0:
        return
    for side, inner in ((1.0, left), (-1.0, right)):
        edge = _side(lane, side, 0.0)
        foot = edge - np.array([0.0, 0.0, kerb_m + _SKIRT_M])
        for one, two in ((edge, inner), (foot, edge)):
            if one is edge and inside == 0.0:
                continue
            pair = (one, two) if side > 0.0 else (two, one)
            builder.add_surface(SurfaceKind.KERB, *strip(*pair), road=lane.road)


def _side(lane: LaneDraft, side: float, inside_m: float) -> Floats:
    """Border of a lane, every few samples and at its end; `inside_m` nearer to the middle."""
    width = lane.width_left_m if side > 0.0 else lane.width_right_m
    points = offset(lane.curve.xyz_m, lane.curve.heading_rad, side * (width - inside_m))
    rows = np.append(np.arange(0, len(points) - 1, _STEP), len(points) - 1)
    return np.asarray(points[rows])
