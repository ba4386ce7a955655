"""Recordings as RLDS: one record an episode, one step an observation, after Google's RLDS.

The folder is `NAME/1.0.0` as `tfds.builder_from_directory` wants it. A step holds what was
observed, the action that followed, and its reward; the last step holds only an observation, and
says so. Pictures are the JPEG bytes of the log; arrays of many numbers and doubles are kept as
bytes, since `tf.train.Example` knows only 32-bit floats and 64-bit whole numbers.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.datasets.export.base import EpisodePart, write_safely
from fleetloop.datasets.export.minari import never_placed
from fleetloop.datasets.export.rlds.tfrecord import EpisodeSpool, Kind
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

VERSION = "1.0.0"
SPLIT = "train"

_PARTS = "episodes"
_FEATURES = "tensorflow_datasets.core.features"
_AS_NUMBERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class RldsOptions:
    """What to put in.

    Attributes:
        name: Of the data set; from the task if empty.
        labels: Whether privileged fields go in.
        largest: Most numbers in a row of a field that is no picture.
        shard_mb: Size at which a new file is begun.
    """

    name: str = ""
    labels: bool = False
    largest: int = 1_000_000
    shard_mb: int = 256

    def __post_init__(self) -> None:
        if self.name and not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise ConfigError(f"name {self.name!r}: use small letters, digits and _.")
        if self.shard_mb < 1:
            raise ConfigError(f"shard_mb is {self.shard_mb}: use 1 or more.")


class Rlds:
    """See the module."""

    OPTIONS: ClassVar[type[RldsOptions]] = RldsOptions
    NEEDS: ClassVar[tuple[str, ...]] = ("google_crc32c",)
    EXTRA: ClassVar[str] = "rlds"

    def __init__(self, options: RldsOptions) -> None:
        self.options = options

    def add_episode(self, episode: RecordedEpisode, number: int, staging: Path) -> EpisodePart:
        """Writes the episode's record."""
        columns, dropped = columns_of(
            episode, labels=self.options.labels, largest=self.options.largest
        )
        action_shape = np.shape(last_step_of(episode).action)
        rows = Rows(episode, columns, observation_times_ns(episode))
        features = {c.key: _feature(c, episode) for c in columns}
        place = staging / _PARTS
        place.mkdir(exist_ok=True)
        with EpisodeSpool(_kinds(rows, features), place) as spool:
            _add_steps(spool, rows, features)
            _add_episode(spool, episode)
            size = spool.write(place / f"{number:06d}.record")
        meta = episode.meta
        return EpisodePart(
            frames=len(rows),
            signals=(*rows.signals({c.key: f"steps/observation/{_name(c)}" for c in columns}),
                     *_step_signals()),
            dropped=(*dropped, *never_placed(episode)),
            memory={
                "episode_id": meta.episode_id,
                "task": meta.task,
                "layout": [layout(columns), list(action_shape)],
                "observation": {_name(c): features[c.key] for c in columns},
                "action_shape": list(action_shape),
                "size": size,
            },
        )  # fmt: skip

    def finish(self, parts: Sequence[EpisodePart], staging: Path) -> None:
        """Puts the records into shards, and describes them."""
        memories = [part.memory for part in parts]
        check_same_layout(memories, "RLDS")
        task = re.sub(r"-v\d+$", "", memories[0]["task"].split("/")[-1])
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", re.sub(r"\W", "_", task)).lower()
        name = self.options.name or f"fleetloop_{snake}"
        folder = staging / name / VERSION
        folder.mkdir(parents=True, exist_ok=True)
        shards = _shards([m["size"] for m in memories], self.options.shard_mb << 20)
        for shard, numbers in enumerate(shards):
            target = folder / f"{name}-{SPLIT}.tfrecord-{shard:05d}-of-{len(shards):05d}"
            if not target.exists():
                _join(staging / _PARTS, numbers, target)
        shutil.rmtree(staging / _PARTS, ignore_errors=True)
        write_safely(folder / "features.json", json.dumps(_features_json(memories[0]), indent=4))
        info = {
            "name": name,
            "version": VERSION,
            "description": f"{len(parts)} simulated episodes of {memories[0]['task']}.",
            "fileFormat": "tfrecord",
            "releaseNotes": {VERSION: "Exported by fleetloop."},
            "splits": [
                {
                    "name": SPLIT,
                    "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
                    "numBytes": str(sum(m["size"] + 16 for m in memories)),
                    "shardLengths": [str(len(numbers)) for numbers in shards],
                }
            ],
        }
        write_safely(folder / "dataset_info.json", json.dumps(info, indent=4))


def _feature(column: Column, episode: RecordedEpisode) -> dict[str, Any]:
    """TFDS's description of a column; how it is stored follows from it."""
    shape = {"dimensions": [str(size) for size in column.field.shape]}
    if column.kind == "picture":
        stored = episode.encoded(column.sensor, 0, column.name)
        form = stored[0] if stored is not None else "png"
        image = {"shape": shape, "dtype": "uint8", "encodingFormat": form}
        return {"pythonClassName": f"{_FEATURES}.image_feature.Image", "image": image}
    exact = column.field.dtype != "float64" and column.size <= _AS_NUMBERS
    tensor = {
        "shape": shape, "dtype": column.field.dtype, "encoding": "none" if exact else "bytes",
    }  # fmt: skip
    return {"pythonClassName": f"{_FEATURES}.tensor_feature.Tensor", "tensor": tensor}


