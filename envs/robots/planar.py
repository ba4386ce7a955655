"""The car's wheels under a body of our own: the same dynamics without PyBullet.

A rigid body with six degrees of freedom, integrated half implicitly (see `chassis`). It is what
tests hold against published figures; the fast mode of `car` drives the same kernel.
"""

from __future__ import annotations

import numpy as np

from fleetloop.core.frames import FloatArray, rotation_from_quaternion
from fleetloop.envs.ground import FlatGround
from fleetloop.envs.robots.car_params import CarParams
from fleetloop.envs.robots.chassis import (
    ANGULAR,
    CHASSIS_SIZE,
    COM,
    COM_X,
    COM_Z,
    HALF_BASE,
    HALF_TRACK,
    INERTIA,
    LINEAR,
    MASS,
    QUATERNION,
    at_rest,
    roll,
)
from fleetloop.envs.robots.wheels import initial_state, pack


def pack_chassis(params: CarParams) -> FloatArray:
    """What the body is, for `chassis.roll`."""
    chassis = np.zeros(CHASSIS_SIZE)
    chassis[MASS], chassis[COM_X] = params.mass_kg, params.com_x_m
    chassis[HALF_BASE], chassis[HALF_TRACK] = 0.5 * params.wheelbase_m, 0.5 * params.track_m
    chassis[INERTIA : INERTIA + 3] = params.inertia_kg_m2
    chassis[COM_Z] = params.com_z_m
    return chassis


class RigidCar:
    """A car on flat ground.

    Args:
        params: The car.
        friction: Of the ground.
        dt_s: Length of a tick.

    Attributes:
        body: Its body, see `chassis`.
        wheels: State of the wheels, see `wheels`.
    """

    def __init__(self, params: CarParams, friction: float = 1.0, dt_s: float = 1 / 240) -> None:
        self.params = params
        self.dt_s = dt_s
        self._raster = FlatGround(friction=friction).raster
        self._packed = pack(params)
        self._chassis = pack_chassis(params)
        self.body = at_rest(
            np.array([params.com_x_m, 0.0, params.com_z_m]), np.array([0.0, 0.0, 0.0, 1.0])
        )
        self.wheels = initial_state()
        self._wrench = np.empty(6)

    def start_at_speed(self, speed_m_s: float) -> None:
        """Lets the car roll forward at a speed."""
        self.body[LINEAR] = speed_m_s
        self.wheels[:4] = speed_m_s / self.params.wheel_radius_m

    def tick(
        self, steer: float, pedal: float, pull_n: FloatArray | None = None, *, gear: float = 1.0
    ) -> None:
        """Advances by one tick.

        Args:
            steer: -1 to 1, left positive.
            pedal: -1 (brake) to 1 (drive).
            gear: Reverse below 0.
            pull_n: An outside force at the centre of mass, world, (3,).
        """
        pull = np.zeros(3) if pull_n is None else np.asarray(pull_n, dtype=np.float64)
        command = np.array([steer, pedal, gear])
        roll(
            self._packed, self._chassis, self.body, self._raster, command, pull, self.dt_s, 1,
            self.wheels, self._wrench,
        )  # fmt: skip

    @property
    def com_m(self) -> FloatArray:
        """Centre of mass (3,), world."""
        return self.body[COM : COM + 3]

    @property
    def quaternion_xyzw(self) -> FloatArray:
        """Attitude (4,)."""
        return self.body[QUATERNION : QUATERNION + 4]

    @property
    def velocity_m_s(self) -> FloatArray:
        """Of the centre of mass (3,), world."""
        return self.body[LINEAR : LINEAR + 3]

    @property
    def angular_rad_s(self) -> FloatArray:
        """Turning (3,), world axes."""
        return self.body[ANGULAR : ANGULAR + 3]

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
