"""From the light that comes back in one pulse to the echoes that a receiver tells apart.

A beam lights a spot, not a point: at an edge a part of it goes on to what is behind. The spot is
sampled by sub-rays that share its energy; fog and drops add light of their own. What arrives within
`separation_m` of its neighbour in range is one echo, at the mean range weighted by power: so an
edge gives two echoes if it is deep enough, and else one between them (a mixed pixel).
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.envs.sensors.echo_kernels import pick, separate

Image = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

ReturnMode = Literal["strongest", "first", "last", "dual"]
"""Which echo of a beam is reported. `dual` is the strongest and, as the second, the last; if these
are one, the second is the second strongest [Velodyne VLP-16 user manual 63-9243, 6.2]."""

RETURN_MODES: tuple[str, ...] = get_args(ReturnMode)


class Echoes(NamedTuple):
    """Echoes of all beams end to end: those of ray i are `begin[i]` to `begin[i + 1]`.

    Within a ray they go from near to far. `source` is the contribution that gave most of an echo.
    """

    begin: IntArray
    range_m: Image
    power: Image
    source: npt.NDArray[np.int32]


def sub_rays(count: int) -> npt.NDArray[np.float64]:
    """Points that share the unit disc evenly, (count, 2): a centre and rings of 6, 12, ... points.

    Each stands for the same area: ring k lies at the radius that halves the area of its annulus.

    Raises:
        ConfigError: `count` is none of 1, 7, 19, 37.
    """
    rings = {1: 0, 7: 1, 19: 2, 37: 3}
    if count not in rings:
        raise ConfigError(f"A beam of {count} sub-rays is not possible: use 1, 7, 19 or 37.")
    points = [(0.0, 0.0)]
    for ring in range(1, rings[count] + 1):
        inside = 1 + 3 * ring * (ring - 1)
        radius = math.sqrt((inside + 3 * ring) / count)
        angles = 2.0 * math.pi * (np.arange(6 * ring) + 0.5 * (ring % 2)) / (6 * ring)
        points += [(radius * math.cos(angle), radius * math.sin(angle)) for angle in angles]
    return np.array(points)


def group_echoes(range_m: Image, power: Image, separation_m: float) -> Echoes:
    """Joins contributions to echoes.

    Args:
        range_m: (n, rays) of each contribution, in any order.
        power: (n, rays), 0 where there is nothing.
        separation_m: Contributions nearer to each other than this are one echo.
    """
    count, rays = power.shape
    # Room for the worst case; pages that are not touched cost nothing.
    begin = np.zeros(rays + 1, np.int64)
    echo_m, light = np.empty(count * rays, np.float32), np.empty(count * rays, np.float32)
    source = np.empty(count * rays, np.int32)
    total = separate(range_m, power, np.float32(separation_m), begin, echo_m, light, source)
    return Echoes(begin, echo_m[:total], light[:total], source[:total])


def choose_echoes(
    begin: IntArray, light: Image, alive: npt.NDArray[np.bool_], threshold: float, mode: ReturnMode
) -> tuple[IntArray, IntArray]:
    """Which echoes are reported.

    Args:
        begin: Of `Echoes`.
        light: (echoes,) power with speckle.
        alive: (rays,), whether a ray's detector works.
        threshold: Echoes below it are not seen.
        mode: See `ReturnMode`.

    Returns:
        Place of the first report of each ray among the echoes (rays,), and of the second; -1 where
        there is none. Only `dual` has second ones.
    """
    rays = len(begin) - 1
    first, second = np.empty(rays, np.int64), np.empty(rays, np.int64)
    pick(begin, light, alive, np.float32(threshold), RETURN_MODES.index(mode), first, second)
    return first, second
