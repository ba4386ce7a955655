"""Scenarios come back as they were, name themselves by their situation, and refuse other files."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from fleetloop.core.errors import ConfigError, DamagedFileError, StorageError
from fleetloop.core.scenario import Scenario, read_scenario, write_scenario

FROZEN = Scenario(
    name="a fall", task="x/T-v0", seed=7, env={"task_options": {"a": [1, 2.5]}}, why="fall",
    found_by="brain-1", digest="ab",
)  # fmt: skip


def test_a_scenario_comes_back_as_it_was(tmp_path):
    write_scenario(FROZEN, tmp_path / "deep" / "s.json")
    assert read_scenario(tmp_path / "deep" / "s.json") == replace(
        FROZEN, env={"task_options": {"a": [1, 2.5]}}
    )
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["s.json"]


def test_the_key_is_that_of_the_situation_and_not_of_who_found_it():
    assert FROZEN.key == replace(FROZEN, name="b", why="", found_by="other", digest="").key
    assert len({FROZEN.key, replace(FROZEN, seed=8).key, replace(FROZEN, env={}).key,
                replace(FROZEN, max_steps=5).key}) == 4  # fmt: skip


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "s.json"
    with pytest.raises(StorageError, match="Cannot read"):
        read_scenario(path)
    path.write_text("{")
    with pytest.raises(DamagedFileError, match="no scenario"):
        read_scenario(path)
    write_scenario(FROZEN, path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 9}))
    with pytest.raises(DamagedFileError, match="version 9"):
        read_scenario(path)
    with pytest.raises(ConfigError, match="seed"):
        replace(FROZEN, seed=-1)
