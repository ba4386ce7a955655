"""robomimic: demonstrations in one HDF5 file, `demo_k` with obs, next_obs, actions, rewards, dones.

Names and attributes are those of its "Dataset Contents and Overview" page. Observations are called
`SENSOR_FIELD`; a number alone is a vector of one, as robomimic's low-dimensional keys are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from fleetloop.core.errors import ConfigError
from fleetloop.datasets.export.base import EpisodePart
from fleetloop.datasets.export.hdf5 import RowSet, flush_all, join_parts, new_file, part_path
from fleetloop.datasets.export.minari import never_placed
from fleetloop.datasets.export.rows import (
    Column,
    Rows,
    check_same_layout,
    columns_of,
    last_step_of,
    layout,
    observation_times_ns,
)
from fleetloop.datasets.lineage import Signal
from fleetloop.datasets.recording import RecordedEpisode

FILE_NAME = "demos.hdf5"

_GYM_TYPE = 2
"""`EnvType.GYM_TYPE` of robomimic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RobomimicOptions:
    """What to put in.

    Attributes:
        labels: Whether privileged fields go in.
        largest: Most numbers in a row of a field that is no picture.
        next_obs: Whether to write what was observed after each action too; doubles the size.
        valid_every: Each so manieth episode belongs to the filter key `valid`, the rest to `train`.
    """

    labels: bool = False
    largest: int = 4096
    next_obs: bool = True
    valid_every: int = 10

    def __post_init__(self) -> None:
        if self.valid_every < 2:
            raise ConfigError(f"valid_every is {self.valid_every}: use 2 or more.")


class Robomimic:
    """See the module."""

    OPTIONS: ClassVar[type[RobomimicOptions]] = RobomimicOptions
    NEEDS: ClassVar[tuple[str, ...]] = ("h5py",)
    EXTRA: ClassVar[str] = "robomimic"

    def __init__(self, options: RobomimicOptions) -> None:
        self.options = options

    def add_episode(self, episode: RecordedEpisode, number: int, staging: Path) -> EpisodePart:
        """Writes the episode's own HDF5 file."""
        columns, dropped = columns_of(
            episode, labels=self.options.labels, largest=self.options.largest
        )
        last = last_step_of(episode)
        rows = Rows(episode, columns, observation_times_ns(episode))
        steps = len(rows) - 1
        with new_file(part_path(staging, number)) as file:
            demo = file.create_group("demo")
            demo.attrs["num_samples"] = steps
            demo.attrs["episode_id"] = episode.meta.episode_id
            demo.attrs["seed"] = episode.meta.seed
            _write_observations(demo, rows, next_obs=self.options.next_obs)
            _write_steps(demo, episode, steps)
        meta = episode.meta
        return EpisodePart(
            frames=steps,
            signals=(*rows.signals({c.key: f"obs/{_key(c)}" for c in columns}), *_step_signals()),
            dropped=(*dropped, *never_placed(episode)),
            memory={
                "episode_id": meta.episode_id,
                "task": meta.task,
                "config": dict(meta.config),
                "layout": [layout(columns), list(np.shape(last.action))],
            },
        )

    def finish(self, parts: Sequence[EpisodePart], staging: Path) -> None:
        """Joins the episodes."""
        memories = [part.memory for part in parts]
        check_same_layout(memories, "robomimic")
        env = {
            "env_name": memories[0]["task"],
            "type": _GYM_TYPE,
            "env_kwargs": {"config": memories[0]["config"]},
        }
        names = [f"demo_{number}" for number in range(len(parts))]
        valid = {n for k, n in enumerate(names) if k % self.options.valid_every == 1}
        total = sum(part.frames for part in parts)

        def place(file: Any, part: Any, number: int) -> None:  # noqa: ANN401 - HDF5 files
            if number == 0:
                data = file.create_group("data")
                data.attrs["total"] = total
                data.attrs["env_args"] = json.dumps(env)
                masks = {"train": [n for n in names if n not in valid], "valid": sorted(valid)}
                for mask, members in masks.items():
                    # One episode alone is for training: an empty list has no type of its own.
                    file.create_dataset(f"mask/{mask}", data=np.array(members, dtype="S16"))
            part.copy("demo", file["data"], name=f"demo_{number}")

        join_parts(staging, staging / FILE_NAME, len(parts), place)


def _key(column: Column) -> str:
    return f"{column.sensor}_{column.name}".replace("/", "_")


def _shape(column: Column) -> tuple[int, ...]:
    return column.field.shape or (1,)


def _write_observations(demo: Any, rows: Rows, *, next_obs: bool) -> None:  # noqa: ANN401
    steps = len(rows) - 1
    groups = {"obs": 0, "next_obs": 1} if next_obs else {"obs": 0}
    sets = {
        (group, c.key): RowSet(demo, f"{group}/{_key(c)}", steps, _shape(c), _dtype(c))
        for group in groups
        for c in rows.columns
    }
    shapes = {c.key: _shape(c) for c in rows.columns}
    for row, values in enumerate(rows):
        for (group, key), one in sets.items():
            if groups[group] <= row < groups[group] + steps:
                one.add(values[key].reshape(shapes[key]))
    flush_all(sets.values())


def _dtype(column: Column) -> str:
    return "uint8" if column.field.dtype == "bool" else column.field.dtype


def _write_steps(demo: Any, episode: RecordedEpisode, steps: int) -> None:  # noqa: ANN401
    size = int(np.size(episode.step(0).action))
    sets = {
        "actions": RowSet(demo, "actions", steps, (size,), "float32"),
        "rewards": RowSet(demo, "rewards", steps, (), "float64"),
        "dones": RowSet(demo, "dones", steps, (), "int64"),
    }
    for step in episode.steps():
        sets["actions"].add(np.ravel(step.action))
        sets["rewards"].add(step.reward)
        sets["dones"].add(int(step.terminated or step.index == steps - 1))
    flush_all(sets.values())


def _step_signals() -> Iterator[Signal]:
    yield Signal(source="step.action", target="actions")
    yield Signal(source="step.reward_terms", target="rewards", lossy="only their sum")
