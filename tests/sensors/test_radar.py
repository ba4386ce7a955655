"""Radar: cells, Doppler, cross-section, power, false alarms, faults, against closed forms."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetloop.core.errors import ConfigError, UnknownNameError
from fleetloop.core.frames import Pose
from fleetloop.envs.sensors.base import Fault, Surroundings
from fleetloop.envs.sensors.radar import (
    BLOCKED_DB,
    DETECTION,
    INTERFERENCE_ALARMS,
    INTERFERENCE_DB,
    Radar,
    RadarConfig,
)
from fleetloop.envs.sensors.radar_scans import RadarScan, radar_scan
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box, Plane, Sphere

METAL = Material(radar=1.0)
NEAR = radar_scan("ars408_near")
# Rays so dense that a ball is integrated to a per cent.
FINE = RadarScan(
    azimuth_half_rad=0.2, elevation_half_rad=0.2, edge_db=0.0, range_max_m=200.0, range_m=1.0,
    azimuth_sine=0.05, speed_m_s=0.2, reach_10dbsm_m=500.0, columns=512, rows=512,
)  # fmt: skip


def radar(scan=NEAR, **options) -> Radar:
    return Radar(RadarConfig(name="x", scan=scan, **{"noise": False, **options}))


def detections(data, minimum_dbsm=-math.inf):
    """What was detected, as columns."""
    keep = data["valid"] & (data["rcs_dbsm"] >= minimum_dbsm)
    return {name: column[keep] for name, column in data.items()}


def plates(*places, half_m=0.4, **options) -> Scene:
    """Small metal plates that face the sensor's axis."""
    scene = Scene()
    for number, (x, y) in enumerate(places):
        scene.add(
            Box((0.01, half_m, half_m)), (x, y, 0.0), material=METAL, instance_id=number + 1,
            **options,
        )  # fmt: skip
    return scene


def test_a_wall_is_at_its_distance_and_at_rest(look):
    scene = Scene()
    scene.add(Box((1.0, 1.5, 1.5)), (21.0, 0.0, 0.0), material=METAL, semantic=6, instance_id=9)
    data = look(radar(), scene)
    found = detections(data)
    assert len(found["range_m"]) >= 1
    assert found["range_m"][0] == pytest.approx(20.0, abs=NEAR.range_m)
    assert abs(found["azimuth_rad"][0]) < NEAR.azimuth_sine
    np.testing.assert_allclose(found["radial_speed_m_s"], 0.0, atol=1e-5)
    assert (found["semantic"] == 6).all()
    assert (found["instance"] == 9).all()
    assert not data["range_m"][~data["valid"]].any()


def test_detections_come_first_and_the_strongest_first(look):
    data = look(radar(), plates((10, -2), (20, 3), (30, 0), (40, 8)))
    count = data["valid"].sum()
    assert data["valid"][:count].all()
    assert (np.diff(data["snr_db"][:count]) <= 0.0).all()


