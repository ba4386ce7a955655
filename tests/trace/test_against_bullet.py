"""What we see of a PyBullet client against what its own renderer and its ray test see."""

from pathlib import Path

import numpy as np
import pybullet
import pybullet_data
import pytest

from fleetloop.envs.trace.look import looking_at
from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.tracer import trace
from fleetloop.envs.trace.view import View

EYE, TARGET = np.array([-4.0, 0.5, 2.4]), np.array([0.5, 0.0, 0.4])
WIDTH, HEIGHT, FOV_RAD, NEAR_M, FAR_M = 320, 240, 1.0, 0.1, 30.0


@pytest.fixture(scope="module")
def client():
    """Boxes and concave ducks on a plane, at rest."""
    number = pybullet.connect(pybullet.DIRECT)
    data = Path(pybullet_data.getDataPath())
    pybullet.loadURDF(str(data / "plane.urdf"), physicsClientId=number)
    rng = np.random.default_rng(3)
    duck = {"fileName": str(data / "duck.obj"), "meshScale": [0.5, 0.5, 0.5]}
    for k in range(24):
        half = rng.uniform(0.12, 0.4, 3).tolist()
        if k % 3 == 0:
            seen = pybullet.createVisualShape(pybullet.GEOM_MESH, **duck, physicsClientId=number)
            solid = pybullet.createCollisionShape(
                pybullet.GEOM_MESH, **duck, flags=pybullet.GEOM_FORCE_CONCAVE_TRIMESH,
                physicsClientId=number,
            )  # fmt: skip
        else:
            seen = pybullet.createVisualShape(
                pybullet.GEOM_BOX, halfExtents=half, physicsClientId=number
            )
            solid = pybullet.createCollisionShape(
                pybullet.GEOM_BOX, halfExtents=half, physicsClientId=number
            )
        place = rng.uniform([-1.5, -2.5, 0.3], [4.0, 2.5, 1.2]).tolist()
        turn = rng.normal(size=4)
        pybullet.createMultiBody(
            0.0, solid, seen, place, (turn / np.linalg.norm(turn)).tolist(), physicsClientId=number
        )
    yield number
    pybullet.disconnect(number)


def test_depth_and_ids_agree_with_tiny_renderer(client):
    projection = pybullet.computeProjectionMatrixFOV(
        float(np.rad2deg(FOV_RAD)), WIDTH / HEIGHT, NEAR_M, FAR_M
    )
    view = pybullet.computeViewMatrix(EYE.tolist(), TARGET.tolist(), [0, 0, 1])
    _, _, _, buffer, ids = pybullet.getCameraImage(
        WIDTH, HEIGHT, view, projection, renderer=pybullet.ER_TINY_RENDERER, physicsClientId=client
    )
    buffer = np.asarray(buffer, float).reshape(HEIGHT, WIDTH)
    theirs = FAR_M * NEAR_M / (FAR_M - (FAR_M - NEAR_M) * buffer)
    their_ids = np.asarray(ids).reshape(HEIGHT, WIDTH) + 1
    # TinyRenderer samples its pixel (x, y) where we would say (x, y + 1).
    focal = HEIGHT / 2.0 / np.tan(FOV_RAD / 2.0)
    rays = RayGrid(pinhole_directions(WIDTH, HEIGHT, focal, focal, WIDTH / 2.0, HEIGHT / 2.0 - 1.0))
    scene = Scene.from_bullet(client)
    ours = trace([(scene, View(
        rays=rays, position_m=EYE, rotation=looking_at(EYE, TARGET),
        outputs=frozenset({"depth", "instance"}), t_min_m=NEAR_M, t_max_m=FAR_M,
    ))])[0]  # fmt: skip
    interior = ours["instance"] > 0
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
        interior &= np.roll(ours["instance"], step, axis) == ours["instance"]
    interior[[0, -1]] = interior[:, [0, -1]] = False
    assert len(np.unique(ours["instance"])) > 20
    assert (ours["instance"] == their_ids)[interior].mean() >= 0.995
    same = interior & (ours["instance"] == their_ids)
    error = np.abs(ours["depth"] - theirs)[same]
    assert error.max() < 1e-3


def test_ranges_and_ids_agree_with_the_ray_test(client):
    elevation = np.linspace(-0.6, 0.1, 40)[:, None]
    azimuth = np.linspace(-0.6, 0.6, 128)[None, :]
    flat = np.cos(elevation)
    directions = np.stack(
        [flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation) + 0.0 * azimuth], axis=-1
    )
    view = View(
        rays=RayGrid(directions, depth_axis=0), position_m=EYE, rotation=np.eye(3),
        outputs=frozenset({"range", "instance"}), t_max_m=FAR_M,
    )  # fmt: skip
    ours = trace([(Scene.from_bullet(client), view)])[0]
    ends = (EYE + FAR_M * directions.reshape(-1, 3)).tolist()
    answers = pybullet.rayTestBatch([EYE.tolist()] * len(ends), ends, physicsClientId=client)
    theirs = np.array([a[0] for a in answers]) + 1
    share = np.array([a[2] for a in answers])
    ids = ours["instance"].reshape(-1)
    assert (ids == theirs).mean() >= 0.995
    same = (ids == theirs) & (ids > 0)
    error = np.abs(ours["range"].reshape(-1) - share * FAR_M)[same]
    assert np.quantile(error, 0.99) < 1e-3


def test_recoloured_loaded_and_removed_bodies_are_found():
    number = pybullet.connect(pybullet.DIRECT)
    shape = pybullet.createVisualShape(
        pybullet.GEOM_SPHERE, radius=0.5, rgbaColor=[1, 0, 0, 1], physicsClientId=number
    )
    first = pybullet.createMultiBody(0.0, -1, shape, [3, 0, 0], physicsClientId=number)
    scene = Scene.from_bullet(number)
    view = View(
        rays=RayGrid(pinhole_directions(16, 16, 20.0, 20.0, 7.5, 7.5)), position_m=np.zeros(3),
        rotation=looking_at(np.zeros(3), np.array([1.0, 0, 0])),
        outputs=frozenset({"rgb", "instance"}),
    )  # fmt: skip
    red = trace([(scene, view)])[0]["rgb"][8, 8].astype(int)
    assert red[0] > 2 * red[2]
    pybullet.changeVisualShape(first, -1, rgbaColor=[0, 0, 1, 1], physicsClientId=number)
    scene.sync()
    blue = trace([(scene, view)])[0]["rgb"][8, 8].astype(int)
    assert blue[2] > 2 * blue[0]
    second = pybullet.createMultiBody(0.0, -1, shape, [2, 0, 0], physicsClientId=number)
    pybullet.removeBody(first, physicsClientId=number)
    scene.sync()
    image = trace([(scene, view)])[0]
    assert set(np.unique(image["instance"])) <= {0, second + 1}
    assert image["instance"][8, 8] == second + 1
    pybullet.changeVisualShape(second, -1, rgbaColor=[0, 0, 1, 0.2], physicsClientId=number)
    scene.sync()
    assert not trace([(scene, view)])[0]["instance"].any()
    pybullet.disconnect(number)
