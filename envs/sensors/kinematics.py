"""Motion of a point that is fixed to a link: the lever arm of every mounted sensor.

For a point at offset r from the link's origin, in world axes, with angular velocity w and angular
acceleration dw (Goldstein, "Classical Mechanics", 3rd ed., 4.9):

    velocity     v + w x r
    acceleration a + dw x r + w x (w x r)      (tangential and centripetal part)
"""

from __future__ import annotations

import numpy as np

from fleetloop.core.frames import FloatArray
from fleetloop.envs.sensors.base import Capture, LinkState


def cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """Vector product of two (3,) arrays; `np.cross` takes ten times as long for these."""
    ax, ay, az = a.tolist()
    bx, by, bz = b.tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


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


def specific_force(capture: Capture) -> FloatArray:
    """What an ideal accelerometer would feel, m/s², (3,), in world axes: acceleration less gravity.

    At rest it points up with the magnitude of gravity.
    """
    acceleration = acceleration_at(capture.link, lever_arm(capture))
    acceleration[2] += capture.surroundings.gravity_m_s2
    return acceleration