@pytest.mark.parametrize("radius_m", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("reflectivity", [1.0, 0.1])
def test_a_ball_has_the_cross_section_of_a_rough_ball(look, radius_m, reflectivity):
    scene = Scene()
    scene.add(Sphere(radius_m), (40.0, 0.0, 0.0), material=Material(radar=reflectivity))
    wide = replace(FINE, range_m=10.0, azimuth_sine=0.5)
    found = detections(look(radar(wide), scene))
    assert len(found["range_m"]) == 1
    # The integral of 4 rho cos^2 over the lit half is 8/3 pi a^2 rho; rays that are not parallel
    # slant it by 3 a / 2 d.
    slant = 1.0 - 1.5 * radius_m / 40.0
    expected = 10.0 * math.log10(8.0 / 3.0 * math.pi * radius_m**2 * reflectivity * slant)
    assert found["rcs_dbsm"][0] == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize("name", ["car_paint", "skin", "cloth", "plaster"])
def test_cross_section_follows_the_material(look, name):
    sections = []
    for material in (METAL, MATERIALS.get(name)):
        scene = Scene()
        scene.add(Box((0.1, 0.4, 0.4)), (15.0, 0.0, 0.0), material=material)
        sections.append(float(look(radar(), scene)["rcs_dbsm"][0]))
    reflectivity = MATERIALS.get(name).radar
    assert sections[0] - sections[1] == pytest.approx(-10.0 * math.log10(reflectivity), abs=1e-3)


def test_sizes_are_those_of_real_things(look):
    """A car's rear about 10 dBsm, a pedestrian about -8: as measured at 77 GHz."""
    wide = replace(FINE, range_m=5.0, azimuth_sine=0.5)
    rear = Scene()
    rear.add(Box((2.0, 0.9, 0.7)), (32.0, 0.0, 0.0), material=MATERIALS.get("car_paint"))
    person = Scene()
    person.add(Box((0.1, 0.22, 0.85)), (30.0, 0.0, 0.0), material=MATERIALS.get("cloth"))
    assert float(look(radar(wide), rear)["rcs_dbsm"][0]) == pytest.approx(10.0, abs=4.0)
    assert float(look(radar(wide), person)["rcs_dbsm"][0]) == pytest.approx(-8.0, abs=4.0)


def test_power_falls_with_the_fourth_power_of_range(look):
    """Half a metre of metal at doubling ranges: 12 dB each."""
    levels, sections = [], []
    for x in (10.0, 20.0, 40.0):
        found = look(radar(replace(FINE, range_m=2.0, azimuth_sine=0.5)), plates((x, 0.0)))
        levels.append(float(found["snr_db"][0]))
        sections.append(float(found["rcs_dbsm"][0]))
    np.testing.assert_allclose(np.diff(levels), -40.0 * math.log10(2.0), atol=0.3)
    np.testing.assert_allclose(np.diff(sections), 0.0, atol=0.3)


def test_ten_square_metres_are_just_detected_at_the_reach(look):
    side = math.sqrt(10.0 / 4.0)  # 4 rho A = 10 m^2
    scan = replace(FINE, range_m=5.0, azimuth_sine=0.5, reach_10dbsm_m=100.0)
    for share, seen in ((0.95, True), (1.05, False)):
        scene = plates((100.0 * share, 0.0), half_m=0.5 * side)
        assert look(radar(scan), scene)["valid"].any() == seen


def test_two_targets_nearer_than_a_range_cell_merge(look):
    for gap, count in ((0.5, 1), (0.9, 1), (1.1, 2), (3.0, 2)):
        scene = plates((30.0, 0.35), (30.0 + gap * NEAR.range_m, -0.35), half_m=0.3)
        found = detections(look(radar(), scene))
        assert len(found["range_m"]) == count, gap
        if count == 2:
            places = np.sort(found["range_m"])
            np.testing.assert_allclose(places[1] - places[0], gap * NEAR.range_m, atol=0.05)
        else:
            assert 30.0 < found["range_m"][0] < 30.0 + gap * NEAR.range_m


def test_two_targets_nearer_than_an_azimuth_cell_merge(look):
    for gap, count in ((0.7, 1), (1.5, 2)):
        y = 0.5 * gap * NEAR.azimuth_sine * 25.0
        found = detections(look(radar(), plates((25.0, y), (25.0, -y), half_m=0.24)))
        assert len(found["azimuth_rad"]) == count, gap
        if count == 2:
            np.testing.assert_allclose(
                np.sort(found["azimuth_rad"]), [-math.atan2(y, 25.0), math.atan2(y, 25.0)],
                atol=0.003,
            )  # fmt: skip


def test_two_targets_in_one_place_are_told_apart_by_speed(look):
    for gap, count in ((0.5, 1), (2.0, 2)):
        scene = Scene()
        for number, side in enumerate((-0.5, 0.5)):
            scene.add(
                Box((0.01, 0.3, 0.3)), (30.0, 0.4 * side, 0.0), material=METAL,
                velocity_m_s=(side * gap * NEAR.speed_m_s, 0.0, 0.0), instance_id=number + 1,
            )  # fmt: skip
        assert len(detections(look(radar(), scene))["range_m"]) == count, gap


@given(
    own=st.floats(-30.0, 30.0), side=st.floats(-5.0, 5.0), turn=st.floats(-0.5, 0.5),
    theirs=st.floats(-30.0, 30.0), y=st.floats(-8.0, 8.0), yaw=st.floats(-0.2, 0.2),
)  # fmt: skip
@settings(max_examples=25)
def test_doppler_is_geometry(look, own, side, turn, theirs, y, yaw):
    """Radial speed of a moving car, with the sensor's own way, turn and lever arm."""
    mount = Pose.of(3.0, 0.6, 0.0)
    sensor = radar(link_T_sensor=mount)
    pose = Pose.of(1.0, 2.0, 0.0, yaw_rad=yaw)
    at = pose @ mount
    place = at.transform_points([25.0, y, 0.0])
    scene = Scene()
    # So small that its own width does not spread its radial speed over cells.
    scene.add(Sphere(0.15), place, material=METAL, velocity_m_s=(theirs, 0.5 * theirs, 0.0))
    data = look(sensor, scene, pose=pose, velocity=(own, side, 0.0), rate=(0.0, 0.0, turn))
    found = detections(data)
    assert len(found["range_m"]) == 1
    lever = pose.transform_vectors(mount.position_m)
    mine = np.array([own, side, 0.0]) + np.cross([0.0, 0.0, turn], lever)
    toward = (place - at.position_m) / np.linalg.norm(place - at.position_m)
    expected = float((np.array([theirs, 0.5 * theirs, 0.0]) - mine) @ toward)
    assert found["radial_speed_m_s"][0] == pytest.approx(expected, abs=0.05)
    assert found["azimuth_rad"][0] == pytest.approx(math.atan2(y, 25.0), abs=0.01)


def test_a_spinning_thing_smears_its_doppler(look):
    scene = Scene()
    scene.add(
        Box((0.5, 1.5, 0.5)), (20.0, 0.0, 0.0), material=METAL,
        angular_velocity_rad_s=(0.0, 0.0, 2.0),
    )  # fmt: skip
    speeds = detections(look(radar(), scene))["radial_speed_m_s"]
    assert speeds.min() < -2.0
    assert speeds.max() > 2.0
    assert len(speeds) > 4


def test_standing_things_move_by_the_cosine_of_their_azimuth(look):
    """What every ego-motion estimator fits."""
    data = look(radar(), plates((20, 10), (30, -5), (25, 0), (15, 12)), velocity=(12.0, 0.0, 0.0))
    found = detections(data)
    assert len(found["range_m"]) >= 4
    np.testing.assert_allclose(
        found["radial_speed_m_s"], -12.0 * np.cos(found["azimuth_rad"]), atol=0.05
    )


def test_errors_shrink_with_the_root_of_the_signal(look):
    scene = plates((35.0, 0.0))
    exact = {name: float(column[0]) for name, column in look(radar(), scene).items()}
    rows = [look(radar(noise=True), scene, seed=s) for s in range(150)]
    snr = 10.0 ** (exact["snr_db"] / 10.0)
    share = 1.0 / (1.6 * math.sqrt(2.0 * snr))
    for name, cell in (
        ("range_m", NEAR.range_m),
        ("azimuth_rad", NEAR.azimuth_sine),
        ("radial_speed_m_s", NEAR.speed_m_s),
    ):
        error = np.array([float(row[name][0]) - exact[name] for row in rows])
        assert error.std() == pytest.approx(cell * share, rel=0.25), name
        assert abs(error.mean()) < 5.0 * cell * share / math.sqrt(150), name
    levels = 10.0 ** (np.array([float(row["snr_db"][0]) for row in rows]) / 10.0)
    assert levels.std() / levels.mean() == pytest.approx(math.sqrt(2.0 / snr), rel=0.25)


def test_a_steady_target_at_the_threshold_is_found_half_of_the_time(look):
    side = math.sqrt(10.0 / 4.0)
    scan = replace(FINE, range_m=5.0, azimuth_sine=0.5, columns=128, rows=128)
    distance = 100.0
    plain = look(radar(scan), plates((distance, 0.0), half_m=0.5 * side))
    snr = 10.0 ** (float(plain["snr_db"][0]) / 10.0)
    scan = replace(scan, reach_10dbsm_m=scan.reach_10dbsm_m * (DETECTION / snr) ** 0.25)
    scene = plates((distance, 0.0), half_m=0.5 * side)
    found = [look(radar(scan, noise=True), scene, seed=s)["valid"].any() for s in range(200)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.12)


def test_false_alarms_come_at_their_rate_and_everywhere(look):
    sensor = radar(noise=True, clutter_per_scan=4.0)
    rows = [look(sensor, Scene(), seed=s) for s in range(300)]
    counts = np.array([row["valid"].sum() for row in rows])
    assert counts.mean() == pytest.approx(4.0, abs=5.0 * math.sqrt(4.0 / 300))
    assert counts.var() == pytest.approx(4.0, rel=0.4)
    ranges = np.concatenate([row["range_m"][row["valid"]] for row in rows])
    edges = np.linspace(0.2, NEAR.range_max_m, 6)
    per_part = np.histogram(ranges, edges)[0]
    assert (np.abs(per_part - per_part.mean()) < 5.0 * math.sqrt(per_part.mean())).all()
    for row in rows:
        assert not row["instance"].any()
        assert (row["snr_db"][row["valid"]] >= 13.0 - 1e-3).all()
    assert not any(look(radar(noise=True), Scene(), seed=s)["valid"].any() for s in range(20))


def test_rain_costs_what_the_itu_says(look):
    dry = look(radar(), plates((40.0, 0.0)))
    wet = look(radar(), plates((40.0, 0.0)), surroundings=Surroundings(rain_mm_h=50.0))
    lost = float(dry["snr_db"][0] - wet["snr_db"][0])
    assert lost == pytest.approx(2.0 * 0.040 * 1.13 * 50.0**0.72, rel=1e-2)


@pytest.mark.parametrize(("kind", "cost_db"), [("blocked", BLOCKED_DB),
                                               ("interference", INTERFERENCE_DB)])  # fmt: skip
def test_faults_cost_what_their_severity_says(look, kind, cost_db):
    sound = look(radar(), plates((10.0, 0.0)))
    for severity in (0.3, 0.6):
        fault = Fault(kind=kind, severity=severity)
        weak = look(radar(), plates((10.0, 0.0)), faults=(fault,))
        lost = float(sound["snr_db"][0] - weak["snr_db"][0])
        assert lost == pytest.approx(cost_db * severity, abs=0.02)


def test_interference_brings_false_alarms(look):
    fault = Fault(kind="interference", severity=0.5)
    counts = [
        look(radar(noise=True), Scene(), faults=(fault,), seed=s)["valid"].sum() for s in range(60)
    ]
    expected = 0.5 * INTERFERENCE_ALARMS
    assert np.mean(counts) == pytest.approx(expected, abs=5.0 * math.sqrt(expected / 60))


def street(ghosts_of_speed: float = 0.0) -> Scene:
    """A car ahead beside a long guard rail at y = 4."""
    scene = Scene()
    scene.add(Box((60.0, 0.1, 1.0)), (40.0, 4.1, 0.0), material=METAL, instance_id=50)
    scene.add(
        Box((2.0, 0.9, 0.7)), (22.0, 0.0, 0.0), material=MATERIALS.get("car_paint"),
        instance_id=51, velocity_m_s=(ghosts_of_speed, 0.0, 0.0),
    )  # fmt: skip
    return scene


def test_ghosts_stand_where_the_mirror_image_stands(look):
    assert not look(radar(), street())["ghost"].any(), "only where asked"
    data = look(radar(ghosts=True), street(5.0), velocity=(3.0, 0.0, 0.0))
    ghosts = {name: column[data["ghost"]] for name, column in data.items()}
    car = ghosts["instance"] == 51
    assert car.any()
    # The car's rear is 20 m ahead, 1.8 m wide; its image lies as far behind the rail.
    x = ghosts["range_m"][car] * np.cos(ghosts["azimuth_rad"][car])
    y = ghosts["range_m"][car] * np.sin(ghosts["azimuth_rad"][car])
    assert (np.abs(x - 20.0) < 1.5).all()
    assert (np.abs(y - 8.0) < 1.5).all()
    speed = 2.0 * np.cos(ghosts["azimuth_rad"][car])
    np.testing.assert_allclose(ghosts["radial_speed_m_s"][car], speed, atol=0.1)
    real = data["valid"] & ~data["ghost"] & (data["instance"] == 51)
    assert ghosts["snr_db"][car].max() < data["snr_db"][real].max()


def test_no_more_than_the_maximum_is_reported(look):
    scene = Scene()
    scene.add(Plane(), (0, 0, -0.6), material=Material(radar=1.0))
    data = look(radar(max_detections=5), scene, velocity=(10.0, 0.0, 0.0))
    assert data["valid"].shape == (5,)
    assert data["valid"].all()


def test_the_road_before_the_bumper_is_not_a_target(look):
    scene = Scene()
    scene.add(Plane(), (0, 0, -0.6), material=MATERIALS.get("asphalt"))
    assert not look(radar(), scene)["valid"].any()


@pytest.mark.parametrize(
    ("name", "wide_deg", "longest", "cell_m", "cell_deg", "cell_km_h"),
    [("ars408_far", 9.0, 250.0, 1.79, 1.6, 0.37), ("ars408_near", 60.0, 70.0, 0.39, 3.2, 0.43)],
)
def test_presets_are_as_their_data_sheet_says(name, wide_deg, longest, cell_m, cell_deg, cell_km_h):
    scan = radar_scan(name)
    assert math.degrees(scan.azimuth_half_rad) == pytest.approx(wide_deg)
    assert (scan.range_max_m, scan.range_m) == (longest, cell_m)
    assert math.degrees(math.asin(scan.azimuth_sine)) == pytest.approx(cell_deg)
    assert scan.speed_m_s * 3.6 == pytest.approx(cell_km_h)
    if name == "ars408_near":
        # Even in the sine: 4.5 degrees at 45, as the sheet says of a flat antenna.
        at_45 = math.degrees(scan.azimuth_sine / math.cos(math.radians(45.0)))
        assert at_45 == pytest.approx(4.5, abs=0.1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"azimuth_half_rad": 0.0},
        {"elevation_half_rad": 1.6},
        {"range_min_m": 0.0},
        {"range_min_m": 80.0},
        {"speed_min_m_s": 100.0},
        {"range_m": 0.0},
        {"azimuth_sine": -0.1},
        {"speed_m_s": 0.0},
        {"reach_10dbsm_m": 0.0},
        {"edge_db": -1.0},
        {"columns": 1},
    ],
    ids=str,
)
def test_impossible_scans_are_refused(wrong):
    with pytest.raises(ConfigError):
        replace(NEAR, **wrong)


def test_impossible_settings_are_refused():
    for wrong in ({"max_detections": 0}, {"clutter_per_scan": -1.0}):
        with pytest.raises(ConfigError):
            radar(**wrong)
    with pytest.raises(UnknownNameError, match="ars408_far"):
        radar_scan("ars409")
