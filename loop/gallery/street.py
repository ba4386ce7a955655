"""A street to look at, in all weathers: the roadside of the driving task, seen by a driver."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fleetloop.core.clock import TickRate
from fleetloop.core.frames import Pose
from fleetloop.envs.maps.roadside import RoadsideConfig, build_roadside
from fleetloop.envs.maps.track import TrackConfig, generate_track
from fleetloop.envs.props.headlights import dipped_beams
from fleetloop.envs.props.vehicle import CarShape, standing_car_looks
from fleetloop.envs.stage import Stage
from fleetloop.envs.trace.light import Lamp, Light
from fleetloop.envs.trace.scene import Scene

EYE_HEIGHT_M = 1.35
_LAMP_COLOR = (9.0, 6.6, 4.0)
_NOSE_X_M = 2.2


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Street:
    """A built street and where its viewer stands.

    Attributes:
        stage: To be closed.
        driver: Pose of the viewer's car on the road, x along its lane.
        lamps: Street lights, lit or not.
    """

    stage: Stage
    driver: Pose
    lamps: tuple[Lamp, ...]

    @property
    def scene(self) -> Scene:
        """What sensors see."""
        return self.stage.scene


def build_street(seed: int = 11) -> Street:
    """The street, with a car ahead of the viewer."""
    rng = np.random.default_rng(seed)
    stage = Stage(TickRate(240))
    track = generate_track(TrackConfig(), rng)
    config = RoadsideConfig(house_spacing_m=15.0, tree_spacing_m=12.0, people=40)
    build_roadside(stage, track, config, rng, {})
    lane = -0.25 * 2.0 * track.config.half_width_m
    s_m = _straightest(track.center_m)
    driver = track.pose(s_m, lane)
    ahead = track.pose(s_m + 16.0, lane)
    stage.add("ahead", ahead, looks=standing_car_looks(CarShape(), (0.62, 0.03, 0.03)))
    oncoming = track.pose(s_m + 24.0, -lane) @ Pose.of(yaw_rad=math.pi)
    stage.add("oncoming", oncoming, looks=standing_car_looks(CarShape(), (0.70, 0.70, 0.68)))
    return Street(stage=stage, driver=driver, lamps=_street_lamps(stage))


def weathers(street: Street) -> Mapping[str, Light]:
    """The street's lights, by the name of the picture."""
    heading = float(street.driver.yaw_rad)
    day = Light(sun_elevation_rad=0.75, sun_azimuth_rad=heading + 2.2, cloudiness=0.25)
    overcast = replace(day, cloudiness=1.0)
    return {
        "day": day,
        "low sun": replace(day, sun_elevation_rad=0.12, sun_azimuth_rad=heading + 0.35,
                           turbidity=5.0),
        "rain": replace(overcast, rain_mm_h=12.0, fog_visibility_m=600.0),
        "fog": replace(overcast, fog_visibility_m=70.0),
        "snow": replace(overcast, snow=0.75, snowfall_mm_h=2.0, fog_visibility_m=300.0),
        "night": replace(day, sun_elevation_rad=-0.25, wetness=0.6,
                         lamps=street.lamps + dipped_beams(street.driver, _NOSE_X_M)),
    }  # fmt: skip


def _straightest(center_m: np.ndarray) -> float:
    """Where along the loop the next fifty metres turn least."""
    step = np.diff(center_m[:, :2], axis=0, append=center_m[:1, :2])
    length = np.linalg.norm(step, axis=1)
    heading = np.unwrap(np.arctan2(step[:, 1], step[:, 0]))
    window = max(int(50.0 / float(length.mean())), 1)
    turned = [
        abs(heading[k + window] - heading[k]) for k in range(len(heading) - window)
    ]  # fmt: skip
    return float(length[: int(np.argmin(turned))].sum())


def _street_lamps(stage: Stage) -> tuple[Lamp, ...]:
    found = []
    for name, thing in stage.things.items():
        if name.startswith("lamp_"):
            # The last look of a lamp post is its head.
            position, _ = stage.scene.pose(thing.handles[-1])
            x, y, z = (float(v) for v in position)
            found.append(
                Lamp(position_m=(x, y, z - 0.1), color=_LAMP_COLOR, cone_rad=1.25, range_m=28.0)
            )
    return tuple(found)
