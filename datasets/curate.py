"""New data sets out of old ones: merge, split without leaks, filter. Logs are never changed.

A log keeps its bytes and its name wherever it goes. Where the file system allows it is linked, not
copied, so a split of a terabyte costs nothing; logs are only ever written once, so that is safe.
"""

from __future__ import annotations

import hashlib
import operator
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from fleetloop.core.digest import canonical_json
from fleetloop.core.errors import ConfigError, StorageError, UnknownNameError
from fleetloop.core.rng import child_generator
from fleetloop.datasets.recording import RecordedEpisode, Recording, file_sha256
from fleetloop.datasets.stats import Spread, small_fields
from fleetloop.datasets.weather import TIMES, WEATHERS, is_time, is_weather, light_of

GroupBy = Literal["scene", "seed", "episode"]

_WHERE = re.compile(r"\s*(\w+)\.(\w+)\s+(min|max|mean|std)\s*(<=|>=|<|>)\s*([-+\d.eE]+)\s*")
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A condition on a sensor's numbers over an episode, such as `wheels.speed_m_s max > 15`."""

    sensor: str
    field: str
    figure: str
    relation: str
    value: float

    @classmethod
    def parse(cls, text: str) -> Where:
        """Reads `SENSOR.FIELD min|max|mean|std < | > | <= | >= NUMBER`.

        Raises:
            ConfigError: The text is not of that form.
        """
        match = _WHERE.fullmatch(text)
        if match is None:
            raise ConfigError(
                f"The condition {text!r} is not of the form 'sensor.field max > 1.5' (min, max, "
                "mean or std; <, >, <= or >=)."
            )
        sensor, field, figure, relation, value = match.groups()
        try:
            number = float(value)
        except ValueError as error:
            raise ConfigError(f"The condition {text!r} ends in no number.") from error
        return cls(sensor=sensor, field=field, figure=figure, relation=relation, value=number)

    def holds(self, episode: RecordedEpisode) -> bool:
        """Whether an episode meets it; one without the sensor does not.

        Raises:
            UnknownNameError: The sensor has no such field of a few numbers.
        """
        if self.sensor not in episode.schemas or not episode.count(self.sensor):
            return False
        schema = episode.schemas[self.sensor]
        if self.field not in small_fields(schema):
            raise UnknownNameError(f"number of {self.sensor}", self.field, small_fields(schema))
        spread = Spread()
        for sample in episode.samples(self.sensor, [self.field]):
            spread.add(sample.data[self.field])
        found = {"min": spread.low, "max": spread.high, "mean": spread.mean, "std": spread.std}
        return _COMPARE[self.relation](found[self.figure], self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which episodes to keep; what is left at its default keeps all.

    Attributes:
        task, robot, policy, cause: As recorded.
        success: Whether the task was done.
        events: Kinds of which at least one must have happened.
        where: Conditions that must all hold.
        min_steps: Fewest steps.
        times, weathers: Names of `datasets.weather`; all must hold.

    Raises:
        UnknownNameError: A time or weather that there is no word for.
    """

    task: str = ""
    robot: str = ""
    policy: str = ""
    cause: str = ""
    success: bool | None = None
    events: tuple[str, ...] = ()
    where: tuple[Where, ...] = ()
    min_steps: int = 0
    times: tuple[str, ...] = ()
    weathers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for kind, names, known in (
            ("time", self.times, TIMES), ("weather", self.weathers, WEATHERS),
        ):  # fmt: skip
            for name in names:
                if name not in known:
                    raise UnknownNameError(kind, name, known)

    def keeps(self, episode: RecordedEpisode) -> bool:
        """Whether an episode is wanted; cheap questions come first."""
        meta, outcome = episode.meta, episode.outcome
        for wanted, found in (
            (self.task, meta.task),
            (self.robot, meta.robot),
            (self.policy, meta.policy),
            (self.cause, outcome.cause if outcome is not None else "cut"),
        ):
            if wanted and wanted != found:
                return False
        if self.success is not None and self.success != (outcome is not None and outcome.success):
            return False
        light = light_of(episode)
        if not all(is_time(name, light) for name in self.times):
            return False
        if not all(is_weather(name, light) for name in self.weathers):
            return False
        if len(episode.step_times_ns) < self.min_steps:
            return False
        if self.events and not set(self.events) & {event.kind for event in episode.events()}:
            return False
        return all(condition.holds(episode) for condition in self.where)


def select(
    recording: Recording, query: Query, on_episode: Callable[[int], None] = lambda number: None
) -> list[Path]:
    """Logs that a query keeps."""
    kept = []
    for number, episode in enumerate(recording):
        if query.keeps(episode):
            kept.append(episode.path)
        episode.close()
        on_episode(number)
    return kept


def merge(sources: Sequence[Recording], out: Path) -> list[Path]:
    """Puts the logs of several recordings into one new folder; the same log counts once.

    Raises:
        StorageError: `out` exists, or different logs share a name.
    """
    chosen: dict[str, Path] = {}
    for path in (path for source in sources for path in source.paths):
        first = chosen.setdefault(path.name, path)
        if first != path and file_sha256(first) != file_sha256(path):
            raise StorageError(
                f"{first} and {path} are different episodes of one name: record one of them with "
                "another seed, or merge them apart."
            )
    return place_logs(list(chosen.values()), out)


def scene_of(episode: RecordedEpisode) -> str:
    """Names the world of an episode: its task and seed, which all draws of the world follow from.

    Two episodes in one scene show the same streets and rooms, whatever the robot, its sensors, its
    policy or the options of the task.
    """
    return f"{episode.meta.task} seed {episode.meta.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Which logs go where.

    Attributes:
        parts: Logs by the name of the part.
        leaks: What two parts share although they should not, in words.
    """

    parts: Mapping[str, tuple[Path, ...]]
    leaks: tuple[str, ...]


def split(
    recording: Recording, shares: Mapping[str, float], *, by: GroupBy = "scene", seed: int = 0
) -> Split:
    """Divides a recording into parts, keeping together what belongs together.

    Args:
        recording: What to divide.
        shares: Relative size of each part by name.
        by: `scene`, `seed` (across tasks), or `episode`.
        seed: Of the shuffle; the same seed and logs give the same parts.

    Raises:
        ConfigError: Shares that are not positive, or fewer groups than parts.
    """
    if not shares or any(not share > 0.0 for share in shares.values()):
        raise ConfigError(f"The shares {dict(shares)} must be positive numbers by name.")
    groups: dict[str, list[Path]] = {}
    told: dict[Path, dict[str, str]] = {}
    for episode in recording:
        told[episode.path] = _keys(episode)
        groups.setdefault(told[episode.path][by], []).append(episode.path)
        episode.close()
    if len(groups) < len(shares):
        raise ConfigError(
            f"There are {len(groups)} groups by {by} for {len(shares)} parts: record more, or "
            "divide by something finer."
        )
    names = list(shares)
    order = sorted(groups)
    child_generator(seed, "split", by).shuffle(order)
    bounds = np.cumsum([shares[name] for name in names]) / sum(shares.values()) * len(order)
    # Each part gets one group at least.
    cuts = [round(float(bound)) for bound in bounds]
    for number in range(len(cuts)):
        cuts[number] = max(cuts[number], (cuts[number - 1] if number else 0) + 1)
    for number in reversed(range(len(cuts))):
        cuts[number] = min(cuts[number], len(order) - (len(cuts) - 1 - number))
    starts = [0, *cuts[:-1]]
    parts = {
        name: tuple(sorted(path for group in order[start:stop] for path in groups[group]))
        for name, start, stop in zip(names, starts, cuts, strict=True)
    }
    return Split(parts=parts, leaks=tuple(leaks(parts, told)))


def leaks(parts: Mapping[str, Iterable[Path]], told: Mapping[Path, Mapping[str, str]]) -> list[str]:
    """What appears in two parts: a scene, the same draws of a world, or the very same episode."""
    found = []
    for what in ("scene", "draws", "digest"):
        homes: dict[str, dict[str, Path]] = {}
        for part, paths in parts.items():
            for path in paths:
                if told[path][what]:
                    homes.setdefault(told[path][what], {}).setdefault(part, path)
        for value, where in sorted(homes.items()):
            if len(where) > 1:
                names = " and ".join(f"{path.name} in {part}" for part, path in where.items())
                found.append(f"{what} {value}: {names}")
    return found


def _keys(episode: RecordedEpisode) -> dict[str, str]:
    """What may tie an episode to others."""
    meta = episode.meta
    drawn = canonical_json([meta.task, meta.draws]) if meta.draws else ""
    return {
        "scene": scene_of(episode),
        "seed": str(meta.seed),
        "episode": episode.path.name,
        "draws": hashlib.sha256(drawn.encode()).hexdigest()[:16] if drawn else "",
        "digest": episode.outcome.digest if episode.outcome is not None else "",
    }


def place_logs(paths: Sequence[Path], out: Path) -> list[Path]:
    """Links or copies logs into a new folder, which gets its name when all are there.

    Raises:
        StorageError: It exists or cannot be written, or there is nothing to place.
    """
    if not paths:
        raise StorageError(f"No episode is left for {out}: loosen the conditions.")
    if out.exists():
        raise StorageError(f"{out} exists already: delete it, or choose another folder.")
    part = out.with_name(out.name + ".part")
    try:
        if part.exists():
            shutil.rmtree(part)
        part.mkdir(parents=True)
        for path in paths:
            target = part / path.name
            try:
                os.link(path, target)
            except OSError:
                shutil.copyfile(path, target)
        os.replace(part, out)
    except OSError as error:
        raise StorageError(f"Cannot write {out}: {error.strerror or error}.") from error
    return [out / path.name for path in paths]
