"""Where the body is, by its own senses: gyroscope, accelerometer, joint encoders, foot forces.

Attitude is a complementary filter [Mahony et al. 2008, "Nonlinear complementary filters on the
special orthogonal group"]. Position is leg odometry: a sole that carries weight stands still. The
motion of the centre of mass is observed with the pendulum's own dynamics, which needs no
difference of noisy positions.
"""

from __future__ import annotations

import numpy as np

from fleetloop.envs.robots.humanoid.kinematics import move_links
from fleetloop.envs.robots.humanoid.walker_state import (
    B_AHEAD,
    B_ANKLE,
    B_LEFT,
    B_MASS,
    BASE,
    COM,
    COM_V,
    FEET_YAW,
    G_PLACE,
    G_TRUST,
    PINS,
    ROTATION,
    SLOPE,
)
from fleetloop.envs.trace.jit import inline

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

# 1/s, of the accelerometer against the gyroscope. A change of speed v tips the estimate by
# gain v / g, and a millimetre of the centre of mass is 2 cm/s of walking: it has to be small.
_LEVEL_GAIN = 0.05
_OBSERVER = 22.0  # rad/s, poles of the observer of the centre of mass
_CARRIES = 0.8  # share of the weight from which a sole lies as the ground does
_STEEPEST = 0.1
_SLOPE_S = 0.1  # time constant by which the ground's slope is found
_LOADED = 0.25  # share of the weight from which a sole counts as standing


@inline
def estimate(tree, motion, body, gains, state, q, dq, gyro, accel, feet, gravity, dt):
    """Advances attitude, odometry and centre of mass by one control tick."""
    _attitude(state, gyro, accel, gravity, dt)
    base = np.zeros((6, 3))
    rotation = state[ROTATION : ROTATION + 9]
    for a in range(3):
        for b in range(3):
            base[1 + a, b] = rotation[3 * a + b]
            base[5, a] += rotation[3 * a + b] * gyro[b]
    move_links(tree, base, q, dq, motion)
    pos, rot, vel, omega, _, centre, com_vel = motion
    sole = np.empty((2, 3))
    slide = np.empty((2, 3))
    load = np.empty(2)
    total = max(feet[0, 0], 0.0) + max(feet[1, 0], 0.0)
    for f in range(2):
        i = int(body[B_LEFT + f])
        state[FEET_YAW + f] = np.arctan2(rot[i, 1, 0], rot[i, 0, 0])
        arm = np.empty(3)
        for a in range(3):
            arm[a] = rot[i, a, 0] * body[B_AHEAD] - rot[i, a, 2] * body[B_ANKLE]
            sole[f, a] = pos[i, a] + arm[a]
        slide[f, 0] = vel[i, 0] + omega[i, 1] * arm[2] - omega[i, 2] * arm[1]
        slide[f, 1] = vel[i, 1] + omega[i, 2] * arm[0] - omega[i, 0] * arm[2]
        slide[f, 2] = vel[i, 2] + omega[i, 0] * arm[1] - omega[i, 1] * arm[0]
        load[f] = max(feet[f, 0], 0.0) / total if total > 50.0 else 0.0
        if load[f] > _CARRIES:
            for a in range(2):
                steep = min(max(-rot[i, a, 2] / rot[i, 2, 2], -_STEEPEST), _STEEPEST)
                state[SLOPE + a] += dt / _SLOPE_S * (steep - state[SLOPE + a])
    _odometry(state, sole, load)
    # Velocity of the base: that of the soles turned round.
    standing = load[0] + load[1] > 0.5
    for a in range(3):
        drift = load[0] * slide[0, a] + load[1] * slide[1, a]
        seen = com_vel[a] - drift if standing else state[COM_V + a]
        _observe(
            state, body, gains, feet, load, a, state[BASE + a] + centre[0, a], seen, gravity, dt
        )


@inline
def _attitude(state, gyro, accel, gravity, dt):
    r = state[ROTATION : ROTATION + 9]
    size = np.sqrt(accel[0] ** 2 + accel[1] ** 2 + accel[2] ** 2)
    wx, wy, wz = gyro[0], gyro[1], gyro[2]
    if abs(size - gravity) < 0.3 * gravity:
        # Where up should be, seen from the body: the third row of world_R_base.
        gain = _LEVEL_GAIN / size
        wx += gain * (accel[1] * r[8] - accel[2] * r[7])
        wy += gain * (accel[2] * r[6] - accel[0] * r[8])
        wz += gain * (accel[0] * r[7] - accel[1] * r[6])
    angle = np.sqrt(wx * wx + wy * wy + wz * wz) * dt
    s = np.sin(angle) / angle * dt if angle > 1e-9 else dt
    c = (1.0 - np.cos(angle)) / (angle * angle) * dt * dt if angle > 1e-9 else 0.5 * dt * dt
    turn = np.empty((3, 3))
    turn[0, 0] = 1.0 - c * (wy * wy + wz * wz)
    turn[0, 1] = c * wx * wy - s * wz
    turn[0, 2] = c * wx * wz + s * wy
    turn[1, 0] = c * wx * wy + s * wz
    turn[1, 1] = 1.0 - c * (wx * wx + wz * wz)
    turn[1, 2] = c * wy * wz - s * wx
    turn[2, 0] = c * wx * wz - s * wy
    turn[2, 1] = c * wy * wz + s * wx
    turn[2, 2] = 1.0 - c * (wx * wx + wy * wy)
    for a in range(3):
        x, y, z = r[3 * a], r[3 * a + 1], r[3 * a + 2]
        for b in range(3):
            r[3 * a + b] = x * turn[0, b] + y * turn[1, b] + z * turn[2, b]
        length = np.sqrt(r[3 * a] ** 2 + r[3 * a + 1] ** 2 + r[3 * a + 2] ** 2)
        for b in range(3):
            r[3 * a + b] /= length


@inline
def _odometry(state, sole, load):
    weights = load[0] + load[1]
    for a in range(3):
        if weights > 0.5:
            state[BASE + a] = (
                load[0] * (state[PINS + a] - sole[0, a])
                + load[1] * (state[PINS + 3 + a] - sole[1, a])
            ) / weights
        for f in range(2):
            seen = state[BASE + a] + sole[f, a]
            pin = PINS + 3 * f + a
            # A sole in the air goes along; one that stands keeps its place, but for what two
            # standing soles disagree about.
            state[pin] = seen if load[f] < _LOADED else state[pin] + 0.02 * (seen - state[pin])


@inline
def _observe(state, body, gains, feet, load, a, place, seen, gravity, dt):
    known = state[COM + a], state[COM_V + a]
    push = 0.0
    if a < 2:
        weight = max(feet[0, 0], 0.0) + max(feet[1, 0], 0.0)
        if weight > 50.0:
            zmp = 0.0
            height = max(state[COM + 2] - min(state[PINS + 2], state[PINS + 5]), 0.3)
            for f in range(2):
                zmp += load[f] * (state[PINS + 3 * f + a] + feet[f, 1 + a])
            push = weight / body[B_MASS] / height * (known[0] - zmp)
    gap = place - known[0]
    rush = seen - known[1]
    state[COM + a] = known[0] + dt * (known[1] + _OBSERVER * gap)
    state[COM_V + a] = known[1] + dt * (push + gains[G_PLACE] * gap + gains[G_TRUST] * rush)
