"""The tasks and robots by name, and the one place that tells Gymnasium about them.

Adding a task or a robot is one file and one line here. Users add their own with `TASKS.add` and
`register_task`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import gymnasium as gym

from fleetloop.core.clock import TickRate
from fleetloop.core.config import from_json, to_json
from fleetloop.core.errors import ConfigError, UnknownNameError
from fleetloop.core.registry import Registry

if TYPE_CHECKING:
    from fleetloop.envs.env import RobotEnv
    from fleetloop.envs.robots.base import Robot
    from fleetloop.envs.sensors.base import SensorConfig
    from fleetloop.envs.tasks.base import Task

_Rate = TypeVar("_Rate", int, float)

_FULL_HZ, _FAST_HZ = 240, 100

TASKS: Registry[type[Task]] = Registry(
    "task",
    {
        "fleetloop/LaneFollow-v0": "fleetloop.envs.tasks.lane_follow:LaneFollow",
        "fleetloop/Drive-v0": "fleetloop.envs.tasks.drive:Drive",
        "fleetloop/DriveDense-v0": "fleetloop.envs.tasks.drive_dense:DriveDense",
        "fleetloop/Park-v0": "fleetloop.envs.tasks.park:Park",
        "fleetloop/HumanoidStand-v0": "fleetloop.envs.tasks.humanoid_stand:HumanoidStand",
        "fleetloop/HumanoidWalk-v0": "fleetloop.envs.tasks.humanoid_walk:HumanoidWalk",
        "fleetloop/HumanoidCarry-v0": "fleetloop.envs.tasks.humanoid_carry:HumanoidCarry",
        "fleetloop/HumanoidWipe-v0": "fleetloop.envs.tasks.humanoid_wipe:HumanoidWipe",
        "fleetloop/HumanoidPick-v0": "fleetloop.envs.tasks.humanoid_pick:HumanoidPick",
        "fleetloop/HumanoidHandover-v0": "fleetloop.envs.tasks.humanoid_handover:HumanoidHandover",
    },
)

ROBOTS: Registry[type[Robot]] = Registry(
    "robot",
    {
        "car": "fleetloop.envs.robots.car:Car",
        "humanoid": "fleetloop.envs.robots.humanoid.robot:Humanoid",
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
    rig: str | Sequence[SensorConfig | Mapping[str, Any]] | None = None,
    obs_mode: str = "all",
    render_mode: str | None = None,
    task_options: Mapping[str, Any] | None = None,
    robot_options: Mapping[str, Any] | None = None,
    light: Mapping[str, Any] | None = None,
    control_hz: float | None = None,
    physics_hz: int | None = None,
    physics: str = "full",
    threads: int = 1,
) -> RobotEnv:
    """Builds an environment.

    Args:
        task: Name in `TASKS`.
        robot: Name in `ROBOTS`; the task's own if None.
        rig: Name of one of the robot's presets, or sensor configs, or their JSON with `kind`;
            the task's own if None.
        obs_mode: `state`, `camera`, `range` or `all`.
        render_mode: `rgb_array` or None.
        task_options: Fields of the task's config that differ from their defaults.
        robot_options: Fields of the robot's config that differ from their defaults.
        light: Fields of `Light` that differ from what the task sets, such as
            `{"sun_elevation_rad": 0.1, "fog_visibility_m": 80.0}`.
        control_hz: Steps per second of simulated time; what the robot says if None, else 10.
        physics_hz: Physics ticks per second; what the robot says if None, else 240, and 100 in
            fast physics, or 240 there too if the rates of the rig divide that alone. The rates of
            all sensors must divide it.
        physics: `full` (PyBullet), or `fast` for learning: no engine, robots move by themselves,
            collisions are told and not felt.
        threads: Threads that trace rays.

    Raises:
        UnknownNameError: A name that no registry has.
        ConfigError: A value that is not possible.
    """
    from fleetloop.envs.env import EnvConfig, RobotEnv

    task_class = TASKS.get(task)
    robot_name = robot or task_class.ROBOT
    robot_class = ROBOTS.get(robot_name)
    task_config = _config(task_class, task_options)
    robot_config = _config(robot_class, robot_options)
    robot_object = robot_class(robot_config)
    sensors = _rig(robot_object, task_class.RIG if rig is None else rig)
    config = EnvConfig(
        task=task,
        robot=robot_name,
        sensors=sensors,
        task_options=to_json(task_config),
        robot_options=to_json(robot_config),
        light=to_json(dict(light or {})),
        obs_mode=obs_mode,  # type: ignore[arg-type]  # any string: EnvConfig checks it
        control_hz=_asked_or_own(control_hz, robot_object, "control_hz", 10.0),
        physics_hz=_physics_hz(physics_hz, robot_object, physics, sensors),
        physics=physics,  # type: ignore[arg-type]  # any string: EnvConfig checks it
    )
    task_object = task_class(task_config)
    return RobotEnv(config, task_object, robot_object, render_mode, threads=threads)


def remake_env(
    config: Mapping[str, Any], *, render_mode: str | None = None, threads: int = 1
) -> RobotEnv:
    """Builds the environment that a record's `EpisodeMeta.config` tells of.

    Raises:
        UnknownNameError: A task, robot or sensor that is not registered here.
        ConfigError: The record's options do not fit this version.
    """
    options = {name: value for name, value in config.items() if name != "sensors"}
    return make_env(**options, rig=config["sensors"], render_mode=render_mode, threads=threads)


def _config(owner: Any, options: Mapping[str, Any] | None) -> Any:  # noqa: ANN401
    if options is not None and not isinstance(options, Mapping):
        raise ConfigError(f"The options of {owner.__name__} are {options!r}: pass a mapping.")
    return from_json(owner.CONFIG, to_json(dict(options or {})))


def _asked_or_own(asked: _Rate | None, robot: Robot, name: str, usual: _Rate) -> _Rate:
    """The rate that was asked for, as it was, else the robot's own, which a robot need not have."""
    own: _Rate = getattr(robot, name, usual)
    return own if asked is None else asked


