"""Whether something stands between a hit point and a light: any hit will do, none is sorted.

For the shading stage (`shade.py`): after `visibility`, mark the lanes that could be lit (they hit
something and face the light), then

    sun_shadow(tiles, instances, meshes, gbuffer, sun, up, wanted, SEE_THROUGH, shadow)

with `sun` (tables, 3) float32: the unit direction towards the sun *in the ray frame* of each table
(`world_R_sensor.T @ sun_world`), and `wanted`, `shadow` (k, LANES) uint8, 1 = test it, 1 = in
shadow. Lamps go one ray at a time through the helper `segments.segment_blocked`.

Rays to the sun are parallel, so instances are culled as discs in the plane across the sun, against
the box of a block's hit points, then by their own boxes, against a tile's. Rays to the sun rise, so
that the road, which most shapes of a town are, shades nothing that stands on it. Analytic shapes
take whole packets; meshes take lane by lane, from the few nodes that the lanes of a tile have in
common: the hit points of a tile spread too much for a packet to stay together down to the leaves
(13x slower when tried), while a lane stops at its first triangle.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.blend import choose
from fleetloop.envs.trace.boxes import center_along, half_extents, reach_along
from fleetloop.envs.trace.bvh import MAX_DEPTH
from fleetloop.envs.trace.culling import gather_discs, shading
from fleetloop.envs.trace.jit import inline, kernel
from fleetloop.envs.trace.layout import (
    BOX,
    CENTER,
    COUNT,
    CYLINDER,
    DIMS,
    KIND,
    LANES,
    LINK,
    MESH,
    MESH_INDEX,
    NODE_BEGIN,
    ORIGIN,
    PLANE,
    RADIUS,
    ROTATION,
    SPHERE,
    GBuffer,
    InstanceArrays,
    MeshArrays,
    TileArrays,
)
from fleetloop.envs.trace.segments import nodes_crossed, off_zero, triangle_crossed

# Shadow rays start this far off the surface, in metres and in parts of the distance seen: above the
# rounding of float32 hit points. Things closer together than this cast no shadow on each other.
_OFFSET_M = np.float32(1e-3)
_OFFSET_PART = np.float32(1e-5)

# Numbers of a box in sun coordinates: two ranges across, then one bound along the sun, one upwards.
_EXTENTS = 6
# Boxes are wider by this part, far above the rounding of float32.
_ROOM = np.float32(1.00001)

# Offsets into the float scratch: hit points in the ray frame, and spare rows for reductions.
_X = 0
_Y = LANES
_Z = 2 * LANES
_A = 3 * LANES
_SPARE = 4 * LANES
_PX = 3 * LANES  # start points in the local frame of a mesh; `_A` and `_SPARE` are done with then
_PY = 4 * LANES
_PZ = 5 * LANES
_FLOATS = 6 * LANES

# Offsets into the integer scratch.
_TODO = 0  # 1: not found in shadow yet
_MEETS = LANES  # 1: may meet the mesh at hand
_INTEGERS = 2 * LANES

# How many nodes are opened for all rays at once, and how many branches may be left.
_OPENED = 40
_BRANCHES = 12
# Where the nodes that are left lie in the stack; a walk from them stays below.
_COMMON = 2 * MAX_DEPTH

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_TINY = np.float32(1e-20)
_BIG = np.float32(1e30)


@kernel
def sun_shadow(
    tiles: TileArrays,
    instances: InstanceArrays,
    meshes: MeshArrays,
    gbuffer: GBuffer,
    sun: npt.NDArray[np.float32],
    up: npt.NDArray[np.float32],
    wanted: npt.NDArray[np.uint8],
    skip_flags: int,
    shadow: npt.NDArray[np.uint8],
) -> None:
    """Finds which lanes lie in the shadow of the sun.

    Args:
        tiles: As in `visibility`.
        instances: As in `visibility`.
        meshes: As in `visibility`.
        gbuffer: As in `visibility`, filled.
        sun: (tables, 3) unit direction towards the sun in the ray frame of each table.
        up: (tables, 3) unit direction upwards: what lies below a point does not shade it.
        wanted: (k, LANES) 1 where a lane hit something that faces the sun; others are not tested.
        skip_flags: Rows with any of these bits in FLAGS cast no shadow.
        shadow: (k, LANES) written: 1 where a wanted lane is in shadow, else 0.
    """
    f = np.empty(_FLOATS, np.float32)
    todo = np.empty(_INTEGERS, np.int32)
    n_rows = len(instances.rows)
    discs = np.empty((n_rows, 4), np.float32)
    of_block = np.empty(n_rows, np.int32)
    columns = np.empty((4, n_rows), np.float32)
    inside = np.empty(n_rows, np.int32)
    extents = np.empty((n_rows, _EXTENTS), np.float32)
    boxes = np.empty((len(tiles.tiles), _EXTENTS), np.float32)
    box = np.empty(_EXTENTS, np.float32)
    axes = np.empty(12, np.float32)
    stack = np.empty(_COMMON + 3 * _OPENED, np.int32)
    last_table = -1
    begin = 0
    while begin < len(tiles.tiles):
        table_number = tiles.table_of_tile[begin]
        table = instances.table[table_number]
        if table_number != last_table:
            last_table = table_number
            _sun_axes(sun[table_number], up[table_number], axes)
            _fill_discs(table, axes, discs, instances.rows, skip_flags, columns)
        end = _block_boxes(tiles, begin, gbuffer, wanted, axes, f, boxes, box)
        n_block = 0
        if box[0] <= box[1]:
            n_block = shading(columns, box, inside, of_block)
            n_block = _boxed(table, instances.rows, axes, box, of_block, n_block, extents)
        for k in range(begin, end):
            shadow[k, :] = 0
            if boxes[k, 0] > boxes[k, 1]:
                continue
            _load(tiles.directions[tiles.tiles[k]], gbuffer.t[k], wanted[k], axes, f, todo)
            hit = (gbuffer.instance[k], gbuffer.primitive[k])
            for candidate in range(n_block):
                row = of_block[candidate]
                if not _shades(extents[candidate], boxes[k]):
                    continue
                disc, entry, integers = discs[row], table[row], instances.rows[row]
                if integers[KIND] == MESH:
                    root = meshes.meta[integers[MESH_INDEX], NODE_BEGIN]
                    _shade_by_mesh(entry, row, root, meshes, axes, disc, hit, stack, f, todo)
                else:
                    _shade_by_convex(entry, row, integers[KIND], axes, hit[0], f, todo)
                if _count(todo) == 0:
                    break
            asked, dark = wanted[k], shadow[k]
            for lane in range(LANES):
                dark[lane] = (asked[lane] != 0) & (todo[lane] == 0)
        begin = end


@inline
def _block_boxes(tiles, begin, gbuffer, wanted, axes, f, boxes, box):
    """Boxes of the wanted points of one block's tiles, and around all; returns where it ends."""
    block, table_number = tiles.block_of_tile[tiles.tiles[begin]], tiles.table_of_tile[begin]
    box[0], box[1], box[2], box[3], box[4], box[5] = _BIG, -_BIG, _BIG, -_BIG, _BIG, _BIG
    end = begin
    while (
        end < len(tiles.tiles)
        and tiles.block_of_tile[tiles.tiles[end]] == block
        and tiles.table_of_tile[end] == table_number
    ):
        _hit_points(tiles.directions[tiles.tiles[end]], gbuffer.t[end], axes, f)
        _lane_box(wanted[end], axes, f, boxes[end])
        for j in range(2):
            box[2 * j] = min(box[2 * j], boxes[end, 2 * j])
            box[2 * j + 1] = max(box[2 * j + 1], boxes[end, 2 * j + 1])
        box[4] = min(box[4], boxes[end, 4])
        box[5] = min(box[5], boxes[end, 5])
        end += 1
    return end


