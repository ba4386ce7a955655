"""All outputs at once: the same bytes on 1, 2 and 4 threads and in another process; no growth."""

import hashlib
import resource
import subprocess
import sys

import numpy as np
import pytest

from fleetloop.envs.trace import shapes
from fleetloop.envs.trace.light import Lamp, Light
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.tracer import trace
from fleetloop.envs.trace.view import OUTPUTS, View

ROTATION = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def wet_street(seed):
    """Every kind of shape and many materials, glass among them, on a wet and foggy evening."""
    rng = np.random.default_rng(seed)
    lamps = tuple(Lamp(position_m=(x, 2.0, 4.0), color=(3.0, 2.5, 2.0)) for x in (4.0, 9.0))
    scene = Scene(light=Light(sun_elevation_rad=0.1, wetness=0.8, fog_visibility_m=90.0,
                              snow=0.2, rain_mm_h=4.0, lamps=lamps, seed=seed))  # fmt: skip
    scene.add(shapes.Plane(), material=MATERIALS.get("asphalt"))
    heights = rng.uniform(0.0, 0.5, (12, 12))
    kinds = [shapes.Box((0.5, 0.3, 0.4)), shapes.Sphere(0.5), shapes.Cylinder(0.3, 0.6),
             shapes.Capsule(0.3, 0.5), shapes.HeightField(heights, (0.2, 0.2))]  # fmt: skip
    names = ["brick", "glass", "wood", "facade", "car_paint", "grass", "cloth", "chrome"]
    for number in range(30):
        scene.add(
            kinds[number % 5], rng.uniform([3.0, -5.0, 0.2], [16.0, 5.0, 3.0]),
            rng.normal(size=4), material=MATERIALS.get(names[number % 8]), semantic=number,
            velocity_m_s=rng.normal(size=3),
        )  # fmt: skip
    return scene


def images(threads, size=(400, 300)):
    scene = wet_street(4)
    rays = RayGrid(pinhole_directions(*size, 0.8 * size[0], 0.8 * size[0], size[0] / 2, 100.0))
    before = scene.poses()
    scene.set_poses(scene.handles[1:], before.position_m[1:] + 0.05, before.quaternion[1:])
    view = View(
        rays=rays, position_m=np.array([0.0, 0.0, 1.5]), rotation=ROTATION, seed=3,
        outputs=frozenset(OUTPUTS), t_max_m=120.0, antialias=True, previous_poses=before,
        previous_position_m=np.array([-0.2, 0.0, 1.5]), previous_rotation=ROTATION,
    )  # fmt: skip
    return trace([(scene, view), (scene, view)], threads=threads)[0]


def digest(result):
    whole = hashlib.sha256()
    for name in sorted(result):
        whole.update(name.encode() + result[name].tobytes())
    return whole.hexdigest()


def test_threads_do_not_change_a_byte():
    one = images(1)
    assert set(one) == set(OUTPUTS)
    for name, image in one.items():
        assert np.isfinite(image).all(), name
    assert digest(one) == digest(images(2)) == digest(images(4))


def test_another_process_makes_the_same_bytes():
    code = (
        "import importlib.util as u, sys; s = u.spec_from_file_location('m', sys.argv[1]); "
        "m = u.module_from_spec(s); s.loader.exec_module(m); print(m.digest(m.images(2)))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code, __file__], capture_output=True, text=True, check=True,
        timeout=120,
    )  # fmt: skip
    assert other.stdout.strip() == digest(images(1))


@pytest.mark.long
def test_memory_does_not_grow():
    """10,000 frames and 1,000 changes of the scene: less than 10 MB."""
    rng = np.random.default_rng(1)
    scene = wet_street(9)
    rays = RayGrid(pinhole_directions(48, 32, 40.0, 40.0, 23.5, 15.5))
    view = View(
        rays=rays, position_m=np.array([0.0, 0.0, 1.5]), rotation=ROTATION, antialias=True,
        outputs=frozenset({"rgb", "depth", "instance", "normal"}),
    )  # fmt: skip
    added = []

    def change(number):
        vertices = rng.uniform(-0.5, 0.5, (12, 3))
        mesh = shapes.Mesh(vertices, rng.integers(0, 12, (20, 3)))
        tone = float(number % 7) / 7.0
        added.append(scene.add(mesh, (6.0, 0.0, 1.0), material=Material(color=(tone, 0.5, 0.5))))
        if len(added) > 3:
            scene.remove(added.pop(0))

    def frames(count, every):
        for number in range(count):
            if number % every == 0:
                change(number)
            trace([(scene, view)])

    frames(500, 5)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    frames(10_000, 10)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 10 * 1024
