"""Collects episodes into a folder, one log each; goes on where a stopped run left off.

Episode k of a plan has the seed `seed + k` and is the same bytes on every run, so a folder can be
finished, extended or made again elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from fleetloop.agents.experts import EXPERTS
from fleetloop.agents.policy import Policy, RandomPolicy
from fleetloop.agents.rollout import rollout
from fleetloop.core.errors import ConfigError, StorageError
from fleetloop.core.rng import check_seed
from fleetloop.core.types import EpisodeMeta, Outcome, Step
from fleetloop.core.versions import CODE, code_hash
from fleetloop.datasets.log.reader import EpisodeLog
from fleetloop.datasets.log.writer import EpisodeWriter
from fleetloop.envs.env import RobotEnv
from fleetloop.envs.registration import make_env


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPlan:
    """What to collect.

    Attributes:
        out: Folder of the logs.
        task: Name in `TASKS`.
        episodes: How many.
        seed: Of the first episode; each further one has the next.
        policy: `expert`, which acts from privileged truth, or `random`.
        max_steps: Cuts each episode; None lets the task decide.
        lossless: Whether camera pictures stay exact.
        env_options: Further arguments of `make_env`.
    """

    out: Path
    task: str
    episodes: int
    seed: int = 0
    policy: str = "expert"
    max_steps: int | None = None
    lossless: bool = False
    env_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_seed(self.seed)
        check_seed(self.seed + max(self.episodes, 0))
        if self.episodes < 1:
            raise ConfigError(f"The number of episodes is {self.episodes}: use 1 or more.")
        if self.max_steps is not None and self.max_steps < 1:
            raise ConfigError(f"max_steps is {self.max_steps}: use 1 or more, or leave it out.")
        if self.policy not in ("expert", "random"):
            raise ConfigError(f"The policy {self.policy!r} is none of: expert, random.")

    def episode_seeds(self) -> tuple[int, ...]:
        """One seed an episode."""
        return tuple(range(self.seed, self.seed + self.episodes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One episode of a plan.

    Attributes:
        path: Its log.
        outcome: How it ended.
        was_there: Whether an earlier run had recorded it.
        other_code: Whether that run was of other code than this.
    """

    path: Path
    outcome: Outcome
    was_there: bool
    other_code: bool = False


def record(
    plan: RecordPlan,
    on_step: Callable[[int, Step], None],
    on_episode: Callable[[int, Recorded], None],
) -> list[Recorded]:
    """Records what a plan asks for and is not there yet.

    Args:
        plan: What to collect.
        on_step: Called with the episode's number and each of its steps.
        on_episode: Called with each episode's number when it is whole.

    Raises:
        StorageError: The folder cannot be written, or holds episodes of another plan.
    """
    env = make_env(plan.task, **plan.env_options)
    policy = make_policy(plan.policy, plan.task, env)
    done: list[Recorded] = []
    try:
        with EpisodeWriter(plan.out, lossless=plan.lossless) as writer:
            for number, seed in enumerate(plan.episode_seeds()):
                meta = env.episode_meta(policy.name, seed=seed)
                path = writer.path(meta.episode_id)
                was_there, other_code = path.exists(), False
                if was_there:
                    log = EpisodeLog(path)
                    outcome = _same_outcome(log, meta, plan)
                    other_code = log.meta.versions.get(CODE) != code_hash()
                else:
                    outcome = rollout(
                        env,
                        policy,
                        seed,
                        [writer],
                        max_steps=plan.max_steps,
                        on_step=partial(on_step, number),
                    )
                done.append(
                    Recorded(path=path, outcome=outcome, was_there=was_there, other_code=other_code)
                )
                on_episode(number, done[-1])
    finally:
        env.close()
    return done


def make_policy(name: str, task: str, env: RobotEnv) -> Policy[Any]:
    """The policy of that name for a task.

    Raises:
        UnknownNameError: The task has no expert.
    """
    if name == "random":
        spec = env.robot.action_spec
        return RandomPolicy(spec.low, spec.high)
    return EXPERTS.get(task)()


def _same_outcome(log: EpisodeLog, meta: EpisodeMeta, plan: RecordPlan) -> Outcome:
    """The outcome of an episode that is there, if it is the one that the plan would record."""
    asked = (meta.config_hash, meta.policy, plan.lossless)
    there = (log.meta.config_hash, log.meta.policy, log.lossless)
    if log.outcome is None:
        raise StorageError(f"{log.path} was cut and repaired: move it away to record it anew.")
    if log.outcome.cause == "max_steps":
        as_long = log.outcome.steps == plan.max_steps
    else:
        as_long = plan.max_steps is None or log.outcome.steps <= plan.max_steps
    if asked != there or not as_long:
        raise StorageError(
            f"{log.path} was recorded with other options ({log.meta.policy}, config "
            f"{log.meta.config_hash[:12]}): choose another folder."
        )
    return log.outcome
