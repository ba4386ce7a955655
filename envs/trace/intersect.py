"""One packet of rays against one shape, in loops that compile to vector instructions.

All lanes of a packet share the ray origin, so whatever depends on it is a scalar. The rays and
their best hits lie in two flat scratch arrays at constant offsets: with separate arrays or rows of
a two-dimensional one, LLVM cannot prove that stores do not touch the rays and gives up on vectors
(5x slower). Every constant is float32 by hand; one float64 would double the width of a loop.

Closed shapes are hit from outside only: the entry point counts, never the exit.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np

from fleetloop.envs.trace.blend import blend, choose
from fleetloop.envs.trace.jit import inline
from fleetloop.envs.trace.layout import CENTER, DIMS, LANES, ORIGIN, ROTATION

# Offsets into the float scratch.
DX = 0  # directions in the ray frame
DY = LANES
DZ = 2 * LANES
T_MIN = 3 * LANES
T = 4 * LANES  # best hit so far
LX = 5 * LANES  # directions in the local frame of a mesh
LY = 6 * LANES
LZ = 7 * LANES
NEW = 8 * LANES  # where the shape at hand is hit, `_MISSED` where it is not
BEST = 9 * LANES  # one number: the largest of T
FLOATS = 9 * LANES + 1

# Offsets into the integer scratch.
ROW = 0
PRIMITIVE = LANES
NEARER = 2 * LANES  # masks: the shape at hand is nearer than what was hit before
INTEGERS = 3 * LANES

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_NONE = np.int32(0)
_MISSED = np.float32(1e30)
# Keeps divisions by the squared length of a direction across an axis finite.
_TINY = np.float32(1e-20)


@inline
def accept(row, primitive, f, i):
    """Takes over the hits of a shape where they are nearer than those before it; 0 if nowhere.

    In loops of their own: within one, LLVM would see that lanes keep what they have, and store
    under masks (see `blend`).
    """
    some = _NONE
    for k in range(LANES):
        new, old = f[NEW + k], f[T + k]
        nearer = np.int32(-np.int32(new < old))
        some = np.int32(some | nearer)
        i[NEARER + k] = nearer
        f[T + k] = new if new < old else old
    if some == _NONE:
        return some
    for k in range(LANES):
        nearer = i[NEARER + k]
        i[ROW + k] = blend(nearer, row, i[ROW + k])
        i[PRIMITIVE + k] = blend(nearer, primitive, i[PRIMITIVE + k])
    return some


@inline
def hit_plane(entry, f):
    """The local plane z = 0, from both sides."""
    r6, r7, r8 = entry[ROTATION + 6], entry[ROTATION + 7], entry[ROTATION + 8]
    height = -entry[ORIGIN + 2]
    for k in range(LANES):
        t = height / (r6 * f[DX + k] + r7 * f[DY + k] + r8 * f[DZ + k])
        f[NEW + k] = choose(t > f[T_MIN + k], t, _MISSED)


@inline
def hit_box(entry, f):
    """Slabs: the ray is inside between its last entry and its first exit."""
    r0, r1, r2 = entry[ROTATION], entry[ROTATION + 1], entry[ROTATION + 2]
    r3, r4, r5 = entry[ROTATION + 3], entry[ROTATION + 4], entry[ROTATION + 5]
    r6, r7, r8 = entry[ROTATION + 6], entry[ROTATION + 7], entry[ROTATION + 8]
    ox, oy, oz = entry[ORIGIN], entry[ORIGIN + 1], entry[ORIGIN + 2]
    hx, hy, hz = entry[DIMS], entry[DIMS + 1], entry[DIMS + 2]
    for k in range(LANES):
        x, y, z = f[DX + k], f[DY + k], f[DZ + k]
        ix = _ONE / (r0 * x + r1 * y + r2 * z)
        iy = _ONE / (r3 * x + r4 * y + r5 * z)
        iz = _ONE / (r6 * x + r7 * y + r8 * z)
        ax, ay, az = (-hx - ox) * ix, (-hy - oy) * iy, (-hz - oz) * iz
        bx, by, bz = (hx - ox) * ix, (hy - oy) * iy, (hz - oz) * iz
        tx, ux = (ax, bx) if ax < bx else (bx, ax)
        ty, uy = (ay, by) if ay < by else (by, ay)
        tz, uz = (az, bz) if az < bz else (bz, az)
        t = tx if tx > ty else ty
        t = t if t > tz else tz
        leave = ux if ux < uy else uy
        leave = leave if leave < uz else uz
        hit = (t <= leave) & (t > f[T_MIN + k])
        f[NEW + k] = choose(hit, t, _MISSED)


@inline
def hit_sphere(entry, f):
    """By the closest approach to the centre, which stays accurate far away."""
    cx, cy, cz = entry[CENTER], entry[CENTER + 1], entry[CENTER + 2]
    square = entry[DIMS] * entry[DIMS]
    for k in range(LANES):
        x, y, z = f[DX + k], f[DY + k], f[DZ + k]
        inverse = _ONE / (x * x + y * y + z * z)
        closest = (x * cx + y * cy + z * cz) * inverse
        px, py, pz = cx - closest * x, cy - closest * y, cz - closest * z
        # Negative for a miss: its root is not a number, and no comparison holds.
        t = closest - np.sqrt((square - (px * px + py * py + pz * pz)) * inverse)
        f[NEW + k] = choose(t > f[T_MIN + k], t, _MISSED)


@inline
def hit_cylinder(entry, f):
    """The round side by closest approach to the axis, and the cap that faces the origin."""
    r0, r1, r2 = entry[ROTATION], entry[ROTATION + 1], entry[ROTATION + 2]
    r3, r4, r5 = entry[ROTATION + 3], entry[ROTATION + 4], entry[ROTATION + 5]
    r6, r7, r8 = entry[ROTATION + 6], entry[ROTATION + 7], entry[ROTATION + 8]
    ox, oy, oz = entry[ORIGIN], entry[ORIGIN + 1], entry[ORIGIN + 2]
    square, half = entry[DIMS] * entry[DIMS], entry[DIMS + 1]
    cap = (half if oz > _ZERO else -half) - oz
    # No point lies within a negative square: between the caps neither is seen.
    cap_square = square if abs(oz) > half else -_ONE
    for k in range(LANES):
        x, y, z = f[DX + k], f[DY + k], f[DZ + k]
        lx = r0 * x + r1 * y + r2 * z
        ly = r3 * x + r4 * y + r5 * z
        lz = r6 * x + r7 * y + r8 * z
        inverse = _ONE / (lx * lx + ly * ly + _TINY)
        closest = -(ox * lx + oy * ly) * inverse
        px, py = ox + closest * lx, oy + closest * ly
        side = closest - np.sqrt((square - (px * px + py * py)) * inverse)
        on_side = (abs(oz + side * lz) <= half) & (side > f[T_MIN + k])
        top = cap / lz
        qx, qy = ox + top * lx, oy + top * ly
        on_cap = (qx * qx + qy * qy <= cap_square) & (top > f[T_MIN + k])
        t = top if on_cap else side
        f[NEW + k] = choose(on_side | on_cap, t, _MISSED)


@inline
def hit_capsule(entry, f):
    """The side if its hit lies between the caps, else the sphere at that end."""
    r0, r1, r2 = entry[ROTATION], entry[ROTATION + 1], entry[ROTATION + 2]
    r3, r4, r5 = entry[ROTATION + 3], entry[ROTATION + 4], entry[ROTATION + 5]
    r6, r7, r8 = entry[ROTATION + 6], entry[ROTATION + 7], entry[ROTATION + 8]
    ox, oy, oz = entry[ORIGIN], entry[ORIGIN + 1], entry[ORIGIN + 2]
    square, half = entry[DIMS] * entry[DIMS], entry[DIMS + 1]
    for k in range(LANES):
        x, y, z = f[DX + k], f[DY + k], f[DZ + k]
        lx = r0 * x + r1 * y + r2 * z
        ly = r3 * x + r4 * y + r5 * z
        lz = r6 * x + r7 * y + r8 * z
        across = lx * lx + ly * ly
        inverse = _ONE / (across + _TINY)
        closest = -(ox * lx + oy * ly) * inverse
        px, py = ox + closest * lx, oy + closest * ly
        side = closest - np.sqrt((square - (px * px + py * py)) * inverse)
        height = oz + side * lz
        # The capsule lies inside the infinite cylinder: missing that one misses all.
        end = oz - (half if height > _ZERO else -half)
        inverse = _ONE / (across + lz * lz)
        closest = -(ox * lx + oy * ly + end * lz) * inverse
        px, py, pz = ox + closest * lx, oy + closest * ly, end + closest * lz
        ball = closest - np.sqrt((square - (px * px + py * py + pz * pz)) * inverse)
        t = side if abs(height) <= half else ball
        f[NEW + k] = choose(t > f[T_MIN + k], t, _MISSED)


@inline
def hit_triangle(corners, triangle, ox, oy, oz, closed, f):
    """A triangle against the local directions of a packet, without cracks between neighbours.

    The three edge functions are d . ((b - a) x (b + a)) / 2 with corners relative to the origin:
    a neighbour that runs along the edge the other way gets the exact negative, so that no ray
    slips between the two. t = (n . a) / (n . d) with the normal n. Returns whether it was looked
    at: triangles of closed meshes are not, from behind.
    """
    ax = corners[triangle, 0] - ox
    ay = corners[triangle, 1] - oy
    az = corners[triangle, 2] - oz
    bx = corners[triangle, 3] - ox
    by = corners[triangle, 4] - oy
    bz = corners[triangle, 5] - oz
    cx = corners[triangle, 6] - ox
    cy = corners[triangle, 7] - oy
    cz = corners[triangle, 8] - oz
    ux, uy, uz = bx - ax, by - ay, bz - az
    vx, vy, vz = cx - bx, cy - by, cz - bz
    wx, wy, wz = ax - cx, ay - cy, az - cz
    nx = wy * uz - wz * uy
    ny = wz * ux - wx * uz
    nz = wx * uy - wy * ux
    # The normal points at a viewer in front, the corner away from it.
    reach = nx * ax + ny * ay + nz * az
    if closed and reach >= _ZERO:
        return False
    sx, sy, sz = bx + ax, by + ay, bz + az
    e0x, e0y, e0z = uy * sz - uz * sy, uz * sx - ux * sz, ux * sy - uy * sx
    sx, sy, sz = cx + bx, cy + by, cz + bz
    e1x, e1y, e1z = vy * sz - vz * sy, vz * sx - vx * sz, vx * sy - vy * sx
    sx, sy, sz = ax + cx, ay + cy, az + cz
    e2x, e2y, e2z = wy * sz - wz * sy, wz * sx - wx * sz, wx * sy - wy * sx
    for k in range(LANES):
        x, y, z = f[LX + k], f[LY + k], f[LZ + k]
        low, high = _span(
            e0x * x + e0y * y + e0z * z, e1x * x + e1y * y + e1z * z, e2x * x + e2y * y + e2z * z
        )
        t = reach / (nx * x + ny * y + nz * z)
        hit = ((low >= _ZERO) | (high <= _ZERO)) & (t > f[T_MIN + k])
        f[NEW + k] = choose(hit, t, _MISSED)
    return True


@inline
def _span(a, b, c):
    """Smallest and largest of three."""
    low, high = (a, b) if a < b else (b, a)
    return low if low < c else c, high if high > c else c


@inline
def to_local(entry, f):
    """Turns a packet's directions into the local frame of an instance."""
    r0, r1, r2 = entry[ROTATION], entry[ROTATION + 1], entry[ROTATION + 2]
    r3, r4, r5 = entry[ROTATION + 3], entry[ROTATION + 4], entry[ROTATION + 5]
    r6, r7, r8 = entry[ROTATION + 6], entry[ROTATION + 7], entry[ROTATION + 8]
    for k in range(LANES):
        x, y, z = f[DX + k], f[DY + k], f[DZ + k]
        f[LX + k] = r0 * x + r1 * y + r2 * z
        f[LY + k] = r3 * x + r4 * y + r5 * z
        f[LZ + k] = r6 * x + r7 * y + r8 * z


@inline
def farthest(f, bits):
    """Largest best hit of a packet: nothing behind it can be seen.

    Floats above zero are ordered as their bits are, and integer maxima vectorise without fastmath.
    `bits` is the float scratch seen as int32.
    """
    most = np.int32(0)
    for k in range(LANES):
        value = bits[T + k]
        most = value if value > most else most
    bits[BEST] = most
    return f[BEST]
