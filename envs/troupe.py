"""Things on a stage that are moved together, all looks in a few array operations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray
from fleetloop.envs.motion import multiplied, turned
from fleetloop.envs.objects import bound_looks
from fleetloop.envs.stage import Stage, Thing
from fleetloop.envs.trace.jit import kernel


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
        place = self._place_m if place_m is None else place_m
        turn = self._turn if turn_xyzw is None else turn_xyzw
        fine = _move(
            self._rows, self._owner, place, turn,
            position_m, quaternion_xyzw, velocity_m_s, angular_rad_s, *self._stage.scene.motion,
        )  # fmt: skip
        if not fine:
            raise ConfigError(
                "A pose or velocity holds a number that is not finite, or a quaternion of length "
                "zero."
            )
        self._stage.note_places(
            self._book_rows, position_m, quaternion_xyzw, velocity_m_s, angular_rad_s
        )

    def _note_limbs(
        self, points_m: FloatArray, place_m: FloatArray | None, turn_xyzw: FloatArray | None
    ) -> None:
        reaches = self._reaches
        bounds = np.empty((len(self._things), 2, 3))
        place = self._place_m if place_m is None else place_m
        turn = self._turn if turn_xyzw is None else turn_xyzw
        bound_looks(
            self._first, place, turn, reaches.center_m, reaches.half_m, reaches.round_m,
            reaches.disc_m, bounds,
        )  # fmt: skip
        self._stage.note_limbs(self._book_rows, bounds, points_m)


@kernel
def _move(
    rows: npt.NDArray[np.int64],
    owner: npt.NDArray[np.int64],
    place: FloatArray,
    turn: FloatArray,
    position: FloatArray,
    quaternion: FloatArray,
    linear: FloatArray,
    angular: FloatArray,
    row_position: FloatArray,
    row_quaternion: FloatArray,
    row_linear: FloatArray,
    row_angular: FloatArray,
) -> bool:
    """Writes the rows of a scene; whether all numbers were finite and all quaternions had length.

    Args:
        rows, owner: (looks,) row of each look in the scene, and the thing that it belongs to.
        place, turn: (looks, 3) and (looks, 4) in their things.
        position, quaternion, linear, angular: Of the things, world.
        row_position, row_quaternion, row_linear, row_angular: Of the scene, written.
    """
    offset, product = np.empty(3), np.empty(4)
    for k in range(len(rows)):
        row, i = rows[k], owner[k]
        turned(quaternion[i], place[k], offset)
        multiplied(quaternion[i], turn[k], product)
        norm = np.sqrt(
            product[0] * product[0] + product[1] * product[1] + product[2] * product[2]
            + product[3] * product[3]
        )  # fmt: skip
        total = norm
        for c in range(3):
            a, b = (c + 1) % 3, (c + 2) % 3
            row_position[row, c] = position[i, c] + offset[c]
            sweep = angular[i, a] * offset[b] - angular[i, b] * offset[a]
            row_linear[row, c] = linear[i, c] + sweep
            row_angular[row, c] = angular[i, c]
            # A sum is finite only if all its terms are.
            total += row_position[row, c] + row_linear[row, c] + angular[i, c]
        if not np.isfinite(total) or norm == 0.0:
            return False
        for c in range(4):
            row_quaternion[row, c] = product[c] / norm
    return True
