"""Light and weather of recorded episodes, and the words that requests have for them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from fleetloop.datasets.recording import RecordedEpisode

TIMES: Mapping[str, tuple[float, float]] = {
    "day": (math.radians(6.0), math.pi),
    "dusk": (math.radians(-6.0), math.radians(6.0)),
    "night": (-math.pi, math.radians(-6.0)),
}
"""Elevation of the sun, rad: civil dusk ends at 6 degrees below the horizon."""

WEATHERS = ("rain", "snow", "fog", "wet", "dry", "clouds")

_FOG_M = 1000.0
_SUN_RAD = 0.75
"""Of `Light`, where neither the options nor the world say another."""


def light_of(episode: RecordedEpisode) -> Mapping[str, float]:
    """Light and weather of an episode: what its world drew, under what its options set."""
    found: dict[str, float] = {}
    for drawn in (episode.meta.draws.get("light"), episode.meta.draws.get("weather"),
                  episode.meta.config.get("light")):  # fmt: skip
        if isinstance(drawn, Mapping):
            found |= drawn
    return found


def is_time(name: str, light: Mapping[str, float]) -> bool:
    """Whether a light is of a time of day in `TIMES`."""
    low, high = TIMES[name]
    return low <= float(light.get("sun_elevation_rad", _SUN_RAD)) < high


def is_weather(name: str, light: Mapping[str, float]) -> bool:
    """Whether a light is of a weather in `WEATHERS`."""
    rain = float(light.get("rain_mm_h", 0.0))
    snow = float(light.get("snowfall_mm_h", 0.0))
    wet = float(light.get("wetness", 0.0))
    return {
        "rain": rain > 0.0,
        "snow": snow > 0.0 or float(light.get("snow", 0.0)) > 0.0,
        "fog": float(light.get("fog_visibility_m", math.inf)) < _FOG_M,
        "wet": wet > 0.2,
        "dry": rain == 0.0 and snow == 0.0 and wet <= 0.2,
        "clouds": float(light.get("cloudiness", 0.0)) > 0.5,
    }[name]
