"""Which cells of a round plate were wiped."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import FloatArray, Pose

CELL_M = 0.01
GRID = 25
"""Cells along a side of the image; the plate's middle is the middle of the middle cell."""


class WipedGrid:
    """Square cells on a disc.

    Args:
        radius_m: Of the disc.

    Attributes:
        wiped: (n,) bool.
        count: Number of cells.
    """

    def __init__(self, radius_m: float) -> None:
        at = CELL_M * (np.arange(GRID) - GRID // 2)
        x, y = np.meshgrid(at, at, indexing="ij")
        self._inside = np.hypot(x, y) <= radius_m
        self._cells_m = np.stack([x[self._inside], y[self._inside]], axis=1)
        self.count = len(self._cells_m)
        self.wiped: npt.NDArray[np.bool_] = np.zeros(self.count, np.bool_)

    @property
    def coverage(self) -> float:
        """Part that was wiped."""
        return float(self.wiped.mean())

    def wipe(self, disc_T_tool: Pose, half_m: tuple[float, float]) -> int:
        """Wipes the cells whose middle lies under a rectangle; returns how many were dirty."""
        x_axis = disc_T_tool.rotation[:2, 0]
        x_axis = x_axis / max(float(np.hypot(*x_axis)), 1e-9)
        gap = self._cells_m - disc_T_tool.position_m[:2]
        along = gap @ x_axis
        across = gap @ np.array([-x_axis[1], x_axis[0]])
        under = (np.abs(along) <= half_m[0]) & (np.abs(across) <= half_m[1])
        fresh = int((under & ~self.wiped).sum())
        self.wiped |= under
        return fresh

    def nearest(self, disc_T_tool: Pose) -> FloatArray:
        """The dirty cell nearest to a tool, (2,); the middle when all is clean."""
        dirty = self._cells_m[~self.wiped]
        if not len(dirty):
            return np.zeros(2)
        gap = dirty - disc_T_tool.position_m[:2]
        # Squares of whole millimetres, so that equal distances tie and the first cell wins.
        far = np.round(1e3 * np.hypot(gap[:, 0], gap[:, 1]))
        return np.asarray(dirty[int(far.argmin())])

    def is_wiped(self, points_m: FloatArray) -> npt.NDArray[np.bool_]:
        """Whether the cells of points (n, 2) were wiped, (n,); False outside of the disc."""
        index = np.full((GRID, GRID), -1)
        index[self._inside] = np.arange(self.count)
        cell = np.clip(np.rint(points_m / CELL_M).astype(int) + GRID // 2, 0, GRID - 1)
        found = index[cell[:, 0], cell[:, 1]]
        return np.asarray((found >= 0) & self.wiped[found])

    def image(self) -> npt.NDArray[np.int16]:
        """(GRID, GRID): 0 dirty, 1 wiped, -1 outside."""
        picture = np.full((GRID, GRID), -1, np.int16)
        picture[self._inside] = self.wiped
        return picture