@inline
def _sun_axes(sun, up, axes):
    """Two axes across the sun, the sun itself, and upwards, as twelve numbers."""
    x, y, z = sun[0], sun[1], sun[2]
    # The branch-free frame of Duff et al. 2017, "Building an orthonormal basis, revisited".
    sign = _ONE if z >= _ZERO else -_ONE
    a = -_ONE / (sign + z)
    b = x * y * a
    axes[0], axes[1], axes[2] = _ONE + sign * x * x * a, sign * b, -sign * x
    axes[3], axes[4], axes[5] = b, sign + y * y * a, -y
    axes[6], axes[7], axes[8] = x, y, z
    # Towards a sun below the horizon rays lead downwards: then height says nothing.
    rises = _ONE if x * up[0] + y * up[1] + z * up[2] > _ZERO else _ZERO
    axes[9], axes[10], axes[11] = rises * up[0], rises * up[1], rises * up[2]


@inline
def _boxed(table, rows, axes, box, kept, count, extents):
    """Holds the boxes of candidates against the points of a block; returns how many are left.

    Args:
        table, rows: Instances.
        axes: From `_sun_axes`.
        box: Of the points.
        kept: (rows,) the candidates; those that are left move to the front.
        count: How many there are.
        extents: (rows, _EXTENTS) written: their ranges across the sun, and how far they reach
            along it and upwards.
    """
    left = 0
    for candidate in range(count):
        row = kept[candidate]
        entry, reaches = table[row], extents[left]
        half = half_extents(entry, rows[row])
        for j in range(4):
            x, y, z = axes[3 * j], axes[3 * j + 1], axes[3 * j + 2]
            middle = center_along(entry, x, y, z)
            reach = min(reach_along(entry, half, x, y, z) * _ROOM, entry[RADIUS])
            if j < 2:
                reaches[2 * j] = middle - reach
                reaches[2 * j + 1] = middle + reach
            else:
                reaches[2 + j] = middle + reach
        if _shades(reaches, box):
            kept[left] = row
            left += 1
    return left


