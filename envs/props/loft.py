"""Meshes from rows of cross-sections: car bodies, roofs, anything that is drawn along an axis."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray
from fleetloop.envs.trace.shapes import Mesh


def superellipse_sections(
    stations_m: npt.ArrayLike,
    half_widths_m: npt.ArrayLike,
    bottoms_m: npt.ArrayLike,
    tops_m: npt.ArrayLike,
    *,
    exponent: float = 4.0,
    corners: int = 24,
) -> FloatArray:
    """Closed outlines across x, between a bottom and a top, rounded like |y|^n + |z|^n = 1.

    Args:
        stations_m: x of each section, (k,), increasing.
        half_widths_m: Half width in y, (k,).
        bottoms_m, tops_m: z, (k,).
        exponent: 2 is an ellipse, larger is squarer.
        corners: Points of each outline.

    Returns:
        Points (k, corners, 3), counter-clockwise seen from +x.
    """
    x, half, bottom, top = (
        np.asarray(values, dtype=np.float64)
        for values in (stations_m, half_widths_m, bottoms_m, tops_m)
    )
    angle = np.linspace(0.0, 2.0 * np.pi, corners, endpoint=False)
    cosine, sine = np.cos(angle), np.sin(angle)
    across = np.sign(cosine) * np.abs(cosine) ** (2.0 / exponent)
    up = np.sign(sine) * np.abs(sine) ** (2.0 / exponent)
    middle, reach = 0.5 * (top + bottom), 0.5 * (top - bottom)
    points = np.empty((len(x), corners, 3))
    points[..., 0] = x[:, None]
    points[..., 1] = half[:, None] * across
    points[..., 2] = middle[:, None] + reach[:, None] * up
    return points


def loft(sections_m: FloatArray) -> Mesh:
    """Joins outlines to a closed, smooth-shaded mesh with flat ends.

    Args:
        sections_m: (k, n, 3): outlines along +x, each counter-clockwise seen from +x.

    Raises:
        ConfigError: Fewer than two outlines, or fewer than three points in them.
    """
    if sections_m.ndim != 3 or sections_m.shape[0] < 2 or sections_m.shape[1] < 3:
        raise ConfigError(
            f"A loft needs (k >= 2, n >= 3, 3) points, got the shape {sections_m.shape}."
        )
    count, corners, _ = sections_m.shape
    ring = np.arange(corners)
    following = (ring + 1) % corners
    base = np.arange(count - 1)[:, None] * corners
    near, far = base + ring, base + following
    sides = np.stack([near, far, far + corners, near, far + corners, near + corners], axis=-1)
    triangles = [sides.reshape(-1, 3)]
    vertices = [sections_m.reshape(-1, 3)]
    # Caps have vertices of their own, so that their edge stays sharp.
    for section, flip in ((sections_m[0], True), (sections_m[-1], False)):
        first = sum(len(part) for part in vertices)
        vertices.append(np.concatenate([section, section.mean(axis=0)[None]]))
        fan = np.stack([ring, following, np.full(corners, corners)], axis=1) + first
        triangles.append(fan[:, ::-1] if flip else fan)
    points = np.concatenate(vertices)
    faces = np.concatenate(triangles).astype(np.int32)
    return Mesh(points.astype(np.float32), faces, normals=_vertex_normals(points, faces))


def _vertex_normals(points: FloatArray, faces: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """Area-weighted means of the faces around each vertex, (n, 3) unit."""
    a, b, c = (points[faces[:, i]] for i in range(3))
    weighted = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], weighted)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    unit = np.where(length > 1e-12, normals / np.maximum(length, 1e-12), [0.0, 0.0, 1.0])
    return unit.astype(np.float32)
