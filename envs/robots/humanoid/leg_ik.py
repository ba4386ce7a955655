"""Inverse kinematics of a leg in closed form.

The three hip axes meet in a point and so do the two ankle axes, so the knee follows from the
distance of both, the ankle from the direction of the hip seen from the foot, and the hip from the
rotation that is left [Kajita et al. 2014, "Introduction to humanoid robotics", 2.5.2].
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.jit import inline, kernel

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201

_STRAIGHT = 0.9995
"""Part of the leg's length at which it counts as stretched out: the knee keeps a little bend."""


@kernel
def leg_angles(
    hip: npt.NDArray[np.float64],
    foot_m: npt.NDArray[np.float64],
    foot_R: npt.NDArray[np.float64],
    thigh_m: float,
    shank_m: float,
    angles: npt.NDArray[np.float64],
) -> bool:
    """Angles (yaw, roll, pitch, knee, ankle pitch, ankle roll) that bring the ankle to a place.

    Args:
        hip: Where the hip axes meet in the base frame, (3,).
        foot_m: Ankle in the base frame, (3,).
        foot_R: base_R_foot, (3, 3).
        thigh_m, shank_m: Lengths.
        angles: (6,), written.

    Returns:
        Whether the place is in reach; else the leg stretches towards it.
    """
    return bool(leg_solve(hip, foot_m, foot_R, thigh_m, shank_m, angles))


@inline
def leg_solve(hip, foot_m, foot_R, thigh, shank, angles):
    """As `leg_angles`, for other kernels."""
    # The hip seen from the foot.
    dx, dy, dz = hip[0] - foot_m[0], hip[1] - foot_m[1], hip[2] - foot_m[2]
    rx = foot_R[0, 0] * dx + foot_R[1, 0] * dy + foot_R[2, 0] * dz
    ry = foot_R[0, 1] * dx + foot_R[1, 1] * dy + foot_R[2, 1] * dz
    rz = foot_R[0, 2] * dx + foot_R[1, 2] * dy + foot_R[2, 2] * dz
    length = np.sqrt(rx * rx + ry * ry + rz * rz)
    reach = (thigh + shank) * _STRAIGHT
    inside = length <= reach and length > 1e-6
    held = min(max(length, abs(thigh - shank) + 1e-3), reach)
    cosine = (held * held - thigh * thigh - shank * shank) / (2.0 * thigh * shank)
    knee = np.arccos(min(max(cosine, -1.0), 1.0))
    # Angle at the ankle between the shank and the line to the hip.
    lean = np.arctan2(thigh * np.sin(knee), shank + thigh * np.cos(knee))
    # A hip below the ankle is met by pitch, not by rolling the foot over.
    up = 1.0 if rz >= 0.0 else -1.0
    ankle_roll = np.arctan2(up * ry, up * rz)
    ankle_pitch = -np.arctan2(rx, up * np.sqrt(ry * ry + rz * rz)) - lean
    # base_R_hip = base_R_foot Rx(-ankle_roll) Ry(-(ankle_pitch + knee)).
    c, s = np.cos(-ankle_roll), np.sin(-ankle_roll)
    turn = np.empty((3, 3))
    for a in range(3):
        turn[a, 0] = foot_R[a, 0]
        turn[a, 1] = c * foot_R[a, 1] + s * foot_R[a, 2]
        turn[a, 2] = c * foot_R[a, 2] - s * foot_R[a, 1]
    c, s = np.cos(-(ankle_pitch + knee)), np.sin(-(ankle_pitch + knee))
    for a in range(3):
        x, z = turn[a, 0], turn[a, 2]
        turn[a, 0] = c * x - s * z
        turn[a, 2] = c * z + s * x
    # base_R_hip = Rz(yaw) Rx(roll) Ry(pitch).
    angles[0] = np.arctan2(-turn[0, 1], turn[1, 1])
    angles[1] = np.arcsin(min(max(turn[2, 1], -1.0), 1.0))
    angles[2] = np.arctan2(-turn[2, 0], turn[2, 2])
    angles[3], angles[4], angles[5] = knee, ankle_pitch, ankle_roll
    return inside
