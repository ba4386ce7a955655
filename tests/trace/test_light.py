"""The sun's place against published values, and what the weather does to light."""

import itertools
import math
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.envs.trace.light import Lamp, Light, illumination, light_arrays, sun_position


def test_the_example_of_the_solar_position_algorithm():
    """Reda and Andreas 2004, "Solar position algorithm for solar radiation applications", A.5.

    Elevation without refraction 39.872046 degrees, azimuth 194.340241 from north through east.
    """
    when = datetime(2003, 10, 17, 12, 30, 30, tzinfo=timezone(timedelta(hours=-7)))
    elevation, azimuth = sun_position(when, math.radians(39.742476), math.radians(-105.1786))
    assert math.degrees(elevation) == pytest.approx(39.872, abs=0.02)
    from_north = (90.0 - math.degrees(azimuth)) % 360.0
    assert from_north == pytest.approx(194.340, abs=0.02)


@pytest.mark.parametrize(
    ("when", "declination"),
    [
        # Solstices and an equinox as published by the US Naval Observatory.
        (datetime(2024, 6, 20, 20, 51, tzinfo=UTC), 23.44),
        (datetime(2024, 12, 21, 9, 20, tzinfo=UTC), -23.44),
        (datetime(2024, 3, 20, 3, 6, tzinfo=UTC), 0.0),
    ],
)
def test_declination_at_solstices_and_equinox(when, declination):
    """At the pole the sun stands as high as its declination, at any longitude."""
    for longitude in (-2.0, 0.0, 1.3):
        elevation, _ = sun_position(when, math.pi / 2, longitude)
        assert math.degrees(elevation) == pytest.approx(declination, abs=0.015)


def test_noon_is_south_in_europe_and_north_in_australia():
    for latitude, longitude, toward in ((0.9, 0.2, -math.pi / 2), (-0.65, 2.5, math.pi / 2)):
        day = [
            sun_position(datetime(2025, 4, 1, tzinfo=UTC) + timedelta(minutes=m), latitude,
                         longitude) for m in range(0, 1440, 4)
        ]  # fmt: skip
        highest = max(day)
        assert highest[1] == pytest.approx(toward, abs=0.03)
        # Morning sun is in the east.
        rising = next(p for p, q in itertools.pairwise(day) if p[0] < 0.0 <= q[0])
        assert abs(rising[1]) < 0.3


def test_times_without_a_zone_are_told():
    with pytest.raises(ConfigError, match="time zone"):
        sun_position(datetime(2025, 1, 1), 0.0, 0.0)


def test_low_sun_is_red_and_dim_and_haze_dims_more():
    noon, evening = (illumination(Light(sun_elevation_rad=e)) for e in (1.2, 0.06))
    assert noon.sun.mean() > 3.0 * evening.sun.mean()
    assert evening.sun[0] / evening.sun[2] > 3.0 * noon.sun[0] / noon.sun[2]
    hazy = illumination(Light(sun_elevation_rad=0.3, turbidity=10.0))
    clear = illumination(Light(sun_elevation_rad=0.3, turbidity=2.0))
    assert hazy.sun.mean() < 0.8 * clear.sun.mean()
    overcast = illumination(Light(cloudiness=1.0))
    assert overcast.sun.mean() < 0.05


def test_light_falls_steadily_from_noon_to_night():
    heights = np.radians(np.arange(60.0, -18.0, -1.0))
    levels = []
    for height in heights:
        colors = illumination(Light(sun_elevation_rad=float(height)))
        levels.append(float((colors.sun * max(math.sin(height), 0.0) + colors.sky).mean()))
    steps = np.diff(levels)
    assert (steps <= 1e-9).all()
    # No step of one degree takes more than half of the light.
    assert (np.array(levels[1:]) / np.array(levels[:-1])).min() > 0.5
    assert levels[-1] < 0.01 * levels[0]


def test_everything_is_handed_over_in_the_ray_frame():
    rng = np.random.default_rng(2)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    lamp = Lamp(position_m=(1.0, 2.0, 3.0), color=(1.0, 0.5, 0.2), direction=(0.0, 1.0, 0.0))
    light = Light(lamps=(lamp,), fog_visibility_m=200.0)
    eye = np.array([[0.5, -1.0, 2.0]])
    arrays = light_arrays(light, eye, turn[None])
    np.testing.assert_allclose(arrays.sun[0], turn.T @ light.sun_direction, atol=1e-6)
    np.testing.assert_allclose(arrays.lamps[0, 0, :3], turn.T @ [0.5, 3.0, 1.0], atol=1e-6)
    np.testing.assert_allclose(arrays.lamps[0, 0, 3:6], turn.T @ [0.0, 1.0, 0.0], atol=1e-6)


@pytest.mark.parametrize(
    "values",
    [{"wetness": 1.5}, {"fog_visibility_m": 0.0}, {"turbidity": 0.0}, {"sun_elevation_rad": 2.0}],
)
def test_impossible_light_is_told(values):
    with pytest.raises(ConfigError):
        Light(**values)
