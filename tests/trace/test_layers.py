"""See-through surfaces: the sum over layers, and what depth and ids make of them."""

import numpy as np
import pytest

from fleetloop.envs.trace import shapes
from fleetloop.envs.trace.light import Light
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.tracer import trace
from fleetloop.envs.trace.view import View

RAYS = RayGrid(pinhole_directions(64, 48, 50.0, 50.0, 31.5, 23.5))
BACK = (0.9, 0.4, 0.1)


def pane(emission, alpha):
    return Material(color=(0.0, 0.0, 0.0), specular=0.0, emission=emission, alpha=alpha)


def dark_scene(*panes):
    """A glowing wall and panes in front of it, one metre apart, the first one nearest."""
    scene = Scene(light=Light(sun_elevation_rad=-0.5))
    scene.add(shapes.Box((0.1, 50.0, 50.0)), (20.0, 0.0, 0.0), material=pane(BACK, 1.0))
    for number, (shape, emission, alpha) in enumerate(panes):
        scene.add(shape, (3.0 + number, 0.0, 0.0), material=pane(emission, alpha))
    return scene


def rendered(scene, rotation, **options):
    view = View(
        rays=RAYS, position_m=np.zeros(3), rotation=rotation,
        outputs=frozenset({"hdr", "depth", "instance"}), **options,
    )  # fmt: skip
    return trace([(scene, view)])[0]


@pytest.mark.parametrize("alpha", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_one_pane(alpha, camera_rotation):
    front = np.array([0.2, 0.6, 0.9])
    board = shapes.Box((0.05, 0.7, 0.7))
    image = rendered(dark_scene((board, tuple(front), alpha)), camera_rotation)
    wanted = alpha * front + (1.0 - alpha) * np.array(BACK)
    np.testing.assert_allclose(image["hdr"][24, 32], wanted, atol=1e-5)
    # Beside the pane there is the wall alone.
    np.testing.assert_allclose(image["hdr"][2, 2], BACK, atol=1e-5)
    solid = alpha >= 0.5
    assert image["instance"][24, 32] == (2 if solid else 1)
    assert image["depth"][24, 32] == pytest.approx(2.95 if solid else 19.9, abs=1e-3)


def test_panes_of_all_shapes_behind_one_another(camera_rotation, icosphere):
    small = shapes.Mesh(icosphere.vertices_m * 0.5, icosphere.triangles)
    shapes_used = [
        shapes.Sphere(0.4), small, shapes.Cylinder(0.4, 0.5), shapes.Box((0.1, 0.5, 0.5)),
    ]  # fmt: skip
    rng = np.random.default_rng(4)
    layers = [(s, tuple(rng.uniform(0, 1, 3)), float(rng.uniform(0.1, 0.9))) for s in shapes_used]
    image = rendered(dark_scene(*layers), camera_rotation)
    # Closed shapes are seen from outside only: each is one layer.
    wanted = np.array(BACK)
    for _, emission, alpha in reversed(layers):
        wanted = alpha * np.array(emission) + (1.0 - alpha) * wanted
    np.testing.assert_allclose(image["hdr"][24, 32], wanted, atol=1e-5)


def test_the_sky_shines_through(camera_rotation):
    scene = Scene()
    bare = rendered(scene, camera_rotation)["hdr"][24, 32]
    scene.add(
        shapes.Box((0.05, 0.7, 0.7)), (3.0, 0.0, 0.0), material=pane((0.0, 0.0, 0.0), 0.3)
    )  # fmt: skip
    through = rendered(scene, camera_rotation)
    np.testing.assert_allclose(through["hdr"][24, 32], 0.7 * bare, rtol=1e-4)
    assert not through["instance"].any()


def test_edges_of_panes_are_smoothed(camera_rotation):
    ball = shapes.Sphere(0.8)
    image = rendered(dark_scene((ball, (0.0, 0.0, 0.0), 0.6)), camera_rotation, antialias=True)
    level = image["hdr"][..., 0]
    inside, outside = 0.4 * BACK[0], BACK[0]
    between = (level > inside + 0.02) & (level < outside - 0.02)
    assert 30 < between.sum() < 200


def test_recoloured_shapes_change_their_layers(camera_rotation):
    scene = dark_scene((shapes.Box((0.05, 0.7, 0.7)), (0.0, 0.0, 0.0), 1.0))
    assert rendered(scene, camera_rotation)["hdr"][24, 32, 0] < 1e-2
    scene.set_material(2, pane((0.0, 0.0, 0.0), 0.25))
    np.testing.assert_allclose(
        rendered(scene, camera_rotation)["hdr"][24, 32], 0.75 * np.array(BACK), atol=1e-5
    )
    scene.remove(2)
    np.testing.assert_allclose(rendered(scene, camera_rotation)["hdr"][24, 32], BACK, atol=1e-5)
