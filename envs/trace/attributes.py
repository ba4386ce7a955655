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
    LANES,
    MATERIAL,
    ROTATION,
    SEMANTIC,
    GBuffer,
    InstanceArrays,
    MeshArrays,
    TileArrays,
)
from fleetloop.envs.trace.surface import (
    NX,
    NY,
    NZ,
    PX,
    PY,
    PZ,
    SURFACE_FLOATS,
    U,
    V,
    tile_normals,
    tile_points,
    tile_uv,
    visible_rows,
)


class BasicImages(NamedTuple):
    """Images that need no surface, flattened; those that were not asked for are empty."""

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
    size: tuple[int, int],
    depth_axis: int,
    t_max: float,
    images: BasicImages,
) -> None:
    """Writes depth, range, hit and ids.

    Args:
        tiles: As in `visibility`.
        instances: As in `visibility`.
        gbuffer: As in `visibility`.
        origin: (grid tiles, 2) row and column of the first ray of each tile.
        tile_width: Rays in a row of a tile.
        size: Height and width of the images.
        depth_axis: Axis of the ray frame along which depth is measured.
        t_max: What depth and range show without a hit.
        images: Written.
    """
    limit = np.float32(t_max)
    ids = _lookup(instances.rows, INSTANCE_ID)
    classes = _lookup(instances.rows, SEMANTIC)
    materials = _lookup(instances.rows, MATERIAL)
    height, width = size
    for k in range(len(tiles.tiles)):
        tile = tiles.tiles[k]
        t, row, d = gbuffer.t[k], gbuffer.instance[k], tiles.directions[tile]
        rows = min(LANES // tile_width, height - origin[tile, 0])
        columns = np.uint64(min(tile_width, width - origin[tile, 1]))
        for r in range(rows):
            # Unsigned indices spare the branch for counting from the end, and so keep vectors.
            at = np.uint64((origin[tile, 0] + r) * width + origin[tile, 1])
            lane = np.uint64(r * tile_width)
            if images.depth.size > 0:
                _depth_line(images.depth, at, columns, lane, t, row, d[depth_axis], limit)
            if images.range.size > 0:
                _range_line(images.range, at, columns, lane, t, row, d, limit)
            if images.hit.size > 0:
                for c in range(columns):
                    images.hit[at + c] = row[lane + c] >= 0
            if images.instance.size > 0:
                _id_line(images.instance, at, columns, lane, row, ids)
            if images.semantic.size > 0:
                _id_line(images.semantic, at, columns, lane, row, classes)
            if images.material.size > 0:
                _id_line(images.material, at, columns, lane, row, materials)


@inline
def _lookup(rows, column):
    """A column of the rows, one place up: entry 0 is for rays without a hit (row -1)."""
    table = np.zeros(len(rows) + 1, np.int32)
    for row in range(len(rows)):
        table[row + 1] = rows[row, column]
    return table


@inline
def _depth_line(out, at, columns, lane, t, row, forward, limit):
    for c in range(columns):
        out[at + c] = t[lane + c] * forward[lane + c] if row[lane + c] >= 0 else limit


@inline
def _range_line(out, at, columns, lane, t, row, d, limit):
    for c in range(columns):
        x, y, z = d[0, lane + c], d[1, lane + c], d[2, lane + c]
        length = np.sqrt(x * x + y * y + z * z)
        out[at + c] = t[lane + c] * length if row[lane + c] >= 0 else limit


@inline
def _id_line(out, at, columns, lane, row, table):
    for c in range(columns):
        out[at + c] = table[np.uint32(row[lane + c] + 1)]


class SurfaceImages(NamedTuple):
    """Images of the surface; those that were not asked for have shape (0, 0, c) or (0, 0)."""

    normal: npt.NDArray[np.float32]
    uv: npt.NDArray[np.float32]
    position: npt.NDArray[np.float32]
    velocity: npt.NDArray[np.float32]
    incidence: npt.NDArray[np.float32]


class SlotMotion(NamedTuple):
    """What turns the ray frame into the world, and how the rows move in it."""

    slots: npt.NDArray[np.int32]  # (tables,): the slot of each table
    rotation: npt.NDArray[np.float64]  # (slots, 3, 3) world_R_sensor
    velocity: npt.NDArray[np.float64]  # (rows, 3) m/s, world
    angular: npt.NDArray[np.float64]  # (rows, 3) rad/s, world


@kernel
def write_surface(
    tiles: TileArrays,
    instances: InstanceArrays,
    meshes: MeshArrays,
    gbuffer: GBuffer,
    origin: npt.NDArray[np.int32],
    tile_width: int,
    size: tuple[int, int],
    motion: SlotMotion,
    images: SurfaceImages,
) -> None:
    """Writes normals, texture coordinates, positions, velocities and cosines of incidence.

    Args:
        tiles: As in `visibility`.
        instances: As in `visibility`.
        meshes: As in `visibility`.
        gbuffer: As in `visibility`.
        origin: (grid tiles, 2) row and column of the first ray of each tile.
        tile_width: Rays in a row of a tile.
        size: Height and width of the images.
        motion: Slots and velocities.
        images: Written.
    """
    s = np.zeros(SURFACE_FLOATS, np.float32)
    found = np.empty(LANES, np.int32)
    height, width = size
    wants_normal = images.normal.size > 0 or images.incidence.size > 0
    incidence = images.incidence.reshape(images.incidence.size)
    others = images.uv.size + images.normal.size + images.position.size + images.velocity.size
    for k in range(len(tiles.tiles)):
        tile = tiles.tiles[k]
        table = instances.table[tiles.table_of_tile[k]]
        rotation = motion.rotation[motion.slots[tiles.table_of_tile[k]]]
        d, t = tiles.directions[tile], gbuffer.t[k]
        instance, primitive = gbuffer.instance[k], gbuffer.primitive[k]
        s[:] = np.float32(0.0)
        for index in range(visible_rows(instance, found)):
            row = found[index]
            entry, integers = table[row], instances.rows[row]
            tile_points(entry, row, d, t, instance, s)
            if wants_normal:
                tile_normals(entry, row, integers, meshes, d, instance, primitive, s)
            if images.uv.size > 0:
                tile_uv(entry, row, integers, meshes, instance, primitive, s)
        rows = min(LANES // tile_width, height - origin[tile, 0])
        columns = min(tile_width, width - origin[tile, 1])
        for r in range(rows):
            if incidence.size > 0:
                at = np.uint64((origin[tile, 0] + r) * width + origin[tile, 1])
                _incidence_line(incidence, at, np.uint64(columns), np.uint64(r * tile_width), d, s)
            for c in range(columns if others > 0 else 0):
                lane, y, x = r * tile_width + c, origin[tile, 0] + r, origin[tile, 1] + c
                if images.uv.size > 0:
                    images.uv[y, x, 0] = s[U + lane]
                    images.uv[y, x, 1] = s[V + lane]
                if images.normal.size > 0:
                    nx, ny, nz = s[NX + lane], s[NY + lane], s[NZ + lane]
                    _write_turned(images.normal[y, x], rotation, nx, ny, nz)
                if images.position.size > 0:
                    reach = t[lane] if instance[lane] >= 0 else np.float32(0.0)
                    px, py, pz = reach * d[0, lane], reach * d[1, lane], reach * d[2, lane]
                    _write_turned(images.position[y, x], rotation, px, py, pz)
                if images.velocity.size > 0:
                    _write_velocity(
                        images.velocity[y, x], lane, table, rotation, motion, instance, s
                    )


@inline
def _incidence_line(out, at, columns, lane, d, s):
    for c in range(columns):
        x, y, z = d[0, lane + c], d[1, lane + c], d[2, lane + c]
        nx, ny = s[np.uint64(NX) + lane + c], s[np.uint64(NY) + lane + c]
        nz = s[np.uint64(NZ) + lane + c]
        out[at + c] = abs(x * nx + y * ny + z * nz) / np.sqrt(x * x + y * y + z * z)


@inline
def _write_turned(out, rotation, x, y, z):
    """Ray frame to world axes."""
    for j in range(3):
        out[j] = np.float32(rotation[j, 0] * x + rotation[j, 1] * y + rotation[j, 2] * z)


@inline
def _moves(v, a):
    """Most of the world stands."""
    return (v[0] != 0.0 or v[1] != 0.0 or v[2] != 0.0) or (
        a[0] != 0.0 or a[1] != 0.0 or a[2] != 0.0
    )


@inline
def _write_velocity(out, lane, table, rotation, motion, instance, s):
    """Velocity v + w x r, with r from the shape's origin to the hit point, in world axes."""
    row = instance[lane]
    if row < 0 or not _moves(motion.velocity[row], motion.angular[row]):
        out[:] = np.float32(0.0)
        return
    entry = table[row]
    x, y, z = s[PX + lane], s[PY + lane], s[PZ + lane]
    rx = entry[ROTATION] * x + entry[ROTATION + 3] * y + entry[ROTATION + 6] * z
    ry = entry[ROTATION + 1] * x + entry[ROTATION + 4] * y + entry[ROTATION + 7] * z
    rz = entry[ROTATION + 2] * x + entry[ROTATION + 5] * y + entry[ROTATION + 8] * z
    wx = rotation[0, 0] * rx + rotation[0, 1] * ry + rotation[0, 2] * rz
    wy = rotation[1, 0] * rx + rotation[1, 1] * ry + rotation[1, 2] * rz
    wz = rotation[2, 0] * rx + rotation[2, 1] * ry + rotation[2, 2] * rz
    v, a = motion.velocity[row], motion.angular[row]
    out[0] = np.float32(v[0] + a[1] * wz - a[2] * wy)
    out[1] = np.float32(v[1] + a[2] * wx - a[0] * wz)
    out[2] = np.float32(v[2] + a[0] * wy - a[1] * wx)
