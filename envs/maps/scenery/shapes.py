"""Small solids as triangles: boxes, prisms, cones, balls. Foot at the origin unless said otherwise.

Each returns vertices (v, 3), triangles (t, 3) and surface coordinates (v, 2) in metres.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Triangles = npt.NDArray[np.int32]
Solid = tuple[Floats, Triangles, Floats]


def quads(corners_m: Floats) -> Solid:
    """Quads (q, 4, 3), counter-clockwise; coordinates along their first and last edges."""
    first = 4 * np.arange(len(corners_m), dtype=np.int32)[:, None]
    triangles = np.concatenate([first + np.array([0, 1, 2]), first + np.array([0, 2, 3])]).astype(
        np.int32
    )
    width = np.linalg.norm(corners_m[:, 1] - corners_m[:, 0], axis=1)
    height = np.linalg.norm(corners_m[:, 3] - corners_m[:, 0], axis=1)
    uv = np.zeros((len(corners_m), 4, 2))
    uv[:, 1:3, 0], uv[:, 2:, 1] = width[:, None], height[:, None]
    return corners_m.reshape(-1, 3), triangles, uv.reshape(-1, 2)


def box(size_m: npt.ArrayLike, heading_rad: float = 0.0) -> Solid:
    """A box on its foot, turned: length along the heading, thickness across, height."""
    length, width, height = np.asarray(size_m, dtype=np.float64)
    x, y = 0.5 * length, 0.5 * width
    low = np.array([[-x, -y, 0.0], [x, -y, 0.0], [x, y, 0.0], [-x, y, 0.0]])
    high = low + np.array([0.0, 0.0, height])
    faces = [[low[k], low[(k + 1) % 4], high[(k + 1) % 4], high[k]] for k in range(4)]
    faces += [list(high), list(low[::-1])]
    cosine, sine = np.cos(heading_rad), np.sin(heading_rad)
    turn = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    return quads(np.array(faces) @ turn.T)


def beam(start_m: npt.ArrayLike, end_m: npt.ArrayLike, width_m: float) -> Solid:
    """A square beam between two points."""
    start, end = np.asarray(start_m, dtype=np.float64), np.asarray(end_m, dtype=np.float64)
    along = (end - start) / max(float(np.linalg.norm(end - start)), 1e-9)
    aside = np.cross(along, [0.0, 0.0, 1.0] if abs(along[2]) < 0.9 else [1.0, 0.0, 0.0])
    aside /= np.linalg.norm(aside)
    up = np.cross(aside, along)
    ring = [0.5 * width_m * (i * aside + j * up) for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    faces = [[start + ring[k], end + ring[k], end + ring[(k + 1) % 4], start + ring[(k + 1) % 4]]
             for k in range(4)]  # fmt: skip
    faces = [face[::-1] for face in faces]
    faces += [[start + r for r in ring], [end + r for r in ring[::-1]]]
    return quads(np.array(faces))


def prism(radius_m: float, height_m: float, sides: int) -> Solid:
    """An upright prism without lids."""
    angle = 2.0 * np.pi * np.arange(sides + 1) / sides
    ring = radius_m * np.stack([np.cos(angle), np.sin(angle), 0.0 * angle], axis=1)
    top = ring + np.array([0.0, 0.0, height_m])
    return quads(np.stack([ring[:-1], ring[1:], top[1:], top[:-1]], axis=1))


def cone(radius_m: float, height_m: float, sides: int) -> Solid:
    """An upright cone without its base."""
    angle = 2.0 * np.pi * np.arange(sides + 1) / sides
    ring = radius_m * np.stack([np.cos(angle), np.sin(angle), 0.0 * angle], axis=1)
    tip = np.tile([0.0, 0.0, height_m], (sides, 1))
    corners = np.stack([ring[:-1], ring[1:], tip], axis=1).reshape(-1, 3)
    triangles = np.arange(3 * sides, dtype=np.int32).reshape(-1, 3)
    uv = np.stack([radius_m * np.arctan2(corners[:, 1], corners[:, 0]), corners[:, 2]], axis=1)
    return corners, triangles, uv


def disc(radius_m: float, sides: int, heading_rad: float, *, turn_rad: float = 0.0) -> Solid:
    """An upright regular polygon around the origin that faces a heading; coordinates 0..1."""
    angle = 2.0 * np.pi * np.arange(sides) / sides + turn_rad
    right = np.array([-np.sin(heading_rad), np.cos(heading_rad), 0.0])
    across, up = np.cos(angle), np.sin(angle)
    points = radius_m * (across[:, None] * right + up[:, None] * np.array([0.0, 0.0, 1.0]))
    uv = 0.5 + 0.5 * np.stack([across, up], axis=1)
    triangles = np.array([[0, k, k + 1] for k in range(1, sides - 1)], dtype=np.int32)
    return points, triangles, uv


@functools.lru_cache(maxsize=4)
def _ball(level: int) -> tuple[Floats, Triangles]:
    golden = 0.5 * (1.0 + np.sqrt(5.0))
    points = [[s, t * golden, 0.0] for t in (1, -1) for s in (-1, 1)]
    vertices = np.array(points + [[0.0, p[0], p[1]] for p in points] +
                        [[p[1], 0.0, p[0]] for p in points])  # fmt: skip
    vertices /= np.linalg.norm(vertices, axis=1, keepdims=True)
    # The faces of an icosahedron are all triples of vertices at the edge's distance.
    edge = float(np.min(np.linalg.norm(vertices[1:] - vertices[0], axis=1))) * 1.01
    gap = np.linalg.norm(vertices[:, None] - vertices[None], axis=2)
    faces = [[i, j, k] for i in range(12) for j in range(i + 1, 12) for k in range(j + 1, 12)
             if max(gap[i, j], gap[j, k], gap[i, k]) < edge]  # fmt: skip
    triangles = np.array(faces, dtype=np.int32)
    for _ in range(level - 1):
        vertices, triangles = _split(vertices, triangles)
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), a) < 0.0
    triangles[inward] = triangles[inward][:, ::-1]
    return vertices, triangles


def ball(level: int) -> tuple[Floats, Triangles]:
    """A unit ball around the origin of 20 x 4^(level - 1) triangles."""
    vertices, triangles = _ball(level)
    return vertices.copy(), triangles.copy()


def _split(vertices: Floats, triangles: Triangles) -> tuple[Floats, Triangles]:
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]],
                                    triangles[:, [2, 0]]]), axis=1)  # fmt: skip
    unique, index = np.unique(edges, axis=0, return_inverse=True)
    middle = vertices[unique].sum(axis=1)
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    ab, bc, ca = (index.reshape(3, -1) + len(vertices)).astype(np.int32)
    a, b, c = triangles.T
    split = np.concatenate([np.stack(group, axis=1) for group in
                            ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])  # fmt: skip
    return np.concatenate([vertices, middle]), split.astype(np.int32)
