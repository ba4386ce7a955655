"""The town through all cameras of the car: by day, in rain and at night, on one sheet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fleetloop.agents.experts.drive import DriveExpert
from fleetloop.envs.registration import make_env
from fleetloop.envs.render import FollowCamera, render_following
from fleetloop.envs.robots.car_rigs import car_rigs
from fleetloop.envs.sensors.base import SensorConfig
from fleetloop.envs.sensors.camera import CameraConfig
from fleetloop.loop.gallery.make import Plate, contact_sheet
from fleetloop.loop.gallery.plates import Picture

TASK = "fleetloop/Drive-v0"
WEATHERS = ("clear", "rain", "night")
COLUMNS = 3


def tour(
    where: dict[str, Any],
    seed: int,
    *,
    weathers: Sequence[str] = WEATHERS,
    drive_s: float = 6.0,
    threads: int = 1,
) -> Iterator[tuple[str, Picture]]:
    """Sheets of eight cameras and a picture from behind, one for each weather.

    The car is driven by the expert until something is to be seen, the same way in all weathers.

    Args:
        where: The task's `map`.
        seed: Of the episode.
        weathers: Names of `fleetloop.envs.weather.KINDS`.
        drive_s: For so long.
        threads: That trace rays.
    """
    for weather in weathers:
        env = make_env(
            TASK,
            rig=_slow_cameras(),
            physics="fast",
            task_options={"map": where, "weather": {"kinds": [weather]}},
            threads=threads,
        )
        try:
            _, info = env.reset(seed=seed)
            expert = DriveExpert()
            for _ in range(max(round(drive_s * env.config.control_hz), 1)):
                action, _ = expert.act(info["truth"], None)
                observation, _, ended, cut, info = env.step(action)
                if ended or cut:
                    break
            plates = [
                Plate(name, name.split("/")[0].replace("_", " "), np.asarray(picture))
                for name, picture in observation.items()
                if name.endswith("/rgb")
            ]
            base = env.robot.state().links["base"].world_T_link
            behind = render_following(env.stage.scene, base, FollowCamera(), threads)
            plates.append(Plate("behind", f"from behind, {weather}", behind))
            yield weather, contact_sheet(plates, columns=COLUMNS)
        finally:
            env.close()


def _slow_cameras() -> tuple[SensorConfig, ...]:
    """The cameras of `vision8`, once a second and without labels: only the last picture counts."""
    return tuple(
        replace(sensor, rate_hz=1.0, labels=())
        for sensor in car_rigs()["vision8"]
        if isinstance(sensor, CameraConfig)
    )
