"""Places every row of a scene in the ray frame of each time slot, in float64, then as float32.

Making positions relative to the sensor before they lose digits keeps float32 exact enough anywhere:
moving the whole world by 10 km changes nothing.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.jit import inline, kernel
from fleetloop.envs.trace.layout import CENTER, DIMS, ORIGIN, RADIUS, ROTATION

Array = npt.NDArray[np.float64]


@kernel
def fill_tables(
    position: Array,
    quaternion: Array,
    velocity: Array,
    angular: Array,
    dims: npt.NDArray[np.float32],
    spheres: Array,
    slots: npt.NDArray[np.int32],
    slot_position: Array,
    slot_rotation: Array,
    slot_time: Array,
    table: npt.NDArray[np.float32],
) -> None:
    """Fills the instance tables of some slots.

    Args:
        position, quaternion, velocity, angular: Motion of the rows, (n, 3|4), world; xyzw.
        dims, spheres: Dimensions (n, 3) and local bounding spheres (n, 4) of the rows.
        slots: (tables,) which slot each table belongs to.
        slot_position, slot_rotation, slot_time: Pose (slots, 3), (slots, 3, 3) world_R_sensor and
            time offset (slots,) of the sensor.
        table: (tables, n, ICOLS), written.
    """
    w_R_l = np.empty((3, 3))
    for index in range(len(slots)):
        slot = slots[index]
        dt = slot_time[slot]
        w_R_s = slot_rotation[slot]
        for row in range(len(position)):
            rotation_at(quaternion[row], angular[row], dt, w_R_l)
            entry = table[index, row]
            for i in range(3):
                for j in range(3):
                    entry[ROTATION + 3 * i + j] = np.float32(
                        w_R_l[0, i] * w_R_s[0, j]
                        + w_R_l[1, i] * w_R_s[1, j]
                        + w_R_l[2, i] * w_R_s[2, j]
                    )
            # From the shape's origin to the sensor, world axes.
            x = slot_position[slot, 0] - position[row, 0] - velocity[row, 0] * dt
            y = slot_position[slot, 1] - position[row, 1] - velocity[row, 1] * dt
            z = slot_position[slot, 2] - position[row, 2] - velocity[row, 2] * dt
            cx = _along(w_R_l, 0, spheres[row]) - x
            cy = _along(w_R_l, 1, spheres[row]) - y
            cz = _along(w_R_l, 2, spheres[row]) - z
            for i in range(3):
                entry[ORIGIN + i] = np.float32(w_R_l[0, i] * x + w_R_l[1, i] * y + w_R_l[2, i] * z)
                entry[CENTER + i] = np.float32(
                    w_R_s[0, i] * cx + w_R_s[1, i] * cy + w_R_s[2, i] * cz
                )
                entry[DIMS + i] = dims[row, i]
            entry[RADIUS] = np.float32(spheres[row, 3])


@inline
def _along(rotation, i, sphere):
    return rotation[i, 0] * sphere[0] + rotation[i, 1] * sphere[1] + rotation[i, 2] * sphere[2]


@inline
def rotation_at(q, angular, dt, out):
    """Rotation matrix of quaternion q, turned on by angular velocity x dt (world axes)."""
    x, y, z, w = q[0], q[1], q[2], q[3]
    rate = np.sqrt(angular[0] ** 2 + angular[1] ** 2 + angular[2] ** 2)
    if dt != 0.0 and rate > 0.0:
        half = 0.5 * rate * dt
        s = np.sin(half) / rate
        ax, ay, az, aw = angular[0] * s, angular[1] * s, angular[2] * s, np.cos(half)
        x, y, z, w = (
            aw * x + ax * w + ay * z - az * y,
            aw * y - ax * z + ay * w + az * x,
            aw * z + ax * y - ay * x + az * w,
            aw * w - ax * x - ay * y - az * z,
        )
    out[0, 0] = 1.0 - 2.0 * (y * y + z * z)
    out[0, 1] = 2.0 * (x * y - z * w)
    out[0, 2] = 2.0 * (x * z + y * w)
    out[1, 0] = 2.0 * (x * y + z * w)
    out[1, 1] = 1.0 - 2.0 * (x * x + z * z)
    out[1, 2] = 2.0 * (y * z - x * w)
    out[2, 0] = 2.0 * (x * z - y * w)
    out[2, 1] = 2.0 * (y * z + x * w)
    out[2, 2] = 1.0 - 2.0 * (x * x + y * y)
