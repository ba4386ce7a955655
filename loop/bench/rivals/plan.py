"""What a rival is asked: which scene, which sizes; and the scene as shapes and triangles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pybullet
import trimesh

from fleetloop.envs.trace.material import COLOR
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box, Capsule, Cylinder, Mesh, Plane, Shape, Sphere
from fleetloop.loop.bench import scenes

_GROUND_M = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One process's work.

    Attributes:
        scene: Which scene of `scenes`.
        sizes: Widths and heights of the pictures.
        repeats: Of each measurement.
    """

    scene: scenes.Name
    sizes: tuple[tuple[int, int], ...]
    repeats: int


class Placed(NamedTuple):
    """A shape where it stands."""

    shape: Shape
    position_m: npt.NDArray[np.float64]
    quaternion_xyzw: npt.NDArray[np.float64]
    color: npt.NDArray[np.float32]  # linear
    instance_id: int


def placed_shapes(name: scenes.Name) -> Iterator[Placed]:
    """Every shape of a scene."""
    client = pybullet.connect(pybullet.DIRECT)
    scenes.build(client, name)
    scene = Scene.from_bullet(client)
    pybullet.disconnect(client)
    rows = scene.row_integers
    for handle, row in zip(scene.handles, rows, strict=True):
        position, quaternion = scene.pose(handle)
        color = scene.materials.shading[row[2], COLOR : COLOR + 3]
        yield Placed(scene.shape(handle), position, quaternion, color, int(row[3]))


def triangles(placed: Placed) -> npt.NDArray[np.float32]:
    """A shape's triangles in the world, (n, 3, 3); round shapes are cut as finely as is usual."""
    shape = placed.shape
    if isinstance(shape, Mesh):
        corners = np.asarray(shape.vertices_m, np.float64)[shape.triangles]
    else:
        corners = np.asarray(_tessellated(shape).triangles, np.float64)
    turn = pybullet.getMatrixFromQuaternion(placed.quaternion_xyzw.tolist())
    rotation = np.array(turn).reshape(3, 3)
    world: npt.NDArray[np.float64] = corners @ rotation.T + placed.position_m
    return world.astype(np.float32)


def _tessellated(shape: Shape) -> Any:  # noqa: ANN401 - trimesh.Trimesh, which is untyped
    if isinstance(shape, Box):
        return trimesh.creation.box(2.0 * np.array(shape.half_extents_m))
    if isinstance(shape, Sphere):
        return trimesh.creation.icosphere(subdivisions=3, radius=shape.radius_m)
    if isinstance(shape, Cylinder):
        return trimesh.creation.cylinder(shape.radius_m, 2.0 * shape.half_length_m, sections=32)
    if isinstance(shape, Capsule):
        mesh = trimesh.creation.capsule(2.0 * shape.half_length_m, shape.radius_m, count=[16, 16])
        return mesh.apply_translation(-mesh.bounds.mean(axis=0))
    if isinstance(shape, Plane):
        return trimesh.creation.box([_GROUND_M, _GROUND_M, 1e-4])
    raise TypeError(f"The benchmark scenes hold no {type(shape).__name__}.")
