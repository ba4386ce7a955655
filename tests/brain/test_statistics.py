"""Intervals and tests against their closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fleetloop.agents.statistics import Z95, bootstrap_mean, mcnemar, wilson
from fleetloop.core.errors import ConfigError


def test_wilson_solves_its_own_equation():
    # The ends are where the normal test of the proportion just holds: |p - x| = z sqrt(x(1-x)/n).
    for wins, trials in ((0, 10), (3, 10), (40, 80), (80, 80)):
        found = wilson(wins, trials)
        for end in {found.low, found.high} - {0.0, 1.0}:
            gap = abs(found.value - end)
            assert gap == pytest.approx(Z95 * math.sqrt(end * (1 - end) / trials), abs=1e-9)


def test_wilson_of_known_cases():
    assert wilson(0, 10).high == pytest.approx(0.2775, abs=5e-5)
    assert wilson(76, 80).low == pytest.approx(0.8784, abs=5e-4)
    assert wilson(0, 0) == type(wilson(0, 0))(0.0, 0.0, 1.0)
    assert wilson(5, 5).high == 1.0
    assert wilson(3, 12).low == pytest.approx(1.0 - wilson(9, 12).high)


def test_exact_mcnemar_is_the_binomial():
    before = np.array([1] * 2 + [0] * 12 + [1] * 6, bool)
    after = np.array([0] * 2 + [1] * 10 + [0] * 2 + [1] * 6, bool)
    found = mcnemar(before, after)
    assert (found.gained, found.lost, found.both, found.neither) == (10, 2, 6, 2)
    assert found.p == pytest.approx(2 * (1 + 12 + 66) / 2**12)
    assert found.difference == pytest.approx(8 / 20)
    assert mcnemar(before, before).p == 1.0
    assert mcnemar(after, before).p == found.p


def test_a_bootstrap_of_single_values_is_near_the_normal_interval():
    values = np.random.default_rng(1).normal(3.0, 2.0, 400)
    found = bootstrap_mean(values.tolist(), [str(n) for n in range(400)], draws=4000)
    half = Z95 * values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * half, rel=0.1)


def test_copies_within_a_cluster_make_nothing_surer():
    values = [0.0, 1.0, 1.0, 0.0, 1.0]
    alone = bootstrap_mean(values, list("abcde"))
    copied = bootstrap_mean(values * 50, list("abcde") * 50)
    assert (copied.low, copied.high) == (alone.low, alone.high)
    spread = bootstrap_mean(values * 50, [str(n) for n in range(250)])
    assert spread.high - spread.low < 0.5 * (alone.high - alone.low)


def test_bad_numbers_are_refused():
    with pytest.raises(ConfigError, match="3 successes of 2"):
        wilson(3, 2)
    with pytest.raises(ConfigError, match="1 values in 2 clusters"):
        bootstrap_mean([1.0], ["a", "b"])
    with pytest.raises(ConfigError, match="pair them"):
        mcnemar([True], [True, False])
