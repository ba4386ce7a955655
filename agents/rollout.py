"""The one loop that steps an environment with a policy.

Everything that happens is offered to sinks in the order in which it happened: a recorder, a list.
Sinks get the captured samples at their own rates and the steps, not the observation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from fleetloop.agents.policy import Policy
from fleetloop.core.digest import EpisodeDigest
from fleetloop.core.dynamics import Dynamics
from fleetloop.core.errors import StateError
from fleetloop.core.lane_lines import LaneLines
from fleetloop.core.objects import Objects
from fleetloop.core.spec import Schema
from fleetloop.core.types import Episode, EpisodeMeta, Outcome, Sample, Step
from fleetloop.envs.env import RobotEnv


class Sink(Protocol):
    """Takes what happens in an episode, as it happens."""

    def begin(self, meta: EpisodeMeta, schemas: Mapping[str, Schema]) -> None:
        """The world was built."""
        ...

    def add_sample(self, sample: Sample) -> None:
        """A sensor captured something."""
        ...

    def add_objects(self, objects: Objects) -> None:
        """Where the objects truly are, just before the samples of the same instant."""
        ...

    def add_step(self, step: Step) -> None:
        """A control step is over; its samples came before."""
        ...

    def end(self, outcome: Outcome) -> None:
        """The episode is over. Not called for one that was cut by an error."""
        ...


@runtime_checkable
class TakesLanes(Protocol):
    """A sink that wants the lanes of the world too."""

    def add_lanes(self, lanes: LaneLines) -> None:
        """Told once, after `begin`, where the task has lanes."""
        ...


@runtime_checkable
class TakesDynamics(Protocol):
    """A sink that wants masses, contacts and energies too."""

    def add_dynamics(self, dynamics: Dynamics) -> None:
        """What moves the objects, before the samples of the same instant."""
        ...


def rollout(
    env: RobotEnv,
    policy: Policy[Any],
    seed: int,
    sinks: Sequence[Sink] = (),
    *,
    max_steps: int | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> Outcome:
    """Runs one episode to its end.

    Args:
        env: The environment; it is reset with `seed`.
        policy: What acts.
        seed: Of the episode, and of the policy's own randomness.
        sinks: Get every sample and step.
        max_steps: Cuts the episode after so many steps, with the cause `"max_steps"`.
        on_step: Called after each step, for progress.
    """
    digest = EpisodeDigest()
    env.tells_dynamics = any(isinstance(sink, TakesDynamics) for sink in sinks)
    observation, info = env.reset(seed=seed)
    state = policy.init(seed)
    meta = env.episode_meta(policy.name)
    for sink in sinks:
        sink.begin(meta, env.schemas)
    _offer_lanes(env, sinks)
    _offer_records(env, digest, sinks)
    total_reward = 0.0
    step: Step | None = None
    over = False
    while not over:
        seen = info["truth"] if policy.privileged else observation
        action, state = policy.act(seen, state)
        observation, reward, terminated, truncated, info = env.step(action)
        total_reward += reward
        step = env.last_step
        assert step is not None
        _offer_records(env, digest, sinks)
        digest.add_step(step)
        for sink in sinks:
            sink.add_step(step)
        if on_step is not None:
            on_step(step)
        over = terminated or truncated or step.index + 1 == max_steps
    assert step is not None
    cut = "time" if truncated else "max_steps"
    outcome = Outcome(
        steps=step.index + 1,
        duration_s=step.t_ns * 1e-9,
        total_reward=total_reward,
        success=bool(info["success"]),
        cause=info["cause"] or cut,
        digest=digest.hexdigest(),
    )
    for sink in sinks:
        sink.end(outcome)
    return outcome


class EpisodeList:
    """A sink that keeps a whole episode in memory; for tests and short episodes."""

    def __init__(self) -> None:
        self._meta: EpisodeMeta | None = None
        self._schemas: Mapping[str, Schema] = {}
        self._samples: dict[str, list[Sample]] = {}
        self._steps: list[Step] = []
        self._objects: list[Objects] = []
        self._dynamics: list[Dynamics] = []
        self._outcome: Outcome | None = None

    def begin(self, meta: EpisodeMeta, schemas: Mapping[str, Schema]) -> None:
        """Forgets the last episode."""
        self._meta, self._schemas, self._outcome = meta, dict(schemas), None
        self._samples = {name: [] for name in schemas}
        self._steps = []
        self._objects = []
        self._dynamics = []

    def add_sample(self, sample: Sample) -> None:
        """Keeps it."""
        self._samples[sample.sensor].append(sample)

    def add_objects(self, objects: Objects) -> None:
        """Keeps them."""
        self._objects.append(objects)

    def add_dynamics(self, dynamics: Dynamics) -> None:
        """Keeps them."""
        self._dynamics.append(dynamics)

    def add_step(self, step: Step) -> None:
        """Keeps it."""
        self._steps.append(step)

    def end(self, outcome: Outcome) -> None:
        """Keeps it."""
        self._outcome = outcome

    def episode(self) -> Episode:
        """All that was kept.

        Raises:
            StateError: No episode has begun.
        """
        if self._meta is None:
            raise StateError("There is no episode yet: hand this list to rollout as a sink first.")
        return Episode(
            meta=self._meta,
            schemas=self._schemas,
            steps=tuple(self._steps),
            samples={name: tuple(row) for name, row in self._samples.items()},
            outcome=self._outcome,
            objects=tuple(self._objects),
            dynamics=tuple(self._dynamics),
        )


def _offer_lanes(env: RobotEnv, sinks: Sequence[Sink]) -> None:
    wanting = [sink for sink in sinks if isinstance(sink, TakesLanes)]
    lanes = env.lane_lines() if wanting else None
    if lanes is not None:
        for sink in wanting:
            sink.add_lanes(lanes)


def _offer_records(env: RobotEnv, digest: EpisodeDigest, sinks: Sequence[Sink]) -> None:
    for record in env.last_records:
        if isinstance(record, Objects):
            digest.add_objects(record)
            for sink in sinks:
                sink.add_objects(record)
        elif isinstance(record, Dynamics):
            # No part of the digest, which is the same whether they are asked for or not.
            for sink in sinks:
                if isinstance(sink, TakesDynamics):
                    sink.add_dynamics(record)
        else:
            digest.add_sample(record)
            for sink in sinks:
                sink.add_sample(record)
