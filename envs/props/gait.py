"""The figures of `people` posed in one kernel: what it says in arrays, for crowds at each step."""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.props.people import (
    ARM_SWING_RAD,
    BONE_JOINTS,
    ELBOW_RAD,
    FIGURE,
    HEAD_POINTS_M,
    HIP_LEAN_RAD,
    HIP_SWING_RAD,
    KEY_POINTS,
    KNEE_STANCE_RAD,
    KNEE_SWING_RAD,
    LENGTHS_M,
    STATURE_M,
)
from fleetloop.envs.trace.jit import inline, kernel

Floats = npt.NDArray[np.float64]

_POINTS = len(KEY_POINTS)
_BONES = len(BONE_JOINTS)
_POINT_JOINTS = np.array([3, 9, 4, 10, 5, 11, 6, 12, 7, 13, 8, 14])
_HEAD_Z, _SHOULDER_Z, _HIP_Z, _SHOULDER_Y, _HIP_Y, _UPPER, _FOREARM, _THIGH, _SHANK = LENGTHS_M


class Crowd:
    """Room for the poses of some people.

    Args:
        height_m: (n,) of each.

    Attributes:
        place_m, turn_xyzw: (n, FIGURE, 3) and (n, FIGURE, 4) of their looks, as `limb_poses` has
            them.
        points_m: (n, 17, 3) as `key_points_m` has them.
    """

    def __init__(self, height_m: Floats) -> None:
        count = len(height_m)
        self._unit = height_m / STATURE_M
        self.place_m = np.zeros((count, FIGURE, 3))
        self.turn_xyzw = np.zeros((count, FIGURE, 4))
        self.points_m = np.zeros((count, _POINTS, 3))

    def walk(self, phase_rad: Floats, swing: Floats) -> None:
        """Poses all at phases (n,) of their gait, with limbs that swing by parts (n,)."""
        _pose(self._unit, phase_rad, swing, self.place_m, self.turn_xyzw, self.points_m)


@kernel
def _pose(
    unit: Floats, phase: Floats, swing: Floats, place: Floats, turn: Floats, points: Floats
) -> None:
    """Writes what `limb_poses` and `key_points_m` return."""
    joints = np.empty((15, 3))
    for i in range(len(unit)):
        _joints(phase[i], swing[i], joints)
        for k in range(_POINTS):
            for c in range(3):
                if k < 5:
                    rise = joints[1, 2] - _HEAD_Z if c == 2 else 0.0
                    points[i, k, c] = unit[i] * (HEAD_POINTS_M[k, c] + rise)
                else:
                    points[i, k, c] = unit[i] * joints[_POINT_JOINTS[k - 5], c]
        _looks(unit[i], joints, place[i], turn[i])


@inline
def _joints(phase, part, joints):
    joints[:] = 0.0
    joints[0, 2], joints[1, 0], joints[1, 2], joints[2, 2] = _SHOULDER_Z, 0.01, _HEAD_Z, _HIP_Z
    for leg in range(2):
        side = 1.0 if leg == 0 else -1.0
        angle = phase if leg == 0 else phase + np.pi
        hip = part * (HIP_LEAN_RAD + HIP_SWING_RAD * np.sin(angle))
        lift = max(np.cos(angle), 0.0) ** 1.5
        knee = part * (KNEE_STANCE_RAD + (KNEE_SWING_RAD - KNEE_STANCE_RAD) * lift)
        shoulder = part * -ARM_SWING_RAD * np.sin(angle)
        elbow = shoulder + 0.1 + part * ELBOW_RAD
        first = 3 + 6 * leg
        joints[first, 1], joints[first, 2] = side * _SHOULDER_Y, _SHOULDER_Z
        _hang(joints, first, _UPPER, shoulder)
        _hang(joints, first + 1, _FOREARM, elbow)
        joints[first + 3, 1], joints[first + 3, 2] = side * _HIP_Y, _HIP_Z
        _hang(joints, first + 3, _THIGH, hip)
        _hang(joints, first + 4, _SHANK, hip - knee)
    rise = _HIP_Z - _THIGH - _SHANK - min(joints[8, 2], joints[14, 2])
    joints[:, 2] += rise


@inline
def _hang(joints, root, length, angle):
    joints[root + 1, 0] = joints[root, 0] + length * np.sin(angle)
    joints[root + 1, 1] = joints[root, 1]
    joints[root + 1, 2] = joints[root, 2] - length * np.cos(angle)


@inline
def _looks(unit, joints, place, turn):
    for row in range(_BONES):
        start, end = BONE_JOINTS[row, 0], BONE_JOINTS[row, 1]
        for c in range(3):
            place[row, c] = unit * 0.5 * (joints[start, c] + joints[end, c])
        dx, dz = joints[start, 0] - joints[end, 0], joints[start, 2] - joints[end, 2]
        _pitch(dx, dz, turn[row])
    for c in range(3):
        place[_BONES, c] = place[_BONES + 1, c] = unit * joints[1, c]
    place[_BONES + 1, 0] -= 0.02 * unit
    place[_BONES + 1, 2] += 0.022 * unit
    for row in range(_BONES, _BONES + 2):
        turn[row, 0], turn[row, 1], turn[row, 2], turn[row, 3] = 0.0, 0.0, 0.0, 1.0
    for shoe in range(2):
        row, ankle = _BONES + 2 + shoe, 8 + 6 * shoe
        x, z = joints[ankle - 1, 2] - joints[ankle, 2], joints[ankle, 0] - joints[ankle - 1, 0]
        size = max(np.sqrt(x * x + z * z), 1e-9)
        x, z = x / size, z / size
        place[row, 0] = unit * (joints[ankle, 0] + 0.07 * x)
        place[row, 1] = unit * joints[ankle, 1]
        place[row, 2] = unit * (joints[ankle, 2] + 0.07 * z - 0.03)
        _pitch(x, z, turn[row])


@inline
def _pitch(x, z, out):
    half = 0.5 * np.arctan2(x, z)
    out[0], out[1], out[2], out[3] = 0.0, np.sin(half), 0.0, np.cos(half)
