"""Packets of any rays: pyramids around rays that are not tiles of a grid, made within kernels.

Antialiasing and optical flow trace rays that come up only while a frame is made. The bounds are
those of a `RayGrid`'s tiles, which are made once for each grid in NumPy; here time counts.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.jit import inline, kernel
from fleetloop.envs.trace.layout import (
    AXIS,
    AXIS_REACH,
    CORNERS,
    LANES,
    NORM_REACH,
    PCOLS,
    TileArrays,
)

# As in `raygrid`: windows are wider by this than their rays, and pyramids end before 90 degrees.
_MARGIN = 2e-6
_MIN_AXIS_COSINE = 0.05


def packets_of(directions: npt.NDArray[np.float32], table: npt.NDArray[np.int32]) -> TileArrays:
    """Packets for the kernels, each its own block.

    Args:
        directions: (k, 3, LANES) not zero, any length.
        table: (k,) which instance table each packet belongs to.
    """
    bounds = np.zeros((len(directions), PCOLS), np.float32)
    _bound(directions, bounds)
    order = np.arange(len(directions), dtype=np.int32)
    return TileArrays(order, table, directions, bounds, order, bounds)


@kernel
def _bound(directions: npt.NDArray[np.float32], bounds: npt.NDArray[np.float32]) -> None:
    unit = np.empty((3, LANES))
    frame = np.empty((3, 3))
    window = np.empty((2, 2))
    for k in range(len(directions)):
        d, b = directions[k], bounds[k]
        longest = _unit_rays(d, unit)
        b[NORM_REACH] = np.float32(longest * (1.0 + 1e-6))
        b[AXIS_REACH] = np.float32(1.0)
        _axes(d, unit, frame)
        ax, ay, az = frame[0, 0], frame[0, 1], frame[0, 2]
        smallest = 2.0
        reach = 0.0
        for lane in range(LANES):
            cosine = unit[0, lane] * ax + unit[1, lane] * ay + unit[2, lane] * az
            smallest = min(smallest, cosine)
            reach = max(reach, d[0, lane] * ax + d[1, lane] * ay + d[2, lane] * az)
        if smallest <= _MIN_AXIS_COSINE:
            # Too wide for a pyramid: no planes, so nothing is culled.
            continue
        for j in range(3):
            b[AXIS + j] = np.float32(frame[0, j])
        b[AXIS_REACH] = np.float32(reach * (1.0 + 1e-6))
        for side in range(2):
            _window(unit, frame, side + 1, b, 6 * side, window[side])
        for number in range(4):
            u, v = window[0, number % 2], window[1, number // 2]
            for j in range(3):
                edge = frame[0, j] + u * frame[1, j] + v * frame[2, j]
                b[CORNERS + 3 * number + j] = np.float32(edge)


@inline
def _unit_rays(d, unit):
    """Fills unit vectors; returns the largest length."""
    longest = 0.0
    for lane in range(LANES):
        x, y, z = np.float64(d[0, lane]), np.float64(d[1, lane]), np.float64(d[2, lane])
        length = np.sqrt(x * x + y * y + z * z)
        longest = max(longest, length)
        unit[0, lane], unit[1, lane], unit[2, lane] = x / length, y / length, z / length
    return longest


@inline
def _axes(d, unit, frame):
    """Mean direction, the direction from the first to the last ray across it, and the third."""
    for j in range(3):
        total = 0.0
        for lane in range(LANES):
            total += unit[j, lane]
        frame[0, j] = total / LANES
        frame[1, j] = np.float64(d[j, LANES - 1]) - np.float64(d[j, 0])
    _normalize(frame[0])
    along = _dot(frame[0], frame[1])
    for j in range(3):
        frame[1, j] -= along * frame[0, j]
    if _dot(frame[1], frame[1]) < 1e-18:
        # Any axis across: that along which the mean direction is shortest.
        least = 0
        for j in range(3):
            least = j if abs(frame[0, j]) < abs(frame[0, least]) else least
        for j in range(3):
            frame[1, j] = (1.0 if j == least else 0.0) - frame[0, least] * frame[0, j]
    _normalize(frame[1])
    a, u = frame[0], frame[1]
    frame[2, 0] = a[1] * u[2] - a[2] * u[1]
    frame[2, 1] = a[2] * u[0] - a[0] * u[2]
    frame[2, 2] = a[0] * u[1] - a[1] * u[0]


@inline
def _window(unit, frame, side, b, at, window):
    """The two planes of one side of the pyramid, and their tangents from the axis."""
    axis, across = frame[0], frame[side]
    low, high = 1e30, -1e30
    for lane in range(LANES):
        x, y, z = unit[0, lane], unit[1, lane], unit[2, lane]
        cosine = x * axis[0] + y * axis[1] + z * axis[2]
        tangent = (x * across[0] + y * across[1] + z * across[2]) / cosine
        low = min(low, tangent)
        high = max(high, tangent)
    low -= _MARGIN
    high += _MARGIN
    window[0], window[1] = low, high
    top, bottom = 1.0 / np.sqrt(1.0 + high * high), 1.0 / np.sqrt(1.0 + low * low)
    for j in range(3):
        b[at + j] = np.float32((across[j] - high * axis[j]) * top)
        b[at + 3 + j] = np.float32((low * axis[j] - across[j]) * bottom)


@inline
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@inline
def _normalize(a):
    length = max(np.sqrt(_dot(a, a)), 1e-12)
    for j in range(3):
        a[j] /= length
