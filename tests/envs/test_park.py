"""Park: the expert parks, what is not parked does not count, what stands there can be hit."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.agents.experts.park import ParkExpert
from fleetloop.agents.rollout import rollout
from fleetloop.core.errors import ConfigError
from fleetloop.envs.registration import make_env
from fleetloop.envs.tasks.park import Park, ParkConfig, _reference

TASK = "fleetloop/Park-v0"


@pytest.mark.parametrize("physics", ["fast", "full"])
def test_the_expert_parks_within_the_bounds(physics):
    env = make_env(TASK, physics=physics, rig=[])
    for seed in range(4):
        outcome = rollout(env, ParkExpert(), seed)
        assert outcome.success, outcome
        truth = env.last_step.truth
        assert abs(truth["along_m"]) < env.task.config.within_m[0]
        assert abs(truth["across_m"]) < env.task.config.within_m[1]
    env.close()


def test_driving_on_into_the_neighbours_is_a_collision():
    env = make_env(TASK, physics="fast", rig=[], task_options={"occupied": 1.0})
    env.reset(seed=1)
    ended = cut = False
    while not (ended or cut):
        _, _, ended, cut, info = env.step([0.55, 0.1])
    assert info["cause"] == "collision"
    assert info["reward_terms"]["failure"] < 0.0
    env.close()


def test_the_reference_turns_no_tighter_than_the_car_can():
    way = _reference(np.array([0.0, -6.3]), 12.0, 2.7)
    heading = np.unwrap(np.arctan2(*np.diff(way, axis=0).T[::-1]))
    step = np.hypot(*np.diff(way, axis=0).T)
    keep = step > 0.2
    bend = np.abs(np.diff(heading[keep])) / step[keep][1:]
    assert bend.max() < np.tan(0.6) / 2.875
    assert way[-1] == pytest.approx([12.0, 2.7 + 0.0675 - 1.4375], abs=0.3)


def test_bad_car_parks_are_refused():
    for options, words in (({"bays": 1}, "3 to 40"), ({"bay_m": (1.0, 5.0)}, "2.3"),
                           ({"aisle_m": 3.0}, "6.5")):  # fmt: skip
        with pytest.raises(ConfigError, match=words):
            ParkConfig(**options)
    with pytest.raises(ConfigError, match="footprint_m"):
        Park(ParkConfig()).begin(None, object())
