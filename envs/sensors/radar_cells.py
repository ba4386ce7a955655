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
    cells = _binned(echoes, resolution)
    cells = _taken(cells, cells.snr >= _FAINT * needed(cells.range_m, cells.azimuth_sine))
    cells = _taken(cells, np.lexsort((cells.ray, -cells.snr)))
    place = np.stack(
        [
            cells.range_m / resolution.range_m,
            cells.azimuth_sine / resolution.azimuth_sine,
            cells.speed_m_s / resolution.speed_m_s,
        ],
        axis=1,
    )
    left = np.ones(len(place), bool)
    found: list[tuple[float, float, float, float, int]] = []
    while len(found) < limit and bool(left.any()):
        seed = int(np.argmax(left))
        near = left & (np.abs(place - place[seed]) < 1.0).all(axis=1)
        left &= ~near
        energy = cells.snr[near]
        total = float(energy.sum())
        means = [float((values[near] * energy).sum() / total) for values in cells[:3]]
        found.append((means[0], means[1], means[2], total, int(cells.ray[seed])))
    columns = np.array(found, np.float64).reshape(-1, 5).T
    return Scatterers(columns[0], columns[1], columns[2], columns[3], columns[4].astype(np.int64))


def _binned(echoes: Scatterers, resolution: Resolution) -> Scatterers:
    """Sums over cells of half a resolution; empty cells do not occur."""
    if len(echoes.snr) == 0:
        return echoes
    steps = [
        np.floor(values / (0.5 * size)).astype(np.int64)
        for values, size in zip(echoes[:3], resolution, strict=True)
    ]
    key = np.zeros(len(echoes.snr), np.int64)
    for step in steps:
        key = key * (int(step.max()) - int(step.min()) + 1) + step - int(step.min())
    _, cell = np.unique(key, return_inverse=True)
    snr = np.asarray(np.bincount(cell, echoes.snr), np.float64)
    means = [np.bincount(cell, values * echoes.snr) / snr for values in echoes[:3]]
    # Sorted by energy, the last ray of a cell is its strongest.
    order = np.lexsort((echoes.snr, cell))
    last = np.append(np.flatnonzero(np.diff(cell[order])), len(order) - 1)
    return Scatterers(means[0], means[1], means[2], snr, echoes.ray[order[last]])


def _taken(echoes: Scatterers, which: npt.NDArray[np.generic]) -> Scatterers:
    return Scatterers._make(values[which] for values in echoes)
