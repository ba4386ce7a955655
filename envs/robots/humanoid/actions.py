"""What the humanoid can be told, in its three modes, and what numbers in [-1, 1] mean.

* `task`, 10 Hz: speeds, places of both hands, grips, neck, and with which force each hand presses
  down; the robot walks, reaches and regulates the force by itself.
* `residual`, 50 Hz: speeds, and corrections of the swinging leg and of the foothold.
* `joint`, 50 Hz: every joint's reference; nothing helps with balance.

All zeros is standing at ease in each of them.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from fleetloop.core.frames import FloatArray
from fleetloop.envs.robots.base import ActionSpec
from fleetloop.envs.robots.humanoid.kinematics import Tree
from fleetloop.envs.robots.humanoid.links import FINGER_OPEN_M

ActionMode = Literal["task", "residual", "joint"]

CONTROL_HZ: dict[str, float] = {"task": 10.0, "residual": 50.0, "joint": 50.0}

SPEED_M_S = (0.6, 0.15, 0.6)
"""Speeds forward (m/s), to the left (m/s) and turning (rad/s) at 1."""

HAND_M = 0.45
"""How far a hand is sent from where it hangs at ease, along each axis, at 1."""

PRESS_N = 15.0
"""With which force a hand presses down at 1; at 0 and below it goes where it is sent instead."""

NECK_RAD = (1.2, 0.6)
LEG_RESIDUAL_RAD = 0.1
STEP_RESIDUAL_M = 0.05
JOINT_RAD = 1.0

_SPEEDS = ("forward", "left", "turn_left")
_HANDS = tuple(f"{side}_hand_{axis}" for side in ("left", "right") for axis in "xyz")


def action_spec(mode: ActionMode, tree: Tree) -> ActionSpec:
    """Names and bounds of one mode's numbers."""
    legs = tuple(name for name in tree.joints if _is_leg(name))
    names = {
        "task": (
            *_SPEEDS,
            *_HANDS,
            "left_grip",
            "right_grip",
            "neck_yaw",
            "neck_pitch",
            "left_press",
            "right_press",
        ),
        "residual": (*_SPEEDS, *legs, "step_x", "step_y"),
        "joint": tree.joints,
    }[mode]
    return ActionSpec(
        names=names,
        low=np.full(len(names), -1.0, np.float32),
        high=np.full(len(names), 1.0, np.float32),
    )


def speeds(action: FloatArray) -> FloatArray:
    """Wanted speeds (3,) of a `task` or `residual` action."""
    return np.asarray(action[:3] * SPEED_M_S)


def hand_offsets_m(action: FloatArray) -> FloatArray:
    """Where both hands shall be from their places at ease, base frame, (2, 3), of a `task`."""
    return np.asarray(HAND_M * action[3:9].reshape(2, 3))


def finger_openings_m(action: FloatArray) -> FloatArray:
    """Opening of the fingers of both hands, (2,): -1 closes, 0 is at ease, 1 opens."""
    grip = action[9:11]
    ease = 0.02
    return np.asarray(
        np.where(grip < 0.0, ease + grip * 0.03, ease + grip * (FINGER_OPEN_M - ease))
    )


def press_n(action: FloatArray) -> FloatArray:
    """With which force each hand presses down, (2,): 0 where it goes where it is sent."""
    return np.asarray(PRESS_N * np.maximum(action[13:15], 0.0))


def joint_references(action: FloatArray, ease: FloatArray, limits: FloatArray) -> FloatArray:
    """References (n,) of a `joint` action about the posture at ease, within limits (2, n)."""
    sliding = limits[1] - limits[0] < 0.1
    scale = np.where(sliding, FINGER_OPEN_M, JOINT_RAD)
    return np.asarray(np.clip(ease + scale * action, limits[0], limits[1]))


def _is_leg(joint: str) -> bool:
    return any(part in joint for part in ("_hip_", "_knee", "_ankle_"))
