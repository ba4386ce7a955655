"""Engines and numbers of workers give the same answers; workers that die are replaced."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from fleetloop.core.errors import ConfigError, StateError, UnknownNameError
from fleetloop.loop.fleet import ENGINES, make_fleet
from fleetloop.loop.fleet.base import Job

HERE = str(Path(__file__).parent)
HAS_RAY = importlib.util.find_spec("ray") is not None


@pytest.fixture(autouse=True)
def jobs_importable(monkeypatch):
    # Spawned workers get the parent's sys.path; Ray's get the environment.
    monkeypatch.syspath_prepend(HERE)
    old = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [HERE, old])))
    yield
    sys.modules.pop("jobs", None)


def ends(engine: str, workers: int, jobs):
    fleet = make_fleet(engine, workers)
    try:
        for job in jobs:
            fleet.submit(job)
        found = {}
        while (end := fleet.wait()) is not None:
            found[end.name] = end
        return found
    finally:
        fleet.close()


def digests(count: int):
    return [Job(name=f"d{n}", call="jobs:digest", args={"text": n}) for n in range(count)]


ENGINE_CASES = [
    ("inline", 1),
    ("process", 1),
    ("process", 2),
    pytest.param(
        "ray", 2,
        marks=[pytest.mark.long, pytest.mark.skipif(not HAS_RAY, reason="needs the extra ray")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("engine", "workers"), ENGINE_CASES)
def test_every_engine_gives_the_same_answers_and_tells_errors(engine, workers):
    wanted = {name: end.value for name, end in ends("inline", 1, digests(7)).items()}
    jobs = [*digests(7), Job(name="bad", call="jobs:fail", args={"what": "luck"})]
    found = ends(engine, workers, jobs)
    bad = found.pop("bad")
    assert bad.value is None
    assert bad.error.startswith("ValueError: no luck\n")
    assert {name: end.value for name, end in found.items()} == wanted
    assert all(end.error == "" and end.attempts == 1 for end in found.values())
    assert len(set(wanted.values())) == 7


def test_a_worker_that_dies_is_replaced_and_its_job_done_again(tmp_path):
    jobs = [Job(name="dies", call="jobs:die_once", args={"marker": str(tmp_path / "m")})]
    found = ends("process", 2, jobs + digests(4))
    assert found["dies"].value == "lived"
    assert found["dies"].attempts == 2
    assert len(found) == 5


def test_a_worker_killed_from_outside_is_replaced(tmp_path):
    fleet = make_fleet("process", 1)
    try:
        marker = tmp_path / "pid"
        fleet.submit(Job(name="slow", call="jobs:slow", args={"marker": str(marker)}))
        while not marker.exists() or not marker.read_text():
            assert fleet.wait(0.05) is None
        (first,) = fleet.process_ids
        assert int(marker.read_text()) == first
        os.kill(first, signal.SIGKILL)
        marker.unlink()
        while not marker.exists() or not marker.read_text():
            assert fleet.wait(0.05) is None
        (second,) = fleet.process_ids
        assert second != first
        fleet.submit(Job(name="waits", call="jobs:digest", args={"text": 1}))
        assert set(fleet.parts_done()) == {"slow"}
    finally:
        fleet.close()


def test_a_job_that_kills_every_worker_is_told_and_others_go_on():
    found = ends("process", 1, [Job(name="k", call="jobs:die", args={}), *digests(2)])
    assert "exit code 7" in found["k"].error
    assert found["k"].attempts == 3
    assert found["d1"].value


def test_closing_ends_the_workers_at_once(tmp_path):
    fleet = make_fleet("process", 2)
    marker = tmp_path / "pid"
    fleet.submit(Job(name="slow", call="jobs:slow", args={"marker": str(marker)}))
    while not marker.exists() or not marker.read_text():
        fleet.wait(0.05)
    worker = int(marker.read_text())
    fleet.close()
    fleet.close()
    for _ in range(100):
        if not Path(f"/proc/{worker}").exists():
            break
        time.sleep(0.05)
    assert not Path(f"/proc/{worker}").exists()
    with pytest.raises(StateError, match="closed"):
        fleet.submit(Job(name="late", call="jobs:die", args={}))


def test_what_is_wrong_is_told():
    with pytest.raises(UnknownNameError, match="engine"):
        make_fleet("cloud")
    with pytest.raises(ConfigError, match="workers is 0"):
        make_fleet("process", 0)
    assert set(ENGINES) == {"inline", "process", "ray"}
    end = ends("inline", 1, [Job(name="x", call="os.nowhere:f", args={})])["x"]
    assert "cannot be imported" in end.error
