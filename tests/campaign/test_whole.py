"""The smallest whole campaign: every engine's digests alike, a report that a real browser shows."""

from __future__ import annotations

import importlib.util
import json
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fleetloop.core.errors import StorageError
from fleetloop.loop.lineage import ancestry, difference, lint, stage_of, way_back

HAS_TORCH = importlib.util.find_spec("torch") is not None
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)

pytestmark = [pytest.mark.long, pytest.mark.skipif(not HAS_TORCH, reason="needs PyTorch")]


def loop(out, engine: str, seed: int = 0) -> str:
    from fleetloop.loop.cli import build_app

    options = ["--smoke", "--robots", "car", "--engine", engine, "--seed", str(seed)]
    done = CliRunner().invoke(build_app(), ["loop", *options, "--out", str(out)])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    out = tmp_path_factory.mktemp("campaign") / "inline"
    loop(out, "inline")
    return out


def digests(out):
    index = json.loads((out / "index.json").read_text())
    return {
        name: json.loads((out / "stages" / folder / "manifest.json").read_text())["digest"]
        for name, folder in index.items()
    }


def test_processes_make_the_same_campaign_and_a_second_run_makes_nothing(campaign, tmp_path):
    loop(tmp_path / "process", "process")
    assert digests(tmp_path / "process") == digests(campaign)
    before = digests(campaign)
    assert "Going on" in loop(campaign, "inline")
    assert digests(campaign) == before


def killed_now_and_then(out, kills: int, chance: random.Random) -> int:
    """Runs the loop until it ends by itself, and kills it after a few more jobs each time."""
    program = Path(sys.executable).with_name("fleetloop")
    command = [str(program), "loop", "--smoke", "--robots", "car", "--out", str(out)]
    done = 0
    while True:
        jobs_before = jobs_done(out)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        if done == kills:
            assert process.wait(timeout=600) == 0
            return done
        jobs = jobs_before + chance.randint(1, 4)
        while jobs_done(out) < jobs and process.poll() is None:
            time.sleep(0.02)
        until_s = time.monotonic() + chance.uniform(0.0, 1.5)
        while time.monotonic() < until_s and process.poll() is None:
            time.sleep(0.01)
        if process.poll() is not None:
            assert process.returncode == 0
            return done
        process.kill()
        process.wait()
        done += 1


def jobs_done(out) -> int:
    costs = out / "costs.jsonl"
    return len(costs.read_text().splitlines()) if costs.exists() else 0


def test_a_loop_that_is_killed_thirty_times_ends_with_the_same_digests(campaign, tmp_path):
    killed, folders, chance = 0, 0, random.Random(7)
    while killed < 30:
        out = tmp_path / f"killed{folders}"
        killed += killed_now_and_then(out, 30 - killed, chance)
        assert digests(out) == digests(campaign)
        folders += 1


def test_the_way_back_ends_at_every_episode_and_no_held_out_world_is_on_it(campaign):
    stage = stage_of(campaign)
    assert stage_of(stage / "brain" / "brain") == stage.resolve()
    kinds = {node.manifest.kind for node in way_back(stage)}
    assert kinds == {"promote", "train", "label", "mine", "trigger", "collect", "evaluate"}
    told = ancestry(stage)
    assert len(told.trainings) == 2
    assert {name.split(" by ")[1] for name in told.seeds} == {"expert", "brain"}
    assert sum(told.triggers.values()) == told.rows
    assert lint(campaign) == []
    first = campaign / "stages" / json.loads((campaign / "index.json").read_text())["r0.train"]
    lines = {line[0]: line[1:] for line in difference(first, stage)}
    assert lines["trainings"] == ("1", "2")
    with pytest.raises(StorageError, match="no result of a campaign"):
        stage_of(campaign.parent)


def test_a_held_out_world_that_was_taught_is_found(campaign, tmp_path):
    out = tmp_path / "leaky"
    shutil.copytree(campaign, out)
    index = json.loads((out / "index.json").read_text())
    path = out / "stages" / index["first.collect"] / "manifest.json"
    case = json.loads((out / "stages" / index["r0.test"] / "manifest.json").read_text())
    data = json.loads(path.read_text())
    data["options"]["episodes"][0]["seed"] = case["options"]["cases"][0]["seed"]
    path.write_text(json.dumps(data))
    assert len(lint(out)) == 1
    assert "is taught by first.collect" in lint(out)[0]


def test_a_frozen_failure_comes_out_the_same(campaign, tmp_path):
    from fleetloop.loop.cli import build_app

    index = json.loads((campaign / "index.json").read_text())
    frozen = next((campaign / "stages" / index["films"]).glob("*/scenario.json"))
    brain = stage_of(campaign) / "brain" / "brain"
    command = ["rerun", str(frozen), "--brain", str(brain), "--out", str(tmp_path)]
    done = CliRunner().invoke(build_app(), command)
    assert done.exit_code == 0, done.output
    assert "The same bytes" in done.output


def test_the_report_holds_everything_and_asks_for_nothing(campaign):
    page = (campaign / "report.html").read_text()
    assert "default-src 'none'" in page
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)""", page)
    assert "http:" not in page
    assert "https:" not in page
    for title in ("success in held-out worlds", "Promotion", "Failures of the last brain",
                  "Three lessons", "Shadow mode", "Does it need what it is shown?", "Lineage",
                  "Cost"):  # fmt: skip
        assert title in page
    assert page.count('src="data:image/jpeg;base64,') >= 1


@pytest.mark.skipif(not BROWSER, reason="needs chromium")
def test_a_real_browser_shows_the_report(campaign, tmp_path):
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,1400",
               f"--user-data-dir={tmp_path / 'profile'}"]  # fmt: skip
    url = (campaign / "report.html").as_uri()
    dom = subprocess.run(
        [BROWSER, *options, "--dump-dom", url], capture_output=True, text=True, timeout=120
    ).stdout
    assert dom.count("<svg") >= 2
    subprocess.run(
        [BROWSER, *options, f"--screenshot={tmp_path / 'shot.png'}", url],
        capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    assert (tmp_path / "shot.png").stat().st_size > 20_000
