"""How sure a measured rate or difference is: pure functions with closed forms.

* Wilson's interval of a proportion [Wilson 1927, "Probable inference, the law of succession, and
  statistical inference"];
* the bootstrap over clusters, since episodes in one town are alike [Field and Welsh 2007,
  "Bootstrapping clustered data"];
* McNemar's exact test of two runs over the same cases [McNemar 1947, "Note on the sampling error
  of the difference between correlated proportions or percentages"].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.rng import child_generator

Z95 = 1.959963984540054
"""97.5 % point of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and the interval that holds it at the stated confidence."""

    value: float
    low: float
    high: float


def wilson(successes: int, trials: int, z: float = Z95) -> Interval:
    """A proportion with Wilson's score interval; no trials know nothing: 0 to 1.

    Raises:
        ConfigError: More successes than trials, or negative numbers.
    """
    if not 0 <= successes <= trials:
        raise ConfigError(f"{successes} successes of {trials} trials are not possible.")
    if trials == 0:
        return Interval(0.0, 0.0, 1.0)
    p = successes / trials
    scale = 1.0 / (1.0 + z * z / trials)
    middle = scale * (p + z * z / (2.0 * trials))
    half = scale * z * math.sqrt(p * (1.0 - p) / trials + z * z / (4.0 * trials * trials))
    # At the ends rounding would leave the interval a hair's breadth short of the proportion.
    return Interval(p, min(max(0.0, middle - half), p), max(min(1.0, middle + half), p))


def bootstrap_mean(
    values: Sequence[float],
    clusters: Sequence[str],
    *,
    seed: int = 0,
    draws: int = 2000,
    confidence: float = 0.95,
) -> Interval:
    """A mean with its percentile interval; whole clusters are drawn with replacement.

    Args:
        values: One an episode.
        clusters: Such as the town that each episode was in.
        seed: Of the draws.
        draws: How many.
        confidence: Part of draws within the interval.

    Raises:
        ConfigError: No values, or another number of clusters.
    """
    if not values or len(values) != len(clusters):
        raise ConfigError(
            f"{len(values)} values in {len(clusters)} clusters: pass one cluster a value."
        )
    array = np.asarray(values, np.float64)
    names = sorted(set(clusters))
    member = np.array([names.index(name) for name in clusters])
    sums = np.bincount(member, weights=array, minlength=len(names))
    counts = np.bincount(member, minlength=len(names))
    generator = child_generator(seed, "bootstrap")
    drawn = generator.integers(0, len(names), (draws, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    tail = 0.5 * (1.0 - confidence)
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return Interval(float(array.mean()), float(low), float(high))


@dataclass(frozen=True, slots=True)
class Paired:
    """Two runs over the same cases.

    Attributes:
        gained: Cases that only the second did.
        lost: Cases that only the first did.
        both: Cases that both did.
        neither: Cases that neither did.
        p: Two-sided probability of so uneven a split if the runs were alike.
    """

    gained: int
    lost: int
    both: int
    neither: int
    p: float

    @property
    def difference(self) -> float:
        """Success of the second less that of the first."""
        total = self.gained + self.lost + self.both + self.neither
        return (self.gained - self.lost) / total if total else 0.0


def mcnemar(before: npt.ArrayLike, after: npt.ArrayLike) -> Paired:
    """McNemar's exact test, by the binomial distribution of the cases that changed.

    Args:
        before, after: Success of each case, (n,) booleans, in the same order.

    Raises:
        ConfigError: Other numbers of cases.
    """
    first, second = np.asarray(before, np.bool_), np.asarray(after, np.bool_)
    if first.shape != second.shape or first.ndim != 1:
        raise ConfigError(
            f"The runs have {first.shape} and {second.shape} cases: pair them by their case first."
        )
    gained = int((second & ~first).sum())
    lost = int((first & ~second).sum())
    changed, fewer = gained + lost, min(gained, lost)
    tail = sum(math.comb(changed, k) for k in range(fewer + 1)) / 2**changed
    return Paired(
        gained=gained,
        lost=lost,
        both=int((first & second).sum()),
        neither=int((~first & ~second).sum()),
        p=min(1.0, 2.0 * tail),
    )
