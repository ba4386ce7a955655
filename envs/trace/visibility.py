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
    GBuffer,
    InstanceArrays,
    MeshArrays,
    TileArrays,
)


@kernel
def visibility(
    tiles: TileArrays,
    instances: InstanceArrays,
    meshes: MeshArrays,
    t_min: npt.NDArray[np.float32],
    skip_flags: int,
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
    planes = np.empty(15, np.float32)
    columns = np.empty((4, n_rows), np.float32)
    inside = np.empty(n_rows, np.int32)
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
            n_block = touching(columns, tiles.block_bounds[block], inside, of_block)
        bounds = tiles.bounds[tile]
        n_tile = _cull_tile(table, bounds, of_block, n_block, of_tile, near)
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
                to_local(entry, f)
                _hit_mesh(entry, mesh, meshes, bounds, reach, row, planes, stack, f, bits, i)
            else:
                _hit_analytic(kind, entry, f)
                accept(row, np.int32(0), f, i)
            reach = farthest(f, bits)
        _store(k, gbuffer, f, i)


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
def _cull_tile(table, bounds, of_block, n_block, kept, near):
    """Rows of a block that may touch one tile, by rising distance; returns how many."""
    count = 0
    for candidate in range(n_block):
        row = of_block[candidate]
        entry = table[row]
        if not _touches(entry, bounds):
            continue
        distance = _nearest(entry, bounds)
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
    stack[0] = mesh[NODE_BEGIN]
    waiting = 1
    while waiting > 0:
        waiting -= 1
        node = stack[waiting]
        if _outside(meshes.nodes[node], planes, ox, oy, oz, reach * axis_reach):
            continue
        count = meshes.links[node, COUNT]
        link = meshes.links[node, LINK]
        if count == 0:
            # The child on the nearer side is pushed last, so it comes first.
            ahead = planes[12 + meshes.links[node, SPLIT_AXIS]] >= np.float32(0.0)
            stack[waiting] = link if ahead else node + 1
            stack[waiting + 1] = node + 1 if ahead else link
            waiting += 2
            continue
        for triangle in range(link, link + count):
            if hit_triangle(meshes.corners, triangle, ox, oy, oz, closed, f):
                accept(row, np.int32(triangle), f, i)
        reach = farthest(f, bits)


@inline
def _local_planes(entry, bounds, planes):
    """Turns the four plane normals and the axis of a pyramid into a local frame."""
    for p in range(5):
        x, y, z = bounds[3 * p], bounds[3 * p + 1], bounds[3 * p + 2]
        for k in range(3):
            planes[3 * p + k] = (
                entry[ROTATION + 3 * k] * x
                + entry[ROTATION + 3 * k + 1] * y
                + entry[ROTATION + 3 * k + 2] * z
            )


@inline
def _outside(node, planes, ox, oy, oz, depth):
    """Whether a box lies outside of a pyramid, or beyond a depth along its axis."""
    x, y, z = node[0] - ox, node[1] - oy, node[2] - oz
    hx, hy, hz = node[3], node[4], node[5]
    for p in range(4):
        px, py, pz = planes[3 * p], planes[3 * p + 1], planes[3 * p + 2]
        if px * x + py * y + pz * z > abs(px) * hx + abs(py) * hy + abs(pz) * hz:
            return True
    px, py, pz = planes[12], planes[13], planes[14]
    return px * x + py * y + pz * z - (abs(px) * hx + abs(py) * hy + abs(pz) * hz) > depth
