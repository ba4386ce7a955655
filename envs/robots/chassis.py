"""The car's rigid body on its four wheels: any number of ticks in one call.

The body is integrated half implicitly: forces at the old place, then velocities, then places by the
new velocities. With an engine that integrates bodies itself, only the wheels are advanced and their
wrench on the body is told.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.ground import Raster, friction_at, height_at
from fleetloop.envs.motion import multiplied, turned
from fleetloop.envs.robots.wheels import (
    ANGLE,
    BRAKE,
    COMPRESSION,
    DRIVE,
    GRAVITY_M_S2,
    SPIN,
    wheels_tick,
)
from fleetloop.envs.trace.jit import inline, kernel

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

Floats = npt.NDArray[np.float64]

# Places in the body's array, float64, world axes.
COM = 0  # 3: m
QUATERNION = 3  # 4: xyzw
LINEAR = 7  # 3: m/s, of the centre of mass
ANGULAR = 10  # 3: rad/s
LINEAR_BEFORE = 13  # 3: before the last tick, for accelerations
ANGULAR_BEFORE = 16  # 3
BODY_SIZE = 19

# Places in the array of what the body is.
MASS, HALF_BASE, HALF_TRACK, COM_X, INERTIA, COM_Z = 0, 1, 2, 3, 4, 7  # inertia: 3
CHASSIS_SIZE = 8

_STRUT_M = 0.12  # so far looks of wheels move up and down
QUARTER_TURN = 0.5 * np.pi
"""The most that a body turns in a tick, as in Bullet (`btRigidBody`, MAX_ANGVEL): one that tumbles
off a cliff stays finite."""


def at_rest(com_m: Floats, quaternion_xyzw: Floats) -> Floats:
    """A body that stands still, (BODY_SIZE,)."""
    body = np.zeros(BODY_SIZE)
    body[COM : COM + 3], body[QUATERNION : QUATERNION + 4] = com_m, quaternion_xyzw
    return body


@kernel
def roll(
    packed: Floats,
    chassis: Floats,
    body: Floats,
    raster: Raster,
    command: Floats,
    pull_n: Floats,
    dt_s: float,
    ticks: int,
    wheels: Floats,
    wrench: Floats,
) -> None:
    """Advances wheels, and the body with them.

    Args:
        packed: Parameters of the wheels, from `wheels.pack`.
        chassis: (CHASSIS_SIZE,) what the body is.
        body: (BODY_SIZE,) advanced in place, unless `ticks` is 0.
        raster: The ground.
        command: (3,) steering -1 to 1 (left positive), pedal -1 (brake) to 1 (drive), gear: reverse
            below 0.
        pull_n: (3,) outside force at the centre of mass, world.
        dt_s: Length of a tick.
        ticks: How many; 0 advances the wheels by one tick and leaves the body to an engine.
        wheels: (STATE_SIZE,), advanced in place.
        wrench: (6,) written: force and torque of the wheels in the last tick, world axes.
    """
    rotation = np.empty((3, 3))
    ground = np.empty((2, 4))
    for _ in range(max(ticks, 1)):
        _rotation(body, rotation)
        _under(chassis, body, rotation, raster, ground)
        wheels_tick(
            packed,
            body[COM : COM + 3],
            rotation,
            body[LINEAR : LINEAR + 3],
            body[ANGULAR : ANGULAR + 3],
            ground[0],
            ground[1],
            command,
            dt_s,
            wheels,
            wrench,
        )
        if ticks > 0:
            _integrate(chassis, body, rotation, wrench, pull_n, dt_s)


@inline
def _rotation(body, out):
    x, y, z, w = body[QUATERNION], body[QUATERNION + 1], body[QUATERNION + 2], body[QUATERNION + 3]
    out[0, 0], out[1, 1] = 1.0 - 2.0 * (y * y + z * z), 1.0 - 2.0 * (x * x + z * z)
    out[2, 2] = 1.0 - 2.0 * (x * x + y * y)
    out[0, 1], out[1, 0] = 2.0 * (x * y - w * z), 2.0 * (x * y + w * z)
    out[0, 2], out[2, 0] = 2.0 * (x * z + w * y), 2.0 * (x * z - w * y)
    out[1, 2], out[2, 1] = 2.0 * (y * z - w * x), 2.0 * (y * z + w * x)


@inline
def _under(chassis, body, rotation, raster, ground):
    """Height and friction under each wheel, rows of `ground` (2, 4).

    Where roads lie above each other it is the one that is nearest to the wheel's foot.
    """
    for w in range(4):
        x = (chassis[HALF_BASE] if w < 2 else -chassis[HALF_BASE]) - chassis[COM_X]
        y = chassis[HALF_TRACK] if w % 2 == 0 else -chassis[HALF_TRACK]
        px = body[COM] + rotation[0, 0] * x + rotation[0, 1] * y
        py = body[COM + 1] + rotation[1, 0] * x + rotation[1, 1] * y
        pz = body[COM + 2] + rotation[2, 0] * x + rotation[2, 1] * y
        pz -= rotation[2, 2] * chassis[COM_Z]
        ground[0, w] = height_at(px, py, pz, raster)
        ground[1, w] = friction_at(px, py, pz, raster)


@inline
def _integrate(chassis, body, rotation, wrench, pull_n, dt):
    inertia = chassis[INERTIA : INERTIA + 3]
    body[LINEAR_BEFORE : LINEAR_BEFORE + 6] = body[LINEAR : LINEAR + 6]
    turning, torque = np.empty(3), np.empty(3)
    for i in range(3):
        force = wrench[i] + pull_n[i] - (chassis[MASS] * GRAVITY_M_S2 if i == 2 else 0.0)
        body[LINEAR + i] += dt / chassis[MASS] * force
        turning[i], torque[i] = 0.0, 0.0
        for k in range(3):
            turning[i] += rotation[k, i] * body[ANGULAR + k]
            torque[i] += rotation[k, i] * wrench[3 + k]
    spun = np.empty(3)
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        gyroscopic = turning[j] * inertia[k] * turning[k] - turning[k] * inertia[j] * turning[j]
        spun[i] = turning[i] + dt * (torque[i] - gyroscopic) / inertia[i]
    fast = np.sqrt(spun[0] * spun[0] + spun[1] * spun[1] + spun[2] * spun[2])
    if fast * dt > QUARTER_TURN:
        for i in range(3):
            spun[i] *= QUARTER_TURN / (fast * dt)
    for i in range(3):
        body[ANGULAR + i] = 0.0
        for k in range(3):
            body[ANGULAR + i] += rotation[i, k] * spun[k]
        body[COM + i] += dt * body[LINEAR + i]
    _turn(body, dt)


@inline
def _turn(body, dt):
    """Turns the attitude by the angular velocity over a tick."""
    ax, ay, az = dt * body[ANGULAR], dt * body[ANGULAR + 1], dt * body[ANGULAR + 2]
    angle = np.sqrt(ax * ax + ay * ay + az * az)
    scale = 0.5 - angle * angle / 48.0 if angle < 1e-4 else np.sin(0.5 * angle) / angle
    bx, by, bz, bw = ax * scale, ay * scale, az * scale, np.cos(0.5 * angle)
    x, y, z, w = body[QUATERNION], body[QUATERNION + 1], body[QUATERNION + 2], body[QUATERNION + 3]
    qx = bw * x + bx * w + by * z - bz * y
    qy = bw * y - bx * z + by * w + bz * x
    qz = bw * z + bx * y - by * x + bz * w
    qw = bw * w - bx * x - by * y - bz * z
    norm = np.sqrt(qx * qx + qy * qy + qz * qz + qw * qw)
    body[QUATERNION], body[QUATERNION + 1] = qx / norm, qy / norm
    body[QUATERNION + 2], body[QUATERNION + 3] = qz / norm, qw / norm


BASE_SIZE = 25
"""Of the state of the base: position 3, quaternion 4, then velocity, turning, acceleration, angular
acceleration, force and torque of 3 each, world axes, at the base's origin."""


