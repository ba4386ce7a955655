"""Graph, promotion, odometry, forecast and ablations: each by what must hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError, UnknownNameError
from fleetloop.core.objects import EGO, Objects
from fleetloop.loop.campaign.config import CampaignConfig, ClipConfig, PromoteConfig, TaskRow
from fleetloop.loop.campaign.drivers import Ablated
from fleetloop.loop.campaign.graph import campaign_stages, test_stages
from fleetloop.loop.campaign.judge import decide
from fleetloop.loop.campaign.kinds import STAGES
from fleetloop.loop.campaign.launch import _mapped, smoke
from fleetloop.loop.campaign.odometry import future_motion
from fleetloop.loop.campaign.presets import ROWS, TYPICAL_STEPS, rows_of
from fleetloop.loop.campaign.probe import Costs, TaskCost, expected_s, fitted, mean_costs, scaled
from fleetloop.loop.campaign.sense import time_to_collision_s
from fleetloop.loop.campaign.stage import in_order

test_stages.__test__ = False  # pytest takes it for a test by its name

ROW = TaskRow(task="x/T-v0", env={"task_options": {"a": 1, "b": 2}},
              splits={"test": {"task_options": {"b": 3}, "light": {}}})  # fmt: skip
CONFIG = CampaignConfig(tasks=(ROW,), spec={}, rounds=3, triggers={"fall": 0.5})


def test_the_graph_holds_together_and_all_kinds_are_known():
    stages = in_order(campaign_stages(CONFIG))
    names = [stage.name for stage in stages]
    assert len(set(names)) == len(names)
    assert {stage.kind for stage in stages} == set(STAGES)
    by_name = {stage.name: stage for stage in stages}
    for arm in CONFIG.arms:
        for number in (1, 2, 3):
            train = by_name[f"r{number}.{arm}.train"]
            labels = {name for key, name in train.inputs.items() if key.startswith("shards")}
            own = {f"r{past}.{arm}.label" for past in range(1, number + 1)}
            assert labels == {"first.label"} | own
            mine = by_name[f"r{number}.{arm}.mine"]
            assert mine.options["frames"] == {"x/T-v0": ROW.round_frames}
    assert set(test_stages(CONFIG).values()) <= set(names)
    # Nothing that is tested on is trained on, and nothing is decided by it.
    seeds = {}
    for stage in stages:
        for entry in (*stage.options.get("episodes", ()), *stage.options.get("cases", ())):
            split = stage.options.get("split", "train")
            seeds.setdefault(split, set()).add(entry["seed"])
    assert not seeds["train"] & (seeds["dev"] | seeds["test"])
    assert not seeds["dev"] & seeds["test"]
    for stage in stages:
        if stage.kind in ("train", "promote", "mine"):
            assert not any(name.endswith(".test") for name in stage.inputs.values())


def test_both_driving_arms_begin_with_the_same_work():
    by_name = {stage.name: stage for stage in campaign_stages(CONFIG)}
    loop, random = by_name["r1.loop.collect"], by_name["r1.random.collect"]
    assert (loop.options, loop.inputs) == (random.options, random.inputs)
    assert by_name["r1.expert.collect"].options["episodes"] != loop.options["episodes"]


def test_options_of_a_split_lie_over_those_of_the_row():
    assert ROW.options("train") == {"task_options": {"a": 1, "b": 2}}
    assert ROW.options("test") == {"task_options": {"a": 1, "b": 3}, "light": {}}
    with pytest.raises(ConfigError, match="split"):
        TaskRow(task="t", splits={"exam": {}})
    with pytest.raises(ConfigError, match="arm"):
        replace(CONFIG, arms=("loop", "magic"))
    with pytest.raises(ConfigError, match="loop"):
        replace(CONFIG, arms=("random",))
    with pytest.raises(ConfigError, match="plain_part"):
        ClipConfig(plain_part=1.5)
    with pytest.raises(UnknownNameError, match="robot"):
        rows_of(["boat"])


def test_a_map_is_for_who_drives_through_towns_and_towns_are_held_out():
    (row,) = _mapped(rows_of(["drive"]), "town.xodr")
    assert row.options("test")["task_options"]["map"] == {"source": "town.xodr"}
    assert row.options("test")["task_options"]["route_m"] == [100.0, 200.0]
    with pytest.raises(ConfigError, match="--robots drive"):
        _mapped(rows_of(["car"]), "town.xodr")
    (row,) = rows_of(["drive"])
    towns = [range(*row.options(split)["task_options"]["map"]["town_seeds"])
             for split in ("train", "dev", "test")]  # fmt: skip
    assert not set(towns[0]) & set(towns[1])
    assert not set(towns[1]) & set(towns[2])
    assert not set(towns[0]) & set(towns[2])


def test_the_smallest_campaign_has_one_town_for_each_split_and_no_more():
    config = smoke(CampaignConfig(tasks=rows_of(["drive", "wipe"]), spec={}))
    drive, wipe = config.tasks
    seeds = [drive.options(split)["task_options"]["map"]["town_seeds"]
             for split in ("train", "dev", "test")]  # fmt: skip
    assert all(last == first + 1 for first, last in seeds)
    assert len({first for first, _ in seeds}) == 3
    assert drive.options("dev")["task_options"]["stuck_s"] > 0.0
    assert "map" not in wipe.options("dev")["task_options"]


def results(dev: str, scenarios: str):
    """One letter a case: y did it, n did not; - has no result."""
    cases = [
        {"scenario": "", "result": {"key": f"d{n}", "task": "t", "success": mark == "y"}}
        for n, mark in enumerate(dev)
    ]
    frozen = [
        {"scenario": f"s{n}", "result": {"key": f"s{n}", "task": "t", "success": mark == "y"}}
        for n, mark in enumerate(scenarios)
        if mark != "-"
    ]
    return cases + frozen


@pytest.mark.parametrize(
    ("before", "after", "promoted", "lost", "solved"),
    [
        (("nnnn", "--"), ("yyyy", "yn"), True, [], ["s0"]),
        (("yyyy", "yy"), ("yyyn", "yy"), True, [], []),
        (("yyyyyyyy", ""), ("nnnnnnnn", ""), False, [], []),
        (("nnnn", "yn-"), ("yyyy", "nyy"), False, ["s0"], ["s1", "s2"]),
    ],
)
def test_a_candidate_is_promoted_unless_it_is_worse_or_loses_a_scenario(
    before, after, promoted, lost, solved
):
    told = decide(PromoteConfig(), results(*before), results(*after))
    assert (told["promoted"], told["lost"], told["solved"]) == (promoted, lost, solved)
    lenient = decide(PromoteConfig(may_lose=1), results(*before), results(*after))
    assert lenient["promoted"] == (promoted or bool(lost))


def test_odometry_on_a_circle_gives_the_chord_and_the_angle():
    t_s = 0.05 * np.arange(100)
    speed, turn = np.full(100, 4.0), np.full(100, 0.5)
    found = future_motion(t_s, speed, turn)
    radius, angle = 8.0, 0.25
    assert found.known.sum() == 90
    np.testing.assert_allclose(found.turn_rad[found.known], angle, atol=1e-9)
    np.testing.assert_allclose(found.forward_m[found.known], radius * np.sin(angle), rtol=1e-4)
    np.testing.assert_allclose(found.now_forward_m[found.known], 2.0)
    assert not found.stops.any()


def test_a_stop_is_foreseen_two_seconds_before_and_not_three():
    t_s = 0.1 * np.arange(80)
    speed = np.where(t_s < 5.0, 3.0, 0.0)
    found = future_motion(t_s, speed, np.zeros(80))
    assert found.stops[found.stop_known].any()
    rows = np.flatnonzero(found.stops & found.stop_known)
    assert (t_s[rows[0]], t_s[rows[-1]]) == (pytest.approx(3.0), pytest.approx(4.9))


def objects(gap_m, speed_m_s, own_m_s=10.0) -> Objects:
    """The robot at the origin, heading east, and a car of 4 m ahead of it."""
    return Objects(
        t_ns=0, complete=True, names=(EGO, "other"), instance_id=np.array([1, 2], np.int32),
        semantic=np.array([15, 10], np.uint8),
        position_m=np.array([[0, 0, 0], [*gap_m, 0.0]], float),
        quaternion_xyzw=np.tile([0.0, 0, 0, 1.0], (2, 1)),
        linear_m_s=np.array([[own_m_s, 0, 0], [speed_m_s, 0, 0]], float),
        angular_rad_s=np.zeros((2, 3)), box_center_m=np.zeros((2, 3)),
        box_size_m=np.tile([4.0, 2.0, 1.5], (2, 1)), key_point_names=(),
        key_point_instance=np.zeros(0, np.int32), key_point_m=np.zeros((0, 3)),
    )  # fmt: skip


def test_time_to_collision_is_the_gap_over_the_closing_speed():
    # 30 m between the middles less half of the robot's length and half of the other's width.
    assert time_to_collision_s(objects((30, 0), 0.0)) == pytest.approx((30 - 2 - 1) / 10)
    assert time_to_collision_s(objects((30, 0), 4.0)) == pytest.approx((30 - 2 - 1) / 6)
    assert time_to_collision_s(objects((30, 0), 12.0)) == np.inf
    assert time_to_collision_s(objects((30, 6), 0.0)) == np.inf
    assert time_to_collision_s(objects((-30, 0), 0.0)) == np.inf
    assert time_to_collision_s(None) == np.inf


def test_more_time_never_makes_a_smaller_campaign():
    cost = TaskCost(
        build_s=0.5, step_s=0.02, act_s=0.002, row_s=0.003, steps=100, learner_steps=120
    )
    costs = Costs(tasks={"x/T-v0": cost}, batch_s=0.02)
    total = 0.0
    for cpu_s in (20, 100, 400, 2000, 20_000):
        found = fitted(CONFIG, costs, cpu_s)
        spent = sum(expected_s(found, costs).values())
        assert spent >= total
        if cpu_s > 200:
            assert 0.8 * cpu_s < spent <= cpu_s
        total = spent
    assert scaled(CONFIG, 0.001).tasks[0].test_cases == 4
    assert set(TYPICAL_STEPS) == {row.task for rows in ROWS.values() for row in rows}


def test_costs_of_workers_are_averaged_and_lengths_are_kept():
    one = TaskCost(build_s=1.0, step_s=0.02, act_s=0.001, row_s=0.004, steps=10, learner_steps=30)
    two = replace(one, build_s=3.0, step_s=0.04)
    mean = mean_costs([Costs(tasks={"x/T-v0": c}, batch_s=c.step_s) for c in (one, two)])
    assert mean.batch_s == pytest.approx(0.03)
    assert mean.tasks["x/T-v0"] == replace(one, build_s=2.0, step_s=pytest.approx(0.03))
    assert one.brain_s == pytest.approx(1.0 + 30 * 0.021)


class Echo:
    """Answers with what it was shown."""

    name, privileged = "echo", False

    def init(self, seed):
        return ()

    def act(self, observation, state):
        return observation, state


def test_ablations_hide_pictures_or_goals_and_nothing_else():
    rng = np.random.default_rng(0)
    seen = {
        "front/rgb": rng.integers(0, 255, (4, 4, 3), np.uint8),
        "goal/place_m": np.array([1.0, 2.0], np.float32),
        "imu/rate": np.array([3.0]),
    }
    blind, _ = Ablated(Echo(), "blind").act(seen, ((), 5))
    assert (blind["front/rgb"] == 127).all()
    assert blind["goal/place_m"] is seen["goal/place_m"]
    mixed = [Ablated(Echo(), "shuffled").act(seen, ((), seed))[0] for seed in range(8)]
    assert all(m["front/rgb"] is seen["front/rgb"] for m in mixed)
    assert all(sorted(np.abs(m["goal/place_m"])) == [1.0, 2.0] for m in mixed)
    assert any((m["goal/place_m"] != seen["goal/place_m"]).any() for m in mixed)
    with pytest.raises(ConfigError, match="ablation"):
        Ablated(Echo(), "deaf")
