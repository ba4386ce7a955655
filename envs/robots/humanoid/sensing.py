"""What the balance controller gets to know of the true motion: with noise, and in its own axes."""

from __future__ import annotations

import numpy as np

from fleetloop.envs.robots.humanoid.walker_state import ROTATION
from fleetloop.envs.trace.jit import inline

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201

_LOADED_N = 20.0

ENCODERS = 16
"""Place of the encoders' noise in a row of the noise table; before it: gyroscope 3, accelerometer
3, soles 2 and 4, wrists 2, and 2 that are free."""

(
    S_GYRO, S_ACCEL, S_ENCODER, S_SPEED, S_FORCE, S_PRESSURE, S_WRIST,
) = range(7)  # fmt: skip
"""Places of the standard deviations that the kernels take."""


@inline
def sense(noise, spread, bias, joints, base, change, turning, gravity, gyro, accel, q, dq):
    """Readings of gyroscope, accelerometer and encoders; written.

    Args:
        noise: One row of unit noise.
        spread: Standard deviations, places as above.
        bias: Of gyroscope and accelerometer, (6,).
        joints: True positions and speeds, (2, n).
        base: True motion of the base, (6, 3).
        change: Its acceleration, world axes, (3,).
        turning: Its mean rate of turn, world axes, (3,).
        gravity: m/s2.
        gyro, accel, q, dq: Written.
    """
    for a in range(3):
        turn = rush = 0.0
        for b in range(3):
            turn += base[1 + b, a] * turning[b]
            rush += base[1 + b, a] * (change[b] + (gravity if b == 2 else 0.0))
        gyro[a] = turn + spread[S_GYRO] * noise[a] + bias[a]
        accel[a] = rush + spread[S_ACCEL] * noise[3 + a] + bias[3 + a]
    count = len(q)
    for j in range(count):
        q[j] = joints[0, j] + spread[S_ENCODER] * noise[ENCODERS + j]
        dq[j] = joints[1, j] + spread[S_SPEED] * noise[ENCODERS + count + j]


@inline
def sense_soles(noise, spread, state, base, motion, soles, sole, wrenches, feet):
    """Vertical forces and pressure points of both soles, in the walker's axes; written.

    Args:
        noise, spread: As of `sense`.
        state: Of the walker, which knows its own heading.
        base: True motion of the base, (6, 3).
        motion: True motion of all links.
        soles: Rows of both feet.
        sole: Middle of a sole in the foot's frame, (3,).
        wrenches: Contact forces of both feet and their moments about the origin, (2, 6).
        feet: (2, 3), written.
    """
    drift = np.arctan2(state[ROTATION + 3], state[ROTATION]) - np.arctan2(base[2, 0], base[1, 0])
    c, s = np.cos(drift), np.sin(drift)
    pos, rot = motion[0], motion[1]
    at = np.empty(3)
    for f in range(2):
        i = soles[f]
        force = wrenches[f, 2]
        x = y = 0.0
        if force >= _LOADED_N:
            for a in range(3):
                at[a] = pos[i, a]
                for b in range(3):
                    at[a] += rot[i, a, b] * sole[b]
            mx = wrenches[f, 3] - (at[1] * wrenches[f, 2] - at[2] * wrenches[f, 1])
            my = wrenches[f, 4] - (at[2] * wrenches[f, 0] - at[0] * wrenches[f, 2])
            x, y = -my / force, mx / force
        feet[f, 0] = force + spread[S_FORCE] * noise[6 + f]
        feet[f, 1] = c * x - s * y + spread[S_PRESSURE] * noise[8 + 2 * f]
        feet[f, 2] = s * x + c * y + spread[S_PRESSURE] * noise[9 + 2 * f]
