"""People who walk, and people on bicycles: figures of capsules whose limbs swing with the steps.

A figure is a fixed list of looks, told by `FIGURE`; where each of them is at a phase of the gait is
a pure function of arrays, so that many people are posed in one call. The frame is that of the
person: origin on the ground under the hips, x forward, y left, z up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import Pose
from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.stage import Look
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.shapes import Capsule, Sphere

Floats = npt.NDArray[np.float64]
Color = tuple[float, float, float]

STATURE_M = 1.75
"""Height of the figure that all lengths below are for. Lengths of limbs are parts of it after
Winter 2009, "Biomechanics and Motor Control of Human Movement", figure 4.1: thigh 0.245, shank
0.246, foot 0.152 long, upper arm 0.186, forearm and hand 0.254."""

_HIP_Z, _THIGH, _SHANK = 0.93, 0.43, 0.43
_SHOULDER_Z, _UPPER, _FOREARM = 1.42, 0.30, 0.36
_HIP_Y, _SHOULDER_Y = 0.095, 0.200
_HEAD_Z = 1.63

HIP_SWING_RAD, HIP_LEAN_RAD = 0.37, 0.09
"""Thighs swing from 16 degrees back to 26 degrees forward in natural walking [Winter 1991, "The
Biomechanics and Motor Control of Human Gait"]."""

KNEE_STANCE_RAD, KNEE_SWING_RAD = 0.12, 0.95
"""Knees bend little under load and about 60 degrees while the leg swings forward [same]."""

ARM_SWING_RAD, ELBOW_RAD = 0.42, 0.35

KEY_POINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
"""The seventeen of COCO, in its order [Lin et al. 2014, "Microsoft COCO"]."""

LENGTHS_M = (_HEAD_Z, _SHOULDER_Z, _HIP_Z, _SHOULDER_Y, _HIP_Y, _UPPER, _FOREARM, _THIGH, _SHANK)
"""Of the figure, for `gait`."""

HEAD_POINTS_M = np.array(
    [[0.11, 0.0, 1.62], [0.10, 0.032, 1.65], [0.10, -0.032, 1.65], [0.0, 0.105, 1.63],
     [0.0, -0.105, 1.63]]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outfit:
    """Colours of a person, linear RGB."""

    shirt: Color
    trousers: Color
    skin: Color
    hair: Color
    shoes: Color


_CLOTHES: tuple[Color, ...] = (
    (0.45, 0.05, 0.05), (0.05, 0.12, 0.35), (0.10, 0.25, 0.12), (0.55, 0.50, 0.42),
    (0.04, 0.04, 0.05), (0.60, 0.60, 0.62), (0.50, 0.28, 0.05), (0.22, 0.08, 0.28),
)  # fmt: skip
_TROUSERS: tuple[Color, ...] = (
    (0.03, 0.05, 0.12), (0.02, 0.02, 0.025), (0.18, 0.14, 0.09), (0.16, 0.16, 0.17),
)  # fmt: skip
_SKINS: tuple[Color, ...] = (
    (0.62, 0.38, 0.27), (0.48, 0.27, 0.17), (0.24, 0.12, 0.07), (0.70, 0.46, 0.35),
)  # fmt: skip
_HAIR: tuple[Color, ...] = ((0.02, 0.015, 0.01), (0.12, 0.06, 0.02), (0.35, 0.24, 0.10),
                            (0.30, 0.30, 0.30))  # fmt: skip


def outfit_of(style: int) -> Outfit:
    """The clothes of a number, the same each time."""
    pick = np.random.Generator(np.random.Philox(key=int(style)))
    shirt, trousers, skin, hair = (
        pool[int(pick.integers(len(pool)))] for pool in (_CLOTHES, _TROUSERS, _SKINS, _HAIR)
    )
    return Outfit(shirt, trousers, skin, hair, (0.03, 0.025, 0.02))


def walking_joints(phase_rad: npt.ArrayLike, swing: npt.ArrayLike = 1.0) -> Floats:
    """Joints of people at a phase of their gait, (n, 15, 3).

    Args:
        phase_rad: (n,); at pi / 2 the left leg is furthest forward.
        swing: (n,) or one for all: 0 stands, 1 walks.

    Returns:
        Neck, head, pelvis; then shoulder, elbow, hand, hip, knee, ankle of the left, and of the
        right side; for `STATURE_M`.
    """
    phase, part = np.broadcast_arrays(np.asarray(phase_rad, float), np.asarray(swing, float))
    joints = np.zeros((len(phase), 15, 3))
    joints[:, 0] = (0.0, 0.0, _SHOULDER_Z)
    joints[:, 1] = (0.01, 0.0, _HEAD_Z)
    joints[:, 2] = (0.0, 0.0, _HIP_Z)
    for side, first in ((1.0, 3), (-1.0, 9)):
        angle = phase if side > 0 else phase + np.pi
        hip = part * (HIP_LEAN_RAD + HIP_SWING_RAD * np.sin(angle))
        # The knee bends while the leg comes forward: its speed is that of the cosine.
        lift = np.maximum(np.cos(angle), 0.0) ** 1.5
        knee = part * (KNEE_STANCE_RAD + (KNEE_SWING_RAD - KNEE_STANCE_RAD) * lift)
        shoulder = part * -ARM_SWING_RAD * np.sin(angle)
        elbow = shoulder + 0.1 + part * ELBOW_RAD
        _chain(joints, first, (0.0, side * _SHOULDER_Y, _SHOULDER_Z), _UPPER, shoulder,
               _FOREARM, elbow)  # fmt: skip
        _chain(joints, first + 3, (0.0, side * _HIP_Y, _HIP_Z), _THIGH, hip, _SHANK, hip - knee)
    # The lower foot is on the ground: the body rises and sinks with the legs.
    ankles = np.minimum(joints[:, 8, 2], joints[:, 14, 2])
    joints[:, :, 2] += (_HIP_Z - _THIGH - _SHANK - ankles)[:, None]
    return joints


def _chain(
    joints: Floats,
    first: int,
    root: tuple[float, float, float],
    upper_m: float,
    upper_rad: Floats,
    lower_m: float,
    lower_rad: Floats,
) -> None:
    """Three joints of a limb; angles are from straight down, forward."""
    joints[:, first] = root
    for step, length, angle in ((1, upper_m, upper_rad), (2, lower_m, lower_rad)):
        joints[:, first + step] = joints[:, first + step - 1]
        joints[:, first + step, 0] += length * np.sin(angle)
        joints[:, first + step, 2] -= length * np.cos(angle)


_BONES: tuple[tuple[int, int, float, str], ...] = (
    (0, 2, 0.168, "shirt"),
    (3, 4, 0.052, "shirt"), (4, 5, 0.043, "skin"),
    (9, 10, 0.052, "shirt"), (10, 11, 0.043, "skin"),
    (6, 7, 0.078, "trousers"), (7, 8, 0.056, "trousers"),
    (12, 13, 0.078, "trousers"), (13, 14, 0.056, "trousers"),
)  # fmt: skip
"""From joint, to joint, radius, cloth."""

BONE_JOINTS = np.array([bone[:2] for bone in _BONES])
FIGURE = len(_BONES) + 4
"""Looks of a figure: its bones, head, hair and shoes."""


def person_looks(height_m: float, outfit: Outfit) -> list[Look]:
    """The looks of somebody who stands, in the order of `limb_poses`."""
    unit = height_m / STATURE_M
    looks = []
    for (kind, radius_m, half_m, cloth), position, quaternion in zip(*_standing(), strict=True):
        size = (radius_m * unit,) if kind is Sphere else (radius_m * unit, half_m * unit)
        looks.append(
            Look(
                shape=kind(*size),
                material=_cloth(cloth, getattr(outfit, cloth)),
                semantic=SemanticClass.PERSON,
                body_T_look=Pose.trusted(position * unit, quaternion),
            )
        )
    return looks


@lru_cache(maxsize=1)
def _standing() -> tuple[list[tuple[type[Capsule | Sphere], float, float, str]], Floats, Floats]:
    """Kind, radius, half length and cloth of each look of `STATURE_M`; positions; quaternions."""
    rest = walking_joints(np.zeros(1), 0.0)[0]
    shapes: list[tuple[type[Capsule | Sphere], float, float, str]] = []
    for start, end, radius, cloth in _BONES:
        half = 0.5 * float(np.linalg.norm(rest[end] - rest[start]))
        # Trunks end below the shoulders and above the hips, limbs at their joints.
        half = half - 0.10 if cloth == "shirt" and start == 0 else half - 0.3 * radius
        shapes.append((Capsule, radius, half, cloth))
    shapes += [(Sphere, 0.105, 0.0, "skin"), (Sphere, 0.112, 0.0, "hair")]
    shapes += [(Capsule, 0.045, 0.075, "shoes")] * 2
    positions, quaternions = limb_poses(np.array([STATURE_M]), np.zeros(1), 0.0)
    return shapes, positions[0], quaternions[0]


@lru_cache(maxsize=512)
def _cloth(cloth: str, color: Color) -> Material:
    base = MATERIALS.get(cloth if cloth in ("skin", "hair") else "cloth")
    return replace(base, color=color)


def limb_poses(
    height_m: Floats, phase_rad: npt.ArrayLike, swing: npt.ArrayLike = 1.0
) -> tuple[Floats, Floats]:
    """Where the looks of people are in their frames: (n, FIGURE, 3) and (n, FIGURE, 4) xyzw."""
    joints = walking_joints(phase_rad, swing) * (height_m / STATURE_M)[:, None, None]
    return poses_of_joints(joints, height_m / STATURE_M)


def poses_of_joints(joints: Floats, unit: Floats) -> tuple[Floats, Floats]:
    """Poses of all looks from joints, (n, 15, 3), and sizes of the figures, (n,)."""
    count = len(joints)
    position, quaternion = np.zeros((count, FIGURE, 3)), np.zeros((count, FIGURE, 4))
    quaternion[:, :, 3] = 1.0
    for row, (start, end, _, _) in enumerate(_BONES):
        position[:, row] = 0.5 * (joints[:, start] + joints[:, end])
        quaternion[:, row] = _pitch(joints[:, start] - joints[:, end])
    head, row = joints[:, 1], len(_BONES)
    position[:, row] = head
    position[:, row + 1] = head + unit[:, None] * np.array([-0.02, 0.0, 0.022])
    for shoe, ankle, knee in ((row + 2, 8, 7), (row + 3, 14, 13)):
        shank = joints[:, knee] - joints[:, ankle]
        forward = np.stack([shank[:, 2], 0.0 * shank[:, 2], -shank[:, 0]], axis=1)
        forward /= np.maximum(np.linalg.norm(forward, axis=1, keepdims=True), 1e-9)
        position[:, shoe] = joints[:, ankle] + unit[:, None] * 0.07 * forward
        position[:, shoe, 2] -= 0.03 * unit
        quaternion[:, shoe] = _pitch(forward)
    return position, quaternion


def _pitch(axis: Floats) -> Floats:
    """Quaternions (n, 4) that turn z about y onto axes (n, 3) in the plane of x and z."""
    half = 0.5 * np.arctan2(axis[:, 0], axis[:, 2])
    zero = np.zeros(len(axis))
    return np.stack([zero, np.sin(half), zero, np.cos(half)], axis=1)


def key_points_m(height_m: Floats, phase_rad: npt.ArrayLike, swing: npt.ArrayLike = 1.0) -> Floats:
    """The key points of people in their frames, (n, 17, 3), in the order of `KEY_POINTS`."""
    joints = walking_joints(phase_rad, swing)
    points = np.empty((len(joints), len(KEY_POINTS), 3))
    points[:, :5] = HEAD_POINTS_M
    points[:, :5, 2] += (joints[:, 1, 2] - _HEAD_Z)[:, None]
    points[:, 5:] = joints[:, [3, 9, 4, 10, 5, 11, 6, 12, 7, 13, 8, 14]]
    return points * (height_m / STATURE_M)[:, None, None]


def named(points_m: Floats, names: Sequence[str] = KEY_POINTS) -> dict[str, Floats]:
    """Points (17, 3) by their names, as `Stage.add` takes them."""
    return dict(zip(names, points_m, strict=True))
