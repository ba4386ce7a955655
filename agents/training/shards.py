"""One compact file of arrays for each logged episode: a row a decision, labels included.

Labels come from logs alone: the expert of a task acts from logged truth, so it says afterwards what
it would have done wherever the robot got to by itself [Ross et al. 2011, "A reduction of imitation
learning and structured prediction to no-regret online learning"].
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.agents.brain.inputs import BEAMS, REQUEST, InputSpec, encode
from fleetloop.agents.experts import EXPERTS
from fleetloop.agents.lessons import ANSWERS
from fleetloop.agents.observe import Moment, moments
from fleetloop.agents.training.answers import answers
from fleetloop.core.digest import digest_arrays
from fleetloop.core.errors import DamagedFileError, SchemaError, StorageError
from fleetloop.datasets.log.reader import EpisodeLog

SUFFIX = ".npz"
LARGEST_ROWS = 1 << 20

FOLLOWED = 0.25
"""Largest difference between what the robot did and what the expert would have done, in any number
of an action, for the expert's later actions to count as a plan from here."""

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardManifest:
    """What a shard is and where it came from.

    Attributes:
        path: The file, by name within its folder.
        digest: SHA-256 over its arrays.
        rows: Decisions.
        episode_id, task, seed, policy: Of the log.
        episode_digest: Of the log's outcome; empty for one that was cut.
        spec_digest: Of the input spec.
        success: How the episode ended.
        disagreement: Mean over decisions of the largest difference between the robot and the
            expert in any number of an action.
    """

    path: str
    digest: str
    rows: int
    episode_id: str
    task: str
    seed: int
    policy: str
    episode_digest: str
    spec_digest: str
    success: bool
    disagreement: float


def make_shard(
    log: Path,
    out: Path,
    spec: InputSpec,
    *,
    request: npt.NDArray[np.float32] | None = None,
    rows: tuple[int, int] | None = None,
) -> ShardManifest:
    """Turns one log into one shard.

    Args:
        log: An episode.
        out: The file to write, `.npz`; there in whole or not at all.
        spec: What the brain is shown.
        request: Embedding of the words that asked for this, (384,); zeros if None.
        rows: First step and step after the last that are kept, for a clip of an episode; all if
            None. Labels still see the whole episode.

    Raises:
        SchemaError: The log does not hold what the spec names.
        UnknownNameError: The task has no expert.
        StorageError: The file cannot be written.
    """
    episode = EpisodeLog(log)
    seen = list(moments(episode))
    arrays = rows_of(episode, seen, spec, request)
    if rows is not None:
        arrays = {name: array[rows[0] : rows[1]] for name, array in arrays.items()}
    outcome = episode.outcome
    gap = np.abs(arrays["action"][:, 0] - arrays["done"]).max(axis=1)
    gap = gap[arrays["acted"]]
    _write(out, arrays)
    return ShardManifest(
        path=out.name,
        digest=digest_arrays(arrays),
        rows=len(arrays["task"]),
        episode_id=episode.meta.episode_id,
        task=episode.meta.task,
        seed=episode.meta.seed,
        policy=episode.meta.policy,
        episode_digest="" if outcome is None else outcome.digest,
        spec_digest=spec.digest(),
        success=outcome is not None and outcome.success,
        disagreement=float(gap.mean()) if len(gap) else 0.0,
    )


