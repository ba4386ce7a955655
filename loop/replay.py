"""Makes a recorded episode again from its seed and actions, and compares every byte.

The log holds all that an episode follows from: the whole configuration, the seed and the actions.
Replaying builds that world anew, applies the actions, and compares each sample and step with the
recorded one as they happen, so that a difference is told at the moment where it began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.digest import EpisodeDigest
from fleetloop.core.dynamics import Dynamics
from fleetloop.core.objects import Objects
from fleetloop.core.types import Sample, Step
from fleetloop.core.versions import CODE, code_hash, installed_versions
from fleetloop.datasets.log.reader import EpisodeLog, Record
from fleetloop.datasets.log.streams import CODECS, plan_streams
from fleetloop.envs.env import RobotEnv
from fleetloop.envs.registration import remake_env


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What a replay found.

    Attributes:
        path: The log.
        steps: Control steps that were made again.
        difference: The first difference, told in words; empty if there is none.
        digest: SHA-256 of what was made now; empty if it stopped at a difference.
        other_versions: Packages whose versions are not those of the recording.
        other_code: In words, if the log was made by other code than this; empty if it was not.
    """

    path: Path
    steps: int
    difference: str
    digest: str
    other_versions: tuple[str, ...]
    other_code: str


def replay(path: Path, *, threads: int = 1, on_step: Callable[[Step], None]) -> Replay:
    """Makes one episode again.

    Args:
        path: Its log.
        threads: Threads that trace rays.
        on_step: Called after each step, for progress.

    Raises:
        StorageError: The log cannot be read.
        UnknownNameError: It needs a task, robot or sensor that is not registered here.
    """
    log = EpisodeLog(path)
    digest = EpisodeDigest()
    env = remake_env(log.meta.config, threads=threads)
    steps = 0
    difference = ""
    try:
        for recorded, made in _side_by_side(log, env):
            difference = _difference(recorded, made, log)
            if difference:
                break
            if isinstance(made, Step):
                digest.add_step(made)
                steps += 1
                on_step(made)
            elif isinstance(made, Objects):
                digest.add_objects(made)
            elif isinstance(made, Sample):
                digest.add_sample(made)
    finally:
        env.close()
    told = "" if difference else digest.hexdigest()
    if told and log.outcome is not None and told != log.outcome.digest:
        # Only pictures can differ here: their recorded form is lossy, so they were not compared.
        difference = "the camera pictures differ from those that were recorded"
    return Replay(
        path=path,
        steps=steps,
        difference=difference,
        digest=told,
        other_versions=_other_versions(log.meta.versions),
        other_code=_other_code(log.meta.versions),
    )


def _side_by_side(log: EpisodeLog, env: RobotEnv) -> Iterator[tuple[Record | None, Record | None]]:
    """Pairs of what was recorded and what is made now, in order; None where one has no twin."""
    env.tells_dynamics = log.tells_dynamics
    env.reset(seed=log.meta.seed)
    made: list[Record] = list(env.last_records)
    waiting: list[Record] = []
    for record in log.records():
        if not isinstance(record, Step):
            waiting.append(record)
            continue
        # The first samples come with the reset, so they stand before those of the first step.
        if env.last_step is None:
            at_reset = len(made)
            yield from zip_longest(waiting[:at_reset], made)
            waiting = waiting[at_reset:]
        env.step(record.action)
        yield from zip_longest(waiting, list(env.last_records))
        waiting = []
        yield record, env.last_step


def _lossy_fields(sensor: str, log: EpisodeLog) -> set[str]:
    """Fields that the log does not keep bit for bit."""
    return {
        field
        for stream in plan_streams(sensor, log.schemas[sensor], lossless=log.lossless)
        if not CODECS[stream.kind].lossless
        for field in stream.fields
    }


def _difference(recorded: Record | None, made: Record | None, log: EpisodeLog) -> str:
    """What differs between a recorded sample or step and the one made now, in words."""
    if isinstance(recorded, Step) and isinstance(made, Step):
        return _step_difference(recorded, made)
    if isinstance(recorded, Sample) and isinstance(made, Sample):
        return _sample_difference(recorded, made, _lossy_fields(recorded.sensor, log))
    if isinstance(recorded, Objects) and isinstance(made, Objects):
        return _objects_difference(recorded, made)
    if isinstance(recorded, Dynamics) and isinstance(made, Dynamics):
        return _dynamics_difference(recorded, made)
    lonely, fate = (made, "was not recorded") if recorded is None else (recorded, "is missing")
    return f"{_named(lonely)} {fate}"


