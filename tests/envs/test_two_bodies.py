"""A car and a humanoid at once: in one process, and each in processes of its own."""

from __future__ import annotations

import functools
import gc
import resource
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from fleetloop.envs.registration import make_env

OPTIONS = {
    "fleetloop/LaneFollow-v0": {"rig": "front64"},
    "fleetloop/HumanoidWalk-v0": {"rig": "head64"},
}
STEPS = 4


def stamp(observation) -> bytes:
    arrays = (np.ascontiguousarray(observation[name]) for name in sorted(observation))
    return b"".join(array.tobytes() for array in arrays)


def acted(space):
    return np.random.default_rng(5).uniform(-0.4, 0.4, (STEPS, *space.shape)).astype(np.float32)


def alone(task) -> list[bytes]:
    """What a robot senses when nobody else is there: pictures, scans and forces."""
    env = make_env(task, **OPTIONS[task])
    try:
        seen = [stamp(env.reset(seed=11)[0])]
        return seen + [stamp(env.step(action)[0]) for action in acted(env.action_space)]
    finally:
        env.close()


def test_neither_body_changes_what_the_other_senses_in_one_process():
    wanted = {task: alone(task) for task in OPTIONS}
    envs = {task: make_env(task, **options) for task, options in OPTIONS.items()}
    seen = {task: [stamp(env.reset(seed=11)[0])] for task, env in envs.items()}
    for step in range(STEPS):
        for task, env in envs.items():
            action = acted(env.action_space)[step]
            seen[task].append(stamp(env.step(action)[0]))
    for env in envs.values():
        env.close()
    assert seen == wanted


@pytest.mark.long
def test_both_bodies_in_processes_of_their_own_sense_the_same_bytes():
    wanted = {task: alone(task) for task in OPTIONS}
    vectors = {
        task: gym.vector.AsyncVectorEnv(
            [functools.partial(make_env, task, **options)], context="spawn"
        )
        for task, options in OPTIONS.items()
    }
    seen = {task: [stamp(vector.reset(seed=[11])[0])] for task, vector in vectors.items()}
    for step in range(STEPS):
        for vector in vectors.values():
            vector.step_async(acted(vector.single_action_space)[step][None])
        for task, vector in vectors.items():
            seen[task].append(stamp(vector.step_wait()[0]))
    for vector in vectors.values():
        vector.close()
    assert seen == wanted


@pytest.mark.long
@pytest.mark.parametrize("physics", ["full", "fast"])
def test_three_thousand_resets_of_the_humanoid_keep_the_memory(physics):
    env = make_env("fleetloop/HumanoidStand-v0", rig="body", obs_mode="state", physics=physics)

    def resident_mb(resets) -> float:
        for seed in range(resets):
            env.reset(seed=seed)
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6

    before = resident_mb(100)
    grown = resident_mb(3000) - before
    env.close()
    print(f"{grown:.1f} MB in 3000 resets, {physics}")
    assert grown < 20.0
