"""Collects triangles by tile, material and class, so that a town is some hundred shapes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.shapes import Mesh

Floats = npt.NDArray[np.float64]
Triangles = npt.NDArray[np.int32]

TILE_M = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Skin:
    """What tells one heap of triangles from another.

    Attributes:
        name: Of the material, unique.
        material: For all sensors.
        semantic: Class.
        smooth: Whether its triangles come with normals.
        variant: Heaps of unlike variants get instance ids, and so pattern seeds, of their own.
    """

    name: str
    material: Material = field(compare=False, hash=False)
    semantic: SemanticClass
    smooth: bool = False
    variant: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScenePiece:
    """One mesh of a town.

    Attributes:
        name: Unique, such as `asphalt 2 3`.
        mesh: World coordinates, metres.
        material: What it is made of.
        semantic: Class.
    """

    name: str
    mesh: Mesh
    material: Material
    semantic: SemanticClass


@dataclass(slots=True, kw_only=True)
class _Heap:
    vertices: list[Floats] = field(default_factory=list)
    triangles: list[Triangles] = field(default_factory=list)
    uv: list[Floats] = field(default_factory=list)
    normals: list[Floats] = field(default_factory=list)
    count: int = 0


class Pile:
    """Heaps of triangles by tile and skin."""

    def __init__(self) -> None:
        self._heaps: dict[tuple[int, int, Skin], _Heap] = {}

    def add(
        self,
        skin: Skin,
        vertices_m: Floats,
        triangles: Triangles,
        uv: Floats,
        normals: Floats | None = None,
    ) -> None:
        """Adds a small thing to the tile of its middle.

        Args:
            skin: What it is made of.
            vertices_m: (v, 3) world.
            triangles: (t, 3), counter-clockwise from outside.
            uv: (v, 2) metres; 0..1 for skins with a texture.
            normals: (v, 3) for smooth skins.
        """
        middle = 0.5 * (vertices_m.min(axis=0) + vertices_m.max(axis=0))
        i, j = np.floor(middle[:2] / TILE_M).astype(int)
        self.add_at((int(i), int(j)), skin, vertices_m, triangles, uv, normals)

    def add_at(
        self,
        tile: tuple[int, int],
        skin: Skin,
        vertices_m: Floats,
        triangles: Triangles,
        uv: Floats,
        normals: Floats | None = None,
    ) -> None:
        """As `add`, to a given tile."""
        if len(triangles) == 0:
            return
        heap = self._heaps.setdefault((*tile, skin), _Heap())
        heap.triangles.append(triangles + np.int32(heap.count))
        heap.vertices.append(vertices_m)
        heap.uv.append(uv)
        if normals is not None:
            heap.normals.append(normals)
        heap.count += len(vertices_m)

    def add_quads(self, skin: Skin, corners_m: Floats, uv: Floats) -> None:
        """Adds quads (q, 4, 3), counter-clockwise, with (q, 4, 2); each to its own tile."""
        tile = np.floor(corners_m[:, :, :2].mean(axis=1) / TILE_M).astype(np.int64)
        for key in np.unique(tile, axis=0):
            mine = np.flatnonzero((tile == key).all(axis=1))
            first = 4 * np.arange(len(mine), dtype=np.int32)[:, None]
            triangles = np.concatenate(
                [first + np.array([0, 1, 2]), first + np.array([0, 2, 3])]
            ).astype(np.int32)
            self.add_at((int(key[0]), int(key[1])), skin, corners_m[mine].reshape(-1, 3),
                        triangles, uv[mine].reshape(-1, 2))  # fmt: skip

    def pieces(self) -> list[ScenePiece]:
        """All heaps as meshes, in the order of their first triangles."""
        made = []
        for (i, j, skin), heap in self._heaps.items():
            mesh = Mesh(
                np.concatenate(heap.vertices).astype(np.float32),
                np.concatenate(heap.triangles).astype(np.int32),
                np.concatenate(heap.uv).astype(np.float32),
                np.concatenate(heap.normals).astype(np.float32) if skin.smooth else None,
            )
            made.append(
                ScenePiece(name=f"{skin.name} {skin.variant} at {i} {j}", mesh=mesh,
                           material=skin.material, semantic=skin.semantic)
            )  # fmt: skip
        return made
