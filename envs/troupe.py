"""Things on a stage that are moved together, all looks in a few array operations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import FloatArray
from fleetloop.envs.stage import Stage, Thing


class Troupe:
    """Things whose poses come as arrays: vehicles of traffic, people, a car and its wheels.

    Args:
        stage: Where they are. Nothing may be taken off its scene afterwards.
        things: Added to it already.
    """

    def __init__(self, stage: Stage, things: Sequence[Thing]) -> None:
        self._stage = stage
        self._things = tuple(things)
        count = [len(thing.handles) for thing in things]
        self._owner = np.repeat(np.arange(len(things)), count)
        handles = [handle for thing in things for handle in thing.handles]
        self._rows = stage.scene.rows_of(handles)
        self._place_m = np.concatenate(
            [np.zeros((0, 3)), *(thing.look_positions_m.reshape(-1, 3) for thing in things)]
        )
        self._turn = np.concatenate(
            [np.zeros((0, 4)), *(thing.look_quaternions_xyzw.reshape(-1, 4) for thing in things)]
        )
        self._book_rows = stage.book_rows(self._things)
        self._reaches = stage.reaches(self._book_rows)
        self._first = np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.int64)

    def __len__(self) -> int:
        return len(self._things)

    def move(
        self,
        position_m: FloatArray,
        heading_rad: FloatArray,
        velocity_m_s: FloatArray,
        yaw_rate_rad_s: FloatArray,
        *,
        place_m: FloatArray | None = None,
        turn_xyzw: FloatArray | None = None,
        key_points_m: FloatArray | None = None,
    ) -> None:
        """Puts all of them somewhere, level, turned about the vertical alone.

        Args:
            position_m: (n, 3) world.
            heading_rad: (n,) counter-clockwise from x.
            velocity_m_s: (n, 3) world, of their origins.
            yaw_rate_rad_s: (n,).
            place_m, turn_xyzw: (looks, 3) and (looks, 4), where the looks are in their things now;
                as they were added if None.
            key_points_m: (n, points, 3) in the things' frames, if they moved there.
        """
        zero = np.zeros(len(self._things))
        half = 0.5 * heading_rad
        quaternion = np.stack([zero, zero, np.sin(half), np.cos(half)], axis=1)
        angular = np.stack([zero, zero, yaw_rate_rad_s], axis=1)
        self.move_freely(position_m, quaternion, velocity_m_s, angular,
                         place_m=place_m, turn_xyzw=turn_xyzw)  # fmt: skip
        if key_points_m is not None:
            self._note_limbs(key_points_m, place_m, turn_xyzw)

    def move_freely(
        self,
        position_m: FloatArray,
        quaternion_xyzw: FloatArray,
        velocity_m_s: FloatArray,
        angular_rad_s: FloatArray,
        *,
        place_m: FloatArray | None = None,
        turn_xyzw: FloatArray | None = None,
    ) -> None:
        """Puts all of them somewhere, with any attitude.

        Args:
            position_m, quaternion_xyzw: (n, 3) and (n, 4), world.
            velocity_m_s, angular_rad_s: (n, 3), of their origins, world axes.
            place_m, turn_xyzw: As in `move`.
        """
        own = self._owner
        place = self._place_m if place_m is None else place_m
        turn = self._turn if turn_xyzw is None else turn_xyzw
        q = quaternion_xyzw[own]
        offset = _rotated(q, place)
        scene = self._stage.scene
        scene.set_row_poses(self._rows, position_m[own] + offset, _product(q, turn))
        angular = angular_rad_s[own]
        linear = velocity_m_s[own] + _cross(angular, offset)
        scene.set_row_velocities(self._rows, linear, angular)
        self._stage.note_places(
            self._book_rows, position_m, quaternion_xyzw, velocity_m_s, angular_rad_s
        )

    def _note_limbs(
        self, points_m: FloatArray, place_m: FloatArray | None, turn_xyzw: FloatArray | None
    ) -> None:
        low, high = self._reaches.corners(
            self._place_m if place_m is None else place_m,
            self._turn if turn_xyzw is None else turn_xyzw,
        )
        lowest = np.minimum.reduceat(low, self._first)
        highest = np.maximum.reduceat(high, self._first)
        self._stage.note_limbs(self._book_rows, np.stack([lowest, highest], axis=1), points_m)


Columns = npt.NDArray[np.float64]


def _cross(a: Columns, b: Columns) -> Columns:
    ax, ay, az = a.T
    bx, by, bz = b.T
    out = np.empty_like(b)
    out[:, 0], out[:, 1], out[:, 2] = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    return out


def _rotated(q: Columns, v: Columns) -> Columns:
    """Vectors (n, 3) turned by unit quaternions (n, 4): v + 2 u x (u x v + w v)."""
    axis = q[:, :3]
    return np.asarray(v + 2.0 * _cross(axis, _cross(axis, v) + q[:, 3:] * v))


def _product(a: Columns, b: Columns) -> Columns:
    """Products of quaternions xyzw (n, 4)."""
    ax, ay, az, aw = a.T
    bx, by, bz, bw = b.T
    out = np.empty_like(b)
    out[:, 0] = aw * bx + ax * bw + ay * bz - az * by
    out[:, 1] = aw * by - ax * bz + ay * bw + az * bx
    out[:, 2] = aw * bz + ax * by - ay * bx + az * bw
    out[:, 3] = aw * bw - ax * bx - ay * by - az * bz
    return out
