import numpy as np
import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.envs.sensors.allan import FLICKER_FLOOR, allan_deviation, read_coefficients
from fleetloop.envs.sensors.noise import ChannelErrors, Channels


def long_record(errors, *, channels, rate_hz, samples, seed=3):
    sensor = Channels("x", channels, errors, rate_hz)
    rng = np.random.default_rng(seed)
    state = sensor.start(rng)
    rows = np.empty((samples, channels))
    for i in range(samples):
        rows[i], changed = sensor.sample(np.zeros(channels), state, 1.0 / rate_hz, rng)
        state = {**state, **changed}
    return rows


def plain_allan_variance(rate, m):
    """The definition, one average at a time."""
    n = rate.size
    averages = [rate[j : j + m].mean() for j in range(n - m + 1)]
    squares = [(averages[j + m] - averages[j]) ** 2 for j in range(n - 2 * m + 1)]
    return 0.5 * np.mean(squares)


def test_deviation_equals_its_definition():
    rate = np.random.default_rng(0).standard_normal(200).cumsum()
    tau_s, deviation = allan_deviation(rate, rate_hz=4.0)
    for tau, value in zip(tau_s, deviation, strict=True):
        expected = np.sqrt(plain_allan_variance(rate, round(tau * 4.0)))
        assert value == pytest.approx(expected, rel=1e-9)


def test_deviation_ignores_a_constant_and_averages_channels():
    rate = np.random.default_rng(1).standard_normal((500, 2))
    _, both = allan_deviation(rate + 1e3, 1.0)
    _, first = allan_deviation(rate[:, 0], 1.0)
    _, second = allan_deviation(rate[:, 1], 1.0)
    np.testing.assert_allclose(both, np.sqrt((first**2 + second**2) / 2), rtol=1e-7)


def test_a_steady_ramp_has_the_closed_form_of_a_rate_ramp():
    # IEEE Std 952-1997, C.1.6: sigma = R tau / √2.
    _, deviation = allan_deviation(0.3 * np.arange(1000) / 10.0, 10.0)
    tau_s, _ = allan_deviation(np.zeros(1000), 10.0)
    np.testing.assert_allclose(deviation, 0.3 * tau_s / np.sqrt(2.0), rtol=1e-6)


def test_reading_an_exact_curve_gives_its_coefficients():
    tau_s = np.geomspace(0.01, 1e4, 60)
    variance = 0.02**2 / tau_s + (FLICKER_FLOOR * 0.004) ** 2 + 0.0003**2 * tau_s / 3
    read = read_coefficients(tau_s, np.sqrt(variance), 1e5)
    assert read.white_u_rt_s == pytest.approx(0.02, rel=1e-6)
    assert read.instability_u == pytest.approx(0.004, rel=1e-6)
    assert read.walk_u_rt_hz == pytest.approx(0.0003, rel=1e-6)


def test_a_term_that_is_not_there_reads_zero():
    tau_s = np.geomspace(0.01, 100, 30)
    read = read_coefficients(tau_s, 0.02 / np.sqrt(tau_s), 1e3)
    assert read.white_u_rt_s == pytest.approx(0.02, rel=1e-6)
    assert read.walk_u_rt_hz < 1e-9
    assert read.instability_u < 1e-6


def test_white_noise_and_instability_are_recovered_from_a_long_record():
    errors = ChannelErrors(white_u_rt_s=1e-3, instability_u=5e-4, flicker_s=(0.5, 8000.0))
    rows = long_record(errors, channels=48, rate_hz=10.0, samples=20_000)
    read = read_coefficients(*allan_deviation(rows, 10.0), record_s=2000.0)
    assert read.white_u_rt_s == pytest.approx(1e-3, rel=0.05)
    assert read.instability_u == pytest.approx(5e-4, rel=0.1)


def test_white_noise_and_bias_walk_are_recovered_from_a_long_record():
    errors = ChannelErrors(white_u_rt_s=2e-3, walk_u_rt_hz=1e-4)
    rows = long_record(errors, channels=48, rate_hz=5.0, samples=10_000)
    read = read_coefficients(*allan_deviation(rows, 5.0), record_s=2000.0)
    assert read.white_u_rt_s == pytest.approx(2e-3, rel=0.05)
    assert read.walk_u_rt_hz == pytest.approx(1e-4, rel=0.1)


def test_a_short_record_is_refused():
    with pytest.raises(ConfigError):
        allan_deviation(np.zeros(9), 1.0)
