"""The recordings that readers are shown: what they are of, and where they are kept.

A folder of logs is named after all that decides what its files hold. So logs that an older
configuration or an older format of logs made are never mixed with new ones, nor taken for them.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, fields
from pathlib import Path

from fleetloop.core.config import canonical_json, to_json
from fleetloop.core.types import EpisodeMeta, Outcome
from fleetloop.datasets.log import messages
from fleetloop.datasets.log.writer import FORMAT_VERSION
from fleetloop.envs.registration import make_env


@dataclass(frozen=True)
class Recording:
    """What to record.

    Attributes:
        task: Name of the task.
        rig: Name of one of its robot's rigs.
        max_steps: Length of each episode.
        episodes: How many.
    """

    task: str
    rig: str
    max_steps: int
    episodes: int

    def options(self) -> tuple[str, ...]:
        """Arguments of `fleetloop record`."""
        return (
            "--task", self.task, "--rig", self.rig, "--max-steps", str(self.max_steps),
            "--episodes", str(self.episodes),
        )  # fmt: skip


RECORDINGS = {
    "drive": Recording("fleetloop/DriveDense-v0", "front", 10, 12),
    "human": Recording("fleetloop/HumanoidWipe-v0", "full", 25, 10),
}


def stamp_of(recording: Recording) -> str:
    """Hash of the whole configuration and of the format of logs, as 12 hexadecimal digits.

    The number of episodes is left out: a folder may be extended.
    """
    env = make_env(recording.task, rig=recording.rig)
    try:
        config = to_json(env.config)
    finally:
        env.close()
    format_of_logs = {
        "version": FORMAT_VERSION,
        "messages": messages.StepMessage.DESCRIPTOR.file.serialized_pb.hex(),
        "metadata": [f.name for kind in (EpisodeMeta, Outcome) for f in fields(kind)],
    }
    told = canonical_json([config, recording.max_steps, format_of_logs])
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def log_folder(place: Path, name: str, stamp: str) -> Path:
    """The folder of logs with that stamp; those of the same name with another one are deleted.

    Args:
        place: Where recordings of this tool are, and nothing else.
        name: Of the recording.
        stamp: See `stamp_of`.
    """
    folder = place / f"{name}-{stamp}"
    for stale in sorted(place.glob(f"{name}*")):
        if stale != folder and (stale.name == name or stale.name.startswith(f"{name}-")):
            print(
                f"{stale} was made with another configuration or format: recorded anew", flush=True
            )
            shutil.rmtree(stale)
    return folder
