"""Poses, quaternions and rotations obey the laws of the group that they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import (
    BASE_T_OPTICAL,
    Pose,
    Twist,
    cross,
    quaternion_from_rotation,
    quaternion_from_rotation_vector,
    quaternion_multiply,
    rotate,
    rotation_from_quaternion,
    rotation_vector_from_quaternion,
    slerp,
)

angle = st.floats(-np.pi, np.pi)
metres = st.floats(-1e3, 1e3)
vectors = st.tuples(metres, metres, metres).map(np.array)
rotation_vectors = st.tuples(angle, angle, angle).map(np.array)


@st.composite
def poses(draw):
    return Pose(draw(vectors), quaternion_from_rotation_vector(draw(rotation_vectors)))


def assert_same(a: Pose, b: Pose) -> None:
    np.testing.assert_allclose(a.position_m, b.position_m, atol=1e-7)
    np.testing.assert_allclose(a.rotation, b.rotation, atol=1e-9)


@given(poses(), poses(), poses())
def test_chaining_is_associative(a, b, c):
    assert_same((a @ b) @ c, a @ (b @ c))


@given(poses())
def test_a_pose_and_its_inverse_cancel(pose):
    assert_same(pose @ pose.inverse(), Pose.identity())
    assert_same(pose.inverse() @ pose, Pose.identity())


@given(poses())
def test_matrices_say_what_poses_say(pose):
    np.testing.assert_allclose(np.linalg.inv(pose.matrix), pose.inverse().matrix, atol=1e-7)
    assert_same(Pose.from_matrix(pose.matrix), pose)


def test_a_pose_is_chained_with_poses_alone():
    with pytest.raises(TypeError):
        Pose.identity() @ 2.0


@given(poses(), vectors)
def test_points_move_as_the_matrix_says(pose, point):
    by_matrix = (pose.matrix @ np.append(point, 1.0))[:3]
    np.testing.assert_allclose(pose.transform_points(point), by_matrix, atol=1e-7)
    np.testing.assert_allclose(pose.transform_vectors(point), pose.rotation @ point, atol=1e-7)


@given(poses(), poses(), vectors)
def test_chained_poses_move_points_one_after_the_other(a, b, point):
    np.testing.assert_allclose(
        (a @ b).transform_points(point), a.transform_points(b.transform_points(point)), atol=1e-6
    )


@given(poses())
def test_a_pose_of_a_poses_numbers_is_the_same_to_the_last_bit(pose):
    again = Pose(pose.position_m.copy(), pose.quaternion_xyzw.copy())
    assert again.quaternion_xyzw.tobytes() == pose.quaternion_xyzw.tobytes()


@given(rotation_vectors)
def test_rotations_survive_every_form(vector):
    quaternion = quaternion_from_rotation_vector(vector)
    matrix = rotation_from_quaternion(quaternion)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1.0)
    back = quaternion_from_rotation(matrix)
    assert abs(float(back @ quaternion)) == pytest.approx(1.0)
    assert back[3] >= 0.0
    again = quaternion_from_rotation_vector(rotation_vector_from_quaternion(quaternion))
    assert abs(float(again @ quaternion)) == pytest.approx(1.0)


@pytest.mark.parametrize("axis", [*np.eye(3), np.array([0.48, -0.6, 0.64])])
@pytest.mark.parametrize("turn_rad", [0.0, 1e-9, 0.5, np.pi - 1e-9, np.pi])
def test_half_turns_and_tiny_turns_keep_their_precision(axis, turn_rad):
    quaternion = quaternion_from_rotation_vector(axis * turn_rad)
    vector = rotation_vector_from_quaternion(
        quaternion_from_rotation(rotation_from_quaternion(quaternion))
    )
    np.testing.assert_allclose(np.abs(vector), np.abs(axis * turn_rad), atol=1e-8)


def test_a_turn_to_the_left_takes_forward_to_left():
    left = Pose.of(yaw_rad=np.pi / 2)
    np.testing.assert_allclose(left.transform_vectors([1, 0, 0]), [0, 1, 0], atol=1e-12)
    assert left.yaw_rad == pytest.approx(np.pi / 2)


def test_roll_pitch_yaw_turn_about_x_then_y_then_z():
    both = Pose.of(roll_rad=0.3, pitch_rad=-0.4, yaw_rad=1.1)
    chained = Pose.of(yaw_rad=1.1) @ Pose.of(pitch_rad=-0.4) @ Pose.of(roll_rad=0.3)
    assert_same(both, chained)


def test_the_optical_frame_looks_forward():
    # Optical z (into the picture) is forward, x (right) is -y, y (down) is -z of the body.
    turned = BASE_T_OPTICAL.transform_vectors(np.eye(3))
    np.testing.assert_allclose(turned, [[0, -1, 0], [0, 0, -1], [1, 0, 0]], atol=1e-12)


@given(rotation_vectors, rotation_vectors, st.floats(0, 1))
def test_slerp_turns_evenly(a, b, fraction):
    start, end = quaternion_from_rotation_vector(a), quaternion_from_rotation_vector(b)
    between = slerp(start, end, fraction)

    def distance(p, q):
        return 2.0 * np.arccos(min(1.0, abs(float(p @ q))))

    assert distance(start, between) == pytest.approx(fraction * distance(start, end), abs=1e-6)


@given(vectors, vectors)
def test_cross_is_numpys(a, b):
    np.testing.assert_array_equal(cross(a, b), np.cross(a, b))
    many = np.stack([a, b, a + b])
    np.testing.assert_array_equal(cross(many, b), np.cross(many, b))


def test_batches_give_what_single_calls_give():
    rng = np.random.default_rng(0)
    q = quaternion_from_rotation_vector(rng.normal(size=(5, 3)))
    p = quaternion_from_rotation_vector(rng.normal(size=(5, 3)))
    v = rng.normal(size=(5, 3))
    for k in range(5):
        np.testing.assert_array_equal(rotate(q, v)[k], rotate(q[k], v[k]))
        np.testing.assert_array_equal(quaternion_multiply(q, p)[k], quaternion_multiply(q[k], p[k]))


def test_a_point_off_the_axis_moves_with_the_turn():
    twist = Twist(np.array([1.0, 0, 0]), np.array([0, 0, 2.0]))
    np.testing.assert_allclose(twist.at_offset([0, 3, 0]).linear_m_s, [1 - 6, 0, 0])


@pytest.mark.parametrize("wrong", [np.zeros(2), np.array([0, 0, np.inf]), np.array(0.0)])
def test_twists_that_are_none_are_refused(wrong):
    with pytest.raises(ConfigError, match="linear_m_s of a twist"):
        Twist(wrong, np.zeros(3))
    with pytest.raises(ConfigError, match="angular_rad_s of a twist"):
        Twist(np.zeros(3), wrong)


@pytest.mark.parametrize(
    ("position", "quaternion", "word"),
    [
        ([0, 0], [0, 0, 0, 1], "shape|needs position"),
        ([0, 0, 0], [0, 0, 1], "needs position"),
        ([[0, 0, 0]], [0, 0, 0, 1], "batch shape"),
        ([0, 0, np.nan], [0, 0, 0, 1], "finite"),
        ([0, 0, 0], [0, 0, 0, 2], "norm 2"),
        ([0, 0, 0], [0, 0, 0, 0], "norm 0"),
    ],
)
def test_poses_that_are_none_are_refused(position, quaternion, word):
    with pytest.raises(ConfigError, match=word):
        Pose(np.array(position, float), np.array(quaternion, float))


def test_mirrors_and_skews_are_no_rotations():
    for matrix in (np.diag([1.0, 1.0, -1.0]), np.eye(3) * 1.1):
        with pytest.raises(ConfigError, match="orthonormal"):
            quaternion_from_rotation(matrix)
