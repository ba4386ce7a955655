import numpy as np
import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.envs.registration import make_env
from fleetloop.envs.sensors.base import Fault
from fleetloop.envs.sensors.link_pose import LinkPose, LinkPoseConfig


def test_a_place_is_told_from_the_base_wherever_that_is(body_capture, record):
    clean = LinkPose(LinkPoseConfig(name="grip", offset_m=0.0, noise_m=0.0))
    mount = Pose.of(0.2, -0.1, 0.9)
    for pose in (Pose.identity(), Pose.of(7.0, -3.0, 1.0, yaw_rad=2.0, pitch_rad=0.3)):
        data = record(clean, [body_capture(pose=pose, mount=mount)])
        np.testing.assert_allclose(data["position_m"][0], [0.2, -0.1, 0.9], atol=1e-6)


def test_the_error_stays_and_the_noise_is_small(body_capture, record):
    sensor = LinkPose(LinkPoseConfig(name="grip", offset_m=0.05, noise_m=0.001))
    told = record(sensor, [body_capture(0.01 * k) for k in range(400)])["position_m"]
    assert np.all(np.abs(told.mean(axis=0)) > 5 * 0.001 / 20)  # 5 standard errors of the mean
    np.testing.assert_allclose(told.std(axis=0), 0.001, rtol=0.2)


def test_bias_jump(body_capture, record):
    sensor = LinkPose(LinkPoseConfig(name="grip", slip_m=0.03))
    clean = record(sensor, [body_capture()])["position_m"]
    faulty = record(sensor, [body_capture(faults=[Fault(kind="bias_jump")])])["position_m"]
    np.testing.assert_allclose(faulty - clean, 0.03, atol=1e-6)


def test_impossible_configs_are_refused(body_capture, record):
    with pytest.raises(ConfigError, match="noise_m"):
        LinkPoseConfig(name="grip", noise_m=-1.0)
    lost = LinkPose(LinkPoseConfig(name="grip", origin="trunk"))
    with pytest.raises(ConfigError, match="'trunk', which the robot lacks"):
        record(lost, [body_capture()])


def test_a_humanoids_grip_is_where_its_task_says():
    config = LinkPoseConfig(
        name="grip", link="right_hand", link_T_sensor=Pose.of(0.0, 0.0, -0.09), rate_hz=10.0,
        offset_m=0.0, noise_m=0.0,
    )  # fmt: skip
    env = make_env("fleetloop/HumanoidWipe-v0", rig=[config], obs_mode="state", physics="fast")
    observation, _ = env.reset(seed=3)
    hand = env.robot.hand_pose(1).transform_points(np.array([0.0, 0.0, -0.09]))
    base = env.robot.state().links["base"].world_T_link.inverse()
    np.testing.assert_allclose(
        observation["grip/position_m"], base.transform_points(hand), atol=1e-6
    )
    env.close()
