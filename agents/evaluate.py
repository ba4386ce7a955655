"""Measures a policy on fixed cases, so that two policies meet the very same worlds.

A case is a task, its options and a seed; the seed fixes town, weather, traffic and noise, so
policies differ and luck does not (common random numbers). Cases are independent of each other: a
fleet may run them anywhere and in any order.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fleetloop.agents.policy import Policy
from fleetloop.agents.rollout import Sink, rollout
from fleetloop.agents.statistics import Interval, Paired, bootstrap_mean, mcnemar, wilson
from fleetloop.core.config import config_hash
from fleetloop.core.digest import canonical_json
from fleetloop.core.errors import ConfigError
from fleetloop.core.types import Step
from fleetloop.envs.env import RobotEnv
from fleetloop.envs.registration import make_env

PROGRESS = ("progress", "route_completion", "coverage")
"""Names under which a task's truth tells which part of it is done, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One episode to be.

    Attributes:
        task: Registered name.
        seed: Of the episode.
        env: Further arguments of `make_env`, plain JSON values.
        cluster: What makes cases alike, such as the town; cases of one cluster are drawn together
            by the bootstrap.
        max_steps: Cuts the episode; None lets the task decide.
    """

    task: str
    seed: int
    env: Mapping[str, Any] = field(default_factory=dict)
    cluster: str = ""
    max_steps: int | None = None

    @property
    def key(self) -> str:
        """Names the case: equal for equal cases."""
        return config_hash(self)[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """How a case went.

    Attributes:
        key, task, seed, cluster: Of the case.
        policy: What acted.
        success, cause, steps, duration_s, total_reward, digest: Of its outcome.
        progress: Part of the task that was done, 0 to 1: what the task's truth tells, else 1 for
            a success and 0 for a failure.
        events: How often each kind of event happened.
    """

    key: str
    task: str
    seed: int
    cluster: str
    policy: str
    success: bool
    cause: str
    steps: int
    duration_s: float
    total_reward: float
    digest: str
    progress: float
    events: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Results of one task together.

    Attributes:
        task: Its name.
        cases: How many.
        success: With Wilson's interval.
        success_clustered: With the bootstrap's, over clusters.
        progress: Mean, with the bootstrap's interval.
        causes: How often each cause ended a failure.
        reward: Mean total.
    """

    task: str
    cases: int
    success: Interval
    success_clustered: Interval
    progress: Interval
    causes: Mapping[str, int]
    reward: float


def evaluate(
    policy_of: Callable[[str, RobotEnv], Policy[Any]],
    cases: Sequence[Case],
    on_case: Callable[[CaseResult], None] | None = None,
    sinks: Sequence[Sink] = (),
) -> list[CaseResult]:
    """Runs cases one after another, in an environment for each set of options.

    Args:
        policy_of: Gives the policy of a task and its environment.
        cases: What to run.
        on_case: Told each result.
        sinks: Get every episode, such as an `EpisodeWriter`.
    """
    results: list[CaseResult] = []
    for group in _groups(cases):
        env = make_env(group[0].task, **group[0].env)
        try:
            policy = policy_of(group[0].task, env)
            for case in group:
                results.append(run_case(env, policy, case, sinks))
                if on_case is not None:
                    on_case(results[-1])
        finally:
            env.close()
    order = {case.key: number for number, case in enumerate(cases)}
    return sorted(results, key=lambda result: order[result.key])


def run_case(
    env: RobotEnv, policy: Policy[Any], case: Case, sinks: Sequence[Sink] = ()
) -> CaseResult:
    """Runs one case in an environment that was made for it."""
    events: Counter[str] = Counter()
    last: list[Step] = []

    def on_step(step: Step) -> None:
        events.update(event.kind for event in step.events)
        last[:] = [step]

    outcome = rollout(env, policy, case.seed, sinks, max_steps=case.max_steps, on_step=on_step)
    return CaseResult(
        key=case.key,
        task=case.task,
        seed=case.seed,
        cluster=case.cluster,
        policy=policy.name,
        success=outcome.success,
        cause=outcome.cause,
        steps=outcome.steps,
        duration_s=outcome.duration_s,
        total_reward=outcome.total_reward,
        digest=outcome.digest,
        progress=_progress(last[0], success=outcome.success),
        events=dict(sorted(events.items())),
    )


def summarise(results: Sequence[CaseResult], seed: int = 0) -> list[Summary]:
    """One summary a task, in order of names.

    Args:
        results: Of one policy.
        seed: Of the bootstrap's draws.
    """
    summaries = []
    for task in sorted({result.task for result in results}):
        own = [result for result in results if result.task == task]
        wins = [float(result.success) for result in own]
        clusters = [result.cluster or result.key for result in own]
        causes = Counter(result.cause for result in own if not result.success)
        summaries.append(
            Summary(
                task=task,
                cases=len(own),
                success=wilson(int(sum(wins)), len(own)),
                success_clustered=bootstrap_mean(wins, clusters, seed=seed),
                progress=bootstrap_mean([r.progress for r in own], clusters, seed=seed),
                causes=dict(causes.most_common()),
                reward=sum(result.total_reward for result in own) / len(own),
            )
        )
    return summaries


def compare(before: Sequence[CaseResult], after: Sequence[CaseResult]) -> dict[str, Paired]:
    """McNemar's test of two policies on the same cases, by task.

    Raises:
        ConfigError: The cases differ.
    """
    first = {result.key: result for result in before}
    second = {result.key: result for result in after}
    if first.keys() != second.keys():
        raise ConfigError(
            f"The runs share {len(first.keys() & second.keys())} of {len(first)} and "
            f"{len(second)} cases: a paired test needs the same cases in both."
        )
    result = {}
    for task in sorted({entry.task for entry in before}):
        keys = [key for key, entry in first.items() if entry.task == task]
        result[task] = mcnemar(
            [first[key].success for key in keys], [second[key].success for key in keys]
        )
    return result


def _groups(cases: Iterable[Case]) -> list[list[Case]]:
    """Cases that share an environment, in the order of their first."""
    groups: dict[str, list[Case]] = {}
    seen: set[str] = set()
    for case in cases:
        if case.key in seen:
            raise ConfigError(f"The case {case.task} with seed {case.seed} is there twice.")
        seen.add(case.key)
        groups.setdefault(canonical_json([case.task, json.loads(json.dumps(case.env))]), []).append(
            case
        )
    return list(groups.values())


def _progress(last: Step, *, success: bool) -> float:
    if success:
        return 1.0
    for name in PROGRESS:
        if name in last.truth and last.truth[name].size == 1:
            return min(max(float(last.truth[name]), 0.0), 1.0)
    return 0.0
