"""The exposure loop: it arrives, does not overshoot, rests, and keeps its limits."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.errors import ConfigError
from fleetloop.envs.sensors.exposure import (
    ExposureConfig,
    Setting,
    adapted_setting,
    divided,
    next_setting,
)

FULL_SUN_S = 2e-4


def level(light, setting):
    """Mean level of an even scene."""
    return min(light * setting.exposure_s / FULL_SUN_S * setting.gain, 1.0)


@given(light=st.floats(0.002, 4.0), start=st.floats(-6.0, 6.0))
def test_it_arrives_without_overshoot_and_rests(light, start):
    config = ExposureConfig()
    now = divided(config, FULL_SUN_S * 2.0**start, 1.0)
    levels = []
    for _ in range(60):
        levels.append(level(light, now))
        now = next_setting(config, now, levels[-1], 1.0)
    assert now.is_settled
    assert levels[-1] == pytest.approx(config.target_level, rel=0.06)
    above = [found > config.target_level for found in levels]
    assert sum(a != b for a, b in itertools.pairwise(above)) == 0, "never past the target"
    again = next_setting(config, now, levels[-1], 1.0)
    assert again == now


def test_it_does_not_hunt_in_flickering_light():
    config = ExposureConfig()
    now = adapted_setting(config, lambda product: min(0.5 * product / FULL_SUN_S, 1.0), 1.0)
    first = now
    for number in range(100):
        light = 0.5 * (1.0 + (0.08 if number % 2 else -0.08))
        now = next_setting(config, now, level(light, now), 1.0)
        assert now == first


@given(product_s=st.floats(1e-8, 10.0), room_s=st.floats(1e-3, 1.0))
def test_time_comes_before_gain(product_s, room_s):
    config = ExposureConfig()
    setting = divided(config, product_s, room_s)
    longest_s = min(config.longest_s, room_s)
    assert config.shortest_s <= setting.exposure_s <= longest_s
    assert 1.0 <= setting.gain <= config.max_gain
    if setting.gain > 1.0:
        assert setting.exposure_s == longest_s
    if config.shortest_s <= product_s <= longest_s * config.max_gain:
        assert setting.exposure_s * setting.gain == pytest.approx(product_s)


def test_a_step_is_limited():
    config = ExposureConfig(max_step_ev=0.5, adaptation=1.0)
    now = Setting(exposure_s=1e-3, gain=1.0)
    following = next_setting(config, now, 1e-6, 1.0)
    assert following.exposure_s * following.gain == pytest.approx(1e-3 * 2.0**0.5)


def test_darkness_ends_at_the_limits():
    config = ExposureConfig()
    setting = adapted_setting(config, lambda product: 0.0, 1.0)
    assert setting.exposure_s == pytest.approx(config.longest_s, rel=1e-3)
    assert setting.gain == pytest.approx(config.max_gain, rel=1e-3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"exposure_s": 0.0}, "exposure_s"),
        ({"adaptation": 1.5}, "adaptation"),
        ({"dead_band_ev": -0.1}, "dead_band_ev"),
        ({"shortest_s": 0.1, "longest_s": 0.01}, "shortest_s"),
        ({"max_gain": 0.5}, "max_gain"),
    ],
)
def test_impossible_exposures_are_told(options, said):
    with pytest.raises(ConfigError, match=said):
        ExposureConfig(**options)
