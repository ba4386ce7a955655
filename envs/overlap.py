"""Whether flat shapes overlap, seen from above: rectangles by separating axes, and discs.

Two convex shapes are apart if and only if there is an axis along which their shadows are; for
rectangles the four directions of their sides are enough [Gottschalk, Lin and Manocha 1996,
"OBBTree", section 4, in the plane].
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.jit import inline, kernel

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

Floats = npt.NDArray[np.float64]

PART = np.dtype(
    [
        ("body", np.int64),
        ("x_m", np.float64),  # middle, in the body's frame
        ("y_m", np.float64),
        ("z_m", np.float64),
        ("yaw_rad", np.float64),
        ("half_x_m", np.float64),  # radius of a disc
        ("half_y_m", np.float64),  # 0 for a disc
        ("half_z_m", np.float64),
    ],
    align=True,
)
"""A part of a body seen from above."""

MOST = 32
"""Overlaps of one body that are told."""


@kernel
def overlapping(
    body: int, parts: npt.NDArray[np.void], com_m: Floats, quaternion: Floats, offset_m: Floats
) -> Floats:
    """Overlaps of one body's parts with all others.

    Args:
        body: Which.
        parts: (p,) PART.
        com_m, quaternion: Centres of mass (n, 3) and attitudes xyzw (n, 4).
        offset_m: (n, 3) centres of mass in the bodies' frames.

    Returns:
        (k, 7): the other body; x, y, z of a place between them; normal x, y towards `body`; depth.
    """
    found = np.empty((MOST, 7))
    count = 0
    mine, other, out = np.empty(6), np.empty(6), np.empty(3)
    for i in range(len(parts)):
        if parts[i].body != body:
            continue
        z = _placed(parts, i, com_m, quaternion, offset_m, mine)
        for j in range(len(parts)):
            if parts[j].body == body or count == MOST:
                continue
            other_z = _placed(parts, j, com_m, quaternion, offset_m, other)
            if abs(z - other_z) >= parts[i].half_z_m + parts[j].half_z_m:
                continue
            depth = _depth(mine, other, out)
            if depth > 0.0:
                found[count, 0] = parts[j].body
                found[count, 1] = 0.5 * (mine[0] + other[0])
                found[count, 2] = 0.5 * (mine[1] + other[1])
                found[count, 3] = 0.5 * (z + other_z)
                found[count, 4], found[count, 5], found[count, 6] = out[0], out[1], depth
                count += 1
    return found[:count].copy()


@kernel
def highest_under(
    point_m: Floats, but: npt.NDArray[np.int64], parts: npt.NDArray[np.void], com_m: Floats,
    quaternion: Floats, offset_m: Floats, sink_m: float,
) -> float:  # fmt: skip
    """Height of the highest part under a point, or -inf where there is none.

    Args:
        point_m: (3,), world.
        but: Bodies that do not count.
        parts, com_m, quaternion, offset_m: As of `overlapping`.
        sink_m: How far the point may have sunk into what bears it.
    """
    best = -np.inf
    placed = np.empty(6)
    for k in range(len(parts)):
        if (but == parts[k].body).any():
            continue
        z = _placed(parts, k, com_m, quaternion, offset_m, placed)
        dx, dy = point_m[0] - placed[0], point_m[1] - placed[1]
        x, y = placed[2] * dx + placed[3] * dy, placed[2] * dy - placed[3] * dx
        if placed[5] > 0.0:
            inside = abs(x) <= placed[4] and abs(y) <= placed[5]
        else:
            inside = np.hypot(x, y) <= placed[4]
        top = z + parts[k].half_z_m
        if inside and best < top <= point_m[2] + sink_m:
            best = top
    return best


@kernel
def depths(one: Floats, others: Floats) -> Floats:
    """How deep a flat shape reaches into others.

    Args:
        one: (5,) x, y, heading, half length, half width; a disc has radius and 0.
        others: (n, 5) likewise.

    Returns:
        (n,) metres along the axis of least overlap; zero or less where they are apart.
    """
    result = np.empty(len(others))
    mine, other, out = np.empty(6), np.empty(6), np.empty(3)
    _flat(one, mine)
    for k in range(len(others)):
        _flat(others[k], other)
        result[k] = _depth(mine, other, out)
    return result


@inline
def _flat(row, out):
    out[0], out[1] = row[0], row[1]
    out[2], out[3] = np.cos(row[2]), np.sin(row[2])
    out[4], out[5] = row[3], row[4]


@inline
def _placed(parts, row, com_m, quaternion, offset_m, out):
    """Middle, direction and half sizes of a part in the world; returns the height of its middle."""
    body = parts[row].body
    x, y, z, w = quaternion[body]
    yaw = np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
    cosine, sine = np.cos(yaw), np.sin(yaw)
    px = parts[row].x_m - offset_m[body, 0]
    py = parts[row].y_m - offset_m[body, 1]
    out[0] = com_m[body, 0] + cosine * px - sine * py
    out[1] = com_m[body, 1] + sine * px + cosine * py
    out[2], out[3] = np.cos(yaw + parts[row].yaw_rad), np.sin(yaw + parts[row].yaw_rad)
    out[4], out[5] = parts[row].half_x_m, parts[row].half_y_m
    return com_m[body, 2] + parts[row].z_m - offset_m[body, 2]


@inline
def _depth(a, b, out):
    """Depth of the overlap, and its axis from `b` to `a` in `out`.

    Shapes are x, y, cosine, sine, half length, half width; half width 0 is a disc.
    """
    dx, dy = a[0] - b[0], a[1] - b[1]
    reach = np.hypot(a[4], a[5]) + np.hypot(b[4], b[5])
    away = np.hypot(dx, dy)
    out[0], out[1] = 1.0, 0.0
    if away > reach:
        return reach - away - 1e-9
    if a[5] == 0.0 and b[5] == 0.0:
        if away > 0.0:
            out[0], out[1] = dx / away, dy / away
        return a[4] + b[4] - away
    if a[5] == 0.0:
        return _disc_box(a, b, 1.0, out)
    if b[5] == 0.0:
        return _disc_box(b, a, -1.0, out)
    best = np.inf
    for k in range(4):
        box = a if k < 2 else b
        ux = box[2] if k % 2 == 0 else -box[3]
        uy = box[3] if k % 2 == 0 else box[2]
        apart = dx * ux + dy * uy
        shadow = _shadow(a, ux, uy) + _shadow(b, ux, uy) - abs(apart)
        if shadow < best:
            best = shadow
            sign = 1.0 if apart >= 0.0 else -1.0
            out[0], out[1] = sign * ux, sign * uy
    return best


@inline
def _shadow(box, ux, uy):
    """Half the length of a rectangle's shadow along an axis."""
    along = abs(box[2] * ux + box[3] * uy)
    across = abs(-box[3] * ux + box[2] * uy)
    return box[4] * along + box[5] * across


@inline
def _disc_box(disc, box, sign, out):
    """Depth of a disc in a rectangle; the axis leads to the disc times `sign`."""
    dx, dy = disc[0] - box[0], disc[1] - box[1]
    x = box[2] * dx + box[3] * dy
    y = -box[3] * dx + box[2] * dy
    nx = min(max(x, -box[4]), box[4])
    ny = min(max(y, -box[5]), box[5])
    gx, gy = x - nx, y - ny
    gap = np.hypot(gx, gy)
    if gap == 0.0:
        # The middle is inside: out through the nearest side.
        if box[4] - abs(x) < box[5] - abs(y):
            gx, gy, depth = (1.0 if x >= 0.0 else -1.0), 0.0, box[4] - abs(x) + disc[4]
        else:
            gx, gy, depth = 0.0, (1.0 if y >= 0.0 else -1.0), box[5] - abs(y) + disc[4]
    else:
        gx, gy, depth = gx / gap, gy / gap, disc[4] - gap
    out[0] = sign * (box[2] * gx - box[3] * gy)
    out[1] = sign * (box[3] * gx + box[2] * gy)
    return depth
