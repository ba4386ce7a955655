"""Evaluation: fixed cases, the same for every policy; and what is hidden is hidden."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.agents.evaluate import Case, CaseResult, compare, evaluate, summarise
from fleetloop.agents.experts import EXPERTS
from fleetloop.agents.hidden import HIDDEN, Hidden, hidden, kind_of
from fleetloop.agents.policy import RandomPolicy
from fleetloop.core.errors import ConfigError

LANE = "fleetloop/LaneFollow-v0"
STATE = {"obs_mode": "state", "task_options": {"distance_m": 8.0}}


def result(key, success, cluster="", progress=0.0, task=LANE, cause="off_road"):
    return CaseResult(
        key=key, task=task, seed=1, cluster=cluster, policy="p", success=success,
        cause="done" if success else cause, steps=3, duration_s=0.3, total_reward=1.0, digest="",
        progress=1.0 if success else progress, events={},
    )  # fmt: skip


def test_policies_meet_the_same_worlds():
    cases = [Case(task=LANE, seed=seed, env=STATE, max_steps=40) for seed in (4, 2)]
    told = []
    expert = evaluate(lambda task, env: EXPERTS.get(task)(), cases, told.append)
    again = evaluate(lambda task, env: EXPERTS.get(task)(), cases[::-1])
    assert [r.seed for r in expert] == [4, 2] == [r.seed for r in told]
    assert {r.key: r for r in expert} == {r.key: r for r in again}
    spec_policy = evaluate(
        lambda task, env: RandomPolicy(env.robot.action_spec.low, env.robot.action_spec.high), cases
    )
    test = compare(spec_policy, expert)[LANE]
    assert test.gained + test.lost + test.both + test.neither == 2
    assert all(r.success for r in expert)
    assert summarise(expert)[0].success.value == 1.0


def test_cases_have_names_of_their_own():
    one = Case(task=LANE, seed=1)
    assert one.key == Case(task=LANE, seed=1).key
    assert len({one.key, Case(task=LANE, seed=2).key, Case(task=LANE, seed=1, env=STATE).key}) == 3
    with pytest.raises(ConfigError, match="twice"):
        evaluate(lambda task, env: None, [one, one])


def test_summaries_by_task():
    results = [
        result("a", True, "t1"), result("b", False, "t1", 0.5), result("c", False, "t2", 0.3),
        result("d", False, "t2", cause="collision"), result("e", True, task="fleetloop/X-v0"),
    ]  # fmt: skip
    lane, other = summarise(results)
    assert (lane.task, lane.cases, lane.success.value) == (LANE, 4, 0.25)
    assert lane.progress.value == pytest.approx(0.45)
    assert lane.causes == {"off_road": 2, "collision": 1}
    assert (lane.success_clustered.low, lane.success_clustered.high) == (0.0, 0.5)
    assert other.cases == 1


def test_other_cases_cannot_be_compared():
    with pytest.raises(ConfigError, match="share 1 of 2 and 1"):
        compare([result("a", True), result("b", True)], [result("a", True)])


def test_what_is_hidden_is_zero_and_the_rest_as_it_was():
    seen = {
        "front/rgb": np.full((4, 4, 3), 9, np.uint8),
        "chest/range_m": np.full(5, 2.0, np.float32),
        "chest/valid": np.ones(5, np.int8),
        "wheels/speed_m_s": np.full(4, 3.0, np.float32),
        "goal/place_m": np.full(2, 1.0, np.float32),
    }
    kinds = {key: kind_of(key, array) for key, array in seen.items()}
    assert sorted(kinds.values()) == ["body", "cameras", "goal", "ranges", "ranges"]
    for what in HIDDEN:
        for key, array in hidden(seen, what).items():
            assert array.dtype == seen[key].dtype
            assert bool(array.any()) == (kinds[key] != what)


def test_a_hidden_policy_is_the_policy_on_what_is_left():
    class Looks:
        name, privileged = "looks", False

        def init(self, seed):
            return seed

        def act(self, observation, state):
            return observation["front/rgb"].mean() + observation["goal/x"], state

    seen = {"front/rgb": np.full((2, 2, 3), 4, np.uint8), "goal/x": np.float32([1.0])}
    policy = Hidden(Looks(), "cameras")
    assert policy.name == "looks-without-cameras"
    assert not policy.privileged
    assert policy.act(seen, policy.init(0))[0] == 1.0
    with pytest.raises(ConfigError, match="cannot be hidden"):
        Hidden(Looks(), "eyes")
