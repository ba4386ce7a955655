"""Kills, full disks and long episodes: nothing that was whole is lost, nothing grows."""

from __future__ import annotations

import importlib.util
import os
import resource
import shutil
import signal
import time
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from fleetloop.core.errors import DamagedFileError, StorageError
from fleetloop.core.types import Step
from fleetloop.datasets.export import EXPORTERS
from fleetloop.datasets.export.base import export, write_sums
from fleetloop.datasets.export.webdataset import WebDataset
from fleetloop.datasets.log.reader import EpisodeLog
from fleetloop.datasets.log.repair import repair
from fleetloop.datasets.log.writer import EpisodeWriter
from fleetloop.datasets.recording import Recording

EPISODES = 6


def in_a_child(work) -> int:
    """Runs `work` in a forked process of its own and returns its number."""
    child = os.fork()
    if child == 0:
        # Whatever happens, the child must not go on with the parent's tests.
        try:
            work()
            os._exit(0)
        except StorageError:
            os._exit(3)
        except BaseException:
            os._exit(4)
    return child


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def record_all(made_up, folder) -> None:
    """What `fleetloop record` does: episodes that are there already are left as they are."""
    with EpisodeWriter(folder, lossless=True, chunk_bytes=4096) as writer:
        for number in range(EPISODES):
            meta = replace(made_up.meta, episode_id=f"e{number}")
            if not writer.path(meta.episode_id).exists():
                made_up.write_as(writer, meta)


def contents(folder) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def duration_s(work) -> float:
    begin = time.monotonic()
    assert ended(in_a_child(work)) == 0
    return time.monotonic() - begin


def killed(work, delay_s: float) -> bool:
    """Runs `work` in a child and kills it after a while; False if it had ended before."""
    child = in_a_child(work)
    time.sleep(delay_s)
    os.kill(child, signal.SIGKILL)
    return ended(child) == -signal.SIGKILL


def record_kills(made_up, tmp_path, wanted: int, seed: int) -> None:
    """Kills recordings until so many were hit; each folder is then gone on with to its end."""
    whole = tmp_path / "whole"
    full_s = duration_s(lambda: record_all(made_up, whole))
    expected = contents(whole)
    rng = np.random.default_rng(seed)
    kills = tries = 0
    while kills < wanted:
        folder = tmp_path / f"round{tries}"
        for delay_s in rng.uniform(0.0, full_s, size=2):
            tries += 1
            assert tries < 5 * wanted + 20, "most children end before they are killed"
            kills += killed(lambda folder=folder: record_all(made_up, folder), delay_s)
            for path in sorted(folder.glob("*.mcap")):
                assert path.read_bytes() == expected[path.name], "a finished episode is whole"
            for part in folder.glob("*.part"):
                check_part(part, made_up, tmp_path / f"mended{tries}.mcap")
        record_all(made_up, folder)
        assert contents(folder) == expected, "gone on with, it is the same bytes"
        shutil.rmtree(folder)


def check_part(part, made_up, target) -> None:
    """What a kill left can be repaired, unless not even the description was written."""
    try:
        result = repair(part, target)
    except DamagedFileError:
        assert part.stat().st_size < 65_536
        return
    back = list(EpisodeLog(target).records())
    assert sum(isinstance(record, Step) for record in back) == result.steps
    assert made_up.digest(back) == made_up.digest(made_up.records[: len(back)])


def test_10_kills_at_random_moments_lose_no_finished_episode(made_up, tmp_path):
    record_kills(made_up, tmp_path, 10, seed=0)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 11))
def test_200_kills_at_random_moments_lose_no_finished_episode(seed, made_up, tmp_path):
    """Twenty for each seed."""
    record_kills(made_up, tmp_path, 20, seed)


MADE_UP = {
    "webdataset": {"reference": "eye"},
    "lerobot": {"pictures": "png", "labels": True},
    "minari": {"labels": True},
    "robomimic": {},
    "rlds": {},
    "ros2": {},
}
"""Formats that take the made-up episode, which has no lenses and no labels of range."""

STREET = {"coco": {}, "kitti": {}, "nuscenes": {}, "rerun": {}}
"""Formats that need more: they get a street."""

STAMPED = ("rerun",)
"""Formats whose own library writes random numbers into its files."""


def installed(names) -> list[str]:
    return [n for n in names if all(importlib.util.find_spec(m) for m in EXPORTERS.get(n).NEEDS)]


def same(name: str, out, expected: dict[str, bytes]) -> bool:
    found = contents(out)
    return set(found) == set(expected) if name in STAMPED else found == expected