def rows_of(
    log: EpisodeLog,
    seen: Sequence[Moment],
    spec: InputSpec,
    request: npt.NDArray[np.float32] | None = None,
) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a shard, n rows in each.

    Returns:
        The inputs of `encode`; `request` (n, 384); `task`, `robot` (n,) int64, places in the spec;
        `action` (n, horizon, actions), what the expert would do now and after; `planned`
        (n, horizon), whether that counts; `done` (n, actions), what the robot did, and `acted`
        (n,), whether it did; `answer` and `known` (n, ANSWERS).
    """
    task = spec.of(log.meta.task)
    inputs = [encode(spec, task.task, moment.observation) for moment in seen]
    columns = empty_rows(spec, len(seen))
    for row, entry in enumerate(inputs):
        for name, array in entry.items():
            columns[name][row] = array
    if request is not None:
        columns["request"][:] = request
    columns["task"][:] = spec.number(task.task)
    columns["robot"][:] = spec.robots.index(task.robot)
    width = len(task.actions)
    done = columns["done"]
    for row, moment in enumerate(seen[1:]):
        done[row, :width] = moment.step.action
    columns["acted"][: len(seen) - 1] = True
    wanted = expert_actions(log, seen)
    followed = np.abs(wanted - done[:, :width]).max(axis=1, initial=0.0) <= FOLLOWED
    for ahead in range(spec.horizon):
        stop = len(seen) - ahead
        if stop <= 0:
            break
        columns["action"][:stop, ahead, :width] = wanted[ahead:]
        kept = np.ones(stop, np.bool_)
        for before in range(ahead):
            kept &= followed[before : before + stop]
        columns["planned"][:stop, ahead] = kept
    ended = log.outcome is not None and log.outcome.cause not in ("time", "max_steps")
    columns["answer"], columns["known"] = answers(seen, ended=ended)
    return columns


def expert_actions(log: EpisodeLog, seen: Sequence[Moment]) -> npt.NDArray[np.float32]:
    """What the task's expert would do at each moment, (n, numbers of the body's action)."""
    expert = EXPERTS.get(log.meta.task)()
    state = expert.init(log.meta.seed)
    wanted = []
    for moment in seen:
        action, state = expert.act(moment.step.truth, state)
        wanted.append(action)
    return np.asarray(wanted, np.float32)


def empty_rows(spec: InputSpec, count: int) -> dict[str, npt.NDArray[Any]]:
    """Zeros of the shapes and types that a shard's arrays have."""
    return {
        "image": np.zeros((count, spec.cameras, spec.image_px, spec.image_px, 3), np.uint8),
        "beams": np.zeros((count, spec.ranges, BEAMS), np.float32),
        "proprioception": np.zeros((count, spec.proprioception), np.float32),
        "goal": np.zeros((count, spec.goal), np.float32),
        "request": np.zeros((count, REQUEST), np.float32),
        "task": np.zeros(count, np.int64),
        "robot": np.zeros(count, np.int64),
        "action": np.zeros((count, spec.horizon, spec.actions), np.float32),
        "planned": np.zeros((count, spec.horizon), np.bool_),
        "done": np.zeros((count, spec.actions), np.float32),
        "acted": np.zeros(count, np.bool_),
        "answer": np.zeros((count, ANSWERS), np.float32),
        "known": np.zeros((count, ANSWERS), np.bool_),
    }


def load_shard(path: Path, spec: InputSpec) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a shard.

    Raises:
        StorageError: It cannot be read.
        DamagedFileError: It is cut or corrupt.
        SchemaError: It was made for another input spec.
    """
    wanted = empty_rows(spec, 0)
    try:
        # Opened here: NumPy would leave a file that it cannot read open.
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            if set(file.files) != set(wanted):
                raise SchemaError(
                    f"The shard {path} holds {sorted(file.files)}, wanted {sorted(wanted)}: make "
                    "it again with this version."
                )
            arrays = {name: file[name] for name in wanted}
    except SchemaError:
        raise
    except FileNotFoundError as error:
        raise StorageError(f"There is no shard {path}: make it from its log again.") from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DamagedFileError(
            f"The shard {path} is cut or corrupt ({error}): make it from its log again."
        ) from error
    rows = len(arrays["task"])
    for name, array in arrays.items():
        like = wanted[name]
        if array.dtype != like.dtype or array.shape != (rows, *like.shape[1:]):
            raise SchemaError(
                f"{name} in the shard {path} is {array.dtype}{array.shape}, wanted {like.dtype}"
                f"{(rows, *like.shape[1:])}: it was made for other inputs."
            )
    if rows > LARGEST_ROWS:
        raise SchemaError(f"The shard {path} has {rows} rows, at most {LARGEST_ROWS} are read.")
    return arrays


def _write(out: Path, arrays: Arrays) -> None:
    part = out.with_name(out.name + ".part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
        os.replace(part, out)
    except OSError as error:
        raise StorageError(
            f"Cannot write the shard {out}: {error.strerror or error}. Choose another folder."
        ) from error