@inline
def _fill_discs(table, axes, discs, rows, skip_flags, columns):
    """Every bounding sphere in sun coordinates: across, across, along, radius; and as columns."""
    for row in range(len(discs)):
        x, y, z = table[row, CENTER], table[row, CENTER + 1], table[row, CENTER + 2]
        for j in range(3):
            discs[row, j] = axes[3 * j] * x + axes[3 * j + 1] * y + axes[3 * j + 2] * z
        discs[row, 3] = table[row, RADIUS]
    gather_discs(discs, rows, skip_flags, columns)


@inline
def _hit_points(directions, t, axes, f):
    """Start points of the shadow rays: just off the surface, towards the sun."""
    x, y, z = directions[0], directions[1], directions[2]
    for k in range(LANES):
        offset = _OFFSET_M + _OFFSET_PART * t[k]
        f[_X + k] = t[k] * x[k] + offset * axes[6]
        f[_Y + k] = t[k] * y[k] + offset * axes[7]
        f[_Z + k] = t[k] * z[k] + offset * axes[8]


@inline
def _lane_box(wanted, axes, f, box):
    """Box of the wanted start points: ranges across the sun, smallest along it and upwards."""
    for j in range(4):
        ax, ay, az = axes[3 * j], axes[3 * j + 1], axes[3 * j + 2]
        for k in range(LANES):
            value = ax * f[_X + k] + ay * f[_Y + k] + az * f[_Z + k]
            f[_A + k] = value if wanted[k] != 0 else _BIG
            f[_SPARE + k] = value if wanted[k] != 0 else -_BIG
        half = LANES // 2
        while half > 0:
            for k in range(half):
                low, high = f[_A + half + k], f[_SPARE + half + k]
                f[_A + k] = f[_A + k] if f[_A + k] < low else low
                f[_SPARE + k] = f[_SPARE + k] if f[_SPARE + k] > high else high
            half //= 2
        if j < 2:
            box[2 * j] = f[_A]
            box[2 * j + 1] = f[_SPARE]
        else:
            box[2 + j] = f[_A]


@inline
def _shades(reaches, box):
    """Whether a shape overlaps a box of points across the sun, and rises above its lowest one."""
    return (
        reaches[1] >= box[0]
        and reaches[0] <= box[1]
        and reaches[3] >= box[2]
        and reaches[2] <= box[3]
        and reaches[4] >= box[4]
        and reaches[5] >= box[5]
    )


@inline
def _load(directions, t, wanted, axes, f, todo):
    _hit_points(directions, t, axes, f)
    for k in range(LANES):
        todo[k] = np.int32(wanted[k])


@inline
def _count(todo):
    total = np.int32(0)
    for k in range(LANES):
        total += todo[k]
    return total


@inline
def _shade_by_convex(entry, row, kind, axes, instance, f, todo):
    """Switches off the lanes that an analytic shape shades.

    A convex shape never shades its own lit side: those lanes are left out, which spares them the
    rounding of their hit points.
    """
    x, y, z = axes[6], axes[7], axes[8]
    r = entry[ROTATION : ROTATION + 9]
    sx = r[0] * x + r[1] * y + r[2] * z
    sy = r[3] * x + r[4] * y + r[5] * z
    sz = r[6] * x + r[7] * y + r[8] * z
    if kind == SPHERE:
        _shade_by_sphere(entry, row, x, y, z, instance, f, todo)
    elif kind == BOX:
        _shade_by_box(entry, row, sx, sy, sz, instance, f, todo)
    elif kind == PLANE:
        _shade_by_plane(entry, row, sz, instance, f, todo)
    elif kind == CYLINDER:
        _shade_by_cylinder(entry, row, sx, sy, sz, instance, f, todo)
    else:
        _shade_by_capsule(entry, row, sx, sy, sz, instance, f, todo)


