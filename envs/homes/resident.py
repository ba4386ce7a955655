"""Somebody at home who stands and holds out a hand, palm up."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fleetloop.core.frames import FloatArray, Pose
from fleetloop.envs.bodies import Part, Substance
from fleetloop.envs.props.people import (
    KEY_POINTS,
    STATURE_M,
    key_points_m,
    named,
    outfit_of,
    person_looks,
    poses_of_joints,
    walking_joints,
)
from fleetloop.envs.stage import Look, Stage, Thing
from fleetloop.envs.trace.shapes import Box, Cylinder

PALM_HALF_M = (0.055, 0.050, 0.010)
"""What a thing is put on."""

_UPPER_M, _FOREARM_M = 0.30, 0.36
_UPPER_RAD = 0.35
_RIGHT_SHOULDER, _RIGHT_ELBOW, _RIGHT_HAND = 9, 10, 11
_BODY_RADIUS_M = 0.20


@dataclass(frozen=True, slots=True, eq=False)
class Resident:
    """Who was added.

    Attributes:
        person: The figure, which collides as a cylinder.
        palm: The hand, which things are put on; its frame is in the middle of its upper face.
    """

    person: Thing
    palm: Thing


def palm_place(height_m: float, lift_rad: float) -> FloatArray:
    """Middle of the palm's upper face (3,) in the frame of somebody so tall.

    Args:
        height_m: Stature.
        lift_rad: Of the forearm, from straight down forward.
    """
    unit = height_m / STATURE_M
    elbow, hand = _reaching(lift_rad)
    along = (hand - elbow) / np.linalg.norm(hand - elbow)
    place = unit * (hand + 0.05 * along) + np.array([0.0, 0.0, PALM_HALF_M[2] + 0.02])
    return np.asarray(place)


def build_resident(
    stage: Stage, foot: Pose, height_m: float, lift_rad: float, style: int
) -> Resident:
    """Adds somebody who stands at `foot`, looks along its x, and holds out the right hand."""
    unit = np.array([height_m / STATURE_M])
    joints = walking_joints(np.zeros(1), 0.0)
    joints[0, _RIGHT_ELBOW], joints[0, _RIGHT_HAND] = _reaching(lift_rad)
    place, turn = poses_of_joints(joints * unit[:, None, None], unit)
    outfit = outfit_of(style)
    looks = [
        Look(shape=look.shape, material=look.material, semantic=look.semantic,
             body_T_look=Pose(place[0, row], turn[0, row]))
        for row, look in enumerate(person_looks(height_m, outfit))
    ]  # fmt: skip
    skin = next(look for look in looks if look.material.color == outfit.skin)
    trunk = Part(shape=Cylinder(_BODY_RADIUS_M, 0.5 * height_m),
                 body_T_part=Pose.of(0.0, 0.0, 0.5 * height_m))  # fmt: skip
    points = key_points_m(np.array([height_m]), np.zeros(1), 0.0)[0]
    for name, joint in (("right_elbow", _RIGHT_ELBOW), ("right_wrist", _RIGHT_HAND)):
        points[KEY_POINTS.index(name)] = joints[0, joint] * unit
    person = stage.add("person", foot, looks=looks, parts=[trunk], key_points_m=named(points))
    top = palm_place(height_m, lift_rad)
    box = Box(PALM_HALF_M)
    sunk = Pose.of(0.0, 0.0, -PALM_HALF_M[2])
    at = foot @ Pose.of(*(float(v) for v in top))
    palm = stage.add(
        "palm", at,
        looks=[Look(shape=box, material=skin.material, semantic=skin.semantic, body_T_look=sunk)],
        parts=[Part(shape=box, body_T_part=sunk)], substance=Substance(friction=1.0), of=person,
    )  # fmt: skip
    return Resident(person, palm)


def _reaching(lift_rad: float) -> tuple[FloatArray, FloatArray]:
    """Elbow and hand of the right arm, for `STATURE_M`."""
    shoulder = walking_joints(np.zeros(1), 0.0)[0, _RIGHT_SHOULDER]
    elbow = shoulder + _UPPER_M * np.array([math.sin(_UPPER_RAD), 0.0, -math.cos(_UPPER_RAD)])
    hand = elbow + _FOREARM_M * np.array([math.sin(lift_rad), 0.0, -math.cos(lift_rad)])
    return elbow, hand
