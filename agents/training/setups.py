"""How tasks are set up to be learnt on a laptop: sensors, rates, places to learn in and be judged.

Rendering and driving are the bill of imitation, not gradients. So the car decides five times a
second, from one picture that is taken just before: a picture of ten a second that arrives 30 ms
after the decision would be a tenth of a second old when it is used, and cost twice as much.
Failures are long where a policy freezes, so that standing without a reason ends an episode early.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fleetloop.core.config import to_json
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose

DECISIONS_HZ = 5.0
EXPOSED = 0.75
"""Part of a decision's period after which the camera looks: its picture has arrived in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSetup:
    """A task as it is learnt.

    Attributes:
        task: Registered name.
        env: Arguments of `make_env` in all splits.
        splits: Further task options by split: `train`, `dev`, `test` share no place.
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
        options = {**self.env.get("task_options", {}), **self.splits[split]}
        return {**self.env, "task_options": options}


def drive_setup(
    *, route_m: tuple[float, float] = (100.0, 200.0), vehicles: int = 10, pedestrians: int = 6
) -> TaskSetup:
    """`fleetloop/Drive-v0` in small towns; those of the splits differ in every street.

    Args:
        route_m: Shortest and longest route.
        vehicles, pedestrians: Of the traffic.
    """
    towns = {"train": (0, 6), "dev": (100, 102), "test": (200, 204)}
    splits = {
        split: {"map": {"town_seeds": list(seeds), "town": {"blocks_x": 2, "blocks_y": 2}}}
        for split, seeds in towns.items()
    }
    env = {
        "rig": car_rig(),
        "obs_mode": "camera",
        "physics": "fast",
        "control_hz": DECISIONS_HZ,
        "task_options": {
            "route_m": list(route_m),
            "traffic": {"vehicles": vehicles, "pedestrians": pedestrians, "warm_up_s": 5.0},
            "stuck_s": 12.0,
        },
    }
    return TaskSetup(task="fleetloop/Drive-v0", env=env, splits=splits)


def humanoid_setup(task: str, options: Mapping[str, Any] | None = None) -> TaskSetup:
    """A task of the humanoid in fast physics; rooms, plates and bags follow from the seeds.

    Args:
        task: Registered name.
        options: Of the task.
    """
    env = {"rig": humanoid_rig(), "obs_mode": "camera", "physics": "fast",
           "task_options": dict(options or {})}  # fmt: skip
    return TaskSetup(task=task, env=env, splits={split: {} for split in ("train", "dev", "test")})


def humanoid_rig() -> list[dict[str, Any]]:
    """`head64` with a picture for every second decision, and where the right hand's grip is.

    Every arm's controller tells the latter. Without it a brain would have to learn the arm's
    kinematics from its joints' angles to within a centimetre, from a few hundred moments.
    """
    from fleetloop.envs.registration import ROBOTS
    from fleetloop.envs.robots.humanoid.holding import GRIP_POINT_M
    from fleetloop.envs.sensors.camera import CameraConfig
    from fleetloop.envs.sensors.link_pose import LinkPoseConfig

    kind = ROBOTS.get("humanoid")
    sensors = [
        replace(sensor, rate_hz=DECISIONS_HZ) if isinstance(sensor, CameraConfig) else sensor
        for sensor in kind(kind.CONFIG()).rigs["head64"]
    ]
    grip = Pose.of(*GRIP_POINT_M)
    sensors.append(
        LinkPoseConfig(name="right_grip", link="right_hand", link_T_sensor=grip, rate_hz=10.0)
    )
    return [to_json(sensor) for sensor in sensors]


def car_rig() -> list[dict[str, Any]]:
    """Own senses of `front64` and one small picture a decision, taken just before it.

    The camera looks 60 degrees wide and a little up: in 90 degrees a lit lamp of a signal is less
    than a pixel from where one has to brake, and in a narrower view the signal is out of the
    picture at its line.
    """
    from fleetloop.envs.robots.car_rigs import camera, car_rigs
    from fleetloop.envs.sensors.base import SensorConfig
    from fleetloop.envs.sensors.camera import CameraConfig
    from fleetloop.envs.sensors.gnss import GnssConfig

    screen = Pose.of(0.55, 0.0, 1.32, pitch_rad=-math.radians(6.0))
    front = camera("front", screen, 60.0, (64, 64), rate_hz=DECISIONS_HZ, antialias=False)
    sensors: list[SensorConfig] = [replace(front, phase=EXPOSED)]
    sensors += [
        replace(sensor, rate_hz=DECISIONS_HZ, phase=EXPOSED)
        for sensor in car_rigs()["front64"]
        if not isinstance(sensor, CameraConfig | GnssConfig)
    ]
    return [to_json(sensor) for sensor in sensors]
