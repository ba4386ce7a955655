"""Runs frozen situations again: the same world, a policy of one's choice, and how it went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fleetloop.agents.experts import EXPERTS
from fleetloop.agents.policy import Policy
from fleetloop.agents.rollout import rollout
from fleetloop.core.scenario import Scenario
from fleetloop.core.types import Outcome, Step
from fleetloop.envs.registration import make_env


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """How a scenario went.

    Attributes:
        scenario: Which.
        policy: Name of what acted.
        outcome: Of the episode.
        same_bytes: Whether it is the very episode that was frozen; None if that is not known.
    """

    scenario: Scenario
    policy: str
    outcome: Outcome
    same_bytes: bool | None


def run_scenario(
    scenario: Scenario,
    policy: Policy[Any] | None = None,
    *,
    threads: int = 1,
    on_step: Callable[[Step], None] | None = None,
) -> ScenarioResult:
    """Makes the world of a scenario again and lets a policy act in it.

    Args:
        scenario: What was frozen.
        policy: What acts; the expert of the task if None.
        threads: Threads that trace rays.
        on_step: Called after each step, for progress.

    Raises:
        UnknownNameError: The task is not registered here, or has no expert and no policy is given.
        ConfigError: Its options do not fit this version.
    """
    acting = EXPERTS.get(scenario.task)() if policy is None else policy
    env = make_env(scenario.task, **dict(scenario.env), threads=threads)
    try:
        outcome = rollout(env, acting, scenario.seed, max_steps=scenario.max_steps, on_step=on_step)
    finally:
        env.close()
    same = outcome.digest == scenario.digest if scenario.digest else None
    return ScenarioResult(scenario=scenario, policy=acting.name, outcome=outcome, same_bytes=same)
