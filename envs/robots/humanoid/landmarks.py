"""The humanoid's own key points: COCO's seventeen, each in the frame of the link that carries it.

Limbs' points are the joints, which link frames begin at, so they are exact at every posture. Eyes
are where the head cameras sit, ears the middles of the discs at the sides of the skull.
"""

from __future__ import annotations

from collections.abc import Mapping

from fleetloop.envs.robots.humanoid.links import SIDES
from fleetloop.envs.robots.humanoid.params import HumanoidParams

EYES_M = 0.064
"""Distance of the two head cameras: that of human eyes."""

_EYE_AHEAD_M, _EYE_ABOVE_M = 0.12, 0.02
_EAR_BACK_M, _EAR_SIDE_M = 0.01, 0.082
_NOSE_AHEAD, _NOSE_BELOW = 0.95, 0.2  # of the head's radius: on the face plate

_JOINTS = {
    "shoulder": "upper_arm", "elbow": "forearm", "wrist": "hand", "hip": "thigh", "knee": "shank",
    "ankle": "foot",
}  # fmt: skip

Point = tuple[float, float, float]


def eye_m(params: HumanoidParams, side_m: float) -> Point:
    """Where a head camera sits, in the frame of the head, so far to the left of its middle."""
    return (_EYE_AHEAD_M, side_m, params.head_height_m + _EYE_ABOVE_M)


def landmarks_m(params: HumanoidParams) -> Mapping[str, Mapping[str, Point]]:
    """Key points in the frames of links, by link and name."""
    p = params
    head: dict[str, Point] = {
        "nose": (
            _NOSE_AHEAD * p.head_radius_m, 0.0, p.head_height_m - _NOSE_BELOW * p.head_radius_m,
        ),
    }  # fmt: skip
    found: dict[str, dict[str, Point]] = {"head": head}
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        head[f"{side}_eye"] = eye_m(p, 0.5 * sign * EYES_M)
        head[f"{side}_ear"] = (-_EAR_BACK_M, sign * _EAR_SIDE_M, p.head_height_m)
        for point, link in _JOINTS.items():
            found[f"{side}_{link}"] = {f"{side}_{point}": (0.0, 0.0, 0.0)}
    return found
