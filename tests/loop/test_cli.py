"""The command line as a user types it: in processes of their own, with small episodes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from mcap.reader import make_reader

from fleetloop.core.types import Sample
from fleetloop.datasets.log.reader import EpisodeLog
from fleetloop.datasets.log.writer import EpisodeWriter
from fleetloop.envs.sensors.camera_labels import LABELS
from fleetloop.loop.cli import build_app
from fleetloop.loop.commands import COMMANDS, GROUPS
from fleetloop.loop.terminal import told_size

SMALL = ("--episodes", "2", "--max-steps", "4", "--rig", "front64")


def fleetloop(*arguments, cwd, check=0):
    """Runs the command and gives back what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "fleetloop.loop.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
        check=False,
        timeout=300,
    )
    assert done.returncode == check, f"{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Two short episodes, and what recording them printed."""
    place = tmp_path_factory.mktemp("recorded")
    return place, fleetloop("record", "--out", "data", *SMALL, cwd=place)


def test_recording_tells_what_it_made(recorded):
    place, told = recorded
    names = sorted(path.name for path in (place / "data").iterdir())
    assert names == ["LaneFollow-v0-0.mcap", "LaneFollow-v0-1.mcap"]
    for name in names:
        digest = EpisodeLog(place / "data" / name).outcome.digest
        assert f"{name}: 4 steps" in told
        assert digest[:16] in told


def test_recording_again_keeps_what_is_there(recorded):
    place, _ = recorded
    before = {path.name: path.read_bytes() for path in (place / "data").iterdir()}
    told = fleetloop("record", "--out", "data", *SMALL, cwd=place)
    assert told.count("(was there)") == 2
    assert "other code" not in told
    assert {path.name: path.read_bytes() for path in (place / "data").iterdir()} == before


def test_other_options_never_mix_into_a_folder(recorded):
    place, _ = recorded
    options = ("--episodes", "2", "--max-steps", "5", "--rig", "front64")
    told = fleetloop("record", "--out", "data", *options, cwd=place, check=2)
    assert "choose another folder" in told


def test_replay_finds_the_same_bytes(recorded):
    place, _ = recorded
    told = fleetloop("replay", "data", "--threads", "1", cwd=place)
    assert told.count("same bytes") == 2
    assert "other code" not in told


def test_replay_says_when_other_code_made_a_log(recorded, tmp_path):
    place, _ = recorded
    log = EpisodeLog(place / "data" / "LaneFollow-v0-1.mcap")
    for name, versions in (
        ("older", {**log.meta.versions, "fleetloop-code": "0" * 16}),
        ("silent", {k: v for k, v in log.meta.versions.items() if k != "fleetloop-code"}),
    ):
        with EpisodeWriter(tmp_path / name) as writer:
            writer.begin(replace(log.meta, versions=versions), log.schemas)
            for record in log.records():
                writer.add(record)
            writer.end(log.outcome)
    options = ("--out", "older", "--episodes", "1", "--seed", "1", *SMALL[2:])
    told = fleetloop("record", *options, cwd=tmp_path)
    assert "(was there) made by other code" in told
    assert f"made by other code: {'0' * 16}" in fleetloop("replay", "older", cwd=tmp_path)
    assert "does not say which code made it" in fleetloop("replay", "silent", cwd=tmp_path)


def test_replay_finds_where_a_recording_was_touched(recorded, tmp_path):
    """One wheel speed of one sample is changed by the smallest step there is."""
    place, _ = recorded
    log = EpisodeLog(place / "data" / "LaneFollow-v0-1.mcap")
    touched = 0
    with EpisodeWriter(tmp_path) as writer:
        writer.begin(log.meta, log.schemas)
        for record in log.records():
            if isinstance(record, Sample) and (record.sensor, record.seq) == ("wheels", 5):
                speed = record.data["speed_m_s"].copy()
                speed[2] = np.nextafter(speed[2], np.float32(99))
                record.data["speed_m_s"] = speed
                touched += 1
            writer.add(record)
        writer.end(log.outcome)
    assert touched == 1
    told = fleetloop("replay", tmp_path, cwd=tmp_path, check=1)
    assert "differs: sample 5 of wheels" in told
    assert "speed_m_s differs in 1 of 4 numbers" in told


