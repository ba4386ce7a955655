"""How tasks are set up to be learnt on a laptop: sensors, rates, places to learn in and be judged.

Rendering and driving are the bill of imitation, not gradients. So the car decides five times a
second, from one picture that is taken just before: a picture of ten a second that arrives 30 ms
after the decision would be a tenth of a second old when it is used, and cost twice as much.
Failures are long where a policy freezes, so that standing without a reason ends an episode early.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fleetloop.core.config import to_json
from fleetloop.core.errors import ConfigError

DECISIONS_HZ = 5.0
EXPOSED = 0.75
"""Part of a decision's period after which the camera looks: its picture has arrived in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSetup:
    """A task as it is learnt.

    Attributes:
        task: Registered name.
        env: Arguments of `make_env` in all splits.
        splits: Task options by split: `train`, `dev`, `test` share no place.
    """

    task: str
    env: Mapping[str, Any] = field(default_factory=dict)
    splits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def arguments(self, split: str) -> dict[str, Any]:
        """Arguments of `make_env` in a split.

        Raises:
            ConfigError: There is no such split.
        """
        if split not in self.splits:
            raise ConfigError(f"The split {split!r} is none of: {', '.join(self.splits)}.")
        return {**self.env, "task_options": dict(self.splits[split])}


def drive_setup(*, route_m: tuple[float, float] = (60.0, 120.0), vehicles: int = 10) -> TaskSetup:
    """`fleetloop/Drive-v0` in small towns; those of the splits differ in every street.

    Args:
        route_m: Shortest and longest route.
        vehicles: Of the traffic.
    """
    common = {
        "route_m": list(route_m),
        "traffic": {"vehicles": vehicles, "warm_up_s": 5.0},
        "stuck_s": 8.0,
        "speed_m_s": 3.5,
    }
    towns = {"train": (0, 4), "dev": (50, 54), "test": (100, 104)}
    splits = {
        split: {
            **common,
            "map": {"town_seeds": list(seeds), "town": {"blocks_x": 2, "blocks_y": 2}},
        }
        for split, seeds in towns.items()
    }
    env = {
        "rig": car_rig(),
        "obs_mode": "camera",
        "physics": "fast",
        "control_hz": DECISIONS_HZ,
    }
    return TaskSetup(task="fleetloop/Drive-v0", env=env, splits=splits)


def car_rig() -> list[dict[str, Any]]:
    """`front64` with a picture a decision, taken just before it, and without satellite fixes."""
    from fleetloop.envs.robots.car_rigs import car_rigs
    from fleetloop.envs.sensors.base import SensorConfig
    from fleetloop.envs.sensors.camera import CameraConfig
    from fleetloop.envs.sensors.gnss import GnssConfig

    sensors: list[SensorConfig] = []
    for sensor in car_rigs()["front64"]:
        if isinstance(sensor, GnssConfig):
            continue
        if isinstance(sensor, CameraConfig):
            sensors.append(replace(sensor, rate_hz=DECISIONS_HZ, phase=EXPOSED))
        else:
            sensors.append(replace(sensor, rate_hz=20.0))
    return [to_json(sensor) for sensor in sensors]
