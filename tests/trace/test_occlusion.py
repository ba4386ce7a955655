"""Sun shadows against a brute-force tracer in float64."""

import numpy as np
import pytest

from fleetloop.envs.trace import shapes
from fleetloop.envs.trace.layout import LANES, SEE_THROUGH
from fleetloop.envs.trace.occlusion import sun_shadow
from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.tracer import place_and_see, prepare
from fleetloop.envs.trace.view import View

ORIGIN = np.array([0.0, 0.0, 2.5])


def shadows(scene, grid, rotation, sun_world):
    """(rays,) whether each ray's hit point faces the sun, and whether it is in shadow."""
    view = View(rays=grid, position_m=ORIGIN, rotation=rotation, t_max_m=60.0)
    frame = prepare(scene, view)
    lit = np.zeros((grid.height, grid.width), bool)
    shaded = np.zeros_like(lit)
    for chunk in grid.chunks:
        instances, gbuffer = place_and_see(frame, chunk)
        sun = np.tile((rotation.T @ sun_world).astype(np.float32), (len(chunk.slots), 1))
        up = np.tile(rotation[2].astype(np.float32), (len(chunk.slots), 1))
        wanted = (gbuffer.instance >= 0).astype(np.uint8)
        shadow = np.empty(wanted.shape, np.uint8)
        sun_shadow(
            chunk.arrays, instances, frame.meshes, gbuffer, sun, up, wanted, SEE_THROUGH, shadow
        )
        for k, tile in enumerate(chunk.arrays.tiles):
            y, x = grid.tile_origin[tile]
            for lane in range(LANES):
                r, c = y + lane // grid.tile_width, x + lane % grid.tile_width
                if r < grid.height and c < grid.width:
                    lit[r, c] = wanted[k, lane]
                    shaded[r, c] = shadow[k, lane]
    return lit.reshape(-1), shaded.reshape(-1)


@pytest.mark.parametrize("kind", ["box", "sphere", "cylinder", "capsule", "mesh", "all"])
def test_shadows_equal_brute_force(kind, oracle, icosphere, camera_rotation):
    rng = np.random.default_rng(5)
    kinds = {
        "box": shapes.Box((0.5, 0.3, 0.4)),
        "sphere": shapes.Sphere(0.5),
        "cylinder": shapes.Cylinder(0.3, 0.6),
        "capsule": shapes.Capsule(0.3, 0.5),
        "mesh": icosphere,
    }
    used = list(kinds.values()) if kind == "all" else [kinds[kind]]
    scene = Scene()
    scene.add(shapes.Plane())
    for number in range(14):
        place = rng.uniform([4.0, -4.0, 0.3], [14.0, 4.0, 3.0])
        scene.add(used[number % len(used)], place, rng.normal(size=4))
    grid = RayGrid(pinhole_directions(64, 48, 50.0, 50.0, 31.5, 23.5))
    sun = np.array([-0.5, 0.4, 0.8])
    sun /= np.linalg.norm(sun)
    wanted, got = shadows(scene, grid, camera_rotation, sun)
    d = grid.directions.reshape(-1, 3).astype(float) @ camera_rotation.T
    first = oracle.trace(scene, ORIGIN, d, t_max=60.0)
    np.testing.assert_array_equal(first.handle > 0, wanted)
    facing = (first.handle > 0) & (first.normal @ sun > 0.02)
    expected = np.zeros_like(got)
    start = ORIGIN + first.t[facing, None] * d[facing] + 2e-3 * sun
    expected[facing] = oracle.trace(scene, start, np.tile(sun, (len(start), 1))).handle > 0
    assert 0.02 < expected[facing].mean() < 0.9
    # Edges of shadows may fall to either side.
    assert (got[facing] == expected[facing]).mean() > 0.995
