"""Looks of one material as one mesh: a car of thirty shapes becomes a handful."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import Pose
from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.props.fleet import road_user_looks
from fleetloop.envs.stage import Look
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.shapes import Box, Cylinder, Mesh, Shape

Floats = npt.NDArray[np.float64]
Solid = tuple[Floats, npt.NDArray[np.int32], Floats]
"""Vertices (v, 3), triangles (t, 3), unit normals (v, 3)."""

_SIDES = 14
_STYLES = 24
_LENGTH_STEP_M = 0.3


def merged(looks: Sequence[Look]) -> list[Look]:
    """The same looks with boxes, cylinders and meshes joined by material and class.

    Other shapes stay as they are. Patterns that need surface coordinates get none: merge only
    plain materials.
    """
    heaps: dict[tuple[Material, SemanticClass], list[Solid]] = {}
    rest = []
    for look in looks:
        solid = _solid(look.shape)
        if solid is None:
            rest.append(look)
        else:
            heap = heaps.setdefault((look.material, look.semantic), [])
            heap.append(_placed(solid, look.body_T_look))
    joined = [
        Look(shape=_mesh(heap), material=material, semantic=semantic)
        for (material, semantic), heap in heaps.items()
    ]
    return joined + rest


def shared_looks(kind: int, size_m: tuple[float, float, float], style: int) -> tuple[Look, ...]:
    """The looks of a road user, merged, and shared by all of about the same size and style.

    A process makes some dozens of them and keeps them, so that resets build no meshes.

    Args:
        kind: `RoadUser`.
        size_m: Length, width and height; the length is rounded to 0.3 m.
        style: Any number.
    """
    length = _LENGTH_STEP_M * round(size_m[0] / _LENGTH_STEP_M)
    size = (round(length, 3), round(size_m[1], 2), round(size_m[2], 2))
    return _kept(kind, size, style % _STYLES)


@lru_cache(maxsize=512)
def _kept(kind: int, size_m: tuple[float, float, float], style: int) -> tuple[Look, ...]:
    looks = merged(road_user_looks(kind, size_m, style))
    for look in looks:
        if isinstance(look.shape, Mesh):
            _ = look.shape.hierarchy
    return tuple(looks)


def _placed(solid: Solid, body_T_look: Pose) -> Solid:
    vertices, triangles, normals = solid
    return (
        body_T_look.transform_points(vertices),
        triangles,
        body_T_look.transform_vectors(normals),
    )


def _mesh(heap: Sequence[Solid]) -> Mesh:
    first = np.cumsum([0] + [len(vertices) for vertices, _, _ in heap[:-1]])
    return Mesh(
        np.concatenate([vertices for vertices, _, _ in heap]).astype(np.float32),
        np.concatenate(
            [triangles + shift for (_, triangles, _), shift in zip(heap, first, strict=True)]
        ).astype(np.int32),
        normals=np.concatenate([normals for _, _, normals in heap]).astype(np.float32),
    )


def _solid(shape: Shape) -> Solid | None:
    if isinstance(shape, Box):
        return _box(np.array(shape.half_extents_m))
    if isinstance(shape, Cylinder):
        return _cylinder(shape.radius_m, shape.half_length_m)
    if isinstance(shape, Mesh):
        return _of_mesh(shape)
    return None


def _of_mesh(mesh: Mesh) -> Solid:
    vertices = mesh.vertices_m.astype(np.float64)
    if mesh.normals is not None:
        return vertices, mesh.triangles, mesh.normals.astype(np.float64)
    corners = vertices[mesh.triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    faces /= np.maximum(np.linalg.norm(faces, axis=1, keepdims=True), 1e-12)
    triangles = np.arange(3 * len(corners), dtype=np.int32).reshape(-1, 3)
    return corners.reshape(-1, 3), triangles, np.repeat(faces, 3, axis=0)


def _box(half: Floats) -> Solid:
    vertices, normals = [], []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            normal = np.zeros(3)
            normal[axis] = sign
            # Right-handed in the face: counter-clockwise seen from outside.
            u, v = np.roll(np.abs(normal), 1), np.roll(np.abs(normal), 2)
            u, v = (u, v) if sign > 0.0 else (v, u)
            vertices += [half * (normal + a * u + b * v)
                         for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]  # fmt: skip
            normals += [normal] * 4
    first = 4 * np.arange(6, dtype=np.int32)[:, None]
    triangles = np.concatenate([first + np.array([0, 1, 2]), first + np.array([0, 2, 3])])
    return np.array(vertices), triangles.astype(np.int32), np.array(normals)


def _cylinder(radius_m: float, half_m: float) -> Solid:
    angle = 2.0 * np.pi * np.arange(_SIDES) / _SIDES
    out = np.stack([np.cos(angle), np.sin(angle), np.zeros(_SIDES)], axis=1)
    ring, up = radius_m * out, np.array([0.0, 0.0, half_m])
    k = np.arange(_SIDES)
    after = (k + 1) % _SIDES
    side = np.concatenate(
        [np.stack([k, after, after + _SIDES], axis=1), np.stack([k, after + _SIDES, k + _SIDES], 1)]
    )
    fan = np.stack([np.zeros(_SIDES - 2, int), k[1:-1], k[2:]], axis=1)
    vertices = np.concatenate([ring - up, ring + up, ring - up, ring + up])
    normals = np.concatenate([out, out, np.tile([0.0, 0.0, -1.0], (_SIDES, 1)),
                              np.tile([0.0, 0.0, 1.0], (_SIDES, 1))])  # fmt: skip
    triangles = np.concatenate([side, fan[:, ::-1] + 2 * _SIDES, fan + 3 * _SIDES])
    return vertices, triangles.astype(np.int32), normals
