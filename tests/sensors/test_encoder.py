import numpy as np
import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.envs.sensors.base import Fault
from fleetloop.envs.sensors.encoder import (
    JointEncoder,
    JointEncoderConfig,
    SteeringAngle,
    SteeringAngleConfig,
)
from fleetloop.envs.sensors.joints import play


def clean(**changes):
    changes = {"offset_rad": 0.0, "noise_rad": 0.0, "rate_hz": 100.0, **changes}
    return JointEncoder(JointEncoderConfig(name="encoder", **changes))


def sweep(body_capture, angles, dt_s=0.01):
    rates = np.gradient(angles, dt_s)
    return [
        body_capture(i * dt_s, joints={"joint": (angle, rate, 0.0)})
        for i, (angle, rate) in enumerate(zip(angles, rates, strict=True))
    ]


def test_angles_are_whole_steps_and_never_half_a_step_off(body_capture, record):
    angles = np.linspace(-1.0, 1.0, 501)
    data = record(clean(steps_per_turn=360), sweep(body_capture, angles))
    read = np.degrees(data["position_rad"][:, 0].astype(float))
    np.testing.assert_allclose(read, np.rint(read), atol=1e-4)
    assert np.abs(read - np.degrees(angles)).max() <= 0.5 + 1e-4
    assert np.abs(read - np.degrees(angles)).max() > 0.45


def test_rate_is_counted_and_integrates_back_to_the_angle(body_capture, record):
    angles = 0.3 * np.sin(np.linspace(0.0, 20.0, 400))
    data = record(clean(steps_per_turn=4096), sweep(body_capture, angles))
    way = np.cumsum(data["velocity_rad_s"][1:, 0].astype(float)) * 0.01
    turned = data["position_rad"][1:, 0] - data["position_rad"][0, 0]
    np.testing.assert_allclose(way, turned, atol=1e-4)
    step = 2 * np.pi / 4096 / 0.01
    counts = data["velocity_rad_s"][:, 0] / step
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-2)


def test_the_first_rate_is_that_of_an_encoder_that_has_run_before(body_capture, record):
    data = record(clean(), [body_capture(joints={"joint": (0.0, 3.0, 0.0)})])
    assert data["velocity_rad_s"][0, 0] == pytest.approx(3.0, abs=0.03)


def test_backlash_has_its_closed_form(body_capture, record):
    """Up, down, up again: behind the gap the way is shorter by its width at every turn."""
    width, top = 0.04, 0.5
    angles = np.concatenate(
        [np.linspace(0, top, 500), np.linspace(top, -top, 1000), np.linspace(-top, top, 1000)]
    )
    data = record(clean(backlash_rad=width, steps_per_turn=1_000_000), sweep(body_capture, angles))
    read = data["position_rad"][:, 0].astype(float)
    up, down, again = read[100:500], read[600:1500], read[1600:]
    np.testing.assert_allclose(up, angles[100:500] - width / 2, atol=1e-5)
    np.testing.assert_allclose(down, angles[600:1500] + width / 2, atol=1e-5)
    np.testing.assert_allclose(again, angles[1600:] - width / 2, atol=1e-5)
    # Within the gap the encoder stands still: 0.04 rad at 0.001 rad a step.
    assert np.ptp(read[500:538]) < 1e-5


def test_motion_within_the_gap_is_not_seen(body_capture, record):
    data = record(clean(backlash_rad=0.1), sweep(body_capture, 0.02 * np.sin(np.arange(50))))
    inside = np.ptp(data["position_rad"])
    assert inside < 0.04
    assert inside == 0.0 or np.count_nonzero(np.diff(data["position_rad"][:, 0])) < 5


def test_play_keeps_its_output_within_half_a_width():
    rng = np.random.default_rng(0)
    output = np.zeros(5)
    for drive in rng.normal(size=(200, 5)):
        before, output = output, play(output, drive, 0.6)
        assert (np.abs(output - drive) <= 0.3 + 1e-12).all()
        still = np.abs(before - drive) <= 0.3
        assert (output[still] == before[still]).all()


def test_joints_are_picked_by_name_in_the_order_of_the_config(body_capture, record):
    joints = {"a": (0.1, 0, 0), "b": (0.2, 0, 0), "c": (0.3, 0, 0)}
    data = record(clean(joints=("c", "a")), [body_capture(joints=joints)])
    np.testing.assert_allclose(data["position_rad"][0], [0.3, 0.1], atol=2e-4)


def test_a_joint_that_the_robot_lacks_is_told_by_name(body_capture, record):
    with pytest.raises(ConfigError, match=r"'knee'.*elbow"):
        record(clean(joints=("knee",)), [body_capture(joints={"elbow": (0.0, 0.0, 0.0)})])


@pytest.mark.parametrize(
    "wrong", [{"joints": ()}, {"joints": ("a", "a")}, {"steps_per_turn": 0}, {"offset_rad": -1.0}]
)
def test_impossible_encoders_are_refused(wrong):
    with pytest.raises(ConfigError):
        JointEncoderConfig(name="encoder", **wrong)


def test_zero_error_is_drawn_per_episode(body_capture, record):
    encoder = clean(offset_rad=0.01, steps_per_turn=1_000_000)
    capture = body_capture(joints={"joint": (1.0, 0.0, 0.0)})
    read = [record(encoder, [capture], seed=seed)["position_rad"][0, 0] for seed in range(400)]
    assert np.mean(read) == pytest.approx(1.0, abs=0.002)
    assert np.std(read) == pytest.approx(0.01, rel=0.12)


def test_a_slipping_coupling_shifts_the_angle(body_capture, record):
    joints, fault = {"joint": (0.5, 0.0, 0.0)}, Fault(kind="bias_jump", severity=0.5)
    captures = [body_capture(0.01 * i, joints=joints, faults=[fault][: i // 2]) for i in range(4)]
    data = record(clean(slip_rad=0.2), captures)
    np.testing.assert_allclose(data["position_rad"][:, 0], [0.5, 0.5, 0.6, 0.6], atol=2e-4)


def steered(body_capture, t_s, left, right, rate=0.0):
    joints = {"steer_fl": (left, rate, 0.0), "steer_fr": (right, rate, 0.0)}
    return body_capture(t_s, joints=joints)


def test_steering_wheel_is_the_mean_road_wheel_angle_times_the_ratio(body_capture, record):
    sensor = SteeringAngle(
        SteeringAngleConfig(name="steering", ratio=15.0, backlash_rad=0.0, offset_rad=0.0)
    )
    data = record(sensor, [steered(body_capture, 0.0, 0.11, 0.09)])
    assert data["angle_rad"][0] == pytest.approx(1.5, abs=np.radians(0.05))


def test_steering_comes_in_tenths_of_a_degree(body_capture, record):
    sensor = SteeringAngle(SteeringAngleConfig(name="steering"))
    angles = np.linspace(0.0, 0.2, 100)
    data = record(sensor, [steered(body_capture, 0.01 * i, a, a) for i, a in enumerate(angles)])
    tenths = np.degrees(data["angle_rad"].astype(float)) * 10.0
    np.testing.assert_allclose(tenths, np.rint(tenths), atol=1e-3)
    slope = 15.0 * (angles[1] - angles[0]) / 0.01
    assert data["rate_rad_s"][20:].mean() == pytest.approx(slope, rel=0.02)
