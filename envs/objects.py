"""The book of objects: keeps where each thing of the stage is, and how large, for labels.

A box is tight: each look tells exactly how far it reaches along any direction (a mesh by its own
box), and a thing's box is around all its looks, wheels and limbs included. Along a unit direction d
in the look's frame that is |d| . half + round + disc sqrt(dx^2 + dy^2): a box has `half` alone, a
sphere `round`, a capsule along z both, a cylinder along z `half` and `disc`.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import FloatArray, Pose, Twist, quaternion_multiply, rotate
from fleetloop.core.frames import rotation_from_quaternion as rotations
from fleetloop.core.objects import Objects
from fleetloop.core.semantics import SURFACE_CLASSES, SemanticClass
from fleetloop.envs.trace.shapes import (
    Box,
    Capsule,
    Cylinder,
    HeightField,
    Mesh,
    Plane,
    Shape,
    Sphere,
)

Reach = tuple[FloatArray, FloatArray, float, float]
"""Centre (3,), half (3,), round and disc of a shape in its own frame, metres."""


@dataclass(frozen=True, slots=True, eq=False)
class _Looks:
    """Looks of one thing as arrays: mounts (n, 3), (n, 4) and reaches."""

    position_m: FloatArray
    quaternion_xyzw: FloatArray
    center_m: FloatArray
    half_m: FloatArray
    round_m: FloatArray
    disc_m: FloatArray

    def bounds(self, position_m: FloatArray, quaternion_xyzw: FloatArray) -> FloatArray:
        """Low and high corner (2, 3) in a frame in which the thing has this pose."""
        turned = quaternion_multiply(quaternion_xyzw, self.quaternion_xyzw)
        place = position_m + rotate(quaternion_xyzw, self.position_m)
        center = place + rotate(turned, self.center_m)
        # Row k of each matrix is the frame's axis k, seen from the look.
        axes = rotations(turned)
        reach = np.einsum("nkj,nj->nk", np.abs(axes), self.half_m) + self.round_m[:, None]
        reach += self.disc_m[:, None] * np.hypot(axes[..., 0], axes[..., 1])
        return np.stack([(center - reach).min(axis=0), (center + reach).max(axis=0)])


@dataclass(slots=True)
class _Entry:
    """One thing; a part of another (`root` is its row) shares that one's box."""

    name: str
    instance_id: int
    root: int
    semantic: SemanticClass
    looks: _Looks | None
    bounds_m: FloatArray
    key_point_names: tuple[str, ...]
    key_points_m: FloatArray
    parts: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Motion:
    """What changes about one thing."""

    position_m: FloatArray
    quaternion_xyzw: FloatArray
    linear_m_s: FloatArray
    angular_rad_s: FloatArray
    moved: bool


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """Where everything was."""

    motions: tuple[_Motion, ...]
    published: int


