"""One ray at a time: whether anything crosses a segment. For lamps, flow and shadows of meshes.

A packet is faster where rays stay together; these walks are for rays that do not.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np

from fleetloop.envs.trace.jit import inline
from fleetloop.envs.trace.layout import (
    BOX,
    CENTER,
    COUNT,
    CYLINDER,
    DIMS,
    FLAGS,
    KIND,
    LINK,
    MESH,
    MESH_INDEX,
    NODE_BEGIN,
    ORIGIN,
    PLANE,
    RADIUS,
    ROTATION,
    SPHERE,
    SPLIT_AXIS,
)

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_TINY = np.float32(1e-20)


@inline
def off_zero(value):
    """The value, or a tiny one: keeps 0 x infinity out of slab tests."""
    return value if abs(value) > _TINY else _TINY


@inline
def mesh_crossed(meshes, root, px, py, pz, sx, sy, sz, t_max, own, stack):
    """A triangle (other than `own`) that a segment p + t s, 0 < t < t_max, crosses, or -1."""
    stack[0] = root
    return nodes_crossed(meshes, 1, px, py, pz, sx, sy, sz, t_max, own, stack)


@inline
def nodes_crossed(meshes, waiting, px, py, pz, sx, sy, sz, t_max, own, stack):
    """As `mesh_crossed`, of the nodes that lie in `stack`."""
    ix, iy, iz = _ONE / off_zero(sx), _ONE / off_zero(sy), _ONE / off_zero(sz)
    ax, ay, az = abs(ix), abs(iy), abs(iz)
    while waiting > 0:
        waiting -= 1
        node = stack[waiting]
        box = meshes.nodes[node]
        tx, ty, tz = (box[0] - px) * ix, (box[1] - py) * iy, (box[2] - pz) * iz
        hx, hy, hz = box[3] * ax, box[4] * ay, box[5] * az
        enter = max(max(tx - hx, ty - hy), max(tz - hz, _ZERO))
        leave = min(min(tx + hx, ty + hy), min(tz + hz, t_max))
        if enter > leave:
            continue
        count = meshes.links[node, COUNT]
        link = meshes.links[node, LINK]
        if count == 0:
            axis = meshes.links[node, SPLIT_AXIS]
            towards = sx if axis == 0 else (sy if axis == 1 else sz)
            near_first = towards >= _ZERO
            stack[waiting] = link if near_first else node + 1
            stack[waiting + 1] = node + 1 if near_first else link
            waiting += 2
            continue
        for triangle in range(link, link + count):
            if triangle != own and triangle_crossed(
                meshes.corners[triangle], px, py, pz, sx, sy, sz, t_max
            ):
                return np.int32(triangle)
    return np.int32(-1)


@inline
def triangle_crossed(c, px, py, pz, sx, sy, sz, t_max):
    """Whether a segment crosses a triangle, from either side [Moeller, Trumbore 1997]."""
    ux, uy, uz = c[3] - c[0], c[4] - c[1], c[5] - c[2]
    vx, vy, vz = c[6] - c[0], c[7] - c[1], c[8] - c[2]
    hx, hy, hz = sy * vz - sz * vy, sz * vx - sx * vz, sx * vy - sy * vx
    inverse = _ONE / (ux * hx + uy * hy + uz * hz)
    wx, wy, wz = px - c[0], py - c[1], pz - c[2]
    u = (wx * hx + wy * hy + wz * hz) * inverse
    if not (u >= _ZERO and u <= _ONE):
        return False
    qx, qy, qz = wy * uz - wz * uy, wz * ux - wx * uz, wx * uy - wy * ux
    v = (sx * qx + sy * qy + sz * qz) * inverse
    if not (v >= _ZERO and u + v <= _ONE):
        return False
    t = (vx * qx + vy * qy + vz * qz) * inverse
    return t > _ZERO and t < t_max


@inline
def segment_blocked(
    table, rows, meshes, px, py, pz, dx, dy, dz, t_max, skip_flags, own_row, own, stack
):
    """Whether anything crosses p + t d, 0 < t < t_max, in the ray frame.

    Args:
        table: (rows, ICOLS) of the slot.
        rows: (rows, JCOLS).
        meshes: MeshArrays.
        px, py, pz: Start of the segment.
        dx, dy, dz: Direction, any length.
        t_max: End of the segment.
        skip_flags: Rows with these bits do not block.
        own_row: The row on which the segment starts or ends, or -1: convex shapes do not block
            their own points.
        own: The triangle of that row on which it does, or -1.
        stack: Scratch, int32, 2 * bvh.MAX_DEPTH.
    """
    length = np.sqrt(dx * dx + dy * dy + dz * dz)
    for row in range(len(rows)):
        if (rows[row, FLAGS] & skip_flags) != 0:
            continue
        kind = rows[row, KIND]
        if row == own_row and kind != MESH:
            continue
        entry = table[row]
        cx, cy, cz = entry[CENTER] - px, entry[CENTER + 1] - py, entry[CENTER + 2] - pz
        ahead = (cx * dx + cy * dy + cz * dz) / length
        radius = entry[RADIUS]
        if kind != PLANE:
            if ahead < -radius or ahead > length * t_max + radius:
                continue
            if cx * cx + cy * cy + cz * cz - ahead * ahead > radius * radius * np.float32(1.0001):
                continue
        if _row_crossed(
            entry,
            rows[row],
            meshes,
            px,
            py,
            pz,
            dx,
            dy,
            dz,
            t_max,
            own if row == own_row else -1,
            stack,
        ):
            return True
    return False


@inline
def _row_crossed(entry, integers, meshes, px, py, pz, dx, dy, dz, t_max, own, stack):
    r = entry[ROTATION : ROTATION + 9]
    lx = entry[ORIGIN] + r[0] * px + r[1] * py + r[2] * pz
    ly = entry[ORIGIN + 1] + r[3] * px + r[4] * py + r[5] * pz
    lz = entry[ORIGIN + 2] + r[6] * px + r[7] * py + r[8] * pz
    sx = r[0] * dx + r[1] * dy + r[2] * dz
    sy = r[3] * dx + r[4] * dy + r[5] * dz
    sz = r[6] * dx + r[7] * dy + r[8] * dz
    kind = integers[KIND]
    if kind == MESH:
        root = meshes.meta[integers[MESH_INDEX], NODE_BEGIN]
        return mesh_crossed(meshes, root, lx, ly, lz, sx, sy, sz, t_max, own, stack) >= 0
    iz = _ONE / off_zero(sz)
    if kind == PLANE:
        t = -lz * iz
        return t > _ZERO and t < t_max
    square, half = entry[DIMS] * entry[DIMS], entry[DIMS + 1]
    if kind == BOX:
        ix, iy = _ONE / off_zero(sx), _ONE / off_zero(sy)
        tx, ty, tz = -lx * ix, -ly * iy, -lz * iz
        hx, hy, hz = entry[DIMS] * abs(ix), half * abs(iy), entry[DIMS + 2] * abs(iz)
        enter = max(max(tx - hx, ty - hy), tz - hz)
        leave = min(min(tx + hx, ty + hy), tz + hz)
        return enter <= leave and enter < t_max and leave > _ZERO
    if kind == CYLINDER:
        inverse = _ONE / (sx * sx + sy * sy + _TINY)
        closest = -(lx * sx + ly * sy) * inverse
        qx, qy = lx + closest * sx, ly + closest * sy
        gap = square - (qx * qx + qy * qy)
        if gap < _ZERO:
            return False
        root = np.sqrt(gap * inverse)
        tz, reach = -lz * iz, half * abs(iz)
        enter, leave = max(closest - root, tz - reach), min(closest + root, tz + reach)
        return enter <= leave and enter < t_max and leave > _ZERO
    if kind == SPHERE:
        half = _ZERO
    return _capsule_crossed(lx, ly, lz, sx, sy, sz, square, half, t_max)


@inline
def _capsule_crossed(lx, ly, lz, sx, sy, sz, square, half, t_max):
    length2 = sx * sx + sy * sy + sz * sz
    t = -(lx * sx + ly * sy) / (sx * sx + sy * sy + _TINY)
    t = min(max(t, _ZERO), t_max)
    height = min(max(lz + t * sz, -half), half)
    t = ((height - lz) * sz - (lx * sx + ly * sy)) / length2
    t = min(max(t, _ZERO), t_max)
    qx, qy, qz = lx + t * sx, ly + t * sy, lz + t * sz - height
    return qx * qx + qy * qy + qz * qz < square
