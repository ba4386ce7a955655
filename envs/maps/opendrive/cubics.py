"""Piecewise cubic polynomials: how OpenDRIVE gives widths, offsets and heights along a road."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Cubics:
    """Pieces a + b ds + c ds^2 + d ds^3 with ds = s - start, each valid up to the next start.

    Attributes:
        start_m: (n,) rising; n may be 0, then the value is 0 everywhere.
        coefficients: (n, 4): a, b, c, d.
    """

    start_m: FloatArray
    coefficients: FloatArray

    @classmethod
    def of(cls, pieces: Sequence[tuple[float, float, float, float, float]]) -> Cubics:
        """From (start, a, b, c, d) in any order; of equal starts the last one counts."""
        by_start = {piece[0]: piece for piece in pieces}
        table = np.array([by_start[s] for s in sorted(by_start)], dtype=np.float64)
        table = table.reshape(-1, 5)
        return cls(table[:, 0], table[:, 1:])

    @property
    def is_zero(self) -> bool:
        """Whether it is 0 everywhere."""
        return not self.coefficients.any()

    def value(self, s_m: npt.ArrayLike) -> FloatArray:
        """Values at places, (...,); before the first start the first piece is extended."""
        ds, c = self._piece(s_m)
        return np.asarray(c[..., 0] + ds * (c[..., 1] + ds * (c[..., 2] + ds * c[..., 3])))

    def slope(self, s_m: npt.ArrayLike) -> FloatArray:
        """First derivatives at places, (...,)."""
        ds, c = self._piece(s_m)
        return np.asarray(c[..., 1] + ds * (2.0 * c[..., 2] + 3.0 * ds * c[..., 3]))

    def _piece(self, s_m: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        s = np.asarray(s_m, dtype=np.float64)
        if len(self.start_m) == 0:
            return np.zeros_like(s), np.zeros((*s.shape, 4))
        index = np.searchsorted(self.start_m, s, side="right") - 1
        index = np.maximum(index, 0)
        return s - self.start_m[index], self.coefficients[index]
