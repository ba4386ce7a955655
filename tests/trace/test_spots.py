"""Rectangles of pixels, boxes and single rays: they spare work and change no bit."""

import numpy as np
import pytest

from fleetloop.envs.trace import shapes, tracer
from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.spots import NO_SPOTS
from fleetloop.envs.trace.view import View


def fan(rng, triangles=24):
    """A small open mesh, some of whose triangles are slivers."""
    corners = rng.uniform(-0.4, 0.4, (triangles + 2, 3))
    return shapes.Mesh(corners, np.array([(0, k + 1, k + 2) for k in range(triangles)]))


def slab(length, height):
    """Flat and long, as roads and walls are: one at the height of the camera, one below it."""
    corners = [(-length, -2, height), (length, -2, height), (length, 2, height)]
    return shapes.Mesh(np.array([*corners, (-length, 2, height)]), np.array([[0, 1, 2], [0, 2, 3]]))


def street(seed):
    """Long flat meshes around the camera, a wall, and many small things before and behind it."""
    rng = np.random.default_rng(seed)
    scene = Scene()
    scene.add(slab(60.0, 0.0))
    scene.add(slab(40.0, 0.02), (3.0, 4.0, 0.0), (0.0, 0.0, 0.3, 1.0))
    scene.add(slab(30.0, 0.0), (0.0, 5.0, 2.0), (0.7071, 0.0, 0.0, 0.7071))
    wall = [(12, -3, 0), (12, 5, 0), (12, 5, 3), (12, -3, 3)]
    scene.add(shapes.Mesh(np.array(wall), np.array([[0, 1, 2], [0, 2, 3]])))
    small = [fan(rng), shapes.Sphere(0.2), shapes.Box((0.2, 0.3, 0.1)), shapes.Capsule(0.1, 0.3),
             shapes.Cylinder(0.2, 0.2)]  # fmt: skip
    for number in range(150):
        place = rng.uniform([-10.0, -15.0, 0.0], [60.0, 15.0, 4.0])
        scene.add(small[number % 5], place, rng.normal(size=4))
    return scene


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("pitch", [-0.6, 0.0, 0.6])
def test_small_things_are_seen_as_packets_see_them(seed, pitch, camera_rotation, monkeypatch):
    scene = street(seed)
    c, s = np.cos(pitch), np.sin(pitch)
    tilt = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
    view = View(
        rays=RayGrid(pinhole_directions(64, 64, 32.0, 32.0, 31.5, 31.5)),
        position_m=np.array([0.0, 0.0, 1.5]),
        rotation=tilt @ camera_rotation,
        outputs=frozenset({"depth", "instance"}),
        t_max_m=100.0,
    )
    fast = tracer.trace([(scene, view)])[0]
    monkeypatch.setattr(tracer, "_survey", lambda *_: (NO_SPOTS, np.zeros(0, np.int32)))
    slow = tracer.trace([(scene, view)])[0]
    assert len(np.unique(slow["instance"])) > 10
    np.testing.assert_array_equal(fast["instance"], slow["instance"])
    np.testing.assert_array_equal(fast["depth"], slow["depth"])


def ball(rings=24):
    """A closed mesh of many small triangles, far more than packets have rays for."""
    polar, around = np.meshgrid(np.linspace(0.0, np.pi, rings), np.arange(rings), indexing="ij")
    azimuth = 2.0 * np.pi * around / rings
    corners = np.stack(
        [np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=-1
    ).reshape(-1, 3)
    a = (np.arange(rings - 1)[:, None] * rings + np.arange(rings)).ravel()
    b = (np.arange(rings - 1)[:, None] * rings + (np.arange(rings) + 1) % rings).ravel()
    faces = np.concatenate([np.stack([a, a + rings, b]), np.stack([b, a + rings, b + rings])], 1).T
    return shapes.Mesh(0.5 * corners, faces)


@pytest.mark.parametrize("seed", [1, 2])
def test_it_does_not_matter_which_rays_share_a_packet(seed):
    """Near rays go as packets or one by one, by the mesh; those from all around one by one."""
    scene, rng = street(seed), np.random.default_rng(seed)
    for _ in range(40):
        scene.add(ball(), rng.uniform([-10.0, -10.0, 0.0], [20.0, 10.0, 3.0]), rng.normal(size=4))
    elevation = np.linspace(-0.4, 0.2, 32)[:, None]
    azimuth = np.linspace(-np.pi, np.pi, 512, endpoint=False)[None, :]
    flat = np.cos(elevation)
    up = np.broadcast_to(np.sin(elevation), (32, 512))
    directions = np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), up], axis=-1)
    directions = directions.astype(np.float32)
    order = rng.permutation(32 * 512)

    def traced(rays):
        view = View(
            rays=RayGrid(rays.reshape(32, 512, 3)),
            position_m=np.array([0.0, 0.0, 1.5]),
            rotation=np.eye(3),
            outputs=frozenset({"range", "instance"}),
            t_max_m=100.0,
        )
        return tracer.trace([(scene, view)])[0]

    near, mixed = traced(directions), traced(directions.reshape(-1, 3)[order])
    assert len(np.unique(near["instance"])) > 40
    for name in ("range", "instance"):
        np.testing.assert_array_equal(near[name].reshape(-1)[order], mixed[name].reshape(-1))
