"""What is recorded of the reset: pictures of the new world, the first goal, lanes, key points."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.agents.policy import RandomPolicy
from fleetloop.agents.rollout import EpisodeList, rollout
from fleetloop.core.frames import Pose
from fleetloop.core.lane_lines import MARKS
from fleetloop.core.objects import EGO
from fleetloop.core.types import Sample
from fleetloop.envs.maps.kinds import MarkKind
from fleetloop.envs.props.people import KEY_POINTS
from fleetloop.envs.registration import make_env

CAMERA = {
    "kind": "camera", "name": "eye", "rate_hz": 10.0, "latency_s": 0.1,
    "lens": {"model": "pinhole", "width_px": 48, "height_px": 32, "fx_px": 30.0, "fy_px": 30.0,
             "cx_px": 23.5, "cy_px": 15.5},
    "link_T_sensor": {"position_m": [1.2, 0.0, 1.4], "quaternion_xyzw": [-0.5, 0.5, -0.5, 0.5]},
    "labels": ["depth_m", "semantic", "flow_forward", "flow_backward", "flow_occluded"],
}  # fmt: skip


@pytest.fixture
def env():
    env = make_env("fleetloop/LaneFollow-v0", rig=[CAMERA])
    yield env
    env.close()


def first_picture(env, seed):
    env.reset(seed=seed)
    (sample,) = (r for r in env.last_records if isinstance(r, Sample))
    return sample


def test_the_first_frame_after_a_reset_is_of_the_new_world(env):
    fresh = {seed: first_picture(env, seed) for seed in (1, 2)}
    assert (fresh[1].data["rgb"] != fresh[2].data["rgb"]).any()
    for _ in range(3):
        env.step(np.array([1.0, 1.0], np.float32))
    again = first_picture(env, 1)
    assert (again.seq, again.t_capture_ns, again.t_arrival_ns) == (0, 0, 0)
    for name, array in fresh[1].data.items():
        assert again.data[name].tobytes() == array.tobytes(), name
    observation, _ = env.reset(seed=1)
    assert observation["eye/rgb"].tobytes() == again.data["rgb"].tobytes()


def test_the_goal_at_the_reset_is_in_the_metadata(env):
    observation, _ = env.reset(seed=4)
    assert env.episode_meta("x").goal == {"speed_m_s": observation["goal/speed_m_s"].tolist()}
    assert env.episode_meta("x", seed=5).goal == {}


def test_lanes_are_told_to_sinks_that_want_them(env):
    class Both(EpisodeList):
        lanes = None

        def add_lanes(self, lanes):
            self.lanes = lanes

    sink, plain = Both(), EpisodeList()
    rollout(env, RandomPolicy(*_bounds(env)), 3, [sink, plain], max_steps=1)
    lanes, width = sink.lanes, env.task.config.track.lane_width_m
    assert {MARKS[m] for m in lanes.mark[lanes.role > 0]} == {"solid", "broken"}
    for lane in (0, 1):
        center, left, right = (lanes.line_m(3 * lane + role) for role in range(3))
        along = np.gradient(center[:, :2], axis=0)
        aside = left[:, :2] - center[:, :2]
        across = along[:, 0] * aside[:, 1] - along[:, 1] * aside[:, 0]
        assert (across > 0).all(), "left of the direction of travel"
        assert np.allclose(np.linalg.norm(left - right, axis=1), width, atol=1e-3)
    # The first lane leads the way that the car drives.
    base = env.robot.state().links["base"].world_T_link
    near = int(np.argmin(np.linalg.norm(lanes.line_m(0) - base.position_m, axis=1)))
    heading = np.gradient(lanes.line_m(0), axis=0)[near]
    assert heading @ base.transform_vectors(np.array([1.0, 0.0, 0.0])) > 0


def test_marks_are_those_of_the_maps():
    assert tuple(mark.name.lower() for mark in MarkKind) == MARKS


@pytest.mark.parametrize("physics", ["full", "fast"])
def test_the_humanoid_has_key_points_of_its_own(physics):
    env = make_env("fleetloop/HumanoidStand-v0", rig="body", physics=physics)
    try:
        env.reset(seed=2)
        for _ in range(4):
            env.step(env.action_space.sample() * 0.2)
        env.stage.sync()
        env.robot.pose_looks()
        objects = env.stage.objects(env.t_ns)
        own = objects.instance_id[objects.row(EGO)]
        mine = objects.key_point_instance == own
        points = dict(zip(objects.key_point_names, objects.key_point_m, strict=True))
        assert mine.all()
        assert set(points) == set(KEY_POINTS)
        links = env.robot.link_poses(("left_shank", "right_hand", "head"))
        assert np.allclose(points["left_knee"], links["left_shank"][0])
        assert np.allclose(points["right_wrist"], links["right_hand"][0])
        nose = Pose(*links["head"]).inverse().transform_points(points["nose"])
        assert nose[0] > 0.1
        assert abs(nose[1]) < 1e-9
    finally:
        env.close()


def _bounds(env):
    return env.robot.action_spec.low, env.robot.action_spec.high
