"""The surface where rays ended: normals and texture coordinates of a tile, shape by shape.

These are helpers for kernels (attributes, shading). A tile mostly shows one to three instances, so
the work goes instance by instance over all lanes, in loops that vectorise, and each lane keeps
what belongs to it. Results lie in a flat float32 scratch array at constant offsets.

What a lane keeps is loaded before it is chosen (`old if not mine`), never stored under a condition:
masked stores are many times slower than a blend on processors without AVX-512.

Texture coordinates of analytic shapes are metres along the surface: (x, y) on planes and caps, the
two other axes on a box's face, (azimuth x radius, z) around cylinders and capsules, (azimuth x
radius, elevation x radius) on spheres. Meshes have their own.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np

from fleetloop.envs.trace.blend import blend
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
UV_PER_M = 8 * LANES  # how much of the texture coordinates a metre of the surface is
SURFACE_FLOATS = 9 * LANES

# The same for unsigned lanes.
_PX, _PY, _PZ = np.uint64(PX), np.uint64(PY), np.uint64(PZ)
_NX, _NY, _NZ = np.uint64(NX), np.uint64(NY), np.uint64(NZ)
_U, _V, _UV_PER_M = np.uint64(U), np.uint64(V), np.uint64(UV_PER_M)

# So many triangles of a tile are done over all lanes; after that, lanes go one by one.
_FEW_TRIANGLES = 16
_NO_MORE = np.int32(2**31 - 1)
_NOT_ABOVE = np.uint32(2**31)

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)


@inline
def visible_rows(instance, found):
    """Lists the rows that a tile shows, in the order of their first lane; returns how many."""
    low, high = instance[0], instance[0]
    for k in range(LANES):
        row = instance[k]
        low = row if row < low else low
        high = row if row > high else high
    if low == high:
        found[0] = low
        return 1 if low >= 0 else 0
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
def tile_points(entry, directions, t, mine, s):
    """Local hit points of the lanes that show one row, by their masks (`blend.mark`)."""
    x, y, z = directions[0], directions[1], directions[2]
    r0, r1, r2 = entry[ROTATION], entry[ROTATION + 1], entry[ROTATION + 2]
    r3, r4, r5 = entry[ROTATION + 3], entry[ROTATION + 4], entry[ROTATION + 5]
    r6, r7, r8 = entry[ROTATION + 6], entry[ROTATION + 7], entry[ROTATION + 8]
    ox, oy, oz = entry[ORIGIN], entry[ORIGIN + 1], entry[ORIGIN + 2]
    for k in range(LANES):
        px, py, pz = s[PX + k], s[PY + k], s[PZ + k]
        dx, dy, dz, reach = x[k], y[k], z[k], t[k]
        s[PX + k] = blend(mine[k], ox + reach * (r0 * dx + r1 * dy + r2 * dz), px)
        s[PY + k] = blend(mine[k], oy + reach * (r3 * dx + r4 * dy + r5 * dz), py)
        s[PZ + k] = blend(mine[k], oz + reach * (r6 * dx + r7 * dy + r8 * dz), pz)


@inline
def tile_normals(entry, integers, meshes, directions, mine, primitive, s):
    """Normals of the lanes that show one row; needs their points."""
    kind = integers[KIND]
    if kind == PLANE:
        _plane_normals(mine, s)
    elif kind == BOX:
        _box_normals(entry, mine, s)
    elif kind == MESH:
        _mesh_normals(entry, integers, meshes, mine, primitive, s)
    else:
        _round_normals(entry[DIMS + 1] if kind != SPHERE else _ZERO, mine, s)
        if kind == CYLINDER:
            _cap_normals(entry, mine, s)
    _to_ray_frame(entry, mine, s)
    if kind == PLANE:
        _face_sensor(directions, mine, s)


@inline
def _plane_normals(mine, s):
    for k in range(LANES):
        nx, ny, nz = s[NX + k], s[NY + k], s[NZ + k]
        s[NX + k] = blend(mine[k], _ZERO, nx)
        s[NY + k] = blend(mine[k], _ZERO, ny)
        s[NZ + k] = blend(mine[k], _ONE, nz)


@inline
def _round_normals(half, mine, s):
    """Spheres, cylinders and capsules: away from the nearest point of the axis."""
    for k in range(LANES):
        nx, ny, nz = s[NX + k], s[NY + k], s[NZ + k]
        x, y, z = s[PX + k], s[PY + k], s[PZ + k]
        above = z - half if z > half else _ZERO
        above = z + half if z < -half else above
        length = np.sqrt(x * x + y * y + above * above)
        inverse = _ONE / length if length > _ZERO else _ZERO
        s[NX + k] = blend(mine[k], x * inverse, nx)
        s[NY + k] = blend(mine[k], y * inverse, ny)
        s[NZ + k] = blend(mine[k], above * inverse, nz)


@inline
def _box_normals(entry, mine, s):
    """The face is the one that the point is nearest to."""
    hx, hy, hz = entry[DIMS], entry[DIMS + 1], entry[DIMS + 2]
    for k in range(LANES):
        nx, ny, nz = s[NX + k], s[NY + k], s[NZ + k]
        x, y, z = s[PX + k], s[PY + k], s[PZ + k]
        gx, gy, gz = abs(x) - hx, abs(y) - hy, abs(z) - hz
        on_x = (gx >= gy) & (gx >= gz)
        on_y = (gy >= gz) & (not on_x)
        side_x, side_y = (_ONE if x > _ZERO else -_ONE), (_ONE if y > _ZERO else -_ONE)
        side_z = _ONE if z > _ZERO else -_ONE
        side_x, side_y = (side_x if on_x else _ZERO), (side_y if on_y else _ZERO)
        side_z = _ZERO if on_x | on_y else side_z
        s[NX + k] = blend(mine[k], side_x, nx)
        s[NY + k] = blend(mine[k], side_y, ny)
        s[NZ + k] = blend(mine[k], side_z, nz)


@inline
def _cap_normals(entry, mine, s):
    radius, half = entry[DIMS], entry[DIMS + 1]
    for k in range(LANES):
        nx, ny, nz = s[NX + k], s[NY + k], s[NZ + k]
        x, y, z = s[PX + k], s[PY + k], s[PZ + k]
        on_side = abs(z) - half <= np.sqrt(x * x + y * y) - radius
        side = _ONE if z > _ZERO else -_ONE
        s[NX + k] = blend(mine[k], nx if on_side else _ZERO, nx)
        s[NY + k] = blend(mine[k], ny if on_side else _ZERO, ny)
        s[NZ + k] = blend(mine[k], nz if on_side else side, nz)


@inline
def _mesh_normals(entry, integers, meshes, mine, primitive, s):
    """Triangle by triangle over all lanes while there are few, then lane by lane."""
    smooth = (meshes.meta[integers[MESH_INDEX], MESH_FLAGS] & HAS_NORMALS) != 0
    last = np.int32(-1)
    # One call for both ways: what it inlines is most of what there is to compile.
    for step in range(_FEW_TRIANGLES + LANES):
        last, triangle, begin, end = _step(step, last, mine, primitive)
        if last == _NO_MORE:
            return
        if begin < end:
            _facet_normals(entry, triangle, begin, end, smooth, meshes, mine, primitive, s)


@inline
def _step(step, last, mine, primitive):
    """The last triangle done over all lanes, the one to do next, and on which lanes.

    Lanes are unsigned, which spares the branch for indices from the end, and so keeps vectors.
    """
    if step < _FEW_TRIANGLES:
        last = _next_triangle(last, mine, primitive)
        return last, last, np.uint64(0), np.uint64(LANES)
    k = np.uint64(step - _FEW_TRIANGLES)
    left = mine[k] != 0 and primitive[k] > last
    return last, primitive[k], k, np.uint64(step - _FEW_TRIANGLES + (1 if left else 0))


@inline
def _next_triangle(last, mine, primitive):
    """The lowest triangle above `last` among the lanes that show a row."""
    first = np.int32(last + np.int32(1))
    lowest = _NOT_ABOVE
    for k in range(LANES):
        # Those before the first wrap round to the largest numbers, and other rows' become the last.
        above = np.uint32(np.uint32(primitive[k] - first) | np.uint32(~mine[k]))
        lowest = above if above < lowest else lowest
    return _NO_MORE if lowest >= _NOT_ABOVE else np.int32(np.int32(lowest) + first)


@inline
def _facet_normals(entry, triangle, begin, end, smooth, meshes, mine, primitive, s):
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
            here = np.int32(mine[k] & np.int32(-np.int32(primitive[k] == triangle)))
            nx, ny, nz = s[_NX + k], s[_NY + k], s[_NZ + k]
            s[_NX + k] = blend(here, gx, nx)
            s[_NY + k] = blend(here, gy, ny)
            s[_NZ + k] = blend(here, gz, nz)
        return
    corners, n = meshes.triangles[triangle], meshes.normals
    i, j, h = corners[0], corners[1], corners[2]
    ax, ay, az = n[i, 0], n[i, 1], n[i, 2]
    bx, by, bz = n[j, 0] - ax, n[j, 1] - ay, n[j, 2] - az
    wx, wy, wz = n[h, 0] - ax, n[h, 1] - ay, n[h, 2] - az
    x0, y0, z0 = c[0], c[1], c[2]
    px, py, pz, qx, qy, qz = barycentric_axes(c)
    for k in range(begin, end):
        here = np.int32(mine[k] & np.int32(-np.int32(primitive[k] == triangle)))
        old_x, old_y, old_z = s[_NX + k], s[_NY + k], s[_NZ + k]
        x, y, z = s[_PX + k] - x0, s[_PY + k] - y0, s[_PZ + k] - z0
        p, q = px * x + py * y + pz * z, qx * x + qy * y + qz * z
        nx, ny, nz = ax + p * bx + q * wx, ay + p * by + q * wy, az + p * bz + q * wz
        length = np.sqrt(nx * nx + ny * ny + nz * nz)
        scale = sign / length if length > _ZERO else _ZERO
        s[_NX + k] = blend(here, nx * scale, old_x)
        s[_NY + k] = blend(here, ny * scale, old_y)
        s[_NZ + k] = blend(here, nz * scale, old_z)


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
def _to_ray_frame(entry, mine, s):
    r0, r1, r2 = entry[ROTATION], entry[ROTATION + 1], entry[ROTATION + 2]
    r3, r4, r5 = entry[ROTATION + 3], entry[ROTATION + 4], entry[ROTATION + 5]
    r6, r7, r8 = entry[ROTATION + 6], entry[ROTATION + 7], entry[ROTATION + 8]
    for k in range(LANES):
        x, y, z = s[NX + k], s[NY + k], s[NZ + k]
        s[NX + k] = blend(mine[k], r0 * x + r3 * y + r6 * z, x)
        s[NY + k] = blend(mine[k], r1 * x + r4 * y + r7 * z, y)
        s[NZ + k] = blend(mine[k], r2 * x + r5 * y + r8 * z, z)


@inline
def _face_sensor(directions, mine, s):
    x, y, z = directions[0], directions[1], directions[2]
    for k in range(LANES):
        nx, ny, nz = s[NX + k], s[NY + k], s[NZ + k]
        away = (nx * x[k] + ny * y[k] + nz * z[k] > _ZERO) & (mine[k] != 0)
        sign = -_ONE if away else _ONE
        s[NX + k] = sign * nx
        s[NY + k] = sign * ny
        s[NZ + k] = sign * nz


@inline
def tile_uv(entry, integers, meshes, mine, primitive, s):
    """Texture coordinates of the lanes that show one row, and their scale; needs their points."""
    kind = integers[KIND]
    if kind == MESH and (meshes.meta[integers[MESH_INDEX], MESH_FLAGS] & HAS_UV) != 0:
        _mesh_uv(meshes, mine, primitive, s)
        return
    if kind in (PLANE, MESH):
        _flat_uv(mine, s)
    elif kind == BOX:
        _box_uv(entry, mine, s)
    else:
        _round_uv(entry, kind, mine, s)
    for k in range(LANES):
        scale = s[UV_PER_M + k]
        s[UV_PER_M + k] = blend(mine[k], _ONE, scale)


@inline
def _flat_uv(mine, s):
    for k in range(LANES):
        u, v, x, y = s[U + k], s[V + k], s[PX + k], s[PY + k]
        s[U + k] = blend(mine[k], x, u)
        s[V + k] = blend(mine[k], y, v)


@inline
def _box_uv(entry, mine, s):
    hx, hy, hz = entry[DIMS], entry[DIMS + 1], entry[DIMS + 2]
    for k in range(LANES):
        u, v, x, y, z = s[U + k], s[V + k], s[PX + k], s[PY + k], s[PZ + k]
        gx, gy, gz = abs(x) - hx, abs(y) - hy, abs(z) - hz
        on_x = (gx >= gy) & (gx >= gz)
        on_y = (gy >= gz) & (not on_x)
        along, upward = (y if on_x else x), (z if on_x | on_y else y)
        s[U + k] = blend(mine[k], along, u)
        s[V + k] = blend(mine[k], upward, v)


@inline
def _round_uv(entry, kind, mine, s):
    radius, half = entry[DIMS], entry[DIMS + 1]
    for k in range(LANES):
        if mine[k] == 0:
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
def _mesh_uv(meshes, mine, primitive, s):
    last = np.int32(-1)
    for step in range(_FEW_TRIANGLES + LANES):
        last, triangle, begin, end = _step(step, last, mine, primitive)
        if last == _NO_MORE:
            return
        if begin < end:
            _facet_uv(triangle, begin, end, meshes, mine, primitive, s)


@inline
def _facet_uv(triangle, begin, end, meshes, mine, primitive, s):
    """Texture coordinates of those lanes in a range that show one triangle."""
    c = meshes.corners[triangle]
    corners, uv = meshes.triangles[triangle], meshes.uv
    i, j, h = corners[0], corners[1], corners[2]
    u0, v0 = uv[i, 0], uv[i, 1]
    u1, v1, u2, v2 = uv[j, 0] - u0, uv[j, 1] - v0, uv[h, 0] - u0, uv[h, 1] - v0
    x0, y0, z0 = c[0], c[1], c[2]
    px, py, pz, qx, qy, qz = barycentric_axes(c)
    # Coordinates are linear over the triangle: their gradients, in each metre along the axes.
    ux, uy, uz = px * u1 + qx * u2, py * u1 + qy * u2, pz * u1 + qz * u2
    vx, vy, vz = px * v1 + qx * v2, py * v1 + qy * v2, pz * v1 + qz * v2
    scale = _uv_per_m(c, u1, v1, u2, v2)
    for k in range(begin, end):
        here = np.int32(mine[k] & np.int32(-np.int32(primitive[k] == triangle)))
        u, v, old = s[_U + k], s[_V + k], s[_UV_PER_M + k]
        x, y, z = s[_PX + k] - x0, s[_PY + k] - y0, s[_PZ + k] - z0
        s[_U + k] = blend(here, u0 + (ux * x + uy * y + uz * z), u)
        s[_V + k] = blend(here, v0 + (vx * x + vy * y + vz * z), v)
        s[_UV_PER_M + k] = blend(here, scale, old)


@inline
def _uv_per_m(c, u1, v1, u2, v2):
    """Root of the ratio of a triangle's areas, in texture coordinates and in metres."""
    ux, uy, uz = c[3] - c[0], c[4] - c[1], c[5] - c[2]
    vx, vy, vz = c[6] - c[0], c[7] - c[1], c[8] - c[2]
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    area = np.sqrt(nx * nx + ny * ny + nz * nz)
    return np.sqrt(abs(u1 * v2 - v1 * u2) / (area + np.float32(1e-20)))
