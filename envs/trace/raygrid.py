"""A sensor's rays: a two-dimensional grid of directions, cut into tiles that are traced as packets.

A grid is built once per sensor model and then shared by all frames. Cameras hand in directions in
the optical frame (z forward, x right, y down): with z = 1 for pinholes, so that the ray parameter
is metric depth, of unit length otherwise. Range sensors hand in unit directions with x forward.

Each tile carries the four side planes of a pyramid around its rays. The pyramid is built in the
tile's own frame (its mean direction and the direction of its rows), so the same culling serves
pinhole, fisheye, panorama and LiDAR. Tiles in a row of the grid's *blocks* are neighbours in
memory as well: a block is culled first, then its tiles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.envs.trace.layout import (
    AXIS,
    AXIS_REACH,
    CORNERS,
    LANES,
    NORM_REACH,
    PCOLS,
    PixelTiles,
    TileArrays,
)

# Tiles along the side of a block: 16 tiles share a first culling.
_BLOCK_SIDE = 4
# Tiles that one task of the thread pool handles: ~41,000 rays, whose buffers fit a core's cache.
_CHUNK_TILES = 320
# Windows are widened by this much (tangent units), far above the rounding of float32.
_WINDOW_MARGIN = 2e-6
# Rays further than this from the axis (cosine) make a pyramid meaningless: then nothing is culled.
_MIN_AXIS_COSINE = 0.05


Projection = Callable[
    [npt.NDArray[np.float64]], tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]
]
"""Points (..., 3) of the sensor frame to pixels (..., 2), column and row, and which have one."""


class Affine(NamedTuple):
    """A pinhole grid: direction = ((column - cx) / fx, (row - cy) / fy, 1)."""

    fx: float
    fy: float
    cx: float
    cy: float


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Tiles that are traced together by one thread: always a rectangle of the image.

    Attributes:
        arrays: Tiles and grid, as the kernels take them.
        slots: Time slots that occur in it; table i of its instance table belongs to `slots[i]`.
        pixels: Where its pixels lie, for the rasteriser; None unless the grid is a pinhole's and
            the chunk has one slot.
    """

    arrays: TileArrays
    slots: npt.NDArray[np.int32]
    pixels: PixelTiles | None


