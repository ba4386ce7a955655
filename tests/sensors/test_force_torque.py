from dataclasses import replace

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.envs.sensors.base import Fault
from fleetloop.envs.sensors.force_torque import (
    FT300S,
    IDEAL,
    OMEGA85,
    ForceTorque,
    ForceTorqueConfig,
)

G = 9.80665


def ideal(**changes):
    return ForceTorque(ForceTorqueConfig(name="wrist", errors=IDEAL, **changes))


def test_wrench_is_moved_to_the_sensor_and_turned_into_its_axes(body_capture, record):
    """A push at a known point: about the sensor its moment is arm times force."""
    pose, mount = (
        Pose.of(1.0, 2.0, 3.0, roll_rad=0.4, yaw_rad=2.0),
        Pose.of(0.1, 0.2, 0.3, pitch_rad=0.7),
    )
    push, point = np.array([3.0, -5.0, 7.0]), np.array([1.4, 2.2, 2.9])
    about_link = np.cross(point - pose.position_m, push)
    data = record(ideal(), [body_capture(pose=pose, mount=mount, force=push, torque=about_link)])
    sensor = pose @ mount
    np.testing.assert_allclose(data["force_n"][0], sensor.rotation.T @ push, rtol=1e-6)
    moment = np.cross(point - sensor.position_m, push)
    np.testing.assert_allclose(data["torque_nm"][0], sensor.rotation.T @ moment, rtol=1e-5)


def test_a_tool_at_rest_weighs_on_it(body_capture, record):
    sensor = ideal(tool_mass_kg=2.0, tool_centre_m=(0.0, 0.0, 0.1))
    level = record(sensor, [body_capture()])
    np.testing.assert_allclose(level["force_n"][0], [0.0, 0.0, -2 * G], rtol=1e-6)
    np.testing.assert_allclose(level["torque_nm"][0], 0.0, atol=1e-9)
    # On its side the weight bends: 2 kg at 0.1 m.
    side = record(sensor, [body_capture(pose=Pose.of(pitch_rad=np.pi / 2))])
    np.testing.assert_allclose(side["force_n"][0], [2 * G, 0.0, 0.0], atol=1e-5)
    np.testing.assert_allclose(side["torque_nm"][0], [0.0, 0.2 * G, 0.0], atol=1e-5)


def test_a_tool_in_free_fall_weighs_nothing_and_a_swung_one_pulls(body_capture, record):
    sensor = ideal(tool_mass_kg=2.0, tool_centre_m=(0.5, 0.0, 0.0))
    fall = record(sensor, [body_capture(acceleration=(0.0, 0.0, -G))])
    np.testing.assert_allclose(fall["force_n"][0], 0.0, atol=1e-5)
    swung = record(sensor, [body_capture(acceleration=(0.0, 0.0, -G), rate=(0.0, 0.0, 4.0))])
    np.testing.assert_allclose(swung["force_n"][0], [2.0 * 16.0 * 0.5, 0.0, 0.0], atol=1e-5)


@pytest.mark.parametrize("errors", [FT300S, OMEGA85], ids=["ft300s", "omega85"])
def test_noise_steps_and_range_are_those_of_the_sheet(body_capture, record, errors):
    sensor = ForceTorque(ForceTorqueConfig(name="wrist", errors=errors, rate_hz=100.0))
    captures = [body_capture(0.01 * i) for i in range(600)]
    captures.append(body_capture(6.0, force=(1e5, 0, 0), torque=(0, -1e5, 0)))
    data = record(sensor, captures)
    for field, sheet in (("force_n", errors.force), ("torque_nm", errors.torque)):
        values = data[field].astype(float)
        jitter = np.diff(values[:-1], axis=0).std() / np.sqrt(2.0)
        white = sheet.white_u_rt_s * np.sqrt(100.0)
        assert jitter == pytest.approx(np.hypot(white, sheet.lsb_u / np.sqrt(12)), rel=0.15)
        assert np.abs(values[-1]).max() == np.float32(sheet.limit_u)


def test_drift_reaches_the_figure_of_the_sheet_in_a_day(body_capture, record):
    quiet = replace(
        FT300S, cross_talk=0.0, force=replace(FT300S.force, white_u_rt_s=0.0, turn_on_u=0.0)
    )
    sensor = ForceTorque(ForceTorqueConfig(name="wrist", errors=quiet))
    day = [body_capture(0.0), body_capture(86_400.0)]
    ends = [record(sensor, day, seed=seed)["force_n"][1] for seed in range(300)]
    assert np.std(ends) == pytest.approx(3.0, rel=0.1)


def test_cross_talk_is_a_part_of_full_range_and_not_of_itself(body_capture, record):
    errors = replace(IDEAL, cross_talk=0.01)
    errors = replace(
        errors,
        force=replace(errors.force, limit_u=300.0),
        torque=replace(errors.torque, limit_u=30.0),
    )
    sensor = ForceTorque(ForceTorqueConfig(name="wrist", errors=errors))
    full = body_capture(force=(0.0, 0.0, 300.0))
    rows = [record(sensor, [full], seed=seed) for seed in range(400)]
    force = np.array([row["force_n"][0] for row in rows])
    torque = np.array([row["torque_nm"][0] for row in rows])
    np.testing.assert_allclose(force[:, 2], 300.0)
    np.testing.assert_allclose(force[:, :2].std(axis=0), 3.0, rtol=0.12)
    np.testing.assert_allclose(torque.std(axis=0), 0.3, rtol=0.12)


def test_bias_jump(body_capture, record):
    sensor = ForceTorque(ForceTorqueConfig(name="wrist"))
    clean = record(sensor, [body_capture()])
    faulty = record(sensor, [body_capture(faults=[Fault(kind="bias_jump", severity=0.5)])])
    np.testing.assert_allclose(np.abs(faulty["force_n"] - clean["force_n"]), 10.0, atol=0.011)
    np.testing.assert_allclose(np.abs(faulty["torque_nm"] - clean["torque_nm"]), 0.5, atol=0.0011)


def test_a_negative_tool_is_refused():
    with pytest.raises(ConfigError, match="tool_mass_kg"):
        ForceTorqueConfig(name="wrist", tool_mass_kg=-1.0)
