"""Adaptive antialiasing: more rays, but only through pixels that an edge may cross.

A pixel is looked at again, through four places instead of its middle, where it differs from a
neighbour: a little if they show different shapes, or sides of one, or a border of a shadow; much if
they show the same surface (a thin marking, a lit window). Surfaces without edges keep their one
ray, and so their price. The four places are a rotated grid: they lie in four different rows and
four different columns of the pixel, so that edges near the horizontal and the vertical, where steps
are seen most, get four steps of grey.

It changes pictures alone; depth, ids and all other labels stay those of the pixel's middle.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.albedo import NORMAL
from fleetloop.envs.trace.jit import inline, kernel
from fleetloop.envs.trace.layers import Shaded
from fleetloop.envs.trace.layout import LANES, TileArrays
from fleetloop.envs.trace.packets import packets_of
from fleetloop.envs.trace.raygrid import RayGrid

SAMPLES = 4
PIXELS = LANES // SAMPLES
"""Pixels in a packet."""

# Places in the pixel, (columns, rows) from its middle.
_LITTLE, _MUCH = np.float32(0.125), np.float32(0.375)
_PLACES = ((-_LITTLE, -_MUCH), (_MUCH, -_LITTLE), (_LITTLE, _MUCH), (-_MUCH, _LITTLE))
# Differences of levels (0 black, 1 white) that count as an edge. Patterns and textures are filtered
# over the pixel as they are, so only the hardest of their edges is looked at again.
_BETWEEN_SURFACES = np.float32(0.02)
_WITHIN_SURFACE = np.float32(0.25)


class EdgeImages(NamedTuple):
    """What the first pass leaves for finding edges.

    Attributes:
        level: (height, width) float32, how bright a pixel looks: 0 black, 1 white, below 2.
        surface: (height, width) int32, differs between surfaces, -1 for the sky.
    """

    level: npt.NDArray[np.float32]
    surface: npt.NDArray[np.int32]


class Packets(NamedTuple):
    """Pixels that are looked at again.

    Attributes:
        tiles: Their rays, a packet for each `PIXELS` of them.
        slots: (tables,) time slots.
        rows, columns: (k, PIXELS) the pixels; row -1 where a packet is not full.
    """

    tiles: TileArrays
    slots: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int32]
    columns: npt.NDArray[np.int32]


@kernel
def write_edges(
    tiles: npt.NDArray[np.int32],
    shaded: Shaded,
    origin: npt.NDArray[np.int32],
    tile_width: int,
    exposure: float,
    images: EdgeImages,
) -> None:
    """Keeps levels and surfaces of a list of tiles."""
    height, width = images.level.shape
    gain = np.float32(exposure)
    level = np.empty(LANES, np.float32)
    surface = np.empty(LANES, np.int32)
    for k in range(len(tiles)):
        _levels(shaded.hdr[k], gain, level)
        _surfaces(shaded.record[k], shaded.shadow[k], shaded.instance[k], surface)
        row0, column0 = origin[tiles[k], 0], origin[tiles[k], 1]
        columns = np.uint64(min(tile_width, width - column0))
        for r in range(min(LANES // tile_width, height - row0)):
            to_level, to_surface = images.level[row0 + r], images.surface[row0 + r]
            at, lane = np.uint64(column0), np.uint64(r * tile_width)
            for c in range(columns):
                to_level[at + c] = level[lane + c]
                to_surface[at + c] = surface[lane + c]


@inline
def _levels(hdr, gain, level):
    red, green, blue = hdr[0], hdr[1], hdr[2]
    for lane in range(LANES):
        # Luminance of linear sRGB, a square root for the eye, and no end at white: a lamp before a
        # lit wall is an edge too.
        light = np.float32(0.2126) * red[lane] + np.float32(0.7152) * green[lane]
        light = gain * (light + np.float32(0.0722) * blue[lane])
        light = np.sqrt(max(light, np.float32(0.0)))
        level[lane] = np.float32(2.0) * light / (np.float32(1.0) + light)


@inline
def _surfaces(record, shadow, instance, surface):
    """A number that differs between shapes, between sides of a shape, and in and out of shadow."""
    for lane in range(LANES):
        x = np.int32(np.float32(2.0) * record[NORMAL + lane] + np.float32(2.5))
        y = np.int32(np.float32(2.0) * record[NORMAL + LANES + lane] + np.float32(2.5))
        z = np.int32(np.float32(2.0) * record[NORMAL + 2 * LANES + lane] + np.float32(2.5))
        side = (x * np.int32(5) + y) * np.int32(5) + z
        number = (instance[lane] * np.int32(125) + side) * np.int32(2) + np.int32(shadow[lane])
        surface[lane] = number if instance[lane] >= 0 else np.int32(-1)


def edge_packets(
    rays: RayGrid, tiles: TileArrays, slots: npt.NDArray[np.int32], images: EdgeImages
) -> Packets | None:
    """Packets for the pixels of some tiles that have an edge, or None if there are none.

    Args:
        rays: The grid.
        tiles: Tiles of the grid.
        slots: (tables,) time slots of their tables.
        images: Of the whole frame, complete.
    """
    count = len(tiles.tiles)
    place = np.full((count * LANES // PIXELS + count, PIXELS, 2), -1, np.int32)
    table = np.empty(len(place), np.int32)
    used = _find_edges(
        tiles.tiles, tiles.table_of_tile, rays.tile_origin, rays.tile_width, images, place, table
    )
    if used == 0:
        return None
    place, table = place[:used], table[:used]
    directions = np.empty((used, 3, LANES), np.float32)
    _sub_rays(rays.directions, place, rays.unit_length, directions)
    rows, columns = (np.ascontiguousarray(place[..., k]) for k in (0, 1))
    return Packets(packets_of(directions, table), slots, rows, columns)


@kernel
def mean_of_samples(hdr: npt.NDArray[np.float32], out: npt.NDArray[np.float32]) -> None:
    """Means of the samples of each pixel, (k, 3, LANES) to (k, PIXELS, 3)."""
    part = np.float32(1.0 / SAMPLES)
    for k in range(len(hdr)):
        for pixel in range(PIXELS):
            for i in range(3):
                total = np.float32(0.0)
                for sample in range(SAMPLES):
                    total += hdr[k, i, SAMPLES * pixel + sample]
                out[k, pixel, i] = part * total


@kernel
def _find_edges(tiles, table_of_tile, origin, tile_width, images, place, table):
    """Fills packets with the pixels that have an edge; returns how many packets."""
    height, width = images.level.shape
    used = 0
    filled = PIXELS
    last_table = -1
    for k in range(len(tiles)):
        row0, column0 = origin[tiles[k], 0], origin[tiles[k], 1]
        columns = min(tile_width, width - column0)
        for r in range(min(LANES // tile_width, height - row0)):
            row = row0 + r
            above, below = max(row - 1, 0), min(row + 1, height - 1)
            level, surface = images.level[row], images.surface[row]
            level_up, surface_up = images.level[above], images.surface[above]
            level_down, surface_down = images.level[below], images.surface[below]
            for c in range(columns):
                # Unsigned indices spare the branch for counting from the end.
                at = np.uint64(column0 + c)
                left, right = (
                    np.uint64(max(column0 + c - 1, 0)),
                    np.uint64(min(column0 + c + 1, width - 1)),
                )
                here, own = level[at], surface[at]
                if not (
                    _differs(here, own, level[right], surface[right])
                    or _differs(here, own, level[left], surface[left])
                    or _differs(here, own, level_down[at], surface_down[at])
                    or _differs(here, own, level_up[at], surface_up[at])
                ):
                    continue
                if filled == PIXELS or table_of_tile[k] != last_table:
                    last_table = table_of_tile[k]
                    table[used] = last_table
                    used += 1
                    filled = 0
                place[used - 1, filled, 0] = row
                place[used - 1, filled, 1] = column0 + c
                filled += 1
    return used


@inline
def _differs(level, surface, other_level, other_surface):
    gap = abs(level - other_level)
    return gap > (_BETWEEN_SURFACES if surface != other_surface else _WITHIN_SURFACE)


@kernel
def _sub_rays(
    grid: npt.NDArray[np.float32],
    place: npt.NDArray[np.int32],
    unit_length: bool,
    directions: npt.NDArray[np.float32],
) -> None:
    """Directions through the places of pixels (k, PIXELS, 2), as (k, 3, LANES)."""
    height, width = grid.shape[0], grid.shape[1]
    out = np.empty(3, np.float32)
    for k in range(len(place)):
        for pixel in range(PIXELS):
            # Places without a pixel repeat the packet's first one.
            full = pixel if place[k, pixel, 0] >= 0 else 0
            row, column = place[k, full, 0], place[k, full, 1]
            up, down = max(row - 1, 0), min(row + 1, height - 1)
            left, right = max(column - 1, 0), min(column + 1, width - 1)
            across = np.float32(1.0) / np.float32(max(right - left, 1))
            below = np.float32(1.0) / np.float32(max(down - up, 1))
            for sample in range(SAMPLES):
                x, y = _PLACES[sample][0] * across, _PLACES[sample][1] * below
                for i in range(3):
                    out[i] = (
                        grid[row, column, i]
                        + x * (grid[row, right, i] - grid[row, left, i])
                        + y * (grid[down, column, i] - grid[up, column, i])
                    )
                scale = np.float32(1.0)
                if unit_length:
                    scale /= np.sqrt(out[0] * out[0] + out[1] * out[1] + out[2] * out[2])
                for i in range(3):
                    directions[k, i, SAMPLES * pixel + sample] = scale * out[i]
