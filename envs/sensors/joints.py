"""Which joints a sensor reads: named in its config, looked up in the robot."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray
from fleetloop.envs.sensors.base import RobotState


def check_joints(joints: tuple[str, ...], sensor: str) -> None:
    """Refuses an empty list, and one that names a joint twice.

    Raises:
        ConfigError: As said.
    """
    if not joints:
        raise ConfigError(f"The sensor {sensor!r} reads no joints: name them in `joints`.")
    if len(set(joints)) != len(joints):
        raise ConfigError(f"The sensor {sensor!r} names a joint twice: {', '.join(joints)}.")


def joint_indices(robot: RobotState, joints: tuple[str, ...], sensor: str) -> npt.NDArray[np.intp]:
    """Positions of the named joints in the robot's arrays, (n,).

    Raises:
        ConfigError: The robot lacks one; the message lists what it has.
    """
    return _indices(robot.joint_names, joints, sensor)


@lru_cache(maxsize=256)
def _indices(names: tuple[str, ...], joints: tuple[str, ...], sensor: str) -> npt.NDArray[np.intp]:
    where = {name: index for index, name in enumerate(names)}
    missing = [name for name in joints if name not in where]
    if missing:
        raise ConfigError(
            f"The sensor {sensor!r} reads the joint {missing[0]!r}, which the robot lacks. It has: "
            f"{', '.join(names) or 'no joints'}."
        )
    return np.array([where[name] for name in joints], np.intp)


def play(output: FloatArray, drive: FloatArray, width: float) -> FloatArray:
    """Backlash: what is behind a gap of `width` moves only when the gap is used up.

    The play operator y' = min(max(y, x - width/2), x + width/2) [Visintin 1994, "Differential
    Models of Hysteresis", III.2].

    Args:
        output: Positions behind the gap until now, (n,).
        drive: Positions before the gap now, (n,).
        width: Whole width of the gap.
    """
    return np.minimum(np.maximum(output, drive - width / 2.0), drive + width / 2.0)