@inline
def _shade_by_sphere(entry, row, x, y, z, instance, f, todo):
    cx, cy, cz = entry[CENTER], entry[CENTER + 1], entry[CENTER + 2]
    square = entry[DIMS] * entry[DIMS]
    for k in range(LANES):
        px, py, pz = cx - f[_X + k], cy - f[_Y + k], cz - f[_Z + k]
        ahead = px * x + py * y + pz * z
        px, py, pz = px - ahead * x, py - ahead * y, pz - ahead * z
        root = np.sqrt(square - (px * px + py * py + pz * pz))
        shaded = (ahead + root > _ZERO) & (instance[k] != row)
        todo[k] = choose(shaded, np.int32(0), todo[k])


@inline
def _shade_by_plane(entry, row, sz, instance, f, todo):
    r6, r7, r8 = entry[ROTATION + 6], entry[ROTATION + 7], entry[ROTATION + 8]
    for k in range(LANES):
        height = entry[ORIGIN + 2] + r6 * f[_X + k] + r7 * f[_Y + k] + r8 * f[_Z + k]
        shaded = (-height / sz > _ZERO) & (abs(height) > _OFFSET_M) & (instance[k] != row)
        todo[k] = choose(shaded, np.int32(0), todo[k])


@inline
def _shade_by_box(entry, row, sx, sy, sz, instance, f, todo):
    r0, r1, r2 = entry[ROTATION], entry[ROTATION + 1], entry[ROTATION + 2]
    r3, r4, r5 = entry[ROTATION + 3], entry[ROTATION + 4], entry[ROTATION + 5]
    r6, r7, r8 = entry[ROTATION + 6], entry[ROTATION + 7], entry[ROTATION + 8]
    ox, oy, oz = entry[ORIGIN], entry[ORIGIN + 1], entry[ORIGIN + 2]
    ix, iy, iz = _ONE / off_zero(sx), _ONE / off_zero(sy), _ONE / off_zero(sz)
    hx, hy, hz = entry[DIMS] * abs(ix), entry[DIMS + 1] * abs(iy), entry[DIMS + 2] * abs(iz)
    for k in range(LANES):
        x, y, z = f[_X + k], f[_Y + k], f[_Z + k]
        tx = -(ox + r0 * x + r1 * y + r2 * z) * ix
        ty = -(oy + r3 * x + r4 * y + r5 * z) * iy
        tz = -(oz + r6 * x + r7 * y + r8 * z) * iz
        enter = tx - hx
        enter = enter if enter > ty - hy else ty - hy
        enter = enter if enter > tz - hz else tz - hz
        leave = tx + hx
        leave = leave if leave < ty + hy else ty + hy
        leave = leave if leave < tz + hz else tz + hz
        shaded = (enter <= leave) & (leave > _ZERO) & (instance[k] != row)
        todo[k] = choose(shaded, np.int32(0), todo[k])


@inline
def _shade_by_cylinder(entry, row, sx, sy, sz, instance, f, todo):
    """Inside the round side and between the caps, over some stretch ahead."""
    r0, r1, r2 = entry[ROTATION], entry[ROTATION + 1], entry[ROTATION + 2]
    r3, r4, r5 = entry[ROTATION + 3], entry[ROTATION + 4], entry[ROTATION + 5]
    r6, r7, r8 = entry[ROTATION + 6], entry[ROTATION + 7], entry[ROTATION + 8]
    ox, oy, oz = entry[ORIGIN], entry[ORIGIN + 1], entry[ORIGIN + 2]
    square, half = entry[DIMS] * entry[DIMS], entry[DIMS + 1]
    inverse = _ONE / (sx * sx + sy * sy + _TINY)
    iz = _ONE / off_zero(sz)
    reach = half * abs(iz)
    for k in range(LANES):
        x, y, z = f[_X + k], f[_Y + k], f[_Z + k]
        px = ox + r0 * x + r1 * y + r2 * z
        py = oy + r3 * x + r4 * y + r5 * z
        tz = -(oz + r6 * x + r7 * y + r8 * z) * iz
        closest = -(px * sx + py * sy) * inverse
        qx, qy = px + closest * sx, py + closest * sy
        gap = square - (qx * qx + qy * qy)
        root = np.sqrt((gap if gap > _ZERO else _ZERO) * inverse)
        enter = closest - root
        enter = enter if enter > tz - reach else tz - reach
        leave = closest + root
        leave = leave if leave < tz + reach else tz + reach
        shaded = (gap >= _ZERO) & (enter <= leave) & (leave > _ZERO) & (instance[k] != row)
        todo[k] = choose(shaded, np.int32(0), todo[k])