class RayGrid:
    """A grid of ray directions in the sensor frame, cut into tiles of `LANES` rays.

    Args:
        directions: (height, width, 3), sensor frame, not zero; z = 1 (pinhole) or unit length.
        tile: (rows, columns) of a tile; their product is `LANES`. Grids that are no multiple of it
            are padded with copies of the edge rays, which are never written out.
        slot_of_tile: (tile rows, tile columns) int, the time slot of each tile; all 0 if None.
        n_slots: How many time slots there are.
        depth_axis: Sensor axis along which "depth" is measured: 2 (z) for cameras, 0 (x) for
            range sensors.
        projection: Where points land in the grid, such as `Lens.project`; optical flow needs it.
            Pinhole grids know their own.

    Attributes:
        height, width: Size of the output images.
        directions: (height, width, 3) float32 as given.
        tile_directions: (tiles, 3, LANES) float32.
        tile_bounds: (tiles, PCOLS) float32, see `layout`.
        tile_origin: (tiles, 2) int32, row and column of each tile's first ray.
        tile_slot: (tiles,) int32.
        lane_row, lane_column: (LANES,) int32, where a lane lies in its tile.
        chunks: The units of work.
        affine: Intrinsics if the grid is a pinhole's, else None.
        projection: As given, or the pinhole's own; None if neither.
        turn_columns: Columns after which the grid comes back to its start (a panorama's or a
            spinning LiDAR's width), 0 if it does not.
        slot_at: (tile rows, tile columns) int32, the time slot of each tile by place.
    """

    def __init__(
        self,
        directions: npt.ArrayLike,
        tile: tuple[int, int] = (8, 16),
        slot_of_tile: npt.ArrayLike | None = None,
        n_slots: int = 1,
        depth_axis: int = 2,
        projection: Projection | None = None,
    ) -> None:
        self.directions = _checked_directions(directions)
        self.height, self.width = self.directions.shape[:2]
        if tile[0] < 1 or tile[1] < 1 or tile[0] * tile[1] != LANES:
            raise ConfigError(f"RayGrid tile is {tile}; rows times columns must be {LANES}.")
        self.tile_height, self.tile_width = tile
        tile_rows = -(-self.height // tile[0])
        tile_columns = -(-self.width // tile[1])
        lane = np.arange(LANES, dtype=np.int32)
        self.lane_row, self.lane_column = lane // np.int32(tile[1]), lane % np.int32(tile[1])
        self.n_tiles = tile_rows * tile_columns
        self.n_slots = int(n_slots)
        if depth_axis not in (0, 1, 2):
            raise ConfigError(f"RayGrid depth_axis is {depth_axis}; it is 0, 1 or 2.")
        self.depth_axis = depth_axis
        order, block_of_tile, block_boxes = _block_order(tile_rows, tile_columns)
        self.tile_origin = (order * np.array(tile)).astype(np.int32)
        self.slot_at = _checked_slots(slot_of_tile, (tile_rows, tile_columns), n_slots)
        self.tile_slot = self.slot_at[order[:, 0], order[:, 1]]
        rays = self._gather(order, tile)
        self.tile_directions = np.ascontiguousarray(rays.transpose(0, 2, 1), dtype=np.float32)
        self.tile_bounds = _bounds(rays.reshape(self.n_tiles, tile[0], tile[1], 3))
        self._block_of_tile = block_of_tile
        self._block_bounds = np.concatenate(
            [self._block_bounds_of(box, tile) for box in block_boxes]
        )
        self.affine = _fit_affine(self.directions)
        self.projection = projection
        if projection is None and self.affine is not None:
            self.projection = partial(project_pinhole, self.affine)
        self.turn_columns = self.width if _comes_round(self.directions) else 0
        self.chunks = self._make_chunks(order, tile)
        self.unit_length = bool(
            np.allclose(np.linalg.norm(self.directions, axis=-1), 1.0, rtol=0.0, atol=1e-5)
        )

    @cached_property
    def pixel_rad(self) -> float:
        """Angle between neighbouring rays in the middle of the grid."""
        row, column = self.height // 2, self.width // 2
        here = self.directions[row, column].astype(np.float64)
        beside = self.directions[row, min(column + 1, self.width - 1)].astype(np.float64)
        if self.width == 1:
            beside = self.directions[min(row + 1, self.height - 1), column].astype(np.float64)
        cosine = here @ beside / (np.linalg.norm(here) * np.linalg.norm(beside))
        return float(np.arccos(np.clip(cosine, -1.0, 1.0)))

    def tiles(
        self, tiles: npt.NDArray[np.int32], table_of_tile: npt.NDArray[np.int32]
    ) -> TileArrays:
        """Bundles any list of tiles for the kernels (neighbours in the list should be near)."""
        return TileArrays(
            np.ascontiguousarray(tiles, dtype=np.int32),
            np.ascontiguousarray(table_of_tile, dtype=np.int32),
            self.tile_directions,
            self.tile_bounds,
            self._block_of_tile,
            self._block_bounds,
        )

    def _gather(
        self, order: npt.NDArray[np.int64], tile: tuple[int, int]
    ) -> npt.NDArray[np.float64]:
        row = order[:, 0, None, None] * tile[0] + np.arange(tile[0])[None, :, None]
        column = order[:, 1, None, None] * tile[1] + np.arange(tile[1])[None, None, :]
        row = np.minimum(row, self.height - 1)
        column = np.minimum(column, self.width - 1)
        rays: npt.NDArray[np.float64] = self.directions[row, column].astype(np.float64)
        return rays.reshape(len(order), LANES, 3)

    def _block_bounds_of(
        self, box: tuple[int, int, int, int], tile: tuple[int, int]
    ) -> npt.NDArray[np.float32]:
        rows = slice(box[0] * tile[0], min(box[1] * tile[0], self.height))
        columns = slice(box[2] * tile[1], min(box[3] * tile[1], self.width))
        return _bounds(self.directions[None, rows, columns].astype(np.float64))

    def _make_chunks(
        self, order: npt.NDArray[np.int64], tile: tuple[int, int]
    ) -> tuple[Chunk, ...]:
        tile_at = np.zeros(order.max(axis=0) + 1, np.int32)
        tile_at[order[:, 0], order[:, 1]] = np.arange(self.n_tiles)
        chunks = []
        for begin, end in _chunk_ranges(order, self._block_of_tile):
            slots, table = np.unique(self.tile_slot[begin:end], return_inverse=True)
            arrays = self.tiles(
                np.arange(begin, end, dtype=np.int32), table.reshape(-1).astype(np.int32)
            )
            pixels = None
            if self.affine is not None and len(slots) == 1:
                low = order[begin:end].min(axis=0) * tile
                high = (order[begin:end].max(axis=0) + 1) * tile
                high = np.minimum(high, (self.height, self.width))
                pixels = PixelTiles(
                    np.array(self.affine, np.float32),
                    np.array([low[0], high[0], low[1], high[1]], np.int32),
                    np.array([tile[0].bit_length() - 1, tile[1].bit_length() - 1, begin], np.int32),
                    tile_at,
                )
            chunks.append(Chunk(arrays, slots.astype(np.int32), pixels))
        return tuple(chunks)


def pinhole_directions(
    width: int, height: int, fx: float, fy: float, cx: float, cy: float
) -> npt.NDArray[np.float32]:
    """Directions of a pinhole camera in its optical frame, (height, width, 3), z = 1.

    Pixel (column, row) looks through ((column - cx) / fx, (row - cy) / fy, 1): centres of pixels
    have whole coordinates, as in OpenCV.
    """
    directions = np.ones((height, width, 3))
    directions[..., 0] = (np.arange(width)[None, :] - cx) / fx
    directions[..., 1] = (np.arange(height)[:, None] - cy) / fy
    return directions.astype(np.float32)


def project_pinhole(
    affine: Affine, points: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Pixels (..., 2) (column, row) of points (..., 3), and which lie in front."""
    seen = points[..., 2] > 0.0
    depth = np.where(seen, points[..., 2], 1.0)
    column = affine.fx * points[..., 0] / depth + affine.cx
    row = affine.fy * points[..., 1] / depth + affine.cy
    return np.stack([column, row], axis=-1), seen


def _comes_round(directions: npt.NDArray[np.float32]) -> bool:
    """Whether one more column would look where the first one does."""
    if directions.shape[1] < 4:
        return False
    middle = directions[directions.shape[0] // 2].astype(np.float64)
    first, second, last = (middle[k] / np.linalg.norm(middle[k]) for k in (0, 1, -1))
    step, gap = np.linalg.norm(second - first), np.linalg.norm(first - last)
    return bool(gap > 0.0 and abs(gap - step) < 1e-3 * step)


def _checked_directions(directions: npt.ArrayLike) -> npt.NDArray[np.float32]:
    array = np.array(directions, dtype=np.float32, order="C")
    if array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        raise ConfigError(
            f"RayGrid directions have shape {array.shape}; they must be (height, width, 3)."
        )
    if not np.isfinite(array).all() or (np.abs(array).max(axis=-1) == 0.0).any():
        raise ConfigError("RayGrid directions hold zero vectors or numbers that are not finite.")
    array.setflags(write=False)
    return array


def _checked_slots(
    slot_of_tile: npt.ArrayLike | None, shape: tuple[int, int], n_slots: int
) -> npt.NDArray[np.int32]:
    if slot_of_tile is None:
        return np.zeros(shape, dtype=np.int32)
    slots = np.array(slot_of_tile, dtype=np.int32)
    if slots.shape != shape:
        raise ConfigError(
            f"RayGrid slot_of_tile has shape {slots.shape}; this grid has {shape} tiles."
        )
    if slots.min() < 0 or slots.max() >= n_slots:
        raise ConfigError(
            f"RayGrid slot_of_tile spans {slots.min()}..{slots.max()} with n_slots = {n_slots}."
        )
    return slots


def _block_order(
    tile_rows: int, tile_columns: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], list[tuple[int, int, int, int]]]:
    """Orders the tiles block by block: tile coordinates, block of each tile, boxes of blocks."""
    order: list[tuple[int, int]] = []
    block_of_tile: list[int] = []
    boxes: list[tuple[int, int, int, int]] = []
    for row in range(0, tile_rows, _BLOCK_SIDE):
        for column in range(0, tile_columns, _BLOCK_SIDE):
            row_end = min(row + _BLOCK_SIDE, tile_rows)
            column_end = min(column + _BLOCK_SIDE, tile_columns)
            for r in range(row, row_end):
                order += [(r, c) for c in range(column, column_end)]
            block_of_tile += [len(boxes)] * ((row_end - row) * (column_end - column))
            boxes.append((row, row_end, column, column_end))
    return np.array(order), np.array(block_of_tile, dtype=np.int32), boxes


def _chunk_ranges(
    order: npt.NDArray[np.int64], block_of_tile: npt.NDArray[np.int32]
) -> list[tuple[int, int]]:
    """Splits the tiles into rectangles: whole rows of blocks, or parts of one row."""
    block_begin = np.flatnonzero(np.diff(block_of_tile, prepend=-1))
    block_end = np.append(block_begin[1:], len(order))
    block_row = order[block_begin, 0]
    row_begin = np.flatnonzero(np.diff(block_row, prepend=-1))
    row_end = np.append(row_begin[1:], len(block_row))
    row_tiles = int(block_end[row_end[0] - 1])
    if row_tiles > _CHUNK_TILES:
        parts = -(-row_tiles // _CHUNK_TILES)
        groups = [
            (int(piece[0]), int(piece[-1]) + 1)
            for begin, end in zip(row_begin, row_end, strict=True)
            for piece in np.array_split(np.arange(begin, end), min(parts, end - begin))
        ]
    else:
        n_rows = len(row_begin)
        parts = -(-n_rows * row_tiles // _CHUNK_TILES)
        groups = [
            (int(row_begin[piece[0]]), int(row_end[piece[-1]]))
            for piece in np.array_split(np.arange(n_rows), min(parts, n_rows))
        ]
    return [(int(block_begin[begin]), int(block_end[end - 1])) for begin, end in groups]


def _bounds(rays: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Pyramids around groups of rays, (groups, rows, columns, 3) float64 -> (groups, PCOLS)."""
    groups = len(rays)
    flat = rays.reshape(groups, -1, 3)
    norm = np.linalg.norm(flat, axis=2)
    unit = flat / norm[..., None]
    bounds = np.zeros((groups, PCOLS))
    axis = unit.mean(axis=1)
    length = np.linalg.norm(axis, axis=1, keepdims=True)
    axis = axis / np.maximum(length, 1e-9)
    along = (rays[:, :, -1] - rays[:, :, 0]).sum(axis=1)
    side_u = _perpendicular(along, axis)
    side_v = np.cross(axis, side_u)
    cosine = np.einsum("gnk,gk->gn", unit, axis)
    valid = cosine.min(axis=1) > _MIN_AXIS_COSINE
    safe = np.where(valid[:, None], cosine, 1.0)
    ranges = []
    for number, side in enumerate((side_u, side_v)):
        tangent = np.einsum("gnk,gk->gn", unit, side) / safe
        low = tangent.min(axis=1, keepdims=True) - _WINDOW_MARGIN
        high = tangent.max(axis=1, keepdims=True) + _WINDOW_MARGIN
        bounds[:, 6 * number : 6 * number + 3] = _unit(side - high * axis)
        bounds[:, 6 * number + 3 : 6 * number + 6] = _unit(low * axis - side)
        ranges.append((low * side, high * side))
    bounds[:, AXIS : AXIS + 3] = axis
    for number in range(4):
        edge = axis + ranges[0][number % 2] + ranges[1][number // 2]
        bounds[:, CORNERS + 3 * number : CORNERS + 3 * number + 3] = edge
    bounds[~valid] = 0.0
    reach = np.einsum("gnk,gk->gn", flat, axis).max(axis=1) * (1.0 + 1e-6)
    bounds[:, AXIS_REACH] = np.where(valid, reach, 1.0)
    bounds[:, NORM_REACH] = norm.max(axis=1) * (1.0 + 1e-6)
    return bounds.astype(np.float32)


def _perpendicular(
    wanted: npt.NDArray[np.float64], axis: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Unit vectors across `axis`, near `wanted` where that is possible."""
    across = wanted - np.sum(wanted * axis, axis=1, keepdims=True) * axis
    poor = np.linalg.norm(across, axis=1) < 1e-9
    least = np.eye(3)[np.argmin(np.abs(axis[poor]), axis=1)]
    across[poor] = np.cross(axis[poor], least)
    return _unit(across)


def _unit(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    unit: npt.NDArray[np.float64] = vectors / np.maximum(
        np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12
    )
    return unit


def _fit_affine(directions: npt.NDArray[np.float32]) -> Affine | None:
    """Recovers pinhole intrinsics if the grid has them, to a thousandth of a pixel."""
    height, width = directions.shape[:2]
    if height < 2 or width < 2 or not (directions[..., 2] == 1.0).all():
        return None
    x, y = directions[..., 0].astype(np.float64), directions[..., 1].astype(np.float64)
    step_x = (x[0, -1] - x[0, 0]) / (width - 1)
    step_y = (y[-1, 0] - y[0, 0]) / (height - 1)
    if not (step_x > 0.0 and step_y > 0.0):
        return None
    fit_x = x[0, 0] + step_x * np.arange(width)
    fit_y = y[0, 0] + step_y * np.arange(height)
    error_x = np.abs(x - fit_x[None, :]).max() / step_x
    error_y = np.abs(y - fit_y[:, None]).max() / step_y
    if max(error_x, error_y) > 1e-3:
        return None
    return Affine(1.0 / step_x, 1.0 / step_y, -x[0, 0] / step_x, -y[0, 0] / step_y)
