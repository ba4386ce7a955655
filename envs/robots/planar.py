"""The car's wheels under a body of our own: the same dynamics without PyBullet.

A rigid body with six degrees of freedom, integrated half implicitly. It is what tests hold against
the physics engine, and the start of the fast mode for learning.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import (
    FloatArray,
    quaternion_from_rotation_vector,
    quaternion_multiply,
    rotation_from_quaternion,
)
from fleetloop.envs.robots.car_params import CarParams
from fleetloop.envs.robots.wheels import GRAVITY_M_S2, initial_state, pack, wheels_tick


class RigidCar:
    """A car on flat ground.

    Args:
        params: The car.
        friction: Of the ground.
        dt_s: Length of a tick.

    Attributes:
        com_m, quaternion_xyzw: Pose of the centre of mass.
        velocity_m_s, angular_rad_s: Its motion, world axes.
        wheels: State of the wheels, see `wheels`.
    """

    def __init__(self, params: CarParams, friction: float = 1.0, dt_s: float = 1 / 240) -> None:
        self.params = params
        self.dt_s = dt_s
        self.friction = np.full(4, friction)
        self.ground_m = np.zeros(4)
        self._packed = pack(params)
        self._inertia = np.array(params.inertia_kg_m2)
        self.com_m: FloatArray = np.array([params.com_x_m, 0.0, params.com_z_m])
        self.quaternion_xyzw: FloatArray = np.array([0.0, 0.0, 0.0, 1.0])
        self.velocity_m_s: FloatArray = np.zeros(3)
        self.angular_rad_s: FloatArray = np.zeros(3)
        self.wheels: npt.NDArray[np.float64] = initial_state()
        self._wrench = np.empty(6)

    def start_at_speed(self, speed_m_s: float) -> None:
        """Lets the car roll forward at a speed."""
        self.velocity_m_s = np.array([speed_m_s, 0.0, 0.0])
        self.wheels[:4] = speed_m_s / self.params.wheel_radius_m

    def tick(self, steer: float, pedal: float, pull_n: FloatArray | None = None) -> None:
        """Advances by one tick.

        Args:
            steer: -1 to 1, left positive.
            pedal: -1 (brake) to 1 (drive).
            pull_n: An outside force at the centre of mass, world, (3,).
        """
        rotation = rotation_from_quaternion(self.quaternion_xyzw)
        command = np.array([steer, pedal])
        wheels_tick(
            self._packed, self.com_m, rotation, self.velocity_m_s, self.angular_rad_s,
            self.ground_m, self.friction, command, self.dt_s, self.wheels, self._wrench,
        )  # fmt: skip
        force = self._wrench[:3] + np.array([0.0, 0.0, -self.params.mass_kg * GRAVITY_M_S2])
        if pull_n is not None:
            force = force + pull_n
        self.velocity_m_s = self.velocity_m_s + self.dt_s / self.params.mass_kg * force
        turning_body = rotation.T @ self.angular_rad_s
        gyroscopic = np.cross(turning_body, self._inertia * turning_body)
        torque_body = rotation.T @ self._wrench[3:] - gyroscopic
        turning_body = turning_body + self.dt_s * torque_body / self._inertia
        self.angular_rad_s = rotation @ turning_body
        self.com_m = self.com_m + self.dt_s * self.velocity_m_s
        turned = quaternion_from_rotation_vector(self.dt_s * self.angular_rad_s)
        quaternion = quaternion_multiply(turned, self.quaternion_xyzw)
        self.quaternion_xyzw = quaternion / np.linalg.norm(quaternion)

    @property
    def speed_m_s(self) -> float:
        """Speed over ground."""
        return float(np.hypot(self.velocity_m_s[0], self.velocity_m_s[1]))

    @property
    def slip_angle_rad(self) -> float:
        """Angle between where the car points and where it goes."""
        forward = rotation_from_quaternion(self.quaternion_xyzw)[:, 0]
        heading = np.arctan2(forward[1], forward[0])
        course = np.arctan2(self.velocity_m_s[1], self.velocity_m_s[0])
        return float(np.arctan2(np.sin(course - heading), np.cos(course - heading)))
