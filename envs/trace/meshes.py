"""The mesh store of a scene: all meshes that are placed, end to end in shared arrays.

Meshes are counted by use. A number stays the same as long as its mesh is in use; unused meshes
leave the arrays when these are next asked for, so that scenes may change for ever.
"""

from __future__ import annotations

import heapq
from functools import lru_cache

import numpy as np

from fleetloop.envs.trace import layout
from fleetloop.envs.trace.layout import MeshArrays
from fleetloop.envs.trace.shapes import Mesh

_SHARED = 2
"""How many different sets of meshes keep their arrays after their scenes are gone."""


class MeshStore:
    """Meshes by number, and their concatenated arrays."""

    def __init__(self) -> None:
        self._meshes: list[Mesh | None] = []
        self._uses: list[int] = []
        self._numbers: dict[int, int] = {}  # id(mesh) -> number; the list keeps the mesh alive
        self._free: list[int] = []  # a heap of numbers that were given back
        self._arrays: MeshArrays | None = None

    def copy(self) -> MeshStore:
        """An independent store of the same meshes; meshes and arrays are shared."""
        made = MeshStore()
        made._meshes, made._uses = list(self._meshes), list(self._uses)
        made._numbers, made._free = dict(self._numbers), list(self._free)
        made._arrays = self._arrays
        return made

    def acquire(self, mesh: Mesh) -> int:
        """Returns the number of a mesh and counts one more use of it."""
        number = self._numbers.get(id(mesh))
        if number is None:
            number = self._free_number()
            self._meshes[number] = mesh
            self._numbers[id(mesh)] = number
            self._arrays = None
        self._uses[number] += 1
        return number

    def release(self, number: int) -> None:
        """Counts one use less; a mesh without uses is dropped."""
        self._uses[number] -= 1
        if self._uses[number] == 0:
            del self._numbers[id(self._meshes[number])]
            self._meshes[number] = None
            heapq.heappush(self._free, number)
            self._arrays = None

    def mesh(self, number: int) -> Mesh:
        """The mesh behind a number in use."""
        mesh = self._meshes[number]
        assert mesh is not None, "a row points at a mesh that was dropped"
        return mesh

    @property
    def arrays(self) -> MeshArrays:
        """All meshes end to end, rebuilt after a mesh was added or dropped."""
        if self._arrays is None:
            self._arrays = _concatenate(tuple(self._meshes))
        return self._arrays

    def _free_number(self) -> int:
        if self._free:
            return heapq.heappop(self._free)
        self._meshes.append(None)
        self._uses.append(0)
        return len(self._meshes) - 1


@lru_cache(maxsize=_SHARED)
def _concatenate(meshes: tuple[Mesh | None, ...]) -> MeshArrays:
    """All meshes end to end. Scenes that hold the same meshes in the same order share the arrays.

    So resets of one town, and several worlds in it, neither copy it nor hold it twice.
    """
    meta = np.zeros((max(len(meshes), 1), layout.MCOLS), np.int32)
    # One row of zeros each: kernels never see an array without memory.
    corners = [np.zeros((0, 9), np.float32)]
    triangles = [np.zeros((0, 3), np.int32)]
    vertices = [np.zeros((0, 3), np.float32)]
    normals = [np.zeros((0, 3), np.float32)]
    uv = [np.zeros((0, 2), np.float32)]
    nodes = [np.zeros((0, 6), np.float32)]
    links = [np.zeros((0, 4), np.int32)]
    n_vertices = n_triangles = n_nodes = 0
    for number, mesh in enumerate(meshes):
        if mesh is None:
            continue
        tree = mesh.hierarchy
        ordered = mesh.triangles[tree.order]
        meta[number, layout.VERTEX_BEGIN] = n_vertices
        meta[number, layout.VERTEX_COUNT] = len(mesh.vertices_m)
        meta[number, layout.TRIANGLE_BEGIN] = n_triangles
        meta[number, layout.TRIANGLE_COUNT] = len(ordered)
        meta[number, layout.NODE_BEGIN] = n_nodes
        meta[number, layout.MESH_FLAGS] = mesh.flags
        shifted = tree.links.copy()
        leaf = shifted[:, layout.COUNT] > 0
        shifted[leaf, layout.LINK] += n_triangles
        shifted[~leaf, layout.LINK] += n_nodes
        corners.append(mesh.vertices_m[ordered].reshape(-1, 9))
        triangles.append(ordered + np.int32(n_vertices))
        vertices.append(mesh.vertices_m)
        count = len(mesh.vertices_m)
        normals.append(np.zeros((count, 3), np.float32) if mesh.normals is None else mesh.normals)
        uv.append(np.zeros((count, 2), np.float32) if mesh.uv is None else mesh.uv)
        nodes.append(tree.nodes)
        links.append(shifted)
        n_vertices += count
        n_triangles += len(ordered)
        n_nodes += len(shifted)
    return MeshArrays(
        meta,
        np.concatenate(corners),
        np.concatenate(triangles),
        np.concatenate(vertices),
        np.concatenate(normals),
        np.concatenate(uv),
        np.concatenate(nodes),
        np.concatenate(links),
    )
