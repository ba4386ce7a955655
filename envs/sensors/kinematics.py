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
from fleetloop.envs.motion import turned
from fleetloop.envs.sensors.base import Capture, LinkState
from fleetloop.envs.trace.jit import kernel


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


@kernel
def move_mount(
    position_m: FloatArray, quaternion_xyzw: FloatArray, link_m: FloatArray,
    acceleration_m_s2: FloatArray, angular_acceleration_rad_s2: FloatArray, rate_rad_s: FloatArray,
    gravity_m_s2: float, motion: FloatArray,
) -> None:  # fmt: skip
    """Writes what ideal accelerometers and gyroscopes of a mount would feel, in its own axes.

    That is its acceleration less gravity, m/s², which at rest points up with the magnitude of
    gravity, and its rate of turn, rad/s.

    Args:
        position_m, quaternion_xyzw: Of the mount, world.
        link_m: Origin of the link that carries it, world.
        acceleration_m_s2, angular_acceleration_rad_s2, rate_rad_s: Of the link, world axes.
        gravity_m_s2: Along world z.
        motion: (2, 3) written.
    """
    arm, swing, force = np.empty(3), np.empty(3), np.empty(3)
    back = np.empty(4)
    w, dw = rate_rad_s, angular_acceleration_rad_s2
    for i in range(3):
        arm[i] = position_m[i] - link_m[i]
        back[i] = -quaternion_xyzw[i]
    back[3] = quaternion_xyzw[3]
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        swing[i] = w[j] * arm[k] - w[k] * arm[j]
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        force[i] = acceleration_m_s2[i] + (dw[j] * arm[k] - dw[k] * arm[j])
        force[i] += w[j] * swing[k] - w[k] * swing[j]
    force[2] += gravity_m_s2
    turned(back, force, motion[0])
    turned(back, w, motion[1])
