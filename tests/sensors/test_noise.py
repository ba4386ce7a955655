import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetloop.core.errors import ConfigError
from fleetloop.envs.sensors import noise
from fleetloop.envs.sensors.allan import FLICKER_FLOOR
from fleetloop.envs.sensors.noise import ChannelErrors, Channels


def drive(errors, *, channels, rate_hz, seconds, seed=0, truth=0.0):
    sensor = Channels("x", channels, errors, rate_hz)
    rng = np.random.default_rng(seed)
    state = sensor.start(rng)
    rows = np.empty((round(seconds * rate_hz), channels))
    for i in range(rows.shape[0]):
        rows[i], changed = sensor.sample(
            np.full(channels, truth), state, 1.0 / rate_hz if i else 0.0, rng
        )
        state = {**state, **changed}
    return rows


def test_perfect_channels_report_the_truth():
    assert (drive(ChannelErrors(), channels=3, rate_hz=10, seconds=1, truth=1.25) == 1.25).all()


def test_white_noise_has_the_power_of_its_density_at_any_rate():
    for rate_hz in (10.0, 1000.0):
        rows = drive(ChannelErrors(white_u_rt_s=0.02), channels=1000, rate_hz=rate_hz, seconds=0.2)
        assert rows.std() == pytest.approx(0.02 * np.sqrt(rate_hz), rel=0.05)


def test_one_sided_density_of_a_data_sheet_gives_its_own_random_walk():
    # Analog Devices ADIS16470: 0.008 °/s/√Hz and 0.34 °/√h.
    n_deg_rt_h = noise.white_from_noise_density(0.008) * 60.0
    assert n_deg_rt_h == pytest.approx(0.34, rel=0.01)


def test_bias_walk_grows_with_the_root_of_time():
    rows = drive(ChannelErrors(walk_u_rt_hz=0.5), channels=4000, rate_hz=4.0, seconds=9.0)
    spread = rows.std(axis=1)
    elapsed_s = np.arange(rows.shape[0]) / 4.0
    assert spread[0] == 0.0
    np.testing.assert_allclose(spread[1:], 0.5 * np.sqrt(elapsed_s[1:]), rtol=0.05)


def test_turn_on_bias_and_scale_are_fixed_within_an_episode_and_drawn_for_each():
    errors = ChannelErrors(turn_on_u=0.3, scale=0.1)
    rows = drive(errors, channels=5000, rate_hz=1.0, seconds=3.0, truth=2.0)
    assert (rows == rows[0]).all()
    assert rows[0].std() == pytest.approx(np.hypot(0.3, 0.2), rel=0.05)
    assert rows[0].mean() == pytest.approx(2.0, abs=0.03)


@pytest.mark.parametrize("dt_s", [0.01, 1.0, 30.0])
def test_gauss_markov_is_stationary_and_decays_as_told_at_any_step(dt_s):
    rng = np.random.default_rng(1)
    first = 2.0 * rng.standard_normal(40_000)
    second = noise.advance_gauss_markov(first, 2.0, 5.0, dt_s, rng)
    assert second.std() == pytest.approx(2.0, rel=0.02)
    correlation = np.corrcoef(first, second)[0, 1]
    assert correlation == pytest.approx(np.exp(-dt_s / 5.0), abs=0.02)


def test_gauss_markov_step_of_zero_changes_nothing():
    rng = np.random.default_rng(1)
    value = rng.standard_normal(7)
    assert np.array_equal(noise.advance_gauss_markov(value, 1.0, 3.0, 0.0, rng), value)


def test_gauss_markov_allan_variance_has_the_limits_of_the_standard():
    sd, t_s = 0.7, 20.0
    # Far below T: a random walk with K² = 2 sd²/T. Far above: white noise with N² = 2 sd² T.
    short, long = noise.gauss_markov_allan_variance(sd, t_s, np.array([0.01, 1e5]))
    assert short == pytest.approx(2 * sd**2 / t_s * 0.01 / 3, rel=1e-3)
    assert long == pytest.approx(2 * sd**2 * t_s / 1e5, rel=1e-3)


def test_flicker_ladder_is_flat_at_the_floor_of_its_instability():
    sd, time_s = noise.flicker_ladder(3.0, (0.1, 1e5))
    tau_s = np.geomspace(3.0, 3e3, 40)
    variance = noise.gauss_markov_allan_variance(sd[:, None], time_s[:, None], tau_s).sum(axis=0)
    np.testing.assert_allclose(np.sqrt(variance), 3.0 * FLICKER_FLOOR, rtol=0.02)


def test_flicker_ladder_of_nothing_is_empty():
    assert noise.flicker_ladder(0.0, (1.0, 2.0))[0].size == 0


@given(
    value=st.floats(-1e3, 1e3), lsb=st.floats(1e-3, 10.0), limit=st.floats(0.1, 500.0)
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_quantised_values_are_multiples_within_half_a_step(value, lsb, limit):
    array = np.array([value])
    stepped = noise.quantise(array, lsb)
    assert abs(stepped[0] - value) <= 0.5 * lsb * (1 + 1e-9)
    assert stepped[0] / lsb == pytest.approx(round(stepped[0] / lsb), abs=1e-6)
    cut = noise.saturate(array, limit)
    assert abs(cut[0]) <= limit
    assert cut[0] == value or abs(cut[0]) == limit


def test_reported_values_stay_within_a_limit_that_float32_cannot_hold():
    sensor = Channels("x", 1, ChannelErrors(limit_u=78.4532), 1.0)
    rng = np.random.default_rng(0)
    reading, _ = sensor.sample(np.array([1e6]), sensor.start(rng), 0.0, rng)
    assert float(reading.astype(np.float32)[0]) == sensor.limit


def test_misaligned_axes_pick_up_each_other():
    angles = np.array([1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3])
    felt = noise.misalignment_matrix(angles) @ np.array([0.0, 0.0, 1.0])
    np.testing.assert_allclose(felt, [2e-3, 4e-3, 1.0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"white_u_rt_s": -1.0},
        {"scale": float("nan")},
        {"flicker_s": (5.0, 1.0)},
        {"limit_u": 0.0},
        {"lsb_u": float("inf")},
    ],
)
def test_impossible_errors_are_refused(wrong):
    with pytest.raises(ConfigError):
        ChannelErrors(**wrong)
