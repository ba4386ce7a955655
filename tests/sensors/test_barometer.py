from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.envs.sensors import barometer
from fleetloop.envs.sensors.barometer import Barometer, BarometerConfig
from fleetloop.envs.sensors.base import Surroundings
from fleetloop.envs.sensors.noise import ChannelErrors

CLEAN = BarometerConfig(name="baro", errors=ChannelErrors(), temperature_sd_c=0.0)


@given(st.floats(-4_900.0, 10_900.0))
@settings(max_examples=200, deadline=None)
def test_altitude_round_trips(height):
    assert barometer.altitude_from(barometer.pressure_at(height)) == pytest.approx(height, abs=1e-6)


@pytest.mark.parametrize(
    ("height_m", "pressure_pa"),
    [(0, 101_325.0), (1000, 89_874.6), (5000, 54_019.9), (11000, 22632)],
)
def test_it_is_the_standard_atmosphere(height_m, pressure_pa):
    # ISO 2533:1975, table 5.
    assert barometer.pressure_at(height_m) == pytest.approx(pressure_pa, rel=2e-5)


def test_pressure_balances_the_weight_of_the_air():
    """dp/dh = -rho g, with the ideal gas law."""
    for height in (0.0, 500.0, 3000.0):
        slope = (barometer.pressure_at(height + 0.5) - barometer.pressure_at(height - 0.5)) / 1.0
        temperature = barometer.STANDARD_TEMPERATURE_K - barometer.LAPSE_K_M * height
        density = barometer.pressure_at(height) / (barometer.GAS_CONSTANT_J_KG_K * temperature)
        assert slope == pytest.approx(-density * barometer.GRAVITY_M_S2, rel=1e-6)


def test_a_clean_sensor_tells_the_height_in_standard_weather(body_capture, record):
    data = record(Barometer(CLEAN), [body_capture(pose=Pose.of(z_m=120.0), mount=Pose.of(z_m=1.5))])
    assert data["altitude_m"][0] == pytest.approx(121.5, abs=0.01)
    assert data["temperature_c"][0] == pytest.approx(15.0 - 0.0065 * 121.5, abs=1e-4)


def test_weather_shows_as_an_offset(body_capture, record):
    low = Surroundings(pressure_pa=100_000.0)
    data = record(Barometer(CLEAN), [body_capture(surroundings=low)])
    assert data["pressure_pa"][0] == 100_000.0
    assert data["altitude_m"][0] == pytest.approx(110.9, abs=0.1)


def test_speed_leaks_in_by_the_dynamic_pressure(body_capture, record):
    config = replace(CLEAN, dynamic_pressure=-0.2)
    still, fast = (
        record(Barometer(config), [body_capture(velocity=(speed, 0, 0))])["pressure_pa"][0]
        for speed in (0.0, 30.0)
    )
    assert fast - still == pytest.approx(-0.2 * 0.5 * 1.225 * 30.0**2, abs=0.02)


def test_noise_of_the_part_and_its_steps(body_capture, record):
    sensor = Barometer(BarometerConfig(name="baro", rate_hz=25.0))
    data = record(sensor, [body_capture(i / 25.0) for i in range(2000)])
    pressure = data["pressure_pa"].astype(float)
    jitter = np.diff(pressure).std() / np.sqrt(2.0)
    assert jitter == pytest.approx(1.2, rel=0.1)
    offsets = [record(sensor, [body_capture()], seed=s)["pressure_pa"][0] for s in range(200)]
    assert np.std(offsets) == pytest.approx(25.0, rel=0.2)


def test_out_of_the_troposphere_is_refused(body_capture, record):
    with pytest.raises(ConfigError, match="outside"):
        record(Barometer(CLEAN), [body_capture(pose=Pose.of(z_m=12_000.0))])


def test_a_range_upside_down_is_refused():
    with pytest.raises(ConfigError, match="lowest_pa"):
        BarometerConfig(name="baro", lowest_pa=200_000.0)
