"""Figures of people: sizes, steps and key points agree."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.envs.props.people import (
    FIGURE,
    KEY_POINTS,
    key_points_m,
    limb_poses,
    outfit_of,
    person_looks,
    walking_joints,
)
from fleetloop.envs.trace.shapes import Capsule, Sphere

PHASES = np.linspace(0.0, 2.0 * np.pi, 41)


def test_limbs_keep_their_length_at_every_phase():
    joints = walking_joints(PHASES)
    for start, end in ((3, 4), (4, 5), (6, 7), (7, 8), (9, 10), (12, 13), (13, 14)):
        length = np.linalg.norm(joints[:, start] - joints[:, end], axis=1)
        np.testing.assert_allclose(length, length[0], atol=1e-12)


def test_the_right_side_is_half_a_gait_behind_the_left_one():
    left, right = walking_joints(PHASES)[:, 3:9], walking_joints(PHASES + np.pi)[:, 9:15]
    np.testing.assert_allclose(left * [1.0, -1.0, 1.0], right, atol=1e-9)


def test_one_foot_is_always_on_the_ground_and_knees_never_bend_forward():
    joints = walking_joints(PHASES)
    lowest = np.minimum(joints[:, 8, 2], joints[:, 14, 2])
    np.testing.assert_allclose(lowest, 0.07, atol=1e-9)
    for hip, knee, ankle in ((6, 7, 8), (12, 13, 14)):
        thigh, shank = joints[:, knee] - joints[:, hip], joints[:, ankle] - joints[:, knee]
        assert (np.cross(thigh, shank)[:, 1] >= 0.0).all()


def test_steps_are_as_long_as_people_make_them():
    joints = walking_joints(np.array([0.5 * np.pi]))
    step_m = joints[0, 8, 0] - joints[0, 14, 0]
    assert 0.5 < step_m < 0.85


@pytest.mark.parametrize("height_m", [1.5, 1.75, 1.95])
def test_looks_stand_on_the_ground_and_are_as_high_as_said(height_m):
    looks = person_looks(height_m, outfit_of(3))
    assert len(looks) == FIGURE
    low, high = np.inf, -np.inf
    for look in looks:
        radius = look.shape.radius_m
        axis = look.body_T_look.rotation[:, 2]
        half = look.shape.half_length_m * abs(axis[2]) if isinstance(look.shape, Capsule) else 0.0
        assert isinstance(look.shape, Capsule | Sphere)
        z = look.body_T_look.position_m[2]
        low, high = min(low, z - half - radius), max(high, z + half + radius)
    assert abs(low) < 0.04
    assert high == pytest.approx(height_m, abs=0.06)


def test_key_points_are_joints_of_the_figure():
    points = key_points_m(np.array([1.75, 1.75]), np.array([0.0, 2.0]))
    assert points.shape == (2, len(KEY_POINTS), 3)
    joints = walking_joints(np.array([0.0, 2.0]))
    assert len(KEY_POINTS) == 17
    np.testing.assert_allclose(points[:, KEY_POINTS.index("left_knee")], joints[:, 7])
    np.testing.assert_allclose(points[:, KEY_POINTS.index("right_ankle")], joints[:, 14])
    small = key_points_m(np.array([0.875]), np.zeros(1))
    np.testing.assert_allclose(2.0 * small[0], points[0], atol=1e-12)


def test_many_are_posed_as_one_by_one():
    heights, phases = np.array([1.6, 1.8, 1.7]), np.array([0.1, 2.0, 5.0])
    together = limb_poses(heights, phases, np.array([1.0, 0.5, 0.0]))
    for row, swing in enumerate((1.0, 0.5, 0.0)):
        alone = limb_poses(heights[row : row + 1], phases[row : row + 1], swing)
        for all_, one in zip(together, alone, strict=True):
            np.testing.assert_allclose(all_[row], one[0])


def test_clothes_of_a_number_are_always_the_same():
    assert outfit_of(11) == outfit_of(11)
    assert len({outfit_of(style) for style in range(40)}) > 20
