"""What made a result: versions of packages, and the code itself."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import fleetloop.core.versions as versions
from fleetloop.core.versions import CODE, ROOMS, code_hash, hash_of_sources, installed_versions


def test_the_code_is_named_among_the_versions():
    assert installed_versions()[CODE] == code_hash()
    assert re.fullmatch("[0-9a-f]{16}", code_hash())


def test_any_change_of_any_source_changes_the_hash(tmp_path):
    room = Path(versions.__file__).parent
    shutil.copytree(room, tmp_path / "core", ignore=shutil.ignore_patterns("__pycache__"))
    before = hash_of_sources(tmp_path, ["core"])
    assert before == hash_of_sources(room.parent, ["core"])
    (tmp_path / "core" / "notes.txt").write_text("no source")
    assert hash_of_sources(tmp_path, ["core"]) == before
    clock = tmp_path / "core" / "clock.py"
    text = clock.read_text()
    clock.write_text(text + "#")
    assert hash_of_sources(tmp_path, ["core"]) != before
    clock.write_text(text)
    clock.rename(tmp_path / "core" / "clocks.py")
    assert hash_of_sources(tmp_path, ["core"]) != before


def test_all_that_a_log_follows_from_is_hashed():
    assert set(ROOMS) == {"core", "envs", "datasets", "agents"}
