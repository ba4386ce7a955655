"""Ground as triangles: strips between two lines, and polygons cut into ears."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.polyline import Floats, distances

Triangles = npt.NDArray[np.int32]
Piece = tuple[Floats, Triangles, Floats]
"""Vertices (v, 3), triangles (t, 3) and surface coordinates (v, 2)."""


def strip(left_m: Floats, right_m: Floats) -> Piece:
    """The strip between two lines of as many points, (p, 3) each; it faces up.

    Its coordinates are s along the right line and t across.
    """
    count = len(left_m)
    vertices = np.empty((2 * count, 3))
    vertices[0::2], vertices[1::2] = left_m, right_m
    along = distances(right_m)
    width = np.sqrt(((left_m - right_m) ** 2).sum(axis=1))
    st = np.empty((2 * count, 2))
    st[0::2, 0] = st[1::2, 0] = along
    st[0::2, 1], st[1::2, 1] = width, 0.0
    first = 2 * np.arange(count - 1)
    lower = np.stack([first, first + 1, first + 3], axis=1)
    upper = np.stack([first, first + 3, first + 2], axis=1)
    return vertices, np.concatenate([lower, upper]).astype(np.int32), st


def lifted(flat_m: Floats, z_m: float) -> Floats:
    """Points (p, 2) at a height, (p, 3)."""
    return np.column_stack([flat_m[:, :2], np.full(len(flat_m), z_m)])


def even(flat_m: Floats, count: int) -> Floats:
    """A line (p, 2) as a number of points with even distances."""
    along = distances(flat_m)
    wanted = np.linspace(0.0, along[-1], count)
    return np.stack([np.interp(wanted, along, flat_m[:, i]) for i in range(2)], axis=1)


def polygon(outline_m: Floats, z_m: float) -> Piece:
    """A simple polygon (p, 2), counter-clockwise, that faces up; coordinates are world x, y."""
    return lifted(outline_m, z_m), ears(outline_m), outline_m.copy()


def ears(outline_m: Floats) -> Triangles:
    """Triangles of a simple polygon, counter-clockwise, by cutting ears [Meisters 1975].

    An outline that crosses itself gives a fan of what is left instead of an error.
    """
    left = list(range(len(outline_m)))
    points = outline_m
    found = []
    while len(left) > 3:
        for k in range(len(left)):
            a, b, c = left[k - 1], left[k], left[(k + 1) % len(left)]
            if _is_ear(points, a, b, c, left):
                found.append((a, b, c))
                del left[k]
                break
        else:
            found += [(left[0], left[k], left[k + 1]) for k in range(1, len(left) - 2)]
            left = [left[0], left[-2], left[-1]]
    found.append((left[0], left[1], left[2]))
    return np.array(found, dtype=np.int32)


def _is_ear(points: Floats, a: int, b: int, c: int, left: list[int]) -> bool:
    pa, pb, pc = points[a], points[b], points[c]
    if _cross(pa, pb, pc) <= 1e-12:
        return False
    others = points[[k for k in left if k not in (a, b, c)]]
    inside = (_crosses(pa, pb, others) > -1e-12) & (_crosses(pb, pc, others) > -1e-12)
    return not bool((inside & (_crosses(pc, pa, others) > -1e-12)).any())


def _cross(a: Floats, b: Floats, c: Floats) -> float:
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def _crosses(a: Floats, b: Floats, points: Floats) -> Floats:
    return np.asarray((b[0] - a[0]) * (points[:, 1] - a[1]) - (b[1] - a[1]) * (points[:, 0] - a[0]))
