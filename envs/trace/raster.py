"""Dense meshes under a pinhole grid: each triangle visits the rays near its image, and no others.

A packet tests all its rays against each triangle that its pyramid touches; where triangles are
smaller than a tile, most of that is for nothing. Here vertices are projected once, a triangle's
box of pixels says which rays may meet it, and those are tested by the very formulas of
`intersect.hit_triangle`. So the rasteriser decides nothing: its hits equal the packets' bit by bit,
whatever the size of the boxes, the tiles or the number of threads.

It runs after the packets, so that a mesh behind what they found is dropped as a whole. Meshes that
reach the near plane stay with the packets, hence there is no clipping.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.jit import inline, kernel
from fleetloop.envs.trace.layout import (
    CENTER,
    CLOSED,
    FLAGS,
    KIND,
    LANES,
    MESH,
    MESH_FLAGS,
    MESH_INDEX,
    ORIGIN,
    RADIUS,
    RASTERED,
    ROTATION,
    TRIANGLE_BEGIN,
    TRIANGLE_COUNT,
    VERTEX_BEGIN,
    VERTEX_COUNT,
    GBuffer,
    InstanceArrays,
    MeshArrays,
    PixelTiles,
    TileArrays,
)
from fleetloop.envs.trace.spots import box_pixels

# Pixels of a mesh's bounding circle per triangle, up to which triangles are drawn one by one:
# where both ways cost the same (`fleetloop bench sensors`, scene B).
_PIXELS_PER_TRIANGLE = np.float32(12.0)
# Where a pixel of its rectangle has more triangles than this, single rays are cheaper.
_TRIANGLES_PER_PIXEL = 16
# Boxes of pixels grow by this much: far above the rounding of projected vertices.
_MARGIN_PX = np.float32(0.01)
_NEAREST_M = np.float32(1e-3)
_ZERO = np.float32(0.0)


@kernel
def survey(
    instances: InstanceArrays,
    meshes: MeshArrays,
    pixels: PixelTiles,
    t_min: float,
    skip_flags: int,
    rectangles: npt.NDArray[np.int32],
    dense: npt.NDArray[np.int32],
) -> int:
    """Finds which pixels each row may cover, and which meshes to draw triangle by triangle.

    Args:
        instances: With one table; RASTERED is set in the rows that are to be drawn.
        meshes: All meshes.
        pixels: Of the chunk.
        t_min: Nearest depth that counts.
        skip_flags: As in `visibility`.
        rectangles: (rows, 4) written, see `spots.Spots`.
        dense: (rows,) written: the rows to be drawn, near ones first.

    Returns:
        How many are to be drawn.
    """
    nearest = max(np.float32(t_min), _NEAREST_M)
    table, rows = instances.table[0], instances.rows
    count = 0
    for row in range(len(rows)):
        box = rectangles[row]
        if (rows[row, FLAGS] & skip_flags) != 0:
            box[:] = 0
            continue
        seen = box_pixels(table[row], rows[row], pixels, nearest, box)
        z = table[row, CENTER + 2]
        if not seen or rows[row, KIND] != MESH or z - table[row, RADIUS] <= nearest:
            continue
        across = pixels.camera[0] * table[row, RADIUS] / z
        triangles = meshes.meta[rows[row, MESH_INDEX], TRIANGLE_COUNT]
        if np.float32(3.1416) * across * across > _PIXELS_PER_TRIANGLE * np.float32(triangles):
            continue
        if (box[1] - box[0]) * (box[3] - box[2]) * _TRIANGLES_PER_PIXEL < triangles:
            continue
        rows[row, FLAGS] |= RASTERED
        slot = count
        while slot > 0 and table[dense[slot - 1], CENTER + 2] > z:
            dense[slot] = dense[slot - 1]
            slot -= 1
        dense[slot] = row
        count += 1
    return count


@kernel
def raster(
    tiles: TileArrays,
    instances: InstanceArrays,
    meshes: MeshArrays,
    pixels: PixelTiles,
    dense: npt.NDArray[np.int32],
    gbuffer: GBuffer,
) -> None:
    """Draws meshes into a G-buffer that the packets have filled.

    Args:
        tiles: Of the chunk.
        instances: With one table.
        meshes: All meshes.
        pixels: Of the chunk.
        dense: Rows to draw, from `survey`.
        gbuffer: As in `visibility`; hits nearer than its t replace it.
    """
    table = instances.table[0]
    most = 0
    for row in dense:
        most = max(most, meshes.meta[instances.rows[row, MESH_INDEX], VERTEX_COUNT])
    screen = np.empty((3, most), np.float32)
    # Floats above zero are ordered as their bits are, and integer maxima vectorise.
    bits = gbuffer.t.view(np.int32)
    reach_bits = np.empty(len(tiles.tiles), np.int32)
    reach = reach_bits.view(np.float32)
    for k in range(len(reach)):
        reach_bits[k] = _most(bits[k])
    box = np.empty(4, np.int64)
    for row in dense:
        entry = table[row]
        mesh = meshes.meta[instances.rows[row, MESH_INDEX]]
        if not _sphere_box(entry, pixels, box) or _behind(entry, pixels, box, reach):
            continue
        _project(entry, mesh, meshes.vertices, pixels.camera, screen)
        _draw(row, entry, mesh, meshes, tiles, pixels, screen, reach, gbuffer)
        rows, columns = pixels.shape[0], pixels.shape[1]
        for y in range(box[0] >> rows, (box[1] - 1 >> rows) + 1):
            for x in range(box[2] >> columns, (box[3] - 1 >> columns) + 1):
                k = pixels.tile[y, x] - pixels.shape[2]
                reach_bits[k] = _most(bits[k])


@inline
def _most(values):
    most = np.int32(0)
    for lane in range(LANES):
        most = values[lane] if values[lane] > most else most
    return most


@inline
def _sphere_box(entry, pixels, box):
    """Pixels that a bounding sphere may cover, within the chunk; False if none."""
    near = entry[CENTER + 2] - entry[RADIUS]
    far = entry[CENTER + 2] + entry[RADIUS]
    for axis in range(2):
        low, high = entry[CENTER + axis] - entry[RADIUS], entry[CENTER + axis] + entry[RADIUS]
        first = min(low / near, low / far) * pixels.camera[axis] + pixels.camera[2 + axis]
        last = max(high / near, high / far) * pixels.camera[axis] + pixels.camera[2 + axis]
        begin, end = pixels.rectangle[2 - 2 * axis], pixels.rectangle[3 - 2 * axis]
        box[2 - 2 * axis] = max(int(np.floor(max(first, np.float32(-1e6)))), begin)
        box[3 - 2 * axis] = min(int(np.ceil(min(last, np.float32(1e6)))) + 1, end)
    return box[0] < box[1] and box[2] < box[3]


@inline
def _behind(entry, pixels, box, reach):
    """Whether everything in a box of pixels is nearer than a bounding sphere."""
    near = entry[CENTER + 2] - entry[RADIUS]
    rows, columns = pixels.shape[0], pixels.shape[1]
    for y in range(box[0] >> rows, (box[1] - 1 >> rows) + 1):
        for x in range(box[2] >> columns, (box[3] - 1 >> columns) + 1):
            if reach[pixels.tile[y, x] - pixels.shape[2]] > near:
                return False
    return True


@inline
def _project(entry, mesh, vertices, camera, screen):
    """Pixel coordinates and depth of all vertices of a mesh."""
    r0, r1, r2 = entry[ROTATION], entry[ROTATION + 1], entry[ROTATION + 2]
    r3, r4, r5 = entry[ROTATION + 3], entry[ROTATION + 4], entry[ROTATION + 5]
    r6, r7, r8 = entry[ROTATION + 6], entry[ROTATION + 7], entry[ROTATION + 8]
    ox, oy, oz = entry[ORIGIN], entry[ORIGIN + 1], entry[ORIGIN + 2]
    fx, fy, cx, cy = camera[0], camera[1], camera[2], camera[3]
    begin, count = mesh[VERTEX_BEGIN], mesh[VERTEX_COUNT]
    column, line, depth = screen[0], screen[1], screen[2]
    part = vertices[begin : begin + count]
    for v in range(count):
        x, y, z = part[v, 0] - ox, part[v, 1] - oy, part[v, 2] - oz
        d = r2 * x + r5 * y + r8 * z
        scale = np.float32(1.0) / d
        column[v] = (r0 * x + r3 * y + r6 * z) * scale * fx + cx
        line[v] = (r1 * x + r4 * y + r7 * z) * scale * fy + cy
        depth[v] = d


@inline
def _draw(row, entry, mesh, meshes, tiles, pixels, screen, reach, gbuffer):
    """Boxes of all triangles; those that hold the point of a pixel go on to `_draw_triangle`."""
    closed = (mesh[MESH_FLAGS] & CLOSED) != 0
    column, line, depth = screen[0], screen[1], screen[2]
    top, bottom = pixels.rectangle[0], pixels.rectangle[1]
    left, right = pixels.rectangle[2], pixels.rectangle[3]
    begin = mesh[VERTEX_BEGIN]
    rows, columns = pixels.shape[0], pixels.shape[1]
    for triangle in range(mesh[TRIANGLE_BEGIN], mesh[TRIANGLE_BEGIN] + mesh[TRIANGLE_COUNT]):
        a = np.uint32(meshes.triangles[triangle, 0] - begin)
        b = np.uint32(meshes.triangles[triangle, 1] - begin)
        c = np.uint32(meshes.triangles[triangle, 2] - begin)
        low, high = _bounds(column[a], column[b], column[c])
        x0, x1 = _first(low), _first(high + _MARGIN_PX + _MARGIN_PX)
        if x0 >= x1:
            continue
        low, high = _bounds(line[a], line[b], line[c])
        y0, y1 = _first(low), _first(high + _MARGIN_PX + _MARGIN_PX)
        x0, x1 = max(x0, left), min(x1, right)
        y0, y1 = max(y0, top), min(y1, bottom)
        if x0 >= x1 or y0 >= y1:
            continue
        if x0 >> columns == x1 - 1 >> columns and y0 >> rows == y1 - 1 >> rows:
            nearest, _ = _bounds(depth[a], depth[b], depth[c])
            if (
                nearest * np.float32(0.99999)
                > reach[pixels.tile[y0 >> rows, x0 >> columns] - pixels.shape[2]]
            ):
                continue
        _draw_triangle(row, triangle, entry, closed, meshes, tiles, pixels, x0, x1, y0, y1, gbuffer)


@inline
def _bounds(a, b, c):
    low, high = (a, b) if a < b else (b, a)
    return low if low < c else c, high if high > c else c


@inline
def _first(coordinate):
    """The first pixel whose point lies at a coordinate or beyond, less the margin."""
    return np.int32(np.ceil(coordinate - _MARGIN_PX))


@inline
def _draw_triangle(row, triangle, entry, closed, meshes, tiles, pixels, x0, x1, y0, y1, gbuffer):
    """`hit_triangle` for the rays of a box of pixels; keep the two alike to the last bit."""
    corners = meshes.corners[triangle]
    ox, oy, oz = entry[ORIGIN], entry[ORIGIN + 1], entry[ORIGIN + 2]
    ax, ay, az = corners[0] - ox, corners[1] - oy, corners[2] - oz
    bx, by, bz = corners[3] - ox, corners[4] - oy, corners[5] - oz
    cx, cy, cz = corners[6] - ox, corners[7] - oy, corners[8] - oz
    ux, uy, uz = bx - ax, by - ay, bz - az
    vx, vy, vz = cx - bx, cy - by, cz - bz
    wx, wy, wz = ax - cx, ay - cy, az - cz
    nx = wy * uz - wz * uy
    ny = wz * ux - wx * uz
    nz = wx * uy - wy * ux
    reach = nx * ax + ny * ay + nz * az
    if closed and reach >= _ZERO:
        return
    sx, sy, sz = bx + ax, by + ay, bz + az
    e0x, e0y, e0z = uy * sz - uz * sy, uz * sx - ux * sz, ux * sy - uy * sx
    sx, sy, sz = cx + bx, cy + by, cz + bz
    e1x, e1y, e1z = vy * sz - vz * sy, vz * sx - vx * sz, vx * sy - vy * sx
    sx, sy, sz = ax + cx, ay + cy, az + cz
    e2x, e2y, e2z = wy * sz - wz * sy, wz * sx - wx * sz, wx * sy - wy * sx
    r0, r1, r2 = entry[ROTATION], entry[ROTATION + 1], entry[ROTATION + 2]
    r3, r4, r5 = entry[ROTATION + 3], entry[ROTATION + 4], entry[ROTATION + 5]
    r6, r7, r8 = entry[ROTATION + 6], entry[ROTATION + 7], entry[ROTATION + 8]
    rows, columns, first = pixels.shape[0], pixels.shape[1], pixels.shape[2]
    row_mask, column_mask = (1 << rows) - 1, (1 << columns) - 1
    for y in range(y0, y1):
        for x in range(x0, x1):
            k = np.uint32(pixels.tile[np.uint32(y >> rows), np.uint32(x >> columns)] - first)
            lane = np.uint32(((y & row_mask) << columns) + (x & column_mask))
            d = tiles.directions[np.uint32(tiles.tiles[k])]
            dx, dy, dz = d[0, lane], d[1, lane], d[2, lane]
            lx = r0 * dx + r1 * dy + r2 * dz
            ly = r3 * dx + r4 * dy + r5 * dz
            lz = r6 * dx + r7 * dy + r8 * dz
            e0 = e0x * lx + e0y * ly + e0z * lz
            e1 = e1x * lx + e1y * ly + e1z * lz
            e2 = e2x * lx + e2y * ly + e2z * lz
            low, high = _bounds(e0, e1, e2)
            if low >= _ZERO or high <= _ZERO:
                t = reach / (nx * lx + ny * ly + nz * lz)
                if t > _ZERO and t < gbuffer.t[k, lane]:
                    gbuffer.t[k, lane] = t
                    gbuffer.instance[k, lane] = row
                    gbuffer.primitive[k, lane] = triangle
