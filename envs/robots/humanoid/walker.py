"""Standing and walking: from senses and a wanted velocity to torques of the legs.

The leg that stands presses on the ground with the force that the pendulum asks for, by the
transpose of its Jacobian; the ankle's share of it is what puts the pressure point where it shall be
(ankle strategy). Where the sole ends, the trunk is thrown (hip strategy): a moment M about the
centre of mass is worth M / (m g) of pressure point. The leg that swings follows inverse kinematics.
"""

from __future__ import annotations

import numpy as np

from fleetloop.envs.robots.humanoid.estimate import estimate
from fleetloop.envs.robots.humanoid.kinematics import add_wrench_torques, gravity_torques
from fleetloop.envs.robots.humanoid.leg_ik import leg_solve
from fleetloop.envs.robots.humanoid.stepping import advance, held_in_foot, share_of_left
from fleetloop.envs.robots.humanoid.walker_state import (
    B_AHEAD,
    B_ANKLE,
    B_HIP,
    B_LEFT,
    B_LEFT_Q,
    B_MASS,
    B_SHANK,
    B_THIGH,
    BASE,
    CAUSE,
    CLOCK,
    COM,
    COM_V,
    ERROR,
    FALLEN,
    FEET_YAW,
    G_DS,
    G_DT,
    G_DY,
    G_DZ,
    G_HEIGHT,
    G_HIP,
    G_KT,
    G_KY,
    G_KZ,
    G_LEG,
    G_LIFT,
    G_REST,
    LEG_REF,
    LENGTH,
    LIFT,
    MODE,
    PINS,
    ROTATION,
    SHARE,
    SLOPE,
    STANCE,
    STEP,
    SWING,
    SWING_FROM_Z,
    SWING_V,
    SWING_YAW,
    SWING_YAW_V,
    TARGET,
    TOUCHED,
    ZMP,
)
from fleetloop.envs.trace.jit import inline

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

_SWING_KP = (300.0, 1200.0, 1500.0, 1200.0, 250.0, 250.0)
_SWING_KD = (8.0, 50.0, 60.0, 35.0, 5.0, 5.0)
_STAND_KD = (2.0, 2.0, 2.0, 2.0, 1.0, 1.0)
_PRESS_M = 0.01  # below the ground that a landed foot is sent
_LEVEL = 0.015  # a slope of less is noise of the senses
_MOST_RISE_M = 0.04
_LEAN = 0.8  # rad: so far the trunk is thrown
_STEP_SHARE = 0.4  # of both in a step
_THROW_NM = 70.0  # from here on it is not held upright against the throw
_GRIP = 0.55  # largest share of horizontal to vertical force that a sole is asked for


@inline
def walk(
    tree, motion, body, gains, state, q, dq, gyro, accel, feet, command, residual, gravity, dt,
    drive,
):  # fmt: skip
    """Does one control tick.

    Args:
        tree, motion: Arrays of the tree and room for its motion.
        body, gains: From `pack_body`, `pack_gains`.
        state: Of the walker, advanced.
        q, dq: Joints as the encoders have them.
        gyro, accel: In the base's axes, rad/s and m/s2.
        feet: (2, 3): vertical force, and pressure point from the sole's middle, walker's axes.
        command: Forward, left and turning speed.
        residual: (12,) added to the swinging leg's references, rad.
        gravity: m/s2.
        dt: Length of the tick.
        drive: (5, joints): references, their speeds, stiffness, damping, torques; legs and the
            torque against gravity of all joints are written.
    """
    estimate(tree, motion, body, gains, state, q, dq, gyro, accel, feet, gravity, dt)
    if state[MODE] == FALLEN or _has_fallen(body, state):
        drive[2, :] = 0.0
        drive[3, :] = 1.0
        drive[4, :] = 0.0
        drive[1, :] = 0.0
        return
    ground = _ground_z(state)
    height = max(state[COM + 2] - ground, 0.3)
    omega = np.sqrt(gravity / height)
    advance(body, gains, state, feet, command, omega, dt)
    gravity_torques(tree, motion, gravity, drive[4])
    _stand_legs(tree, motion, body, gains, state, gyro, gravity, height, drive)
    if state[MODE] == STEP:
        _swing_leg(tree, motion, body, gains, state, residual, dt, drive)


