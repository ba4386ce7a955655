"""Drive over many episodes: memory, digests of many episodes however they are run."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from fleetloop.agents.experts.drive import DriveExpert
from fleetloop.agents.rollout import rollout
from fleetloop.envs.registration import make_env

TASK = "fleetloop/Drive-v0"
SMALL = {"map": {"town": {"blocks_x": 2, "blocks_y": 2}, "town_seeds": [1, 3]},
         "route_m": [60.0, 160.0]}  # fmt: skip


def resident_mb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6


@pytest.mark.long
def test_resets_do_not_grow_memory():
    env = make_env(TASK, physics="fast", rig="front64", task_options=SMALL)
    for seed in range(60):
        env.reset(seed=seed)
    before = resident_mb()
    count = 1000
    for seed in range(count):
        env.reset(seed=seed % 50)
    grown = resident_mb() - before
    assert grown * 5000 / count < 20.0, f"{grown:.1f} MB over {count} resets"
    env.close()


@pytest.mark.long
@pytest.mark.parametrize("physics", ["fast", "full"])
def test_many_episodes_come_out_the_same(physics):
    def digests(order):
        env = make_env(TASK, physics=physics, rig="front64", task_options=SMALL)
        found = {seed: rollout(env, DriveExpert(), seed, max_steps=15).digest for seed in order}
        env.close()
        return found

    seeds = list(range(12))
    assert digests(seeds) == digests(seeds[::-1])


@pytest.mark.long
def test_vectors_of_both_kinds_see_the_same():
    def made():
        return make_env(TASK, obs_mode="camera", physics="fast", rig="front64", task_options=SMALL)

    rows = []
    for kind in (gym.vector.SyncVectorEnv, gym.vector.AsyncVectorEnv):
        vector = kind([made] * 2)
        seen, _ = vector.reset(seed=[3, 4])
        found = [seen]
        for _ in range(6):
            seen, *_ = vector.step(np.tile(np.array([0.0, 0.4], np.float32), (2, 1)))
            found.append(seen)
        rows.append(b"".join(row[key].tobytes() for row in found for key in sorted(row)))
        vector.close()
    assert rows[0] == rows[1]
