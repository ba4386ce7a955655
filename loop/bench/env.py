"""Steps per CPU-second of each registered task in each observation mode and kind of physics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from fleetloop.envs.bodies import Physics
from fleetloop.envs.env import ObsMode
from fleetloop.envs.registration import ROBOTS, TASKS, make_env


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvSpeed:
    """How quick one task is.

    Attributes:
        task, obs_mode, physics: What was run, with the task's own robot and rig.
        steps: How many.
        cpu_ms: Of one step, mean over the steps.
        real_time: Simulated seconds per CPU-second.
    """

    task: str
    obs_mode: str
    physics: str
    steps: int
    cpu_ms: float
    real_time: float

    @property
    def steps_per_cpu_s(self) -> float:
        """Steps per CPU-second."""
        return 1e3 / self.cpu_ms


def cases() -> list[tuple[str, str, str]]:
    """Each task with each observation mode and each kind of physics that its robot supports."""
    found = []
    for task in TASKS:
        kinds = getattr(ROBOTS.get(TASKS.get(task).ROBOT), "physics", ("full",))
        found += [(task, mode, kind) for mode in get_args(ObsMode) for kind in kinds]
    return found


def measure(task: str, obs_mode: str, steps: int, physics: Physics = "full") -> EnvSpeed:
    """Runs random actions, drawn with a fixed seed; resets are not counted."""
    # Rates of rigs that were made for 240 Hz do not all divide 100 Hz.
    hz = 240 if physics == "fast" and not _divides(task) else None
    env = make_env(task, obs_mode=obs_mode, physics=physics, physics_hz=hz)
    try:
        env.action_space.seed(0)
        env.reset(seed=0)
        env.step(env.action_space.sample())  # compiles and loads
        cpu_s = 0.0
        for number in range(steps):
            action = env.action_space.sample()
            began = time.process_time()
            _, _, ended, cut, _ = env.step(action)
            cpu_s += time.process_time() - began
            if ended or cut:
                env.reset(seed=number)
        return EnvSpeed(
            task=task,
            obs_mode=obs_mode,
            physics=physics,
            steps=steps,
            cpu_ms=1e3 * cpu_s / steps,
            real_time=steps / env.config.control_hz / cpu_s,
        )
    finally:
        env.close()


def measure_all(steps: int) -> Iterator[EnvSpeed]:
    """All cases in turn."""
    for task, mode, kind in cases():
        yield measure(task, mode, steps, "fast" if kind == "fast" else "full")


def _divides(task: str) -> bool:
    """Whether the rates of a task's own rig divide the 100 Hz of fast physics."""
    task_class = TASKS.get(task)
    robot_class = ROBOTS.get(task_class.ROBOT)
    rig = robot_class(robot_class.CONFIG()).rigs[task_class.RIG]
    return all((100.0 / sensor.rate_hz).is_integer() for sensor in rig)