@inline
def _has_fallen(body, state):
    up = state[ROTATION + 8]
    low = state[BASE + 2] - min(state[PINS + 2], state[PINS + 5])
    error = np.sqrt(state[ERROR] ** 2 + state[ERROR + 1] ** 2)
    cause = 0.0
    if up < 0.70:
        cause = 1.0
    elif low < 0.50:
        cause = 2.0
    elif error > 0.60:
        cause = 3.0
    if cause > 0.0:
        state[MODE], state[CAUSE] = FALLEN, cause
    return cause > 0.0


@inline
def _ground_z(state):
    if state[MODE] == STEP:
        part = min(state[CLOCK] / 0.3, 1.0)
        stance = state[PINS + 3 * int(state[STANCE]) + 2]
        other = state[SWING_FROM_Z]
        # The body climbs smoothly from the mean of both feet to the one it stands on.
        return 0.5 * (1.0 - part) * (other + stance) + part * stance
    return 0.5 * (state[PINS + 2] + state[PINS + 5])


@inline
def _trunk_moment(gains, state, gyro, moment):
    """Moment that keeps the trunk upright and turned with the feet, walker's axes."""
    r = state[ROTATION : ROTATION + 9]
    wx = r[0] * gyro[0] + r[1] * gyro[1] + r[2] * gyro[2]
    wy = r[3] * gyro[0] + r[4] * gyro[1] + r[5] * gyro[2]
    wz = r[6] * gyro[0] + r[7] * gyro[1] + r[8] * gyro[2]
    # The body's up axis is the third column; up x world up is the turn that rights it.
    moment[0] = gains[G_KT] * r[5] - gains[G_DT] * wx
    moment[1] = -gains[G_KT] * r[2] - gains[G_DT] * wy
    gap = state[FEET_YAW] - state[FEET_YAW + 1]
    aim = state[FEET_YAW + 1] + 0.5 * np.arctan2(np.sin(gap), np.cos(gap))
    if state[MODE] == STEP:
        swing = 1 - int(state[STANCE])
        gap = state[SWING_YAW] - state[FEET_YAW + 1 - swing]
        aim = state[FEET_YAW + 1 - swing] + 0.5 * np.arctan2(np.sin(gap), np.cos(gap))
    turn = aim - np.arctan2(r[3], r[0])
    turn = np.arctan2(np.sin(turn), np.cos(turn))
    moment[2] = gains[G_KY] * turn - gains[G_DY] * wz
    for a in range(2):
        moment[a] = min(max(moment[a], -90.0), 90.0)
    moment[2] = min(max(moment[2], -18.0), 18.0)


@inline
def _stand_legs(tree, motion, body, gains, state, gyro, gravity, height, drive):
    mass = body[B_MASS]
    moment = np.empty(3)
    _trunk_moment(gains, state, gyro, moment)
    lift = gains[G_KZ] * (gains[G_HEIGHT] - height) - gains[G_DZ] * state[COM_V + 2]
    push = mass * min(max(gravity + lift, 0.4 * gravity), 1.7 * gravity)
    share = share_of_left(gains, state)
    state[SHARE] = share
    # The pressure point that each sole can give, and of both together.
    points = np.empty((2, 2))
    real = np.zeros(2)
    out = np.empty(2)
    weights = (share, 1.0 - share)
    middle = np.empty(2)
    for a in range(2):
        middle[a] = share * state[PINS + a] + (1.0 - share) * state[PINS + 3 + a]
    for f in range(2):
        pin = PINS + 3 * f
        x = state[pin] + state[ZMP] - middle[0]
        y = state[pin + 1] + state[ZMP + 1] - middle[1]
        held_in_foot(body, state, f, x, y, out)
        for a in range(2):
            points[f, a] = out[a]
            real[a] += weights[f] * out[a]
    # Hip strategy: what the soles cannot give, the trunk does, within limits.
    _throw_trunk(gains, state, 1, push * (state[ZMP] - real[0]), moment)
    _throw_trunk(gains, state, 0, -push * (state[ZMP + 1] - real[1]), moment)
    force = np.empty(3)
    force[0] = (push * (state[COM] - real[0]) - moment[1]) / height
    force[1] = (push * (state[COM + 1] - real[1]) + moment[0]) / height
    force[2] = push
    size = np.sqrt(force[0] ** 2 + force[1] ** 2)
    if size > _GRIP * push:
        force[0] *= _GRIP * push / size
        force[1] *= _GRIP * push / size
    _press(tree, motion, body, state, weights, points, force, moment[2], drive)