@inline
def _shade_by_capsule(entry, row, sx, sy, sz, instance, f, todo):
    """Distance between the ray and the axis segment, against the radius.

    Closest points of two segments as in Ericson 2005, "Real-time collision detection", 5.1.9.
    """
    r0, r1, r2 = entry[ROTATION], entry[ROTATION + 1], entry[ROTATION + 2]
    r3, r4, r5 = entry[ROTATION + 3], entry[ROTATION + 4], entry[ROTATION + 5]
    r6, r7, r8 = entry[ROTATION + 6], entry[ROTATION + 7], entry[ROTATION + 8]
    ox, oy, oz = entry[ORIGIN], entry[ORIGIN + 1], entry[ORIGIN + 2]
    square, half = entry[DIMS] * entry[DIMS], entry[DIMS + 1]
    inverse = _ONE / (sx * sx + sy * sy + _TINY)
    for k in range(LANES):
        x, y, z = f[_X + k], f[_Y + k], f[_Z + k]
        px = ox + r0 * x + r1 * y + r2 * z
        py = oy + r3 * x + r4 * y + r5 * z
        pz = oz + r6 * x + r7 * y + r8 * z
        ahead = -(px * sx + py * sy) * inverse
        ahead = ahead if ahead > _ZERO else _ZERO
        height = pz + ahead * sz
        height = height if height < half else half
        height = height if height > -half else -half
        ahead = (height - pz) * sz - (px * sx + py * sy)
        ahead = ahead if ahead > _ZERO else _ZERO
        qx, qy, qz = px + ahead * sx, py + ahead * sy, pz + ahead * sz - height
        shaded = (qx * qx + qy * qy + qz * qz < square) & (instance[k] != row)
        todo[k] = choose(shaded, np.int32(0), todo[k])


@inline
def _shade_by_mesh(entry, row, root, meshes, axes, disc, hit, stack, f, todo):
    instance, primitive = hit
    x, y, z = axes[6], axes[7], axes[8]
    r0, r1, r2 = entry[ROTATION], entry[ROTATION + 1], entry[ROTATION + 2]
    r3, r4, r5 = entry[ROTATION + 3], entry[ROTATION + 4], entry[ROTATION + 5]
    r6, r7, r8 = entry[ROTATION + 6], entry[ROTATION + 7], entry[ROTATION + 8]
    sx = r0 * x + r1 * y + r2 * z
    sy = r3 * x + r4 * y + r5 * z
    sz = r6 * x + r7 * y + r8 * z
    if not _meets_root(entry, meshes.nodes[root], axes, disc, sx, sy, sz, f, todo):
        return
    begin = _common_nodes(meshes, root, sx, sy, sz, f, todo, stack)
    if begin == 0:
        return
    last = np.int32(-1)
    for k in range(LANES):
        if todo[_MEETS + k] == 0:
            continue
        px, py, pz = f[_PX + k], f[_PY + k], f[_PZ + k]
        own = primitive[k] if instance[k] == row else np.int32(-1)
        # Neighbours are mostly shaded by the same triangle.
        if (
            last >= 0
            and last != own
            and triangle_crossed(meshes.corners[last], px, py, pz, sx, sy, sz, _BIG)
        ):
            todo[k] = np.int32(0)
            continue
        for waiting in range(begin):
            stack[waiting] = stack[_COMMON + waiting]
        found = nodes_crossed(meshes, begin, px, py, pz, sx, sy, sz, _BIG, own, stack)
        if found >= 0:
            todo[k] = np.int32(0)
            last = found


