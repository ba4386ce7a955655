"""The book of objects: keeps where each thing of the stage is, and how large, for labels.

A box is tight: each look tells exactly how far it reaches along any direction (a mesh by its own
box), and a thing's box is around all its looks, wheels and limbs included. Along a unit direction d
in the look's frame that is |d| . half + round + disc sqrt(dx^2 + dy^2): a box has `half` alone, a
sphere `round`, a capsule along z both, a cylinder along z `half` and `disc`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import (
    FloatArray,
    Pose,
    Twist,
    quaternion_conjugate,
    quaternion_multiply,
    rotate,
)
from fleetloop.core.frames import rotation_from_quaternion as rotations
from fleetloop.core.objects import Objects
from fleetloop.core.semantics import SURFACE_CLASSES, SemanticClass
from fleetloop.envs.motion import turned
from fleetloop.envs.trace.jit import kernel
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
class Reaches:
    """Looks as arrays: mounts (n, 3) and (n, 4) in their things, and how far each reaches."""

    position_m: FloatArray
    quaternion_xyzw: FloatArray
    center_m: FloatArray
    half_m: FloatArray
    round_m: FloatArray
    disc_m: FloatArray

    def __len__(self) -> int:
        return len(self.position_m)

    @classmethod
    def joined(cls, parts: Sequence[Reaches]) -> Reaches:
        """All looks of several, in order."""
        columns = (f.name for f in fields(cls))
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))

    def corners(self, place_m: FloatArray, turn_xyzw: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest corner of each look (n, 3), with its own pose in some frame."""
        center = place_m + rotate(turn_xyzw, self.center_m)
        # Row k of each matrix is the frame's axis k, seen from the look.
        axes = rotations(turn_xyzw)
        reach = np.einsum("nkj,nj->nk", np.abs(axes), self.half_m) + self.round_m[:, None]
        reach += self.disc_m[:, None] * np.hypot(axes[..., 0], axes[..., 1])
        return center - reach, center + reach


