"""A recording that was stopped goes on where it was, to the same contents as one that was not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from fleetloop.core.errors import StorageError
from fleetloop.datasets.content import dataset_hash, episode_hash
from fleetloop.datasets.recording import Recording
from fleetloop.loop.record import RecordPlan, record

TASK = "fleetloop/LaneFollow-v0"


def plan(folder, episodes=3):
    return RecordPlan(
        out=folder, task=TASK, episodes=episodes, seed=20, max_steps=3,
        env_options={"rig": "front64"},
    )  # fmt: skip


def hashes(folder):
    return {path.name: episode_hash(e) for path, e in zip(
        Recording(folder).paths, Recording(folder), strict=True)}  # fmt: skip


def quiet(*told):
    pass


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    record(plan(folder), quiet, quiet)
    return folder


@pytest.mark.parametrize("moment", [(1, 0), pytest.param((2, 2), marks=pytest.mark.long)])
def test_what_was_stopped_ends_with_the_same_hashes(moment, undisturbed, tmp_path):
    class StopError(Exception):
        pass

    def on_step(number, step):
        if (number, step.index) == moment:
            raise StopError

    with pytest.raises(StopError):
        record(plan(tmp_path), on_step, quiet)
    assert len(list(tmp_path.glob("*.mcap"))) == moment[0]
    done = record(plan(tmp_path), quiet, quiet)
    assert [one.was_there for one in done] == [number < moment[0] for number in range(3)]
    assert hashes(tmp_path) == hashes(undisturbed)
    assert not list(tmp_path.glob("*.part"))
    assert dataset_hash(hashes(tmp_path).items()) == dataset_hash(hashes(undisturbed).items())


def test_a_folder_of_another_plan_is_refused(undisturbed):
    other = RecordPlan(
        out=undisturbed, task=TASK, episodes=3, seed=20, max_steps=2,
        env_options={"rig": "front64"},
    )  # fmt: skip
    with pytest.raises(StorageError, match="other options"):
        record(other, quiet, quiet)


@pytest.mark.long
def test_kills_of_the_command_lose_nothing(undisturbed, tmp_path):
    """The command itself, killed at random moments until it has ended by itself."""
    arguments = ["record", "--out", str(tmp_path), "--task", TASK, "--episodes", "3",
                 "--seed", "20", "--max-steps", "3", "--rig", "front64"]  # fmt: skip
    code = "from fleetloop.loop.cli import main; main()"
    rng = np.random.default_rng(7)
    expected = hashes(undisturbed)
    kills = 0
    for _ in range(40):
        child = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            child.wait(timeout=float(rng.uniform(1.0, 12.0)))
            break
        except subprocess.TimeoutExpired:
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
            kills += 1
        finished = list(tmp_path.glob("*.mcap"))
        for path in finished:
            assert episode_hash(next(iter(Recording(path)))) == expected[path.name]
    assert kills, "it ended before it was killed: shorten the waits"
    record(plan(tmp_path), quiet, quiet)
    assert hashes(tmp_path) == expected