@inline
def _common_nodes(meshes, root, sx, sy, sz, f, todo, stack):
    """Goes down a mesh's tree with all marked rays at once, while few branches are left.

    The rays are parallel, so that one of them meets a box only if a ray from the middle of their
    start points meets that box, grown by how far the points spread. Most shadow rays pass a tree's
    crown or a street's walls and end here; the others start from a few nodes far down.

    Returns:
        How many nodes lie in `stack` from `_COMMON` on.
    """
    cx, ex = _spread(_PX, f, todo)
    cy, ey = _spread(_PY, f, todo)
    cz, ez = _spread(_PZ, f, todo)
    ix, iy, iz = _ONE / off_zero(sx), _ONE / off_zero(sy), _ONE / off_zero(sz)
    ax, ay, az = abs(ix), abs(iy), abs(iz)
    # A queue in the upper part of the stack: its front is opened, its children go to its end.
    first, end = _COMMON, _COMMON + 1
    stack[first] = root
    for _ in range(_OPENED):
        if first == end or end - first >= _BRANCHES:
            break
        node = stack[first]
        first += 1
        if meshes.links[node, COUNT] > 0:
            stack[end] = node
            end += 1
            continue
        for side in range(2):
            child = np.int32(meshes.links[node, LINK] if side == 1 else node + 1)
            box = meshes.nodes[child]
            tx, ty, tz = (box[0] - cx) * ix, (box[1] - cy) * iy, (box[2] - cz) * iz
            hx, hy, hz = (box[3] + ex) * ax, (box[4] + ey) * ay, (box[5] + ez) * az
            enter = max(max(tx - hx, ty - hy), max(tz - hz, _ZERO))
            if enter <= min(min(tx + hx, ty + hy), tz + hz):
                stack[end] = child
                end += 1
    for waiting in range(end - first):
        stack[_COMMON + waiting] = stack[first + waiting]
    return end - first


@inline
def _spread(row, f, todo):
    """Middle of the marked lanes' numbers in a row of the scratch, and how far they lie from it."""
    low, high = _BIG, -_BIG
    for k in range(LANES):
        value = f[row + k]
        low = value if (todo[_MEETS + k] != 0) & (value < low) else low
        high = value if (todo[_MEETS + k] != 0) & (value > high) else high
    middle = np.float32(0.5) * (low + high)
    spread = max(high - middle, middle - low)
    return middle, spread * _ROOM + np.float32(1e-6) * abs(middle)


@inline
def _meets_root(entry, box, axes, disc, sx, sy, sz, f, todo):
    """Marks the lanes whose rays meet a mesh's bounding sphere and box; whether there are any.

    For whole packets: most lanes end here, on the ground all those that stand on it.
    """
    r0, r1, r2 = entry[ROTATION], entry[ROTATION + 1], entry[ROTATION + 2]
    r3, r4, r5 = entry[ROTATION + 3], entry[ROTATION + 4], entry[ROTATION + 5]
    r6, r7, r8 = entry[ROTATION + 6], entry[ROTATION + 7], entry[ROTATION + 8]
    ox, oy, oz = entry[ORIGIN], entry[ORIGIN + 1], entry[ORIGIN + 2]
    ix, iy, iz = _ONE / off_zero(sx), _ONE / off_zero(sy), _ONE / off_zero(sz)
    cx, cy, cz = box[0], box[1], box[2]
    hx, hy, hz = box[3] * abs(ix), box[4] * abs(iy), box[5] * abs(iz)
    square = disc[3] * disc[3]
    a0, a1, a2, a3, a4, a5 = axes[0], axes[1], axes[2], axes[3], axes[4], axes[5]
    d0, d1 = disc[0], disc[1]
    for k in range(LANES):
        x, y, z = f[_X + k], f[_Y + k], f[_Z + k]
        px = ox + r0 * x + r1 * y + r2 * z
        py = oy + r3 * x + r4 * y + r5 * z
        pz = oz + r6 * x + r7 * y + r8 * z
        f[_PX + k] = px
        f[_PY + k] = py
        f[_PZ + k] = pz
        gx = d0 - (a0 * x + a1 * y + a2 * z)
        gy = d1 - (a3 * x + a4 * y + a5 * z)
        tx, ty, tz = (cx - px) * ix, (cy - py) * iy, (cz - pz) * iz
        enter = tx - hx
        enter = enter if enter > ty - hy else ty - hy
        enter = enter if enter > tz - hz else tz - hz
        leave = tx + hx
        leave = leave if leave < ty + hy else ty + hy
        leave = leave if leave < tz + hz else tz + hz
        meets = (gx * gx + gy * gy <= square) & (enter <= leave) & (leave >= _ZERO)
        todo[_MEETS + k] = choose(meets, todo[k], np.int32(0))
    total = np.int32(0)
    for k in range(LANES):
        total += todo[_MEETS + k]
    return total > 0
