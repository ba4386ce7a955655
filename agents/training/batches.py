"""Shards in memory, and the order in which their rows are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.agents.brain.inputs import InputSpec, VectorInput
from fleetloop.agents.lessons import yes_mask
from fleetloop.agents.training.config import TrainConfig
from fleetloop.agents.training.shards import load_shard
from fleetloop.core.digest import digest_arrays
from fleetloop.core.errors import ConfigError
from fleetloop.core.rng import child_generator

Rows = dict[str, npt.NDArray[Any]]

LEAST_ACTION = 0.02
"""Spread that actions are normalised by at the least, as a part of half their range. What the
expert holds still is then held still: a network is never exact, and what it adds is this small."""


def load_rows(paths: Sequence[Path], spec: InputSpec) -> tuple[Rows, dict[str, str]]:
    """Rows of all shards, one after another, and each shard's digest by its file name.

    Raises:
        ConfigError: There are no shards, no rows, or two of one file name.
        StorageError, SchemaError: As `load_shard`.
    """
    if not paths:
        raise ConfigError("There are no shards to train on: make some from logs first.")
    parts: list[Rows] = []
    digests: dict[str, str] = {}
    for path in paths:
        arrays = load_shard(path, spec)
        digest = digest_arrays(arrays)
        if digests.get(path.name, digest) != digest:
            raise ConfigError(f"Two shards are called {path.name}: give each its own name.")
        digests[path.name] = digest
        parts.append(arrays)
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if not len(rows["task"]):
        raise ConfigError("The shards hold no rows: record longer episodes.")
    return rows, digests


def norms_of(rows: Rows, spec: InputSpec) -> dict[str, dict[int, tuple[Any, Any]]]:
    """Mean and spread of each kind of number, by task.

    Actions are centred too: a hand that works far from where it hangs at ease moves little about
    there, and in units of the distance such movements would hardly count.
    """
    result: dict[str, dict[int, tuple[Any, Any]]] = {
        name: {} for name in ("proprioception", "goal", "answer", "action")
    }
    numbers = ~yes_mask()
    for task in np.unique(rows["task"]).tolist():
        own = rows["task"] == task
        inputs = spec.tasks[task]
        for name in ("proprioception", "goal"):
            values = rows[name][own].astype(np.float64)
            least = _least(getattr(inputs, name), values.shape[1])
            result[name][task] = (values.mean(axis=0), np.maximum(values.std(axis=0), least))
        known = rows["known"][own] & numbers
        values = np.where(known, rows["answer"][own].astype(np.float64), 0.0)
        count = np.maximum(known.sum(axis=0), 1)
        mean = values.sum(axis=0) / count
        spread = np.sqrt(np.where(known, np.square(values - mean), 0.0).sum(axis=0) / count)
        result["answer"][task] = (mean, spread)
        now = rows["action"][own, 0].astype(np.float64)
        least = np.zeros(spec.actions)
        reach = np.subtract(inputs.action_high, inputs.action_low)
        least[: len(reach)] = LEAST_ACTION * 0.5 * reach
        result["action"][task] = (now.mean(axis=0), np.maximum(now.std(axis=0), least))
    return result


def _least(inputs: Sequence[VectorInput], width: int) -> npt.NDArray[np.float64]:
    """The least spread of each number, (width,)."""
    result = np.zeros(width)
    each = np.concatenate([np.full(entry.size, entry.least) for entry in inputs] or [result[:0]])
    result[: len(each)] = each
    return result


class Sampler:
    """Batches that are balanced over tasks, drawn without replacement until each task is through.

    The batch of a step depends on the seed and the step's number alone, so that a stopped training
    goes on with the rows that it would have seen.

    Args:
        task: Task of each row, (n,).
        size: Rows a batch.
        seed: Of the order.
    """

    def __init__(self, task: npt.NDArray[np.int64], size: int, seed: int) -> None:
        self._rows = [np.flatnonzero(task == number) for number in np.unique(task)]
        self._size = size
        self._seed = seed
        self._orders: dict[tuple[int, int], npt.NDArray[np.int64]] = {}

    def batch(self, step: int) -> npt.NDArray[np.int64]:
        """Row numbers of one step, (size,)."""
        share, extra = divmod(self._size, len(self._rows))
        parts = []
        for number, rows in enumerate(self._rows):
            # Tasks take turns at the places that do not divide.
            count = share + int((number - step) % len(self._rows) < extra)
            before = step * share + _turns(step, number, len(self._rows), extra)
            parts.append(self._drawn(number, rows, before, count))
        return np.concatenate(parts)

    def _drawn(
        self, number: int, rows: npt.NDArray[np.int64], start: int, count: int
    ) -> npt.NDArray[np.int64]:
        result = []
        while count:
            epoch, place = divmod(start, len(rows))
            order = self._order(number, epoch, len(rows))
            taken = order[place : place + count]
            result.append(rows[taken])
            start, count = start + len(taken), count - len(taken)
        return np.concatenate(result) if result else np.zeros(0, np.int64)

    def _order(self, number: int, epoch: int, length: int) -> npt.NDArray[np.int64]:
        key = (number, epoch)
        if key not in self._orders:
            self._orders = {k: v for k, v in self._orders.items() if k[0] != number}
            generator = child_generator(self._seed, "order", number, epoch)
            self._orders[key] = generator.permutation(length)
        return self._orders[key]


def _turns(step: int, number: int, tasks: int, extra: int) -> int:
    """How many extra rows a task got before a step."""
    whole, rest = divmod(step, tasks)
    return whole * extra + sum((number - s) % tasks < extra for s in range(rest))


def batch_of(
    rows: Mapping[str, npt.NDArray[Any]],
    chosen: npt.NDArray[np.int64],
    config: TrainConfig,
    seed: int,
    step: int,
) -> dict[str, npt.NDArray[Any]]:
    """Rows of one step, with its changes of light and its hidden senses."""
    batch = {name: array[chosen] for name, array in rows.items()}
    generator = child_generator(seed, "augment", step)
    batch["image"] = augmented(batch["image"], generator, config.augment)
    batch["seen_body"] = generator.random(len(chosen)) >= config.blind_body
    if not config.later:
        batch["planned"][:, 1:] = False
    return batch


def augmented(
    image: npt.NDArray[np.uint8], generator: np.random.Generator, strength: float
) -> npt.NDArray[np.uint8]:
    """Pictures in other light and colours: a gain and an offset a channel, one draw a row.

    Args:
        image: (n, cameras, px, px, 3).
        generator: Of the draws.
        strength: Largest part by which a gain differs from one; 0 changes nothing.
    """
    if strength == 0.0 or not image.size:
        return image
    n = len(image)
    gain = 1.0 + strength * generator.uniform(-1.0, 1.0, (n, 1))
    tint = gain * (1.0 + 0.4 * strength * generator.uniform(-1.0, 1.0, (n, 3)))
    offset = 64.0 * strength * generator.uniform(-1.0, 1.0, (n, 1))
    levels = np.arange(256.0)
    # A table a row and channel: 256 numbers are worked out instead of each pixel.
    tables = np.clip(levels * tint[..., None] + offset[..., None], 0.0, 255.0).astype(np.uint8)
    result = np.empty_like(image)
    for row in range(n):
        for channel in range(3):
            result[row, ..., channel] = tables[row, channel][image[row, ..., channel]]
    return result


def size_bytes(rows: Mapping[str, npt.NDArray[Any]]) -> int:
    """Memory that rows take."""
    return sum(array.nbytes for array in rows.values())
