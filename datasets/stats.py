"""What is in a recording: counts, causes, rates, and the spread of every small number."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.core.clock import NS_PER_S
from fleetloop.core.semantics import SemanticClass
from fleetloop.core.spec import Field, Schema
from fleetloop.datasets.clock_report import ClockBook, TopicClock
from fleetloop.datasets.content import dataset_hash, episode_hash
from fleetloop.datasets.recording import RecordedEpisode, Recording

_SMALL = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldStats:
    """Spread of one field over all its numbers."""

    unit: str
    count: int
    mean: float
    std: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorStats:
    """One sensor over all episodes.

    Attributes:
        kind: What it is.
        samples: How many.
        rate_hz: Nominal.
        fields: Names, whether small enough for `spread` or not.
        privileged: Which of them are labels.
        faulty: Samples with a label of a fault.
        spread: Of small fields of numbers.
    """

    kind: str
    samples: int
    rate_hz: float
    fields: tuple[str, ...]
    privileged: tuple[str, ...]
    faulty: int
    spread: Mapping[str, FieldStats]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeStats:
    """One line an episode."""

    file: str
    episode_id: str
    task: str
    robot: str
    policy: str
    seed: int
    steps: int
    duration_s: float
    success: bool
    cause: str
    total_reward: float
    events: Mapping[str, int]
    size_bytes: int
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStats:
    """All of it.

    Attributes:
        episodes: In order.
        sensors: By name; sensors of the same name in different episodes count as one.
        clocks: How each topic keeps time.
        objects: Number of true objects by class, each once an episode.
        content: Hash of the whole data set.
        versions: Versions of fleetloop that recorded it.
    """

    episodes: tuple[EpisodeStats, ...]
    sensors: Mapping[str, SensorStats]
    clocks: tuple[TopicClock, ...]
    objects: Mapping[str, int]
    content: str
    versions: tuple[str, ...]

    @property
    def hours(self) -> float:
        """Simulated time."""
        return sum(episode.duration_s for episode in self.episodes) / 3600.0

    @property
    def success_rate(self) -> float:
        """Part of the episodes that did their task."""
        return sum(e.success for e in self.episodes) / max(len(self.episodes), 1)


class Spread:
    """Mean and deviation of a stream of numbers [Chan, Golub and LeVeque 1983], with extremes."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self._squares = 0.0
        self.low, self.high = math.inf, -math.inf

    def add(self, array: npt.NDArray[np.generic]) -> None:
        """Takes all numbers of an array."""
        if array.size == 0:
            return
        values = np.asarray(array, dtype=np.float64)
        count, mean = values.size, float(values.mean())
        squares = float(((values - mean) ** 2).sum())
        total = self.count + count
        apart = mean - self.mean
        self._squares += squares + apart * apart * self.count * count / total
        self.mean += apart * count / total
        self.count = total
        self.low, self.high = (
            min(self.low, float(values.min())),
            max(self.high, float(values.max())),
        )

    @property
    def std(self) -> float:
        """Standard deviation of the numbers."""
        return math.sqrt(self._squares / self.count) if self.count else 0.0


def is_small_number(field: Field) -> bool:
    """Whether a field is a few numbers whose spread says something."""
    return field.dtype not in ("bool",) and field.unit != "id" and math.prod(field.shape) <= _SMALL


def small_fields(schema: Schema) -> list[str]:
    """Names of the fields of a schema that `is_small_number` holds for."""
    return [name for name, field in schema.items() if is_small_number(field)]


def statistics(
    recording: Recording, on_episode: Callable[[int], None] = lambda number: None
) -> RecordingStats:
    """Reads a recording once and says what is in it.

    Raises:
        DamagedFileError: A log is damaged.
    """
    episodes: list[EpisodeStats] = []
    spreads: dict[tuple[str, str], tuple[Spread, str]] = {}
    samples: Counter[str] = Counter()
    faulty: Counter[str] = Counter()
    schemas: dict[str, Schema] = {}
    kinds: dict[str, tuple[str, float]] = {}
    objects: Counter[str] = Counter()
    versions: set[str] = set()
    clocks = ClockBook()
    for number, episode in enumerate(recording):
        episodes.append(_one(episode))
        clocks.add(episode)
        versions.add(episode.meta.versions.get("fleetloop", "unknown"))
        for name, schema in episode.schemas.items():
            schemas.setdefault(name, schema)
            sensor = episode.calibration.sensors[name]
            kinds.setdefault(name, (sensor.kind, sensor.rate_hz))
            samples[name] += episode.count(name)
            small = small_fields(schema)
            for sample in episode.samples(name, small):
                faulty[name] += bool(sample.faults)
                for field in small:
                    key = (name, field)
                    spread, _ = spreads.setdefault(key, (Spread(), schema[field].unit))
                    spread.add(sample.data[field])
        last = episode.objects_at(episode.t_last_ns)
        if last is not None:
            objects.update(SemanticClass(kind).name.lower() for kind in last.semantic.tolist())
        episode.close()
        on_episode(number)
    return RecordingStats(
        episodes=tuple(episodes),
        sensors={
            name: SensorStats(
                kind=kinds[name][0],
                samples=samples[name],
                rate_hz=kinds[name][1],
                fields=tuple(schema),
                privileged=tuple(n for n, field in schema.items() if field.privileged),
                faulty=faulty[name],
                spread={f: _field_stats(*s) for (n, f), s in spreads.items() if n == name},
            )
            for name, schema in schemas.items()
        },
        clocks=clocks.clocks(),
        objects=dict(sorted(objects.items())),
        content=dataset_hash((e.episode_id, e.content) for e in episodes),
        versions=tuple(sorted(versions)),
    )


def _one(episode: RecordedEpisode) -> EpisodeStats:
    meta, outcome = episode.meta, episode.outcome
    steps = len(episode.step_times_ns)
    return EpisodeStats(
        file=episode.path.name,
        episode_id=meta.episode_id,
        task=meta.task,
        robot=meta.robot,
        policy=meta.policy,
        seed=meta.seed,
        steps=steps,
        duration_s=float(episode.step_times_ns[-1]) / NS_PER_S if steps else 0.0,
        success=outcome is not None and outcome.success,
        cause=outcome.cause if outcome is not None else "cut",
        total_reward=outcome.total_reward if outcome is not None else 0.0,
        events=dict(sorted(Counter(event.kind for event in episode.events()).items())),
        size_bytes=episode.path.stat().st_size,
        content=episode_hash(episode),
    )


def _field_stats(spread: Spread, unit: str) -> FieldStats:
    return FieldStats(
        unit=unit, count=spread.count, mean=spread.mean, std=spread.std, low=spread.low,
        high=spread.high,
    )  # fmt: skip
