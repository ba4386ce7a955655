"""What each ray meets first: packets against the instances that their pyramid may touch.

Per block of tiles, then per tile, bounding spheres are held against the four side planes; the
survivors are sorted by how near they can be and tested until the next one starts behind the
packet's farthest hit. There is no tree over instances to build or to go stale.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.boxes import box_outside, half_extents, heading, nearest_along
from fleetloop.envs.trace.bvh import MAX_DEPTH
from fleetloop.envs.trace.culling import gather_spheres, touching
from fleetloop.envs.trace.intersect import (
    DX,
    DY,
    DZ,
    FLOATS,
    INTEGERS,
    PRIMITIVE,
    ROW,
    T_MIN,
    T,
    accept,
    farthest,
    hit_box,
    hit_capsule,
    hit_cylinder,
    hit_plane,
    hit_sphere,
    hit_triangle,
    to_local,
)
from fleetloop.envs.trace.jit import inline, kernel
from fleetloop.envs.trace.layout import (
    AXIS,
    AXIS_REACH,
    BOX,
    CAPSULE,
    CENTER,
    CLOSED,
    CORNERS,
    COUNT,
    CYLINDER,
    KIND,
    LANES,
    LINK,
    MESH,
    MESH_FLAGS,
    MESH_INDEX,
    NODE_BEGIN,
    NORM_REACH,
    ORIGIN,
    PLANE,
    RADIUS,
    ROTATION,
    SPHERE,
    SPLIT_AXIS,
    TRIANGLE_COUNT,
    GBuffer,
    InstanceArrays,
    MeshArrays,
    TileArrays,
)
from fleetloop.envs.trace.spots import Spots, cast_lanes, crossing_lanes, open_lanes, overlapping

# Scratch of `_hit_mesh`: eight planes as columns of normals, of their absolute values, and limits.
_SIDES = 8
_DEPTH = 4
_LIMIT = 6 * _SIDES
_PLANE_FLOATS = 7 * _SIDES

# How many triangles a packet can be held against in the time of one ray through the tree; measured.
_TRIANGLES_PER_RAY = 8

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_NONE = np.int32(0)


@kernel
def visibility(
    tiles: TileArrays,
    instances: InstanceArrays,
    meshes: MeshArrays,
    t_min: npt.NDArray[np.float32],
    skip_flags: int,
    spots: Spots,
    gbuffer: GBuffer,
) -> None:
    """Finds the nearest hit of every ray of a list of tiles.

    Args:
        tiles: The tiles; entry k of all per-tile arrays belongs to `tiles.tiles[k]`.
        instances: Tables of the slots and rows.
        meshes: All meshes.
        t_min: (k, LANES) or (1, LANES) for all tiles: only hits beyond it count. Tracing again
            from the last t finds the next surface behind it.
        skip_flags: Rows with any of these bits in FLAGS are not there (`SEE_THROUGH` for depth
            and ids, 0 for everything).
        spots: Rectangles of the rows, or none.
        gbuffer: `t` comes in as the farthest t of each ray (0 switches a ray off) and goes out as
            the hit; rays without a hit keep t, instance and primitive.
    """
    f = np.zeros(FLOATS, np.float32)
    bits = f.view(np.int32)
    i = np.zeros(INTEGERS, np.int32)
    n_rows = len(instances.rows)
    near = np.empty(n_rows, np.float32)
    of_block = np.empty(n_rows, np.int32)
    of_tile = np.empty(n_rows, np.int32)
    stack = np.empty(2 * MAX_DEPTH, np.int32)
    planes = np.empty(_PLANE_FLOATS, np.float32)
    columns = np.empty((4, n_rows), np.float32)
    inside = np.empty(max(n_rows, LANES), np.int32)
    has_spots = len(spots.rectangles) > 0
    n_block, last_block, last_table = 0, -1, -1
    for k in range(len(tiles.tiles)):
        tile = tiles.tiles[k]
        block = tiles.block_of_tile[tile]
        table = instances.table[tiles.table_of_tile[k]]
        if tiles.table_of_tile[k] != last_table:
            last_table = tiles.table_of_tile[k]
            last_block = -1
            gather_spheres(table, instances.rows, skip_flags, columns)
        if block != last_block:
            last_block = block
            n_block = touching(columns, tiles.block_bounds[block], inside[:n_rows], of_block)
        bounds = tiles.bounds[tile]
        if has_spots:
            n_spots = overlapping(spots, tile, of_block, n_block, inside)
            n_tile = _cull_tile(table, instances.rows, bounds, inside, n_spots, of_tile, near)
        else:
            n_tile = _cull_tile(table, instances.rows, bounds, of_block, n_block, of_tile, near)
        if n_tile == 0:
            continue
        _load(tiles.directions[tile], t_min[k if len(t_min) > 1 else 0], k, gbuffer, f, i)
        reach = farthest(f, bits)
        for candidate in range(n_tile):
            if near[candidate] > reach:
                break
            row = of_tile[candidate]
            kind = instances.rows[row, KIND]
            entry = table[row]
            if kind == MESH:
                mesh = meshes.meta[instances.rows[row, MESH_INDEX]]
                _see_mesh(entry, mesh, meshes, spots, tile, near[candidate], bounds, reach, row,
                          inside, planes, stack, f, bits, i)  # fmt: skip
            else:
                _hit_analytic(kind, entry, f)
                accept(row, np.int32(0), f, i)
            reach = farthest(f, bits)
        _store(k, gbuffer, f, i)


@inline
def _see_mesh(
    entry, mesh, meshes, spots, tile, near, bounds, reach, row, inside, planes, stack, f, bits, i
):
    """One mesh, by the cheapest way: not at all, ray by ray, or as a packet."""
    count, few = np.int32(LANES), np.int32(0)
    if len(spots.rectangles) > 0:
        box, origin = spots.rectangles[row], spots.origin[tile]
        count = open_lanes(box, origin, spots, near, f, inside)
        few = np.int32(min(2 + mesh[TRIANGLE_COUNT] // 2, 24))
    if count > few:
        to_local(entry, f)
        count = crossing_lanes(meshes.nodes[mesh[NODE_BEGIN]], entry, f, inside)
        few = _triangles_met(entry, mesh, bounds) // _TRIANGLES_PER_RAY
    if count == 0:
        return
    if count <= few:
        cast_lanes(entry, mesh, meshes, inside, row, stack, f, i, ROW, PRIMITIVE)
    else:
        _hit_mesh(entry, mesh, meshes, bounds, reach, row, planes, stack, f, bits, i)


@inline
def _triangles_met(entry, mesh, bounds):
    """About how many triangles of a mesh a packet's pyramid touches."""
    uu, vv = _ZERO, _ZERO
    for k in range(3):
        u = bounds[CORNERS + 3 + k] - bounds[CORNERS + k]
        v = bounds[CORNERS + 6 + k] - bounds[CORNERS + k]
        uu += u * u
        vv += v * v
    x, y, z, radius = entry[CENTER], entry[CENTER + 1], entry[CENTER + 2], entry[RADIUS]
    # Areas at the distance 1: of the pyramid, and of the mesh's bounding sphere.
    pyramid = np.sqrt(uu * vv) * (x * x + y * y + z * z)
    disc = np.float32(3.1416) * radius * radius
    triangles = np.float32(mesh[TRIANGLE_COUNT])
    # Rays that are too far apart for a pyramid meet all.
    return np.int32(triangles * min(pyramid / disc, _ONE) if pyramid > _ZERO else triangles)


