"""Randomness is named: what is drawn for one purpose never shifts another."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.errors import ConfigError
from fleetloop.core.rng import (
    MAX_SEED,
    child_generator,
    child_seed,
    generator_state,
    restore_generator,
)

seeds = st.integers(0, MAX_SEED)
names = st.lists(st.text(max_size=8) | st.integers(), min_size=1, max_size=3)


@given(seeds, names)
def test_one_name_one_stream(seed, name):
    first, second = child_generator(seed, *name), child_generator(seed, *name)
    np.testing.assert_array_equal(first.random(8), second.random(8))
    assert 0 <= child_seed(seed, *name) <= MAX_SEED


@given(seeds, names, names)
def test_other_names_other_streams(seed, a, b):
    key = [(type(part).__name__, part) for part in a]
    if key == [(type(part).__name__, part) for part in b]:
        return
    assert (child_generator(seed, *a).random(4) != child_generator(seed, *b).random(4)).any()


@given(seeds, seeds)
def test_other_seeds_other_streams(a, b):
    if a != b:
        assert (child_generator(a, "x").random(4) != child_generator(b, "x").random(4)).any()


def test_names_do_not_run_together():
    a = child_generator(1, "ab", "c").random(4)
    b = child_generator(1, "a", "bc").random(4)
    c = child_generator(1, "1").random(4)
    d = child_generator(1, 1).random(4)
    e = child_generator(1, "a", "b").random(4)
    f = child_generator(1, "astr:b").random(4)
    assert (a != b).any()
    assert (c != d).any()
    assert (e != f).any()


def test_streams_are_even_and_unrelated():
    # 200 neighbouring seeds: means of a thousand draws spread as independent ones do.
    drawn = np.array([child_generator(seed, "noise").random(1000) for seed in range(200)])
    assert abs(drawn.mean() - 0.5) < 4 * np.sqrt(1 / 12 / drawn.size)
    between = np.corrcoef(drawn)[np.triu_indices(200, 1)]
    assert np.abs(between).max() < 6 / np.sqrt(1000)


@given(seeds, st.integers(0, 50))
def test_a_restored_generator_goes_on_as_it_would_have(seed, used):
    generator = child_generator(seed, "x")
    generator.normal(size=used)
    state = generator_state(generator)
    after = generator.normal(size=5)
    restore_generator(generator, state)
    np.testing.assert_array_equal(generator.normal(size=5), after)


def test_streams_are_the_same_in_every_process():
    code = (
        "from fleetloop.core.rng import child_generator as g;"
        "print(g(7, 'sensor', 'front', 2).integers(0, 2**62, 3).tolist())"
    )
    here = child_generator(7, "sensor", "front", 2).integers(0, 2**62, 3).tolist()
    for hash_seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": hash_seed},
        )
        assert done.stdout.strip() == str(here)


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1, 1.5, "1", True, None])
def test_bad_seeds_are_refused(seed):
    with pytest.raises(ConfigError, match="seed"):
        child_generator(seed, "x")


def test_a_stream_needs_a_name():
    with pytest.raises(ConfigError, match="name"):
        child_generator(1)
