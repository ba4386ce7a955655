import numpy as np
import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.envs.sensors.base import Fault
from fleetloop.envs.sensors.wheel_speed import WheelSpeed, WheelSpeedConfig

EXACT = {"joints": ("wheel",), "radius_error": 0.0, "tooth_error": 0.0}


def rolling(body_capture, way_m, speed_m_s, rate_hz, radius_m=0.33, joint="wheel"):
    return [
        body_capture(i / rate_hz, joints={joint: (s / radius_m, v / radius_m, 0.0)})
        for i, (s, v) in enumerate(zip(way_m, speed_m_s, strict=True))
    ]


def steady(body_capture, speed_m_s, seconds, rate_hz=80.0):
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    return rolling(body_capture, speed_m_s * time, np.full(time.size, speed_m_s), rate_hz)


@pytest.mark.parametrize("speed", [-3.0, 0.5, 2.0, 10.0, 45.0])
def test_even_teeth_at_steady_speed_give_it_exactly(body_capture, record, speed):
    config = WheelSpeedConfig(name="wheels", **EXACT)
    data = record(WheelSpeed(config), steady(body_capture, speed, 4.0))
    step = config.step_m_s
    assert np.abs(data["speed_m_s"] - speed).max() <= 0.5 * step + 1e-5


def test_counting_is_as_coarse_as_a_tooth_in_a_window(body_capture, record):
    config = WheelSpeedConfig(name="wheels", method="count", step_m_s=0.0, **EXACT)
    data = record(WheelSpeed(config), steady(body_capture, 10.0, 4.0))
    tooth = config.pulse_m * config.rate_hz
    counts = data["speed_m_s"][1:, 0] / tooth
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-3)
    assert set(np.rint(counts)) == {np.floor(10.0 / tooth), np.ceil(10.0 / tooth)}
    assert data["speed_m_s"][1:].mean() == pytest.approx(10.0, rel=0.01)


@pytest.mark.parametrize("method", ["period", "count"])
def test_odometry_is_the_way_within_one_tooth(body_capture, record, method):
    """Forwards, standing, backwards, and uneven teeth: the count never drifts."""
    time = np.arange(0.0, 20.0, 1 / 80)
    speed = 12.0 * np.sin(2 * np.pi * time / 20.0) * (np.abs(time - 10.0) > 1.0)
    way = np.concatenate([[0.0], np.cumsum(speed[:-1]) / 80])
    config = WheelSpeedConfig(
        name="wheels", joints=("wheel",), radius_error=0.0, tooth_error=0.05, method=method
    )
    data = record(WheelSpeed(config), rolling(body_capture, way, speed, 80.0))
    error = data["pulses"][:, 0] * config.pulse_m - way
    assert np.abs(error).max() < 1.5 * config.pulse_m
    assert np.abs(way).max() > 30.0


def test_speed_follows_a_hard_stop_down_to_zero(body_capture, record):
    rate_hz = 80.0
    time = np.arange(0.0, 4.0, 1 / rate_hz)
    speed = np.maximum(10.0 - 8.0 * time, 0.0)
    way = np.where(time < 1.25, 10.0 * time - 4.0 * time**2, 6.25)
    config = WheelSpeedConfig(name="wheels", **EXACT)
    read = record(WheelSpeed(config), rolling(body_capture, way, speed, rate_hz))["speed_m_s"][:, 0]
    braking = time < 1.0
    assert np.abs(read - speed)[braking].max() < 0.3
    assert (read[time > 1.25 + config.standstill_s + 0.1] == 0.0).all()
    # Between the last tooth and standstill, silence alone bounds the speed.
    assert (np.diff(read[(time > 1.3)]) <= 1e-6).all()


def test_standing_on_a_tooth_and_rocking_is_no_speed_that_counts(body_capture, record):
    time = np.arange(0.0, 2.0, 1 / 80)
    sway = 0.001 * np.sin(2 * np.pi * 3.0 * time)
    config = WheelSpeedConfig(name="wheels", **EXACT)
    data = record(WheelSpeed(config), rolling(body_capture, sway, np.gradient(sway, time), 80.0))
    assert np.ptp(data["pulses"]) <= 1
    assert np.abs(data["speed_m_s"]).max() < 0.05


def test_uneven_teeth_make_a_ripple_and_worn_tyres_an_offset(body_capture, record):
    config = WheelSpeedConfig(name="wheels", joints=("wheel",), radius_error=0.0)
    data = record(WheelSpeed(config), steady(body_capture, 18.0, 20.0))
    assert 0.01 < data["speed_m_s"].std() < 0.1
    config = WheelSpeedConfig(name="wheels", joints=("wheel",), tooth_error=0.0, radius_error=0.01)
    mean = [
        record(WheelSpeed(config), steady(body_capture, 10.0, 0.1), seed=s)["speed_m_s"].mean()
        for s in range(300)
    ]
    assert np.std(mean) == pytest.approx(0.1, rel=0.12)


def test_dead_wheels_fall_silent_and_count_on_later(body_capture, record):
    """Half of four wheels for one second: they lose the way of that second and nothing else."""
    config = WheelSpeedConfig(name="wheels", radius_error=0.0, tooth_error=0.0)
    fault, captures = Fault(kind="dead_wheel", severity=0.5), []
    for i in range(240):
        t = i / 80.0
        joints = dict.fromkeys(config.joints, (8.0 * t / 0.33, 8.0 / 0.33, 0.0))
        captures.append(body_capture(t, joints=joints, faults=[fault] if 80 <= i < 160 else []))
    data = record(WheelSpeed(config), captures)
    silent = data["speed_m_s"][155] == 0.0
    assert silent.sum() == 2
    np.testing.assert_allclose(data["speed_m_s"][:, ~silent], 8.0, atol=0.002)
    np.testing.assert_allclose(data["speed_m_s"][:80], 8.0, atol=0.002)
    np.testing.assert_allclose(data["speed_m_s"][165:], 8.0, atol=0.002)
    way = data["pulses"][-1] * config.pulse_m
    np.testing.assert_allclose(way[~silent], 8.0 * 239 / 80, atol=config.pulse_m)
    np.testing.assert_allclose(way[silent], 8.0 * 159 / 80, atol=2 * config.pulse_m)


def test_it_starts_at_the_speed_that_it_has_been_running(body_capture, record):
    config = WheelSpeedConfig(name="wheels", **EXACT)
    data = record(WheelSpeed(config), steady(body_capture, 7.0, 0.05))
    np.testing.assert_allclose(data["speed_m_s"][0], 7.0, atol=config.step_m_s)
    assert (data["pulses"][0] == 0).all()


@pytest.mark.parametrize(
    "wrong", [{"teeth": 0}, {"radius_m": -1.0}, {"method": "guess"}, {"tooth_error": -0.1}]
)
def test_impossible_rings_are_refused(wrong):
    with pytest.raises(ConfigError):
        WheelSpeedConfig(name="wheels", **wrong)
