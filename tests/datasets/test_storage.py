"""Full disks and folders that cannot be written: one clear error, and nothing is lost.

A small file system of its own in memory where this may mount one; elsewhere the system's limit on
the size of a process's files stands for a full disk, and permissions for a read-only one.
"""

from __future__ import annotations

import importlib.util
import os
import resource
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import replace

import pytest

from fleetloop.core.errors import StorageError
from fleetloop.datasets.export import EXPORTERS
from fleetloop.datasets.export.base import export
from fleetloop.datasets.log.repair import repair
from fleetloop.datasets.log.writer import EpisodeWriter

STAMPED = ("rerun",)
SMALL_BYTES = 60_000


def mounted(*arguments) -> bool:
    done = subprocess.run(["mount", *arguments], capture_output=True, timeout=20, check=False)
    return done.returncode == 0


class Disk:
    """A small file system."""

    def __init__(self, place) -> None:
        self.place = place

    def set(self, options: str) -> None:
        assert mounted("-o", f"remount,{options}", str(self.place))


@pytest.fixture
def disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0 or not mounted("-t", "tmpfs", "-o", "size=128k", "tmpfs", str(place)):
        pytest.skip("mounting needs root")
    yield Disk(place)
    subprocess.run(["umount", "-l", str(place)], timeout=20, check=False)


@contextmanager
def small_files(most: int):
    """No file of this process may grow beyond a size."""
    old_action = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    old_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, old_limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old_limit)
        signal.signal(signal.SIGXFSZ, old_action)


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module", params=EXPORTERS)
def whole(request, fleet, tmp_path_factory):
    """Each installed format with what it makes of a street."""
    name = request.param
    for module in EXPORTERS.get(name).NEEDS:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    out = tmp_path_factory.mktemp(name) / "out"
    run(name, fleet, out)
    return name, contents(out)


def run(name, recording, out):
    return export(name, EXPORTERS.get(name), recording, out, {})


def check_gone_on_with(name, recording, out, expected):
    run(name, recording, out)
    found = contents(out)
    assert set(found) == set(expected) if name in STAMPED else found == expected


def test_an_export_onto_a_full_disk_is_told_and_goes_on(whole, fleet, disk):
    name, expected = whole
    out = disk.place / "out"
    with pytest.raises(StorageError, match="gone on with by the same command"):
        run(name, fleet, out)
    assert not out.exists()
    disk.set("size=64m")
    check_gone_on_with(name, fleet, out, expected)


def test_an_export_that_may_not_write_large_files_is_told_and_goes_on(whole, fleet, tmp_path):
    name, expected = whole
    out = tmp_path / "out"
    if max(len(data) for data in expected.values()) <= SMALL_BYTES:
        pytest.skip(f"no file of {name} is that large")
    with small_files(SMALL_BYTES), pytest.raises(StorageError, match="gone on with by the same"):
        run(name, fleet, out)
    assert not out.exists()
    check_gone_on_with(name, fleet, out, expected)


def test_an_export_onto_a_read_only_disk_is_told(whole, fleet, disk):
    name, _ = whole
    disk.set("ro")
    with pytest.raises(StorageError, match="Cannot write"):
        run(name, fleet, disk.place / "out")


def test_a_recording_onto_a_full_disk_keeps_what_was_whole(made_up, disk, tmp_path):
    writer = EpisodeWriter(disk.place, lossless=True, chunk_bytes=4096)

    def fill():
        for number in range(100):
            made_up.write_as(writer, replace(made_up.meta, episode_id=f"e{number:02d}"))

    with pytest.raises(StorageError, match="finished episodes are safe"):
        fill()
    (part,) = disk.place.glob("*.part")
    logs = sorted(disk.place.glob("*.mcap"))
    assert logs
    sizes = {len(path.read_bytes()) for path in logs}
    assert len(sizes) == 1, "all that have a name are whole"
    disk.set("size=8m")
    repair(part, tmp_path / "mended.mcap")
    disk.set("ro")
    with pytest.raises(StorageError):
        made_up.write_as(EpisodeWriter(disk.place), replace(made_up.meta, episode_id="late"))
