"""Grids from above, against boxes whose cells can be counted by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.core.objects import Objects, no_objects
from fleetloop.datasets.birds_eye import BirdsEyeConfig, birds_eye

CONFIG = BirdsEyeConfig(ahead_m=12.0, behind_m=4.0, aside_m=8.0, cell_m=0.1)


def street() -> Objects:
    """The robot, and a person of 0.4 x 0.6 m at (5, -3)."""
    return Objects(
        t_ns=0,
        complete=True,
        names=("robot", "person"),
        instance_id=np.array([1, 3], np.int32),
        semantic=np.array([15, 13], np.uint8),
        position_m=np.array([[0.0, 0.5, 0.0], [5.0, -3.0, 0.1]]),
        quaternion_xyzw=np.tile([0.0, 0.0, 0.0, 1.0], (2, 1)),
        linear_m_s=np.zeros((2, 3)),
        angular_rad_s=np.zeros((2, 3)),
        box_center_m=np.array([[1.4, 0.0, 0.7], [0.0, 0.0, 0.85]]),
        box_size_m=np.array([[4.7, 1.85, 1.4], [0.4, 0.6, 1.7]]),
        key_point_names=(),
        key_point_instance=np.zeros(0, np.int32),
        key_point_m=np.zeros((0, 3)),
    )


def test_a_person_covers_its_box_and_the_robot_none():
    objects = street()
    grid = birds_eye(objects, Pose.of(0.0, 0.5), CONFIG)
    assert set(np.unique(grid.instance)) == {0, 3}
    assert np.count_nonzero(grid.occupied) == 4 * 6
    rows, columns = np.nonzero(grid.occupied)
    x, y = CONFIG.centers_m()[rows, columns].mean(axis=0)
    assert (x, y) == pytest.approx((5.0, -3.5), abs=1e-6)


@given(st.floats(-3.0, 3.0), st.floats(-20, 20), st.floats(-20, 20))
def test_the_grid_moves_with_the_robot(turn, x_m, y_m):
    objects = street()
    still = birds_eye(objects, Pose.of(0.0, 0.5), CONFIG)
    moved = Pose.of(x_m, y_m, yaw_rad=turn)
    poses = moved @ objects.world_T_object
    taken = replace(
        objects, position_m=np.array(poses.position_m), quaternion_xyzw=np.array(
            poses.quaternion_xyzw)
    )  # fmt: skip
    grid = birds_eye(taken, moved @ Pose.of(0.0, 0.5), CONFIG)
    # Middles that lie on an edge may fall to either side.
    assert np.count_nonzero(grid.instance != still.instance) <= 20


def test_what_is_low_or_high_is_no_obstacle():
    objects = street()
    tall = BirdsEyeConfig(ahead_m=12.0, behind_m=4.0, aside_m=8.0, cell_m=0.1, low_m=1.9)
    assert not birds_eye(objects, Pose.of(0.0, 0.5), tall).occupied.any()
    assert not birds_eye(no_objects(), Pose.identity(), CONFIG).occupied.any()


def test_impossible_grids_are_told():
    with pytest.raises(ConfigError, match="cell_m"):
        BirdsEyeConfig(cell_m=0.0)
    with pytest.raises(ConfigError, match="cells"):
        BirdsEyeConfig(cell_m=0.001)
