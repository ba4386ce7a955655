from dataclasses import replace

import numpy as np
import pytest

from fleetloop.core.digest import digest_arrays
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import (
    Pose,
    quaternion_from_rotation_vector,
    quaternion_multiply,
    rotate,
)
from fleetloop.envs.sensors import imu_errors
from fleetloop.envs.sensors.allan import allan_deviation, read_coefficients
from fleetloop.envs.sensors.base import Fault
from fleetloop.envs.sensors.imu import Imu, ImuConfig
from fleetloop.envs.sensors.vibration import CAR_VIBRATION, Vibration, VibrationMode

G = 9.80665
PRESETS = {
    "phone": imu_errors.PHONE,
    "automotive": imu_errors.AUTOMOTIVE,
    "tactical": imu_errors.TACTICAL,
}


def ideal(**changes):
    return Imu(ImuConfig(name="imu", errors=imu_errors.IDEAL, **changes))


def only(record, field):
    (row,) = record[field]
    return row


def test_at_rest_it_reads_plus_g_upwards(body_capture, record):
    pose = Pose.of(roll_rad=0.3, pitch_rad=-0.7, yaw_rad=2.0)
    data = record(ideal(), [body_capture(pose=pose)])
    up_in_sensor = pose.rotation.T @ [0.0, 0.0, G]
    np.testing.assert_allclose(only(data, "specific_force_m_s2"), up_in_sensor, atol=1e-6)
    np.testing.assert_allclose(only(data, "angular_rate_rad_s"), 0.0)


def test_in_free_fall_it_reads_nothing(body_capture, record):
    data = record(ideal(), [body_capture(acceleration=(0.0, 0.0, -G), rate=(0.0, 2.0, 0.0))])
    np.testing.assert_allclose(only(data, "specific_force_m_s2"), 0.0, atol=1e-6)


@pytest.mark.parametrize("yaw", [0.0, 0.4, 3.0])
def test_on_a_circle_it_reads_the_centripetal_term_at_its_own_radius(body_capture, record, yaw):
    """Link on a circle of radius R to the left, sensor r ahead and s to the left of it."""
    radius, rate, ahead, left = 20.0, 0.5, 1.5, 0.8
    pose = Pose.of(yaw_rad=yaw)
    toward = pose.transform_vectors([0.0, 1.0, 0.0])
    forward = pose.transform_vectors([1.0, 0.0, 0.0])
    capture = body_capture(
        pose=pose,
        mount=Pose.of(ahead, left, 0.4),
        velocity=rate * radius * forward,
        rate=(0.0, 0.0, rate),
        acceleration=rate**2 * radius * toward,
    )
    data = record(ideal(), [capture])
    expected = [-(rate**2) * ahead, rate**2 * (radius - left), G]
    np.testing.assert_allclose(only(data, "specific_force_m_s2"), expected, rtol=1e-6)
    np.testing.assert_allclose(only(data, "angular_rate_rad_s"), [0.0, 0.0, rate], rtol=1e-6)


def test_turning_up_adds_the_tangential_term(body_capture, record):
    capture = body_capture(mount=Pose.of(x_m=2.0), angular_acceleration=(0.0, 0.0, 3.0))
    data = record(ideal(), [capture])
    np.testing.assert_allclose(only(data, "specific_force_m_s2"), [0.0, 6.0, G], rtol=1e-6)


def test_it_reads_the_second_derivative_of_a_tumbling_mount(body_capture, record):
    """Against numbers: the sensor's own path, differentiated twice."""

    def pose_at(t):
        return Pose.of(np.sin(t), 2 * np.cos(2 * t), 0.1 * t**2, yaw_rad=1.3 * t + 0.4 * t**2)

    mount = Pose.of(0.5, -0.3, 0.9, roll_rad=0.2, pitch_rad=0.5, yaw_rad=-1.0)
    t, h = 0.6, 1e-4
    path = [(pose_at(t + k * h) @ mount).position_m for k in (-1, 0, 1)]
    acceleration = (path[0] - 2 * path[1] + path[2]) / h**2
    capture = body_capture(
        pose=pose_at(t),
        mount=mount,
        velocity=(np.cos(t), -4 * np.sin(2 * t), 0.2 * t),
        acceleration=(-np.sin(t), -8 * np.cos(2 * t), 0.2),
        rate=(0.0, 0.0, 1.3 + 0.8 * t),
        angular_acceleration=(0.0, 0.0, 0.8),
    )
    data = record(ideal(), [capture])
    world_R_sensor = (pose_at(t) @ mount).rotation
    expected = world_R_sensor.T @ (acceleration + np.array([0.0, 0.0, G]))
    np.testing.assert_allclose(only(data, "specific_force_m_s2"), expected, atol=1e-5)


