"""What holds for every export format: nothing lost in silence, safe to stop, same bytes again."""

from __future__ import annotations

import importlib.util
import json

import pytest

from fleetloop.core.errors import StorageError
from fleetloop.datasets.export import EXPORTERS
from fleetloop.datasets.export.base import export, read_sums
from fleetloop.datasets.lineage import read_lineage
from fleetloop.datasets.validate.exports.run import is_export, validate_export

OPTIONS = {"webdataset": {"reference": "front"}}
STAMPED = ("rerun",)
"""Formats whose own library writes random numbers into its files."""


def kind_of(name):
    """The exporter, if what it needs is installed."""
    kind = EXPORTERS.get(name)
    for module in kind.NEEDS:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    return kind


def run(name, recording, out, kind=None):
    return export(name, kind or kind_of(name), recording, out, OPTIONS.get(name, {}))


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module", params=EXPORTERS)
def exported(request, fleet, tmp_path_factory):
    """Each format's export of two episodes."""
    out = tmp_path_factory.mktemp(request.param) / "out"
    report = run(request.param, fleet, out)
    return request.param, out, report


def test_counts_and_lineage(exported, fleet):
    name, out, report = exported
    lineage = read_lineage(out)
    assert report.episodes == len(fleet) == len(lineage.episodes)
    assert lineage.exporter == name
    assert report.frames > 0
    assert report.size_bytes == sum(len(data) for data in contents(out).values())
    for told, episode in zip(lineage.episodes, fleet, strict=True):
        assert told.source.sha256 == episode.sha256
        assert told.source.seed == episode.meta.seed


def test_no_field_is_lost_in_silence(exported, fleet):
    _, out, _ = exported
    for told, episode in zip(read_lineage(out).episodes, fleet, strict=True):
        named = {s.source for s in told.signals} | {d.source for d in told.dropped}
        for sensor, schema in episode.schemas.items():
            for field in schema:
                assert {sensor, f"{sensor}.{field}"} & named, f"{sensor}.{field}"
        assert any(source.startswith("step.") for source in named)


def test_the_same_again_is_the_same_bytes(exported, fleet, tmp_path):
    name, out, _ = exported
    run(name, fleet, tmp_path / "again")
    if name in STAMPED:
        assert set(contents(tmp_path / "again")) == set(contents(out))
        return
    assert contents(tmp_path / "again") == contents(out)


@pytest.mark.parametrize("moment", ["before", "within", "finish"])
def test_what_was_stopped_goes_on_to_the_same_bytes(moment, exported, fleet, tmp_path):
    name, out, _ = exported
    kind = kind_of(name)

    class Stopped(kind):
        def add_episode(self, episode, number, staging):
            if number == 1 and moment == "before":
                raise KeyboardInterrupt
            part = kind.add_episode(self, episode, number, staging)
            if number == 1 and moment == "within":
                raise KeyboardInterrupt
            return part

        def finish(self, parts, staging):
            kind.finish(self, parts, staging)
            if moment == "finish":
                raise KeyboardInterrupt

    target = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run(name, fleet, target, Stopped)
    assert not target.exists()
    report = run(name, fleet, target)
    assert report.resumed == (2 if moment == "finish" else 1)
    if name in STAMPED:
        assert set(contents(target)) == set(contents(out))
    else:
        assert contents(target) == contents(out)


def test_validate_finds_it_whole_and_then_damaged(exported, tmp_path):
    name, out, _ = exported
    assert is_export(out)
    report = validate_export(out)
    assert report.errors == 0, report.episodes[0].findings
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for file, data in contents(out).items():
        (damaged / file).parent.mkdir(parents=True, exist_ok=True)
        (damaged / file).write_bytes(data)
    sums = read_sums(damaged)
    largest = max(sums, key=lambda file: (damaged / file).stat().st_size)
    data = bytearray((damaged / largest).read_bytes())
    data[len(data) // 2] ^= 0x55
    (damaged / largest).write_bytes(data)
    assert any(largest == f.where for f in validate_export(damaged).episodes[0].findings)
    (damaged / largest).unlink()
    assert validate_export(damaged).errors, name


def test_an_export_never_writes_over_anything(exported, fleet):
    name, out, _ = exported
    with pytest.raises(StorageError, match="exists already"):
        run(name, fleet, out)


def test_lineage_is_plain_json(exported):
    _, out, _ = exported
    told = json.loads((out / "lineage.json").read_text())
    assert {"exporter", "version", "options", "episodes"} == set(told)
