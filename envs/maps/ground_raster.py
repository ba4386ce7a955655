"""A map's ground as a raster: heights, and what each place is paved with.

Surfaces are drawn triangle by triangle into a grid, low ranks first, so that a road lies over a
lawn and a kerb over a road. What lies well above something else is a storey of its own: bridges and
what they cross. What no surface covers is lawn at the height of the nearest low surface.
"""

from __future__ import annotations

import enum
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fleetloop.envs.ground import ONE_STOREY, STOREY_M, Raster, Storeys
from fleetloop.envs.maps.kinds import SurfaceKind
from fleetloop.envs.maps.network import RoadNetwork
from fleetloop.envs.trace.jit import inline, kernel

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

Floats = npt.NDArray[np.float64]

CELL_M = 0.5
MOST_CELLS = 4_000_000
BORDER_M = 20.0
ABOVE = 4
"""So many surfaces may lie above the lowest; further ones are left out."""

_ROOM = 4096


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
    surfaces = network.surfaces
    kind_of = np.repeat(surfaces.kind, np.diff(surfaces.triangle_begin))
    corners = np.concatenate(
        [surfaces.vertices_m[surfaces.triangles[kind_of == kind]] for kind in _ORDER]
    )
    covers = np.repeat(
        np.array([_COVER[kind] for kind in _ORDER], dtype=np.uint8),
        [int((kind_of == kind).sum()) for kind in _ORDER],
    )
    nx, ny = (int(count) for count in shape)
    room = _ROOM
    while True:
        raster = Raster(
            np.full((nx, ny), np.nan, dtype=np.float32), np.zeros((nx, ny), dtype=np.uint8),
            frictions(1.0), origin, cell,
            Storeys(
                np.full((nx, ny), -1, dtype=np.int32),
                np.full((room, ABOVE), np.nan, dtype=np.float32),
                np.zeros((room, ABOVE), dtype=np.uint8),
            ),
        )  # fmt: skip
        used = _draw(np.ascontiguousarray(corners), covers, raster)
        if used <= room:
            break
        room = 2 * used
    _sort(raster)
    _fill(raster.height_m)
    if used == 0:
        return raster._replace(storeys=ONE_STOREY)
    row, height, cover = raster.storeys
    return raster._replace(storeys=Storeys(row, height[:used].copy(), cover[:used].copy()))


@kernel
def _draw(corners: Floats, covers: npt.NDArray[np.uint8], raster: Raster) -> int:
    """Draws triangles (t, 3, 3): nodes inside get their height and cover.

    What lies above or below what a node has already becomes a storey of its own.

    Returns:
        How many nodes have several; those beyond the room for them were left out.
    """
    nx, ny = raster.height_m.shape
    origin, cell = raster.origin_m, raster.cell_m
    used = 0
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
                    z += c * (corners[t, 2, 2] - corners[t, 0, 2])
                    used += _lay(i, j, z, covers[t], used, raster)
    return used


@inline
def _lay(i, j, z, value, used, raster):
    """Puts a surface onto a node; 1 if that took a new row of the storeys."""
    height, cover, storeys = raster.height_m, raster.cover, raster.storeys
    if np.isnan(height[i, j]) or abs(height[i, j] - z) < STOREY_M:
        height[i, j], cover[i, j] = z, value
        return 0
    row, new = storeys.row[i, j], 0
    if row < 0:
        row, new = used, 1
        storeys.row[i, j] = row
    if row < len(storeys.height_m):
        for place in range(storeys.height_m.shape[1]):
            there = storeys.height_m[row, place]
            if np.isnan(there) or abs(there - z) < STOREY_M:
                storeys.height_m[row, place], storeys.cover[row, place] = z, value
                break
    return new


def _sort(raster: Raster) -> None:
    """Puts the surfaces of each node in order, the lowest one first."""
    storeys = raster.storeys
    i, j = np.nonzero(storeys.row >= 0)
    row = storeys.row[i, j]
    heights = np.concatenate([raster.height_m[i, j][:, None], storeys.height_m[row]], axis=1)
    covers = np.concatenate([raster.cover[i, j][:, None], storeys.cover[row]], axis=1)
    order = np.argsort(heights, axis=1, kind="stable")  # NaN, for none, comes last
    heights = np.take_along_axis(heights, order, axis=1)
    covers = np.take_along_axis(covers, order, axis=1)
    raster.height_m[i, j], storeys.height_m[row] = heights[:, 0], heights[:, 1:]
    raster.cover[i, j], storeys.cover[row] = covers[:, 0], covers[:, 1:]


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
