"""Overlapping Allan deviation of a record, and white noise, bias instability and walk read off it.

Definitions of IEEE Std 952-1997, annex C; the overlapping estimator of Riley, "Handbook of
Frequency Stability Analysis" (NIST SP 1065, 2008), 5.2.4.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray

FLICKER_FLOOR = float(np.sqrt(2.0 * np.log(2.0) / np.pi))
"""Allan deviation of bias instability B = 1: 0.664."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllanCoefficients:
    """What a record's Allan deviation says about the noise in it, in the record's unit u.

    Attributes:
        white_u_rt_s: N: angle (velocity) random walk of a gyroscope (accelerometer).
        instability_u: B: bias instability; the floor of the curve is 0.664 B.
        walk_u_rt_hz: K: random walk of the bias.
    """

    white_u_rt_s: float
    instability_u: float
    walk_u_rt_hz: float


def allan_deviation(
    record: npt.ArrayLike, rate_hz: float, points_per_decade: int = 10
) -> tuple[FloatArray, FloatArray]:
    """Overlapping Allan deviation at averaging times spread evenly in their logarithm.

    Args:
        record: Rates (not angles), evenly sampled, (n,) or (n, channels); several channels are
            taken as independent records of the same process and averaged.
        rate_hz: Samples per second.
        points_per_decade: Averaging times per factor of ten.

    Returns:
        Averaging times (k,), seconds, from one sample to a fifth of the record; deviations (k,).

    Raises:
        ConfigError: Fewer than 10 samples.
    """
    rates = np.asarray(record, np.float64)
    rates = rates[:, None] if rates.ndim == 1 else rates
    count = rates.shape[0]
    if count < 10:
        raise ConfigError(f"An Allan deviation needs 10 samples or more, got {count}.")
    # The mean carries no information here, and without it the sums stay small.
    angle = np.zeros((count + 1, rates.shape[1]))
    np.cumsum(rates - rates.mean(axis=0), axis=0, out=angle[1:])
    largest = count // 5
    wanted = np.geomspace(1, largest, 1 + round(points_per_decade * np.log10(max(largest, 2))))
    spans = np.unique(np.rint(wanted).astype(np.int64))
    variance = np.empty(spans.size)
    for i, m in enumerate(spans):
        # Each second difference is m samples long: the difference of two neighbouring averages.
        second = angle[2 * m :] - 2.0 * angle[m:-m] + angle[: -2 * m]
        variance[i] = np.mean(np.square(second)) / (2.0 * float(m) ** 2)
    return spans / rate_hz, np.sqrt(variance)


def read_coefficients(
    tau_s: npt.ArrayLike, deviation: npt.ArrayLike, record_s: float
) -> AllanCoefficients:
    """Fits N²/tau + (2 ln 2/pi) B² + K² tau/3 to an Allan variance; no term may be negative.

    A point counts by its number of independent averages, record length over averaging time, and
    misfit is relative: the curve spans decades.

    Args:
        tau_s: Averaging times (k,), seconds.
        deviation: Allan deviations (k,).
        record_s: Length of the record, seconds.
    """
    tau = np.asarray(tau_s, np.float64)
    variance = np.square(np.asarray(deviation, np.float64))
    terms = np.stack([1.0 / tau, np.full(tau.shape, FLICKER_FLOOR**2), tau / 3.0], axis=1)
    weight = np.sqrt(record_s / tau) / variance
    squares = _least_squares_not_negative(terms * weight[:, None], variance * weight)
    n, b, k = np.sqrt(squares)
    return AllanCoefficients(white_u_rt_s=float(n), instability_u=float(b), walk_u_rt_hz=float(k))


def _least_squares_not_negative(matrix: FloatArray, target: FloatArray) -> FloatArray:
    """The best x >= 0 of min |matrix x - target|, by trying every set of terms (there are 7)."""
    columns = matrix.shape[1]
    # Columns differ by many orders of magnitude: scale them, or small ones count as zero.
    size = np.linalg.norm(matrix, axis=0)
    best, best_misfit = np.zeros(columns), float(target @ target)
    for number in range(1, columns + 1):
        for chosen in itertools.combinations(range(columns), number):
            part = list(chosen)
            solution = np.linalg.lstsq(matrix[:, part] / size[part], target, rcond=None)[0]
            misfit = matrix[:, part] / size[part] @ solution - target
            if (solution >= 0.0).all() and misfit @ misfit < best_misfit:
                best, best_misfit = np.zeros(columns), float(misfit @ misfit)
                best[part] = solution / size[part]
    return best
