"""Fog and rain that shine back: their laws, and against drops that are thrown one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fleetloop.envs.sensors.base import Surroundings
from fleetloop.envs.sensors.beam_weather import (
    DROP_REFLECTIVITY,
    FAINTEST,
    drops_per_m,
    fog_echoes,
    fog_power,
    overlap,
    rain_echoes,
    smallest_drop_mm,
)
from fleetloop.envs.sensors.beams import BeamTable, beam_table
from fleetloop.envs.sensors.lidar import POWER_JITTER, Lidar, LidarConfig
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box

TABLE = BeamTable(elevations_rad=(0.0,), azimuths=40_000, range_max_m=100.0)


def integral(density, grid):
    return np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(grid))])


def largest_gap(found, grid, cumulative):
    """Kolmogorov's distance between a sample and a distribution."""
    ordered = np.sort(found)
    model = np.interp(ordered, grid, cumulative / cumulative[-1])
    return np.abs(model - (np.arange(ordered.size) + 0.5) / ordered.size).max()


@pytest.mark.parametrize("visibility_m", [30.0, 100.0, 400.0])
def test_fog_scatters_by_its_power_along_the_beam(visibility_m):
    air = Surroundings(fog_visibility_m=visibility_m)
    rng = np.random.default_rng(1)
    surface = np.full((1, TABLE.azimuths), 40.0, np.float32)
    range_m, power = fog_echoes(surface, air, TABLE, rng)
    grid = np.linspace(TABLE.range_min_m, 40.0, 20_000)
    gap = largest_gap(range_m.ravel(), grid, integral(fog_power(grid, air, TABLE), grid))
    assert gap < 2.0 / math.sqrt(range_m.size)
    np.testing.assert_allclose(power, fog_power(range_m.astype(float), air, TABLE), rtol=1e-3)


def test_fog_returns_half_as_much_from_twice_as_thin_fog_nearby():
    near = np.array([3.0, 3.5])
    thick, thin = (
        fog_power(near, Surroundings(fog_visibility_m=v), TABLE) for v in (2000.0, 4000.0)
    )
    np.testing.assert_allclose(thick / thin, 2.0, rtol=0.01)


def test_the_receiver_sees_the_beam_from_a_certain_range_on():
    begin, end = TABLE.overlap_m
    np.testing.assert_allclose(
        overlap(np.array([0.0, begin, 0.5 * (begin + end), end, 90.0]), TABLE), [0, 0, 0.5, 1, 1]
    )


def test_dense_fog_fills_an_open_sky_with_returns_near_the_sensor(look):
    sensor = Lidar(LidarConfig(name="x", beams=TABLE, sweep_s=0.0))
    air = Surroundings(fog_visibility_m=20.0)
    data = look(sensor, Scene(), surroundings=air)
    found = data["range_m"][data["valid"]].astype(float)
    np.testing.assert_array_equal(data["airborne"], data["valid"])
    assert not data["instance"].any()
    grid = np.geomspace(TABLE.range_min_m, TABLE.range_max_m, 40_000)
    power = fog_power(grid, air, TABLE)
    # Only what passes the threshold after its speckle is seen.
    z = (1.0 - power) / (POWER_JITTER * np.maximum(power, 1e-9))
    seen = power * np.array([0.5 * math.erfc(x / math.sqrt(2.0)) for x in z])
    share = integral(seen, grid)[-1] / integral(power, grid)[-1]
    assert data["valid"].mean() == pytest.approx(share, abs=0.01)
    assert largest_gap(found, grid, integral(seen, grid)) < 0.02


def test_surfaces_are_seen_through_thin_fog_and_lost_in_thick_fog(look):
    scene = Scene()
    scene.add(Box((1, 90, 90)), (31, 0, 0), material=Material(lidar_reflectivity=0.5))
    beams = BeamTable(elevations_rad=(0.0,), azimuth_from_rad=-0.5, azimuth_to_rad=0.5)
    sensor = Lidar(LidarConfig(name="x", beams=beams, sweep_s=0.0))
    parts = []
    for visibility_m in (1000.0, 100.0, 30.0):
        data = look(sensor, scene, surroundings=Surroundings(fog_visibility_m=visibility_m))
        parts.append((data["valid"] & ~data["airborne"]).mean())
    assert parts[0] > 0.99
    assert parts[0] > parts[1] > parts[2]
    assert parts[2] < 0.01


