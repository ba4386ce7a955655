"""Scenarios: a frozen situation comes out the same, and a failed one fails the command."""

from __future__ import annotations

from dataclasses import replace

from typer.testing import CliRunner

from fleetloop.core.scenario import Scenario, read_scenario, write_scenario
from fleetloop.loop.cli import build_app
from fleetloop.loop.scenario import run_scenario

FROZEN = Scenario(name="bay", task="fleetloop/Park-v0", seed=3, why="a first one",
                  env={"physics": "fast", "rig": []})  # fmt: skip


def test_a_frozen_situation_is_made_again_to_the_byte(tmp_path):
    first = run_scenario(FROZEN)
    assert first.outcome.success
    assert first.same_bytes is None
    write_scenario(replace(FROZEN, digest=first.outcome.digest), tmp_path / "bay.json")
    assert run_scenario(read_scenario(tmp_path / "bay.json")).same_bytes
    other = run_scenario(replace(FROZEN, seed=4, digest=first.outcome.digest))
    assert other.same_bytes is False


def test_the_command_fails_if_a_scenario_does(tmp_path):
    write_scenario(FROZEN, tmp_path / "good.json")
    done = CliRunner().invoke(build_app(), ["scenario", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "1 of 1 succeeded" in done.output
    write_scenario(replace(FROZEN, name="cut", max_steps=5), tmp_path / "cut.json")
    done = CliRunner().invoke(build_app(), ["scenario", str(tmp_path)])
    assert done.exit_code == 1
    assert "1 of 2 succeeded" in done.output


def test_an_empty_folder_is_told(tmp_path):
    done = CliRunner().invoke(build_app(), ["scenario", str(tmp_path)])
    assert done.exit_code != 0
