"""The one loop that steps an environment with a policy.

Everything that happens is offered to sinks in the order in which it happened: a recorder, a digest,
a list. Sinks get the captured samples at their own rates and the steps, not the observation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fleetloop.agents.policy import Policy
from fleetloop.core.digest import EpisodeDigest
from fleetloop.core.types import Episode, EpisodeMeta, Sample, Step
from fleetloop.envs.env import RobotEnv


class Sink(Protocol):
    """Takes what happens in an episode, as it happens."""

    def add_sample(self, sample: Sample) -> None:
        """A sensor captured something."""
        ...

    def add_step(self, step: Step) -> None:
        """A control step is over; its samples came before."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an episode ended.

    Attributes:
        meta: How to make it again.
        steps: Number of control steps.
        duration_s: Simulated time.
        total_reward: Sum of rewards.
        success: Whether the task was done.
        cause: Why it ended, such as `"off_road"`; `"time"` when it was cut.
        digest: SHA-256 over everything sensed and done.
    """

    meta: EpisodeMeta
    steps: int
    duration_s: float
    total_reward: float
    success: bool
    cause: str
    digest: str


def rollout(
    env: RobotEnv,
    policy: Policy[Any],
    seed: int,
    sinks: Sequence[Sink] = (),
    on_step: Callable[[Step], None] | None = None,
) -> Outcome:
    """Runs one episode to its end.

    Args:
        env: The environment; it is reset with `seed`.
        policy: What acts.
        seed: Of the episode, and of the policy's own randomness.
        sinks: Get every sample and step.
        on_step: Called after each step, for progress.
    """
    digest = EpisodeDigest()
    everyone: tuple[Sink, ...] = (digest, *sinks)
    observation, info = env.reset(seed=seed)
    state = policy.init(seed)
    _offer_samples(env, everyone)
    total_reward = 0.0
    while True:
        seen = info["truth"] if policy.privileged else observation
        action, state = policy.act(seen, state)
        observation, reward, terminated, truncated, info = env.step(action)
        total_reward += reward
        _offer_samples(env, everyone)
        step = env.last_step
        assert step is not None
        for sink in everyone:
            sink.add_step(step)
        if on_step is not None:
            on_step(step)
        if terminated or truncated:
            break
    return Outcome(
        meta=env.episode_meta(policy.name),
        steps=step.index + 1,
        duration_s=step.t_ns * 1e-9,
        total_reward=total_reward,
        success=bool(info["success"]),
        cause=info["cause"] or "time",
        digest=digest.hexdigest(),
    )


class EpisodeList:
    """A sink that keeps a whole episode in memory; for tests and short episodes."""

    def __init__(self) -> None:
        self.samples: dict[str, list[Sample]] = {}
        self.steps: list[Step] = []

    def add_sample(self, sample: Sample) -> None:
        """Keeps it."""
        self.samples.setdefault(sample.sensor, []).append(sample)

    def add_step(self, step: Step) -> None:
        """Keeps it."""
        self.steps.append(step)

    def episode(self, env: RobotEnv, policy: str) -> Episode:
        """All that was kept, with the environment's schemas."""
        return Episode(
            meta=env.episode_meta(policy),
            schemas=env.schemas,
            steps=tuple(self.steps),
            samples={name: tuple(row) for name, row in self.samples.items()},
        )


def _offer_samples(env: RobotEnv, sinks: Sequence[Sink]) -> None:
    for sample in env.last_samples:
        for sink in sinks:
            sink.add_sample(sample)
