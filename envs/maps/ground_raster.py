"""A map's ground as a raster: heights, and what each place is paved with.

Surfaces are drawn triangle by triangle into a grid, low ranks first, so that a road lies over a
lawn and a kerb over a road. What no surface covers is lawn at the height of the nearest surface.
"""

from __future__ import annotations

import enum
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fleetloop.envs.ground import Raster
from fleetloop.envs.maps.kinds import SurfaceKind
from fleetloop.envs.maps.network import RoadNetwork
from fleetloop.envs.trace.jit import kernel

Floats = npt.NDArray[np.float64]

CELL_M = 0.5
MOST_CELLS = 4_000_000
BORDER_M = 20.0


class Cover(enum.IntEnum):
    """What a place is paved with."""

    LAWN = 0
    ROAD = 1
    SIDEWALK = 2
    KERB = 3


_COVER = {
    SurfaceKind.ROAD: Cover.ROAD,
    SurfaceKind.JUNCTION: Cover.ROAD,
    SurfaceKind.PARKING: Cover.ROAD,
    SurfaceKind.BIKE: Cover.ROAD,
    SurfaceKind.DRIVEWAY: Cover.SIDEWALK,
    SurfaceKind.SIDEWALK: Cover.SIDEWALK,
    SurfaceKind.ISLAND: Cover.KERB,
    SurfaceKind.KERB: Cover.KERB,
}
_ORDER = (SurfaceKind.DRIVEWAY, SurfaceKind.SIDEWALK, SurfaceKind.ROAD, SurfaceKind.JUNCTION,
          SurfaceKind.PARKING, SurfaceKind.BIKE, SurfaceKind.ISLAND)  # fmt: skip

DRY = {Cover.LAWN: 0.55, Cover.ROAD: 1.0, Cover.SIDEWALK: 0.9, Cover.KERB: 0.9}
"""Friction of dry ground; grass after Wong 2008, table 1.5 (dry earth and turf 0.55 to 0.68)."""


def frictions(grip: float) -> Floats:
    """Friction of each cover (k,) in a weather that leaves a part of the dry grip."""
    return np.array([DRY[cover] * grip for cover in Cover])


@lru_cache(maxsize=8)
def ground_raster(network: RoadNetwork) -> Raster:
    """The ground of a map in dry weather; one for all worlds of a process."""
    x0, y0, x1, y1 = network.bounds_m
    origin = np.array([x0 - BORDER_M, y0 - BORDER_M])
    span = np.array([x1 + BORDER_M, y1 + BORDER_M]) - origin
    cell = max(CELL_M, float(np.sqrt(span[0] * span[1] / MOST_CELLS)))
    shape = np.maximum(np.ceil(span / cell).astype(np.int64) + 1, 2)
    height = np.full((int(shape[0]), int(shape[1])), np.nan, dtype=np.float32)
    cover = np.zeros(height.shape, dtype=np.uint8)
    surfaces = network.surfaces
    kind_of = np.repeat(surfaces.kind, np.diff(surfaces.triangle_begin))
    for kind in _ORDER:
        corners = surfaces.vertices_m[surfaces.triangles[kind_of == kind]]
        if len(corners):
            _draw(np.ascontiguousarray(corners), int(_COVER[kind]), origin, cell, height, cover)
    _fill(height)
    return Raster(height, cover, frictions(1.0), origin, cell)


@kernel
def _draw(
    corners: Floats,
    value: int,
    origin: Floats,
    cell: float,
    height: npt.NDArray[np.float32],
    cover: npt.NDArray[np.uint8],
) -> None:
    """Draws triangles (t, 3, 3): nodes inside get their height and cover."""
    nx, ny = height.shape
    for t in range(len(corners)):
        ax, ay = (corners[t, 0, 0] - origin[0]) / cell, (corners[t, 0, 1] - origin[1]) / cell
        bx, by = (corners[t, 1, 0] - origin[0]) / cell, (corners[t, 1, 1] - origin[1]) / cell
        cx, cy = (corners[t, 2, 0] - origin[0]) / cell, (corners[t, 2, 1] - origin[1]) / cell
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0:
            continue
        i0, i1 = int(np.ceil(min(ax, bx, cx))), int(np.floor(max(ax, bx, cx)))
        j0, j1 = int(np.ceil(min(ay, by, cy))), int(np.floor(max(ay, by, cy)))
        for i in range(max(i0, 0), min(i1, nx - 1) + 1):
            for j in range(max(j0, 0), min(j1, ny - 1) + 1):
                b = ((i - ax) * (cy - ay) - (j - ay) * (cx - ax)) / area
                c = ((bx - ax) * (j - ay) - (by - ay) * (i - ax)) / area
                if b >= -1e-9 and c >= -1e-9 and b + c <= 1.0 + 1e-9:
                    z = corners[t, 0, 2] + b * (corners[t, 1, 2] - corners[t, 0, 2])
                    height[i, j] = z + c * (corners[t, 2, 2] - corners[t, 0, 2])
                    cover[i, j] = value


@kernel
def _fill(height: npt.NDArray[np.float32]) -> None:
    """Gives nodes without a height that of a near one: two sweeps there and back."""
    nx, ny = height.shape
    far = np.int32(nx + ny)
    away = np.full((nx, ny), far, np.int32)
    for i in range(nx):
        for j in range(ny):
            if not np.isnan(height[i, j]):
                away[i, j] = 0
    for sweep in range(4):
        for a in range(nx):
            i = a if sweep % 2 == 0 else nx - 1 - a
            for b in range(ny):
                j = b if sweep < 2 else ny - 1 - b
                for k in range(4):
                    p = i + (1 if k == 0 else -1 if k == 1 else 0)
                    q = j + (1 if k == 2 else -1 if k == 3 else 0)
                    if p < 0 or q < 0 or p >= nx or q >= ny:
                        continue
                    if away[p, q] + 1 < away[i, j]:
                        away[i, j] = away[p, q] + 1
                        height[i, j] = height[p, q]
    for i in range(nx):
        for j in range(ny):
            if away[i, j] == far:
                height[i, j] = 0.0
