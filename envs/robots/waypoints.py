"""From way-points to steering and pedal: pure pursuit for one, a PI controller for the other.

Way-points are where the base should be after even times; their spacing is the wanted speed. The
goal point of pursuit lies a preview of driving ahead on the line through them [Coulter 1992,
"Implementation of the pure pursuit path tracking algorithm"].
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import FloatArray
from fleetloop.envs.robots.car_params import CarParams

COUNT = 4
STEP_S = 0.5
"""Way-points are for 0.5, 1.0, 1.5 and 2.0 s from now."""

LOW = np.tile(np.array([-5.0, -25.0], np.float32), COUNT)
HIGH = np.tile(np.array([80.0, 25.0], np.float32), COUNT)
NAMES = tuple(f"{axis}{number + 1}_m" for number in range(COUNT) for axis in "xy")

PREVIEW_S, PREVIEW_M = 0.75, 4.5
GAIN, INTEGRAL_GAIN, INTEGRAL_LIMIT = 0.22, 0.05, 4.0
_HOLD_M_S = 0.25


def track(
    points_m: npt.NDArray[np.float32],
    speed_m_s: float,
    integral: float,
    params: CarParams,
    dt_s: float,
) -> tuple[float, float, float]:
    """Steering and pedal that lead along way-points.

    Args:
        points_m: (2 COUNT,) x and y of each in the base frame.
        speed_m_s: Along the heading.
        integral: Of the speed error so far, m.
        params: Of the car.
        dt_s: Since the last call.

    Returns:
        Steering and pedal from -1 to 1, and the new integral.
    """
    points = np.concatenate([np.zeros((1, 2)), points_m.reshape(COUNT, 2).astype(np.float64)])
    steps = np.hypot(*np.diff(points, axis=0).T)
    wanted = float(steps[:2].mean()) / STEP_S
    along = np.concatenate([[0.0], np.cumsum(steps)])
    goal = _at(points, along, max(PREVIEW_M, PREVIEW_S * speed_m_s))
    x, y = float(goal[0]) + 0.5 * params.wheelbase_m, float(goal[1])
    angle = np.arctan(2.0 * params.wheelbase_m * y / max(x * x + y * y, 1.0))
    error = wanted - speed_m_s
    integral = float(np.clip(integral + error * dt_s, -INTEGRAL_LIMIT, INTEGRAL_LIMIT))
    pedal = GAIN * error + INTEGRAL_GAIN * integral
    if wanted < _HOLD_M_S:
        integral, pedal = 0.0, min(pedal, -0.3)
    steer = float(np.clip(angle / params.max_steer_rad, -1.0, 1.0))
    return steer, float(np.clip(pedal, -1.0, 1.0)), integral


def _at(points: FloatArray, along: FloatArray, distance_m: float) -> FloatArray:
    """The point of a line at a distance; straight on beyond its end, ahead if it has no length."""
    if along[-1] < 1e-3:
        return np.array([distance_m, 0.0])
    if distance_m <= along[-1]:
        return np.array([np.interp(distance_m, along, points[:, i]) for i in range(2)])
    last = int(np.flatnonzero(np.diff(along) > 1e-6)[-1])
    forward = (points[last + 1] - points[last]) / (along[last + 1] - along[last])
    return np.asarray(points[-1] + (distance_m - along[-1]) * forward)