@inline
def _throw_trunk(gains, state, axis, short_nm, moment):
    """Hip strategy: adds the moment that the soles cannot give, within limits.

    While it is needed the trunk is not held upright against it, up to a lean from which nothing is
    left to throw.
    """
    righting = state[ROTATION + 5] if axis == 0 else -state[ROTATION + 2]
    # A step helps too, and a trunk that leans far when it lands throws the next one off.
    most, lean = gains[G_HIP], _LEAN
    if state[MODE] == STEP:
        most, lean = _STEP_SHARE * most, _STEP_SHARE * lean
    thrown = min(max(short_nm, -most), most)
    room = 1.0
    if thrown * righting < 0.0:
        room = min(max(2.0 - 2.0 * abs(righting) / lean, 0.0), 1.0)
    if thrown * moment[axis] < 0.0:
        moment[axis] *= 1.0 - room * min(abs(thrown) / _THROW_NM, 1.0)
    moment[axis] += room * thrown


@inline
def _press(tree, motion, body, state, weights, points, force, yaw_moment, drive):
    part = np.empty(3)
    point = np.empty(3)
    turn = np.zeros(3)
    for f in range(2):
        weight = weights[f]
        if state[MODE] == STEP and f != int(state[STANCE]) and weight < 0.03:
            continue
        for a in range(3):
            part[a] = weight * force[a]
        turn[2] = weight * yaw_moment
        # Motion is about the base at the origin.
        point[0] = points[f, 0] - state[BASE]
        point[1] = points[f, 1] - state[BASE + 1]
        point[2] = state[PINS + 3 * f + 2] - state[BASE + 2]
        add_wrench_torques(tree, motion, int(body[B_LEFT + f]), part, point, turn, drive[4])
        first = int(body[B_LEFT_Q + f])
        for j in range(6):
            drive[2, first + j] = 0.0
            drive[3, first + j] = _STAND_KD[j]
            drive[1, first + j] = 0.0


@inline
def _swing_leg(tree, motion, body, gains, state, residual, dt, drive):
    swing = 1 - int(state[STANCE])
    first = int(body[B_LEFT_Q + swing])
    if state[CLOCK] < gains[G_DS]:
        return
    before = state[CLOCK] - dt < gains[G_DS]
    if before:
        for a in range(3):
            state[SWING + a] = state[PINS + 3 * swing + a]
            state[SWING_V + a] = 0.0
        state[SWING_FROM_Z] = state[SWING + 2]
        state[SWING_YAW] = state[FEET_YAW + swing]
    # It is there a little before it lands: a leg that is still braking swings past its place.
    left = max(state[LENGTH] - gains[G_REST] - state[CLOCK], 0.03)
    inertia = np.zeros(3)
    for a in range(2):
        rate = state[SWING_V + a]
        _towards(state, SWING + a, SWING_V + a, state[TARGET + a], left, 80.0, dt)
        inertia[a] = -gains[G_LEG] * (state[SWING_V + a] - rate) / dt
    _carry_leg(tree, motion, body, swing, inertia, drive)
    turn = state[TARGET + 2] - state[SWING_YAW]
    turn = np.arctan2(np.sin(turn), np.cos(turn))
    _towards(state, SWING_YAW, SWING_YAW_V, state[SWING_YAW] + turn, left, 60.0, dt)
    air = max(state[LENGTH] - gains[G_DS], 0.1)
    part = (state[CLOCK] - gains[G_DS]) / air
    state[SWING + 2] = _lift_height(gains, state, part, _rise(state))
    if state[TOUCHED] > 0.0:
        # Ground was met: press on it lightly, wherever it is, until the weight comes.
        state[SWING + 2] = max(state[SWING + 2], state[PINS + 3 * swing + 2] - _PRESS_M)
    angles = np.empty(6)
    _swing_angles(body, state, swing, angles)
    for j in range(6):
        angles[j] += residual[6 * swing + j]
        last = state[LEG_REF + 6 * swing + j]
        speed = 0.0 if before else (angles[j] - last) / dt
        state[LEG_REF + 6 * swing + j] = angles[j]
        drive[0, first + j] = angles[j]
        # Noise of the senses is in the difference too: the speed is smoothed.
        drive[1, first + j] = 0.7 * drive[1, first + j] + 0.3 * min(max(speed, -12.0), 12.0)
        drive[2, first + j] = _SWING_KP[j]
        drive[3, first + j] = _SWING_KD[j]


