"""The presets against thirty seconds of a real drive: the same order of magnitude and shape.

One drive of one car: distributions are compared with a factor of two, no more. The test is skipped
where the log is not (see `real_log` in conftest.py). Run with `-s` to see the table.
"""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.envs.sensors import imu_errors
from fleetloop.envs.sensors.geodesy import TangentPlane, ecef_from_geodetic
from fleetloop.envs.sensors.gnss import Gnss, GnssConfig
from fleetloop.envs.sensors.imu import Imu, ImuConfig
from fleetloop.envs.sensors.vibration import CAR_VIBRATION
from fleetloop.envs.sensors.wheel_speed import WheelSpeed, WheelSpeedConfig

BANDS_HZ = ((1.0, 5.0), (5.0, 15.0), (15.0, 30.0), (30.0, 52.0))


def band_rms(series, rate_hz):
    """Root mean square by frequency band: Welch's method, 1024 samples, Hann window."""
    count, window = 1024, np.hanning(1024)
    pieces = [
        series[i : i + count] - series[i : i + count].mean()
        for i in range(0, series.size - count + 1, count // 2)
    ]
    power = np.mean([np.abs(np.fft.rfft(window * piece)) ** 2 for piece in pieces], axis=0)
    power *= 2.0 / (rate_hz * np.square(window).sum())
    frequency = np.fft.rfftfreq(count, 1.0 / rate_hz)
    width = frequency[1]
    return [
        np.sqrt(power[(frequency >= low) & (frequency < high)].sum() * width)
        for low, high in BANDS_HZ
    ]


def smallest_step(series):
    steps = np.diff(np.unique(series.astype(float)))
    return steps[steps > 1e-6].min()


def within_a_factor_of_two(name, ours, real):
    print(f"{name:38s} ours {ours:10.5f}   real {real:10.5f}   ratio {ours / real:5.2f}")
    return 0.5 <= ours / real <= 2.0


@pytest.fixture(scope="module")
def speed_at(real_log):
    """The real speed at a time since the log's begin, m/s."""
    start = real_log["imu_accel_t"][0]
    return lambda t_s: np.interp(
        start + np.asarray(t_s), real_log["can_speed_t"], real_log["can_speed"][:, 0]
    )


@pytest.fixture(scope="module")
def imu_drive(real_log, speed_at, body_capture, record):
    """Our phone-class sensor, carried over the real speed profile."""
    time_s = real_log["imu_accel_t"] - real_log["imu_accel_t"][0]
    rate_hz = 1.0 / np.median(np.diff(time_s))
    config = ImuConfig(
        name="phone", rate_hz=rate_hz, errors=imu_errors.PHONE, vibration=CAR_VIBRATION
    )
    captures = [
        body_capture(t, velocity=(v, 0.0, 0.0))
        for t, v in zip(time_s, speed_at(time_s), strict=True)
    ]
    return rate_hz, record(Imu(config), captures)


@pytest.mark.parametrize(
    ("ours", "real"),
    [("specific_force_m_s2", "imu_accel"), ("angular_rate_rad_s", "imu_gyro")],
    ids=["acceleration", "turning"],
)
def test_shaking_by_band_and_axis(real_log, imu_drive, ours, real):
    rate_hz, data = imu_drive
    verdicts = []
    for axis, letter in enumerate("xyz"):
        mine = band_rms(data[ours][:, axis].astype(float), rate_hz)
        theirs = band_rms(real_log[real][:, axis].astype(float), rate_hz)
        for (low, high), a, b in zip(BANDS_HZ, mine, theirs, strict=True):
            verdicts.append(within_a_factor_of_two(f"{ours} {letter} {low:g}-{high:g} Hz", a, b))
    assert all(verdicts)


def test_steps_between_samples_and_resolution(real_log, imu_drive):
    _, data = imu_drive
    verdicts = []
    for ours, real in (("specific_force_m_s2", "imu_accel"), ("angular_rate_rad_s", "imu_gyro")):
        mine, theirs = data[ours].astype(float), real_log[real].astype(float)
        for axis, letter in enumerate("xyz"):
            a, b = (np.diff(x[:, axis]).std() / np.sqrt(2.0) for x in (mine, theirs))
            verdicts.append(within_a_factor_of_two(f"{ours} {letter} sample to sample", a, b))
        a, b = smallest_step(mine[:, 0]), smallest_step(theirs[:, 0])
        assert a == pytest.approx(b, rel=0.02)
    assert all(verdicts)


def test_turn_on_bias_of_the_gyroscope_is_of_the_real_size(real_log, body_capture, record):
    real = (real_log["imu_gyro_uncal"] - real_log["imu_gyro"]).mean(axis=0).astype(float)
    imu = Imu(ImuConfig(name="phone", errors=imu_errors.PHONE))
    size = [
        np.linalg.norm(record(imu, [body_capture()], seed=s)["angular_rate_rad_s"][0])
        for s in range(200)
    ]
    assert within_a_factor_of_two(
        "gyroscope bias, magnitude", float(np.median(size)), float(np.linalg.norm(real))
    )


def test_wheel_speed_steps_ripple_and_differences(real_log, speed_at, body_capture, record):
    real = real_log["can_wheel_speed"].astype(float)
    rate_hz = 1.0 / np.median(np.diff(real_log["can_wheel_speed_t"]))
    time_s = np.arange(real.shape[0]) / rate_hz
    speed = speed_at(time_s)
    way = np.concatenate([[0.0], np.cumsum(speed[:-1]) / rate_hz])
    config = WheelSpeedConfig(name="wheels", rate_hz=rate_hz)
    captures = [
        body_capture(t, joints=dict.fromkeys(config.joints, (s / 0.33, v / 0.33, 0.0)))
        for t, s, v in zip(time_s, way, speed, strict=True)
    ]
    ours = record(WheelSpeed(config), captures)["speed_m_s"].astype(float)
    assert smallest_step(ours[:, 0]) == pytest.approx(smallest_step(real[:, 0]), rel=0.01)

    def apart(wheels):
        return float((wheels - wheels.mean(axis=1, keepdims=True)).std())

    def ripple(wheels):
        return float(np.median(np.diff(wheels, axis=0).std(axis=0)) / np.sqrt(2.0))

    verdicts = [
        within_a_factor_of_two("wheels, difference from their mean", apart(ours), apart(real)),
        within_a_factor_of_two("wheels, sample to sample", ripple(ours), ripple(real)),
    ]
    assert all(verdicts)


def real_gnss_error(log):
    """Error of the real receiver in east, north, up, against the fused pose."""
    fix, time = log["gnss_ublox"], log["gnss_ublox_t"]
    inside = (time > log["pose_times"][0]) & (time < log["pose_times"][-1])
    fix, time = fix[inside], time[inside]
    latitude, longitude = np.radians(fix[:, 0]), np.radians(fix[:, 1])
    plane = TangentPlane(latitude[0], longitude[0], fix[0, 4])
    ecef = [ecef_from_geodetic(*p) for p in zip(latitude, longitude, fix[:, 4], strict=True)]
    pose = log["pose_positions"]
    truth = np.stack([np.interp(time, log["pose_times"], pose[:, i]) for i in range(3)], axis=1)
    error = (np.array(ecef) - truth) @ plane.ecef_R_world
    forward = np.gradient(truth @ plane.ecef_R_world, time, axis=0)
    return time - time[0], error, forward


def across(error, forward):
    """The part sideways of the way: a late time stamp shows along it, and is no error of place."""
    side = np.stack([-forward[:, 1], forward[:, 0]], axis=1)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    return np.einsum("ij,ij->i", error[:, :2], side)


def test_gnss_wanders_like_the_real_one(real_log, body_capture, record):
    time_s, error, forward = real_gnss_error(real_log)
    gnss = Gnss(GnssConfig(name="gnss"))
    tracks = [
        record(gnss, [body_capture(t) for t in time_s], seed=seed)["position_world_m"]
        for seed in range(12)
    ]

    def figures(track):
        side, up = across(track, forward), track[:, 2]
        horizontal = np.linalg.norm(track[:, :2].mean(axis=0))
        return np.array(
            [
                horizontal, abs(up.mean()), side.std(), up.std(),
                np.diff(side).std(), np.diff(up).std(),
                np.corrcoef(side[1:], side[:-1])[0, 1], np.corrcoef(up[1:], up[:-1])[0, 1],
            ]
        )  # fmt: skip

    ours = np.median([figures(track) for track in tracks], axis=0)
    names = (
        "GNSS offset, horizontal", "GNSS offset, vertical", "GNSS sd in 30 s, sideways",
        "GNSS sd in 30 s, vertical", "GNSS step, sideways", "GNSS step, vertical",
        "GNSS lag-1 correlation, sideways", "GNSS lag-1 correlation, vertical",
    )  # fmt: skip
    verdicts = [
        within_a_factor_of_two(name, a, b)
        for name, a, b in zip(names, ours, figures(error), strict=True)
    ]
    assert all(verdicts)
