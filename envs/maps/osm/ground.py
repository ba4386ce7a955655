"""A raster of ground that is taken, to ask of many places at once."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.kinds import LaneKind
from fleetloop.envs.maps.polyline import Floats, offset

_CELL_M = 0.5
_MOST_CELLS = 12_000
_PAVED = (LaneKind.DRIVE, LaneKind.BIKE, LaneKind.PARKING, LaneKind.SHOULDER)


class Ground:
    """Cells that are free or taken; what lies outside is free.

    Args:
        low_m, high_m: (2,) corners.
    """

    def __init__(self, low_m: Floats, high_m: Floats) -> None:
        span = float((high_m - low_m).max())
        self._cell = max(_CELL_M, span / _MOST_CELLS)
        self._low = low_m
        width, height = (np.ceil((high_m - low_m) / self._cell).astype(int) + 1).tolist()
        self._cells = np.zeros((height, width), dtype=np.uint8)

    def take(self, ring_m: Floats) -> None:
        """Takes a polygon (p, 2)."""
        cv2.fillPoly(self._cells, [self._px(ring_m)], 1)

    def take_line(self, points_m: Floats, half_width_m: float) -> None:
        """Takes all within a distance of a line (p, 2+)."""
        width = max(round(2.0 * half_width_m / self._cell), 1)
        cv2.polylines(self._cells, [self._px(points_m[:, :2])], False, 1, width)

    def taken(self, points_m: Floats) -> npt.NDArray[np.bool_]:
        """Whether each place (n, 2+) is taken, (n,)."""
        pixels = self._px(points_m[:, :2])
        height, width = self._cells.shape
        inside = ((pixels >= 0) & (pixels < [width, height])).all(axis=1)
        found = np.zeros(len(pixels), dtype=bool)
        x, y = pixels[inside].T
        found[inside] = self._cells[y, x] > 0
        return found

    def share(self, ring_m: Floats) -> float:
        """Share of a polygon (p, 2) that is taken."""
        pixels = self._px(ring_m)
        low = np.maximum(pixels.min(axis=0), 0)
        high = np.minimum(pixels.max(axis=0) + 1, self._cells.shape[::-1])
        if (high <= low).any():
            return 0.0
        mask = np.zeros((int(high[1] - low[1]), int(high[0] - low[0])), dtype=np.uint8)
        cv2.fillPoly(mask, [pixels - low], 1)
        window = self._cells[low[1] : high[1], low[0] : high[0]]
        return float((mask & window).sum()) / max(float(mask.sum()), 1.0)

    def _px(self, points_m: Floats) -> npt.NDArray[np.int32]:
        return np.floor((points_m - self._low) / self._cell).astype(np.int32)


def bounds_of(builder: NetworkBuilder, margin_m: float) -> tuple[Floats, Floats]:
    """Corners of all lanes, and a margin."""
    places = np.concatenate([lane.curve.xyz_m[:, :2] for lane in builder.drafts.lanes])
    return places.min(axis=0) - margin_m, places.max(axis=0) + margin_m


def roads_of(builder: NetworkBuilder) -> Ground:
    """The ground that streets and junctions take."""
    ground = Ground(*bounds_of(builder, 30.0))
    for lane in builder.drafts.lanes:
        if lane.kind in _PAVED:
            curve = lane.curve
            left = offset(curve.xyz_m, curve.heading_rad, lane.width_left_m)
            right = offset(curve.xyz_m, curve.heading_rad, -lane.width_right_m)
            ground.take(np.concatenate([left, right[::-1]])[:, :2])
    for junction in builder.drafts.junctions:
        if len(junction.outline_m) >= 3:
            ground.take(junction.outline_m)
    return ground
