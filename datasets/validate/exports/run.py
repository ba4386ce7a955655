"""Checks one export: its files by their checksums, its lineage, and what its format asks for."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

from fleetloop.core.errors import MissingDependencyError
from fleetloop.datasets.export.base import SUMS, read_sums
from fleetloop.datasets.lineage import FILE_NAME, Lineage, read_lineage
from fleetloop.datasets.recording import file_sha256
from fleetloop.datasets.validate.base import EpisodeReport, Finding, Report
from fleetloop.datasets.validate.exports import EXPORT_CHECKS

_WORST_FIRST = {"error": 0, "warning": 1, "note": 2}
_MOST_TOLD = 10
# What readers of all formats raise on files that are damaged, cut or not there.
_UNREADABLE = (OSError, EOFError, ValueError, LookupError, TypeError, tarfile.TarError)


def is_export(place: Path) -> bool:
    """Whether a folder is an export and no recording."""
    return place.is_dir() and (place / FILE_NAME).is_file()


def validate_export(folder: Path) -> Report:
    """Checks an export; damage is a finding, not an error that is raised."""
    findings: list[Finding] = []
    episodes = 0
    try:
        lineage = read_lineage(folder)
        episodes = len(lineage.episodes)
        findings += _files(folder)
        findings += _lineage(lineage)
        if lineage.exporter in EXPORT_CHECKS:
            findings += EXPORT_CHECKS.get(lineage.exporter)(folder, lineage)
    except MissingDependencyError as error:
        findings.append(Finding(severity="note", check="format", where="all", message=str(error)))
    except _UNREADABLE as error:
        told = f"cannot be read: {type(error).__name__} {error}"
        findings.append(Finding(severity="error", check="format", where="all", message=told))
    report = EpisodeReport(
        file=folder.name,
        episode_id="",
        findings=tuple(sorted(findings, key=lambda f: _WORST_FIRST[f.severity])),
        samples={"episodes": episodes},
    )
    return Report(episodes=(report,))


def _files(folder: Path) -> Iterator[Finding]:
    """Every file that was written is there and as it was; nothing else is."""
    sums = read_sums(folder)
    there = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_file() and path != folder / SUMS
    }
    told = 0
    for name, digest in sums.items():
        if told == _MOST_TOLD:
            return
        if name not in there:
            told += 1
            yield _error("integrity", name, "is missing")
        elif file_sha256(there[name]) != digest:
            told += 1
            yield _error("integrity", name, "is not what was written")
    for name in sorted(set(there) - set(sums))[:_MOST_TOLD]:
        yield Finding(
            severity="warning", check="integrity", where=name, message="was added afterwards"
        )


def _lineage(lineage: Lineage) -> Iterator[Finding]:
    seen: set[str] = set()
    for episode in lineage.episodes:
        if episode.source.sha256 in seen:
            yield _error("lineage", episode.source.file, "went in twice")
        seen.add(episode.source.sha256)
        if not episode.signals:
            yield _error("lineage", episode.source.file, "nothing of it came through")
    if not lineage.episodes:
        yield _error("lineage", "all", "there are no episodes")


def _error(check: str, where: str, message: str) -> Finding:
    return Finding(severity="error", check=check, where=where, message=message)