def test_mean_readings_add_up_to_the_change_of_velocity(body_capture, record):
    """Dead reckoning over a wild ride, sampled at 50 Hz: what instants cannot give."""

    def captures_at(times):
        for t in times:
            pose = Pose.of(yaw_rad=np.sin(3 * t), pitch_rad=0.4 * np.cos(2 * t))
            ahead = Pose.of(yaw_rad=np.sin(3 * (t + 1e-6)), pitch_rad=0.4 * np.cos(2 * (t + 1e-6)))
            step = ahead @ pose.inverse()
            rate = 2.0 * step.quaternion_xyzw[:3] / 1e-6
            # A shock of 2 m/s within a millisecond, between two samples.
            shock = 2.0 * float(t > 0.5051)
            yield body_capture(
                t, pose=pose, mount=Pose.of(0.3, -0.2, 0.6), rate=rate,
                velocity=(np.sin(5 * t) + shock, t, 0.5 * t),
            )  # fmt: skip

    times = np.arange(0.0, 1.0, 0.02)
    captures = list(captures_at(times))
    data = record(ideal(reading="mean"), captures)
    velocity = np.array(
        [c.link.twist.at_offset(c.world_T_sensor.position_m).linear_m_s for c in captures]
    )
    total = velocity[0].copy()
    attitude = captures[0].world_T_sensor.quaternion_xyzw
    for force, rate in zip(
        data["specific_force_m_s2"][1:].astype(float),
        data["angular_rate_rad_s"][1:].astype(float),
        strict=True,
    ):
        turn = quaternion_from_rotation_vector(0.5 * 0.02 * rate)
        attitude = quaternion_multiply(attitude, turn)
        total += 0.02 * (rotate(attitude, force) - np.array([0.0, 0.0, G]))
        attitude = quaternion_multiply(attitude, turn)
    np.testing.assert_allclose(total, velocity[-1], atol=1e-4)
    last = captures[-1].world_T_sensor.quaternion_xyzw
    assert abs(attitude @ last) == pytest.approx(1.0, abs=1e-9)


def test_mean_and_instant_agree_on_steady_motion(body_capture, record):
    """A circle, as above: the chord differs from the arc by parts of a million."""
    captures = []
    for i in range(10):
        pose = Pose.of(yaw_rad=0.5 * i / 120.0)
        toward = pose.transform_vectors([0.0, 1.0, 0.0])
        captures.append(
            body_capture(
                i / 120.0,
                pose=pose,
                mount=Pose.of(1.5, 0.8, 0.4),
                velocity=10.0 * pose.transform_vectors([1.0, 0.0, 0.0]),
                rate=(0.0, 0.0, 0.5),
                acceleration=5.0 * toward,
            )
        )
    mean = record(ideal(reading="mean"), captures)
    instant = record(ideal(), captures)
    for field in mean:
        np.testing.assert_allclose(mean[field], instant[field], atol=2e-5)


def test_random_walks_of_its_class_are_read_off_a_recording(body_capture, record):
    # The raw noise: quantisation off, since its steps are as large as the noise of this class.
    sheet = imu_errors.AUTOMOTIVE
    errors = replace(
        sheet,
        accelerometer=replace(sheet.accelerometer, lsb_u=0.0, instability_u=0.0),
        gyroscope=replace(sheet.gyroscope, lsb_u=0.0, instability_u=0.0),
    )
    imu = Imu(ImuConfig(name="imu", errors=errors, rate_hz=100.0))
    data = record(imu, [body_capture(i / 100.0) for i in range(12_000)])
    for field, truth in (
        ("specific_force_m_s2", sheet.accelerometer),
        ("angular_rate_rad_s", sheet.gyroscope),
    ):
        tau_s, deviation = allan_deviation(data[field].astype(float), 100.0)
        read = read_coefficients(tau_s, deviation, 120.0)
        assert read.white_u_rt_s == pytest.approx(truth.white_u_rt_s, rel=0.1)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_spread_their_turn_on_bias_over_episodes(body_capture, record, name):
    imu = Imu(ImuConfig(name="imu", errors=PRESETS[name]))
    first = [record(imu, [body_capture()], seed=seed) for seed in range(300)]
    bias = np.array([row["angular_rate_rad_s"][0] for row in first])
    gyroscope = PRESETS[name].gyroscope
    flicker = gyroscope.instability_u
    least = gyroscope.turn_on_u
    most = np.hypot(least, 3.0 * flicker) + 2.0 * gyroscope.white_u_rt_s * np.sqrt(120.0)
    # Gravity acts on the gyroscope too, through its g-sensitivity.
    most = np.hypot(most, 3.0 * PRESETS[name].g_sensitivity_rad_s_per_m_s2 * G)
    assert 0.9 * least < bias.std() < 1.1 * most


def test_classes_are_ordered():
    # Not in accelerometer noise: the automotive part is quieter there than the tactical one.
    classes = list(PRESETS.values())
    for better, worse in zip(classes[1:], classes[:-1], strict=True):
        for name in ("white_u_rt_s", "instability_u", "turn_on_u", "scale", "lsb_u"):
            assert getattr(better.gyroscope, name) < getattr(worse.gyroscope, name)
        assert better.accelerometer.turn_on_u < worse.accelerometer.turn_on_u
        assert better.misalignment_rad < worse.misalignment_rad


