"""From folders of logs to shards and the input spec that they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from fleetloop.agents.brain.inputs import InputSpec, TaskInputs, input_spec, task_inputs
from fleetloop.agents.training.shards import SUFFIX, ShardManifest, make_shard
from fleetloop.core.config import config_hash
from fleetloop.core.errors import SchemaError, StorageError
from fleetloop.datasets.log.reader import EpisodeLog
from fleetloop.datasets.recording import logs_in
from fleetloop.envs.registration import remake_env


def logs_of(places: Sequence[Path]) -> list[Path]:
    """All logs in some folders, or logs that are named themselves.

    Raises:
        StorageError: There are none.
    """
    found = [path for place in places for path in logs_in(place)]
    if not found:
        raise StorageError("There are no logs to learn from: record some episodes first.")
    return found


def spec_of_logs(logs: Sequence[Path], *, horizon: int, image_px: int = 64) -> InputSpec:
    """The input spec of all tasks that some logs are of.

    Raises:
        SchemaError: Logs of one task were recorded with different sensors.
    """
    configs: dict[str, tuple[str, Path]] = {}
    tasks: dict[str, TaskInputs] = {}
    for path in logs:
        log = EpisodeLog(path)
        sensors = [log.meta.config["sensors"], log.meta.config["obs_mode"]]
        known = configs.setdefault(log.meta.task, (config_hash(sensors), path))
        if known[0] != config_hash(sensors):
            raise SchemaError(
                f"{path} and {known[1]} are both of {log.meta.task} and have different sensors: "
                "one brain needs one rig a task."
            )
        if log.meta.task not in tasks:
            env = remake_env(log.meta.config)
            tasks[log.meta.task] = task_inputs(env)
            env.close()
    return input_spec(*tasks.values(), image_px=image_px, horizon=horizon)


def make_shards(
    logs: Sequence[Path],
    folder: Path,
    spec: InputSpec,
    on_shard: Callable[[ShardManifest], None] | None = None,
) -> list[Path]:
    """A shard for each log, named by the episode and by its digest.

    Raises:
        SchemaError, StorageError: As `make_shard`.
    """
    made = []
    for path in logs:
        log = EpisodeLog(path)
        digest = "" if log.outcome is None else log.outcome.digest[:8]
        out = folder / f"{log.meta.episode_id}-{log.meta.policy}-{digest}{SUFFIX}"
        manifest = make_shard(path, out, spec)
        made.append(out)
        if on_shard is not None:
            on_shard(manifest)
    return made
