"""What every exporter is, and the one way in which exports are run.

An exporter turns one episode after another into files of a staging folder, and finishes with what
spans all of them (tables, indexes, statistics). Around it `export` makes the whole safe: the
staging folder gets the name of the result in one rename when everything is there; an episode that
was written is noted, with what the exporter wants to remember of it, so a run that was stopped
goes on with the next one; `lineage.json` says where everything came from, and `SHA256SUMS` what
every file must be.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

from fleetloop.core.config import from_json, to_json
from fleetloop.core.digest import canonical_json
from fleetloop.core.errors import (
    ConfigError,
    DamagedFileError,
    MissingDependencyError,
    StorageError,
)
from fleetloop.core.versions import installed_versions
from fleetloop.datasets.lineage import (
    Dropped,
    EpisodeLineage,
    Lineage,
    Signal,
    source_of,
    write_lineage,
)
from fleetloop.datasets.recording import RecordedEpisode, Recording, file_sha256

SUMS = "SHA256SUMS"
"""Checksums of all files of an export, as `sha256sum --check` reads them."""

_NOTES = ".export"
_PLAN = "plan.json"

Json = Any
"""Plain JSON values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodePart:
    """What an exporter wrote of one episode.

    Attributes:
        frames: Rows, images or whatever the format counts.
        signals: What came through.
        dropped: What did not.
        memory: Plain JSON that `finish` gets back, also in a later run.
    """

    frames: int
    signals: tuple[Signal, ...]
    dropped: tuple[Dropped, ...]
    memory: Mapping[str, Json] = field(default_factory=dict)


class Exporter(Protocol):
    """One format. Made as `ExporterClass(options)`; remembers nothing between calls.

    Attributes:
        OPTIONS: Frozen dataclass of options; `OPTIONS()` must be sensible.
        NEEDS: Modules that it imports, and that the base install may lack.
        EXTRA: The extra of fleetloop that brings them.
    """

    OPTIONS: ClassVar[type[Any]]
    NEEDS: ClassVar[tuple[str, ...]]
    EXTRA: ClassVar[str]

    def __init__(self, options: Any) -> None:  # noqa: ANN401 - each format takes its own options
        ...

    def add_episode(self, episode: RecordedEpisode, number: int, staging: Path) -> EpisodePart:
        """Writes one episode, in bounded memory.

        Args:
            episode: What to write.
            number: Its place in the result, from 0.
            staging: Folder for the files; what a stopped run left of this episode is overwritten.
        """
        ...

    def finish(self, parts: Sequence[EpisodePart], staging: Path) -> None:
        """Writes what spans all episodes, from what was remembered of each."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What an export made.

    Attributes:
        out: The result.
        episodes, frames: Counts.
        resumed: Episodes that an earlier, stopped run had written already.
        size_bytes: Of all files.
        lossy: Signals whose values changed, as `source: why`.
        dropped: Signals that were left out, as `source: why`.
    """

    out: Path
    episodes: int
    frames: int
    resumed: int
    size_bytes: int
    lossy: tuple[str, ...]
    dropped: tuple[str, ...]


def make_exporter(kind: type[Exporter], options: Mapping[str, Json]) -> Exporter:
    """Builds an exporter from plain options.

    Raises:
        MissingDependencyError: A package that it needs is not installed.
        ConfigError: Options that it does not know, or values that are not possible.
    """
    chosen = from_json(kind.OPTIONS, dict(options))
    missing = [name for name in kind.NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f"This export needs {', '.join(missing)}: pip install 'fleetloop[{kind.EXTRA}]'."
        )
    return kind(chosen)


def export(
    name: str,
    kind: type[Exporter],
    recording: Recording,
    out: str | os.PathLike[str],
    options: Mapping[str, Json],
    on_episode: Callable[[int], None] = lambda number: None,
) -> ExportReport:
    """Exports a recording.

    Args:
        name: Registered name of the format, for the lineage.
        kind: The exporter.
        recording: What to export.
        out: The folder to make. Until it is whole it is called `out.part`; a run that was stopped
            there is gone on with.
        options: Fields of the exporter's options that differ from their defaults.
        on_episode: Called with each episode's number when it is written.

    Raises:
        StorageError: `out` exists, cannot be written, or an unfinished export of something else is
            in its way.
    """
    out = Path(out)
    exporter = make_exporter(kind, options)
    if out.exists():
        raise StorageError(f"{out} exists already: delete it, or choose another folder.")
    staging = out.with_name(out.name + ".part")
    notes = staging / _NOTES
    all_options = to_json(from_json(kind.OPTIONS, dict(options)))
    plan = {
        "exporter": name,
        "version": installed_versions().get("fleetloop", ""),
        "options": all_options,
        "logs": [path.name for path in recording.paths],
    }
    try:
        _prepare(notes, plan, out)
        parts, lineages, resumed = _write_all(exporter, recording, staging, on_episode)
        exporter.finish(parts, staging)
        told = Lineage(
            exporter=name, version=plan["version"], options=all_options, episodes=tuple(lineages)
        )
        write_lineage(told, staging)
        write_sums(staging)
        shutil.rmtree(notes)
        size = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
        os.replace(staging, out)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            f"Cannot write {error.filename or staging}: {error.strerror or error}. Free space or "
            f"choose another folder; what is in {staging} is gone on with by the same command."
        ) from error
    return ExportReport(
        out=out,
        episodes=len(parts),
        frames=sum(part.frames for part in parts),
        resumed=resumed,
        size_bytes=size,
        lossy=_told({(s.source, s.lossy) for part in parts for s in part.signals if s.lossy}),
        dropped=_told({(d.source, d.reason) for part in parts for d in part.dropped}),
    )


