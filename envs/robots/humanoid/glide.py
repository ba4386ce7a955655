"""Kernels of the fast mode: a base that glides, hands that press on springs, a bag that swings."""

from __future__ import annotations

import numpy as np

from fleetloop.envs.robots.humanoid.arms import arms_tick
from fleetloop.envs.trace.jit import kernel

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001


@kernel
def glide(
    tree, plan, limits, goal, wanted, hands, speeds, smooth, q, dq, base, lag, reached, command,
    support, drop, pressing, stiffness, smooth_s, start_s, ticks, dt,
) -> None:  # fmt: skip
    """Does some ticks.

    Args:
        tree, plan, limits, goal, hands, speeds, smooth, q, dq: As of `arms.arms_tick`.
        wanted: Forces (2), finger openings (2), neck (2).
        base: Its state, rows as above, advanced.
        lag, reached: Of the three speeds.
        command: Wanted speeds (3,).
        support: Heights of what lies under both hands, world, (2,).
        drop: How far below the grips the lowest points of hands and tools are, (2,).
        pressing: Row of `holding.Pressing`.
        stiffness: N/m.
        smooth_s: Time constant of `pressing`.
        start_s: From rest to the first step.
        ticks, dt: How many, and how long each is.
    """
    felt = np.zeros(2)
    for _ in range(ticks):
        pressing[2] += dt
        for h in range(2):
            sunk = support[h] - (base[2] + hands[h, 2] - drop[h])
            felt[h] = stiffness * max(sunk, 0.0)
            pressing[h] += dt * felt[h]
            pressing[5 + h] += dt / (dt + smooth_s) * (felt[h] - pressing[5 + h])
            pressing[3 + h] = max(pressing[3 + h], pressing[5 + h])
        arms_tick(
            tree, plan, limits, goal, wanted[:2], felt, wanted[2:4], wanted[4:], hands, speeds,
            smooth, q, dq, dt,
        )  # fmt: skip
        asked = abs(command[0]) + abs(command[1]) + abs(command[2])
        if asked > 0.02:
            base[8] += dt
        elif abs(base[4]) + abs(base[5]) + abs(base[6]) < 0.05:
            base[8] = 0.0
        for k in range(3):
            gap = (reached[k] * command[k] if base[8] > start_s else 0.0) - base[4 + k]
            base[4 + k] += min(dt / lag[k], 1.0) * gap
        c, s = np.cos(base[3]), np.sin(base[3])
        base[0] += dt * (c * base[4] - s * base[5])
        base[1] += dt * (s * base[4] + c * base[5])
        base[3] += dt * base[6]
        moving = abs(base[4]) + abs(base[5]) + 0.3 * abs(base[6]) > 0.03
        base[7] = base[7] + dt * np.pi / 0.5 if moving else 0.0


@kernel
def swing(state, accel, gravity, length, damping, ticks, dt) -> None:
    """Lets a pendulum swing under a point that speeds up.

    Args:
        state: Tilts along x and y (rad) and their rates, (4,), advanced.
        accel: Of the point, (2,), m/s2.
        gravity: m/s2.
        length: Of the pendulum, inertia included, m.
        damping: 1/s.
        ticks, dt: How many, and how long each is.
    """
    for _ in range(ticks):
        for k in range(2):
            pull = -(gravity * np.sin(state[k]) + accel[k] * np.cos(state[k])) / length
            state[2 + k] += dt * (pull - damping * state[2 + k])
            state[k] += dt * state[2 + k]
