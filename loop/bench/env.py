"""Steps per CPU-second of each registered task in each observation mode and kind of physics."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from fleetloop.envs.bodies import Physics
from fleetloop.envs.env import ObsMode, RobotEnv
from fleetloop.envs.registration import ROBOTS, TASKS, make_env


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvSpeed:
    """How quick one task is.

    Attributes:
        task, obs_mode, physics: What was run, with the task's own robot and rig.
        steps: How many.
        cpu_ms: Of one step, mean over the steps.
        resets: How many episodes were begun, after the first.
        reset_cpu_ms: Of one such reset, mean; 0 if there was none.
        real_time: Simulated seconds per CPU-second of steps.
    """

    task: str
    obs_mode: str
    physics: str
    steps: int
    cpu_ms: float
    resets: int
    reset_cpu_ms: float
    real_time: float

    @property
    def steps_per_cpu_s(self) -> float:
        """Steps per CPU-second."""
        return 1e3 / self.cpu_ms


def cases(tasks: Sequence[str] = ()) -> list[tuple[str, str, Physics]]:
    """Each task with each observation mode and each kind of physics that its robot supports.

    Args:
        tasks: Registered names; all of them if empty.

    Raises:
        UnknownNameError: A name that is not registered.
    """
    found: list[tuple[str, str, Physics]] = []
    for task in tasks or TASKS:
        kinds: tuple[Physics, ...] = getattr(
            ROBOTS.get(TASKS.get(task).ROBOT), "physics", ("full",)
        )
        found += [(task, mode, kind) for mode in get_args(ObsMode) for kind in kinds]
    return found


def measure(
    task: str, obs_mode: str, steps: int, physics: Physics = "full", rig: str | None = None
) -> EnvSpeed:
    """Runs random actions, drawn with a fixed seed, through as many episodes as they take.

    Resets are timed apart from steps. The first reset and the first step are not counted: they
    compile and load.

    Args:
        task: Registered name.
        obs_mode: As in `make_env`.
        steps: How many to time.
        physics, rig: As in `make_env`.
    """
    env = make_env(task, obs_mode=obs_mode, physics=physics, rig=rig)
    try:
        env.action_space.seed(0)
        env.reset(seed=0)
        over = _step(env)[1]
        step_s, reset_s, resets = 0.0, 0.0, 0
        for _ in range(steps):
            if over:
                resets += 1
                began = time.process_time()
                env.reset(seed=resets)
                reset_s += time.process_time() - began
            spent_s, over = _step(env)
            step_s += spent_s
        return EnvSpeed(
            task=task,
            obs_mode=obs_mode,
            physics=physics,
            steps=steps,
            cpu_ms=1e3 * step_s / steps,
            resets=resets,
            reset_cpu_ms=1e3 * reset_s / max(resets, 1),
            real_time=steps / env.config.control_hz / step_s,
        )
    finally:
        env.close()


def _step(env: RobotEnv) -> tuple[float, bool]:
    """CPU time of one random action, seconds, and whether the episode is over."""
    action = env.action_space.sample()
    began = time.process_time()
    _, _, terminated, truncated, _ = env.step(action)
    return time.process_time() - began, terminated or truncated
