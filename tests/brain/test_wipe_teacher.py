"""What the wiping expert says helps from wherever a beginner gets to, since that is labelled."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.agents.experts import EXPERTS
from fleetloop.agents.experts.humanoid_wipe import _HAND, _HAND_M, _PRESS
from fleetloop.envs.registration import make_env

TASK = "fleetloop/HumanoidWipe-v0"


@pytest.fixture(scope="module")
def env():
    made = make_env(TASK, rig="body", obs_mode="state", physics="fast")
    yield made
    made.close()


def to_the_end(env, info, steps=150):
    expert = EXPERTS.get(TASK)()
    for _ in range(steps):
        *_, terminated, truncated, info = env.step(expert.act(info["truth"], None)[0])
        if terminated or truncated:
            break
    return info


@pytest.mark.parametrize("seed", [1, 2])
def test_out_from_under_the_table(env, seed):
    """It went forward too early: in fast physics the hand is then under the table's top."""
    _, info = env.reset(seed=seed)
    for _ in range(10):
        truth = info["truth"]
        action, _ = EXPERTS.get(TASK)().act(truth, None)
        below = truth["plate_m"] - [0.0, 0.0, 0.10]
        action[_HAND] = below + truth["grip_m"] - truth["sponge_m"] - truth["grip_rest_m"]
        action[_HAND] /= _HAND_M
        action[_PRESS] = 0.0
        *_, info = env.step(action)
    truth = info["truth"]
    assert truth["sponge_m"][2] < truth["plate_m"][2] - 0.05
    action, _ = EXPERTS.get(TASK)().act(truth, None)
    assert action[_PRESS] < 0.0
    assert to_the_end(env, info)["success"]


@pytest.mark.parametrize("wrong", ["walks", "misses", "presses"])
def test_back_from_small_mistakes(env, wrong):
    _, info = env.reset(seed=4)
    rng = np.random.default_rng(0)
    expert = EXPERTS.get(TASK)()
    for _ in range(25):
        action = expert.act(info["truth"], None)[0]
        if wrong == "walks":
            action[:3] += rng.normal(0.0, 0.05, 3)
        elif wrong == "misses":
            action[_HAND] += rng.normal(0.0, 0.05, 3)
        else:
            action[_PRESS] = rng.uniform(0.0, 0.7)
        *_, info = env.step(np.clip(action, -1.0, 1.0).astype(np.float32))
    assert to_the_end(env, info)["success"]
