"""Weather that is drawn for an episode: one draw sets what is seen and how the road grips.

Grip is the part of dry friction that is left: wet asphalt 0.60 to 0.70, snow 0.25 to 0.30 of about
1.0 dry [Wong 2008, "Theory of ground vehicles", 4th ed., table 1.5: average peak values of tyres on
asphalt, wet asphalt and snow]. Rain is of the classes of the World Meteorological Organization:
moderate 2.5 to 10 mm/h, heavy above. Fog is a visibility below 1 km.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fleetloop.core.config import to_json
from fleetloop.core.errors import ConfigError
from fleetloop.envs.trace.light import Light

_RAIN_CLOUD = 1.0
"""Nimbostratus hides the sun whole [WMO, International Cloud Atlas]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """One weather.

    Attributes:
        kind: Name in `KINDS`.
        light: What is seen, for cameras, LiDAR and the rest.
        grip: Part of the dry friction that is left.
    """

    kind: str
    light: Light
    grip: float


def _clear(rng: np.random.Generator, light: dict[str, Any]) -> float:
    light["cloudiness"] = float(rng.uniform(0.0, 0.35))
    return 1.0


def _cloudy(rng: np.random.Generator, light: dict[str, Any]) -> float:
    light["cloudiness"] = float(rng.uniform(0.6, 1.0))
    return 1.0


def _low_sun(rng: np.random.Generator, light: dict[str, Any]) -> float:
    light["sun_elevation_rad"] = math.radians(float(rng.uniform(4.0, 14.0)))
    light["cloudiness"] = float(rng.uniform(0.0, 0.25))
    return 1.0


def _rain(rng: np.random.Generator, light: dict[str, Any]) -> float:
    light["cloudiness"] = _RAIN_CLOUD
    light["rain_mm_h"] = float(rng.uniform(2.5, 15.0))
    light["wetness"] = float(rng.uniform(0.7, 1.0))
    return float(rng.uniform(0.60, 0.70))


def _fog(rng: np.random.Generator, light: dict[str, Any]) -> float:
    light["cloudiness"] = 1.0
    light["fog_visibility_m"] = float(rng.uniform(50.0, 300.0))
    light["wetness"] = 0.3
    return float(rng.uniform(0.8, 0.95))


def _snow(rng: np.random.Generator, light: dict[str, Any]) -> float:
    light["cloudiness"] = _RAIN_CLOUD
    light["snowfall_mm_h"] = float(rng.uniform(0.5, 2.5))
    light["snow"] = float(rng.uniform(0.6, 1.0))
    return float(rng.uniform(0.25, 0.30))


def _night(rng: np.random.Generator, light: dict[str, Any]) -> float:
    light["sun_elevation_rad"] = math.radians(float(rng.uniform(-25.0, -10.0)))
    light["cloudiness"] = float(rng.uniform(0.0, 0.5))
    return 1.0


def _rainy_night(rng: np.random.Generator, light: dict[str, Any]) -> float:
    grip = _rain(rng, light)
    light["sun_elevation_rad"] = math.radians(float(rng.uniform(-25.0, -10.0)))
    return grip


KINDS: dict[str, Callable[[np.random.Generator, dict[str, Any]], float]] = {
    "clear": _clear,
    "cloudy": _cloudy,
    "low_sun": _low_sun,
    "rain": _rain,
    "fog": _fog,
    "snow": _snow,
    "night": _night,
    "rainy_night": _rainy_night,
}
"""Each changes fields of `Light` and returns the grip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeatherConfig:
    """Which weathers may come.

    Attributes:
        kinds: Names of `KINDS`, one of which is drawn; repeat one to have it more often.
        sun_elevation_deg: Lowest and highest sun of an ordinary day.
    """

    kinds: tuple[str, ...] = ("clear", "cloudy", "low_sun")
    sun_elevation_deg: tuple[float, float] = (20.0, 65.0)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.kinds) - set(KINDS))
        if unknown or not self.kinds:
            raise ConfigError(
                f"The kinds of weather {', '.join(unknown) or '(none)'} are unknown: use one or "
                f"more of {', '.join(KINDS)}."
            )
        low, high = self.sun_elevation_deg
        if not 0.0 <= low <= high <= 90.0:
            raise ConfigError(
                f"sun_elevation_deg is {self.sun_elevation_deg}: use 0 <= low <= high <= 90."
            )


def draw_weather(config: WeatherConfig, rng: np.random.Generator, draws: dict[str, Any]) -> Weather:
    """Draws a weather and writes all of it into `draws`.

    One number is taken from the episode's generator whatever comes of it, so that the rest of an
    episode, its route and its traffic, is the same in all weathers.
    """
    rng = np.random.default_rng(int(rng.integers(0, 2**63)))
    kind = config.kinds[int(rng.integers(len(config.kinds)))]
    fields: dict[str, Any] = {
        "sun_elevation_rad": math.radians(float(rng.uniform(*config.sun_elevation_deg))),
        "sun_azimuth_rad": float(rng.uniform(-math.pi, math.pi)),
        "seed": int(rng.integers(0, 2**31)),
    }
    grip = KINDS[kind](rng, fields)
    draws["weather"] = {"kind": kind, "grip": grip, **to_json(fields)}
    return Weather(kind=kind, light=Light(**fields), grip=grip)