@inline
def _hit_analytic(kind, entry, f):
    if kind == BOX:
        hit_box(entry, f)
    elif kind == PLANE:
        hit_plane(entry, f)
    elif kind == SPHERE:
        hit_sphere(entry, f)
    elif kind == CAPSULE:
        hit_capsule(entry, f)
    elif kind == CYLINDER:
        hit_cylinder(entry, f)


@inline
def _touches(entry, bounds):
    x, y, z, radius = entry[CENTER], entry[CENTER + 1], entry[CENTER + 2], entry[RADIUS]
    return (
        bounds[0] * x + bounds[1] * y + bounds[2] * z <= radius
        and bounds[3] * x + bounds[4] * y + bounds[5] * z <= radius
        and bounds[6] * x + bounds[7] * y + bounds[8] * z <= radius
        and bounds[9] * x + bounds[10] * y + bounds[11] * z <= radius
    )


@inline
def _cull_tile(table, rows, bounds, of_block, n_block, kept, near):
    """Rows of a block that may touch one tile, by rising distance; returns how many."""
    count = 0
    for candidate in range(n_block):
        row = of_block[candidate]
        entry = table[row]
        if not _touches(entry, bounds):
            continue
        distance = _nearest(entry, bounds)
        if rows[row, KIND] == MESH:
            # A walk through a tree is dear enough to look closer; an analytic shape is not.
            half = half_extents(entry, rows[row])
            if box_outside(entry, half, bounds):
                continue
            x, y, z = bounds[AXIS], bounds[AXIS + 1], bounds[AXIS + 2]
            along = nearest_along(entry, half, x, y, z) / bounds[AXIS_REACH]
            distance = along if along > distance else distance
        slot = count
        while slot > 0 and near[slot - 1] > distance:
            near[slot] = near[slot - 1]
            kept[slot] = kept[slot - 1]
            slot -= 1
        near[slot] = distance
        kept[slot] = row
        count += 1
    return count


