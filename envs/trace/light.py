"""Sun, sky, weather and lamps: all light that a scene has.

Radiance is in units of a white surface that faces the full midday sun, so a daylight picture lies
near 0 to 1 and a night is thousands of times darker; exposure is the camera's work.

The sun's place follows the low-precision formulas of the Astronomical Almanac as given by Michalsky
1988, "The Astronomical Almanac's algorithm for approximate solar position", good to 0.01 degrees
between 1950 and 2050. World x points east, y north, z up.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_not_negative, check_share
from fleetloop.core.errors import ConfigError

Color = tuple[float, float, float]
Vector = tuple[float, float, float]

_J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lamp:
    """A small lamp: a street light, or a headlight if it is a spot.

    Attributes:
        position_m: World.
        color: Radiance of a white surface at one metre that faces it.
        direction: Unit, world; where a spot shines. Ignored for lamps without a cone.
        cone_rad: Half angle at which a spot's light is gone, whole at its middle; pi shines all
            around.
        range_m: Beyond it, nothing is lit: what keeps many lamps cheap.
    """

    position_m: Vector
    color: Color
    direction: Vector = (0.0, 0.0, -1.0)
    cone_rad: float = math.pi
    range_m: float = 30.0

    def __post_init__(self) -> None:
        if not 0.0 < self.cone_rad <= math.pi:
            raise ConfigError(f"The cone_rad of a lamp is {self.cone_rad}: use 0 to pi.")
        if not self.range_m > 0.0:
            raise ConfigError(f"The range_m of a lamp is {self.range_m}: it must be positive.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """What lights a scene.

    Attributes:
        sun_elevation_rad: Above the horizon; below 0 it is night.
        sun_azimuth_rad: From east (x) towards north (y).
        cloudiness: 0 a clear sky, 1 overcast: no sun disc and no sharp shadows.
        turbidity: Haze of the sky; 2 very clear, 10 hazy.
        fog_visibility_m: Meteorological visibility; infinity without fog.
        rain_mm_h: Streaks in the air, dims the distance, wets the ground.
        snowfall_mm_h: Flakes in the air, as melted water.
        wetness: 0 dry, 1 wet surfaces: darker, with mirror images of sky and lamps.
        snow: 0 none, 1 all that faces up is white.
        ground_color: Mean albedo of the ground, for light from below.
        lamps: Street lights and headlights.
        seed: Of clouds, rain and snow.
    """

    sun_elevation_rad: float = 0.75
    sun_azimuth_rad: float = 0.65
    cloudiness: float = 0.15
    turbidity: float = 3.0
    fog_visibility_m: float = math.inf
    rain_mm_h: float = 0.0
    snowfall_mm_h: float = 0.0
    wetness: float = 0.0
    snow: float = 0.0
    ground_color: Color = (0.16, 0.15, 0.12)
    lamps: tuple[Lamp, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if not -math.pi / 2 <= self.sun_elevation_rad <= math.pi / 2:
            raise ConfigError(f"sun_elevation_rad is {self.sun_elevation_rad}: use -pi/2 to pi/2.")
        check_share(self, "the light", "cloudiness", "wetness", "snow")
        if not self.fog_visibility_m > 0.0:
            raise ConfigError(f"fog_visibility_m is {self.fog_visibility_m}: it must be positive.")
        check_not_negative(self, "the light", "rain_mm_h", "snowfall_mm_h")
        if not 1.0 <= self.turbidity <= 20.0:
            raise ConfigError(f"The turbidity is {self.turbidity}: use 1 to 20.")

    @classmethod
    def at(cls, when: datetime, latitude_rad: float, longitude_rad: float) -> Light:
        """Clear daylight (or night) at a time and place.

        Args:
            when: With a time zone.
            latitude_rad, longitude_rad: North and east positive.

        Raises:
            ConfigError: The time has no time zone.
        """
        elevation, azimuth = sun_position(when, latitude_rad, longitude_rad)
        return cls(sun_elevation_rad=elevation, sun_azimuth_rad=azimuth)

    @property
    def sun_direction(self) -> npt.NDArray[np.float64]:
        """Unit vector towards the sun, world, (3,)."""
        c = math.cos(self.sun_elevation_rad)
        return np.array(
            [
                c * math.cos(self.sun_azimuth_rad),
                c * math.sin(self.sun_azimuth_rad),
                math.sin(self.sun_elevation_rad),
            ]
        )


class LightArrays(NamedTuple):
    """Light as the kernels read it; directions and places in the ray frame of each slot.

    Attributes:
        sun: (tables, 3) unit, towards the sun.
        up: (tables, 3) unit, world z.
        lamps: (tables, lamps, 12): place 3, direction 3, colour 3, cosine of cone, range, 0.
        numbers: (NUMBERS,) float32, see the constants below.
        world_R_sensor: (tables, 3, 3).
    """

    sun: npt.NDArray[np.float32]
    up: npt.NDArray[np.float32]
    lamps: npt.NDArray[np.float32]
    numbers: npt.NDArray[np.float32]
    world_R_sensor: npt.NDArray[np.float32]


# Places in LightArrays.numbers.
SUN_COLOR = 0  # 3: direct light on a surface that faces the sun
SKY_COLOR = 3  # 3: diffuse light from a whole hemisphere of sky
GROUND_LIGHT = 6  # 3: diffuse light from below
ZENITH = 9  # 3: radiance of the sky overhead
HORIZON = 12  # 3: radiance of the sky at the horizon, and of fog
FOG_PER_M = 15
WETNESS = 16
SNOW = 17
CLOUDINESS = 18
NIGHT = 19  # 0 by day, 1 at night: windows are lit
SUN_WORLD = 20  # 3: towards the sun, world
CAMERA_WORLD = 23  # 3: origin of the first slot, world
CLOUD_SEED = 26
NUMBERS = 32


@dataclass(frozen=True, slots=True)
class Illumination:
    """Colours that follow from a `Light`; see `illumination`."""

    sun: npt.NDArray[np.float64]
    sky: npt.NDArray[np.float64]
    ground: npt.NDArray[np.float64]
    zenith: npt.NDArray[np.float64]
    horizon: npt.NDArray[np.float64]
    night: float


@functools.lru_cache(maxsize=64)
def illumination(light: Light) -> Illumination:
    """Colours of sun and sky for a sun height and a weather.

    Direct sunlight is dimmed by Beer's law over the relative air mass of Kasten and Young 1989,
    with optical depths per channel that grow with turbidity; what is taken from the sun partly
    comes back as blue sky. Clouds take the sun's light and give a grey sky.
    """
    elevation = light.sun_elevation_rad
    degrees = max(math.degrees(elevation), -1.0)
    air_mass = 1.0 / (math.sin(math.radians(degrees)) + 0.50572 * (degrees + 6.07995) ** -1.6364)
    haze = 0.02 * (light.turbidity - 2.0)
    depth = np.array([0.055, 0.115, 0.240]) + haze
    through = np.exp(-depth * air_mass)
    overhead = np.exp(-depth)
    # Smoothly to nothing as the disc sinks: from +1 to -1 degrees.
    risen = float(np.clip((math.degrees(elevation) + 1.0) / 2.0, 0.0, 1.0))
    clear = 1.0 - 0.97 * light.cloudiness**1.5
    sun = through / overhead.mean() * risen * clear
    # Twilight fades over 12 degrees; what is left is a moonlit, city-lit night sky.
    twilight = float(np.clip((math.degrees(elevation) + 12.0) / 18.0, 0.0, 1.0)) ** 3
    height = max(math.sin(max(elevation, 0.0)), 0.06) ** 0.5
    blue = np.array([0.20, 0.36, 0.72]) * (0.42 + 0.58 * height)
    warm = np.array([0.95, 0.52, 0.28])
    low = float(np.clip(1.0 - math.degrees(elevation) / 14.0, 0.0, 1.0))
    pale = np.array([0.62, 0.72, 0.85]) * (0.5 + 0.5 * height)
    horizon = pale * (1.0 - 0.55 * low) + 0.55 * low * warm
    grey = np.array([0.50, 0.52, 0.55]) * (0.35 + 0.65 * height)
    # An overcast sky is darkest at the horizon, by CIE's standard a third of the zenith; mist in
    # between makes it half here.
    zenith = blue * (1.0 - light.cloudiness) + grey * 1.2 * light.cloudiness
    horizon = horizon * (1.0 - light.cloudiness) + grey * 0.6 * light.cloudiness
    moon = np.array([0.0011, 0.0014, 0.0024])
    zenith, horizon = zenith * twilight + moon, horizon * twilight + 1.8 * moon
    sky = 0.55 * zenith + 0.30 * horizon
    down = sun * max(math.sin(elevation), 0.0) + sky
    ground = np.array(light.ground_color) * down * (1.0 - light.snow) + 0.7 * light.snow * down
    night = float(np.clip(-math.degrees(elevation) / 4.0, 0.0, 1.0))
    return Illumination(sun, sky, ground, zenith, horizon, night)


def extinction_1_m(fog_visibility_m: float, rain_mm_h: float) -> float:
    """Light that fog and rain take from a ray, per metre; for cameras and LiDAR alike.

    Fog by Koschmieder's law: visibility is where contrast falls to 2 %, exp(-beta V) = 0.02. Its
    droplets are larger than the wavelength, so that it hardly depends on it [Kruse et al. 1962].
    Rain by 1.076 R^0.67 dB/km [ITU-R P.1814, eq. 5, after Carbonneau and Wisely 1998].
    """
    fog = 0.0 if math.isinf(fog_visibility_m) else 3.912 / fog_visibility_m
    rain_db_km: float = 1.076 * rain_mm_h**0.67
    return fog + rain_db_km * math.log(10.0) / 10.0 * 1e-3


def light_arrays(
    light: Light, position_m: npt.NDArray[np.float64], rotation: npt.NDArray[np.float64]
) -> LightArrays:
    """Turns a light into what the kernels read.

    Args:
        light: Of the scene.
        position_m: Ray origins of the slots, (slots, 3), world.
        rotation: world_R_sensor of the slots, (slots, 3, 3).
    """
    numbers = _numbers(light).copy()
    numbers[CAMERA_WORLD : CAMERA_WORLD + 3] = position_m[0]
    turned = np.ascontiguousarray(rotation, dtype=np.float32)
    return LightArrays(
        np.matmul(light.sun_direction, rotation).astype(np.float32),
        np.ascontiguousarray(turned[:, 2, :]),
        _lamp_rows(light, position_m, rotation),
        numbers,
        turned,
    )


@functools.lru_cache(maxsize=64)
def _numbers(light: Light) -> npt.NDArray[np.float32]:
    """`LightArrays.numbers` without the camera's place."""
    colors = illumination(light)
    numbers = np.zeros(NUMBERS)
    for place, value in (
        (SUN_COLOR, colors.sun), (SKY_COLOR, colors.sky), (GROUND_LIGHT, colors.ground),
        (ZENITH, colors.zenith), (HORIZON, colors.horizon), (SUN_WORLD, light.sun_direction),
    ):  # fmt: skip
        numbers[place : place + 3] = value
    numbers[FOG_PER_M] = extinction_1_m(light.fog_visibility_m, light.rain_mm_h)
    numbers[WETNESS] = max(light.wetness, min(1.0, light.rain_mm_h / 4.0))
    numbers[SNOW], numbers[CLOUDINESS], numbers[NIGHT] = light.snow, light.cloudiness, colors.night
    numbers[CLOUD_SEED] = light.seed % 4096
    return numbers.astype(np.float32)


