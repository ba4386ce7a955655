"""Small things: which rays they may be met by, and single rays for those.

A packet tests all its rays against each triangle that its pyramid touches. Seen from afar, or in a
small picture, most shapes cover a handful of pixels, and most of those lie behind something else.
So the box of each shape is projected once, which gives a rectangle of pixels; where nothing in it
can be nearer than what the rays have met, the shape is passed by, and where few rays are left,
these go down the mesh's tree one by one. Under other grids, and where packets are made up of pixels
from here and there, rays are held against the mesh's box instead.

A single ray is held against triangles by the very formulas of `intersect.hit_triangle`, so which
way is taken changes no bit of a hit.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.boxes import half_extents
from fleetloop.envs.trace.intersect import DX, DY, DZ, LX, LY, LZ, T_MIN, T
from fleetloop.envs.trace.jit import inline
from fleetloop.envs.trace.layout import (
    CENTER,
    CLOSED,
    COUNT,
    LANES,
    LINK,
    MESH_FLAGS,
    NODE_BEGIN,
    ORIGIN,
    RADIUS,
    ROTATION,
    SPLIT_AXIS,
)
from fleetloop.envs.trace.segments import off_zero

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_MISSED = np.float32(1e30)
_MARGIN_PX = np.float32(0.01)
"""Rectangles grow by this much: far above the rounding of projected corners."""
_FAR_PX = np.float32(1e6)
# Two roundings of a slab test, so that no box is missed that holds a hit [Ize 2013, "Robust BVH ray
# traversal"].
_ROBUST = np.float32(1.0 + 4e-7)


class Spots(NamedTuple):
    """Where the instances of a chunk may be seen.

    Attributes:
        rectangles: (rows, 4) int32: pixel rows begin and end, columns begin and end; nothing of a
            row outside of it is seen. (0, 4) under grids that have no such rectangles.
        origin: (grid tiles, 2) int32, row and column of each tile's first pixel.
        lane_row, lane_column: (LANES,) int32, where a lane lies in its tile.
    """

    rectangles: npt.NDArray[np.int32]
    origin: npt.NDArray[np.int32]
    lane_row: npt.NDArray[np.int32]
    lane_column: npt.NDArray[np.int32]


NO_SPOTS = Spots(
    np.zeros((0, 4), np.int32),
    np.zeros((0, 2), np.int32),
    np.zeros(LANES, np.int32),
    np.zeros(LANES, np.int32),
)
"""For packets that are no tiles of a pinhole grid."""


@inline
def box_pixels(entry, integers, pixels, nearest, out):
    """Fills the rectangle of pixels that a shape may cover, within the chunk; False if none."""
    begin, end = pixels.rectangle[0], pixels.rectangle[1]
    left, right = pixels.rectangle[2], pixels.rectangle[3]
    out[0], out[1], out[2], out[3] = begin, end, left, right
    z, radius = entry[CENTER + 2], entry[RADIUS]
    if z + radius < _ZERO:
        out[1] = begin
        return False
    if z - radius > nearest and not _sphere_pixels(entry, pixels, out):
        return False
    hx, hy, hz = half_extents(entry, integers)
    # Half axes of the box in the ray frame.
    ax, ay, az = entry[ROTATION] * hx, entry[ROTATION + 1] * hx, entry[ROTATION + 2] * hx
    bx, by, bz = entry[ROTATION + 3] * hy, entry[ROTATION + 4] * hy, entry[ROTATION + 5] * hy
    cx, cy, cz = entry[ROTATION + 6] * hz, entry[ROTATION + 7] * hz, entry[ROTATION + 8] * hz
    if z - (abs(az) + abs(bz) + abs(cz)) <= nearest:
        return True
    low_x, high_x, low_y, high_y = _FAR_PX, -_FAR_PX, _FAR_PX, -_FAR_PX
    for corner in range(8):
        i = _ONE if corner & 1 else -_ONE
        j = _ONE if corner & 2 else -_ONE
        k = _ONE if corner & 4 else -_ONE
        scale = _ONE / (z + i * az + j * bz + k * cz)
        x = (entry[CENTER] + i * ax + j * bx + k * cx) * scale
        y = (entry[CENTER + 1] + i * ay + j * by + k * cy) * scale
        low_x, high_x = min(low_x, x), max(high_x, x)
        low_y, high_y = min(low_y, y), max(high_y, y)
    _narrow(pixels, 0, low_x, high_x, out)
    _narrow(pixels, 1, low_y, high_y, out)
    return out[0] < out[1] and out[2] < out[3]


@inline
def _sphere_pixels(entry, pixels, out):
    near, far = entry[CENTER + 2] - entry[RADIUS], entry[CENTER + 2] + entry[RADIUS]
    for axis in range(2):
        low, high = entry[CENTER + axis] - entry[RADIUS], entry[CENTER + axis] + entry[RADIUS]
        _narrow(pixels, axis, min(low / near, low / far), max(high / near, high / far), out)
    return out[0] < out[1] and out[2] < out[3]


@inline
def _narrow(pixels, axis, low, high, out):
    """Narrows a rectangle to tangents of the angles from the optical axis; axis 0 is columns."""
    scale, middle = pixels.camera[axis], pixels.camera[2 + axis]
    first = min(max(low * scale + middle - _MARGIN_PX, -_FAR_PX), _FAR_PX)
    last = min(max(high * scale + middle + _MARGIN_PX, -_FAR_PX), _FAR_PX)
    at = 2 - 2 * axis
    out[at] = max(np.int32(np.ceil(first)), out[at])
    out[at + 1] = min(np.int32(np.floor(last)) + np.int32(1), out[at + 1])


@inline
def overlapping(spots, tile, rows, count, kept):
    """Lists those of some rows whose rectangle overlaps a tile; returns how many."""
    top, left = spots.origin[tile, 0], spots.origin[tile, 1]
    bottom, right = top + spots.lane_row[LANES - 1], left + spots.lane_column[LANES - 1]
    found = 0
    for index in range(count):
        row = rows[index]
        box = spots.rectangles[row]
        # Written always, counted if it holds: no branch to guess.
        kept[np.uint32(found)] = row
        found += (box[0] <= bottom) & (box[1] > top) & (box[2] <= right) & (box[3] > left)
    return found


@inline
def open_lanes(rectangle, origin, spots, near, f, inside):
    """Marks the lanes of a tile that lie in a rectangle and see beyond `near`; returns how many."""
    # Numba widens sums of integers to 64 bits, which would halve the lanes of a vector.
    top, bottom = np.int32(rectangle[0] - origin[0]), np.int32(rectangle[1] - origin[0])
    left, right = np.int32(rectangle[2] - origin[1]), np.int32(rectangle[3] - origin[1])
    row, column = spots.lane_row, spots.lane_column
    count = np.int32(0)
    for k in range(LANES):
        y, x = row[k], column[k]
        seen = (y >= top) & (y < bottom) & (x >= left) & (x < right) & (f[T + k] > near)
        inside[k] = np.int32(seen)
    for k in range(LANES):
        count = np.int32(count + inside[k])
    return count


@inline
def crossing_lanes(box, entry, f, inside):
    """Marks the lanes that cross a local box before what they have met; returns how many.

    Args:
        box: (6,) centre and half extents.
        entry: Of its instance.
        f: A packet after `intersect.to_local`.
        inside: (LANES,) written.
    """
    x, y, z = box[0] - entry[ORIGIN], box[1] - entry[ORIGIN + 1], box[2] - entry[ORIGIN + 2]
    half_x, half_y, half_z = box[3], box[4], box[5]
    count = np.int32(0)
    for k in range(LANES):
        ix = _ONE / off_zero(f[LX + k])
        iy = _ONE / off_zero(f[LY + k])
        iz = _ONE / off_zero(f[LZ + k])
        tx, ty, tz = x * ix, y * iy, z * iz
        hx, hy, hz = half_x * abs(ix), half_y * abs(iy), half_z * abs(iz)
        enter = max(max(tx - hx, ty - hy), max(tz - hz, _ZERO))
        leave = min(min(tx + hx, ty + hy), tz + hz)
        inside[k] = np.int32((enter <= leave * _ROBUST) & (enter <= f[T + k]))
    for k in range(LANES):
        count = np.int32(count + inside[k])
    return count


@inline
def cast_lanes(entry, mesh, meshes, inside, row, stack, f, i, row_at, primitive_at):
    """Sends the marked lanes down the tree of a mesh, one by one.

    Args:
        entry, mesh, meshes: Of the mesh.
        inside: (LANES,) from `open_lanes` or `crossing_lanes`.
        row: Of the mesh.
        stack: Scratch.
        f, i: A packet; its hits are replaced by nearer ones.
        row_at, primitive_at: Where these begin in `i`.
    """
    closed = (mesh[MESH_FLAGS] & CLOSED) != 0
    for k in range(LANES):
        if inside[k] == 0:
            continue
        x, y, z = f[DX + k], f[DY + k], f[DZ + k]
        lx = entry[ROTATION] * x + entry[ROTATION + 1] * y + entry[ROTATION + 2] * z
        ly = entry[ROTATION + 3] * x + entry[ROTATION + 4] * y + entry[ROTATION + 5] * z
        lz = entry[ROTATION + 6] * x + entry[ROTATION + 7] * y + entry[ROTATION + 8] * z
        t, triangle = _nearest_triangle(
            meshes, mesh[NODE_BEGIN], closed, entry, lx, ly, lz, f[T_MIN + k], f[T + k], stack
        )
        if triangle >= 0:
            f[T + k] = t
            i[row_at + k] = row
            i[primitive_at + k] = triangle


@inline
def _nearest_triangle(meshes, root, closed, entry, lx, ly, lz, t_min, best, stack):
    """Where a ray from the origin first meets a mesh before `best`, and its triangle or -1."""
    ox, oy, oz = entry[ORIGIN], entry[ORIGIN + 1], entry[ORIGIN + 2]
    ix, iy, iz = _ONE / off_zero(lx), _ONE / off_zero(ly), _ONE / off_zero(lz)
    ax, ay, az = abs(ix), abs(iy), abs(iz)
    found = np.int32(-1)
    stack[0] = root
    waiting = 1
    while waiting > 0:
        waiting -= 1
        node = stack[waiting]
        box = meshes.nodes[node]
        tx, ty, tz = (box[0] - ox) * ix, (box[1] - oy) * iy, (box[2] - oz) * iz
        hx, hy, hz = box[3] * ax, box[4] * ay, box[5] * az
        enter = max(max(tx - hx, ty - hy), max(tz - hz, _ZERO))
        leave = min(min(tx + hx, ty + hy), tz + hz)
        if enter > min(leave * _ROBUST, best):
            continue
        count = meshes.links[node, COUNT]
        link = meshes.links[node, LINK]
        if count == 0:
            axis = meshes.links[node, SPLIT_AXIS]
            towards = lx if axis == 0 else (ly if axis == 1 else lz)
            near_first = towards >= _ZERO
            stack[waiting] = link if near_first else node + 1
            stack[waiting + 1] = node + 1 if near_first else link
            waiting += 2
            continue
        for triangle in range(link, link + count):
            t = _triangle_at(meshes.corners[triangle], ox, oy, oz, closed, lx, ly, lz)
            if t > t_min and t < best:
                best = t
                found = np.int32(triangle)
    return best, found


@inline
def _triangle_at(c, ox, oy, oz, closed, x, y, z):
    """`intersect.hit_triangle` for one ray; keep the two alike to the last bit."""
    ax, ay, az = c[0] - ox, c[1] - oy, c[2] - oz
    bx, by, bz = c[3] - ox, c[4] - oy, c[5] - oz
    cx, cy, cz = c[6] - ox, c[7] - oy, c[8] - oz
    ux, uy, uz = bx - ax, by - ay, bz - az
    wx, wy, wz = ax - cx, ay - cy, az - cz
    nx = wy * uz - wz * uy
    ny = wz * ux - wx * uz
    nz = wx * uy - wy * ux
    reach = nx * ax + ny * ay + nz * az
    if closed and reach >= _ZERO:
        return _MISSED
    sx, sy, sz = bx + ax, by + ay, bz + az
    e0 = (uy * sz - uz * sy) * x + (uz * sx - ux * sz) * y + (ux * sy - uy * sx) * z
    sx, sy, sz = ax + cx, ay + cy, az + cz
    e2 = (wy * sz - wz * sy) * x + (wz * sx - wx * sz) * y + (wx * sy - wy * sx) * z
    if (e0 > _ZERO and e2 < _ZERO) or (e0 < _ZERO and e2 > _ZERO):
        return _MISSED
    vx, vy, vz = cx - bx, cy - by, cz - bz
    sx, sy, sz = cx + bx, cy + by, cz + bz
    e1 = (vy * sz - vz * sy) * x + (vz * sx - vx * sz) * y + (vx * sy - vy * sx) * z
    low, high = min(e0, min(e1, e2)), max(e0, max(e1, e2))
    if low < _ZERO and high > _ZERO:
        return _MISSED
    return reach / (nx * x + ny * y + nz * z)
