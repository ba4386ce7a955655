"""The rasteriser against the packets: the same hits, bit by bit."""

import numpy as np
import pytest

from fleetloop.envs.trace import layout, shapes, tracer
from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.spots import NO_SPOTS
from fleetloop.envs.trace.view import View


def bumpy_sphere(seed, rings=40):
    """A closed mesh of about rings^2 * 4 triangles."""
    rng = np.random.default_rng(seed)
    polar = np.linspace(0.0, np.pi, rings + 1)[1:-1]
    azimuth = np.linspace(0.0, 2 * np.pi, 2 * rings, endpoint=False)
    p, a = np.meshgrid(polar, azimuth, indexing="ij")
    radius = 1.0 + 0.1 * rng.random(p.shape)
    ring = np.stack([np.sin(p) * np.cos(a), np.sin(p) * np.sin(a), np.cos(p)], -1)
    ring = (radius[..., None] * ring).reshape(-1, 3)
    vertices = np.concatenate([ring, [[0, 0, 1.0]], [[0, 0, -1.0]]])
    n = 2 * rings
    top, bottom = len(ring), len(ring) + 1
    triangles = []
    for r in range(rings - 2):
        for k in range(n):
            a0, a1 = r * n + k, r * n + (k + 1) % n
            triangles += [(a0, a0 + n, a1), (a1, a0 + n, a1 + n)]
    last = (rings - 2) * n
    for k in range(n):
        triangles += [(top, k, (k + 1) % n), (bottom, last + (k + 1) % n, last + k)]
    return shapes.Mesh(vertices, np.array(triangles))


def crowd(seed):
    rng = np.random.default_rng(seed)
    scene = Scene()
    scene.add(shapes.Plane())
    mesh = bumpy_sphere(seed)
    assert mesh.closed
    field = shapes.HeightField(rng.random((60, 60)) * 0.5, (0.15, 0.15))
    scene.add(field, (9.0, 0.0, 0.1))
    for _ in range(14):
        scene.add(mesh, rng.uniform([4, -6, 0], [16, 6, 4]), rng.normal(size=4))
        scene.add(
            shapes.Box((0.4, 0.6, 0.5)), rng.uniform([4, -6, 0], [16, 6, 4]), rng.normal(size=4)
        )
    return scene


@pytest.mark.parametrize("size", [(84, 84), (321, 243)])
def test_raster_equals_packets(size, camera_rotation, monkeypatch):
    scene = crowd(3)
    width, height = size
    grid = RayGrid(pinhole_directions(width, height, width * 0.8, width * 0.8, width / 2, 60.0))
    view = View(
        rays=grid,
        position_m=np.array([0.0, 0.0, 1.5]),
        rotation=camera_rotation,
        outputs=frozenset({"depth", "instance", "normal"}),
        t_max_m=80.0,
    )
    frame = tracer.prepare(scene, view)
    drawn = 0
    for chunk in grid.chunks:
        instances, _ = tracer.place_and_see(frame, chunk)
        drawn += int(((instances.rows[:, layout.FLAGS] & layout.RASTERED) != 0).sum())
    assert drawn > 4
    fast = tracer.trace([(scene, view)])[0]
    monkeypatch.setattr(tracer, "_survey", lambda *_: (NO_SPOTS, np.zeros(0, np.int32)))
    slow = tracer.trace([(scene, view)])[0]
    assert len(np.unique(slow["instance"])) > 15
    np.testing.assert_array_equal(fast["instance"], slow["instance"])
    np.testing.assert_array_equal(fast["depth"], slow["depth"])
    # On an edge that two triangles share, either may be the one; all else is equal.
    different = (fast["normal"] != slow["normal"]).any(axis=-1).mean()
    assert different < 1e-3
