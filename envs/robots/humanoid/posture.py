"""How the humanoid stands when nobody asks it for anything."""

from __future__ import annotations

import numpy as np

from fleetloop.core.frames import FloatArray
from fleetloop.envs.robots.humanoid.kinematics import Tree
from fleetloop.envs.robots.humanoid.links import SIDES

KNEE_RAD = 0.62
"""A little bend: a stretched leg cannot push and has no inverse kinematics."""

_APART_RAD = 0.05  # by which legs stand apart: a wide stance bears pushes from the side

_NOMINAL = {
    "hip_roll": _APART_RAD,
    "ankle_roll": -_APART_RAD,
    "hip_pitch": -0.5 * KNEE_RAD,
    "knee": KNEE_RAD,
    "ankle_pitch": -0.5 * KNEE_RAD,
    "shoulder_pitch": 0.10,
    "shoulder_roll": 0.16,
    "elbow": -0.45,
    "wrist_pitch": 0.35,  # the hand hangs straight down
    "finger": 0.02,
    "thumb": 0.02,
}


def nominal_posture(tree: Tree) -> FloatArray:
    """Joint positions (n,) of a body that stands at ease, arms a little away from it."""
    q = np.zeros(len(tree.joints))
    for side in SIDES:
        for name, value in _NOMINAL.items():
            mirrored = -value if side == "right" and name.endswith("_roll") else value
            q[tree.joints.index(f"{side}_{name}")] = mirrored
    return q
