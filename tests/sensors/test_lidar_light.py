"""LiDAR: how much light comes back, what is still seen, and how well its range is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fleetloop.envs.sensors.base import Surroundings
from fleetloop.envs.sensors.beams import BeamTable, beam_table
from fleetloop.envs.sensors.lidar import (
    FACET_SLOPE_RAD,
    POWER_JITTER,
    Lidar,
    LidarConfig,
    beam_directions,
)
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box, Plane

# A narrow bundle: all its rays meet a wall ahead at a right angle, nearly.
BUNDLE = BeamTable(
    elevations_rad=tuple(np.linspace(0.01, -0.01, 16)), azimuth_from_rad=-0.01,
    azimuth_to_rad=0.01, azimuths=512, range_min_m=0.5, range_max_m=200.0, range_10_m=50.0,
    range_sd_m=0.02, resolution_m=0.002,
)  # fmt: skip
WIDE = BeamTable(elevations_rad=tuple(np.linspace(0.5, -0.5, 9)), azimuths=256, range_max_m=200.0)


def lidar(beams=BUNDLE, **options) -> Lidar:
    return Lidar(LidarConfig(name="x", beams=beams, **{"sweep_s": 0.0, **options}))


def wall_at(x_m: float, reflectivity: float = 0.1, **more) -> Scene:
    scene = Scene()
    material = Material(lidar_reflectivity=reflectivity, **more)
    scene.add(Box((1.0, 400.0, 400.0)), (x_m + 1.0, 0.0, 0.0), material=material)
    return scene


def normal_part(z):
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


@pytest.mark.parametrize("reflectivity", [0.05, 0.3, 0.9])
@pytest.mark.parametrize("x_m", [3.0, 20.0, 45.0])
def test_smooth_walls_answer_by_the_cosine_at_any_range(look, reflectivity, x_m):
    data = look(lidar(WIDE, noise=False), wall_at(x_m, reflectivity, roughness=0.0))
    valid = data["valid"]
    cosine = beam_directions(WIDE)[..., 0]
    inside = valid & (cosine > 0.05)
    np.testing.assert_allclose(
        data["intensity"][inside], reflectivity * cosine[inside], atol=0.51 / 255.0
    )
    steps = data["intensity"] * 255.0
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)


@pytest.mark.parametrize("roughness", [0.3, 0.9])
def test_rough_walls_answer_by_oren_and_nayar(look, roughness):
    data = look(lidar(WIDE, noise=False), wall_at(10.0, 0.3, roughness=roughness))
    # The law in full, for light that comes from where it is measured: no difference in azimuth,
    # alpha = beta = i.
    slope = FACET_SLOPE_RAD * roughness
    a = 1.0 - 0.5 * slope**2 / (slope**2 + 0.33)
    b = 0.45 * slope**2 / (slope**2 + 0.09)
    incidence = np.arccos(np.clip(beam_directions(WIDE)[..., 0], 0.05, 1.0).astype(float))
    law = np.cos(incidence) * (a + b * np.sin(incidence) * np.tan(incidence)) / a
    inside = data["valid"] & (beam_directions(WIDE)[..., 0] > 0.06)
    assert inside.sum() > 100
    np.testing.assert_allclose(data["intensity"][inside], 0.3 * law[inside], atol=0.52 / 255.0)


def test_a_road_is_seen_about_as_far_as_the_hdl64e_sees_pavement(look):
    """50 m by its data sheet, flat ahead of a sensor on a roof; by Lambert's law it were 17 m."""
    scene = Scene()
    scene.add(Plane(), (0.0, 0.0, -1.73), material=MATERIALS.get("asphalt"))
    data = look(lidar(beam_table("hdl64e")), scene)
    assert 30.0 < data["range_m"].max() < 60.0


@pytest.mark.parametrize("share", [0.8, 0.95, 1.0, 1.05, 1.25])
def test_ten_percent_drop_off_at_the_range_of_the_data_sheet(look, share):
    data = look(lidar(), wall_at(50.0 * share))
    power = 1.0 / share**2
    expected = 1.0 - normal_part((1.0 - power) / (POWER_JITTER * power))
    count = data["valid"].size
    sigma = math.sqrt(max(expected * (1.0 - expected), 1e-4) / count)
    # Rays at the rim are slanted by 14 mrad: a ten-thousandth less light.
    assert data["valid"].mean() == pytest.approx(expected, abs=5.0 * sigma + 1e-3)