@kernel
def read_base(
    body: Floats, wrench: Floats, com_m: Floats, dt_s: float, steer: Floats, rear_share: float,
    wheels: Floats, base: Floats, joints: Floats,
) -> None:  # fmt: skip
    """Writes the true state of a car's base link and joints.

    Args:
        body: (BODY_SIZE,).
        wrench: (6,) of the wheels, at the centre of mass.
        com_m: (3,) centre of mass in the base frame.
        dt_s: Length of a tick.
        steer: (4,) angles of the wheels.
        rear_share: Part of the torque that the rear wheels have.
        wheels: (STATE_SIZE,).
        base: (BASE_SIZE,) written.
        joints: (3, 10) written: positions, velocities and torques of wheels, steering, struts.
    """
    q, arm = base[3:7], np.empty(3)
    norm = np.sqrt((body[QUATERNION : QUATERNION + 4] ** 2).sum())
    for i in range(4):
        # As `Pose` does it: what is of unit norm already keeps its bits.
        unit = abs(norm - 1.0) <= 1e-15
        q[i] = body[QUATERNION + i] if unit else body[QUATERNION + i] / norm
    turned(q, com_m, arm)
    angular = body[ANGULAR : ANGULAR + 3]
    base[10:13] = angular
    base[19:22] = wrench[:3]
    for i in range(3):
        arm[i] = -arm[i]
        base[i] = body[COM + i] + arm[i]
        base[16 + i] = (angular[i] - body[ANGULAR_BEFORE + i]) / dt_s
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        base[7 + i] = body[LINEAR + i] + angular[j] * arm[k] - angular[k] * arm[j]
        gained = (body[LINEAR + i] - body[LINEAR_BEFORE + i]) / dt_s
        base[13 + i] = gained + base[16 + j] * arm[k] - base[16 + k] * arm[j]
        along = angular[0] * arm[0] + angular[1] * arm[1] + angular[2] * arm[2]
        # w x (w x r) = w (w . r) - r (w . w)
        square = angular[0] ** 2 + angular[1] ** 2 + angular[2] ** 2
        base[13 + i] += angular[i] * along - arm[i] * square
        base[22 + i] = wrench[3 + i] - arm[j] * wrench[k] + arm[k] * wrench[j]
    for w in range(4):
        joints[0, w], joints[1, w] = wheels[ANGLE + w], wheels[SPIN + w]
        joints[0, 6 + w] = wheels[COMPRESSION + w]
        share = 1.0 - rear_share if w < 2 else rear_share
        brake = np.sign(wheels[SPIN + w]) * wheels[BRAKE + w]
        joints[2, w] = 0.5 * wheels[DRIVE] * share - brake
        joints[1, 6 + w] = joints[2, 6 + w] = 0.0
    for w in range(2):
        joints[0, 4 + w] = steer[w]
        joints[1, 4 + w] = joints[2, 4 + w] = 0.0