@dataclass(slots=True)
class _Entry:
    """One thing; a part of another (`root` is its row) shares that one's box."""

    name: str
    instance_id: int
    root: int
    semantic: SemanticClass
    looks: Reaches | None
    key_point_names: tuple[str, ...]
    first_key_point: int
    parts: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _State:
    """What changes, one row a thing, and one a key point."""

    position_m: FloatArray = field(default_factory=lambda: np.zeros((0, 3)))
    quaternion_xyzw: FloatArray = field(default_factory=lambda: np.zeros((0, 4)))
    linear_m_s: FloatArray = field(default_factory=lambda: np.zeros((0, 3)))
    angular_rad_s: FloatArray = field(default_factory=lambda: np.zeros((0, 3)))
    moved: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    bounds_m: FloatArray = field(default_factory=lambda: np.zeros((0, 2, 3)))
    key_points_m: FloatArray = field(default_factory=lambda: np.zeros((0, 3)))

    def copy(self) -> _State:
        return _State(*(getattr(self, f.name).copy() for f in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class _Index:
    """What follows from the things that there are; made anew when one is added.

    Attributes:
        roots: (r,) rows of objects, parts of others and surfaces left out.
        root_of: (n,) row of the thing that a thing is a part of, itself for others.
        instance_id, semantic: (r,).
        names: r.
        jointed: Objects whose parts may move, with all their looks: row, the row of the thing of
            each look, looks.
        point, point_thing, point_root: Key points in the order of objects: row of the point, of
            its thing, and place of its object in `roots`.
        point_names: Of all key points.
    """

    roots: npt.NDArray[np.int64]
    root_of: npt.NDArray[np.int64]
    instance_id: npt.NDArray[np.int32]
    semantic: npt.NDArray[np.uint8]
    names: npt.NDArray[np.object_]
    jointed: tuple[tuple[int, npt.NDArray[np.int64], Reaches], ...]
    point: npt.NDArray[np.int64]
    point_thing: npt.NDArray[np.int64]
    point_root: npt.NDArray[np.int64]
    point_names: npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Choice:
    """Columns of a record that do not change while the same objects are told; see `_Index`."""

    index: _Index
    mask: npt.NDArray[np.bool_]
    rows: npt.NDArray[np.int64]
    names: tuple[str, ...]
    instance_id: npt.NDArray[np.int32]
    semantic: npt.NDArray[np.uint8]
    point: npt.NDArray[np.int64]
    point_thing: npt.NDArray[np.int64]
    point_names: tuple[str, ...]
    point_instance: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """Where everything was."""

    state: _State
    published: int


class ObjectBook:
    """Rows of things in the order in which they came."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._row_of: dict[str, int] = {}
        self._state = _State()
        self._added: list[tuple[Any, ...]] = []
        self._index: _Index | None = None
        self._chosen: _Choice | None = None
        self._limbs: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None = None
        self._published = 0
        self._points = 0

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
        bounded = _reaches([(shape, mount) for shape, mount, _ in looks])
        kinds = Counter(semantic for _, _, semantic in looks)
        points = np.array([*key_points_m.values()], dtype=np.float64).reshape(-1, 3)
        self._entries.append(
            _Entry(
                name=name,
                instance_id=instance_id,
                root=row if of is None else self._entries[self._row_of[of]].root,
                semantic=kinds.most_common(1)[0][0] if kinds else SemanticClass.NOTHING,
                looks=bounded,
                key_point_names=tuple(key_points_m),
                first_key_point=self._points,
            )
        )
        if of is not None:
            self._entries[self._entries[row].root].parts.append(row)
        self._row_of[name] = row
        self._points += len(points)
        zero = np.zeros(3)
        bounds = np.zeros((2, 3)) if bounded is None else _box(bounded)
        self._added.append((world_T_body.position_m, world_T_body.quaternion_xyzw, zero, zero,
                            moves, bounds, points))  # fmt: skip
        self._index = None

    def row_of(self, name: str) -> int:
        """Number of a thing."""
        return self._row_of[name]

    def place(self, name: str, world_T_body: Pose, twist: Twist) -> None:
        """Notes where a thing is and how it moves."""
        self._grow()
        row, state = self._row_of[name], self._state
        state.position_m[row] = world_T_body.position_m
        state.quaternion_xyzw[row] = world_T_body.quaternion_xyzw
        state.linear_m_s[row], state.angular_rad_s[row] = twist.linear_m_s, twist.angular_rad_s
        state.moved[self._entries[row].root] = True

    def place_rows(
        self,
        rows: npt.NDArray[np.int64],
        position_m: FloatArray,
        quaternion_xyzw: FloatArray,
        linear_m_s: FloatArray,
        angular_rad_s: FloatArray,
    ) -> None:
        """As `place` for many things at once, by `row_of`."""
        index, state = self._indexed(), self._state
        state.position_m[rows], state.quaternion_xyzw[rows] = position_m, quaternion_xyzw
        state.linear_m_s[rows], state.angular_rad_s[rows] = linear_m_s, angular_rad_s
        state.moved[index.root_of[rows]] = True

    def reaches(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> Reaches:
        """Looks of some things, end to end; things without bounds have none."""
        found = [self._entries[row].looks for row in rows]
        return Reaches.joined([_NO_LOOKS, *(looks for looks in found if looks is not None)])

    def place_limbs(
        self, rows: npt.NDArray[np.int64], bounds_m: FloatArray, key_points_m: FloatArray
    ) -> None:
        """Notes boxes (n, 2, 3) and key points (n, points, 3) of things whose looks moved in them.

        Args:
            rows: (n,) by `row_of`; all have the same number of key points.
            bounds_m: Low and high corners in the frames of the things.
            key_points_m: Likewise.
        """
        self._grow()
        self._state.bounds_m[rows] = bounds_m
        count = key_points_m.shape[1]
        if self._limbs is None or self._limbs[0] is not rows:
            first = np.array([self._entries[row].first_key_point for row in rows], dtype=np.int64)
            self._limbs = (rows, first[:, None] + np.arange(count))
        self._state.key_points_m[self._limbs[1]] = key_points_m

    def publish(self, t_ns: int) -> Objects:
        """The objects of this instant: all if something is new, else what may have moved."""
        index, state = self._indexed(), self._state
        complete = self._published != len(self._entries)
        self._published = len(self._entries)
        mask = np.ones(len(index.roots), np.bool_) if complete else state.moved[index.roots]
        chosen = self._choose(index, mask)
        for row, things, looks in index.jointed:
            if complete or state.moved[row]:
                state.bounds_m[row] = self._jointed_box(row, things, looks)
        rows, thing = chosen.rows, chosen.point_thing
        points = rotate(state.quaternion_xyzw[thing], state.key_points_m[chosen.point])
        low, high = state.bounds_m[rows, 0], state.bounds_m[rows, 1]
        return Objects(
            t_ns=t_ns,
            complete=complete,
            names=chosen.names,
            instance_id=chosen.instance_id,
            semantic=chosen.semantic,
            position_m=state.position_m[rows],
            quaternion_xyzw=state.quaternion_xyzw[rows],
            linear_m_s=state.linear_m_s[rows],
            angular_rad_s=state.angular_rad_s[rows],
            box_center_m=0.5 * (low + high),
            box_size_m=high - low,
            key_point_names=chosen.point_names,
            key_point_instance=chosen.point_instance,
            key_point_m=state.position_m[thing] + points,
        )

    def _choose(self, index: _Index, mask: npt.NDArray[np.bool_]) -> _Choice:
        """What follows from which objects are told: mostly the same from instant to instant."""
        known = self._chosen
        if known is not None and known.index is index and np.array_equal(known.mask, mask):
            return known
        points = mask[index.point_root]
        self._chosen = _Choice(
            index=index,
            mask=mask,
            rows=index.roots[mask],
            names=tuple(index.names[mask].tolist()),
            instance_id=index.instance_id[mask],
            semantic=index.semantic[mask],
            point=index.point[points],
            point_thing=index.point_thing[points],
            point_names=tuple(index.point_names[points].tolist()),
            point_instance=index.instance_id[index.point_root[points]],
        )
        return self._chosen

    def snapshot(self) -> BookSnapshot:
        """Copies where everything is."""
        self._grow()
        return BookSnapshot(self._state.copy(), self._published)

    def restore(self, snapshot: BookSnapshot) -> None:
        """Goes back to a snapshot of this episode."""
        self._state = snapshot.state.copy()
        self._published = snapshot.published

    def _grow(self) -> None:
        """Takes over what was added since the last time."""
        if not self._added:
            return
        state = self._state
        columns = list(zip(*self._added, strict=True))
        for number, name in enumerate(f.name for f in fields(_State)):
            new = columns[number]
            known = getattr(state, name)
            joined = np.concatenate(new) if name == "key_points_m" else np.array(new)
            setattr(state, name, np.concatenate([known, joined.astype(known.dtype)]))
        self._added = []

    def _indexed(self) -> _Index:
        self._grow()
        if self._index is None:
            self._index = self._made_index()
        return self._index

    def _made_index(self) -> _Index:
        entries = self._entries
        roots = [r for r, entry in enumerate(entries) if entry.root == r and self._is_object(entry)]
        point: list[int] = []
        thing: list[int] = []
        place: list[int] = []
        names: list[str] = []
        for number, root in enumerate(roots):
            for row in (root, *entries[root].parts):
                count = len(entries[row].key_point_names)
                point += range(entries[row].first_key_point, entries[row].first_key_point + count)
                thing += [row] * count
                place += [number] * count
                names += entries[row].key_point_names
        jointed = []
        for root in roots:
            if entries[root].parts:
                rows = [r for r in (root, *entries[root].parts) if entries[r].looks is not None]
                looks = self.reaches(rows)
                count_of = [len(entries[r].looks or ()) for r in rows]
                jointed.append((root, np.repeat(np.array(rows, dtype=np.int64), count_of), looks))
        return _Index(
            roots=np.array(roots, dtype=np.int64),
            root_of=np.array([entry.root for entry in entries], dtype=np.int64),
            instance_id=np.array([entries[r].instance_id for r in roots], dtype=np.int32),
            semantic=np.array([int(self._class(entries[r])) for r in roots], dtype=np.uint8),
            names=_words([entries[r].name for r in roots]),
            jointed=tuple(jointed),
            point=np.array(point, dtype=np.int64),
            point_thing=np.array(thing, dtype=np.int64),
            point_root=np.array(place, dtype=np.int64),
            point_names=_words(names),
        )

    def _is_object(self, entry: _Entry) -> bool:
        there = entry.looks is not None or any(
            self._entries[part].looks is not None for part in entry.parts
        )
        return there and self._class(entry) not in SURFACE_CLASSES

    def _class(self, entry: _Entry) -> SemanticClass:
        # A thing that is seen by its parts alone, such as a body of links, is what its first is.
        seen = [e for e in (entry, *(self._entries[p] for p in entry.parts)) if e.looks is not None]
        return seen[0].semantic if seen else SemanticClass.NOTHING

    def _jointed_box(self, row: int, things: npt.NDArray[np.int64], looks: Reaches) -> FloatArray:
        """Low and high corner (2, 3) of a thing with its parts, in the frame of the thing."""
        state = self._state
        back = quaternion_conjugate(state.quaternion_xyzw[row])
        gap = state.position_m[things] - state.position_m[row]
        turn = quaternion_multiply(back, state.quaternion_xyzw[things])
        place = rotate(back, gap) + rotate(turn, looks.position_m)
        bounds = np.empty((1, 2, 3))
        bound_looks(
            _ONE, place, quaternion_multiply(turn, looks.quaternion_xyzw), looks.center_m,
            looks.half_m, looks.round_m, looks.disc_m, bounds,
        )  # fmt: skip
        return np.asarray(bounds[0])


_ONE = np.zeros(1, dtype=np.int64)


@kernel
def bound_looks(
    first: npt.NDArray[np.int64],
    place: FloatArray,
    turn: FloatArray,
    center: FloatArray,
    half: FloatArray,
    round_m: FloatArray,
    disc: FloatArray,
    out: FloatArray,
) -> None:
    """Boxes around looks, group by group: what `Reaches.corners` says, least and most.

    Args:
        first: (n,) where the looks of each group begin.
        place, turn: (looks, 3) and (looks, 4) in the frame of the boxes.
        center, half, round_m, disc: As in `Reaches`.
        out: (n, 2, 3) written: low and high corners.
    """
    middle, side, axis = np.empty(3), np.empty(3), np.empty((3, 3))
    for group in range(len(first)):
        out[group, 0, :], out[group, 1, :] = np.inf, -np.inf
        last = first[group + 1] if group + 1 < len(first) else len(place)
        for k in range(first[group], last):
            turned(turn[k], center[k], middle)
            for c in range(3):
                side[:] = 0.0
                side[c] = 1.0
                turned(turn[k], side, axis[c])
            for c in range(3):
                # Row c of the matrix: the frame's axis c seen from the look.
                x, y, z = axis[0, c], axis[1, c], axis[2, c]
                reach = abs(x) * half[k, 0] + abs(y) * half[k, 1] + abs(z) * half[k, 2]
                reach += round_m[k] + disc[k] * np.sqrt(x * x + y * y)
                at = place[k, c] + middle[c]
                out[group, 0, c] = min(out[group, 0, c], at - reach)
                out[group, 1, c] = max(out[group, 1, c], at + reach)


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


def _reaches(looks: Sequence[tuple[Shape, Pose]]) -> Reaches | None:
    """None for things without looks, or with one that has no bounds."""
    reaches = [reach_of(shape) for shape, _ in looks]
    bounded = [reach for reach in reaches if reach is not None]
    if not bounded or len(bounded) < len(reaches):
        return None
    return Reaches(
        position_m=np.array([mount.position_m for _, mount in looks]),
        quaternion_xyzw=np.array([mount.quaternion_xyzw for _, mount in looks]),
        center_m=np.array([reach[0] for reach in bounded]),
        half_m=np.array([reach[1] for reach in bounded]),
        round_m=np.array([reach[2] for reach in bounded]),
        disc_m=np.array([reach[3] for reach in bounded]),
    )


_NO_LOOKS = Reaches(
    np.zeros((0, 3)), np.zeros((0, 4)), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0), np.zeros(0)
)


def _box(looks: Reaches) -> FloatArray:
    bounds = np.empty((1, 2, 3))
    bound_looks(
        _ONE, looks.position_m, looks.quaternion_xyzw, looks.center_m, looks.half_m, looks.round_m,
        looks.disc_m, bounds,
    )  # fmt: skip
    return np.asarray(bounds[0])


def _words(words: Sequence[str]) -> npt.NDArray[np.object_]:
    return np.array([*words, ""], dtype=np.object_)[:-1]