@inline
def _nearest(entry, bounds):
    """The smallest t at which a ray of the tile can meet the bounding sphere."""
    x, y, z, radius = entry[CENTER], entry[CENTER + 1], entry[CENTER + 2], entry[RADIUS]
    along = bounds[AXIS] * x + bounds[AXIS + 1] * y + bounds[AXIS + 2] * z - radius
    straight = np.sqrt(x * x + y * y + z * z) - radius
    # Dividing a negative number by the largest length would not give a lower bound, nor need it.
    a = along / bounds[AXIS_REACH]
    b = straight / bounds[NORM_REACH]
    return a if a > b else b


@inline
def _load(directions, t_min, k, gbuffer, f, i):
    x, y, z = directions[0], directions[1], directions[2]
    t, row, primitive = gbuffer.t[k], gbuffer.instance[k], gbuffer.primitive[k]
    for lane in range(LANES):
        f[DX + lane] = x[lane]
        f[DY + lane] = y[lane]
        f[DZ + lane] = z[lane]
        f[T_MIN + lane] = t_min[lane]
        f[T + lane] = t[lane]
    for lane in range(LANES):
        i[ROW + lane] = row[lane]
        i[PRIMITIVE + lane] = primitive[lane]


@inline
def _store(k, gbuffer, f, i):
    t, row, primitive = gbuffer.t[k], gbuffer.instance[k], gbuffer.primitive[k]
    for lane in range(LANES):
        t[lane] = f[T + lane]
    for lane in range(LANES):
        row[lane] = i[ROW + lane]
        primitive[lane] = i[PRIMITIVE + lane]


@inline
def _hit_mesh(entry, mesh, meshes, bounds, reach, row, planes, stack, f, bits, i):
    """Walks the tree of a mesh, near child first, with the tile's pyramid in local axes."""
    _local_planes(entry, bounds, planes)
    ox, oy, oz = entry[ORIGIN], entry[ORIGIN + 1], entry[ORIGIN + 2]
    closed = (mesh[MESH_FLAGS] & CLOSED) != 0
    axis_reach = bounds[AXIS_REACH]
    planes[_LIMIT + _DEPTH] = reach * axis_reach
    stack[0] = mesh[NODE_BEGIN]
    waiting = 1
    while waiting > 0:
        waiting -= 1
        node = stack[waiting]
        if _outside(meshes.nodes[node], planes, ox, oy, oz):
            continue
        count = meshes.links[node, COUNT]
        link = meshes.links[node, LINK]
        if count == 0:
            # The child on the nearer side is pushed last, so it comes first.
            ahead = planes[_SIDES * meshes.links[node, SPLIT_AXIS] + _DEPTH] >= _ZERO
            stack[waiting] = link if ahead else node + 1
            stack[waiting + 1] = node + 1 if ahead else link
            waiting += 2
            continue
        nearer = _NONE
        for triangle in range(link, link + count):
            if hit_triangle(meshes.corners, triangle, ox, oy, oz, closed, f):
                nearer = np.int32(nearer | accept(row, np.int32(triangle), f, i))
        if nearer != _NONE:
            reach = farthest(f, bits)
            planes[_LIMIT + _DEPTH] = reach * axis_reach


@inline
def _local_planes(entry, bounds, planes):
    """The planes beyond which no ray of a pyramid goes, in a local frame.

    Its four sides, its farthest depth, and one across each local axis along which all rays lead the
    same way. A point p, from the origin, is beyond a plane if n . p > limit.
    """
    for p in range(5):
        x, y, z = bounds[3 * p], bounds[3 * p + 1], bounds[3 * p + 2]
        for k in range(3):
            n = (
                entry[ROTATION + 3 * k] * x
                + entry[ROTATION + 3 * k + 1] * y
                + entry[ROTATION + 3 * k + 2] * z
            )
            planes[_SIDES * k + p] = n
            planes[_SIDES * (3 + k) + p] = abs(n)
    for p in range(3):
        at = ROTATION + 3 * p
        forward = heading(bounds, entry[at], entry[at + 1], entry[at + 2])
        for k in range(3):
            n = -forward if k == p else _ZERO
            planes[_SIDES * k + 5 + p] = n
            planes[_SIDES * (3 + k) + 5 + p] = abs(n)
    for p in range(_SIDES):
        planes[_LIMIT + p] = _ZERO


@inline
def _outside(node, planes, ox, oy, oz):
    """Whether a box lies wholly beyond one of eight planes: one vector of them."""
    x, y, z = node[0] - ox, node[1] - oy, node[2] - oz
    hx, hy, hz = node[3], node[4], node[5]
    outside = _NONE
    for p in range(_SIDES):
        away = planes[p] * x + planes[_SIDES + p] * y + planes[2 * _SIDES + p] * z
        reach = planes[3 * _SIDES + p] * hx + planes[4 * _SIDES + p] * hy
        # The depth's plane is met by what begins beyond it, the others' by what ends there: the
        # nearest point of the box counts for all.
        away -= reach + planes[5 * _SIDES + p] * hz
        outside = np.int32(outside | np.int32(away > planes[_LIMIT + p]))
    return outside != _NONE
