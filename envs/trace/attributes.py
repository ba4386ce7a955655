"""From the G-buffer to images: the plain outputs, and the surface where a ray ended.

Tiles become rows of the (height, width) images here; lanes beyond the edge are dropped.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.blend import copy_eight, mark
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
    f = np.empty(LANES, np.float32)
    i = np.empty(LANES, np.int32)
    u = np.empty(LANES, np.uint8)
    for k in range(len(tiles.tiles)):
        tile = tiles.tiles[k]
        t, row, d = gbuffer.t[k], gbuffer.instance[k], tiles.directions[tile]
        place = (origin[tile, 0], origin[tile, 1], tile_width, size[0], size[1])
        if images.depth.size > 0:
            _depths(t, row, d[depth_axis], limit, f)
            _put(images.depth, f, place)
        if images.range.size > 0:
            _ranges(t, row, d, limit, f)
            _put(images.range, f, place)
        if images.hit.size > 0:
            for lane in range(LANES):
                u[lane] = row[lane] >= 0
            _put(images.hit, u, place)
        one = _one_row(row)
        if images.instance.size > 0:
            _look_up(row, one, ids, i)
            _put(images.instance, i, place)
        if images.semantic.size > 0:
            _look_up(row, one, classes, u)
            _put(images.semantic, u, place)
        if images.material.size > 0:
            _look_up(row, one, materials, i)
            _put(images.material, i, place)


@inline
def _lookup(rows, column):
    """A column of the rows, one place up: entry 0 is for rays without a hit (row -1)."""
    table = np.zeros(len(rows) + 1, np.int32)
    for row in range(len(rows)):
        table[row + 1] = rows[row, column]
    return table


@inline
def _depths(t, row, forward, limit, f):
    for lane in range(LANES):
        depth = t[lane] * forward[lane]
        f[lane] = depth if row[lane] >= 0 else limit


@inline
def _ranges(t, row, d, limit, f):
    x, y, z = d[0], d[1], d[2]
    for lane in range(LANES):
        far = t[lane] * np.sqrt(x[lane] * x[lane] + y[lane] * y[lane] + z[lane] * z[lane])
        f[lane] = far if row[lane] >= 0 else limit


@inline
def _one_row(row):
    """Whether all lanes of a tile show the same."""
    low, high = row[0], row[0]
    for lane in range(LANES):
        low = row[lane] if row[lane] < low else low
        high = row[lane] if row[lane] > high else high
    return low == high


@inline
def _look_up(row, one, table, out):
    if one:
        value = table[np.uint32(row[0] + 1)]
        for lane in range(LANES):
            out[lane] = value
        return
    for lane in range(LANES):
        out[lane] = table[np.uint32(row[lane] + 1)]


@inline
def _put(image, values, place):
    """Writes the lanes of a tile as rows of a flattened image; whole rows as vectors of eight."""
    row0, column0, tile_width, height, width = place
    columns = min(tile_width, width - column0)
    for r in range(min(LANES // tile_width, height - row0)):
        # Unsigned indices spare the branch for counting from the end.
        at, lane = np.uint64((row0 + r) * width + column0), np.uint64(r * tile_width)
        if columns % 8 == 0:
            for eight in range(np.uint64(columns // 8)):
                copy_eight(image, at + np.uint64(8) * eight, values, lane + np.uint64(8) * eight)
        else:
            for c in range(np.uint64(columns)):
                image[at + c] = values[lane + c]


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
    mine = np.empty(LANES, np.int32)
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
            mark(instance, row, mine)
            tile_points(entry, d, t, mine, s)
            if wants_normal:
                tile_normals(entry, integers, meshes, d, mine, primitive, s)
            if images.uv.size > 0:
                tile_uv(entry, integers, meshes, mine, primitive, s)
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
