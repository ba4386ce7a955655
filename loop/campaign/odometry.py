"""Where a robot got to by its own sensors alone: labels from the future without a simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.config import from_json

Vector = npt.NDArray[np.float64]

MOTION_S = 0.5
STOP_S = 2.0
_STANDS_M_S = 0.3


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Future:
    """What odometry says about the time after each row.

    Attributes:
        forward_m, turn_rad: Motion in the next half second, (n,).
        known: Whether the clip reaches so far, (n,).
        now_forward_m, now_turn_rad: The same if speed and turning stayed as they are: what can be
            said without looking into the future.
        stops: Whether it stands within two seconds, (n,).
        stop_known: Whether it moves now and the clip reaches so far, (n,).
    """

    forward_m: Vector
    turn_rad: Vector
    known: npt.NDArray[np.bool_]
    now_forward_m: Vector
    now_turn_rad: Vector
    stops: npt.NDArray[np.bool_]
    stop_known: npt.NDArray[np.bool_]


def odometry(
    rows: Mapping[str, npt.NDArray[Any]], spec: Mapping[str, Any]
) -> tuple[Vector, Vector] | None:
    """Speed (m/s) and turning rate (rad/s) by wheels and gyroscope, (n,) each.

    None for a body without wheels.
    """
    from fleetloop.agents.brain.inputs import InputSpec

    inputs = from_json(InputSpec, spec)
    if not len(rows["task"]):
        return None
    task = inputs.tasks[int(rows["task"][0])]
    columns: dict[str, npt.NDArray[Any]] = {}
    place = 0
    for entry in task.proprioception:
        columns[entry.key] = rows["proprioception"][:, place : place + entry.size]
        place += entry.size
    wheels = [array for key, array in columns.items() if key.endswith("/speed_m_s")]
    gyro = [array for key, array in columns.items() if key.endswith("/angular_rate_rad_s")]
    if not wheels or not gyro:
        return None
    return wheels[0].mean(axis=1).astype(np.float64), gyro[0][:, 2].astype(np.float64)


def future_motion(t_s: Vector, speed_m_s: Vector, turn_rad_s: Vector) -> Future:
    """Adds up odometry over the time after each row, by the trapezoidal rule.

    Args:
        t_s, speed_m_s, turn_rad_s: (n,), n >= 2.
    """
    gap_s = np.diff(t_s)
    yaw = _summed(turn_rad_s, gap_s)
    x = _summed(speed_m_s * np.cos(yaw), gap_s)
    y = _summed(speed_m_s * np.sin(yaw), gap_s)
    later = np.searchsorted(t_s, t_s + MOTION_S - 1e-6)
    known = later < len(t_s)
    after = np.minimum(later, len(t_s) - 1)
    dx, dy = x[after] - x, y[after] - y
    lasts_s = t_s[after] - t_s
    stands = np.abs(speed_m_s) < _STANDS_M_S
    until = np.searchsorted(t_s, t_s + STOP_S + 1e-6)
    stood = np.concatenate([[0], np.cumsum(stands)])
    stops = stood[until] - stood[np.minimum(np.arange(len(t_s)) + 1, len(t_s))] > 0
    whole = t_s[-1] >= t_s + STOP_S - 1e-6
    return Future(
        forward_m=np.cos(yaw) * dx + np.sin(yaw) * dy,
        turn_rad=yaw[after] - yaw,
        known=known,
        now_forward_m=speed_m_s * lasts_s,
        now_turn_rad=turn_rad_s * lasts_s,
        stops=stops,
        stop_known=(np.abs(speed_m_s) > 2.0 * _STANDS_M_S) & (stops | whole),
    )


def _summed(rate: Vector, gap_s: Vector) -> Vector:
    return np.concatenate([[0.0], np.cumsum(0.5 * (rate[1:] + rate[:-1]) * gap_s)])
