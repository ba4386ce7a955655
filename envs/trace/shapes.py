"""What a scene is made of: six analytic shapes, triangle meshes and height fields.

Each shape is immutable, lives in its own local frame and may be placed many times. Closed shapes
(and closed meshes) are seen from outside only, so that a sensor inside its own housing looks out;
planes and open meshes are seen from both sides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.envs.trace import bvh, layout


def _require_positive(owner: str, **sizes: float) -> None:
    for name, size in sizes.items():
        if not (np.isfinite(size) and size > 0.0):
            raise ConfigError(f"{owner}.{name} is {size}; it must be positive and finite.")


@dataclass(frozen=True, slots=True)
class Plane:
    """The infinite plane z = 0."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box around the origin. Half extents in metres along x, y, z."""

    half_extents_m: tuple[float, float, float]

    def __post_init__(self) -> None:
        x, y, z = self.half_extents_m
        _require_positive("Box", half_extent_x=x, half_extent_y=y, half_extent_z=z)


@dataclass(frozen=True, slots=True)
class Sphere:
    """A sphere around the origin."""

    radius_m: float

    def __post_init__(self) -> None:
        _require_positive("Sphere", radius_m=self.radius_m)


@dataclass(frozen=True, slots=True)
class Cylinder:
    """A closed cylinder along z, from -half_length_m to half_length_m."""

    radius_m: float
    half_length_m: float

    def __post_init__(self) -> None:
        _require_positive("Cylinder", radius_m=self.radius_m, half_length_m=self.half_length_m)


