"""Runs all checks over a recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from fleetloop.core.errors import StorageError
from fleetloop.core.types import Sample
from fleetloop.datasets.log.writer import PART_SUFFIX
from fleetloop.datasets.recording import RecordedEpisode, Recording
from fleetloop.datasets.validate import CHECKS
from fleetloop.datasets.validate.base import EpisodeReport, Finding, Report

_WORST_FIRST = {"error": 0, "warning": 1, "note": 2}


def validate(
    recording: Recording, on_episode: Callable[[EpisodeReport], None] = lambda report: None
) -> Report:
    """Checks every log of a recording.

    Args:
        recording: What to check.
        on_episode: Called with each report as it is there.
    """
    reports = []
    seen: dict[str, Path] = {}
    for path in recording.paths:
        report = validate_log(path)
        first = seen.setdefault(report.episode_id, path) if report.episode_id else path
        if first != path:
            twice = Finding(
                severity="error", check="episode", where=report.episode_id,
                message=f"is also in {first.name}: one of them would count twice",
            )  # fmt: skip
            report = EpisodeReport(
                file=report.file, episode_id=report.episode_id, measures=report.measures,
                findings=(twice, *report.findings), samples=report.samples,
            )  # fmt: skip
        reports.append(report)
        on_episode(report)
    if recording.place.is_dir():
        left = [
            EpisodeReport(file=part.name, episode_id="", findings=(_unfinished(part),))
            for part in sorted(recording.place.glob("*" + PART_SUFFIX))
        ]
        for report in left:
            on_episode(report)
        reports += left
    return Report(episodes=tuple(reports))


def validate_log(path: Path) -> EpisodeReport:
    """Checks one log; damage is a finding, not an error that is raised."""
    try:
        episode = RecordedEpisode(path)
    except StorageError as error:
        return EpisodeReport(file=path.name, episode_id="", findings=(_damaged(error),))
    samples = dict.fromkeys(episode.schemas, 0)
    findings: list[Finding] = []
    measures: dict[str, float] = {}
    try:
        checks = {name: CHECKS.get(name)(episode) for name in CHECKS}
        for record in episode.log.records():
            if isinstance(record, Sample):
                samples[record.sensor] += 1
            for check in checks.values():
                check.add(record)
        for check in checks.values():
            findings += check.finish()
            measures |= check.measures()
    except StorageError as error:
        findings.append(_damaged(error))
    episode.close()
    return EpisodeReport(
        file=path.name,
        episode_id=episode.meta.episode_id,
        findings=tuple(sorted(findings, key=lambda finding: _WORST_FIRST[finding.severity])),
        measures=measures,
        samples=samples,
    )


def told(report: EpisodeReport) -> Iterator[str]:
    """An episode's report as lines for people."""
    counts = ", ".join(f"{count} {name}" for name, count in report.samples.items() if count)
    verdict = "FAILED" if report.errors else "ok"
    yield f"{report.file}: {verdict}; {counts or 'nothing could be read'}"
    for finding in report.findings:
        yield f"  {finding.severity} [{finding.check}] {finding.where}: {finding.message}"
    for name, value in report.measures.items():
        yield f"  {name} {value:.4g}"


def _damaged(error: StorageError) -> Finding:
    return Finding(severity="error", check="integrity", where="file", message=str(error))


def _unfinished(part: Path) -> Finding:
    return Finding(
        severity="warning", check="integrity", where="file",
        message=f"was not finished: record on, or `fleetloop repair {part.name} NAME.mcap`",
    )  # fmt: skip