def _lamp_rows(
    light: Light, position_m: npt.NDArray[np.float64], rotation: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """`LightArrays.lamps`."""
    lamps = np.zeros((len(rotation), len(light.lamps), 12), np.float32)
    for i, lamp in enumerate(light.lamps):
        lamps[:, i, 0:3] = np.einsum("sji,sj->si", rotation, np.array(lamp.position_m) - position_m)
        lamps[:, i, 3:6] = np.einsum("sji,j->si", rotation, np.array(lamp.direction))
        lamps[:, i, 6:9] = lamp.color
        lamps[:, i, 9], lamps[:, i, 10] = math.cos(lamp.cone_rad), lamp.range_m
    return lamps


def sun_position(when: datetime, latitude_rad: float, longitude_rad: float) -> tuple[float, float]:
    """Elevation and azimuth of the sun, radians; azimuth from east towards north.

    Args:
        when: With a time zone.
        latitude_rad, longitude_rad: North and east positive.

    Raises:
        ConfigError: The time has no time zone.
    """
    if when.tzinfo is None:
        raise ConfigError("The time of day needs a time zone, such as datetime.UTC.")
    days = (when - _J2000).total_seconds() / 86_400.0
    mean_longitude = math.radians(280.460 + 0.9856474 * days)
    anomaly = math.radians(357.528 + 0.9856003 * days)
    ecliptic = mean_longitude + math.radians(
        1.915 * math.sin(anomaly) + 0.020 * math.sin(2.0 * anomaly)
    )
    obliquity = math.radians(23.439 - 0.0000004 * days)
    ascension = math.atan2(math.cos(obliquity) * math.sin(ecliptic), math.cos(ecliptic))
    declination = math.asin(math.sin(obliquity) * math.sin(ecliptic))
    hours = (when.astimezone(UTC) - when.astimezone(UTC).replace(
        hour=0, minute=0, second=0, microsecond=0)).total_seconds() / 3600.0  # fmt: skip
    greenwich = 6.697375 + 0.0657098242 * days + hours
    hour_angle = math.radians(15.0 * (greenwich % 24.0)) + longitude_rad - ascension
    sine = math.sin(declination) * math.sin(latitude_rad)
    sine += math.cos(declination) * math.cos(latitude_rad) * math.cos(hour_angle)
    east = -math.cos(declination) * math.sin(hour_angle)
    north = math.sin(declination) * math.cos(latitude_rad)
    north -= math.cos(declination) * math.sin(latitude_rad) * math.cos(hour_angle)
    return math.asin(max(-1.0, min(1.0, sine))), math.atan2(north, east)
