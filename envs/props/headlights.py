"""Light of the headlights: each is a narrow beam for the distance and a wide one for the near.

A dipped beam is no plain spot. It is brightest just below the horizon and many times weaker
towards the ground before the bumper, so that the road is lit about evenly from a few metres
on: ECE R112 asks for at least 12 lx in the direction of the road at 50 m (point 50R, measured at
25 m), and for at most twice of what 50R has in all of zone I, the near road.
One spot of a single strength would burn out the road at the bumper and leave the distance dark.
"""

from __future__ import annotations

import numpy as np

from fleetloop.core.frames import Pose
from fleetloop.envs.trace.light import Lamp

_SIDE_M, _HEIGHT_M = 0.68, 0.68
_FAR_COLOR, _FAR_CONE_RAD, _FAR_DIP = (75.0, 73.0, 66.0), 0.20, 0.02
_NEAR_COLOR, _NEAR_CONE_RAD, _NEAR_DIP = (6.0, 5.8, 5.2), 0.75, 0.06
_FAR_RANGE_M, _NEAR_RANGE_M = 75.0, 28.0


def dipped_beams(base: Pose, nose_x_m: float) -> tuple[Lamp, ...]:
    """Both headlights of a car, dipped.

    Args:
        base: Of the car: x forward, z up.
        nose_x_m: Where its front is, in the base frame.

    Returns:
        Two lamps a side, the far beam first, along the car's x axis and turned down a little.
    """
    lamps = []
    for side in (_SIDE_M, -_SIDE_M):
        x, y, z = (float(v) for v in base.transform_points(np.array([nose_x_m, side, _HEIGHT_M])))
        for color, cone_rad, dip, range_m in (
            (_FAR_COLOR, _FAR_CONE_RAD, _FAR_DIP, _FAR_RANGE_M),
            (_NEAR_COLOR, _NEAR_CONE_RAD, _NEAR_DIP, _NEAR_RANGE_M),
        ):
            forward = base.transform_vectors(np.array([1.0, 0.0, -dip]))
            dx, dy, dz = (float(v) for v in forward / np.linalg.norm(forward))
            lamps.append(
                Lamp(position_m=(x, y, z), color=color, direction=(dx, dy, dz),
                     cone_rad=cone_rad, range_m=range_m)
            )  # fmt: skip
    return tuple(lamps)
