"""Ghosts of a radar: targets seen once more behind a wall or a guard rail that mirrors them.

A wave that goes sensor - wall - target - wall - sensor arrives from where the mirror image of the
target stands, with the image's radial speed, weakened by the two reflections [Kamann et al. 2018,
"Automotive radar multipath propagation in uncertain environments"]. The image is found from what
the rays have hit: a surface is a mirror for a target if the ray towards the image meets it there.
Whether something stands between wall and target is not traced. Walls are taken for upright.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import FloatArray

_UPRIGHT = 0.3
"""Largest vertical part of an upright wall's normal."""

_DULLEST = 0.05
"""Surfaces that reflect less than this do not mirror."""


class Surfaces(NamedTuple):
    """What some rays have hit, (n, 3) and (n,), axes of the sensor; velocities are absolute."""

    point_m: FloatArray
    normal: FloatArray
    velocity_m_s: FloatArray
    reflectivity: FloatArray
    instance: npt.NDArray[np.int64]


class Ghosts(NamedTuple):
    """Mirror images, (k, 3) and (k,): of which target, where, how fast, how much is left."""

    target: npt.NDArray[np.int64]
    point_m: FloatArray
    velocity_m_s: FloatArray
    kept: FloatArray


def mirror(targets: Surfaces, walls: Surfaces, step_rad: float) -> Ghosts:
    """The best mirror image of each target, where there is one.

    Args:
        targets: Strong echoes.
        walls: One surface per column of rays, `step_rad` apart in azimuth.
        step_rad: How far the ray towards an image may pass by the image's azimuth.
    """
    none = np.zeros(0)
    empty = Ghosts(np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros((0, 3)), none)
    good = (np.abs(walls.normal[:, 2]) < _UPRIGHT) & (walls.reflectivity >= _DULLEST)
    walls = Surfaces._make(values[good] for values in walls)
    if len(targets.reflectivity) == 0 or len(walls.reflectivity) == 0:
        return empty
    before = np.einsum("twk,wk->tw", targets.point_m[:, None] - walls.point_m[None], walls.normal)
    image = targets.point_m[:, None] - 2.0 * before[..., None] * walls.normal[None]
    toward = np.arctan2(image[..., 1], image[..., 0])
    azimuth = np.arctan2(walls.point_m[:, 1], walls.point_m[:, 0])
    miss = np.abs(np.angle(np.exp(1j * (toward - azimuth[None]))))
    wall_m = np.linalg.norm(walls.point_m[:, :2], axis=1)
    behind = np.linalg.norm(image[..., :2], axis=2) > wall_m[None]
    possible = (before > 0.05) & behind & (miss <= step_rad)
    possible &= targets.instance[:, None] != walls.instance[None]
    best = np.argmin(np.where(possible, miss, np.inf), axis=1)
    target = np.flatnonzero(possible[np.arange(len(best)), best])
    wall = best[target]
    normal = walls.normal[wall]
    relative = targets.velocity_m_s[target] - walls.velocity_m_s[wall]
    along = np.sum(relative * normal, axis=1)[:, None]
    velocity = targets.velocity_m_s[target] - 2.0 * along * normal
    return Ghosts(target, image[target, wall], velocity, walls.reflectivity[wall] ** 2)
