"""One control tick in one kernel: senses, weighing, hands, balance, or a joint's references.

Some thirty small steps on arrays of three numbers: called one by one from Python they cost several
times the physics.
"""

from __future__ import annotations

import numpy as np

from fleetloop.envs.robots.humanoid.arms import arms_tick
from fleetloop.envs.robots.humanoid.kinematics import move_links
from fleetloop.envs.robots.humanoid.sensing import S_WRIST, sense, sense_soles
from fleetloop.envs.robots.humanoid.walker import walk
from fleetloop.envs.robots.humanoid.walker_state import B_LEFT, B_MASS, CAUSE
from fleetloop.envs.trace.jit import inline, kernel

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

TASK, RESIDUAL, JOINT = range(3)
"""Modes of action as the kernel takes them."""

LEFT_FOOT, LEFT_HAND, RIGHT_FOOT, RIGHT_HAND = 0, 1, 4, 5
"""Rows of the wrenches: of each side foot, hand, finger, thumb."""

_WEIGH_S = 0.4  # time constant by which the weight in a hand is found
WEIGH_FROM_KG = 0.1
"""Below it is noise."""
_SMOOTH_S = 0.02  # time constant by which brittle things feel forces


@kernel
def think(
    tree, motion, plan, fixed, own, changing, upper, noise, joints, base, before, wrenches, felt,
    mode, first, gravity, dt,
) -> None:  # fmt: skip
    """Does one control tick.

    Args:
        tree, motion, plan: Arrays of the tree, room for its motion, arrays of the arms' plan.
        fixed: Of an episode: gains, noise's standard deviations, biases, limits of reach, sole,
            speeds of the drives.
        own: What the body weighs: of the walker, of both hands, rows of the palms, sum.
        changing: Walker, drives, velocity of the base, loads, hands and their speeds, feelings,
            postures and their speeds, pressing.
        upper: What was told: speeds, hands, forces with fingers and neck, residuals, references,
            and the joints of all but the legs.
        noise: Row of unit noise.
        joints: True positions and speeds, (2, n).
        base, before: True motion of the base after the last two ticks, (6, 3).
        wrenches: Contact forces of feet and hands and their moments about the origin, (8, 6).
        felt: True forces up on both hands of what they touch, (2,).
        mode: As above.
        first: Whether there was no tick before.
        gravity: m/s2.
        dt: Length of the tick.
    """
    gains, spread, bias, reach, sole, speed = fixed
    body, hand_kg, palms, own_kg = own
    state, drive, velocity, load, hands, hand_speeds, feel, posture, speeds, pressing = changing
    command, goal, wanted, residual, references, rest = upper
    change = np.zeros(3)
    turning = np.empty(3)
    for a in range(3):
        change[a] = 0.0 if first else (base[4, a] - velocity[a]) / dt
        velocity[a] = base[4, a]
        # Gyroscopes integrate: what a step's shock does between two samples must not be lost.
        turning[a] = 0.5 * (base[5, a] + before[5, a])
    _press(pressing, felt, dt)
    _weigh(tree, body, hand_kg, palms, own_kg[0], load, wrenches, gravity, dt)
    move_links(tree, base, joints[0], joints[1], motion)
    if mode == JOINT:
        _drive_joints(motion, body, base, state, drive, posture, references, speed, dt)
        return
    count = joints.shape[1]
    gyro, accel, q, dq = np.empty(3), np.empty(3), np.empty(count), np.empty(count)
    sense(noise, spread, bias, joints, base, change, turning, gravity, gyro, accel, q, dq)
    soles = (int(body[B_LEFT]), int(body[B_LEFT + 1]))
    pressed = np.empty((2, 6))
    pressed[0], pressed[1] = wrenches[LEFT_FOOT], wrenches[RIGHT_FOOT]
    feet = np.empty((2, 3))
    sense_soles(noise, spread, state, base, motion, soles, sole, pressed, feet)
    if mode == TASK and state[CAUSE] == 0.0:
        touch = np.empty(2)
        for h in range(2):
            touch[h] = felt[h] + spread[S_WRIST] * noise[12 + h]
        arms_tick(
            tree, plan, reach, goal, wanted[:2], touch, wanted[2:4], wanted[4:], hands,
            hand_speeds, feel, posture, speeds, dt,
        )  # fmt: skip
        for k in range(len(rest)):
            drive[0, rest[k]] = posture[rest[k]]
            drive[1, rest[k]] = speeds[rest[k]]
    walk(
        tree, motion, body, gains, state, q, dq, gyro, accel, feet, command, residual, gravity, dt,
        drive,
    )  # fmt: skip


@inline
def _press(pressing, felt, dt):
    """Sums, peaks and smoothed values of what both hands press, see `holding.Pressing`."""
    pressing[2] += dt
    for h in range(2):
        pressing[h] += dt * felt[h]
        pressing[5 + h] += dt / (dt + _SMOOTH_S) * (felt[h] - pressing[5 + h])
        pressing[3 + h] = max(pressing[3 + h], pressing[5 + h])


@inline
def _weigh(tree, body, hand_kg, palms, own_kg, load, wrenches, gravity, dt):
    """What the wrists carry joins the body's own mass, so that legs and arms bear it."""
    mass = tree[5]
    body[B_MASS] = own_kg
    for h in range(2):
        carried = -wrenches[LEFT_HAND if h == 0 else RIGHT_HAND, 2] / gravity
        load[h] += dt / _WEIGH_S * (carried - load[h])
        known = max(load[h] - WEIGH_FROM_KG, 0.0)
        mass[palms[h]] = hand_kg[h] + known
        body[B_MASS] += known


@inline
def _drive_joints(motion, body, base, state, drive, posture, references, speed, dt):
    """Every joint to its reference; a fall is told from the true pose, as nobody balances."""
    for j in range(len(posture)):
        most = speed[j] * dt
        posture[j] += min(max(references[j] - posture[j], -most), most)
        drive[0, j] = posture[j]
    feet = motion[0]
    lowest = min(feet[int(body[B_LEFT]), 2], feet[int(body[B_LEFT + 1]), 2])
    cause = 1.0 if base[3, 2] < 0.7 else 0.0
    if base[0, 2] - lowest < 0.45:
        cause = 2.0
    if cause > 0.0 and state[CAUSE] == 0.0:
        state[CAUSE] = cause
    if state[CAUSE] > 0.0:
        drive[2, :] = 0.0
        drive[3, :] = 1.0
