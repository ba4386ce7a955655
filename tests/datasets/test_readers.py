"""The tool behind `make readers`: recordings of another configuration are never shown as new."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools" / "readers"


@pytest.fixture(scope="module")
def logs():
    """The module `logs.py`, which is of no package."""
    spec = importlib.util.spec_from_file_location("readers_logs", TOOLS / "logs.py")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by its name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_the_stamp_follows_what_is_recorded_and_how_it_is_written(logs, monkeypatch):
    recording = logs.Recording("fleetloop/HumanoidWipe-v0", "head64", 5, 2)
    stamp = logs.stamp_of(recording)
    assert logs.stamp_of(replace(recording, episodes=9)) == stamp
    others = [
        logs.stamp_of(replace(recording, rig="body")),
        logs.stamp_of(replace(recording, max_steps=6)),
    ]
    monkeypatch.setattr(logs, "FORMAT_VERSION", logs.FORMAT_VERSION + 1)
    others.append(logs.stamp_of(recording))
    assert len({stamp, *others}) == 4


def test_stale_recordings_give_way_and_one_line_says_so(logs, tmp_path, capsys):
    for name in ("drive", "drive-0123456789ab", "drive-fedcba987654", "driveway", "human-0"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.mcap").write_bytes(b"log")
    folder = logs.log_folder(tmp_path, "drive", "fedcba987654")
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 2
    assert all("another configuration" in line for line in told)
    assert (folder / "a.mcap").read_bytes() == b"log"
    assert {p.name for p in tmp_path.iterdir()} == {"drive-fedcba987654", "driveway", "human-0"}
    assert logs.log_folder(tmp_path, "drive", "fedcba987654") == folder
    assert capsys.readouterr().out == ""
