"""The planar scanner: one row of what a LiDAR would report."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.envs.sensors.base import Fault
from fleetloop.envs.sensors.beams import beam_table
from fleetloop.envs.sensors.lidar import BIAS_JUMP_M
from fleetloop.envs.sensors.scanner2d import Scanner2d, Scanner2dConfig
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box, Cylinder

GREY = Material(lidar_reflectivity=0.5)


def scanner(**options) -> Scanner2d:
    return Scanner2d(Scanner2dConfig(name="x", **{"noise": False, **options}))


def room(half_m: float = 4.0) -> Scene:
    """Four walls."""
    scene = Scene()
    for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        size = (1.0, 30.0, 2.0) if x else (30.0, 1.0, 2.0)
        where = (x * (half_m + 1.0), y * (half_m + 1.0), 1.0)
        scene.add(Box(size), where, material=GREY, semantic=3)
    return scene


def test_a_square_room_is_square(look):
    sensor = scanner()
    data = look(sensor, room(), pose=Pose.of(0.5, -0.25, 0.3))
    angles = sensor.azimuths_rad
    cosine, sine = np.cos(angles), np.sin(angles)
    to_x = np.where(cosine > 0, 3.5, -4.5) / np.where(np.abs(cosine) > 1e-9, cosine, 1e-9)
    to_y = np.where(sine > 0, 4.25, -3.75) / np.where(np.abs(sine) > 1e-9, sine, 1e-9)
    expected = np.minimum(np.abs(to_x), np.abs(to_y))
    assert data["valid"].all()
    np.testing.assert_allclose(data["range_m"], expected, atol=1e-3)
    np.testing.assert_allclose(data["point_m"][:, 0], expected * cosine, atol=1e-3)
    np.testing.assert_allclose(data["point_m"][:, 1], expected * sine, atol=1e-3)
    assert not data["point_m"][:, 2].any()


def test_every_field_but_the_time_is_one_row():
    sensor = scanner()
    assert {f.shape[0] for f in sensor.schema.values()} == {811}
    assert sensor.schema["point_m"].shape == (811, 3)


def test_turning_on_the_spot_bends_the_row_and_not_its_truth(look):
    sensor = scanner()
    data = look(sensor, room(), pose=Pose.of(0, 0, 0.3), rate=(0.0, 0.0, 2.0))
    turn = 2.0 * data["time_offset_s"].astype(float)
    x, y = data["point_true_m"][:, 0].astype(float), data["point_true_m"][:, 1].astype(float)
    np.testing.assert_allclose(np.maximum(np.abs(x), np.abs(y)), 4.0, atol=2e-3)
    bent_x = np.cos(turn) * x + np.sin(turn) * y
    np.testing.assert_allclose(data["point_m"][:, 0], bent_x, atol=1e-3)
    assert turn[0] == pytest.approx(-2.0 * 0.05, abs=2e-3)


def test_a_pole_is_as_wide_as_it_is(look):
    scene = Scene()
    scene.add(Cylinder(0.25, 2.0), (3.0, 0.0, 0.0), material=GREY, instance_id=8)
    sensor = scanner(beams=beam_table("ust10lx"), sweep_s=0.0)
    data = look(sensor, scene)
    half = np.arcsin(0.25 / 3.0)
    inside = np.abs(sensor.azimuths_rad) < half - 1e-3
    np.testing.assert_array_equal(data["instance"][inside], 8)
    assert not data["valid"][np.abs(sensor.azimuths_rad) > half + 1e-3].any()


def test_faults_are_those_of_the_lidar(look):
    sound = look(scanner(), room(), pose=Pose.of(0, 0, 0.3))
    jump = look(scanner(), room(), pose=Pose.of(0, 0, 0.3), faults=(Fault(kind="bias_jump"),))
    np.testing.assert_allclose(np.abs(jump["range_m"] - sound["range_m"]), BIAS_JUMP_M, atol=1e-5)
    dirty = look(
        scanner(), room(), pose=Pose.of(0, 0, 0.3), faults=(Fault(kind="dirty_window"),)
    )  # fmt: skip
    assert dirty["intensity"].mean() == pytest.approx(0.1 * sound["intensity"].mean(), rel=0.1)


def test_noise_is_that_of_the_data_sheet(look):
    exact = look(scanner(sweep_s=0.0), room(), pose=Pose.of(0, 0, 0.3))["range_m"]
    noisy = look(scanner(sweep_s=0.0, noise=True), room(), pose=Pose.of(0, 0, 0.3))
    error = (noisy["range_m"] - exact)[noisy["valid"]].astype(float)
    assert noisy["valid"].mean() > 0.95
    assert 0.02 < error.std() < 0.03


def test_more_than_one_beam_is_refused():
    with pytest.raises(ConfigError, match="single elevation"):
        scanner(beams=beam_table("vlp16"))
