"""The columns of a scene: one row per placed shape, in float64 world coordinates."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace import layout

Column = npt.NDArray[np.float64]


class ScenePoses(NamedTuple):
    """Where all shapes of a scene were at one instant, by handle; see `Scene.poses`.

    Attributes:
        handles: (n,) int64.
        position_m, quaternion: (n, 3) and (n, 4), world; xyzw.
        velocity_m_s, angular_velocity_rad_s: (n, 3), world.
    """

    handles: npt.NDArray[np.int64]
    position_m: Column
    quaternion: Column
    velocity_m_s: Column
    angular_velocity_rad_s: Column


@dataclass(slots=True, eq=False)
class Rows:
    """Parallel arrays over the placed shapes; only the first rows are in use.

    Attributes:
        integers: (capacity, JCOLS) int32, see `layout`.
        dims: (capacity, 3) float32.
        spheres: (capacity, 4) local bounding spheres: centre, radius.
        position_m, quaternion: (capacity, 3) and (capacity, 4), world; xyzw.
        velocity_m_s, angular_velocity_rad_s: (capacity, 3), world.
        previous_position_m, previous_quaternion: Poses of the previous frame, for flow.
    """

    integers: npt.NDArray[np.int32]
    dims: npt.NDArray[np.float32]
    spheres: Column
    position_m: Column
    quaternion: Column
    velocity_m_s: Column
    angular_velocity_rad_s: Column
    previous_position_m: Column
    previous_quaternion: Column

    @classmethod
    def empty(cls, capacity: int) -> Rows:
        """Zeros for a number of rows."""
        return cls(
            np.zeros((capacity, layout.JCOLS), np.int32),
            np.zeros((capacity, 3), np.float32),
            *(np.zeros((capacity, width), np.float64) for width in (4, 3, 4, 3, 3, 3, 4)),
        )

    def copy(self) -> Rows:
        """Independent rows."""
        return Rows(*(getattr(self, column.name).copy() for column in fields(self)))

    def grown(self, count: int) -> Rows:
        """These rows with room for at least `count`; doubling keeps adding many linear."""
        capacity = len(self.integers)
        if count <= capacity:
            return self
        grown = Rows.empty(max(count, 2 * capacity))
        for column in fields(self):
            getattr(grown, column.name)[:capacity] = getattr(self, column.name)
        return grown

    def move(self, source: int, target: int) -> None:
        """Overwrites one row by another."""
        for column in fields(self):
            array = getattr(self, column.name)
            array[target] = array[source]
