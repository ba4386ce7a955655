import math
from dataclasses import replace

import numpy as np
import pytest

from fleetloop.core.digest import digest_arrays
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.envs.sensors.base import Fault, Surroundings
from fleetloop.envs.sensors.geodesy import TangentPlane
from fleetloop.envs.sensors.gnss import Gnss, GnssConfig
from fleetloop.envs.sensors.gnss_errors import IDEAL, RTK, SINGLE_POINT, GnssErrors


def test_an_ideal_receiver_tells_the_place_of_its_antenna(body_capture, record):
    place = Surroundings(latitude_rad=0.85, longitude_rad=0.2, altitude_m=400.0)
    gnss = Gnss(GnssConfig(name="gnss", errors=IDEAL, angle_step_deg=0.0, altitude_step_m=0.0))
    capture = body_capture(
        pose=Pose.of(1234.5, -987.6, 12.0, yaw_rad=1.0),
        mount=Pose.of(0.5, 0.1, 1.4),
        surroundings=place,
    )
    data = record(gnss, [capture])
    true = capture.world_T_sensor.position_m
    expected = TangentPlane(0.85, 0.2, 400.0).geodetic(true)
    names = ("latitude_rad", "longitude_rad", "altitude_m")
    np.testing.assert_allclose([data[name][0] for name in names], expected, rtol=1e-11)
    np.testing.assert_allclose(data["position_world_m"][0], true, atol=1e-6)
    assert data["valid"].all()
    assert (data["accuracy_m"] == 0).all()


def test_velocity_is_that_of_the_antenna_in_local_axes(body_capture, record):
    gnss = Gnss(GnssConfig(name="gnss", errors=IDEAL))
    capture = body_capture(
        pose=Pose.of(yaw_rad=math.pi / 2),
        mount=Pose.of(x_m=2.0),
        velocity=(0.0, 10.0, 0.0),
        rate=(0.0, 0.0, 0.5),
    )
    data = record(gnss, [capture])
    np.testing.assert_allclose(data["velocity_enu_m_s"][0], [-1.0, 10.0, 0.0], atol=1e-5)


def test_far_from_the_origin_level_motion_of_the_world_is_no_longer_level(body_capture, record):
    gnss = Gnss(GnssConfig(name="gnss", errors=IDEAL))
    capture = body_capture(pose=Pose.of(x_m=50_000.0), velocity=(100.0, 0.0, 0.0))
    data = record(gnss, [capture])
    climb = data["velocity_enu_m_s"][0, 2]
    assert climb == pytest.approx(100.0 * 50_000.0 / 6.385e6, rel=2e-3)


@pytest.mark.parametrize("errors", [SINGLE_POINT, RTK], ids=["single", "rtk"])
def test_wander_has_the_configured_spread_and_memory(body_capture, record, errors):
    gnss = Gnss(GnssConfig(name="gnss", errors=errors, angle_step_deg=0.0, altitude_step_m=0.0))
    interval_s = 0.2 * errors.wander_s
    captures = [body_capture(0.0), body_capture(interval_s)]
    tracks = np.array(
        [record(gnss, captures, seed=seed)["position_world_m"] for seed in range(1500)]
    )
    white = np.array([errors.white_horizontal_m] * 2 + [errors.white_vertical_m])
    wander = np.array([errors.wander_horizontal_m] * 2 + [errors.wander_vertical_m])
    spread = tracks.std(axis=0)
    np.testing.assert_allclose(spread, np.sqrt(wander**2 + white**2) * np.ones((2, 3)), rtol=0.08)
    covariance = np.mean(
        (tracks[:, 0] - tracks[:, 0].mean(0)) * (tracks[:, 1] - tracks[:, 1].mean(0)), axis=0
    )
    np.testing.assert_allclose(covariance, wander**2 * np.exp(-0.2), rtol=0.15)


def test_lag_one_correlation_of_a_long_track(body_capture, record):
    errors = GnssErrors(
        wander_horizontal_m=1.0, wander_vertical_m=2.0, wander_s=3.0,
        white_horizontal_m=0.5, white_vertical_m=0.0,
    )  # fmt: skip
    gnss = Gnss(GnssConfig(name="gnss", errors=errors))
    data = record(gnss, [body_capture(0.5 * i) for i in range(12_000)])
    error = data["position_world_m"]
    lag = [np.corrcoef(column[1:], column[:-1])[0, 1] for column in error.T]
    decay = math.exp(-0.5 / 3.0)
    np.testing.assert_allclose(lag, [decay / 1.25, decay / 1.25, decay], atol=0.03)
    np.testing.assert_allclose(error.std(axis=0), [1.118, 1.118, 2.0], rtol=0.08)