def test_reach_grows_with_the_root_of_reflectivity(look):
    for reflectivity in (0.2, 0.4, 0.8):
        reach = 50.0 * math.sqrt(reflectivity / 0.1)
        assert look(lidar(), wall_at(0.7 * reach, reflectivity))["valid"].mean() > 0.999
        assert look(lidar(), wall_at(reach, reflectivity))["valid"].mean() == pytest.approx(
            0.5, abs=0.03
        )
        assert look(lidar(), wall_at(1.5 * reach, reflectivity))["valid"].mean() < 0.001


@pytest.mark.parametrize("x_m", [5.0, 25.0, 40.0])
def test_range_noise_has_the_sheets_size_and_grows_towards_the_threshold(look, x_m):
    data = look(lidar(), wall_at(x_m, 0.15))
    valid = data["valid"]
    exact = x_m / beam_directions(BUNDLE)[..., 0]
    error = (data["range_m"] - exact)[valid].astype(float)
    power = 1.5 * (50.0 / x_m) ** 2
    expected = 0.02 * math.sqrt(1.0 + 1.0 / power)
    assert error.std() == pytest.approx(expected, rel=5.0 / math.sqrt(2.0 * valid.sum()))
    assert abs(error.mean()) < 5.0 * expected / math.sqrt(valid.sum())
    skew = np.mean((error / error.std()) ** 3)
    kurtosis = np.mean((error / error.std()) ** 4)
    assert abs(skew) < 5.0 * math.sqrt(6.0 / valid.sum())
    assert abs(kurtosis - 3.0) < 5.0 * math.sqrt(24.0 / valid.sum())
    steps = data["range_m"][valid].astype(float) / 0.002
    np.testing.assert_allclose(steps, np.rint(steps), atol=2e-2)


def test_neighbouring_errors_are_not_correlated(look):
    data = look(lidar(), wall_at(10.0, 0.5))
    error = data["range_m"] - 10.0 / beam_directions(BUNDLE)[..., 0]
    for a, b in ((error[:, 1:], error[:, :-1]), (error[1:], error[:-1])):
        correlation = np.corrcoef(a.ravel(), b.ravel())[0, 1]
        assert abs(correlation) < 5.0 / math.sqrt(a.size)


def test_intensity_flickers_by_the_speckle(look):
    data = look(lidar(), wall_at(10.0, 0.5))
    assert data["intensity"].mean() == pytest.approx(0.5, rel=0.01)
    assert data["intensity"].std() == pytest.approx(0.5 * POWER_JITTER, rel=0.05)


def test_retro_reflectors_are_seen_where_nothing_else_is(look):
    sign = MATERIALS.get("sign_retro")
    plain = Material(lidar_reflectivity=sign.lidar_reflectivity)
    scenes = []
    for material in (sign, plain):
        scene = Scene()
        scene.add(Box((1.0, 9.0, 9.0)), (171.0, 0.0, 0.0), material=material)
        scenes.append(scene)
    bright, dull = (look(lidar(), scene) for scene in scenes)
    assert bright["valid"].mean() > 0.99
    assert dull["valid"].mean() < 0.01
    assert (bright["intensity"][bright["valid"]] == 1.0).all()


def test_lost_light_follows_beer_and_lambert(look):
    visibility_m, rain_mm_h = 150.0, 30.0
    # Koschmieder; ITU-R P.1814.
    fog, rain = 3.912 / visibility_m, 1.076 * rain_mm_h**0.67 * math.log(10.0) / 10.0 * 1e-3
    for air, extinction in (
        (Surroundings(fog_visibility_m=visibility_m), fog),
        (Surroundings(rain_mm_h=rain_mm_h), rain),
        (Surroundings(fog_visibility_m=visibility_m, rain_mm_h=rain_mm_h), fog + rain),
    ):
        for x_m in (5.0, 20.0, 40.0):
            data = look(lidar(noise=False), wall_at(x_m, 0.9), surroundings=air)
            expected = 0.9 * math.exp(-2.0 * extinction * x_m)
            assert data["intensity"].mean() == pytest.approx(expected, abs=0.51 / 255.0)


def test_reach_in_fog_solves_the_lidar_equation(look):
    air = Surroundings(fog_visibility_m=80.0)
    low, high = 1.0, 50.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        power = (50.0 / middle) ** 2 * math.exp(-2.0 * 3.912 / 80.0 * middle)
        low, high = (middle, high) if power > 1.0 else (low, middle)
    # Fog itself shines back more: the last return is that of the wall.
    data = look(lidar(returns="last"), wall_at(low), surroundings=air)
    surface = data["valid"] & ~data["airborne"]
    assert surface.mean() == pytest.approx(0.5, abs=0.03)
