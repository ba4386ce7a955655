"""Crowds are posed by a kernel as the arrays of `people` say."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.envs.objects import Reaches, bound_looks
from fleetloop.envs.props.gait import Crowd
from fleetloop.envs.props.people import FIGURE, key_points_m, limb_poses


@pytest.mark.parametrize("swing", [0.0, 0.4, 1.0])
def test_the_kernel_poses_people_as_the_arrays_do(swing):
    rng = np.random.default_rng(3)
    height, phase = rng.uniform(1.4, 2.0, 40), rng.uniform(-7.0, 7.0, 40)
    crowd = Crowd(height)
    crowd.walk(phase, np.full(40, swing))
    place, turn = limb_poses(height, phase, swing)
    np.testing.assert_allclose(crowd.place_m, place, atol=1e-12)
    np.testing.assert_allclose(crowd.turn_xyzw, turn, atol=1e-12)
    np.testing.assert_allclose(crowd.points_m, key_points_m(height, phase, swing), atol=1e-12)


def test_nobody_is_a_crowd_too():
    crowd = Crowd(np.zeros(0))
    crowd.walk(np.zeros(0), np.zeros(0))
    assert crowd.place_m.shape == (0, FIGURE, 3)


def test_boxes_around_groups_of_looks_are_those_of_their_corners():
    rng = np.random.default_rng(5)
    turn = rng.standard_normal((12, 4))
    turn /= np.linalg.norm(turn, axis=1, keepdims=True)
    place, center = rng.standard_normal((2, 12, 3))
    half, around = rng.uniform(0.0, 1.0, (12, 3)), rng.uniform(0.0, 1.0, (2, 12))
    looks = Reaches(place, turn, center, half, *around)
    first = np.array([0, 5, 6])
    boxes = np.empty((3, 2, 3))
    bound_looks(first, place, turn, center, half, *around, boxes)
    low, high = looks.corners(place, turn)
    np.testing.assert_allclose(boxes[:, 0], np.minimum.reduceat(low, first), atol=1e-12)
    np.testing.assert_allclose(boxes[:, 1], np.maximum.reduceat(high, first), atol=1e-12)
