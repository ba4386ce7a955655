"""Vertical force and pressure point of a sole, as pressure sensors in it tell."""

from __future__ import annotations

import numpy as np

from fleetloop.core.frames import FloatArray
from fleetloop.envs.trace.jit import kernel

_LOADED_N = 20.0


@kernel
def sole_pressure(
    wrench: FloatArray,
    position: FloatArray,
    rotation: FloatArray,
    sole: FloatArray,
    turn_rad: float,
    reading: FloatArray,
) -> None:
    """Writes force (N) and the pressure point from the sole's middle (m), turned by an angle.

    Args:
        wrench: Contact force and its moment about the world's origin, world axes, (6,).
        position, rotation: Of the foot.
        sole: Middle of the sole in the foot's frame, (3,).
        turn_rad: Heading of the axes that the point is told in, against the world's.
        reading: (3,), written.
    """
    force = wrench[2]
    reading[0], reading[1], reading[2] = force, 0.0, 0.0
    if force < _LOADED_N:
        return
    at = np.empty(3)
    for a in range(3):
        at[a] = position[a]
        for b in range(3):
            at[a] += rotation[a, b] * sole[b]
    mx = wrench[3] - (at[1] * wrench[2] - at[2] * wrench[1])
    my = wrench[4] - (at[2] * wrench[0] - at[0] * wrench[2])
    x, y = -my / force, mx / force
    c, s = np.cos(turn_rad), np.sin(turn_rad)
    reading[1], reading[2] = c * x - s * y, s * x + c * y
