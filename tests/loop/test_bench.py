"""The benchmark: its figures add up, its files are whole, and its guard tells healthy from lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import gymnasium as gym
import pytest

from fleetloop.core.errors import StateError, UnknownNameError
from fleetloop.envs.registration import TASKS
from fleetloop.loop.bench import env as env_speed
from fleetloop.loop.bench import report
from fleetloop.loop.bench.guard import Gain
from fleetloop.loop.bench.rivals import RIVALS
from fleetloop.loop.bench.rivals.plan import Plan
from fleetloop.loop.bench.rivals.run import rows_of
from fleetloop.loop.bench.timing import DEPTH, OURS, PYBULLET, Cost, Row, cheapest


def row(who, cpu_ms, size="84x84"):
    return Row(scene="A", what=DEPTH, size=size, who=who, cost=Cost(cpu_ms=cpu_ms, wall_ms=cpu_ms))


def test_the_cheapest_of_several_calls_counts():
    calls = []
    cost = cheapest(lambda: calls.append(sum(range(20_000))), 3)
    assert len(calls) == 4  # one to warm up
    assert 0.0 < cost.cpu_ms < 1e3
    assert cost.wall_ms > 0.0


def test_ratios_compare_the_same_scene_thing_and_size():
    rows = [row(OURS, 1.0), row(PYBULLET, 19.0), row(OURS, 2.0, "320x240")]
    rows.append(row(PYBULLET, 50.0, "320x240"))
    assert [report.ratio(one, rows) for one in rows] == [None, 19.0, None, 25.0]
    assert report.short(rows) == [rows[1]]  # 20 times is asked of both
    assert report.asked(row("embreex", 3.0)) is None


def test_what_is_saved_can_be_read_again(tmp_path):
    rows = [row(OURS, 1.0), row(PYBULLET, 30.0)]
    report.save(tmp_path / "new" / "sensors.json", rows, [])
    told = json.loads((tmp_path / "new" / "sensors.json").read_text())
    assert [one["ratio"] for one in told["rows"]] == [None, 30.0]
    assert told["rows"][1]["asked"] == 20
    assert told["machine"]["cores"] >= 1
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["sensors.json"]


def test_the_table_for_documents_has_a_line_for_each_of_ours_and_a_column_for_each_other():
    rows = [row(OURS, 1.0), row(PYBULLET, 19.0), row("embreex", 4.25), row(OURS, 2.0, "320x240")]
    table = [
        [cell.strip() for cell in line.split("|")] for line in report.markdown(rows).splitlines()
    ]
    assert table[0][1:-1] == [
        *("scene", "what", "size", "fleetloop, CPU ms", "PyBullet, x", "embreex, x")
    ]  # fmt: skip
    assert table[2][3:-1] == ["84x84", "1.00", "19 (20)", "4.2"]
    assert table[3][3:-1] == ["320x240", "2.00", "", ""]


def test_a_stage_that_gains_nothing_from_vectors_has_lost_them():
    assert Gain(stage="box", us=10.0, scalar_us=40.0).healthy
    assert not Gain(stage="box", us=39.0, scalar_us=40.0).healthy


def test_a_rival_that_is_not_there_is_told_in_one_line(monkeypatch, tmp_path):
    # A module that fails to import stands first on the path of the rival's process.
    for name in ("mujoco", "moderngl", "embreex"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not on this machine')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    plan = Plan(scene="A", sizes=((84, 84),), repeats=1)
    for name in set(RIVALS) - {"PyBullet-EGL"}:
        (told,) = rows_of(name, plan)
        assert told == f"{name} is not measured: ImportError: not on this machine"


@pytest.mark.long
def test_the_command_measures_ours_beside_pybullet(tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "fleetloop.loop.cli", "bench", "sensors"),
            *("--quick", "--no-rivals", "--out", str(tmp_path)),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
        check=True,
    )
    told = json.loads((tmp_path / "sensors.json").read_text())
    for scene in "AB":
        whose = {(one["what"], one["who"]) for one in told["rows"] if one["scene"] == scene}
        assert {(what, who) for what, who in whose if what != "pose sync"} == {
            (what, who)
            for what in (DEPTH, "rgb+depth+ids, shadows", "lidar")
            for who in (OURS, PYBULLET)
        }
    for one in told["agreement"]:
        assert one["ids"] >= 0.995, one
        assert one["depth"] >= 0.995, one
    assert "Agreement" in done.stdout


class Sudden:
    """An environment whose every episode ends after so many steps; counts what is done to it."""

    def __init__(self, length):
        self.length, self.left, self.resets, self.steps = length, 0, 0, 0
        self.action_space = gym.spaces.Discrete(2)
        self.config = SimpleNamespace(control_hz=10.0)

    def reset(self, seed):
        self.resets, self.left = self.resets + 1, self.length

    def step(self, action):
        if self.left == 0:
            raise StateError("The episode is over.")
        self.left, self.steps = self.left - 1, self.steps + 1
        return {}, 0.0, self.left == 0, False, {}

    def close(self):
        pass


@pytest.mark.parametrize("length", [1, 2, 100])
def test_an_episode_that_ends_is_begun_again_at_once(monkeypatch, length):
    env = Sudden(length)
    monkeypatch.setattr(env_speed, "make_env", lambda *_, **__: env)
    speed = env_speed.measure("fleetloop/LaneFollow-v0", "state", 6)
    assert env.steps == 7  # one to warm up, which may end the first episode
    assert speed.steps == 6
    assert speed.resets == env.resets - 1 == (7 - 1) // length


def test_only_the_tasks_that_were_asked_for_are_measured():
    asked = ["fleetloop/HumanoidCarry-v0", "fleetloop/LaneFollow-v0"]
    found = env_speed.cases(asked)
    assert list(dict.fromkeys(task for task, _, _ in found)) == asked
    assert {task for task, _, _ in env_speed.cases()} == set(TASKS)
    with pytest.raises(UnknownNameError, match="NoSuch"):
        env_speed.cases(["fleetloop/NoSuch-v0"])


@pytest.mark.long
@pytest.mark.parametrize("task", ["fleetloop/LaneFollow-v0", "fleetloop/HumanoidCarry-v0"])
def test_environments_are_measured(task):
    done = subprocess.run(
        [sys.executable, "-m", "fleetloop.loop.cli", "bench", "env", "--quick", "--task", task],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
        check=True,
    )
    lines = done.stdout.splitlines()
    assert any(line.startswith(f"{task}, state, full: ") for line in lines), done.stdout
    assert "CPU ms a reset" in done.stdout