def write_safely(path: Path, text: str) -> None:
    """Writes a text file so that it is there whole or not at all."""
    part = path.with_name(path.name + ".tmp")
    with open(part, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(part, path)


def write_sums(folder: Path) -> Path:
    """Writes the checksums of all files in a folder."""
    # A run that was killed while it wrote them left this behind, and it must not be summed.
    (folder / f"{SUMS}.tmp").unlink(missing_ok=True)
    lines = [
        f"{file_sha256(path)}  {path.relative_to(folder).as_posix()}\n"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and _NOTES not in path.parts and path.name != SUMS
    ]
    target = folder / SUMS
    write_safely(target, "".join(lines))
    return target


def read_sums(folder: Path) -> dict[str, str]:
    """SHA-256 by path within the folder, as `write_sums` wrote them.

    Raises:
        StorageError: They are not there.
        DamagedFileError: A line is not of that form.
    """
    path = folder / SUMS
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"Cannot read {path}: {error}.") from error
    sums = {}
    for line in lines:
        digest, gap, name = line[:64], line[64:66], line[66:]
        if gap != "  " or not name or name.startswith("/") or ".." in Path(name).parts:
            raise DamagedFileError(f"{path} has the line {line[:80]!r}, which is no checksum.")
        sums[name] = digest
    return sums


def _prepare(notes: Path, plan: Mapping[str, Json], out: Path) -> None:
    notes.mkdir(parents=True, exist_ok=True)
    there = notes / _PLAN
    if not there.exists():
        write_safely(there, canonical_json(plan))
    elif there.read_text() != canonical_json(plan):
        raise StorageError(
            f"{notes.parent} is an unfinished export with other options or of another recording: "
            f"delete it, or choose another name than {out}."
        )


def _write_all(
    exporter: Exporter, recording: Recording, staging: Path, on_episode: Callable[[int], None]
) -> tuple[list[EpisodePart], list[EpisodeLineage], int]:
    """Writes the episodes that are not there yet; tells also how many were."""
    parts, lineages, resumed = [], [], 0
    for number, episode in enumerate(recording):
        note = staging / _NOTES / f"{number:06d}.json"
        if note.exists():
            resumed += 1
        else:
            _write_episode(exporter, episode, number, staging, note)
        part, lineage = _read_note(note, episode, staging)
        parts.append(part)
        lineages.append(lineage)
        episode.close()
        on_episode(number)
    return parts, lineages, resumed


def _write_episode(
    exporter: Exporter, episode: RecordedEpisode, number: int, staging: Path, note: Path
) -> None:
    part = exporter.add_episode(episode, number, staging)
    told = {signal.source for signal in part.signals}
    there = {"lanes": episode.lanes is not None, "dynamics": episode.log.tells_dynamics}
    dropped = part.dropped + tuple(
        Dropped(source=source, reason="no place for them; they stay in the log")
        for source, has in there.items()
        if has and source not in told
    )
    part = replace(part, dropped=dropped)
    lineage = EpisodeLineage(source=source_of(episode), signals=part.signals, dropped=dropped)
    # Not canonical: the order of names is part of what an exporter remembers.
    write_safely(note, json.dumps({"part": to_json(part), "lineage": to_json(lineage)}))


def _read_note(
    note: Path, episode: RecordedEpisode, staging: Path
) -> tuple[EpisodePart, EpisodeLineage]:
    """What was written of an episode.

    Read back also in the run that wrote it: a run that was stopped must not end otherwise than one
    that was not.
    """
    try:
        data = json.loads(note.read_text())
        part = from_json(EpisodePart, data["part"])
        lineage = from_json(EpisodeLineage, data["lineage"])
    except (ValueError, KeyError, ConfigError) as error:
        raise DamagedFileError(f"{note} cannot be read ({error}): delete {staging}.") from error
    if lineage.source.sha256 != episode.sha256:
        raise StorageError(
            f"{episode.path} has changed since this export was begun: delete {staging}."
        )
    return part, lineage


def _told(pairs: set[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(f"{source}: {why}" for source, why in sorted(pairs))
