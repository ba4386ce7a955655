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