def test_a_stopped_recording_is_finished_by_the_next_run(tmp_path, recorded):
    place, _ = recorded
    command = [sys.executable, "-m", "fleetloop.loop.cli", "record", "--out", "data"]
    options = ["--episodes", "2", "--max-steps", "4", "--rig", "front64"]
    process = subprocess.Popen(
        [*command, *options],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Tests that a shell runs in the background are deaf to it, and so would be the child.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("data/*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert b"run it again to go on" in told
    fleetloop("record", "--out", "data", *SMALL, cwd=tmp_path)
    for name in ("LaneFollow-v0-0.mcap", "LaneFollow-v0-1.mcap"):
        first = EpisodeLog(place / "data" / name).outcome
        assert EpisodeLog(tmp_path / "data" / name).outcome == first
    assert not list(tmp_path.glob("data/*.part"))


def test_repair_saves_a_cut_recording(recorded, tmp_path):
    place, _ = recorded
    whole = (place / "data" / "LaneFollow-v0-0.mcap").read_bytes()
    (tmp_path / "cut.mcap.part").write_bytes(whole[: len(whole) - 200])
    told = fleetloop("repair", "cut.mcap.part", "saved.mcap", cwd=tmp_path)
    assert "4 steps" in told
    assert len(list(EpisodeLog(tmp_path / "saved.mcap").steps())) == 4


def test_logs_open_in_a_plain_mcap_reader(recorded):
    place, _ = recorded
    with (place / "data" / "LaneFollow-v0-0.mcap").open("rb") as stream:
        topics = {c.topic: s.name for s, c, _ in make_reader(stream).iter_messages()}
    assert topics["/sensor/front/rgb"] == "foxglove.CompressedImage"
    assert topics["/sensor/gnss/fix"] == "foxglove.LocationFix"


def test_export_turns_a_recording_into_another_format(recorded, tmp_path):
    place, _ = recorded
    told = fleetloop("export", "webdataset", place / "data", "out", "--set", "labels=false",
                     cwd=tmp_path)  # fmt: skip
    assert "out: 2 episodes" in told
    assert "changed: front.rgb: JPEG in the log" in told
    assert (
        sorted(p.suffix for p in (tmp_path / "out").iterdir())
        == ["", ".json", ".json"] + [".tar"] * 2
    )
    told = fleetloop("export", "webdatset", place / "data", "more", cwd=tmp_path, check=2)
    assert "Did you mean 'webdataset'?" in told


def test_data_sets_are_made_of_recordings(recorded, tmp_path):
    place, _ = recorded
    data = place / "data"
    told = fleetloop("stats", data, cwd=tmp_path)
    assert "2 episodes" in told
    assert re.search(r"^ends: max_steps 2$", told, re.M)
    assert re.search(r"^events: ", told, re.M)
    assert re.search(r"^wheels: \w+, \d+ samples$", told, re.M)
    assert re.search(r"from its grid 0\.\d+ us: ok$", told, re.M)
    # Four whole figures and the unit, where the terminal is narrow too.
    assert re.search(r"^  speed_m_s( +-?\d[\d.e+-]*){4} m/s$", told, re.M)
    assert "\u2026" not in told.split("ends:")[1]
    told = fleetloop("split", data, "parts", "--shares", "train=1,test=1", cwd=tmp_path)
    assert "train: 1 episodes" in told
    told = fleetloop("merge", "again", "parts/train", "parts/test", cwd=tmp_path)
    assert "again: 2 episodes" in told
    names = sorted(path.name for path in (tmp_path / "again").iterdir())
    assert names == ["LaneFollow-v0-0.mcap", "LaneFollow-v0-1.mcap"]
    told = fleetloop("filter", data, "fast", "--where", "wheels.speed_m_s max > -1", cwd=tmp_path)
    assert "fast: 2 of 2 episodes" in told
    told = fleetloop("filter", data, "none", "--event", "nothing", cwd=tmp_path, check=2)
    assert "No episode is left" in told
    like = f"{data / 'LaneFollow-v0-1.mcap'}@0.0"
    told = fleetloop("filter", data, "twin", "--like", like, "--most", "1", cwd=tmp_path)
    assert "LaneFollow-v0-1.mcap: 1.000 alike" in told
    assert [path.name for path in (tmp_path / "twin").iterdir()] == ["LaneFollow-v0-1.mcap"]
    fleetloop("card", "again", "--title", "Two drives", cwd=tmp_path)
    assert "# Two drives" in (tmp_path / "again" / "README.md").read_text()


def test_any_label_can_be_recorded_in_either_physics(tmp_path):
    options = ("--episodes", "1", "--max-steps", "2", "--rig", "front64", "--physics", "fast")
    fleetloop("record", "--out", "data", *options, "--labels", "all", cwd=tmp_path)
    log = EpisodeLog(tmp_path / "data" / "LaneFollow-v0-0.mcap")
    assert set(LABELS) < set(log.schemas["front"])
    assert log.meta.config["physics"] == "fast"
    told = fleetloop("record", "--out", "more", *options, "--labels", "depth", cwd=tmp_path,
                     check=2)  # fmt: skip
    assert "no label 'depth'" in told


def test_pages_and_sheets_are_written(recorded, tmp_path):
    place, _ = recorded
    told = fleetloop("view", place / "data", "pages", cwd=tmp_path)
    assert "LaneFollow-v0-1.html" in told
    page = (tmp_path / "pages" / "LaneFollow-v0-0.html").read_text()
    assert "<title>LaneFollow-v0-0" in page
    log = place / "data" / "LaneFollow-v0-0.mcap"
    assert "pixels" in fleetloop("sheet", log, "sheet.png", cwd=tmp_path)
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("size_bytes", "told"),
    [(0, "0 kB"), (49_890, "50 kB"), (999_499, "999 kB"), (999_500, "1.0 MB"), (2e7, "20.0 MB")],
)
def test_sizes_are_told_in_a_unit_that_shows_them(size_bytes, told):
    assert told_size(size_bytes) == told


def test_validate_tells_good_from_bad(recorded, tmp_path):
    place, _ = recorded
    told = fleetloop("validate", place / "data", "--json", tmp_path / "r.json", cwd=tmp_path)
    assert told.count(": ok;") == 2
    assert json.loads((tmp_path / "r.json").read_text())["episodes"][0]["findings"] == []
    bad = bytearray((place / "data" / "LaneFollow-v0-0.mcap").read_bytes())
    bad[len(bad) // 2] ^= 1
    (tmp_path / "bad.mcap").write_bytes(bad)
    told = fleetloop("validate", tmp_path / "bad.mcap", cwd=tmp_path, check=1)
    assert "FAILED" in told
    assert "checksum" in told.lower() or "crc" in told.lower()


def test_list_names_everything_that_is_registered(tmp_path):
    told = fleetloop("list", cwd=tmp_path)
    for name in ("fleetloop/LaneFollow-v0", "car", "front64", "vision8", "lidar", "imu"):
        assert re.search(rf"\b{re.escape(name)}\b", told), name


def test_doctor_tells_versions_remedies_and_speed(tmp_path):
    told = fleetloop("doctor", cwd=tmp_path)
    assert "pybullet" in told
    assert "million rays/s" in told
    assert "x real time" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("record", "--out", "/proc/nowhere"), "StorageError: Cannot make the folder"),
        (("record", "--out", "x", "--task", "nope"), "UnknownNameError: Unknown task 'nope'"),
        (("record", "--out", "x", "--episodes", "0"), "ConfigError: The number of episodes is 0"),
        (("record", "--out", "x", "--rig", "nope"), "Unknown rig 'nope'"),
        (("replay", "nothing"), "StorageError: There is no .mcap file at nothing"),
        (("list", "robot"), "Did you mean 'robots'?"),
        (("record",), "Missing option '--out'"),
        (("recrod",), "No such command 'recrod'"),
    ],
)
def test_mistakes_are_told_in_a_line_without_a_trace(arguments, words, tmp_path):
    told = fleetloop(*arguments, cwd=tmp_path, check=2)
    assert words in told
    assert "Traceback" not in told


def test_help_shows_each_command_once_and_sorts_only_those_that_exist() -> None:
    sorted_names = [name for names in GROUPS.values() for name in names]
    assert len(sorted_names) == len(set(sorted_names))
    assert set(sorted_names) <= set(COMMANDS)
    shown = [command.name for command in build_app().registered_commands]
    assert sorted(filter(None, shown)) == sorted(COMMANDS)
