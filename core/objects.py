"""Where the objects of the world truly are: privileged, recorded beside the samples.

The record of one instant holds whatever may have moved; the first of an episode, and each after
something new came, holds everything. What a later record leaves out stands where it stood.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_columns
from fleetloop.core.frames import FloatArray, Pose

EGO = "robot"
"""Name of the object that carries the sensors; its frame is the robot's base."""

_CORNERS = np.array(
    [[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)], dtype=np.float64
)

_COLUMNS: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "instance_id": ("int32", ()),
    "semantic": ("uint8", ()),
    "position_m": ("float64", (3,)),
    "quaternion_xyzw": ("float64", (4,)),
    "linear_m_s": ("float64", (3,)),
    "angular_rad_s": ("float64", (3,)),
    "box_center_m": ("float64", (3,)),
    "box_size_m": ("float64", (3,)),
}
_POINT_COLUMNS: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "key_point_instance": ("int32", ()),
    "key_point_m": ("float64", (3,)),
}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Objects:
    """Objects at one instant; n of them, with k key points together.

    Attributes:
        t_ns: Simulated time.
        complete: Whether all objects are here, and not only those that may have moved.
        names: Unique names, n.
        instance_id: What instance images and points show, (n,) int32; stable over the episode.
        semantic: `SemanticClass`, (n,) uint8.
        position_m, quaternion_xyzw: world_T_object, (n, 3) and (n, 4).
        linear_m_s, angular_rad_s: Velocity of the object's origin and its turning, world axes,
            (n, 3).
        box_center_m, box_size_m: Tight box along the axes of the object, in its frame, (n, 3):
            size along x (length), y (width), z (height). It follows moving limbs and wheels.
        key_point_names: Such as `left_knee`, k; people have those of COCO.
        key_point_instance: Whose they are, (k,) int32.
        key_point_m: Where, world frame, (k, 3).

    Raises:
        SchemaError: Shapes or types are not as promised, or a number is not finite.
    """

    t_ns: int
    complete: bool
    names: tuple[str, ...]
    instance_id: npt.NDArray[np.int32]
    semantic: npt.NDArray[np.uint8]
    position_m: FloatArray
    quaternion_xyzw: FloatArray
    linear_m_s: FloatArray
    angular_rad_s: FloatArray
    box_center_m: FloatArray
    box_size_m: FloatArray
    key_point_names: tuple[str, ...]
    key_point_instance: npt.NDArray[np.int32]
    key_point_m: FloatArray

    def __post_init__(self) -> None:
        check_columns(self, "objects", _COLUMNS, len(self.names))
        check_columns(self, "objects", _POINT_COLUMNS, len(self.key_point_names))

    def __len__(self) -> int:
        return len(self.names)

    @property
    def world_T_object(self) -> Pose:
        """All poses, a batch of n."""
        return Pose(self.position_m, self.quaternion_xyzw)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All arrays by name."""
        return {name: getattr(self, name) for name in (*_COLUMNS, *_POINT_COLUMNS)}

    def row(self, name: str) -> int | None:
        """Place of an object in the arrays; None if it is not here."""
        return self.names.index(name) if name in self.names else None

    def corners_m(self) -> FloatArray:
        """Corners of the boxes, world frame, (n, 8, 3)."""
        local = self.box_center_m[:, None] + self.box_size_m[:, None] * _CORNERS
        poses = Pose(self.position_m[:, None], self.quaternion_xyzw[:, None])
        return poses.transform_points(local)

    def centers_m(self) -> FloatArray:
        """Centres of the boxes, world frame, (n, 3)."""
        return self.world_T_object.transform_points(self.box_center_m)

    def chosen(self, keep: npt.NDArray[np.bool_]) -> Objects:
        """The objects where `keep` (n,) holds, with their key points."""
        names = tuple(name for name, kept in zip(self.names, keep, strict=True) if kept)
        points = np.isin(self.key_point_instance, self.instance_id[keep])
        columns: dict[str, Any] = {name: getattr(self, name)[keep] for name in _COLUMNS}
        columns |= {name: getattr(self, name)[points] for name in _POINT_COLUMNS}
        point_names = tuple(n for n, kept in zip(self.key_point_names, points, strict=True) if kept)
        return replace(self, names=names, key_point_names=point_names, **columns)

    def after(self, older: Objects) -> Objects:
        """All objects at this instant: these, and from an older record what has not moved."""
        rest = older.chosen(~np.isin(older.instance_id, self.instance_id))
        columns: dict[str, Any] = {
            name: np.concatenate([getattr(self, name), getattr(rest, name)])
            for name in (*_COLUMNS, *_POINT_COLUMNS)
        }
        return replace(
            self,
            complete=self.complete or older.complete,
            names=self.names + rest.names,
            key_point_names=self.key_point_names + rest.key_point_names,
            **columns,
        )


def no_objects(t_ns: int = 0, *, complete: bool = True) -> Objects:
    """A record of nothing."""
    columns: dict[str, Any] = {
        name: np.zeros((0, *shape), dtype=dtype)
        for name, (dtype, shape) in (*_COLUMNS.items(), *_POINT_COLUMNS.items())
    }
    return Objects(t_ns=t_ns, complete=complete, names=(), key_point_names=(), **columns)