@inline
def _carry_leg(tree, motion, body, swing, inertia, drive):
    """Adds the torques that speed up a swinging leg, as if its mass were at its foot."""
    point, none = np.empty(3), np.zeros(3)
    link = int(body[B_LEFT + swing])
    for a in range(3):
        point[a] = motion[0][link, a]
    add_wrench_torques(tree, motion, link, inertia, point, none, drive[4])


@inline
def _towards(state, place, speed, goal, left, most, dt):
    """One tick of the cubic that is at `goal` at rest after `left`."""
    gap = goal - state[place]
    rate = state[speed]
    wanted = 6.0 * gap / (left * left) - 4.0 * rate / left
    state[speed] = rate + dt * min(max(wanted, -most), most)
    state[place] += dt * state[speed]


@inline
def _rise(state):
    """How much higher the foothold lies than the foot that stands, by the slope under that one."""
    stance = PINS + 3 * int(state[STANCE])
    rise = 0.0
    for a in range(2):
        slope = state[SLOPE + a]
        sure = max(abs(slope) - _LEVEL, 0.0)
        rise += (sure if slope > 0.0 else -sure) * (state[TARGET + a] - state[stance + a])
    return min(max(rise, -_MOST_RISE_M), _MOST_RISE_M)


@inline
def _lift_height(gains, state, part, rise):
    """Height of the sole: up within the first third, down to the ground's height at the end."""
    start, end = state[SWING_FROM_Z], state[LIFT] + rise
    if part >= 1.0:
        # Late: the ground is lower than thought, the foot feels for it.
        late = state[CLOCK] - state[LENGTH]
        return end - 0.005 - 0.35 * late
    top = max(start, end) + gains[G_LIFT]
    if part < 0.4:
        s = part / 0.4
        s = s * s * (3.0 - 2.0 * s)
        return start + s * (top - start)
    # It comes down with a little speed: one that nears the ground slowly meets it before its time,
    # and each step that is cut short takes from the walk's speed.
    s = (part - 0.4) / 0.6
    s = s * s * (2.0 - s)
    return top + s * (end - 0.005 - top)


@inline
def _swing_angles(body, state, swing, angles):
    """Angles that bring the swinging sole to its reference, from where the base is."""
    r = state[ROTATION : ROTATION + 9]
    c, s = np.cos(state[SWING_YAW]), np.sin(state[SWING_YAW])
    ahead, up = body[B_AHEAD], body[B_ANKLE]
    # Ankle in walker's axes from the base: the sole is level.
    dx = state[SWING] - c * ahead - state[BASE]
    dy = state[SWING + 1] - s * ahead - state[BASE + 1]
    dz = state[SWING + 2] + up - state[BASE + 2]
    ankle = np.empty(3)
    turn = np.empty((3, 3))
    for a in range(3):
        ankle[a] = r[a] * dx + r[3 + a] * dy + r[6 + a] * dz
        turn[a, 0] = r[a] * c + r[3 + a] * s
        turn[a, 1] = -r[a] * s + r[3 + a] * c
        turn[a, 2] = r[6 + a]
    hip = np.zeros(3)
    hip[1] = body[B_HIP] if swing == 0 else -body[B_HIP]
    leg_solve(hip, ankle, turn, body[B_THIGH], body[B_SHANK], angles)
