"""What a radar can tell apart: scatterers become detections by range, azimuth and Doppler at once.

The strongest cell is taken first and swallows all that lies within one resolution of it in all
three; then the strongest of what is left, and so on: the order of CLEAN [Hogbom 1974, "Aperture
synthesis with a non-regular distribution of interferometer baselines"]. So two echoes that are
nearer than a resolution cell always merge, at their mean weighted by energy, and echoes that are
further apart in one of the three never do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import FloatArray
from fleetloop.envs.sensors.radar_kernels import sum_cells, swallow

IntArray = npt.NDArray[np.int64]

_FAINT = 1.0 / 16.0
"""Cells below this part of what is needed never matter, even side by side."""


class Scatterers(NamedTuple):
    """Echoes, (n,) each; `snr` is a ratio of powers."""

    range_m: FloatArray
    azimuth_sine: FloatArray
    speed_m_s: FloatArray
    snr: FloatArray
    ray: IntArray  # the ray that it came by; for a merged one, the strongest


class Resolution(NamedTuple):
    """Distances at which two echoes are told apart."""

    range_m: float
    azimuth_sine: float
    speed_m_s: float


def resolve(
    echoes: Scatterers,
    resolution: Resolution,
    needed: Callable[[FloatArray, FloatArray], FloatArray],
    limit: int,
) -> Scatterers:
    """Joins scatterers to at most `limit` separate echoes, the strongest seed first.

    Args:
        echoes: In any order.
        resolution: What the radar tells apart.
        needed: From range and sine of azimuth to the signal over noise that a detection needs;
            what is far below it is left out.
        limit: Of the number of echoes.
    """
    boxes = empty_scatterers(len(echoes.snr))
    count = sum_cells(echoes, 0.5 * np.array(resolution), boxes)
    cells = _taken(boxes, np.arange(count))
    cells = _taken(cells, cells.snr >= _FAINT * needed(cells.range_m, cells.azimuth_sine))
    cells = _taken(cells, np.lexsort((cells.ray, -cells.snr)))
    found = empty_scatterers(min(limit, len(cells.snr)))
    count = swallow(cells, np.array(resolution), limit, found)
    return _taken(found, np.arange(count))


def empty_scatterers(room: int) -> Scatterers:
    """Arrays to be written."""
    range_m, sine, speed, snr = np.empty((4, room))
    return Scatterers(range_m, sine, speed, snr, np.empty(room, np.int64))


def _taken(echoes: Scatterers, which: npt.NDArray[np.generic]) -> Scatterers:
    return Scatterers._make(values[which] for values in echoes)
