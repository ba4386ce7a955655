"""Where the car's body and wheels are and how they move, beside the same in plain arrays."""

from __future__ import annotations

import numpy as np

from fleetloop.core.frames import cross, quaternion_multiply, rotate
from fleetloop.envs.robots.chassis import (
    ANGULAR,
    ANGULAR_BEFORE,
    BASE_SIZE,
    COM,
    LINEAR,
    LINEAR_BEFORE,
    QUATERNION,
    at_rest,
    place_parts,
    read_base,
)
from fleetloop.envs.robots.wheels import ANGLE, BRAKE, COMPRESSION, DRIVE, SPIN, initial_state

COM_M = np.array([0.1, 0.0, 0.46])
DT_S = 0.01


def moving():
    """A body, wheels, the wrench on it and the angles of its wheels, all at random."""
    rng = np.random.default_rng(6)
    turn = rng.standard_normal(4)
    body = at_rest(rng.standard_normal(3), turn / np.linalg.norm(turn))
    body[LINEAR:] = rng.standard_normal(12)
    wheels = initial_state()
    wheels[:] = rng.standard_normal(len(wheels))
    return body, wheels, rng.standard_normal(6), rng.uniform(-0.5, 0.5, 4)


def read(body, wheels, wrench, steer):
    base, joints = np.empty(BASE_SIZE), np.empty((3, 10))
    read_base(body, wrench, COM_M, DT_S, steer, 0.6, wheels, base, joints)
    return base, joints


def test_the_base_moves_as_a_point_of_the_rigid_body():
    body, wheels, wrench, steer = moving()
    base, joints = read(body, wheels, wrench, steer)
    q, angular = body[QUATERNION : QUATERNION + 4], body[ANGULAR : ANGULAR + 3]
    arm = -rotate(q, COM_M)
    spin_up = (angular - body[ANGULAR_BEFORE : ANGULAR_BEFORE + 3]) / DT_S
    gained = (body[LINEAR : LINEAR + 3] - body[LINEAR_BEFORE : LINEAR_BEFORE + 3]) / DT_S
    lever = cross(spin_up, arm) + cross(angular, cross(angular, arm))
    wanted = [
        body[COM : COM + 3] + arm, q, body[LINEAR : LINEAR + 3] + cross(angular, arm), angular,
        gained + lever, spin_up, wrench[:3], wrench[3:] - cross(arm, wrench[:3]),
    ]  # fmt: skip
    np.testing.assert_allclose(base, np.concatenate(wanted), atol=1e-9)
    share = np.array([0.4, 0.4, 0.6, 0.6])
    brake = np.sign(wheels[SPIN : SPIN + 4]) * wheels[BRAKE : BRAKE + 4]
    none = np.zeros(6)
    positions = [wheels[ANGLE : ANGLE + 4], steer[:2], wheels[COMPRESSION : COMPRESSION + 4]]
    np.testing.assert_allclose(joints[0], np.concatenate(positions))
    np.testing.assert_allclose(joints[1], np.concatenate([wheels[SPIN : SPIN + 4], none]))
    torque = 0.5 * wheels[DRIVE] * share - brake
    np.testing.assert_allclose(joints[2], np.concatenate([torque, none]))


def test_wheels_turn_steer_and_follow_the_ground():
    body, wheels, wrench, steer = moving()
    base, _ = read(body, wheels, wrench, steer)
    hubs = np.random.default_rng(7).standard_normal((4, 3))
    rest = np.full(4, 0.1)
    places, turns, linear, angular = (np.empty((5, n)) for n in (3, 4, 3, 3))
    place_parts(body, base, hubs, steer, wheels, rest, places, turns, linear, angular)
    q, spin = base[3:7], base[10:13]
    hub = hubs.copy()
    hub[:, 2] += np.clip(wheels[COMPRESSION : COMPRESSION + 4] - rest, -0.12, 0.12)
    about_z, about_y = np.zeros((2, 4, 4))
    about_z[:, 2], about_z[:, 3] = np.sin(0.5 * steer), np.cos(0.5 * steer)
    half = 0.5 * wheels[ANGLE : ANGLE + 4]
    about_y[:, 1], about_y[:, 3] = np.sin(half), np.cos(half)
    np.testing.assert_allclose(places[1:], base[:3] + rotate(q, hub), atol=1e-12)
    wanted = quaternion_multiply(q, quaternion_multiply(about_z, about_y))
    np.testing.assert_allclose(turns[1:], wanted, atol=1e-12)
    np.testing.assert_allclose(linear[1:], base[7:10] + cross(spin, rotate(q, hub)), atol=1e-12)
    axle = rotate(q, rotate(about_z, np.array([0.0, 1.0, 0.0])))
    own = wheels[SPIN : SPIN + 4, None] * axle
    np.testing.assert_allclose(angular[1:], spin + own, atol=1e-12)
    for rows, whole in ((places, base[:3]), (turns, q), (linear, base[7:10]), (angular, spin)):
        np.testing.assert_array_equal(rows[0], whole)
