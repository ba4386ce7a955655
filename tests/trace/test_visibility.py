"""What the packets see against a brute-force tracer in float64."""

import numpy as np
import pytest

from fleetloop.envs.trace import shapes
from fleetloop.envs.trace.layout import LANES
from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.tracer import trace
from fleetloop.envs.trace.view import View

OUTPUTS = frozenset({"depth", "range", "hit", "instance", "semantic", "normal", "position"})


def all_shapes(icosphere, rng):
    heights = rng.uniform(0.0, 0.6, (9, 11))
    soup = rng.uniform(-0.5, 0.5, (40, 3))
    return [
        shapes.Box((0.5, 0.3, 0.4)),
        shapes.Sphere(0.5),
        shapes.Cylinder(0.3, 0.6),
        shapes.Capsule(0.3, 0.5),
        icosphere,
        shapes.HeightField(heights, (0.2, 0.3)),
        shapes.Mesh(soup, np.arange(39).reshape(13, 3)),
    ]


def scatter(icosphere, seed, count=42):
    rng = np.random.default_rng(seed)
    scene = Scene()
    scene.add(shapes.Plane(), semantic=1)
    kinds = all_shapes(icosphere, rng)
    for number in range(count):
        scene.add(
            kinds[number % len(kinds)],
            rng.uniform([2.5, -5.0, 0.0], [16.0, 5.0, 3.0]),
            rng.normal(size=4),
            semantic=2 + number % len(kinds),
        )
    return scene


def sphere_directions(height, width):
    """Unit directions over the whole sphere, as a panorama or a tall LiDAR has them."""
    elevation = np.linspace(1.4, -1.4, height)[:, None]
    azimuth = np.linspace(-np.pi, np.pi, width, endpoint=False)[None, :]
    rays = [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth)]
    return np.stack([*rays, np.broadcast_to(np.sin(elevation), (height, width))], axis=-1)


GRIDS = {
    "pinhole": lambda: RayGrid(pinhole_directions(90, 70, 60.0, 60.0, 44.5, 34.5)),
    "tall tiles": lambda: RayGrid(pinhole_directions(90, 70, 60, 60, 44, 34), tile=(32, 4)),
    "rows": lambda: RayGrid(pinhole_directions(90, 30, 60.0, 60.0, 44.5, 14.5), tile=(1, LANES)),
    "panorama": lambda: RayGrid(sphere_directions(40, 96), depth_axis=0),
    "lidar": lambda: RayGrid(sphere_directions(32, 200), tile=(32, 4), depth_axis=0),
}


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_first_hits_equal_brute_force(name, seed, oracle, icosphere, camera_rotation):
    scene = scatter(icosphere, seed)
    grid = GRIDS[name]()
    rotation = camera_rotation if grid.depth_axis == 2 else np.eye(3)
    origin = np.array([0.3, -0.2, 1.4])
    view = View(rays=grid, position_m=origin, rotation=rotation, outputs=OUTPUTS, t_max_m=50.0)
    image = trace([(scene, view)])[0]
    d = grid.directions.reshape(-1, 3).astype(float)
    want = oracle.trace(scene, origin, d @ rotation.T, t_max=50.0)
    seen = want.handle > 0
    instance = image["instance"].reshape(-1)
    # Rays that graze an edge may fall to either side in float32.
    same = instance == want.handle
    assert same.mean() > 0.998
    np.testing.assert_array_equal(image["hit"].reshape(-1)[same], seen[same])
    length = np.linalg.norm(d, axis=1)
    distance = np.where(seen, want.t * length, 50.0)
    error = np.abs(image["range"].reshape(-1) - distance)[same]
    assert np.quantile(error, 0.999) < 2e-4
    depth = np.where(seen, want.t * d[:, grid.depth_axis], 50.0)
    assert np.quantile(np.abs(image["depth"].reshape(-1) - depth)[same], 0.999) < 2e-4
    both = same & seen
    point = np.where(seen, want.t, 0.0)[:, None] * (d @ rotation.T)
    gap = np.abs(image["position"].reshape(-1, 3) - point)[both]
    assert np.quantile(gap, 0.999) < 2e-4
    cosine = (image["normal"].reshape(-1, 3) * want.normal).sum(1)[both]
    assert np.quantile(cosine, 0.002) > 0.9999
    classes = {handle: int(scene.row_integers[i, 4]) for i, handle in enumerate(scene.handles)}
    expected = np.array([classes.get(int(h), 0) for h in want.handle])
    np.testing.assert_array_equal(image["semantic"].reshape(-1)[same], expected[same])