class ObjectBook:
    """Rows of things in the order in which they came."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._motions: list[_Motion] = []
        self._row_of: dict[str, int] = {}
        self._published = 0

    def add(
        self,
        name: str,
        instance_id: int,
        world_T_body: Pose,
        looks: Sequence[tuple[Shape, Pose, SemanticClass]],
        key_points_m: Mapping[str, npt.ArrayLike],
        *,
        moves: bool,
        of: str | None,
    ) -> None:
        """Adds a thing, or a part of one that is there."""
        row = len(self._entries)
        bounded = _looks([(shape, mount) for shape, mount, _ in looks])
        at = np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0])
        kinds = Counter(semantic for _, _, semantic in looks)
        self._entries.append(
            _Entry(
                name=name,
                instance_id=instance_id,
                root=row if of is None else self._entries[self._row_of[of]].root,
                semantic=kinds.most_common(1)[0][0] if kinds else SemanticClass.NOTHING,
                looks=bounded,
                bounds_m=np.zeros((2, 3)) if bounded is None else bounded.bounds(*at),
                key_point_names=tuple(key_points_m),
                key_points_m=np.array([*key_points_m.values()], dtype=np.float64).reshape(-1, 3),
            )
        )
        if of is not None:
            self._entries[self._entries[row].root].parts.append(row)
        self._row_of[name] = row
        zero = np.zeros(3)
        pose = world_T_body
        self._motions.append(_Motion(pose.position_m, pose.quaternion_xyzw, zero, zero, moves))

    def place(self, name: str, world_T_body: Pose, twist: Twist) -> None:
        """Notes where a thing is and how it moves."""
        motion = self._motions[self._row_of[name]]
        motion.position_m = world_T_body.position_m
        motion.quaternion_xyzw = world_T_body.quaternion_xyzw
        motion.linear_m_s, motion.angular_rad_s = twist.linear_m_s, twist.angular_rad_s
        motion.moved = True

    def publish(self, t_ns: int) -> Objects:
        """The objects of this instant: all if something is new, else what may have moved."""
        complete = self._published != len(self._entries)
        self._published = len(self._entries)
        rows = [
            row
            for row, entry in enumerate(self._entries)
            if entry.root == row and self._is_object(entry) and (complete or self._moves(entry))
        ]
        entries = [self._entries[row] for row in rows]
        motions = [self._motions[row] for row in rows]
        boxes = np.array([self._bounds(row) for row in rows]).reshape(-1, 2, 3)
        points = [self._points(part) for row in rows for part in (row, *self._entries[row].parts)]
        owners = [
            entry.instance_id
            for entry in entries
            for part in (self._row_of[entry.name], *entry.parts)
            for _ in self._entries[part].key_point_names
        ]
        names = [
            name
            for row in rows
            for part in (row, *self._entries[row].parts)
            for name in self._entries[part].key_point_names
        ]
        return Objects(
            t_ns=t_ns,
            complete=complete,
            names=tuple(entry.name for entry in entries),
            instance_id=np.array([entry.instance_id for entry in entries], dtype=np.int32),
            semantic=np.array([int(self._class(entry)) for entry in entries], dtype=np.uint8),
            position_m=_stacked([m.position_m for m in motions], 3),
            quaternion_xyzw=_stacked([m.quaternion_xyzw for m in motions], 4),
            linear_m_s=_stacked([m.linear_m_s for m in motions], 3),
            angular_rad_s=_stacked([m.angular_rad_s for m in motions], 3),
            box_center_m=0.5 * (boxes[:, 0] + boxes[:, 1]),
            box_size_m=boxes[:, 1] - boxes[:, 0],
            key_point_names=tuple(names),
            key_point_instance=np.array(owners, dtype=np.int32),
            key_point_m=np.concatenate([np.zeros((0, 3)), *points]),
        )

    def snapshot(self) -> BookSnapshot:
        """Copies where everything is."""
        return BookSnapshot(tuple(copy.copy(m) for m in self._motions), self._published)

    def restore(self, snapshot: BookSnapshot) -> None:
        """Goes back to a snapshot of this episode."""
        self._motions = [copy.copy(motion) for motion in snapshot.motions]
        self._published = snapshot.published

    def _is_object(self, entry: _Entry) -> bool:
        there = entry.looks is not None or any(
            self._entries[part].looks is not None for part in entry.parts
        )
        return there and self._class(entry) not in SURFACE_CLASSES

    def _class(self, entry: _Entry) -> SemanticClass:
        # A thing that is seen by its parts alone, such as a body of links, is what its first is.
        seen = [e for e in (entry, *(self._entries[p] for p in entry.parts)) if e.looks is not None]
        return seen[0].semantic if seen else SemanticClass.NOTHING

    def _moves(self, entry: _Entry) -> bool:
        rows = (self._row_of[entry.name], *entry.parts)
        return any(self._motions[row].moved for row in rows)

    def _bounds(self, row: int) -> FloatArray:
        """Low and high corner (2, 3) of a thing with its parts, in the frame of the thing."""
        entry = self._entries[row]
        found = [] if entry.looks is None else [entry.bounds_m]
        if entry.parts:
            at = self._motions[row]
            object_T_world = Pose(at.position_m, at.quaternion_xyzw).inverse()
            for part in entry.parts:
                looks, motion = self._entries[part].looks, self._motions[part]
                if looks is not None:
                    place = object_T_world.transform_points(motion.position_m)
                    turn = quaternion_multiply(
                        object_T_world.quaternion_xyzw, motion.quaternion_xyzw
                    )
                    found.append(looks.bounds(place, turn))
        corners = np.array(found)
        return np.stack([corners[:, 0].min(axis=0), corners[:, 1].max(axis=0)])

    def _points(self, row: int) -> FloatArray:
        entry, motion = self._entries[row], self._motions[row]
        if not entry.key_point_names:
            return np.zeros((0, 3))
        return motion.position_m + rotate(motion.quaternion_xyzw, entry.key_points_m)


def reach_of(shape: Shape) -> Reach | None:
    """How far a shape reaches; None for one without bounds."""
    zero = np.zeros(3)
    match shape:
        case Plane():
            return None
        case Box(half):
            return zero, np.array(half), 0.0, 0.0
        case Sphere(radius):
            return zero, zero, radius, 0.0
        case Cylinder(radius, half_length):
            return zero, np.array([0.0, 0.0, half_length]), 0.0, radius
        case Capsule(radius, half_length):
            return zero, np.array([0.0, 0.0, half_length]), radius, 0.0
        case HeightField():
            return reach_of(shape.mesh)
        case Mesh():
            low = shape.vertices_m.min(axis=0).astype(np.float64)
            high = shape.vertices_m.max(axis=0).astype(np.float64)
            return 0.5 * (low + high), 0.5 * (high - low), 0.0, 0.0


def _looks(looks: Sequence[tuple[Shape, Pose]]) -> _Looks | None:
    """None for things without looks, or with one that has no bounds."""
    reaches = [reach_of(shape) for shape, _ in looks]
    bounded = [reach for reach in reaches if reach is not None]
    if not bounded or len(bounded) < len(reaches):
        return None
    return _Looks(
        position_m=np.array([mount.position_m for _, mount in looks]),
        quaternion_xyzw=np.array([mount.quaternion_xyzw for _, mount in looks]),
        center_m=np.array([reach[0] for reach in bounded]),
        half_m=np.array([reach[1] for reach in bounded]),
        round_m=np.array([reach[2] for reach in bounded]),
        disc_m=np.array([reach[3] for reach in bounded]),
    )


def _stacked(rows: Sequence[FloatArray], columns: int) -> FloatArray:
    return np.array(rows, dtype=np.float64).reshape(-1, columns)
