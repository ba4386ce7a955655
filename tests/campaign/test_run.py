"""A campaign comes to the same digests whatever the engine, and whatever kills it on the way."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fleetloop.core.errors import ConfigError, DamagedFileError, StorageError
from fleetloop.loop.campaign.run import _alone_in, run_stages
from fleetloop.loop.campaign.stage import Stage, in_order
from fleetloop.loop.campaign.store import StageStore, read_manifest
from fleetloop.loop.fleet import make_fleet
from fleetloop.loop.fleet.base import JobError

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))
    old = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(HERE), old])))
    import small

    small.register()
    yield small
    sys.modules.pop("small", None)


def run(small, out, engine="inline", workers=1, **options):
    fleet = make_fleet(engine, workers)
    watcher = small.Quiet()
    try:
        results = run_stages(small.campaign(**options), out, fleet, watcher)
    finally:
        fleet.close()
    return {name: result.manifest.digest for name, result in results.items()}, watcher


def digests(out: Path) -> dict[str, str]:
    index = json.loads((out / "index.json").read_text())
    assert sorted(set(index.values())) == sorted(path.name for path in (out / "stages").iterdir())
    return {name: read_manifest(out / "stages" / found).digest for name, found in index.items()}


def folder(out: Path, stage: str) -> Path:
    return out / "stages" / json.loads((out / "index.json").read_text())[stage]


def test_engines_and_numbers_of_workers_make_the_same_files(small, tmp_path):
    first, watcher = run(small, tmp_path / "a")
    assert [state for _, state in watcher.stages].count("done") == 5
    assert watcher.parts[-1] == (5.0, 5.0)
    assert watcher.parts == sorted(watcher.parts)
    second, _ = run(small, tmp_path / "b", "process", 2)
    assert first == second == digests(tmp_path / "a") == digests(tmp_path / "b")
    assert first["one.draw"] != first["two.draw"]
    total = (folder(tmp_path / "a", "total") / "all" / "total.txt").read_text()
    assert int(total) > 0


def test_what_is_there_is_not_made_again_and_a_change_makes_only_what_follows(small, tmp_path):
    first, _ = run(small, tmp_path)
    again, watcher = run(small, tmp_path)
    assert again == first
    assert {state for _, state in watcher.stages} == {"found"}
    changed, watcher = run(small, tmp_path, below=60)
    states = dict(watcher.stages)
    assert states["one.draw"] == "found"
    assert states["one.pick"] == states["total"] == "done"
    assert changed["one.draw"] == first["one.draw"]
    assert changed["total"] != first["total"]
    # The older results are as they were.
    assert run(small, tmp_path)[0] == first


def test_a_result_that_was_changed_is_noticed(small, tmp_path):
    run(small, tmp_path)
    path = folder(tmp_path, "one.draw") / "e1" / "numbers.txt"
    path.write_text(path.read_text() + "7")
    with pytest.raises(DamagedFileError, match=r"e1/numbers\.txt"):
        run(small, tmp_path)
    shutil.rmtree(path.parents[1])
    run(small, tmp_path)


def test_jobs_that_were_done_are_kept_and_half_ones_are_not(small, tmp_path):
    wanted, _ = run(small, tmp_path / "whole")
    store = StageStore(tmp_path / "cut" / "stages")
    manifest = read_manifest(folder(tmp_path / "whole", "one.draw"))
    part = store.begin("test_draw", manifest.key)
    (part / "e0").mkdir()
    (part / "e0" / "numbers.txt").write_text(
        "1"
    )  # not what the job writes: it shows that it is kept
    (part / "e1.elsewhere-1.part").mkdir()
    (part / "e1.elsewhere-1.part" / "numbers.txt").write_text("half")
    (part / "manifest.json.part").write_text("{")
    found, _ = run(small, tmp_path / "cut")
    kept = folder(tmp_path / "cut", "one.draw")
    assert (kept / "e0" / "numbers.txt").read_text() == "1"
    assert sorted(path.name for path in kept.iterdir() if path.is_dir()) == ["e0", "e1", "e2", "e3"]
    assert found["one.draw"] != wanted["one.draw"]
    assert found["two.draw"] == wanted["two.draw"]


def test_a_job_that_fails_is_told_and_the_rest_is_kept(small, tmp_path):
    stages = small.campaign()
    bad = Stage(name="bad", kind="test_total", options={}, inputs={"one": "one.pick"})
    fleet = make_fleet("inline", 1)
    with pytest.raises(JobError, match=r"job all of the stage bad failed: KeyError: 'slow_s'"):
        run_stages([*stages, bad], tmp_path, fleet, small.Quiet())
    assert "slow_s" in (tmp_path / "costs.jsonl").read_text()
    assert folder(tmp_path, "one.pick").is_dir()


def test_stages_that_are_the_same_work_share_one_result(small, tmp_path):
    twins = [
        Stage(name=name, kind="test_draw", options={"seed": 1, "count": 2, "slow_s": 0.0})
        for name in ("first", "second")
    ]
    fleet = make_fleet("inline", 1)
    watcher = small.Quiet()
    results = run_stages(twins, tmp_path, fleet, watcher)
    assert results["first"].folder == results["second"].folder
    assert watcher.stages == [("first", "begun"), ("first", "done"), ("second", "found")]


def test_graphs_that_do_not_hold_together_are_refused():
    def stage(name, *inputs):
        return Stage(name=name, kind="test_total", inputs={each: each for each in inputs})

    assert [s.name for s in in_order([stage("b", "a"), stage("a")])] == ["a", "b"]
    with pytest.raises(ConfigError, match="circle"):
        in_order([stage("a", "b"), stage("b", "a")])
    with pytest.raises(ConfigError, match="no stage"):
        in_order([stage("a", "x")])
    with pytest.raises(ConfigError, match="called 'a'"):
        in_order([stage("a"), stage("a")])


def test_two_runs_cannot_share_a_folder(tmp_path):
    with (
        _alone_in(tmp_path),
        pytest.raises(StorageError, match="Another run"),
        _alone_in(tmp_path),
    ):
        pass
    with _alone_in(tmp_path):
        pass


def killed_often(out: Path, kills: int, engine: str, slow_s: float, seed: int) -> int:
    """Runs the program until it ends by itself; kills it the first times, at any moment."""
    chance = random.Random(seed)
    command = [sys.executable, str(HERE / "small.py"), str(out), engine, str(slow_s)]
    done = 0
    while True:
        process = subprocess.Popen(command)
        moment_s = time.monotonic() + chance.uniform(0.2, 1.0)
        if done < kills:
            # The clock starts when the campaign does: starting Python takes any time.
            while not (out / "stages").exists() and process.poll() is None:
                time.sleep(0.01)
                moment_s = time.monotonic() + chance.uniform(0.0, 0.5)
            while time.monotonic() < moment_s and process.poll() is None:
                time.sleep(0.005)
            if process.poll() is None:
                process.kill()
                process.wait()
                done += 1
                continue
        assert process.wait(timeout=300) == 0
        return done


@pytest.mark.parametrize(
    ("kills", "engine"),
    [(2, "inline"), pytest.param(30, "process", marks=pytest.mark.long)],
)
def test_a_campaign_killed_at_any_moment_ends_with_the_same_digests(small, tmp_path, kills, engine):
    run(small, tmp_path / "undisturbed", slow_s=0.05)
    killed, folders = 0, 0
    while killed < kills:
        out = tmp_path / f"killed{folders}"
        killed += killed_often(out, kills - killed, engine, slow_s=0.05, seed=folders)
        assert digests(out) == digests(tmp_path / "undisturbed")
        folders += 1
    assert killed == kills