def _physics_hz(
    asked: int | None, robot: Robot, physics: str, sensors: Sequence[SensorConfig]
) -> int:
    if physics != "fast":
        return _asked_or_own(asked, robot, "physics_hz", _FULL_HZ)
    fits = [hz for hz in (_FAST_HZ, _FULL_HZ) if all(_divides(sensor, hz) for sensor in sensors)]
    return _asked_or_own(asked, robot, "fast_physics_hz", fits[0] if fits else _FAST_HZ)


def _divides(sensor: SensorConfig, hz: int) -> bool:
    try:
        TickRate(hz).period_ticks(sensor.rate_hz, "rate")
    except ConfigError:
        return False
    return True


def _rig(
    robot: Robot, rig: str | Sequence[SensorConfig | Mapping[str, Any]]
) -> tuple[SensorConfig, ...]:
    if not isinstance(rig, str):
        if not isinstance(rig, Sequence):
            raise ConfigError(
                f"The rig {rig!r} is no rig: pass a preset's name or a list of sensors."
            )
        entries = cast("Sequence[SensorConfig | Mapping[str, Any]]", rig)
        return tuple(_sensor(entry) for entry in entries)
    if rig not in robot.rigs:
        raise UnknownNameError("rig", rig, robot.rigs)
    return robot.rigs[rig]


def _sensor(entry: SensorConfig | Mapping[str, Any]) -> SensorConfig:
    from fleetloop.envs.sensors import SENSORS
    from fleetloop.envs.sensors.base import SensorConfig

    if isinstance(entry, SensorConfig):
        return entry
    if not isinstance(entry, Mapping):
        raise ConfigError(
            f"The rig holds {entry!r}: a sensor is a config, or its JSON with `kind`."
        )
    if not isinstance(entry.get("kind"), str):
        raise ConfigError(
            f"The sensor {entry.get('name')!r} does not say its kind: add one of "
            f"{', '.join(SENSORS)}."
        )
    return from_json(SENSORS.get(entry["kind"]).CONFIG, entry)
