"""Long lives: memory stays as it is over many frames and many changes of the scene."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import numpy as np
import pytest

from fleetloop.envs.trace.look import looking_at
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box, Mesh, Plane, Sphere
from fleetloop.envs.trace.tracer import trace
from fleetloop.envs.trace.view import View

pytestmark = pytest.mark.long
ALLOWED_BYTES = 10_000_000


def resident():
    """Bytes of memory that the process holds."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def scene():
    rng = np.random.default_rng(0)
    scene = Scene()
    scene.add(Plane())
    for _ in range(40):
        scene.add(Box((0.3, 0.2, 0.3)), rng.uniform([1, -3, 0], [8, 3, 1]), rng.normal(size=4))
    return scene


@pytest.fixture
def view():
    eye = np.array([-1.0, 0.0, 1.5])
    return View(
        rays=RayGrid(pinhole_directions(84, 84, 60.0, 60.0, 41.5, 41.5)),
        position_m=eye,
        rotation=looking_at(eye, np.array([3.0, 0.0, 0.3])),
        outputs=frozenset({"rgb", "depth", "instance"}),
        antialias=True,
    )


def test_ten_thousand_frames(scene, view):
    handles = scene.handles
    rng = np.random.default_rng(1)
    for number in range(10_500):
        if number == 500:
            before = resident()
        scene.keep_previous()
        place = rng.uniform([1, -3, 0], [8, 3, 1], (len(handles), 3))
        scene.set_poses(handles, place, np.tile([0.0, 0.0, 0.0, 1.0], (len(handles), 1)))
        trace([(scene, view)], threads=1 + number % 2)
    assert resident() - before < ALLOWED_BYTES


def test_a_thousand_changes_of_the_scene(scene, view):
    rng = np.random.default_rng(2)
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], float)
    faces = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])
    looks = [Material(color=(0.1 * n, 0.5, 0.2)) for n in range(8)]
    for number in range(1_100):
        if number == 100:
            before = resident()
        shape = Sphere(0.3) if number % 2 else Mesh(corners * rng.uniform(0.5, 1.5), faces)
        handle = scene.add(shape, (2.0, 0.0, 0.5), material=looks[number % 8])
        scene.set_material(handle, looks[(number + 3) % 8])
        trace([(scene, view)])
        scene.remove(handle)
    assert len(scene) == 41
    assert resident() - before < ALLOWED_BYTES
