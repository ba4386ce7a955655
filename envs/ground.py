"""What wheels and feet stand on: heights and friction, as functions and as a grid for kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import FloatArray
from fleetloop.envs.trace.jit import inline, kernel

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202


STOREY_M = 0.3
"""Surfaces at one place are of different storeys if more than this lies between their heights: more
than kerbs, and so little that no step is left where maps let roads of two levels come close."""

NEAR_M = 0.75
"""What a wheel is on lies no further from its foot."""


class Storeys(NamedTuple):
    """What lies above the lowest surface, where roads cross above each other.

    Attributes:
        row: (nx, ny) row of the arrays below, or -1 where there is one surface; (0, 0) if there is
            but one everywhere.
        height_m: (k, s) of the surfaces above, upwards; NaN where there are fewer.
        cover: (k, s).
    """

    row: npt.NDArray[np.int32]
    height_m: npt.NDArray[np.float32]
    cover: npt.NDArray[np.uint8]


ONE_STOREY = Storeys(
    np.zeros((0, 0), np.int32), np.zeros((0, 0), np.float32), np.zeros((0, 0), np.uint8)
)


class Raster(NamedTuple):
    """A ground as kernels read it. Beyond its border the nearest cell counts.

    Attributes:
        height_m: (nx, ny) at the nodes, between which heights are bilinear; of the lowest surface.
        cover: (nx, ny) what the ground is of, rows of `friction`; of the nearest node.
        friction: (k,) of each cover.
        origin_m: (2,) world x, y of the first node.
        cell_m: Between the nodes.
        storeys: What is above.
    """

    height_m: npt.NDArray[np.float32]
    cover: npt.NDArray[np.uint8]
    friction: npt.NDArray[np.float64]
    origin_m: npt.NDArray[np.float64]
    cell_m: float
    storeys: Storeys = ONE_STOREY


class Ground(Protocol):
    """What a stage stands on."""

    @property
    def raster(self) -> Raster:
        """The same ground for kernels."""
        ...

    def heights_m(self, points_m: FloatArray) -> FloatArray:
        """Heights (n,) under points (n, 3), world, or (n, 2): then of the lowest surface."""
        ...

    def frictions(self, points_m: FloatArray) -> FloatArray:
        """Friction (n,) at points (n, 3), world, or (n, 2): then of the lowest surface."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatGround:
    """Level ground.

    Attributes:
        height_m: Of the surface.
        friction: 0.9 to 1.1 dry, 0.6 wet, 0.25 snow, 0.1 ice.
    """

    height_m: float = 0.0
    friction: float = 1.0

    @property
    def raster(self) -> Raster:
        """One cell is enough."""
        return Raster(
            height_m=np.full((2, 2), self.height_m, dtype=np.float32),
            cover=np.zeros((2, 2), dtype=np.uint8),
            friction=np.array([self.friction]),
            origin_m=np.zeros(2),
            cell_m=1.0,
        )

    def heights_m(self, points_m: FloatArray) -> FloatArray:
        """Heights (n,) under points (n, 3), world, or (n, 2): then of the lowest surface."""
        return np.full(len(points_m), self.height_m)

    def frictions(self, points_m: FloatArray) -> FloatArray:
        """Friction (n,) at points (n, 3), world, or (n, 2): then of the lowest surface."""
        return np.full(len(points_m), self.friction)


@dataclass(frozen=True, slots=True, eq=False)
class RasterGround:
    """Ground from a raster.

    Attributes:
        raster: Heights and friction.
    """

    raster: Raster

    def heights_m(self, points_m: FloatArray) -> FloatArray:
        """Heights (n,) under points (n, 3), world, or (n, 2): then of the lowest surface."""
        return self._looked_up(points_m)[:, 0]

    def frictions(self, points_m: FloatArray) -> FloatArray:
        """Friction (n,) at points (n, 3), world, or (n, 2): then of the lowest surface."""
        return self._looked_up(points_m)[:, 1]

    def cover_at(self, point_m: FloatArray) -> int:
        """What the ground is of at a point (3,), world."""
        x, y, z = (float(value) for value in point_m)
        return int(cover_under(x, y, z, self.raster))

    def _looked_up(self, points_m: FloatArray) -> FloatArray:
        found = np.empty((len(points_m), 2))
        points = np.full((len(points_m), 3), -np.inf)
        points[:, : points_m.shape[1]] = points_m
        look_up(points, self.raster, found)
        return found