@kernel
def place_parts(
    body: Floats, base: Floats, hubs: Floats, steer: Floats, wheels: Floats, rest: Floats,
    places: Floats, turns: Floats, linear: Floats, angular: Floats,
) -> None:  # fmt: skip
    """Writes where body and wheels are and how they move: rows base, then the four wheels.

    Args:
        body, base: From `roll` and `read_base`.
        hubs: (4, 3) of the wheels at rest, in the base frame.
        steer: (4,) angles of the wheels.
        wheels: (STATE_SIZE,).
        rest: (4,) compression of the springs at rest.
        places, turns, linear, angular: (5, 3), (5, 4), (5, 3), (5, 3), written.
    """
    q = base[3:7]
    places[0], turns[0], linear[0], angular[0] = base[0:3], q, base[7:10], base[10:13]
    hub, arm, axle, turn = np.empty(3), np.empty(3), np.empty(3), np.empty(4)
    for w in range(4):
        hub[:] = hubs[w]
        hub[2] += min(max(wheels[COMPRESSION + w] - rest[w], -_STRUT_M), _STRUT_M)
        turned(q, hub, arm)
        # Steering about z after rolling about y.
        c, z = np.cos(0.5 * steer[w]), np.sin(0.5 * steer[w])
        u, y = np.cos(0.5 * wheels[ANGLE + w]), np.sin(0.5 * wheels[ANGLE + w])
        turn[0], turn[1], turn[2], turn[3] = -z * y, c * y, z * u, c * u
        multiplied(q, turn, turns[w + 1])
        hub[0], hub[1], hub[2] = -2.0 * z * c, c * c - z * z, 0.0
        turned(q, hub, axle)
        for i in range(3):
            j, k = (i + 1) % 3, (i + 2) % 3
            places[w + 1, i] = base[i] + arm[i]
            linear[w + 1, i] = base[7 + i] + base[10 + j] * arm[k] - base[10 + k] * arm[j]
            angular[w + 1, i] = base[10 + i] + wheels[SPIN + w] * axle[i]
