"""Stable-Baselines3's own checker takes each task in each observation mode."""

from __future__ import annotations

import warnings

import pytest

from fleetloop.envs.registration import TASKS, make_env

checker = pytest.importorskip("stable_baselines3.common.env_checker")


@pytest.mark.long
@pytest.mark.parametrize("mode", ["state", "range", "camera", "all"])
@pytest.mark.parametrize("task", sorted(TASKS))
def test_the_checker_of_a_training_library_accepts_each_task(task, mode):
    with warnings.catch_warnings():
        # Its advice on images for its own CNN and on action ranges is no fault of an environment.
        warnings.simplefilter("ignore")
        env = make_env(task, obs_mode=mode)
        try:
            checker.check_env(env, warn=True, skip_render_check=True)
        finally:
            env.close()


@pytest.mark.long
@pytest.mark.parametrize("action", ["pedals", "gears", "waypoints"])
@pytest.mark.parametrize("physics", ["fast", "full"])
@pytest.mark.parametrize(
    "task", ["fleetloop/Drive-v0", "fleetloop/LaneFollow-v0", "fleetloop/Park-v0"]
)
def test_the_checker_accepts_the_car_in_each_of_its_kinds_of_action(task, physics, action):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        env = make_env(task, obs_mode="state", physics=physics, robot_options={"action": action})
        try:
            checker.check_env(env, warn=True, skip_render_check=True)
        finally:
            env.close()


@pytest.mark.long
@pytest.mark.parametrize("mode", ["task", "residual", "joint"])
@pytest.mark.parametrize("task", [name for name in sorted(TASKS) if "Humanoid" in name])
def test_the_checker_accepts_each_mode_of_action_of_the_humanoid(task, mode):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        env = make_env(task, obs_mode="state", robot_options={"action_mode": mode})
        try:
            checker.check_env(env, warn=True, skip_render_check=True)
        finally:
            env.close()