@kernel
def look_up(points_m: FloatArray, raster: Raster, found: FloatArray) -> None:
    """Writes height and friction (n, 2) at points (n, 3)."""
    for k in range(len(points_m)):
        x, y, z = points_m[k, 0], points_m[k, 1], points_m[k, 2]
        found[k, 0] = height_at(x, y, z, raster)
        found[k, 1] = friction_at(x, y, z, raster)


@kernel
def cover_under(x: float, y: float, z: float, raster: Raster) -> int:
    """Cover of the nearest node, of the storey that is nearest to a height."""
    found: int = cover_at(x, y, z, raster)
    return found


@inline
def height_at(x, y, z, raster):
    """Height at a point, bilinear, of the storey that is nearest to a height.

    Where roads cross, nodes beside a bridge know no surface of its storey. They are left out, so
    that a bridge is level up to its edge and does not lean down to the road below.
    """
    nx, ny = raster.height_m.shape
    # Zero stands first: so NaN becomes zero, and no index.
    u = min(max(0.0, (x - raster.origin_m[0]) / raster.cell_m), nx - 1.0)
    v = min(max(0.0, (y - raster.origin_m[1]) / raster.cell_m), ny - 1.0)
    i, j = min(int(u), nx - 2), min(int(v), ny - 2)
    a, b = u - i, v - j
    if raster.storeys.row.shape[0] > 0:
        return _of_storey(i, j, a, b, z, raster)
    low = (1.0 - b) * raster.height_m[i, j] + b * raster.height_m[i, j + 1]
    high = (1.0 - b) * raster.height_m[i + 1, j] + b * raster.height_m[i + 1, j + 1]
    return (1.0 - a) * low + a * high


@inline
def _of_storey(i, j, a, b, z, raster):
    """As `height_at`, of the nodes of a cell that have a surface near to a height."""
    total, weight, plain = 0.0, 0.0, 0.0
    for corner in range(4):
        p, q = i + corner // 2, j + corner % 2
        share = (a if corner >= 2 else 1.0 - a) * (b if corner % 2 == 1 else 1.0 - b)
        height = raster.height_m[p, q]
        place = _storey_at(p, q, z, raster)
        if place >= 0:
            height = raster.storeys.height_m[raster.storeys.row[p, q], place]
        plain += share * height
        if abs(height - z) < NEAR_M:
            total += share * height
            weight += share
    return total / weight if weight > 1e-6 else plain


@inline
def _storey_at(i, j, z, raster):
    """Which of the surfaces above a node's lowest is nearest to a height; -1 for the lowest."""
    best = -1
    row = raster.storeys.row[i, j]
    if row >= 0 and z > -np.inf:
        least = abs(raster.height_m[i, j] - z)
        for place in range(raster.storeys.height_m.shape[1]):
            gap = abs(raster.storeys.height_m[row, place] - z)
            if gap < least:  # never of NaN
                best, least = place, gap
    return best


@inline
def friction_at(x, y, z, raster):
    """Friction of the nearest node, of the storey that is nearest to a height."""
    return raster.friction[cover_at(x, y, z, raster)]


@inline
def cover_at(x, y, z, raster):
    """Cover of the nearest node, of the storey that is nearest to a height."""
    nx, ny = raster.cover.shape
    # As in `height_at`.
    u = min(max(0.0, (x - raster.origin_m[0]) / raster.cell_m), nx - 1.0)
    v = min(max(0.0, (y - raster.origin_m[1]) / raster.cell_m), ny - 1.0)
    i, j = int(u + 0.5), int(v + 0.5)
    if raster.storeys.row.shape[0] > 0:
        place = _storey_at(i, j, z, raster)
        if place >= 0:
            return raster.storeys.cover[raster.storeys.row[i, j], place]
    return raster.cover[i, j]