def test_position_comes_in_the_steps_of_the_message(body_capture, record):
    gnss = Gnss(GnssConfig(name="gnss"))
    data = record(gnss, [body_capture(0.1 * i) for i in range(30)])
    steps = np.degrees(data["latitude_rad"]) * 1e7
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)
    millimetres = data["altitude_m"] * 1e3
    np.testing.assert_allclose(millimetres, np.rint(millimetres), atol=1e-6)


def test_outages_have_the_configured_share_and_length(body_capture, record):
    config = GnssConfig(name="gnss", outage_every_s=6.0, outage_s=2.0)
    data = record(Gnss(config), [body_capture(0.25 * i) for i in range(12_000)])
    lost = ~data["valid"]
    assert lost.mean() == pytest.approx(0.25, abs=0.03)
    starts = np.count_nonzero(lost[1:] & ~lost[:-1])
    # Seen every dt, an outage lasts dt / P(on -> off) on average.
    leave = 0.75 * (1.0 - math.exp(-0.25 * (1 / 6 + 1 / 2)))
    assert lost.sum() * 0.25 / starts == pytest.approx(0.25 / leave, rel=0.12)


def test_an_outage_repeats_the_last_fix(body_capture, record):
    fault = Fault(kind="outage")
    gnss = Gnss(GnssConfig(name="gnss"))
    data = record(
        gnss,
        [
            body_capture(0.1 * i, pose=Pose.of(x_m=i), faults=[fault] if 3 <= i < 6 else [])
            for i in range(8)
        ],
    )
    assert data["valid"].tolist() == [True] * 3 + [False] * 3 + [True] * 2
    assert (data["position_world_m"][3:6] == data["position_world_m"][2]).all()
    assert np.abs(data["position_world_m"][6, 0] - data["position_world_m"][2, 0]) > 3.0


def test_without_any_fix_it_shows_the_origin(body_capture, record):
    fault = Fault(kind="outage")
    far = Pose.of(500.0, 500.0, 0.0)
    captures = [body_capture(0.1 * i, pose=far, faults=[fault]) for i in range(3)]
    data = record(Gnss(GnssConfig(name="gnss")), [*captures, body_capture(0.4, pose=far)])
    np.testing.assert_allclose(data["position_world_m"][:3], 0.0, atol=1e-6)
    assert data["valid"].tolist() == [False, False, False, True]
    assert data["position_world_m"][3, 0] == pytest.approx(500.0, abs=10.0)


def test_reflections_widen_the_error_by_their_severity(body_capture, record):
    gnss = Gnss(GnssConfig(name="gnss", errors=replace(IDEAL, multipath_m=8.0)))
    for severity in (0.5, 1.0):
        fault = Fault(kind="multipath", severity=severity)
        fixes = [record(gnss, [body_capture(faults=[fault])], seed=seed) for seed in range(400)]
        error = np.array([fix["position_world_m"][0] for fix in fixes])
        np.testing.assert_allclose(
            error.std(axis=0), severity * np.array([8.0, 8.0, 16.0]), rtol=0.12
        )
        claimed = fixes[0]["accuracy_m"][0]
        np.testing.assert_allclose(claimed, severity * np.array([8 * math.sqrt(2), 16]), rtol=1e-5)
    clean = record(gnss, [body_capture()])
    np.testing.assert_allclose(clean["position_world_m"][0], 0.0, atol=0.02)


def test_same_seed_same_bytes(body_capture, record):
    gnss = Gnss(GnssConfig(name="gnss", outage_every_s=1.0, multipath_every_s=2.0))
    captures = [body_capture(0.1 * i) for i in range(50)]
    assert digest_arrays(record(gnss, captures)) == digest_arrays(record(gnss, captures))
    assert digest_arrays(record(gnss, captures)) != digest_arrays(record(gnss, captures, seed=1))


@pytest.mark.parametrize(
    "wrong", [{"outage_every_s": 0.0}, {"outage_s": -1.0}, {"angle_step_deg": float("nan")}]
)
def test_impossible_receivers_are_refused(wrong):
    with pytest.raises(ConfigError):
        GnssConfig(name="gnss", **wrong)
    with pytest.raises(ConfigError):
        GnssErrors(wander_s=0.0)