def _named(record: Record | None) -> str:
    if isinstance(record, Dynamics):
        return f"dynamics at {record.t_ns} ns"
    if isinstance(record, Objects):
        return f"objects at {record.t_ns} ns"
    if isinstance(record, Sample):
        return f"sample {record.seq} of {record.sensor} at {record.t_capture_ns} ns"
    return f"step {record.index} at {record.t_ns} ns" if record is not None else "nothing"


def _sample_difference(recorded: Sample, made: Sample, lossy: set[str]) -> str:
    where = _named(recorded)
    if (recorded.sensor, recorded.seq) != (made.sensor, made.seq):
        return f"{where} is missing; {_named(made)} came instead"
    for name in ("t_capture_start_ns", "t_capture_ns", "t_arrival_ns", "faults"):
        if getattr(recorded, name) != getattr(made, name):
            return f"{where}: {name} is {getattr(made, name)}, was {getattr(recorded, name)}"
    if not (
        np.array_equal(recorded.world_T_sensor.position_m, made.world_T_sensor.position_m)
        and np.array_equal(
            recorded.world_T_sensor.quaternion_xyzw, made.world_T_sensor.quaternion_xyzw
        )
    ):
        return f"{where}: the sensor's pose differs"
    for name in recorded.data:
        if name not in lossy and not _same(recorded.data[name], made.data[name]):
            return f"{where}: {name} differs {_by_how_much(recorded.data[name], made.data[name])}"
    return ""


def _step_difference(recorded: Step, made: Step) -> str:
    where = _named(recorded)
    for name in ("index", "t_ns", "terminated", "truncated", "events"):
        if getattr(recorded, name) != getattr(made, name):
            return f"{where}: {name} is {getattr(made, name)}, was {getattr(recorded, name)}"
    if dict(recorded.reward_terms) != dict(made.reward_terms):
        return f"{where}: reward is {dict(made.reward_terms)}, was {dict(recorded.reward_terms)}"
    for what in ("truth", "goal"):
        before, after = getattr(recorded, what), getattr(made, what)
        for name, array in before.items():
            if name not in after or not _same(array, after[name]):
                return f"{where}: the {what} {name!r} differs"
    return ""


def _objects_difference(recorded: Objects, made: Objects) -> str:
    named = ("t_ns", "complete", "names", "key_point_names")
    return _truth_difference(recorded, made, named)


def _dynamics_difference(recorded: Dynamics, made: Dynamics) -> str:
    named = ("t_ns", "complete", "contacts_found", "names", "contact_parts")
    return _truth_difference(recorded, made, named)


def _truth_difference(
    recorded: Objects | Dynamics, made: Objects | Dynamics, named: Sequence[str]
) -> str:
    where = _named(recorded)
    for name in named:
        if getattr(recorded, name) != getattr(made, name):
            return f"{where}: {name} is {getattr(made, name)}, was {getattr(recorded, name)}"
    for name, array in recorded.arrays().items():
        if not _same(array, made.arrays()[name]):
            return f"{where}: {name} differs {_by_how_much(array, made.arrays()[name])}"
    return ""


def _same(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> bool:
    # Bytes, not values: -0.0 equals 0.0, and would make another digest.
    return (
        first.shape == second.shape
        and first.dtype == second.dtype
        and first.tobytes() == second.tobytes()
    )


def _by_how_much(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> str:
    if first.shape != second.shape:
        return f"in shape, {second.shape} for {first.shape}"
    count = int(np.count_nonzero(first != second))
    largest = float(np.max(np.abs(first.astype(np.float64) - second.astype(np.float64))))
    return f"in {count} of {first.size} numbers, by up to {largest:.3g}"


def _other_versions(recorded: Mapping[str, str]) -> tuple[str, ...]:
    now = installed_versions()
    return tuple(
        f"{name} {now.get(name, 'absent')} for {version}"
        for name, version in recorded.items()
        if now.get(name) != version and name != CODE
    )


def _other_code(recorded: Mapping[str, str]) -> str:
    if CODE not in recorded:
        return f"the log does not say which code made it; this is {code_hash()}"
    if recorded[CODE] != code_hash():
        return f"the log was made by other code: {recorded[CODE]}, this is {code_hash()}"
    return ""
