"""Old motion, new senses: records an episode again with another rig or another light.

Physics never depends on what looks at it, so the world of a log, driven by the log's own actions,
moves as it did, to the last bit, whatever sensors it carries and in whatever weather it is seen.
That is checked at each step and each instant at which objects were recorded, not hoped for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.agents.rollout import rollout
from fleetloop.core.config import to_json
from fleetloop.core.errors import ConfigError, StateError, StorageError
from fleetloop.core.objects import EGO, Objects
from fleetloop.core.spec import Schema
from fleetloop.core.types import EpisodeMeta, Outcome, Sample, Step
from fleetloop.core.versions import installed_versions
from fleetloop.datasets.lineage import EpisodeLineage, Lineage, source_of, write_lineage
from fleetloop.datasets.log.writer import EpisodeWriter
from fleetloop.datasets.recording import RecordedEpisode, Recording
from fleetloop.envs.registration import make_env
from fleetloop.loop.rigs import labelled_rig


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSenses:
    """What changes.

    Attributes:
        rig: Name of one of the robot's presets, or sensors; the recorded one if None.
        labels: Labels that every camera gets; its own if None.
        light: Fields of `Light` that change.
        obs_mode: Which sensors run; as recorded if empty.
        lossless: Whether pictures are kept exact.
    """

    rig: str | Sequence[Any] | None = None
    labels: tuple[str, ...] | None = None
    light: Mapping[str, Any] | None = None
    obs_mode: str = ""
    lossless: bool = False


@dataclass(frozen=True, slots=True)
class RecordedPolicy:
    """Does again what was done in an episode."""

    episode: RecordedEpisode

    @property
    def name(self) -> str:
        """Of what acted then."""
        return self.episode.meta.policy

    @property
    def privileged(self) -> bool:
        """It looks at nothing."""
        return False

    def init(self, seed: int) -> int:
        """The first step is next."""
        return 0

    def act(
        self, observation: Mapping[str, npt.NDArray[Any]], state: int
    ) -> tuple[npt.NDArray[np.float32], int]:
        """The action that was recorded."""
        return self.episode.step(state).action.astype(np.float32), state + 1


class MotionCheck:
    """A sink that holds what happens against a recording.

    Raises:
        StateError: Something moves otherwise than it did.
    """

    def __init__(self, episode: RecordedEpisode) -> None:
        self._episode = episode
        self._instants = {int(t): n for n, t in enumerate(episode.objects_times_ns.tolist())}
        self.compared = 0

    def begin(self, meta: EpisodeMeta, schemas: Mapping[str, Schema]) -> None:
        """The world must be drawn as it was."""
        if to_json(meta.draws) != to_json(self._episode.meta.draws):
            self._fail("the world is drawn otherwise")

    def add_sample(self, sample: Sample) -> None:
        """Senses may differ."""

    def add_objects(self, objects: Objects) -> None:
        """Objects must be where they were, at instants that both know."""
        number = self._instants.get(objects.t_ns)
        if number is None:
            return
        recorded = self._episode.objects_record(number)
        for name in recorded.names:
            mine, theirs = objects.row(name), recorded.row(name)
            if mine is None or theirs is None:
                continue
            for column in ("position_m", "quaternion_xyzw", "linear_m_s", "angular_rad_s"):
                now, then = getattr(objects, column)[mine], getattr(recorded, column)[theirs]
                if now.tobytes() != then.tobytes():
                    who = "the robot" if name == EGO else name
                    self._fail(f"{column} of {who} at {objects.t_ns} ns is {now}, was {then}")
            self.compared += 1

    def add_step(self, step: Step) -> None:
        """Rewards, events and truth must be what they were."""
        then = self._episode.step(step.index)
        if step.action.tobytes() != then.action.tobytes():
            self._fail(f"the action of step {step.index} differs")
        if dict(step.reward_terms) != dict(then.reward_terms) or step.events != then.events:
            self._fail(f"rewards or events of step {step.index} differ")
        for name, array in then.truth.items():
            if name not in step.truth or step.truth[name].tobytes() != array.tobytes():
                self._fail(f"the truth {name!r} of step {step.index} differs")

    def end(self, outcome: Outcome) -> None:
        """It must end as it ended."""
        then = self._episode.outcome
        if then is not None and (outcome.steps, outcome.cause) != (then.steps, then.cause):
            self._fail(f"it ends by {outcome.cause} after {outcome.steps} steps")

    def _fail(self, what: str) -> None:
        raise StateError(
            f"{self._episode.path} does not move as it was recorded: {what}. Other versions than "
            f"those of the recording do that: `fleetloop replay {self._episode.path.name}` tells."
        )


def rerender(
    recording: Recording,
    out: Path,
    senses: NewSenses,
    *,
    threads: int = 1,
    on_step: Callable[[Step], None] = lambda step: None,
    on_episode: Callable[[Path], None] = lambda path: None,
) -> list[Path]:
    """Records every episode of a recording again with other senses, into a new folder.

    Episodes that are there already are left, so a run that was stopped is gone on with by the same
    call. `lineage.json` in the folder names the logs that the motion came from.

    Raises:
        StateError: An episode does not move as it did; nothing of it is kept.
        StorageError: The folder cannot be written.
    """
    if out.exists() and out.resolve() == recording.place.resolve():
        raise StorageError(f"{out} holds the recording itself: choose another folder.")
    done, sources = [], []
    with EpisodeWriter(out, lossless=senses.lossless) as writer:
        for episode in recording:
            path = writer.path(episode.meta.episode_id)
            if not path.exists():
                _one(episode, writer, senses, threads, on_step)
            done.append(path)
            sources.append(EpisodeLineage(source=source_of(episode), signals=(), dropped=()))
            episode.close()
            on_episode(path)
    told = Lineage(
        exporter="rerender",
        version=installed_versions().get("fleetloop", ""),
        options=to_json(senses),
        episodes=tuple(sources),
    )
    write_lineage(told, out)
    return done


def _one(
    episode: RecordedEpisode,
    writer: EpisodeWriter,
    senses: NewSenses,
    threads: int,
    on_step: Callable[[Step], None],
) -> None:
    steps = len(episode.step_times_ns)
    if steps == 0:
        raise ConfigError(f"{episode.path} holds no step to do again.")
    env = make_env(**new_config(episode.meta.config, senses), threads=threads)
    try:
        rollout(
            env,
            RecordedPolicy(episode),
            episode.meta.seed,
            # The check comes first: what moves otherwise must not get into a log.
            [MotionCheck(episode), writer],
            max_steps=steps,
            on_step=on_step,
        )
    finally:
        env.close()


def new_config(config: Mapping[str, Any], senses: NewSenses) -> dict[str, Any]:
    """Arguments of `make_env` for a recorded configuration with other senses."""
    options = {name: value for name, value in config.items() if name != "sensors"}
    rig: Any = config["sensors"] if senses.rig is None else senses.rig
    if senses.labels is not None:
        rig = labelled_rig(options, rig, senses.labels)
    if senses.light is not None:
        options["light"] = {**options.get("light", {}), **senses.light}
    if senses.obs_mode:
        options["obs_mode"] = senses.obs_mode
    return {**options, "rig": rig}
