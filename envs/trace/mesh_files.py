"""Reads OBJ, STL, DAE and glTF files as meshes with their colours and pictures."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import trimesh

from fleetloop.core.errors import StorageError
from fleetloop.envs.trace.shapes import Mesh
from fleetloop.envs.trace.texture import Texture

FORMATS = frozenset({".obj", ".stl", ".dae", ".glb", ".gltf", ".ply", ".off"})


@dataclass(frozen=True, slots=True, eq=False)
class MeshPart:
    """Triangles of one material of a file.

    Attributes:
        mesh: Geometry in the frame of the file, scaled.
        color: sRGB with alpha, 0..1, from the file; None if it has none.
        texture: Picture over the uv of the mesh, or None.
    """

    mesh: Mesh
    color: tuple[float, float, float, float] | None
    texture: Texture | None


@functools.lru_cache(maxsize=256)
def read_mesh_file(
    path: str, scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> tuple[MeshPart, ...]:
    """Reads a file; the same file and scale give the same meshes, shared by all scenes.

    Args:
        path: Of a file in one of `FORMATS`.
        scale: Factors along x, y, z.

    Raises:
        StorageError: The file is missing, of another format, or holds no triangles.
    """
    if Path(path).suffix.lower() not in FORMATS:
        raise StorageError(f"{path} is not a mesh file; readable are {', '.join(sorted(FORMATS))}.")
    try:
        loaded = trimesh.load_scene(path, process=False)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise StorageError(f"The mesh file {path} cannot be read: {error}") from error
    parts = []
    for node in loaded.graph.nodes_geometry:
        transform, name = loaded.graph[node]
        geometry = loaded.geometry[name]
        if isinstance(geometry, trimesh.Trimesh) and len(geometry.faces) > 0:
            parts.append(_part(geometry, np.asarray(transform), np.array(scale)))
    if not parts:
        raise StorageError(f"The mesh file {path} holds no triangles.")
    return tuple(parts)


def _part(
    geometry: trimesh.Trimesh, transform: npt.NDArray[np.float64], scale: npt.NDArray[np.float64]
) -> MeshPart:
    vertices = (geometry.vertices @ transform[:3, :3].T + transform[:3, 3]) * scale
    triangles = np.asarray(geometry.faces)
    if np.linalg.det(transform[:3, :3]) * np.prod(scale) < 0.0:
        triangles = triangles[:, ::-1]  # a mirror image turns the triangles inside out
    normals = None
    # Only normals that the file holds: computed ones would round the edges of boxes.
    if "vertex_normals" in geometry._cache.cache:
        turned = geometry.vertex_normals @ np.linalg.inv(transform[:3, :3] * scale[:, None])
        length = np.linalg.norm(turned, axis=1, keepdims=True)
        normals = turned / np.where(length > 0.0, length, 1.0)
    visual = geometry.visual
    uv = getattr(visual, "uv", None)
    color, texture = _look(visual)
    mesh = Mesh(
        vertices.astype(np.float32),
        triangles.astype(np.int32),
        None if uv is None else np.asarray(uv, np.float32),
        None if normals is None else normals.astype(np.float32),
    )
    return MeshPart(mesh, color, texture if uv is not None else None)


def _look(visual: Any) -> tuple[tuple[float, float, float, float] | None, Texture | None]:  # noqa: ANN401
    """Colour and picture of trimesh's simple, physically based or per-face materials."""
    material = getattr(visual, "material", None)
    if material is None:
        return None, None
    image = getattr(material, "image", None)
    if image is None:
        image = getattr(material, "baseColorTexture", None)
    color = getattr(material, "diffuse", None)
    if color is None:
        color = getattr(material, "baseColorFactor", None)
    texture = None
    if image is not None:
        pixels = np.array(image.convert("RGB"), dtype=np.uint8)
        # A picture of one colour is how trimesh says that there is none.
        if (pixels != pixels[0, 0]).any():
            texture = Texture(pixels)
    if color is None:
        return None, texture
    value = np.asarray(color, dtype=np.float64)
    if np.issubdtype(np.asarray(color).dtype, np.integer):
        value = value / 255.0
    rgba = [float(v) for v in value[:4]] + [1.0] * (4 - len(value[:4]))
    return (rgba[0], rgba[1], rgba[2], rgba[3]), texture
