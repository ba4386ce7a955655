"""Drives a task with the sensors that real drives were recorded with, for `datasets.realism`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fleetloop.agents.experts import EXPERTS
from fleetloop.agents.rollout import EpisodeList, rollout
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.core.types import Episode, Step
from fleetloop.envs.registration import make_env
from fleetloop.envs.sensors.base import SensorConfig
from fleetloop.envs.sensors.beams import beam_table
from fleetloop.envs.sensors.encoder import SteeringAngleConfig
from fleetloop.envs.sensors.gnss import GnssConfig
from fleetloop.envs.sensors.imu import ImuConfig
from fleetloop.envs.sensors.imu_errors import PHONE
from fleetloop.envs.sensors.lidar import LidarConfig
from fleetloop.envs.sensors.radar import RadarConfig
from fleetloop.envs.sensors.radar_scans import radar_scan
from fleetloop.envs.sensors.vibration import CAR_VIBRATION
from fleetloop.envs.sensors.wheel_speed import WheelSpeedConfig

KITTI_Z_M, NUSCENES_Z_M = 1.73, 1.84
"""Heights of the LiDARs above the ground, by the papers of both data sets."""


def realism_rig() -> tuple[SensorConfig, ...]:
    """The sensors of the real drives, on a car; a sweep every second is enough for statistics."""
    return (
        LidarConfig(
            name="hdl64e", beams=beam_table("hdl64e"), link_T_sensor=Pose.of(z_m=KITTI_Z_M),
            rate_hz=1.0,
        ),
        LidarConfig(
            name="hdl32e", beams=beam_table("hdl32e"), link_T_sensor=Pose.of(z_m=NUSCENES_Z_M),
            rate_hz=1.0,
        ),
        ImuConfig(
            name="imu", link_T_sensor=Pose.of(0.5, 0.0, 1.2), rate_hz=120.0, errors=PHONE,
            vibration=CAR_VIBRATION,
        ),
        WheelSpeedConfig(name="wheels", rate_hz=80.0),
        SteeringAngleConfig(name="steering", rate_hz=80.0),
        RadarConfig(
            name="radar", link_T_sensor=Pose.of(2.4, 0.0, 0.5), scan=radar_scan("ars408_far"),
            rate_hz=20.0,
        ),
        GnssConfig(name="gnss", link_T_sensor=Pose.of(-0.8, 0.0, 1.45), rate_hz=10.0),
    )  # fmt: skip


def drives(
    task: str,
    episodes: int,
    seed: int = 0,
    *,
    threads: int = 1,
    max_steps: int | None = None,
    on_step: Callable[[int, Step], None] | None = None,
) -> Iterator[Episode]:
    """Episodes of a task by its expert, with `realism_rig`, one at a time.

    Args:
        task: Registered task of a car.
        episodes: How many, with the seeds from `seed` on.
        seed: Of the first.
        threads: Of the tracer.
        max_steps: Cuts each episode.
        on_step: Told the episode's number and the step.

    Raises:
        ConfigError: `episodes` is not positive.
    """
    if episodes < 1:
        raise ConfigError(f"episodes is {episodes}: use 1 or more.")
    env = make_env(task, robot="car", rig=realism_rig(), threads=threads)
    try:
        expert = EXPERTS.get(task)()
        for number in range(episodes):
            kept = EpisodeList()

            def told(step: Step, number: int = number) -> None:
                if on_step is not None:
                    on_step(number, step)

            rollout(env, expert, seed + number, [kept], max_steps=max_steps, on_step=told)
            yield kept.episode()
    finally:
        env.close()
