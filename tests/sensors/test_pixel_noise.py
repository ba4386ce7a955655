"""Numbers for pixels: statistics over many keys, each against its standard error."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest

from fleetloop.envs.sensors.pixel_noise import (
    new_key,
    normal_image,
    normal_pairs,
    uniform_image,
)

COUNT, KEYS = 200_000, 40


@pytest.fixture(scope="module")
def numbers():
    """(KEYS, COUNT), half of them from each of a pair."""
    rng = np.random.default_rng(11)
    return np.stack([normal_image(new_key(rng), (COUNT,)) for _ in range(KEYS)]).astype(float)


def correlation(a, b):
    """Correlations of rows, in standard errors."""
    a = (a - a.mean(axis=1, keepdims=True)) / a.std(axis=1, keepdims=True)
    b = (b - b.mean(axis=1, keepdims=True)) / b.std(axis=1, keepdims=True)
    return (a * b).mean(axis=1) * math.sqrt(a.shape[1])


def assert_standard(deviations):
    """Deviations in standard errors, one per key, must look standard normal themselves."""
    assert abs(deviations.mean()) * math.sqrt(len(deviations)) < 3.5
    assert 0.65 < deviations.std() < 1.45
    assert np.abs(deviations).max() < 4.5


def test_moments_are_those_of_a_standard_normal(numbers):
    variance = numbers.var(axis=1)
    assert_standard(numbers.mean(axis=1) * math.sqrt(COUNT))
    assert_standard((variance - 1.0) * math.sqrt(COUNT / 2))
    assert_standard((numbers**3).mean(axis=1) * math.sqrt(COUNT / 15))
    assert_standard(((numbers**4).mean(axis=1) / variance**2 - 3.0) * math.sqrt(COUNT / 24))


def test_distribution_is_normal_to_the_tails(numbers):
    pooled = np.sort(numbers.reshape(-1))
    some = pooled[:: len(pooled) // 4000]
    expected = np.array([0.5 * (1.0 + math.erf(v / math.sqrt(2.0))) for v in some])
    found = np.searchsorted(pooled, some, side="left") / len(pooled)
    # Kolmogorov-Smirnov: above 1.95 one time in a thousand.
    assert np.abs(found - expected).max() * math.sqrt(len(pooled)) < 1.95
    beyond = (np.abs(pooled) > 4.5).sum()
    expected_beyond = len(pooled) * math.erfc(4.5 / math.sqrt(2.0))
    assert abs(beyond - expected_beyond) < 4.0 * math.sqrt(expected_beyond)
    assert np.abs(pooled).max() < 6.7


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 84 * 3, 640, 640 * 3, COUNT // 2])
def test_neighbours_in_an_image_are_independent(numbers, lag):
    assert_standard(correlation(numbers[:, lag:], numbers[:, :-lag]))
    assert_standard(correlation(numbers[:, lag:] ** 2, numbers[:, :-lag] ** 2))


def test_keys_that_differ_by_one_bit_are_independent():
    rng = np.random.default_rng(5)
    rows, others = [], []
    for bit in range(64):
        key = new_key(rng)
        near = key.copy()
        near[bit // 32] ^= np.uint32(1 << (bit % 32))
        rows.append(normal_image(key, (50_000,)))
        others.append(normal_image(near, (50_000,)))
    assert_standard(correlation(np.array(rows, float), np.array(others, float)))


def test_uniform_numbers_are_even():
    drawn = uniform_image(np.array([3, 4], np.uint32), (1000, 256))
    counts, _ = np.histogram(drawn, 256, (0.0, 1.0))
    chi_square = ((counts - 1000.0) ** 2 / 1000.0).sum()
    # 255 degrees of freedom: five standard deviations are 113.
    assert abs(chi_square - 255.0) < 113.0
    assert 0.0 <= drawn.min() <= drawn.max() < 1.0


def test_one_pixel_can_be_had_alone():
    key = np.array([1, 2], np.uint32)
    whole, part = normal_pairs(key, 1000), normal_pairs(key, 10)
    assert np.array_equal(whole[0][:10], part[0])
    assert np.array_equal(whole[1][:10], part[1])


def test_the_bytes_of_a_key_never_change():
    """No maths library has a part in them, so this digest holds on every machine."""
    image = normal_image(np.array([20, 26], np.uint32), (64, 64))
    assert hashlib.sha256(image.tobytes()).hexdigest()[:16] == "0edd9d40e024e534"
