"""The ground as a raster: between its nodes, beyond its border, and at places that are none."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.envs.ground import Raster, RasterGround
from fleetloop.envs.robots.car_params import CarParams
from fleetloop.envs.robots.chassis import at_rest, roll
from fleetloop.envs.robots.planar import pack_chassis
from fleetloop.envs.robots.wheels import initial_state, pack


def raster(height_m, friction=(1.0, 0.5), cell_m=0.5):
    height = np.asarray(height_m, np.float32)
    cover = (np.indices(height.shape).sum(axis=0) % len(friction)).astype(np.uint8)
    return Raster(height, cover, np.array(friction), np.array([-1.0, 2.0]), cell_m)


def test_heights_are_bilinear_and_friction_is_that_of_the_nearest_node():
    ground = RasterGround(raster([[0.0, 1.0], [2.0, 5.0]]))
    points = np.array([[-1.0, 2.0], [-0.5, 2.5], [-0.75, 2.25], [-0.9, 2.4]])
    # (1 - a)((1 - b) 0 + b 1) + a ((1 - b) 2 + b 5) with a, b of 0.2 and 0.8 for the last.
    np.testing.assert_allclose(ground.heights_m(points), [0.0, 5.0, 2.0, 1.52], atol=1e-6)
    np.testing.assert_array_equal(ground.frictions(points), [1.0, 1.0, 1.0, 0.5])


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1e300, -1e300])
def test_places_that_are_none_get_an_answer_from_within_the_raster(wrong):
    ground = RasterGround(raster(np.arange(12.0).reshape(3, 4)))
    for point in ([wrong, 3.0], [0.0, wrong], [wrong, wrong]):
        points = np.array([point])
        assert 0.0 <= ground.heights_m(points)[0] <= 11.0
        assert ground.frictions(points)[0] in (1.0, 0.5)


@pytest.mark.parametrize("dt_s", [0.01, 1 / 240])
@pytest.mark.parametrize("step_m", [0.12, 1.0, 5.0, 30.0])
def test_a_car_that_drives_against_walls_and_off_cliffs_stays_finite(step_m, dt_s):
    params = CarParams()
    rng = np.random.default_rng(4)
    for _ in range(4):
        height = step_m * rng.integers(0, 3, (160, 160))
        ground = raster(height)
        start = np.array([40.0, 40.0, height[82, 76] + params.com_z_m])
        body, wheels = at_rest(start, np.array([0.0, 0.0, 0.0, 1.0])), initial_state()
        wrench = np.zeros(6)
        for _ in range(40):
            command = np.array([rng.uniform(-1.0, 1.0), rng.uniform(0.0, 1.0), 1.0])
            roll(pack(params), pack_chassis(params), body, ground, command, np.zeros(3), dt_s, 20,
                 wheels, wrench)  # fmt: skip
            assert np.isfinite(body).all()
            assert np.isfinite(wheels).all()
            assert np.isfinite(wrench).all()
