"""Scenes of thousands of shapes: nothing that can be seen or that shades is culled."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box, Capsule, Cylinder, HeightField, Plane, Sphere
from fleetloop.envs.trace.tracer import trace
from fleetloop.envs.trace.view import View


@pytest.fixture(scope="module")
def town():
    """1,500 shapes of all kinds around the origin, hills beyond."""
    rng = np.random.default_rng(3)
    scene = Scene()
    scene.add(Plane(), (0.0, 0.0, -0.5))
    hills = rng.uniform(0.0, 1.0, (9, 9))
    scene.add(HeightField(hills, cell_m=(5.0, 5.0)), (40.0, 0.0, -0.5))
    kinds = [Box((0.4, 0.3, 0.6)), Sphere(0.4), Cylinder(0.3, 0.5), Capsule(0.3, 0.4)]
    for number in range(1_500):
        place = rng.uniform([-60.0, -60.0, -0.5], [60.0, 60.0, 2.0])
        if np.linalg.norm(place) > 1.5:
            scene.add(kinds[number % 4], place, rng.normal(size=4))
    return scene


@pytest.mark.parametrize("yaw_rad", [0.0, 1.9])
def test_first_hits_among_many_are_those_of_the_oracle(town, oracle, camera_rotation, yaw_rad):
    cosine, sine = np.cos(yaw_rad), np.sin(yaw_rad)
    turn = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    rays = RayGrid(pinhole_directions(48, 32, 30.0, 30.0, 23.5, 15.5))
    view = View(
        rays=rays,
        position_m=np.array([0.0, 0.0, 0.6]),
        rotation=turn @ camera_rotation,
        outputs=frozenset({"depth", "instance"}),
        t_max_m=200.0,
    )
    images = trace([(town, view)])[0]
    directions = rays.directions.reshape(-1, 3).astype(float) @ view.rotation[0].T
    hits = oracle.trace(town, view.position_m[0], directions, t_max=200.0)
    same = images["instance"].ravel() == hits.handle
    assert same.mean() > 0.998  # grazing rays may go either way
    seen = same & np.isfinite(hits.t)
    error = np.abs(images["depth"].ravel()[seen] - hits.t[seen]) / np.maximum(hits.t[seen], 1.0)
    assert np.quantile(error, 0.999) < 1e-4
    assert len(np.unique(hits.handle)) > 30  # the view is not empty


def test_far_shapes_change_nothing_near(town, camera_rotation):
    """Culling in columns of any length gives the bytes of a scene without what is out of sight."""
    view = View(
        rays=RayGrid(pinhole_directions(96, 64, 60.0, 60.0, 47.5, 31.5)),
        position_m=np.array([0.0, 0.0, 0.6]),
        rotation=camera_rotation,
        outputs=frozenset({"depth", "instance", "rgb"}),
    )
    few, many = Scene(), Scene()
    for scene in (few, many):
        scene.add(Plane(), (0.0, 0.0, -0.5))
        for y in range(-3, 4):
            scene.add(Sphere(0.4), (4.0, float(y), 0.0))
    for number in range(3_000):
        # Behind the camera, and where their shadows fall away from what is seen.
        many.add(Box((0.2, 0.2, 0.2)), (-300.0 - number, -500.0, 0.0))
    one, other = trace([(few, view)])[0], trace([(many, view)])[0]
    for name in one:
        assert np.array_equal(one[name], other[name]), name
