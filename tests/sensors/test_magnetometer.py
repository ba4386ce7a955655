from dataclasses import replace

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.envs.sensors.base import Fault, Surroundings
from fleetloop.envs.sensors.magnetometer import BMM150, Magnetometer, MagnetometerConfig
from fleetloop.envs.sensors.noise import ChannelErrors

CLEAN = MagnetometerConfig(name="compass", errors=ChannelErrors(), hard_iron_t=0.0, soft_iron=0.0)
FIELD = np.array(Surroundings().magnetic_field_t)


def test_without_iron_it_reads_the_field_in_its_own_axes(body_capture, record):
    pose, mount = Pose.of(yaw_rad=2.0, pitch_rad=0.4), Pose.of(roll_rad=1.0)
    data = record(Magnetometer(CLEAN), [body_capture(pose=pose, mount=mount)])
    expected = (pose @ mount).rotation.T @ FIELD
    np.testing.assert_allclose(data["field_t"][0], expected, rtol=1e-6)


def test_heading_comes_from_a_level_reading(body_capture, record):
    for yaw in (-2.0, 0.3, 1.5):
        data = record(Magnetometer(CLEAN), [body_capture(pose=Pose.of(yaw_rad=yaw))])
        x, y, _ = data["field_t"][0].astype(float)
        north_of_east = np.arctan2(FIELD[1], FIELD[0])
        heading = np.arctan2(y, x)
        assert np.cos(north_of_east - heading - yaw) == pytest.approx(1.0, abs=1e-9)


def test_turning_about_traces_an_ellipsoid_around_the_hard_iron(body_capture, record):
    config = replace(CLEAN, hard_iron_t=3e-5, soft_iron=0.1)
    sensor = Magnetometer(config)
    state = sensor.initial_state(np.random.default_rng(4))
    rng = np.random.default_rng(5)
    poses = [Pose(np.zeros(3), q / np.linalg.norm(q)) for q in rng.normal(size=(60, 4))]
    data = record(sensor, [body_capture(pose=pose) for pose in poses], state=state)
    undone = (data["field_t"].astype(float) - state["hard_iron_t"]) @ np.linalg.inv(
        state["soft_iron"]
    ).T
    np.testing.assert_allclose(np.linalg.norm(undone, axis=1), np.linalg.norm(FIELD), rtol=1e-5)
    np.testing.assert_array_equal(state["soft_iron"], state["soft_iron"].T)
    assert np.linalg.norm(data["field_t"], axis=1).std() > 1e-6


def test_noise_and_steps_are_those_of_the_part(body_capture, record):
    sensor = Magnetometer(MagnetometerConfig(name="compass", rate_hz=10.0))
    data = record(sensor, [body_capture(0.1 * i) for i in range(2000)])
    field = data["field_t"].astype(float)
    steps = field / BMM150.lsb_u
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-2)
    expected = np.hypot(0.6e-6, BMM150.lsb_u / np.sqrt(12.0))
    np.testing.assert_allclose(field.std(axis=0), expected, rtol=0.06)


def test_a_magnet_that_comes_near_is_a_bias_jump(body_capture, record):
    sensor, fault = Magnetometer(MagnetometerConfig(name="compass")), Fault(kind="bias_jump")
    clean = record(sensor, [body_capture()])
    faulty = record(sensor, [body_capture(faults=[fault])])
    jump = np.abs(faulty["field_t"] - clean["field_t"])
    np.testing.assert_allclose(jump, 30e-6, atol=1.01 * BMM150.lsb_u)


def test_negative_iron_is_refused():
    with pytest.raises(ConfigError, match="soft_iron"):
        MagnetometerConfig(name="compass", soft_iron=-0.1)
