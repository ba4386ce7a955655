"""Smoothed edges: coverage against its closed form, and nothing else changes."""

import numpy as np
import pytest

from fleetloop.core.lens import Lens
from fleetloop.envs.trace import shapes
from fleetloop.envs.trace.layout import LANES
from fleetloop.envs.trace.light import Light
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.tracer import trace
from fleetloop.envs.trace.view import View

BRIGHT, DIM = (2.0, 2.0, 2.0), (0.5, 0.5, 0.5)


def glowing(color):
    return Material(color=(0.0, 0.0, 0.0), specular=0.0, emission=color)


def half_plane(angle):
    """A glowing board whose upper edge, tilted, passes the middle of the view; a wall behind."""
    scene = Scene(light=Light(sun_elevation_rad=-0.5))
    scene.add(shapes.Box((0.1, 50.0, 50.0)), (20.0, 0.0, 0.0), material=glowing(DIM))
    quaternion = (np.sin(angle / 2), 0.0, 0.0, np.cos(angle / 2))
    down = 30.0 * np.array([0.0, np.sin(angle), -np.cos(angle)])
    scene.add(
        shapes.Box((0.1, 30.0, 30.0)), (5.1, *down[1:]), quaternion, material=glowing(BRIGHT)
    )  # fmt: skip
    return scene


def rendered(scene, rays, rotation, **options):
    view = View(
        rays=rays, position_m=np.zeros(3), rotation=rotation,
        outputs=frozenset({"hdr", "rgb", "depth", "instance"}), **options,
    )  # fmt: skip
    return trace([(scene, view)])[0]


def covered(normal, offset, places=64):
    """Part of a pixel with normal . p < offset, p from its middle, by a fine grid."""
    fine = (np.arange(places) + 0.5) / places - 0.5
    x, y = np.meshgrid(fine, fine)
    return (normal[0] * x + normal[1] * y < offset[..., None, None]).mean(axis=(-1, -2))


@pytest.mark.parametrize("angle", [0.0, 0.03, 0.2, 0.7, 1.3])
def test_coverage_of_a_slanted_edge(angle, camera_rotation):
    rays = RayGrid(pinhole_directions(80, 64, 70.0, 70.0, 39.62, 31.3))
    scene = half_plane(angle)
    image = rendered(scene, rays, camera_rotation, antialias=True)
    share = (image["hdr"][..., 0] - 0.5) / 1.5
    # In the picture (x right, y down) the board lies below the line: y cos + x sin > 0 up to sign.
    row, column = np.mgrid[:64, :80].astype(float)
    x, y = column - 39.62, row - 31.3
    normal = np.array([np.sin(angle), -np.cos(angle)])
    expected = covered(normal, -(normal[0] * x + normal[1] * y))
    assert ((expected > 0.02) & (expected < 0.98)).sum() > 40
    error = np.abs(share - expected)
    assert error.max() < 0.26
    assert error[(expected > 0.0) & (expected < 1.0)].mean() < 0.08
    plain = rendered(scene, rays, camera_rotation)
    rough = np.abs((plain["hdr"][..., 0] - 0.5) / 1.5 - expected)
    assert rough.sum() > 2.0 * error.sum()


def test_labels_and_flat_surfaces_keep_their_bytes(camera_rotation):
    rays = RayGrid(pinhole_directions(80, 64, 70.0, 70.0, 39.5, 31.5))
    scene = half_plane(0.3)
    smooth = rendered(scene, rays, camera_rotation, antialias=True)
    plain = rendered(scene, rays, camera_rotation)
    for name in ("depth", "instance"):
        np.testing.assert_array_equal(smooth[name], plain[name])
    changed = (smooth["hdr"] != plain["hdr"]).any(axis=-1)
    ids = plain["instance"]
    beside = np.zeros_like(changed)
    beside[:, 1:] |= ids[:, 1:] != ids[:, :-1]
    beside[:, :-1] |= ids[:, 1:] != ids[:, :-1]
    beside[1:] |= ids[1:] != ids[:-1]
    beside[:-1] |= ids[1:] != ids[:-1]
    assert changed.any()
    assert not (changed & ~beside).any()
    assert changed.mean() < 0.06


@pytest.mark.parametrize("model", ["fisheye", "panorama"])
def test_other_lenses_are_smoothed(model, camera_rotation):
    lens = Lens.of_fov(96, 64, 2.4 if model == "fisheye" else 6.283, model=model)
    scene = half_plane(0.2)
    rays = RayGrid(lens.directions())
    smooth = rendered(scene, rays, camera_rotation, antialias=True)["hdr"][..., 0]
    plain = rendered(scene, rays, camera_rotation)["hdr"][..., 0]
    between = (smooth > 0.55) & (smooth < 1.95)
    assert between.sum() > 20
    assert not ((plain > 0.55) & (plain < 1.95)).any()


def test_shadow_borders_are_smoothed(camera_rotation):
    scene = Scene(light=Light(sun_elevation_rad=0.6, cloudiness=0.0))
    scene.add(shapes.Plane(), (0.0, 0.0, -1.5), material=Material(specular=0.0))
    scene.add(shapes.Box((0.3, 0.3, 0.3)), (8.0, 2.5, 1.5))
    rays = RayGrid(pinhole_directions(160, 120, 90.0, 90.0, 79.5, 59.5))
    plain = rendered(scene, rays, camera_rotation)
    smooth = rendered(scene, rays, camera_rotation, antialias=True)
    ground = plain["instance"] == 1
    inside = ground[70:]
    assert len(np.unique(plain["hdr"][70:][inside][:, 0].round(3))) == 2
    assert len(np.unique(smooth["hdr"][70:][inside][:, 0].round(3))) == 5


def test_rolling_shutter_and_threads(camera_rotation):
    scene = half_plane(0.3)
    slots = np.repeat(np.arange(300)[:, None], 4, axis=1)
    rays = RayGrid(
        pinhole_directions(400, 300, 300.0, 300.0, 199.5, 149.5), tile=(1, LANES),
        slot_of_tile=slots, n_slots=300,
    )  # fmt: skip
    view = View(
        rays=rays, position_m=np.zeros(3), rotation=camera_rotation, antialias=True,
        outputs=frozenset({"rgb", "hdr"}),
    )  # fmt: skip
    one, four = (trace([(scene, view)], threads=n)[0] for n in (1, 4))
    level = one["hdr"][..., 0]
    assert ((level > 0.55) & (level < 1.95)).sum() > 200
    for name in ("rgb", "hdr"):
        assert one[name].tobytes() == four[name].tobytes()
