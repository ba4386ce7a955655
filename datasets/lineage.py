"""Where a derived data set came from, and what it lost on the way: `lineage.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleetloop.core.config import from_json, to_json
from fleetloop.core.errors import DamagedFileError, StorageError
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.resample import ResampleReport

FILE_NAME = "lineage.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One log that went in.

    Attributes:
        file: Its name, without the folder.
        sha256: Of the whole file.
        episode_id, seed, task, robot, policy, config_hash: As in its metadata.
        digest: Of everything sensed and done, as its outcome says; empty if it was cut.
        t_first_ns, t_last_ns: What it covers, in simulated time.
    """

    file: str
    sha256: str
    episode_id: str
    seed: int
    task: str
    robot: str
    policy: str
    config_hash: str
    digest: str
    t_first_ns: int
    t_last_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One signal that came through.

    Attributes:
        source: `sensor.field`, or `step.field`.
        target: What it is called in the result.
        resampling: What was done to its times; None if it kept all samples and stamps.
        lossy: Why its values are not those that the sensor gave; empty if they are.
    """

    source: str
    target: str
    resampling: ResampleReport | None = None
    lossy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """One signal that did not.

    Attributes:
        source: `sensor.field`, or what else was left out.
        reason: Why.
    """

    source: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeLineage:
    """One episode of the result."""

    source: Source
    signals: tuple[Signal, ...]
    dropped: tuple[Dropped, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """All of it.

    Attributes:
        exporter: Its registered name.
        version: Of fleetloop.
        options: Of the exporter, as plain JSON.
        episodes: In the order of the result.
    """

    exporter: str
    version: str
    options: Mapping[str, Any]
    episodes: tuple[EpisodeLineage, ...]


def source_of(episode: RecordedEpisode) -> Source:
    """Names a log as a source; reads the whole file once."""
    meta = episode.meta
    return Source(
        file=episode.path.name,
        sha256=episode.sha256,
        episode_id=meta.episode_id,
        seed=meta.seed,
        task=meta.task,
        robot=meta.robot,
        policy=meta.policy,
        config_hash=meta.config_hash,
        digest="" if episode.outcome is None else episode.outcome.digest,
        t_first_ns=episode.t_first_ns,
        t_last_ns=episode.t_last_ns,
    )


def stored_loss(episode: RecordedEpisode, sensor: str, field: str) -> str:
    """What the log itself does to a field's values; empty if nothing."""
    return "" if episode.is_lossless(sensor, field) else "JPEG in the log"


def write_lineage(lineage: Lineage, folder: Path) -> Path:
    """Writes `lineage.json` into a folder.

    Raises:
        StorageError: It cannot be written.
    """
    path = folder / FILE_NAME
    try:
        path.write_text(json.dumps(to_json(lineage), indent=1, allow_nan=False) + "\n")
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror or error}.") from error
    return path


def read_lineage(folder: Path) -> Lineage:
    """Reads what `write_lineage` wrote.

    Raises:
        StorageError: It is not there.
        DamagedFileError: It is not of that form.
    """
    path = folder / FILE_NAME
    try:
        text = path.read_text()
    except OSError as error:
        raise StorageError(f"Cannot read {path}: {error.strerror or error}.") from error
    try:
        return from_json(Lineage, json.loads(text))
    except ValueError as error:
        raise DamagedFileError(f"{path} is no lineage: {error}") from error
