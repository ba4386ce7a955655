"""Motion of a point that is fixed to a link: the lever arm of every mounted sensor.

For a point at offset r from the link's origin, in world axes, with angular velocity w and angular
acceleration dw (Goldstein, "Classical Mechanics", 3rd ed., 4.9):

    velocity     v + w x r
    acceleration a + dw x r + w x (w x r)      (tangential and centripetal part)
"""

from __future__ import annotations

import numpy as np

from fleetloop.core.frames import (
    FloatArray,
    cross,
    quaternion_conjugate,
    quaternion_from_rotation_vector,
    quaternion_multiply,
    rotation_from_quaternion,
    rotation_vector_from_quaternion,
)
from fleetloop.envs.sensors.base import Capture, LinkState


def velocity_at(link: LinkState, offset_m: FloatArray) -> FloatArray:
    """Velocity, m/s, in world axes, of the point at `offset_m` (world axes) from the origin."""
    return link.twist.linear_m_s + cross(link.twist.angular_rad_s, offset_m)


def acceleration_at(link: LinkState, offset_m: FloatArray) -> FloatArray:
    """Acceleration, m/s², in world axes, of the point at `offset_m` (world axes)."""
    rate = link.twist.angular_rad_s
    tangential = cross(link.angular_acceleration_rad_s2, offset_m)
    return link.acceleration_m_s2 + tangential + cross(rate, cross(rate, offset_m))


def lever_arm(capture: Capture) -> FloatArray:
    """From the link's origin to the sensor, metres, in world axes."""
    return capture.world_T_sensor.position_m - capture.link.world_T_link.position_m


def mean_motion(
    capture: Capture, linear_m_s: FloatArray, angular_rad_s: FloatArray,
    quaternion_xyzw: FloatArray, dt_s: float,
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    """Mean specific force and mean rate of turn of the mount since an earlier instant.

    The first is the change of velocity, less gravity, over the time; the second the turn from then
    to now over the time. Both miss nothing that happened in between, such as the shock of a step.

    Args:
        capture: Now.
        linear_m_s: Velocity of the link then, world axes, (3,).
        angular_rad_s: Rate of turn of the link then, world axes, (3,).
        quaternion_xyzw: Orientation world_R_link then, (4,).
        dt_s: Time since then, above 0.

    Returns:
        Specific force, m/s², and rate of turn, rad/s, each (3,) in sensor axes half-way.
    """
    link = capture.link
    mount = capture.link_T_sensor
    arm_then = rotation_from_quaternion(quaternion_xyzw) @ mount.position_m
    then = linear_m_s + cross(angular_rad_s, arm_then)
    force = (velocity_at(link, lever_arm(capture)) - then) / dt_s
    force[2] += capture.surroundings.gravity_m_s2
    step = quaternion_multiply(
        quaternion_conjugate(quaternion_xyzw), link.world_T_link.quaternion_xyzw
    )
    # A turn keeps its own axis, so the vector is the same in link axes of then, now and half-way.
    turn = rotation_vector_from_quaternion(step)
    half = quaternion_multiply(quaternion_xyzw, quaternion_from_rotation_vector(0.5 * turn))
    link_R_sensor = mount.rotation
    halfway = rotation_from_quaternion(half) @ link_R_sensor
    return np.asarray(halfway.T @ force), np.asarray(link_R_sensor.T @ turn / dt_s)


def specific_force(capture: Capture) -> FloatArray:
    """What an ideal accelerometer would feel, m/s², (3,), in world axes: acceleration less gravity.

    At rest it points up with the magnitude of gravity.
    """
    acceleration = acceleration_at(capture.link, lever_arm(capture))
    acceleration[2] += capture.surroundings.gravity_m_s2
    return acceleration
