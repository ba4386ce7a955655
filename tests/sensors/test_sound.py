"""Sound in air against the tables of ISO 9613-1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.errors import ConfigError
from fleetloop.envs.sensors.sound import absorption_db_m, speed_of_sound_m_s


@pytest.mark.parametrize(
    ("temperature_c", "expected"), [(-20.0, 318.9), (0.0, 331.3), (20.0, 343.2), (40.0, 354.7)]
)
def test_speed_of_sound(temperature_c, expected):
    assert speed_of_sound_m_s(temperature_c) == pytest.approx(expected, abs=0.15)


@pytest.mark.parametrize(
    ("frequency_hz", "db_km"),
    # ISO 9613-1:1993, table 1, 20 degrees Celsius, 50 % humidity, exact midband frequencies.
    [(1000.0, 4.66), (1995.26, 9.86), (3981.07, 29.4), (7943.28, 104.0)],
)
def test_absorption_is_that_of_the_standards_table(frequency_hz, db_km):
    assert 1e3 * absorption_db_m(frequency_hz, 20.0, 0.5) == pytest.approx(db_km, rel=0.02)


def test_at_48_khz_a_metre_costs_more_than_a_decibel():
    assert 1.0 < absorption_db_m(48_000.0, 20.0, 0.5) < 2.0


@given(
    frequency_hz=st.floats(100.0, 100_000.0), temperature_c=st.floats(-20.0, 45.0),
    humidity=st.floats(0.1, 1.0),
)  # fmt: skip
def test_absorption_is_positive_and_grows_with_frequency(frequency_hz, temperature_c, humidity):
    low = absorption_db_m(frequency_hz, temperature_c, humidity)
    assert 0.0 < low < absorption_db_m(1.5 * frequency_hz, temperature_c, humidity)


def test_frozen_air_is_refused():
    with pytest.raises(ConfigError, match="not possible"):
        speed_of_sound_m_s(-273.2)
