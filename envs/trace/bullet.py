"""Mirrors a PyBullet client into a scene: shapes once, poses after every step.

PyBullet gives the pose of a body's inertial frame, but shapes hang on its link frame: the inertial
offset is folded into each shape's local pose when it is first seen. For links the forward
kinematics is asked for, without which link poses lag one step behind.

Every sync compares what PyBullet says about the looks of each body with what was mirrored, so
bodies that were loaded, removed, replaced or re-coloured are found without being told. Pictures
come from mesh files; those of `changeVisualShape` PyBullet does not give out. Bodies
without mass and joints are taken as fixed: they are read when first seen and when asked to.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pybullet

from fleetloop.core.errors import StateError, StorageError
from fleetloop.envs.trace.jit import kernel
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.mesh_files import read_mesh_file
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box, Capsule, Cylinder, Plane, Shape, Sphere
from fleetloop.envs.trace.texture import Texture

_LOG = logging.getLogger(__name__)
# getVisualShapeData reports capsules and cylinders as (length, radius), boxes as full extents.
_PLANE_TYPE = 6

Looks = tuple[tuple[Any, ...], ...]
Label = Callable[[int, int], int]


@dataclass(slots=True, eq=False)
class _Body:
    """One mirrored body: its shapes, each on a frame of the body (0 the base, then the links)."""

    looks: Looks
    handles: list[int]
    frame_of_shape: list[int]
    links: list[int]
    moves: bool
    local_position: npt.NDArray[np.float64]
    local_quaternion: npt.NDArray[np.float64]


class BulletMirror:
    """Keeps a scene equal to what a PyBullet client shows.

    Args:
        scene: Filled and moved.
        client_id: What `pybullet.connect` returned.
        instance: (body, link) -> public instance id > 0; body + 1 if None.
        semantic: (body, link) -> class 0..255; 0 for all if None.
        velocities: Whether to read velocities too (rolling shutters, LiDAR sweeps, "velocity").
    """

    def __init__(
        self,
        scene: Scene,
        client_id: int,
        *,
        instance: Label | None = None,
        semantic: Label | None = None,
        velocities: bool = True,
    ) -> None:
        if not pybullet.isConnected(client_id):
            raise StateError(f"PyBullet client {client_id} is not connected.")
        self._scene = scene
        self._client = client_id
        self._instance = instance or (lambda body, link: body + 1)
        self._semantic = semantic or (lambda body, link: 0)
        self._velocities = velocities
        self._bodies: dict[int, _Body] = {}
        self._layout: _Layout | None = None

    def sync(self, *, fixed: bool = False) -> None:
        """Takes over looks and poses.

        Args:
            fixed: Read bodies without mass and joints again, after they were moved by hand.
        """
        self._scene.keep_previous()
        known = set(self._scene.handles)
        changed = self._sync_bodies()
        if changed or self._layout is None:
            self._layout = _Layout(self._scene, self._bodies)
        self._read_poses(self._layout.all_bodies if changed or fixed else self._layout.moving)
        if changed:
            # What has just come has not moved from the origin to where it is.
            self._scene.keep_previous([h for h in self._scene.handles if h not in known])

    def _sync_bodies(self) -> bool:
        """Adds, removes and replaces bodies; returns whether any shape came, went or changed."""
        client = self._client
        present = [
            pybullet.getBodyUniqueId(index, client)
            for index in range(pybullet.getNumBodies(client))
        ]
        changed = False
        if len(present) != len(self._bodies) or any(b not in self._bodies for b in present):
            for body in self._bodies.keys() - set(present):
                self._drop(body)
                changed = True
        for body in present:
            looks = pybullet.getVisualShapeData(body, physicsClientId=client)
            known = self._bodies.get(body)
            if known is None or known.looks != looks:
                if known is not None:
                    self._drop(body)
                self._bodies[body] = self._mirror(body, looks)
                changed = True
        return changed

    def _drop(self, body: int) -> None:
        for handle in self._bodies.pop(body).handles:
            self._scene.remove(handle)

    def _mirror(self, body: int, looks: Looks) -> _Body:
        """Adds the shapes of a body to the scene."""
        client = self._client
        n_joints = pybullet.getNumJoints(body, client)
        dynamics = pybullet.getDynamicsInfo(body, -1, client)
        base_offset = pybullet.invertTransform(dynamics[3], dynamics[4])
        mirrored = _Body(looks, [], [], [], dynamics[0] > 0.0 or n_joints > 0, *_no_frames())
        positions, quaternions = [], []
        for look in looks:
            link, position, quaternion = look[1], look[5], look[6]
            if link >= 0 and link not in mirrored.links:
                mirrored.links.append(link)
            frame = 0 if link < 0 else 1 + mirrored.links.index(link)
            if link < 0:
                position, quaternion = pybullet.multiplyTransforms(
                    *base_offset, position, quaternion
                )
            for shape, material in self._parts(look):
                handle = self._scene.add(
                    shape,
                    material=material,
                    semantic=self._semantic(body, link),
                    instance_id=self._instance(body, link),
                )
                mirrored.handles.append(handle)
                mirrored.frame_of_shape.append(frame)
                positions.append(position)
                quaternions.append(quaternion)
        mirrored.local_position = np.array(positions, dtype=np.float64).reshape(-1, 3)
        mirrored.local_quaternion = np.array(quaternions, dtype=np.float64).reshape(-1, 4)
        return mirrored

    def _parts(self, look: tuple[Any, ...]) -> list[tuple[Shape, Material]]:
        """Shapes and materials of one entry of getVisualShapeData."""
        body, link, kind, size, file_name, rgba = (
            look[0],
            look[1],
            look[2],
            look[3],
            look[4],
            look[7],
        )
        shape: Shape
        if kind == pybullet.GEOM_MESH and file_name:
            return self._mesh_parts(look)
        if kind == pybullet.GEOM_BOX:
            shape = Box((size[0] / 2.0, size[1] / 2.0, size[2] / 2.0))
        elif kind == pybullet.GEOM_SPHERE:
            shape = Sphere(size[0])
        elif kind == pybullet.GEOM_CYLINDER:
            shape = Cylinder(size[1], size[0] / 2.0)
        elif kind == pybullet.GEOM_CAPSULE:
            shape = Capsule(size[1], size[0] / 2.0)
        elif kind == _PLANE_TYPE:
            shape = Plane()
        else:
            _LOG.warning(
                "Link %d of body %d has a shape of type %d that PyBullet does not give out (a "
                "height field, or a mesh from memory): it is not seen. Add it by Scene.add.",
                link,
                body,
                kind,
            )
            return []
        return [(shape, _material(rgba, None, None))]

    def _mesh_parts(self, look: tuple[Any, ...]) -> list[tuple[Shape, Material]]:
        size, rgba = look[3], look[7]
        path = look[4].decode()
        try:
            parts = read_mesh_file(path, (size[0], size[1], size[2]))
        except StorageError as error:
            _LOG.warning("A visual shape of body %d is not seen. %s", look[0], error)
            return []
        # Where a file has several materials, PyBullet reports white for all of them.
        several = len(parts) > 1
        return [
            (part.mesh, _material(rgba, part.color if several else None, part.texture))
            for part in parts
        ]

    def _read_poses(self, part: _Part) -> None:
        if len(part.rows) == 0:
            return
        client = self._client
        flat: list[float] = []
        moving: list[float] = []
        for body, links in part.bodies:
            position, quaternion = pybullet.getBasePositionAndOrientation(body, client)
            flat += position + quaternion
            if self._velocities:
                linear, angular = pybullet.getBaseVelocity(body, client)
                moving += position + linear + angular
            if not links:
                continue
            states = pybullet.getLinkStates(
                body, links, self._velocities, True, physicsClientId=client
            )
            for state in states:
                flat += state[4] + state[5]
                if self._velocities:
                    moving += state[0] + state[6] + state[7]
        frames = np.array(flat, dtype=np.float64).reshape(-1, 7)
        positions, quaternions = part.compose(frames)
        self._scene.set_row_poses(part.rows, positions, quaternions)
        if self._velocities:
            twists = np.array(moving, dtype=np.float64).reshape(-1, 9)[part.frame_of_row]
            # Velocities belong to the centre of mass: v + w x r takes them to the shape's origin.
            angular = twists[:, 6:9]
            arm = positions - twists[:, 0:3]
            linear = twists[:, 3:6] + np.cross(angular, arm)
            self._scene.set_row_velocities(part.rows, linear, angular)


class _Layout:
    """Rows of the scene in the order in which frames are read from PyBullet."""

    def __init__(self, scene: Scene, bodies: dict[int, _Body]) -> None:
        self.all_bodies = _Part(scene, bodies)
        self.moving = _Part(scene, {b: body for b, body in bodies.items() if body.moves})


class _Part:
    """Some bodies: what to ask PyBullet for, and where the answers go."""

    def __init__(self, scene: Scene, bodies: dict[int, _Body]) -> None:
        self.bodies = [(b, body.links) for b, body in bodies.items() if body.handles]
        handles: list[int] = []
        frames: list[int] = []
        positions, quaternions = [np.zeros((0, 3))], [np.zeros((0, 4))]
        first = 0
        for body in bodies.values():
            if not body.handles:
                continue
            handles += body.handles
            frames += [first + frame for frame in body.frame_of_shape]
            positions.append(body.local_position)
            quaternions.append(body.local_quaternion)
            first += 1 + len(body.links)
        self.rows = scene.rows_of(handles)
        self.frame_of_row = np.array(frames, dtype=np.int64)
        self.local_position = np.concatenate(positions)
        self.local_quaternion = np.concatenate(quaternions)

    def compose(
        self, frames: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """World poses of the shapes from those of the frames, (frames, 7)."""
        positions = np.empty((len(self.rows), 3))
        quaternions = np.empty((len(self.rows), 4))
        _compose(
            frames,
            self.frame_of_row,
            self.local_position,
            self.local_quaternion,
            positions,
            quaternions,
        )
        return positions, quaternions


@kernel
def _compose(
    frames: npt.NDArray[np.float64],
    frame_of_row: npt.NDArray[np.int64],
    local_position: npt.NDArray[np.float64],
    local_quaternion: npt.NDArray[np.float64],
    positions: npt.NDArray[np.float64],
    quaternions: npt.NDArray[np.float64],
) -> None:
    for row in range(len(frame_of_row)):
        frame = frames[frame_of_row[row]]
        x, y, z, w = frame[3], frame[4], frame[5], frame[6]
        px, py, pz = local_position[row, 0], local_position[row, 1], local_position[row, 2]
        # p + 2 w (v x p) + 2 v x (v x p), with v the vector part of the quaternion.
        cx, cy, cz = 2.0 * (y * pz - z * py), 2.0 * (z * px - x * pz), 2.0 * (x * py - y * px)
        positions[row, 0] = frame[0] + px + w * cx + y * cz - z * cy
        positions[row, 1] = frame[1] + py + w * cy + z * cx - x * cz
        positions[row, 2] = frame[2] + pz + w * cz + x * cy - y * cx
        a, b, c, d = local_quaternion[row]
        quaternions[row, 0] = w * a + x * d + y * c - z * b
        quaternions[row, 1] = w * b - x * c + y * d + z * a
        quaternions[row, 2] = w * c + x * b - y * a + z * d
        quaternions[row, 3] = w * d - x * a - y * b - z * c


def _no_frames() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    return np.zeros((0, 3)), np.zeros((0, 4))


def _material(
    rgba: tuple[float, float, float, float],
    file_color: tuple[float, float, float, float] | None,
    texture: Texture | None,
) -> Material:
    """PyBullet's colour; that of the file where PyBullet has none of its own (white)."""
    color = rgba
    if file_color is not None and tuple(rgba) == (1.0, 1.0, 1.0, 1.0):
        color = (1.0, 1.0, 1.0, file_color[3]) if texture is not None else file_color
    red, green, blue = (_linear(value) for value in color[:3])
    return Material(
        color=(red, green, blue), alpha=min(max(float(color[3]), 0.0), 1.0), texture=texture
    )


def _linear(srgb: float) -> float:
    """The transfer function of IEC 61966-2-1, inverted."""
    value = min(max(float(srgb), 0.0), 1.0)
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)
