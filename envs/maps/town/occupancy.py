"""Which ground is taken: a grid of cells, so that nothing is built upon something else."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

CELL_M = 0.5


class Occupancy:
    """Cells of half a metre that are free or taken.

    Args:
        low_m, high_m: (2,) corners of the area; what lies outside is taken.
    """

    def __init__(self, low_m: Floats, high_m: Floats) -> None:
        self._low = low_m
        width, height = np.ceil((high_m - low_m) / CELL_M).astype(int)
        self._cells = np.zeros((int(height), int(width)), dtype=np.uint8)

    def take(self, ring_m: Floats) -> None:
        """Takes a polygon (p, 2)."""
        cv2.fillPoly(self._cells, [self._px(ring_m)], 1)

    def take_line(self, points_m: Floats, half_width_m: float) -> None:
        """Takes all ground within a distance of a line (p, 2)."""
        width = max(int(np.ceil(2.0 * half_width_m / CELL_M)), 1)
        cv2.polylines(self._cells, [self._px(points_m)], False, 1, width)

    def is_free(self, ring_m: Floats) -> bool:
        """Whether a polygon (p, 2) lies within the area and touches nothing that is taken."""
        pixels = self._px(ring_m)
        low, high = pixels.min(axis=0), pixels.max(axis=0) + 1
        height, width = self._cells.shape
        if (low < 0).any() or high[0] > width or high[1] > height:
            return False
        mask = np.zeros((int(high[1] - low[1]), int(high[0] - low[0])), dtype=np.uint8)
        cv2.fillPoly(mask, [pixels - low], 1)
        window = self._cells[low[1] : high[1], low[0] : high[0]]
        return not bool((mask & window).any())

    def is_free_disc(self, middle_m: Floats, radius_m: float) -> bool:
        """Whether a disc lies within the area and touches nothing that is taken."""
        angle = np.linspace(0.0, 2.0 * np.pi, 12, endpoint=False)
        return self.is_free(middle_m + radius_m * np.stack([np.cos(angle), np.sin(angle)], axis=1))

    def _px(self, points_m: Floats) -> npt.NDArray[np.int32]:
        return np.floor((points_m - self._low) / CELL_M).astype(np.int32)
