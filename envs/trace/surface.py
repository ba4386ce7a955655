"""The surface where rays ended: normals and texture coordinates of a tile, shape by shape.

These are helpers for kernels (attributes, shading). A tile mostly shows one to three instances, so
the work goes instance by instance over all lanes, in loops that vectorise, and each lane keeps
what belongs to it. Results lie in a flat float32 scratch array at constant offsets.

Texture coordinates of analytic shapes are metres along the surface: (x, y) on planes and caps, the
two other axes on a box's face, (azimuth x radius, z) around cylinders and capsules, (azimuth x
radius, elevation x radius) on spheres. Meshes have their own.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np

from fleetloop.envs.trace.jit import inline
from fleetloop.envs.trace.layout import (
    BOX,
    CYLINDER,
    DIMS,
    HAS_NORMALS,
    HAS_UV,
    KIND,
    LANES,
    MESH,
    MESH_FLAGS,
    MESH_INDEX,
    ORIGIN,
    PLANE,
    ROTATION,
    SPHERE,
)

# Offsets into the scratch of `SURFACE_FLOATS` numbers.
PX = 0  # hit point in the local frame of its instance
PY = LANES
PZ = 2 * LANES
NX = 3 * LANES  # unit normal in the ray frame, on the sensor's side
NY = 4 * LANES
NZ = 5 * LANES
U = 6 * LANES
V = 7 * LANES
SURFACE_FLOATS = 8 * LANES

# So many triangles of a tile are done over all lanes; after that, lanes go one by one.
_FEW_TRIANGLES = 16
_NO_MORE = np.int32(2**31 - 1)

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)


@inline
def visible_rows(instance, found):
    """Lists the rows that a tile shows, in the order of their first lane; returns how many."""
    count = 0
    last = np.int32(-1)
    for k in range(LANES):
        row = instance[k]
        if row == last or row < 0:
            continue
        last = row
        known = False
        for index in range(count):
            known = known or found[index] == row
        if not known:
            found[count] = row
            count += 1
    return count


@inline
def tile_points(entry, row, directions, t, instance, s):
    """Local hit points of the lanes that show one row."""
    x, y, z = directions[0], directions[1], directions[2]
    r0, r1, r2 = entry[ROTATION], entry[ROTATION + 1], entry[ROTATION + 2]
    r3, r4, r5 = entry[ROTATION + 3], entry[ROTATION + 4], entry[ROTATION + 5]
    r6, r7, r8 = entry[ROTATION + 6], entry[ROTATION + 7], entry[ROTATION + 8]
    ox, oy, oz = entry[ORIGIN], entry[ORIGIN + 1], entry[ORIGIN + 2]
    for k in range(LANES):
        if instance[k] == row:
            s[PX + k] = ox + t[k] * (r0 * x[k] + r1 * y[k] + r2 * z[k])
            s[PY + k] = oy + t[k] * (r3 * x[k] + r4 * y[k] + r5 * z[k])
            s[PZ + k] = oz + t[k] * (r6 * x[k] + r7 * y[k] + r8 * z[k])


@inline
def tile_normals(entry, row, integers, meshes, directions, instance, primitive, s):
    """Normals of the lanes that show one row; needs their points."""
    kind = integers[KIND]
    if kind == PLANE:
        for k in range(LANES):
            if instance[k] == row:
                s[NX + k] = _ZERO
                s[NY + k] = _ZERO
                s[NZ + k] = _ONE
    elif kind == BOX:
        _box_normals(entry, row, instance, s)
    elif kind == MESH:
        _mesh_normals(entry, row, integers, meshes, instance, primitive, s)
    else:
        # Spheres, cylinders and capsules: away from the nearest point of the axis.
        half = entry[DIMS + 1] if kind != SPHERE else _ZERO
        for k in range(LANES):
            if instance[k] == row:
                x, y, z = s[PX + k], s[PY + k], s[PZ + k]
                above = z - half if z > half else _ZERO
                above = z + half if z < -half else above
                length = np.sqrt(x * x + y * y + above * above)
                inverse = _ONE / length if length > _ZERO else _ZERO
                s[NX + k] = x * inverse
                s[NY + k] = y * inverse
                s[NZ + k] = above * inverse
        if kind == CYLINDER:
            _cap_normals(entry, row, instance, s)
    _to_ray_frame(entry, row, instance, s)
    if kind == PLANE:
        _face_sensor(row, directions, instance, s)


@inline
def _box_normals(entry, row, instance, s):
    """The face is the one that the point is nearest to."""
    hx, hy, hz = entry[DIMS], entry[DIMS + 1], entry[DIMS + 2]
    for k in range(LANES):
        if instance[k] == row:
            x, y, z = s[PX + k], s[PY + k], s[PZ + k]
            gx, gy, gz = abs(x) - hx, abs(y) - hy, abs(z) - hz
            on_x = gx >= gy and gx >= gz
            on_y = gy >= gz and not on_x
            s[NX + k] = (_ONE if x > _ZERO else -_ONE) if on_x else _ZERO
            s[NY + k] = (_ONE if y > _ZERO else -_ONE) if on_y else _ZERO
            s[NZ + k] = _ZERO if on_x or on_y else (_ONE if z > _ZERO else -_ONE)


@inline
def _cap_normals(entry, row, instance, s):
    radius, half = entry[DIMS], entry[DIMS + 1]
    for k in range(LANES):
        if instance[k] == row:
            x, y, z = s[PX + k], s[PY + k], s[PZ + k]
            if abs(z) - half > np.sqrt(x * x + y * y) - radius:
                s[NX + k] = _ZERO
                s[NY + k] = _ZERO
                s[NZ + k] = _ONE if z > _ZERO else -_ONE


@inline
def _mesh_normals(entry, row, integers, meshes, instance, primitive, s):
    """Triangle by triangle over all lanes while there are few, then lane by lane."""
    smooth = (meshes.meta[integers[MESH_INDEX], MESH_FLAGS] & HAS_NORMALS) != 0
    last = np.int32(-1)
    # One call for both ways: what it inlines is most of what there is to compile.
    for step in range(_FEW_TRIANGLES + LANES):
        last, triangle, begin, end = _step(step, last, row, instance, primitive)
        if last == _NO_MORE:
            return
        if begin < end:
            _facet_normals(entry, row, triangle, begin, end, smooth, meshes, instance, primitive, s)


@inline
def _step(step, last, row, instance, primitive):
    """The last triangle done over all lanes, the one to do next, and on which lanes."""
    if step < _FEW_TRIANGLES:
        last = _next_triangle(row, last, instance, primitive)
        return last, last, 0, LANES
    k = step - _FEW_TRIANGLES
    left = instance[k] == row and primitive[k] > last
    return last, primitive[k], k, k + 1 if left else k


@inline
def _next_triangle(row, last, instance, primitive):
    """The lowest triangle above `last` among the lanes that show a row."""
    lowest = _NO_MORE
    for k in range(LANES):
        counts = instance[k] == row and primitive[k] > last
        value = primitive[k] if counts else _NO_MORE
        lowest = value if value < lowest else lowest
    return lowest


@inline
def _facet_normals(entry, row, triangle, begin, end, smooth, meshes, instance, primitive, s):
    """Local normals of those lanes in a range that show one triangle."""
    c = meshes.corners[triangle]
    ux, uy, uz = c[3] - c[0], c[4] - c[1], c[5] - c[2]
    vx, vy, vz = c[6] - c[0], c[7] - c[1], c[8] - c[2]
    gx, gy, gz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    # Both sides of open meshes are seen: the triangle's own side decides for smooth ones too.
    facing = (
        gx * (c[0] - entry[ORIGIN])
        + gy * (c[1] - entry[ORIGIN + 1])
        + gz * (c[2] - entry[ORIGIN + 2])
    )
    sign = -_ONE if facing > _ZERO else _ONE
    if not smooth:
        length = np.sqrt(gx * gx + gy * gy + gz * gz)
        scale = sign / length if length > _ZERO else _ZERO
        gx, gy, gz = gx * scale, gy * scale, gz * scale
        for k in range(begin, end):
            if instance[k] == row and primitive[k] == triangle:
                s[NX + k] = gx
                s[NY + k] = gy
                s[NZ + k] = gz
        return
    corners, n = meshes.triangles[triangle], meshes.normals
    i, j, h = corners[0], corners[1], corners[2]
    ax, ay, az = n[i, 0], n[i, 1], n[i, 2]
    bx, by, bz = n[j, 0] - ax, n[j, 1] - ay, n[j, 2] - az
    wx, wy, wz = n[h, 0] - ax, n[h, 1] - ay, n[h, 2] - az
    x0, y0, z0 = c[0], c[1], c[2]
    px, py, pz, qx, qy, qz = barycentric_axes(c)
    for k in range(begin, end):
        if instance[k] == row and primitive[k] == triangle:
            x, y, z = s[PX + k] - x0, s[PY + k] - y0, s[PZ + k] - z0
            p, q = px * x + py * y + pz * z, qx * x + qy * y + qz * z
            nx, ny, nz = ax + p * bx + q * wx, ay + p * by + q * wy, az + p * bz + q * wz
            length = np.sqrt(nx * nx + ny * ny + nz * nz)
            scale = sign / length if length > _ZERO else _ZERO
            s[NX + k] = nx * scale
            s[NY + k] = ny * scale
            s[NZ + k] = nz * scale


@inline
def barycentric_axes(c):
    """Two vectors, whose products with (point - first corner) weigh the second and third corner."""
    ux, uy, uz = c[3] - c[0], c[4] - c[1], c[5] - c[2]
    vx, vy, vz = c[6] - c[0], c[7] - c[1], c[8] - c[2]
    uu = ux * ux + uy * uy + uz * uz
    uv = ux * vx + uy * vy + uz * vz
    vv = vx * vx + vy * vy + vz * vz
    area = uu * vv - uv * uv
    inverse = _ONE / area if area > _ZERO else _ZERO
    u, w, v = uu * inverse, uv * inverse, vv * inverse
    return (
        v * ux - w * vx, v * uy - w * vy, v * uz - w * vz,
        u * vx - w * ux, u * vy - w * uy, u * vz - w * uz,
    )  # fmt: skip


@inline
def _to_ray_frame(entry, row, instance, s):
    r0, r1, r2 = entry[ROTATION], entry[ROTATION + 1], entry[ROTATION + 2]
    r3, r4, r5 = entry[ROTATION + 3], entry[ROTATION + 4], entry[ROTATION + 5]
    r6, r7, r8 = entry[ROTATION + 6], entry[ROTATION + 7], entry[ROTATION + 8]
    for k in range(LANES):
        if instance[k] == row:
            x, y, z = s[NX + k], s[NY + k], s[NZ + k]
            s[NX + k] = r0 * x + r3 * y + r6 * z
            s[NY + k] = r1 * x + r4 * y + r7 * z
            s[NZ + k] = r2 * x + r5 * y + r8 * z


@inline
def _face_sensor(row, directions, instance, s):
    x, y, z = directions[0], directions[1], directions[2]
    for k in range(LANES):
        if instance[k] == row:
            away = s[NX + k] * x[k] + s[NY + k] * y[k] + s[NZ + k] * z[k] > _ZERO
            sign = -_ONE if away else _ONE
            s[NX + k] *= sign
            s[NY + k] *= sign
            s[NZ + k] *= sign


@inline
def tile_uv(entry, row, integers, meshes, instance, primitive, s):
    """Texture coordinates of the lanes that show one row; needs their points."""
    kind = integers[KIND]
    if kind == MESH:
        _mesh_uv(row, integers, meshes, instance, primitive, s)
    elif kind == PLANE:
        for k in range(LANES):
            if instance[k] == row:
                s[U + k] = s[PX + k]
                s[V + k] = s[PY + k]
    elif kind == BOX:
        hx, hy, hz = entry[DIMS], entry[DIMS + 1], entry[DIMS + 2]
        for k in range(LANES):
            if instance[k] == row:
                x, y, z = s[PX + k], s[PY + k], s[PZ + k]
                gx, gy, gz = abs(x) - hx, abs(y) - hy, abs(z) - hz
                on_x = gx >= gy and gx >= gz
                on_y = gy >= gz and not on_x
                s[U + k] = y if on_x else x
                s[V + k] = z if on_x or on_y else y
    else:
        _round_uv(entry, row, kind, instance, s)


@inline
def _round_uv(entry, row, kind, instance, s):
    radius, half = entry[DIMS], entry[DIMS + 1]
    for k in range(LANES):
        if instance[k] != row:
            continue
        x, y, z = s[PX + k], s[PY + k], s[PZ + k]
        across = np.sqrt(x * x + y * y)
        if kind == CYLINDER and abs(z) - half > across - radius:
            s[U + k] = x
            s[V + k] = y
        else:
            s[U + k] = np.float32(np.arctan2(y, x)) * radius
            s[V + k] = np.float32(np.arctan2(z, across)) * radius if kind == SPHERE else z


@inline
def _mesh_uv(row, integers, meshes, instance, primitive, s):
    if (meshes.meta[integers[MESH_INDEX], MESH_FLAGS] & HAS_UV) == 0:
        for k in range(LANES):
            if instance[k] == row:
                s[U + k] = s[PX + k]
                s[V + k] = s[PY + k]
        return
    last = np.int32(-1)
    for step in range(_FEW_TRIANGLES + LANES):
        last, triangle, begin, end = _step(step, last, row, instance, primitive)
        if last == _NO_MORE:
            return
        if begin < end:
            _facet_uv(row, triangle, begin, end, meshes, instance, primitive, s)


@inline
def _facet_uv(row, triangle, begin, end, meshes, instance, primitive, s):
    """Texture coordinates of those lanes in a range that show one triangle."""
    c = meshes.corners[triangle]
    corners, uv = meshes.triangles[triangle], meshes.uv
    i, j, h = corners[0], corners[1], corners[2]
    u0, v0 = uv[i, 0], uv[i, 1]
    u1, v1, u2, v2 = uv[j, 0] - u0, uv[j, 1] - v0, uv[h, 0] - u0, uv[h, 1] - v0
    x0, y0, z0 = c[0], c[1], c[2]
    px, py, pz, qx, qy, qz = barycentric_axes(c)
    for k in range(begin, end):
        if instance[k] == row and primitive[k] == triangle:
            x, y, z = s[PX + k] - x0, s[PY + k] - y0, s[PZ + k] - z0
            p, q = px * x + py * y + pz * z, qx * x + qy * y + qz * z
            s[U + k] = u0 + p * u1 + q * u2
            s[V + k] = v0 + p * v1 + q * v2
