"""LiDAR: where points lie, how a sweep bends them, who is labelled, what faults do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.envs.sensors.base import Fault
from fleetloop.envs.sensors.beams import BEAM_TABLES, BeamTable, beam_table
from fleetloop.envs.sensors.lidar import BIAS_JUMP_M, Lidar, LidarConfig, beam_directions
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box, Plane, Sphere

SMALL = BeamTable(elevations_rad=(0.2, 0.1, 0.0, -0.1, -0.2), azimuths=257, range_max_m=150.0)
WHITE = Material(lidar_reflectivity=0.8)


def lidar(beams=SMALL, **options) -> Lidar:
    return Lidar(LidarConfig(name="x", beams=beams, **{"noise": False, "sweep_s": 0.0, **options}))


def wall_at(x_m: float, **options) -> Scene:
    """One large upright wall whose near face is the plane x = x_m."""
    scene = Scene()
    scene.add(Box((1.0, 400.0, 400.0)), (x_m + 1.0, 0.0, 0.0), material=WHITE, **options)
    return scene


@given(
    yaw=st.floats(-3.0, 3.0), pitch=st.floats(-0.6, 0.6), roll=st.floats(-0.6, 0.6),
    x=st.floats(-20.0, 4.0),
)  # fmt: skip
@settings(max_examples=20)
def test_points_on_a_wall_equal_the_closed_form(look, yaw, pitch, roll, x):
    pose = Pose.of(x, 2.0, 1.0, yaw_rad=yaw, pitch_rad=pitch, roll_rad=roll)
    data = look(lidar(), wall_at(6.0), pose=pose)
    directions = beam_directions(SMALL).astype(float)
    forward = (directions @ pose.rotation.T)[..., 0]
    expected = (6.0 - x) / np.where(forward > 1e-9, forward, 1e-9)
    inside = (expected > 0.6) & (expected < 149.0)
    assert data["valid"][inside].all()
    np.testing.assert_allclose(data["range_m"][inside], expected[inside], rtol=2e-5)
    world = pose.transform_points(data["point_m"][data["valid"]].astype(float))
    np.testing.assert_allclose(world[:, 0], 6.0, atol=2e-3)
    far = expected > 151.0
    assert not data["valid"][far].any()
    assert not data["range_m"][far].any()
    assert not data["point_m"][far].any()


def test_points_on_a_ball_equal_the_closed_form(look):
    scene = Scene()
    scene.add(Sphere(2.0), (9.0, 1.0, 0.5), material=WHITE)
    data = look(lidar(), scene)
    directions = beam_directions(SMALL).astype(float)
    along = directions @ np.array([9.0, 1.0, 0.5])
    left = 4.0 - (9.0**2 + 1.0 + 0.25 - along**2)
    hit = (left > 1e-4) & (along > 0.0)
    assert (data["valid"] == hit)[np.abs(left) > 1e-3].all()
    both = hit & data["valid"]
    assert both.sum() > 20
    expected = along[both] - np.sqrt(left[both])
    np.testing.assert_allclose(data["range_m"][both], expected, atol=2e-3)


@given(
    speed=st.floats(-30.0, 30.0), side=st.floats(-10.0, 10.0), turn=st.floats(-1.0, 1.0)
)  # fmt: skip
@settings(max_examples=20)
def test_a_sweep_is_bent_by_motion_and_its_truth_is_not(look, speed, side, turn):
    sensor = lidar(sweep_s=0.1)
    pose = Pose.of(1.0, 2.0, 0.0, yaw_rad=0.2)
    data = look(sensor, wall_at(30.0), pose=pose, velocity=(speed, side, 0.5), rate=(0, 0, turn))
    valid = data["valid"]
    assert valid.any()
    true = pose.transform_points(data["point_true_m"][valid].astype(float))
    np.testing.assert_allclose(true[:, 0], 30.0, atol=3e-3)
    # What it reports is the wall as seen from where it was, turned as it was, at that time.
    time_s = np.broadcast_to(data["time_offset_s"].astype(float), valid.shape)[valid]
    yaw = 0.2 + turn * time_s
    point = data["point_m"][valid].astype(float)
    ahead = np.cos(yaw) * point[:, 0] - np.sin(yaw) * point[:, 1]
    np.testing.assert_allclose(ahead, 29.0 - speed * time_s, atol=3e-3)


def test_driving_towards_a_wall_bends_it_by_speed_times_time(look):
    data = look(lidar(sweep_s=0.1), wall_at(20.0), velocity=(10.0, 0.0, 0.0))
    valid = data["valid"]
    bent = (data["point_m"] - data["point_true_m"])[..., 0]
    time_s = np.broadcast_to(data["time_offset_s"], valid.shape)
    np.testing.assert_allclose(bent[valid], -10.0 * time_s[valid], atol=1e-4)
    assert np.ptp(bent[valid]) > 0.3, "half a turn sees the wall, for half of the second's tenth"


def test_what_moves_is_seen_where_it_was_at_its_own_time(look):
    scene = wall_at(20.0, velocity_m_s=(-15.0, 0.0, 0.0))
    data = look(lidar(sweep_s=0.1), scene)
    valid = data["valid"]
    time_s = np.broadcast_to(data["time_offset_s"], valid.shape)
    for field in ("point_m", "point_true_m"):
        place = data[field][..., 0]
        np.testing.assert_allclose(place[valid], 20.0 - 15.0 * time_s[valid], atol=2e-3)


@pytest.mark.parametrize("name", list(BEAM_TABLES))
def test_columns_are_timed_through_the_sweep(look, name):
    table, sweep_s = BEAM_TABLES[name], 0.06
    scene = Scene()
    scene.add(Plane(), (0, 0, -1), material=WHITE)
    data = look(lidar(table, sweep_s=sweep_s), scene)
    time_s = data["time_offset_s"].astype(float)
    assert time_s.shape == (table.azimuths,)
    # Groups of columns share a time, which is the middle of theirs.
    own = sweep_s * ((np.arange(table.azimuths) + 0.5) / table.azimuths - 1.0)
    edges = np.flatnonzero(np.diff(time_s)) + 1
    for group in np.split(np.arange(table.azimuths), edges):
        assert time_s[group[0]] == pytest.approx(own[group].mean(), abs=1e-8)
        assert np.abs(own[group] - time_s[group]).max() < 0.0005, "half a millisecond at most"


def test_all_at_once_has_one_time(look):
    data = look(lidar(), wall_at(20.0), velocity=(10.0, 0.0, 0.0))
    assert not data["time_offset_s"].any()
    np.testing.assert_array_equal(data["point_m"], data["point_true_m"])


def test_labels_tell_class_and_instance_of_each_point(look):
    scene = Scene()
    scene.add(Plane(), (0, 0, -2), material=WHITE, semantic=5, instance_id=70)
    scene.add(Box((1, 2, 1.5)), (10, 0, -0.5), material=WHITE, semantic=9, instance_id=123456)
    data = look(lidar(), scene)
    high = data["point_m"][..., 2] > -1.9
    for name, box, ground in (("semantic", 9, 5), ("instance", 123456, 70)):
        found = data[name][data["valid"]]
        np.testing.assert_array_equal(found, np.where(high[data["valid"]], box, ground))
        assert not data[name][~data["valid"]].any()
    assert 0 < (data["semantic"] == 9).sum() < (data["semantic"] == 5).sum()
    assert not data["airborne"].any()


def test_without_labels_only_what_a_real_one_knows_is_reported(look):
    data = look(lidar(labels=False), wall_at(8.0))
    assert set(data) == {"range_m", "intensity", "point_m", "valid", "time_offset_s"}


def test_what_stands_too_near_hides_what_is_behind(look):
    scene = wall_at(8.0)
    scene.add(Box((0.02, 0.5, 0.5)), (0.3, 0.0, 0.0), material=WHITE)
    data = look(lidar(), scene)
    straight = data["valid"][2, 128]
    assert not straight, "a hand on the window is no window"


def test_its_own_housing_is_looked_through(look):
    scene = wall_at(8.0)
    scene.add(Sphere(0.08), (0.0, 0.0, 0.0), material=WHITE)
    data = look(lidar(housing_m=0.1), scene)
    assert data["range_m"][2, 128] == pytest.approx(8.0, abs=1e-3)


@pytest.mark.parametrize("severity", [0.1, 0.5, 1.0])
def test_dead_beams_are_the_part_that_the_severity_says(look, severity):
    fault = Fault(kind="dead_beams", severity=severity)
    scene, sensor = wall_at(8.0), lidar(beam_table("generic32"))
    seen = look(sensor, scene, faults=(fault,))["valid"].any(axis=1)
    assert (~seen).sum() == math.ceil(32 * severity)
    again = look(sensor, scene, faults=(fault,))["valid"].any(axis=1)
    np.testing.assert_array_equal(seen, again)
    if severity < 1.0:
        other = look(sensor, scene, faults=(fault,), seed=1)["valid"].any(axis=1)
        assert (other != seen).any(), "another sensor has other dead beams"


def test_a_bias_jump_moves_all_ranges_by_its_severity(look):
    sound = look(lidar(), wall_at(8.0))
    jumps = set()
    for seed in range(6):
        fault = Fault(kind="bias_jump", severity=0.5)
        data = look(lidar(), wall_at(8.0), faults=(fault,), seed=seed)
        both = data["valid"] & sound["valid"]
        moved = (data["range_m"] - sound["range_m"])[both]
        np.testing.assert_allclose(moved, moved[0], atol=1e-5)
        np.testing.assert_allclose(data["point_true_m"][both], sound["point_true_m"][both])
        jumps.add(round(float(moved[0]), 4))
    assert jumps == {0.5 * BIAS_JUMP_M, -0.5 * BIAS_JUMP_M}


def test_a_dirty_window_takes_its_part_of_the_light(look):
    clean = look(lidar(), wall_at(8.0))
    fault = Fault(kind="dirty_window", severity=0.5)
    dirty = look(lidar(), wall_at(8.0), faults=(fault,))
    np.testing.assert_array_equal(clean["range_m"], dirty["range_m"])
    np.testing.assert_allclose(dirty["intensity"], 0.55 * clean["intensity"], atol=1.0 / 255.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sweep_s": 0.2}, "sweep_s"),
        ({"range_min_m": -0.1}, "range_min_m"),
        ({"range_min_m": 150.0}, "range_min_m"),
        ({"returns": "both"}, "strongest"),
        ({"sub_rays": 5}, "1, 7, 19 or 37"),
        ({"housing_m": -0.1}, "housing_m"),
    ],
)
def test_impossible_settings_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        lidar(**options)