@pytest.mark.parametrize("rain_mm_h", [5.0, 50.0])
def test_seen_drops_are_a_poisson_process_along_the_beam(rain_mm_h):
    air = Surroundings(rain_mm_h=rain_mm_h)
    rng = np.random.default_rng(2)
    surface = np.full((1, TABLE.azimuths), 80.0, np.float32)
    range_m, power = rain_echoes(surface, air, TABLE, rng)
    hit = power > 0.0
    grid = np.linspace(TABLE.range_min_m, 80.0, 40_000)
    expected = integral(drops_per_m(grid, air, TABLE, FAINTEST), grid)
    none = math.exp(-expected[-1])
    sigma = math.sqrt(none * (1.0 - none) / hit.size)
    assert (~hit).mean() == pytest.approx(none, abs=5.0 * sigma)
    first = 1.0 - np.exp(-expected)
    assert largest_gap(range_m[hit], grid, first) < 2.0 / math.sqrt(hit.sum())
    assert power[hit].min() >= FAINTEST - 1e-6


def test_the_rate_of_drops_equals_drops_thrown_one_by_one():
    """As LISA does it: every drop of Marshall and Palmer's in a stretch of the beam."""
    air, table = Surroundings(rain_mm_h=25.0), beam_table("generic32")
    rng = np.random.default_rng(3)
    slope = 4.1 * 25.0**-0.21
    for middle in (4.0, 8.0, 15.0):
        wide = table.aperture_m + table.divergence_rad[0] * middle
        tall = table.aperture_m + table.divergence_rad[1] * middle
        area = math.pi / 4.0 * wide * tall
        pulses = 200_000
        # Only drops above 0.05 mm, as in LISA; 8000 exp(-slope D) of them per m^3 and mm.
        smallest = 0.05
        count = rng.poisson(8000.0 / slope * math.exp(-slope * smallest) * area * pulses)
        diameter_mm = smallest + rng.exponential(1.0 / slope, count)
        share = np.minimum((1e-3 * diameter_mm) ** 2 * math.pi / 4.0 / area, 1.0)
        lost = 2.0 * 1.076 * 25.0**0.67 * math.log(10.0) / 10.0 * 1e-3 * middle
        power = DROP_REFLECTIVITY / 0.10 * share * (table.range_10_m / middle) ** 2
        power *= math.exp(-lost) * overlap(np.array(middle), table)
        for needed in (1.0, FAINTEST):
            thrown = (power >= needed).sum() / pulses
            ours = float(drops_per_m(np.array([middle]), air, table, needed)[0])
            sigma = math.sqrt(max(thrown, 1e-9) / pulses)
            assert ours == pytest.approx(thrown, abs=5.0 * sigma + 1e-5)


def test_the_smallest_drop_grows_with_range_beyond_the_overlap():
    air = Surroundings(rain_mm_h=10.0)
    sizes = smallest_drop_mm(np.linspace(4.0, 90.0, 50), air, TABLE)
    assert (np.diff(sizes) > 0.0).all()


def test_rain_costs_points_and_adds_some(look):
    scene = Scene()
    scene.add(Box((1, 90, 90)), (41, 0, 0), material=Material(lidar_reflectivity=0.1))
    beams = BeamTable(
        elevations_rad=tuple(np.linspace(0.02, -0.02, 16)), azimuth_from_rad=-0.3,
        azimuth_to_rad=0.3, azimuths=1024, range_10_m=50.0,
    )  # fmt: skip
    sensor = Lidar(LidarConfig(name="x", beams=beams, sweep_s=0.0))
    drops, walls = [], []
    for rain_mm_h in (0.0, 10.0, 60.0):
        data = look(sensor, scene, surroundings=Surroundings(rain_mm_h=rain_mm_h))
        drops.append(data["airborne"].mean())
        walls.append((data["valid"] & ~data["airborne"]).mean())
    assert drops[0] == 0.0 < drops[1] < drops[2] < 0.2
    assert walls[0] > walls[1] > walls[2]
