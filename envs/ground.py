"""What wheels and feet stand on: heights and friction, as functions and as a grid for kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import FloatArray
from fleetloop.envs.trace.jit import inline, kernel

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201


class Raster(NamedTuple):
    """A ground as kernels read it. Beyond its border the nearest cell counts.

    Attributes:
        height_m: (nx, ny) at the nodes, between which heights are bilinear.
        cover: (nx, ny) what the ground is of, rows of `friction`; of the nearest node.
        friction: (k,) of each cover.
        origin_m: (2,) world x, y of the first node.
        cell_m: Between the nodes.
    """

    height_m: npt.NDArray[np.float32]
    cover: npt.NDArray[np.uint8]
    friction: npt.NDArray[np.float64]
    origin_m: npt.NDArray[np.float64]
    cell_m: float


class Ground(Protocol):
    """What a stage stands on."""

    @property
    def raster(self) -> Raster:
        """The same ground for kernels."""
        ...

    def heights_m(self, points_m: FloatArray) -> FloatArray:
        """Heights (n,) under points (n, 2), world."""
        ...

    def frictions(self, points_m: FloatArray) -> FloatArray:
        """Friction (n,) at points (n, 2), world."""
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
        """Heights (n,) under points (n, 2), world."""
        return np.full(len(points_m), self.height_m)

    def frictions(self, points_m: FloatArray) -> FloatArray:
        """Friction (n,) at points (n, 2), world."""
        return np.full(len(points_m), self.friction)


@dataclass(frozen=True, slots=True, eq=False)
class RasterGround:
    """Ground from a raster.

    Attributes:
        raster: Heights and friction.
    """

    raster: Raster

    def heights_m(self, points_m: FloatArray) -> FloatArray:
        """Heights (n,) under points (n, 2), world."""
        return self._looked_up(points_m)[:, 0]

    def frictions(self, points_m: FloatArray) -> FloatArray:
        """Friction (n,) at points (n, 2), world."""
        return self._looked_up(points_m)[:, 1]

    def _looked_up(self, points_m: FloatArray) -> FloatArray:
        found = np.empty((len(points_m), 2))
        look_up(np.ascontiguousarray(points_m, dtype=np.float64), self.raster, found)
        return found


@kernel
def look_up(points_m: FloatArray, raster: Raster, found: FloatArray) -> None:
    """Writes height and friction (n, 2) at points (n, 2)."""
    for k in range(len(points_m)):
        x, y = points_m[k, 0], points_m[k, 1]
        found[k, 0] = height_at(x, y, raster)
        found[k, 1] = friction_at(x, y, raster)


@inline
def height_at(x, y, raster):
    """Height at a point, bilinear."""
    nx, ny = raster.height_m.shape
    # Zero stands first: so NaN becomes zero, and no index.
    u = min(max(0.0, (x - raster.origin_m[0]) / raster.cell_m), nx - 1.0)
    v = min(max(0.0, (y - raster.origin_m[1]) / raster.cell_m), ny - 1.0)
    i, j = min(int(u), nx - 2), min(int(v), ny - 2)
    a, b = u - i, v - j
    low = (1.0 - b) * raster.height_m[i, j] + b * raster.height_m[i, j + 1]
    high = (1.0 - b) * raster.height_m[i + 1, j] + b * raster.height_m[i + 1, j + 1]
    return (1.0 - a) * low + a * high


@inline
def friction_at(x, y, raster):
    """Friction of the nearest node."""
    return raster.friction[cover_at(x, y, raster)]


@inline
def cover_at(x, y, raster):
    """Cover of the nearest node."""
    nx, ny = raster.cover.shape
    # As in `height_at`.
    u = min(max(0.0, (x - raster.origin_m[0]) / raster.cell_m), nx - 1.0)
    v = min(max(0.0, (y - raster.origin_m[1]) / raster.cell_m), ny - 1.0)
    return raster.cover[int(u + 0.5), int(v + 0.5)]