def export_kills(formats, recording, tmp_path, wanted: int, seed: int) -> None:
    """Kills exports of formats in turn; those that are not installed are left out."""
    names = installed(formats)

    def run(name, out):
        export(name, EXPORTERS.get(name), recording, out, formats[name])

    durations = {n: duration_s(lambda n=n: run(n, tmp_path / n)) for n in names}
    expected = {name: contents(tmp_path / name) for name in names}
    rng = np.random.default_rng(seed)
    kills = tries = 0
    while kills < wanted:
        name, out = names[tries % len(names)], tmp_path / f"out{tries}"
        tries += 1
        assert tries < 5 * wanted + 20, "most children end before they are killed"
        delay_s = rng.uniform(0.0, durations[name])
        kills += killed(lambda name=name, out=out: run(name, out), delay_s)
        # The name of the result is there only when all of it is.
        assert not out.exists() or same(name, out, expected[name])
        if not out.exists():
            run(name, out)
        assert same(name, out, expected[name]), name
        shutil.rmtree(out)


def test_6_kills_while_exporting_end_in_the_same_files(made_up, tmp_path):
    record_all(made_up, tmp_path / "data")
    export_kills(MADE_UP, Recording(tmp_path / "data"), tmp_path, 6, seed=0)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 9))
def test_160_kills_while_exporting_end_in_the_same_files(seed, made_up, tmp_path):
    """Twenty for each seed."""
    record_all(made_up, tmp_path / "data")
    export_kills(MADE_UP, Recording(tmp_path / "data"), tmp_path, 20, seed)


@pytest.mark.long
@pytest.mark.parametrize("name", STREET)
def test_40_kills_while_exporting_a_street_end_in_the_same_files(name, fleet, tmp_path):
    """Ten for each format."""
    if not installed([name]):
        pytest.skip(f"{name} is not installed")
    export_kills({name: STREET[name]}, fleet, tmp_path, 10, seed=1)


def test_sums_leave_out_what_a_killed_run_left_of_them(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"a")
    whole = write_sums(tmp_path).read_text()
    (tmp_path / "SHA256SUMS.tmp").write_text(whole[:20])
    assert write_sums(tmp_path).read_text() == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["SHA256SUMS", "a.bin"]


@pytest.mark.parametrize("limit", [2_000, 30_000, 100_000])
def test_a_full_disk_is_told_and_what_was_written_is_saved(limit, made_up, tmp_path):
    """The system itself refuses to write more: the limit of a process on the size of a file."""
    folder = tmp_path / "data"
    made_up.write_as(EpisodeWriter(folder, lossless=True), replace(made_up.meta, episode_id="a"))
    before = contents(folder)

    def work():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        # Larger than what the limit allows, in small chunks.
        writer = EpisodeWriter(folder, lossless=True, chunk_bytes=4096)
        writer.begin(replace(made_up.meta, episode_id="b"), made_up.schemas)
        for _ in range(50):
            for record in made_up.records:
                writer.add(record)

    assert ended(in_a_child(work)) == 3, "StorageError"
    after = contents(folder)
    assert after.pop("b.mcap.part")
    assert after == before
    if limit > 10_000:
        result = repair(folder / "b.mcap.part", tmp_path / "saved.mcap")
        assert sum(isinstance(r, Step) for r in EpisodeLog(tmp_path / "saved.mcap").records()) == (
            result.steps
        )


def test_a_full_disk_stops_an_export_which_then_goes_on(made_up, tmp_path):
    record_all(made_up, tmp_path / "data")
    recording = Recording(tmp_path / "data")

    def work():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        export("webdataset", WebDataset, recording, tmp_path / "out", {"reference": "eye"})

    assert ended(in_a_child(work)) == 3, "StorageError"
    assert not (tmp_path / "out").exists()
    report = export("webdataset", WebDataset, recording, tmp_path / "out", {"reference": "eye"})
    assert report.episodes == EPISODES


def test_memory_does_not_grow_with_the_episode(made_up, tmp_path):
    def peak(times: int) -> int:
        tracemalloc.start()
        writer = EpisodeWriter(tmp_path / str(times), lossless=True, chunk_bytes=65_536)
        writer.begin(made_up.meta, made_up.schemas)
        for _ in range(times):
            for record in made_up.records:
                writer.add(record)
        writer.end(made_up.outcome)
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(2)
    short, long = peak(20), peak(100)
    # The index of chunks is all that may grow: a few hundred bytes for each of them.
    chunks = (tmp_path / "100" / "made-up-7.mcap").stat().st_size / 20_000
    assert long - short < 4_000 * chunks + 50_000
