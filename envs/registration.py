"""The tasks and robots by name, and the one place that tells Gymnasium about them.

Adding a task or a robot is one file and one line here. Users add their own with `TASKS.add` and
`register_task`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gymnasium as gym

from fleetloop.core.config import from_json, to_json
from fleetloop.core.errors import ConfigError, UnknownNameError
from fleetloop.core.registry import Registry

if TYPE_CHECKING:
    from fleetloop.envs.env import RobotEnv
    from fleetloop.envs.robots.base import Robot
    from fleetloop.envs.sensors.base import SensorConfig
    from fleetloop.envs.tasks.base import Task

TASKS: Registry[type[Task]] = Registry(
    "task",
    {
        "fleetloop/LaneFollow-v0": "fleetloop.envs.tasks.lane_follow:LaneFollow",
    },
)

ROBOTS: Registry[type[Robot]] = Registry(
    "robot",
    {
        "car": "fleetloop.envs.robots.car:Car",
    },
)


def register_task(name: str) -> None:
    """Makes a name of `TASKS` known to `gymnasium.make`.

    Raises:
        UnknownNameError: `TASKS` has no such name.
    """
    if name not in TASKS:
        raise UnknownNameError("task", name, TASKS)
    gym.register(
        id=name,
        entry_point="fleetloop.envs.registration:make_env",
        kwargs={"task": name},
        # The environment checks actions and its own schemas at each step already.
        disable_env_checker=True,
        order_enforce=False,
    )


def register_all() -> None:
    """Registers every task of `TASKS`."""
    for name in TASKS:
        register_task(name)


def make_env(
    task: str,
    *,
    robot: str | None = None,
    rig: str | Sequence[SensorConfig] | None = None,
    obs_mode: str = "all",
    render_mode: str | None = None,
    task_options: Mapping[str, Any] | None = None,
    robot_options: Mapping[str, Any] | None = None,
    control_hz: float = 10.0,
    physics_hz: int = 240,
    threads: int = 1,
) -> RobotEnv:
    """Builds an environment.

    Args:
        task: Name in `TASKS`.
        robot: Name in `ROBOTS`; the task's own if None.
        rig: Name of one of the robot's presets, or sensor configs; the task's own if None.
        obs_mode: `state`, `camera`, `range` or `all`.
        render_mode: `rgb_array` or None.
        task_options: Fields of the task's config that differ from their defaults.
        robot_options: Fields of the robot's config that differ from their defaults.
        control_hz: Steps per second of simulated time.
        physics_hz: Physics ticks per second.
        threads: Threads that trace rays.

    Raises:
        UnknownNameError: A name that no registry has.
        ConfigError: A value that is not possible.
    """
    from fleetloop.envs.env import EnvConfig, RobotEnv

    task_class = TASKS.get(task)
    robot_name = robot or task_class.ROBOT
    robot_class = ROBOTS.get(robot_name)
    task_object = task_class(_config(task_class, task_options))  # type: ignore[call-arg]
    robot_object = robot_class(_config(robot_class, robot_options))  # type: ignore[call-arg]
    config = EnvConfig(
        task=task,
        robot=robot_name,
        sensors=_rig(robot_object, task_class.RIG if rig is None else rig),
        task_options=dict(task_options or {}),
        robot_options=dict(robot_options or {}),
        obs_mode=obs_mode,  # type: ignore[arg-type]
        control_hz=control_hz,
        physics_hz=physics_hz,
        threads=threads,
    )
    return RobotEnv(config, task_object, robot_object, render_mode)


def _config(owner: Any, options: Mapping[str, Any] | None) -> Any:  # noqa: ANN401
    if options is not None and not isinstance(options, Mapping):
        raise ConfigError(f"The options of {owner.__name__} are {options!r}: pass a mapping.")
    return from_json(owner.CONFIG, to_json(dict(options or {})))


def _rig(robot: Robot, rig: str | Sequence[SensorConfig]) -> tuple[SensorConfig, ...]:
    if not isinstance(rig, str):
        return tuple(rig)
    if rig not in robot.rigs:
        raise UnknownNameError("rig", rig, robot.rigs)
    return robot.rigs[rig]
