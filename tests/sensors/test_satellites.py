import math

import numpy as np
import pytest

from fleetloop.core.digest import digest_arrays
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.envs.sensors.geodesy import TangentPlane
from fleetloop.envs.sensors.gnss import Gnss, GnssConfig
from fleetloop.envs.sensors.gnss_errors import IDEAL
from fleetloop.envs.sensors.satellites import (
    GALILEO,
    GPS,
    SIDEREAL_DAY_S,
    SKY_COLUMNS,
    SKY_ROWS,
    SatelliteConfig,
    Satellites,
    Walker,
    positions,
    sky_cells,
    sky_rays,
)
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box
from fleetloop.envs.trace.tracer import trace

PLANE = TangentPlane(0.75, 0.15, 300.0)


@pytest.mark.parametrize("system", [GPS, GALILEO], ids=["gps", "galileo"])
def test_satellites_keep_their_orbit(system):
    for time_s in (0.0, 12_345.0):
        place = positions(system, time_s)
        np.testing.assert_allclose(np.linalg.norm(place, axis=1), system.radius_m)
        highest = np.abs(place[:, 2]).max() / system.radius_m
        assert highest <= math.sin(system.inclination_rad) + 1e-12
        apart = np.linalg.norm(place[:, None] - place[None], axis=2) + 1e9 * np.eye(len(place))
        assert apart.min() > 1e6


def test_gps_comes_back_after_a_sidereal_day_and_flies_at_its_speed():
    np.testing.assert_allclose(positions(GPS, SIDEREAL_DAY_S), positions(GPS, 0.0), atol=2e5)
    ahead, behind = positions(GPS, 0.5), positions(GPS, -0.5)
    inertial = (ahead - behind) + np.cross([0, 0, 7.2921151467e-5], positions(GPS, 0.0))
    np.testing.assert_allclose(np.linalg.norm(inertial, axis=1), 3874.0, rtol=1e-3)


def look(config, epoch_s, open_sky=None, seed=0):
    receiver = Satellites(config)
    state = receiver.start(np.random.default_rng(seed))
    state["epoch_s"] = np.array([epoch_s])
    sight = receiver.directions(state, 0.0, PLANE, np.zeros(3))
    return receiver.solve(state, sight, open_sky)


def test_numbers_and_dilution_under_a_free_sky_are_the_usual_ones():
    epochs = np.linspace(0.0, SIDEREAL_DAY_S, 200, endpoint=False)
    gps = [look(SatelliteConfig(systems=(GPS,)), epoch) for epoch in epochs]
    both = [look(SatelliteConfig(), epoch) for epoch in epochs]
    used = np.array([solution.used for solution in gps])
    assert used.min() >= 4
    assert 6.0 < used.mean() < 9.0
    # GPS performance standard 2020, 3.3: PDOP of 6 or less for 98 % of places and times.
    assert np.mean([solution.pdop <= 6.0 for solution in gps]) > 0.95
    assert 12.0 < np.mean([solution.used for solution in both]) < 18.0
    assert np.median([solution.pdop for solution in both]) < 2.0
    assert all(solution.hidden == 0.0 for solution in both)


def test_errors_have_the_spread_that_the_geometry_claims():
    config = SatelliteConfig(range_error_m=2.0)
    solutions = [look(config, 5000.0, seed=seed) for seed in range(1500)]
    error = np.array([solution.offset_m for solution in solutions])
    np.testing.assert_allclose(error.std(axis=0), solutions[0].spread_m, rtol=0.08)
    np.testing.assert_allclose(
        solutions[0].spread_m @ solutions[0].spread_m, (2.0 * solutions[0].pdop) ** 2
    )
    assert error[:, 2].std() > error[:, :2].std()


def test_a_range_error_common_to_all_is_the_clocks_and_does_no_harm():
    receiver = Satellites(SatelliteConfig())
    state = receiver.start(np.random.default_rng(0))
    state["range_error_m"] = np.full(receiver.count, 30.0)
    sight = receiver.directions(state, 0.0, PLANE, np.zeros(3))
    np.testing.assert_allclose(receiver.solve(state, sight, None).offset_m, 0.0, atol=1e-9)


