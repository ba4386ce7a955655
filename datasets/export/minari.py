"""Minari: Gymnasium's data sets for offline learning; one HDF5 file, T + 1 observations an episode.

The folder is a `MINARI_DATASETS_PATH`. Observations are those of the environment, nested by sensor.
Pictures are never coded as JPEG again: Minari would take masks for pictures and spoil them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from fleetloop.core.config import from_json
from fleetloop.core.errors import ConfigError
from fleetloop.core.spec import Field
from fleetloop.datasets.export.base import EpisodePart, write_safely
from fleetloop.datasets.export.hdf5 import RowSet, flush_all, join_parts, new_file, part_path
from fleetloop.datasets.export.rows import (
    Rows,
    check_same_layout,
    columns_of,
    last_step_of,
    layout,
    observation_times_ns,
)
from fleetloop.datasets.lineage import Dropped, Signal
from fleetloop.datasets.recording import RecordedEpisode

VERSION = "0.5.4"
"""Of Minari's format: readers from there on take it."""

_ID = re.compile(r"[-_\w][-_\w/]*[-_\w]+/[-_\w]+?-v\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class MinariOptions:
    """What to put in.

    Attributes:
        dataset_id: `namespace/name-v0`; from the task if empty.
        labels: Whether privileged fields go in.
        largest: Most numbers in a row of a field that is no picture.
    """

    dataset_id: str = ""
    labels: bool = False
    largest: int = 100_000

    def __post_init__(self) -> None:
        if self.dataset_id and not _ID.fullmatch(self.dataset_id):
            raise ConfigError(f"dataset_id {self.dataset_id!r} is not of the form space/name-v0.")


class Minari:
    """See the module."""

    OPTIONS: ClassVar[type[MinariOptions]] = MinariOptions
    NEEDS: ClassVar[tuple[str, ...]] = ("h5py",)
    EXTRA: ClassVar[str] = "minari"

    def __init__(self, options: MinariOptions) -> None:
        self.options = options

    def add_episode(self, episode: RecordedEpisode, number: int, staging: Path) -> EpisodePart:
        """Writes the episode's own HDF5 file."""
        columns, dropped = columns_of(
            episode, labels=self.options.labels, largest=self.options.largest
        )
        last = last_step_of(episode)
        rows = Rows(episode, columns, observation_times_ns(episode))
        with new_file(part_path(staging, number)) as file:
            group = file.create_group("episode")
            steps = len(rows) - 1
            group.attrs.update({"id": number, "total_steps": steps, "seed": episode.meta.seed})
            _write_observations(group, rows)
            _write_steps(group, episode, steps)
            group.create_dataset("infos/t_ns", data=rows.times_ns)
        meta = episode.meta
        return EpisodePart(
            frames=steps,
            signals=(*rows.signals({c.key: f"observations/{c.sensor}/{c.name}" for c in columns}),
                     *_step_signals()),
            dropped=(*dropped, *never_placed(episode)),
            memory={
                "episode_id": meta.episode_id,
                "task": meta.task,
                "policy": meta.policy,
                "layout": [layout(columns), list(np.shape(last.action))],
            },
        )  # fmt: skip

    def finish(self, parts: Sequence[EpisodePart], staging: Path) -> None:
        """Joins the episodes, and describes them."""
        memories = [part.memory for part in parts]
        check_same_layout(memories, "Minari")
        first = memories[0]
        columns, action_shape = first["layout"]
        action = Field(shape=tuple(action_shape), dtype="float32", unit="1")
        task = re.sub(r"-v\d+$", "", first["task"].split("/")[-1])
        name = self.options.dataset_id or f"fleetloop/{re.sub(r'[^-_a-zA-Z0-9]', '_', task)}-v0"
        data = staging / name / "data"
        target = data / "main_data.hdf5"
        join_parts(staging, target, len(parts), _place)
        metadata = {
            "total_episodes": len(parts),
            "total_steps": sum(part.frames for part in parts),
            "data_format": "hdf5",
            "jpeg_encoding": False,
            "observation_space": json.dumps(_observation_space(columns)),
            "action_space": json.dumps(_box(action)),
            "dataset_id": name,
            "minari_version": VERSION,
            "dataset_size": round(target.stat().st_size / 1e6, 1),
            "algorithm_name": ", ".join(sorted({m["policy"] for m in memories})),
            "author": ["fleetloop"],
            "description": f"{len(parts)} simulated episodes of {first['task']}.",
        }
        write_safely(data / "metadata.json", json.dumps(metadata) + "\n")
        space = name.split("/")[:-1]
        for depth in range(1, len(space) + 1):
            place = staging.joinpath(*space[:depth]) / "namespace_metadata.json"
            write_safely(place, json.dumps({"description": "Recordings of fleetloop."}) + "\n")


def never_placed(episode: RecordedEpisode) -> Iterator[Dropped]:
    """What formats of plain steps have no place for."""
    yield Dropped(source="step.events", reason="no place for them")
    if len(episode.objects_times_ns):
        yield Dropped(source="objects", reason="no place for boxes and tracks")
    for sensor in episode.schemas:
        yield Dropped(source=f"{sensor}.world_T_sensor", reason="privileged; it stays in the log")


def _step_signals() -> Iterator[Signal]:
    yield Signal(source="step.action", target="actions")
    yield Signal(source="step.reward_terms", target="rewards", lossy="only their sum")


def _write_observations(group: Any, rows: Rows) -> None:  # noqa: ANN401 - an HDF5 group
    sets = {
        c.key: RowSet(
            group, f"observations/{c.sensor}/{c.name}", len(rows), c.field.shape, _dtype(c.field)
        )
        for c in rows.columns
    }
    for values in rows:
        for key, one in sets.items():
            one.add(values[key])
    flush_all(sets.values())


def _write_steps(group: Any, episode: RecordedEpisode, steps: int) -> None:  # noqa: ANN401
    shape = np.shape(episode.step(0).action)
    sets = {
        "actions": RowSet(group, "actions", steps, shape, "float32"),
        "rewards": RowSet(group, "rewards", steps, (), "float64"),
        "terminations": RowSet(group, "terminations", steps, (), "bool"),
        "truncations": RowSet(group, "truncations", steps, (), "bool"),
    }
    for step in episode.steps():
        sets["actions"].add(step.action)
        sets["rewards"].add(step.reward)
        sets["terminations"].add(step.terminated)
        # An episode that `max_steps` cut ends without saying so.
        cut = step.index == steps - 1 and not step.terminated
        sets["truncations"].add(step.truncated or cut)
    flush_all(sets.values())


def _place(file: Any, part: Any, number: int) -> None:  # noqa: ANN401 - HDF5 files
    part.copy("episode", file, name=f"episode_{number}")


def _observation_space(columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    spaces: dict[str, Any] = {}
    for column in columns:
        sensor, name = column["key"].rsplit(".", 1)
        inside = spaces.setdefault(sensor, {"type": "Dict", "subspaces": {}})
        inside["subspaces"][name] = _box(from_json(Field, column["field"]))
    return {"type": "Dict", "subspaces": spaces}


def _dtype(field: Field) -> str:
    """Gymnasium has no box of truth values."""
    return "uint8" if field.dtype == "bool" else field.dtype


def _box(field: Field) -> dict[str, Any]:
    low: float = field.bounds[0]
    high: float = field.bounds[1]
    if not field.dtype.startswith("float"):
        # Bounds are doubles, which round the largest whole numbers up.
        info = np.iinfo(_dtype(field))
        low, high = max(int(low), int(info.min)), min(int(high), int(info.max))
    return {
        "type": "Box",
        "dtype": _dtype(field),
        "shape": list(field.shape),
        "low": np.full(field.shape, low).tolist(),
        "high": np.full(field.shape, high).tolist(),
    }
