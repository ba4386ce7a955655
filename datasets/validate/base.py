"""What a check is, and what it reports.

A check sees every record of one episode once, in order, and keeps only what it needs of them, so
that validating needs no more memory for a longer episode.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from fleetloop.datasets.log.reader import Record
from fleetloop.datasets.recording import RecordedEpisode

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that a check found.

    Attributes:
        severity: `error`: the data is not what it claims. `warning`: look at it. `note`: as
            configured, but worth knowing.
        check: Which check.
        where: Sensor, field, step.
        message: What, with the value.
    """

    severity: Severity
    check: str
    where: str
    message: str


class Check(Protocol):
    """One check of one episode."""

    def __init__(self, episode: RecordedEpisode) -> None: ...

    def add(self, record: Record) -> None:
        """Sees the next record."""
        ...

    def finish(self) -> Iterator[Finding]:
        """What was found; called once, after the last record."""
        ...

    def measures(self) -> Mapping[str, float]:
        """Figures for the report, by name with unit; after `finish`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeReport:
    """All about one log.

    Attributes:
        file: Its name.
        episode_id: From its metadata; empty if that cannot be read.
        findings: Worst first.
        measures: By name.
        samples: Number of samples by sensor.
    """

    file: str
    episode_id: str
    findings: tuple[Finding, ...]
    measures: Mapping[str, float] = field(default_factory=dict)
    samples: Mapping[str, int] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        """Number of errors."""
        return sum(finding.severity == "error" for finding in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All about a recording."""

    episodes: tuple[EpisodeReport, ...]

    @property
    def errors(self) -> int:
        """Number of errors in all episodes."""
        return sum(episode.errors for episode in self.episodes)
