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

Image = npt.NDArray[np.float32]

ReturnMode = Literal["strongest", "first", "last", "dual"]
"""Which echo of a beam is reported. `dual` is the strongest and, as the second, the last; if these
are one, the second is the second strongest [Velodyne VLP-16 user manual 63-9243, 6.2]."""

RETURN_MODES: tuple[str, ...] = get_args(ReturnMode)

NO_RANGE_M = np.float32(1e9)


class Echoes(NamedTuple):
    """Echoes of all beams, from near to far, (n, ...) each; power 0 where there are fewer."""

    range_m: Image
    power: Image
    source: npt.NDArray[np.int64]  # the contribution that gave most of the power


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
        range_m: (n, ...) of each contribution, in any order.
        power: (n, ...), 0 where there is nothing.
        separation_m: Contributions nearer to each other than this are one echo.
    """
    if len(range_m) == 1:
        return Echoes(range_m, power, np.zeros(range_m.shape, np.int64))
    placed = np.where(power > 0.0, range_m, NO_RANGE_M)
    order = np.argsort(placed, axis=0, kind="stable")
    placed = np.take_along_axis(placed, order, axis=0)
    light = np.take_along_axis(power, order, axis=0)
    number = np.zeros(placed.shape, np.int64)
    np.cumsum(np.diff(placed, axis=0) > np.float32(separation_m), axis=0, out=number[1:])
    joined = Echoes(np.zeros_like(placed), np.zeros_like(light), np.zeros_like(number))
    for echo in range(len(placed)):
        mine = np.where(number == echo, light, np.float32(0.0))
        total = mine.sum(axis=0)
        mean = (mine * placed).sum(axis=0) / np.where(total > 0.0, total, 1.0)
        joined.power[echo], joined.range_m[echo] = total, mean
        strongest = np.argmax(mine, axis=0)[None]
        joined.source[echo] = np.take_along_axis(order, strongest, axis=0)[0]
    return joined


def choose_echoes(
    power: Image, seen: npt.NDArray[np.bool_], mode: ReturnMode
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Which echoes are reported.

    Args:
        power: (n, ...) of echoes from near to far.
        seen: (n, ...) which of them passed the threshold.
        mode: See `ReturnMode`.

    Returns:
        Index of the first report (...), of the second (...), and whether there is a second. The
        first index is 0 where nothing was seen.
    """
    count = len(power)
    first_seen = np.argmax(seen, axis=0)
    last_seen = count - 1 - np.argmax(seen[::-1], axis=0)
    last_seen = np.where(seen.any(axis=0), last_seen, 0)
    visible = np.where(seen, power, np.float32(-1.0))
    strongest = np.argmax(visible, axis=0)
    none = np.zeros(strongest.shape, bool)
    if mode == "first":
        return first_seen, first_seen, none
    if mode == "last":
        return last_seen, last_seen, none
    if mode == "strongest":
        return strongest, strongest, none
    rest = visible.copy()
    np.put_along_axis(rest, strongest[None], np.float32(-1.0), axis=0)
    second = np.where(last_seen != strongest, last_seen, np.argmax(rest, axis=0))
    return strongest, second, seen.sum(axis=0) >= 2
