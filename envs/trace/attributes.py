"""From the G-buffer to images: the plain outputs, and the surface where a ray ended.

Tiles become rows of the (height, width) images here; lanes beyond the edge are dropped.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.jit import inline, kernel
from fleetloop.envs.trace.layout import (
    INSTANCE_ID,
    MATERIAL,
    SEMANTIC,
    GBuffer,
    InstanceArrays,
    TileArrays,
)


class BasicImages(NamedTuple):
    """Images that need no surface; those that were not asked for have shape (0, 0)."""

    depth: npt.NDArray[np.float32]
    range: npt.NDArray[np.float32]
    hit: npt.NDArray[np.bool_]
    instance: npt.NDArray[np.int32]
    semantic: npt.NDArray[np.uint8]
    material: npt.NDArray[np.int32]


@kernel
def write_basic(
    tiles: TileArrays,
    instances: InstanceArrays,
    gbuffer: GBuffer,
    origin: npt.NDArray[np.int32],
    tile_width: int,
    depth_axis: int,
    t_max: float,
    images: BasicImages,
) -> None:
    """Writes depth, range, hit and ids.

    Args:
        tiles, instances, gbuffer: As in `visibility`.
        origin: (grid tiles, 2) row and column of the first ray of each tile.
        tile_width: Rays in a row of a tile.
        depth_axis: Axis of the ray frame along which depth is measured.
        t_max: What depth and range show without a hit.
        images: Written.
    """
    limit = np.float32(t_max)
    for k in range(len(tiles.tiles)):
        tile = tiles.tiles[k]
        row0, column0 = origin[tile, 0], origin[tile, 1]
        t, row = gbuffer.t[k], gbuffer.instance[k]
        d = tiles.directions[tile]
        if images.depth.size > 0:
            _write_depth(images.depth, row0, column0, tile_width, t, row, d[depth_axis], limit)
        if images.range.size > 0:
            _write_range(images.range, row0, column0, tile_width, t, row, d, limit)
        if images.hit.size > 0:
            _write_hit(images.hit, row0, column0, tile_width, row)
        if images.instance.size > 0:
            _write_id(images.instance, row0, column0, tile_width, row, instances.rows, INSTANCE_ID)
        if images.semantic.size > 0:
            _write_id(images.semantic, row0, column0, tile_width, row, instances.rows, SEMANTIC)
        if images.material.size > 0:
            _write_id(images.material, row0, column0, tile_width, row, instances.rows, MATERIAL)


@inline
def _extent(image, row0, column0, tile_width):
    """Rows and columns of a tile inside an image."""
    rows = min(128 // tile_width, image.shape[0] - row0)
    return rows, min(tile_width, image.shape[1] - column0)


@inline
def _write_depth(image, row0, column0, tile_width, t, row, forward, limit):
    rows, columns = _extent(image, row0, column0, tile_width)
    for r in range(rows):
        line = image[row0 + r, column0 : column0 + columns]
        lane = r * tile_width
        for c in range(columns):
            line[c] = t[lane + c] * forward[lane + c] if row[lane + c] >= 0 else limit


@inline
def _write_range(image, row0, column0, tile_width, t, row, d, limit):
    rows, columns = _extent(image, row0, column0, tile_width)
    for r in range(rows):
        line = image[row0 + r, column0 : column0 + columns]
        lane = r * tile_width
        for c in range(columns):
            x, y, z = d[0, lane + c], d[1, lane + c], d[2, lane + c]
            length = np.sqrt(x * x + y * y + z * z)
            line[c] = t[lane + c] * length if row[lane + c] >= 0 else limit


@inline
def _write_hit(image, row0, column0, tile_width, row):
    rows, columns = _extent(image, row0, column0, tile_width)
    for r in range(rows):
        line = image[row0 + r, column0 : column0 + columns]
        lane = r * tile_width
        for c in range(columns):
            line[c] = row[lane + c] >= 0


@inline
def _write_id(image, row0, column0, tile_width, row, rows_table, column):
    rows, columns = _extent(image, row0, column0, tile_width)
    for r in range(rows):
        line = image[row0 + r, column0 : column0 + columns]
        lane = r * tile_width
        for c in range(columns):
            value = row[lane + c]
            line[c] = rows_table[value, column] if value >= 0 else 0