def test_readings_are_whole_steps_within_range(body_capture, record):
    imu = Imu(ImuConfig(name="imu", errors=imu_errors.PHONE))
    data = record(imu, [body_capture(0.01 * i, acceleration=(200.0, 1, 2)) for i in range(50)])
    force = data["specific_force_m_s2"].astype(float)
    assert (force[:, 0] == np.float32(8 * G)).all()
    steps = force[:, 1:] / imu_errors.PHONE.accelerometer.lsb_u
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)


def test_specific_force_leaks_into_the_gyroscope_by_its_g_sensitivity(body_capture, record):
    errors = replace(imu_errors.IDEAL, g_sensitivity_rad_s_per_m_s2=1e-3)
    imu = Imu(ImuConfig(name="imu", errors=errors))
    state = imu.initial_state(np.random.default_rng(5))
    data = record(imu, [body_capture()], state=state)
    expected = state["g_sensitivity"][:, 2] * G
    np.testing.assert_allclose(only(data, "angular_rate_rad_s"), expected, rtol=1e-6)
    assert np.abs(expected).max() > 1e-3


def test_bias_jump_is_there_while_the_fault_is(body_capture, record):
    imu = Imu(ImuConfig(name="imu"))
    fault = Fault(kind="bias_jump", severity=0.5)
    clean = record(imu, [body_capture(0.01 * i) for i in range(9)])
    faulty = record(
        imu, [body_capture(0.01 * i, faults=[fault] if 3 <= i < 6 else []) for i in range(9)]
    )
    jump = np.abs(faulty["specific_force_m_s2"] - clean["specific_force_m_s2"])
    assert (jump[[0, 1, 2, 6, 7, 8]] == 0).all()
    step = imu_errors.AUTOMOTIVE.accelerometer.lsb_u
    np.testing.assert_allclose(jump[3:6], 0.25, atol=1.01 * step)


def test_an_unknown_fault_is_refused():
    with pytest.raises(ConfigError, match="bias_jump"):
        ImuConfig(name="imu", faults=(Fault(kind="dirty_lens"),))


def test_a_mode_has_its_strength_frequency_and_width():
    mode = VibrationMode(frequency_hz=12.0, bandwidth_hz=2.0, specific_force_m_s2=(0.5, 0.0, 0.0))
    vibration, rng = Vibration((mode,)), np.random.default_rng(2)
    rate_hz, count = 200.0, 60_000
    phasor, series = vibration.start(rng), np.empty(count)
    for i in range(count):
        phasor = vibration.advance(phasor, 10.0, 1.0 / rate_hz, rng)
        series[i] = vibration.shake(phasor, 10.0)[0]
    assert series.std() == pytest.approx(0.5, rel=0.05)
    # Autocorrelation sd² exp(-pi width t) cos(2 pi f t).
    for lag in (4, 8, 17, 33):
        t = lag / rate_hz
        expected = np.exp(-np.pi * 2.0 * t) * np.cos(2 * np.pi * 12.0 * t)
        assert np.mean(series[lag:] * series[:-lag]) / 0.25 == pytest.approx(expected, abs=0.06)


def test_shaking_follows_its_power_of_speed():
    road = VibrationMode(frequency_hz=5.0, bandwidth_hz=1.0, specific_force_m_s2=(1.0, 1.0, 1.0))
    engine = replace(road, speed_exponent=0.0)
    phasor = Vibration((road,)).start(np.random.default_rng(0))
    at = [np.abs(Vibration((road,)).shake(phasor, v)[0]) for v in (0.0, 10.0, 40.0)]
    assert at[0] == 0.0
    assert at[2] == pytest.approx(2.0 * at[1])
    assert Vibration((engine,)).shake(phasor, 0.0)[0] == Vibration((engine,)).shake(phasor, 9.0)[0]


def test_same_seed_same_bytes_and_a_copied_state_has_the_same_future(body_capture, record):
    imu = Imu(ImuConfig(name="imu", errors=imu_errors.PHONE, vibration=CAR_VIBRATION))
    captures = [body_capture(i / 120.0, velocity=(15.0, 0, 0)) for i in range(40)]
    whole = record(imu, captures, seed=11)
    assert digest_arrays(whole) == digest_arrays(record(imu, captures, seed=11))
    assert digest_arrays(whole) != digest_arrays(record(imu, captures, seed=12))
    rng = np.random.default_rng(11)
    state = imu.initial_state(rng)
    for capture in captures[:20]:
        _, state = imu.measure(capture, (), state, rng)
    saved = {name: array.copy() for name, array in state.items()}
    noise = rng.bit_generator.state
    first = record(imu, captures[20:], state=state, rng=rng)
    rng.bit_generator.state = noise
    again = record(imu, captures[20:], state=saved, rng=rng)
    assert digest_arrays(first) == digest_arrays(again)
    assert np.array_equal(first["angular_rate_rad_s"], whole["angular_rate_rad_s"][20:])
