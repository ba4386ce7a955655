"""The local box of a shape against pyramids and planes: tighter than its bounding sphere.

A road, a wall or a marking is long and thin, and its sphere reaches over half a street. So whoever
passes the test of spheres is held against its box, too, before any of its rays is traced.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201

from __future__ import annotations

import numpy as np

from fleetloop.envs.trace.jit import inline
from fleetloop.envs.trace.layout import (
    BOX,
    CAPSULE,
    CENTER,
    CORNERS,
    CYLINDER,
    DIMS,
    FAR,
    KIND,
    MESH,
    ROTATION,
    SPHERE,
)

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
# Rays along a plane go neither way.
_CERTAIN = np.float32(1e-6)
# Bounds along an axis give way by this part: far above the rounding of float32.
_SLACK = np.float32(1e-5)


@inline
def half_extents(entry, integers):
    """Half extents of the box around a shape in its own axes; its centre is that of the sphere."""
    kind = integers[KIND]
    x, y, z = entry[DIMS], entry[DIMS + 1], entry[DIMS + 2]
    if kind in (BOX, MESH):
        return x, y, z
    if kind == CYLINDER:
        return x, x, y
    if kind == CAPSULE:
        return x, x, x + y
    if kind == SPHERE:
        return x, x, x
    return FAR, FAR, FAR


@inline
def reach_along(entry, half, x, y, z):
    """How far a box reaches from its centre along a direction of the ray frame."""
    total = abs(entry[ROTATION] * x + entry[ROTATION + 1] * y + entry[ROTATION + 2] * z) * half[0]
    total += (
        abs(entry[ROTATION + 3] * x + entry[ROTATION + 4] * y + entry[ROTATION + 5] * z) * half[1]
    )
    total += (
        abs(entry[ROTATION + 6] * x + entry[ROTATION + 7] * y + entry[ROTATION + 8] * z) * half[2]
    )
    return total


@inline
def center_along(entry, x, y, z):
    """Where the centre lies along a direction of the ray frame."""
    return entry[CENTER] * x + entry[CENTER + 1] * y + entry[CENTER + 2] * z


@inline
def box_outside(entry, half, bounds):
    """Whether no ray of a pyramid can meet a box: it is beyond a side, or the rays lead away."""
    for p in range(4):
        x, y, z = bounds[3 * p], bounds[3 * p + 1], bounds[3 * p + 2]
        away = center_along(entry, x, y, z)
        # Most are inside by far: those are spared the turn of the plane.
        if away > _ZERO and away > reach_along(entry, half, x, y, z):
            return True
    for axis in range(3):
        at = ROTATION + 3 * axis
        x, y, z = entry[at], entry[at + 1], entry[at + 2]
        if heading(bounds, x, y, z) * center_along(entry, x, y, z) + half[axis] < _ZERO:
            return True
    return False


@inline
def heading(bounds, x, y, z):
    """1 if all rays of a pyramid go forward along an axis, -1 if all go back, else 0.

    What lies behind the origin on an axis along which all rays go forward is missed by them all,
    such as the road below a camera that looks up, which lies across the planes of the pyramid.
    """
    low, high = FAR, -FAR
    for corner in range(4):
        at = CORNERS + 3 * corner
        along = bounds[at] * x + bounds[at + 1] * y + bounds[at + 2] * z
        low, high = min(low, along), max(high, along)
    forward = _ONE if low > _CERTAIN else _ZERO
    return -_ONE if high < -_CERTAIN else forward


@inline
def nearest_along(entry, half, x, y, z):
    """The smallest coordinate of a box along a direction of the ray frame."""
    reach = reach_along(entry, half, x, y, z)
    return center_along(entry, x, y, z) - reach - _SLACK * reach