@dataclass(frozen=True, slots=True)
class Capsule:
    """A capsule along z; the half length is that of the cylindrical part, without the caps."""

    radius_m: float
    half_length_m: float

    def __post_init__(self) -> None:
        _require_positive("Capsule", radius_m=self.radius_m, half_length_m=self.half_length_m)


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles with an own bounding volume hierarchy, built when a scene first needs it.

    Attributes:
        vertices_m: (n, 3).
        triangles: (m, 3) rows of `vertices_m`, counter-clockwise seen from outside.
        uv: Texture coordinates of the vertices, (n, 2), v upwards, or None.
        normals: Unit normals of the vertices for smooth shading, (n, 3), or None.
    """

    vertices_m: npt.NDArray[np.float32]
    triangles: npt.NDArray[np.int32]
    uv: npt.NDArray[np.float32] | None = None
    normals: npt.NDArray[np.float32] | None = None
    closed: bool = field(init=False)

    def __post_init__(self) -> None:
        vertices = _frozen(self.vertices_m, np.float32, "Mesh.vertices_m", 3)
        triangles = _frozen(self.triangles, np.int32, "Mesh.triangles", 3)
        if len(triangles) == 0:
            raise ConfigError("Mesh.triangles is empty; a mesh needs at least one triangle.")
        if triangles.min() < 0 or triangles.max() >= len(vertices):
            raise ConfigError(
                f"Mesh.triangles point at vertices {triangles.min()}..{triangles.max()}, "
                f"but there are {len(vertices)}."
            )
        object.__setattr__(self, "vertices_m", vertices)
        object.__setattr__(self, "triangles", triangles)
        for name, columns in (("uv", 2), ("normals", 3)):
            given = getattr(self, name)
            if given is not None:
                values = _frozen(given, np.float32, f"Mesh.{name}", columns)
                if len(values) != len(vertices):
                    raise ConfigError(
                        f"Mesh.{name} has {len(values)} rows for {len(vertices)} vertices."
                    )
                object.__setattr__(self, name, values)
        object.__setattr__(self, "closed", _is_closed(vertices, triangles))

    @cached_property
    def hierarchy(self) -> bvh.Hierarchy:
        """Bounding volumes over the triangles."""
        return bvh.build(self.vertices_m, self.triangles)

    @cached_property
    def row(self) -> RowShape:
        """What the instance table wants: found once, however often the mesh is placed."""
        low, high = self.vertices_m.min(axis=0), self.vertices_m.max(axis=0)
        center = (low.astype(np.float64) + high) / 2.0
        half_box = (high.astype(np.float64) - low) / 2.0
        reach = float(np.linalg.norm(self.vertices_m - center, axis=1).max())
        return RowShape(
            layout.MESH,
            (float(half_box[0]), float(half_box[1]), float(half_box[2])),
            (float(center[0]), float(center[1]), float(center[2])),
            # A hair more, for the rounding of vertices to float32 in other frames.
            reach * (1.0 + 1e-6) + 1e-9,
        )

    @property
    def flags(self) -> int:
        """`layout.MESH_FLAGS` of this mesh."""
        return (
            (layout.HAS_UV if self.uv is not None else 0)
            | (layout.HAS_NORMALS if self.normals is not None else 0)
            | (layout.CLOSED if self.closed else 0)
        )


@dataclass(frozen=True, eq=False)
class HeightField:
    """Ground as heights over a regular grid, made of two triangles per cell.

    Attributes:
        heights_m: (rows, columns); rows run along y, columns along x; the grid is centred at the
            local origin.
        cell_m: Distance of neighbours along x and y.
    """

    heights_m: npt.NDArray[np.float32]
    cell_m: tuple[float, float]

    def __post_init__(self) -> None:
        heights = np.array(self.heights_m, dtype=np.float32)
        if heights.ndim != 2 or min(heights.shape) < 2 or not np.isfinite(heights).all():
            raise ConfigError(
                f"HeightField.heights_m has shape {heights.shape}; it must be a finite "
                "two-dimensional array with at least two rows and columns."
            )
        _require_positive("HeightField", cell_x=self.cell_m[0], cell_y=self.cell_m[1])
        heights.setflags(write=False)
        object.__setattr__(self, "heights_m", heights)

    @cached_property
    def mesh(self) -> Mesh:
        """The same surface as triangles, with texture coordinates in metres and smooth normals."""
        n_y, n_x = self.heights_m.shape
        x = (np.arange(n_x) - (n_x - 1) / 2.0) * self.cell_m[0]
        y = (np.arange(n_y) - (n_y - 1) / 2.0) * self.cell_m[1]
        grid_x, grid_y = np.meshgrid(x, y)
        vertices = np.stack([grid_x, grid_y, self.heights_m], axis=-1).reshape(-1, 3)
        index = np.arange(n_y * n_x).reshape(n_y, n_x)
        a, b = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
        c, d = index[1:, 1:].ravel(), index[1:, :-1].ravel()
        triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
        slope_y, slope_x = np.gradient(
            self.heights_m.astype(np.float64), self.cell_m[1], self.cell_m[0]
        )
        normals = np.stack([-slope_x, -slope_y, np.ones_like(slope_x)], axis=-1).reshape(-1, 3)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        return Mesh(
            vertices.astype(np.float32),
            triangles.astype(np.int32),
            vertices[:, :2].astype(np.float32),
            normals.astype(np.float32),
        )


Shape = Plane | Box | Sphere | Cylinder | Capsule | Mesh | HeightField


@dataclass(frozen=True, slots=True)
class RowShape:
    """A shape as the instance table wants it: kind, three dimensions, local bounding sphere."""

    kind: int
    dims: tuple[float, float, float]
    center_m: tuple[float, float, float]
    radius_m: float


def row_shape(shape: Shape) -> RowShape:
    """Returns kind, dimensions and bounding sphere of a shape (height fields are meshes)."""
    origin = (0.0, 0.0, 0.0)
    match shape:
        case Plane():
            return RowShape(layout.PLANE, origin, origin, float(layout.FAR))
        case Box(half):
            return RowShape(layout.BOX, half, origin, float(np.linalg.norm(half)))
        case Sphere(radius):
            return RowShape(layout.SPHERE, (radius, 0.0, 0.0), origin, radius)
        case Cylinder(radius, half_length):
            reach = float(np.hypot(radius, half_length))
            return RowShape(layout.CYLINDER, (radius, half_length, 0.0), origin, reach)
        case Capsule(radius, half_length):
            reach = radius + half_length
            return RowShape(layout.CAPSULE, (radius, half_length, 0.0), origin, reach)
        case HeightField():
            return row_shape(shape.mesh)
        case Mesh():
            return shape.row
    raise ConfigError(f"{type(shape).__name__} is not a shape of fleetloop.envs.trace.shapes.")


def _frozen(
    values: npt.ArrayLike, dtype: npt.DTypeLike, name: str, columns: int
) -> npt.NDArray[Any]:
    array = np.array(values, dtype=dtype, order="C")
    if array.ndim != 2 or array.shape[1] != columns:
        raise ConfigError(f"{name} has shape {array.shape}; it must be (n, {columns}).")
    if not np.isfinite(array).all():
        raise ConfigError(f"{name} holds numbers that are not finite.")
    array.setflags(write=False)
    return array


def _is_closed(vertices: npt.NDArray[np.float32], triangles: npt.NDArray[np.int32]) -> bool:
    """Whether the surface bounds a solid with normals outwards.

    Vertices at one place count as one (texture seams split them). Each directed edge must occur
    once and its opposite once, and the enclosed volume must be positive.
    """
    _, merged = np.unique(vertices, axis=0, return_inverse=True)
    corner = merged.reshape(-1)[triangles].astype(np.int64)
    edges = np.concatenate([corner[:, [0, 1]], corner[:, [1, 2]], corner[:, [2, 0]]])
    edges = edges[edges[:, 0] != edges[:, 1]]
    stride = len(vertices) + 1
    forward = np.sort(edges[:, 0] * stride + edges[:, 1])
    backward = np.sort(edges[:, 1] * stride + edges[:, 0])
    if len(forward) == 0 or (np.diff(forward) == 0).any() or not np.array_equal(forward, backward):
        return False
    a, b, c = (vertices[triangles[:, k]].astype(np.float64) for k in range(3))
    return bool(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() > 0.0)