def test_a_street_canyon_along_x_spoils_the_fix_across_it():
    sky = np.ones((SKY_ROWS, SKY_COLUMNS), bool)
    azimuth = (np.arange(SKY_COLUMNS) + 0.5) / SKY_COLUMNS * 2 * np.pi
    walls = np.abs(np.sin(azimuth)) > 0.5
    sky[: SKY_ROWS * 5 // 9, walls] = False
    ratio, lost = [], []
    for epoch in np.linspace(0.0, SIDEREAL_DAY_S, 60, endpoint=False):
        free, canyon = look(SatelliteConfig(), epoch), look(SatelliteConfig(), epoch, sky)
        lost.append(free.used - canyon.used)
        assert canyon.hidden == pytest.approx(1.0 - canyon.used / free.used)
        if canyon.used >= 5:
            ratio.append((canyon.spread_m / free.spread_m)[:2])
    assert min(lost) >= 0
    assert np.mean(lost) > 3.0
    along, across = np.median(ratio, axis=0)
    assert across > 1.5 * along > 1.0


def test_under_a_roof_there_is_no_fix():
    nothing = look(SatelliteConfig(), 0.0, np.zeros((SKY_ROWS, SKY_COLUMNS), bool))
    assert not nothing.ok
    assert nothing.used == 0
    assert nothing.hidden == 1.0


def test_each_ray_of_the_sky_is_the_centre_of_its_cell():
    rays = sky_rays().directions.reshape(-1, 3).astype(float)
    row, column = sky_cells(rays)
    expected = np.indices((SKY_ROWS, SKY_COLUMNS)).reshape(2, -1)
    assert np.array_equal([row, column], expected)


def roofed(half_size_m, height_m):
    scene = Scene()
    scene.add(Box((half_size_m, half_size_m, 0.2)), (0.0, 0.0, height_m), (0.0, 0.0, 0.0, 1.0))
    return scene


def fixes(gnss, captures, scene, seed=0):
    rng = np.random.default_rng(seed)
    state, rows = gnss.initial_state(rng), []
    for capture in captures:
        views = gnss.views(capture, state, rng)
        traced = trace([(scene, view) for view in views])
        data, state = gnss.measure(capture, traced, state, rng)
        gnss.schema.check(data)
        rows.append(data)
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def test_a_bridge_takes_the_fix_away_and_gives_it_back(body_capture):
    config = GnssConfig(name="gnss", errors=IDEAL, satellites=SatelliteConfig())
    way = [
        body_capture(0.1 * i, pose=Pose.of(x_m=x, z_m=1.0)) for i, x in enumerate((-400, 0, 400))
    ]
    data = fixes(Gnss(config), way, roofed(60.0, 6.0))
    assert data["valid"].tolist() == [True, False, True]
    assert data["satellites"][1] == 0
    assert (data["satellites"][[0, 2]] > 8).all()
    assert data["position_world_m"][1, 0] == data["position_world_m"][0, 0]
    assert data["position_world_m"][2, 0] == pytest.approx(400.0, abs=6.0)


def test_the_robots_own_roof_hides_nothing(body_capture):
    config = GnssConfig(name="gnss", satellites=SatelliteConfig())
    free = fixes(Gnss(config), [body_capture()], Scene())
    under = fixes(Gnss(config), [body_capture()], roofed(0.5, 0.7))
    assert digest_arrays(free) == digest_arrays(under)
    assert free["valid"][0]


@pytest.mark.parametrize(
    "wrong", [{"systems": ()}, {"lowest_rad": 2.0}, {"range_error_s": 0.0}, {"largest_pdop": -1.0}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ConfigError):
        SatelliteConfig(**wrong)


def test_impossible_constellations_are_refused():
    with pytest.raises(ConfigError, match="even"):
        Walker(satellites=10, planes=3, phasing=1, inclination_rad=1.0, radius_m=2.6e7)