def _kind(feature: Mapping[str, Any]) -> Kind:
    tensor = feature.get("tensor")
    if tensor is None or tensor["encoding"] == "bytes":
        return "bytes"
    return "float" if tensor["dtype"].startswith("float") else "int"


def _kinds(rows: Rows, features: Mapping[str, Any]) -> dict[str, Kind]:
    kinds: dict[str, Kind] = {
        f"steps/observation/{_name(c)}": _kind(features[c.key]) for c in rows.columns
    }
    kinds |= {f"steps/{name}": "float" for name in ("action", "reward", "discount")}
    kinds |= {f"steps/{name}": "int" for name in ("is_first", "is_last", "is_terminal")}
    return kinds | {
        "steps/language_instruction": "bytes", "episode_metadata/episode_id": "bytes",
        "episode_metadata/seed": "int", "episode_metadata/success": "int",
    }  # fmt: skip


def _add_steps(spool: EpisodeSpool, rows: Rows, features: Mapping[str, Any]) -> None:
    episode = rows.episode
    task = episode.meta.task.encode()
    last = len(rows) - 1
    shape = np.shape(episode.step(0).action)
    for row, values in enumerate(rows):
        for column in rows.columns:
            value = _value(rows, row, column, values[column.key], features[column.key])
            spool.add(f"steps/observation/{_name(column)}", value)
        step = episode.step(min(row, last - 1))
        over = row == last
        told = {
            "action": np.zeros(shape, np.float32) if over else step.action,
            "reward": 0.0 if over else step.reward,
            "discount": 0.0 if over and step.terminated else 1.0,
            "is_first": row == 0,
            "is_last": over,
            "is_terminal": over and step.terminated,
        }
        for name, number in told.items():
            spool.add(f"steps/{name}", np.asarray(number))
        spool.add("steps/language_instruction", task)


def _value(
    rows: Rows, row: int, column: Column, array: npt.NDArray[Any], feature: Mapping[str, Any]
) -> bytes | npt.NDArray[Any]:
    if column.kind == "picture":
        stored = rows.episode.encoded(column.sensor, rows.number(column.sensor, row), column.name)
        return stored[1] if stored is not None else _png(array)
    if _kind(feature) == "bytes":
        return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
    return array


def _png(picture: npt.NDArray[Any]) -> bytes:
    import cv2

    done, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not done:
        raise ConfigError(f"OpenCV cannot encode a picture {picture.shape} as PNG.")
    return data.tobytes()


def _add_episode(spool: EpisodeSpool, episode: RecordedEpisode) -> None:
    outcome = episode.outcome
    spool.add("episode_metadata/episode_id", episode.meta.episode_id.encode())
    spool.add("episode_metadata/seed", np.asarray(episode.meta.seed))
    success = outcome is not None and outcome.success
    spool.add("episode_metadata/success", np.asarray(success))


def _name(column: Column) -> str:
    return f"{column.sensor}_{column.name}".replace("/", "_")


def _shards(sizes: Sequence[int], largest: int) -> list[list[int]]:
    """Episodes of each file: as many as fit, at least one."""
    shards: list[list[int]] = [[]]
    filled = 0
    for number, size in enumerate(sizes):
        if shards[-1] and filled + size > largest:
            shards.append([])
            filled = 0
        shards[-1].append(number)
        filled += size
    return shards


def _join(parts: Path, numbers: Sequence[int], target: Path) -> None:
    new = target.with_name(target.name + ".tmp")
    with new.open("wb") as file:
        for number in numbers:
            with (parts / f"{number:06d}.record").open("rb") as part:
                shutil.copyfileobj(part, file, 1 << 20)
    os.replace(new, target)


def _features_json(memory: Mapping[str, Any]) -> dict[str, Any]:
    def scalar(dtype: str) -> dict[str, Any]:
        tensor = {"shape": {}, "dtype": dtype, "encoding": "none"}
        return {"pythonClassName": f"{_FEATURES}.scalar.Scalar", "tensor": tensor}

    def group(features: Mapping[str, Any]) -> dict[str, Any]:
        name = f"{_FEATURES}.features_dict.FeaturesDict"
        return {"pythonClassName": name, "featuresDict": {"features": dict(features)}}

    text = {"pythonClassName": f"{_FEATURES}.text_feature.Text", "text": {}}
    action = {
        "shape": {"dimensions": [str(size) for size in memory["action_shape"]]},
        "dtype": "float32",
        "encoding": "none",
    }
    step = {
        "observation": group(memory["observation"]),
        "action": {"pythonClassName": f"{_FEATURES}.tensor_feature.Tensor", "tensor": action},
        "language_instruction": text,
    }
    step |= {name: scalar("float32") for name in ("reward", "discount")}
    step |= {name: scalar("bool") for name in ("is_first", "is_last", "is_terminal")}
    steps = {
        "pythonClassName": f"{_FEATURES}.dataset_feature.Dataset",
        "sequence": {"feature": group(step), "length": "-1"},
    }
    told = {"episode_id": text, "seed": scalar("int64"), "success": scalar("bool")}
    return group({"steps": steps, "episode_metadata": group(told)})


def _step_signals() -> Iterator[Signal]:
    yield Signal(source="step.action", target="steps/action")
    yield Signal(
        source="step.reward_terms", target="steps/reward", lossy="only their sum, as float32"
    )
