"""Park: the expert parks, what is not parked does not count, what stands there can be hit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from fleetloop.agents.experts.park import ParkExpert
from fleetloop.agents.rollout import rollout
from fleetloop.core.errors import ConfigError
from fleetloop.envs.registration import make_env
from fleetloop.envs.tasks.park import Park, ParkConfig
from fleetloop.envs.tasks.park_ways import along_kerb, in_reverse, nose_first

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


@pytest.mark.parametrize(
    ("way", "end"),
    [
        (nose_first, (12.0, 2.7 + 0.0675 - 1.4375)),
        (in_reverse, (12.0, 2.7 - 0.0675 + 1.4375)),
        (along_kerb, (12.0 + 0.0675 - 1.4375, 2.7)),
    ],
)
def test_ways_turn_no_tighter_than_the_car_can_and_their_parts_join(way, end):
    parts = way(np.array([0.0, -6.3]), 12.0, 2.7)
    for part in parts:
        heading = np.unwrap(np.arctan2(*np.diff(part.line_m, axis=0).T[::-1]))
        step = np.hypot(*np.diff(part.line_m, axis=0).T)
        keep = step > 0.2
        bend = np.abs(np.diff(heading[keep])) / step[keep][1:]
        assert bend.max() < np.tan(0.6) / 2.875
    for one, two in pairwise(parts):
        np.testing.assert_allclose(one.line_m[one.end], two.line_m[0], atol=1e-9)
        assert two.backwards != one.backwards
    assert parts[-1].line_m[parts[-1].end] == pytest.approx(end, abs=0.3)


@pytest.mark.parametrize("physics", ["fast", "full"])
@pytest.mark.parametrize(("mode", "nose_rad"), [("reverse", -0.5 * np.pi), ("kerb", 0.0)])
def test_the_expert_parks_backwards(mode, nose_rad, physics):
    env = make_env(
        TASK,
        physics=physics,
        rig=[],
        task_options={"mode": mode, "occupied": 1.0},
        robot_options={"action": "gears"},
    )
    for seed in range(3):
        outcome = rollout(env, ParkExpert(), seed)
        assert outcome.success, (seed, outcome)
        yaw = float(env.robot.state().links["base"].world_T_link.yaw_rad)
        assert abs(np.angle(np.exp(1j * (yaw - nose_rad)))) < 0.1
    env.close()


def test_parking_backwards_needs_gears_and_comes_out_the_same_after_a_restore():
    with pytest.raises(ConfigError, match="gears"):
        make_env(TASK, physics="fast", rig=[], task_options={"mode": "reverse"}).reset(seed=0)
    env = make_env(TASK, physics="fast", rig=[], task_options={"mode": "kerb"},
                   robot_options={"action": "gears"})  # fmt: skip
    expert, truth = ParkExpert(), env.reset(seed=2)[1]["truth"]
    while not truth["backwards"]:
        truth = env.step(expert.act(truth, None)[0])[4]["truth"]
    kept, seen = env.snapshot(), []
    for _ in range(2):
        env.restore(kept)
        now = truth
        for _ in range(15):
            now = env.step(expert.act(now, None)[0])[4]["truth"]
        seen.append(np.concatenate([np.ravel(value) for value in now.values()]))
    np.testing.assert_array_equal(*seen)
    env.close()


def test_bad_car_parks_are_refused():
    for options, words in (({"bays": 1}, "3 to 40"), ({"bay_m": (1.0, 5.0)}, "2.3"),
                           ({"aisle_m": 3.0}, "6.5"), ({"mode": "sideways"}, "nose"),
                           ({"kerb_bay_m": (5.0, 2.0)}, "6 to 12")):  # fmt: skip
        with pytest.raises(ConfigError, match=words):
            ParkConfig(**options)
    with pytest.raises(ConfigError, match="footprint_m"):
        Park(ParkConfig()).begin(None, object())
