"""Every type of shape that PyBullet draws, on bases and links, where TinyRenderer sees it."""

from __future__ import annotations

import logging
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

DATA = Path(pybullet_data.getDataPath())
EYE, TARGET = np.array([-3.0, 0.4, 0.8]), np.array([0.0, 0.0, 0.1])
WIDTH, HEIGHT, FOV_RAD, NEAR_M, FAR_M = 200, 160, 0.8, 0.1, 20.0

KINDS = {
    "box": (pybullet.GEOM_BOX, {"halfExtents": [0.3, 0.5, 0.4]}),
    "sphere": (pybullet.GEOM_SPHERE, {"radius": 0.5}),
    "cylinder": (pybullet.GEOM_CYLINDER, {"radius": 0.3, "length": 0.9}),
    "capsule": (pybullet.GEOM_CAPSULE, {"radius": 0.3, "length": 0.7}),
    "mesh": (pybullet.GEOM_MESH, {"fileName": str(DATA / "duck.obj"), "meshScale": [0.4] * 3}),
    "plane": (pybullet.GEOM_PLANE, {"planeNormal": [0, 0, 1]}),
}


@pytest.fixture
def client():
    number = pybullet.connect(pybullet.DIRECT)
    yield number
    pybullet.disconnect(number)


def view(outputs=("depth", "instance")):
    # TinyRenderer samples its pixel (x, y) where we would say (x, y + 1).
    focal = HEIGHT / 2.0 / np.tan(FOV_RAD / 2.0)
    rays = pinhole_directions(WIDTH, HEIGHT, focal, focal, WIDTH / 2.0, HEIGHT / 2.0 - 1.0)
    return View(
        rays=RayGrid(rays), position_m=EYE, rotation=looking_at(EYE, TARGET),
        outputs=frozenset(outputs), t_min_m=NEAR_M, t_max_m=FAR_M,
    )  # fmt: skip


def tiny(client):
    """TinyRenderer's depth in metres and its public ids."""
    projection = pybullet.computeProjectionMatrixFOV(
        float(np.rad2deg(FOV_RAD)), WIDTH / HEIGHT, NEAR_M, FAR_M
    )
    camera = pybullet.computeViewMatrix(EYE.tolist(), TARGET.tolist(), [0, 0, 1])
    _, _, _, buffer, ids = pybullet.getCameraImage(
        WIDTH, HEIGHT, camera, projection, renderer=pybullet.ER_TINY_RENDERER,
        physicsClientId=client,
    )  # fmt: skip
    buffer = np.asarray(buffer, float).reshape(HEIGHT, WIDTH)
    depth = FAR_M * NEAR_M / (FAR_M - (FAR_M - NEAR_M) * buffer)
    return depth, np.asarray(ids).reshape(HEIGHT, WIDTH) + 1


def agree(client, scene, kind):
    """Holds our ids and depth against TinyRenderer's, whose round shapes are coarse polyhedra."""
    image = trace([(scene, view())])[0]
    depth, ids = tiny(client)
    assert (ids > 0).mean() > 0.02
    assert (image["instance"] == ids).mean() > 0.985
    same = (image["instance"] == ids) & (ids > 0)
    within_m = 0.005 if kind in ("box", "mesh", "plane") else 0.15
    assert np.quantile(np.abs(image["depth"] - depth)[same], 0.9) < within_m


@pytest.mark.parametrize("kind", KINDS)
def test_a_shape_on_a_base(kind, client):
    number, size = KINDS[kind]
    # The shape stands apart from its body's frame, and that one from the centre of mass.
    apart = {} if kind == "plane" else {
        "visualFramePosition": [0.1, -0.1, 0.05], "visualFrameOrientation": [0.1, 0.2, 0.0, 0.97]
    }  # fmt: skip
    look = pybullet.createVisualShape(number, **size, **apart, physicsClientId=client)
    turn = [0.0, 0.0, 0.0, 1.0] if kind == "plane" else [0.2, -0.1, 0.3, 0.92]
    pybullet.createMultiBody(
        1.0, -1, look, [0, 0, 0], turn, baseInertialFramePosition=[0.05, 0.1, -0.05],
        baseInertialFrameOrientation=[0, 0, 0.3, 0.95], physicsClientId=client,
    )  # fmt: skip
    agree(client, Scene.from_bullet(client), kind)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "plane"])
def test_a_shape_on_a_link_that_moves(kind, client):
    number, size = KINDS[kind]
    look = pybullet.createVisualShape(number, **size, physicsClientId=client)
    body = pybullet.createMultiBody(
        0.0, -1, -1, [0, -0.2, -0.1], [0, 0, 0, 1], linkMasses=[1.0],
        linkCollisionShapeIndices=[-1], linkVisualShapeIndices=[look],
        linkPositions=[[0.1, 0.2, 0.1]], linkOrientations=[[0, 0.2, 0, 0.98]],
        linkInertialFramePositions=[[0.1, 0, 0.05]], linkInertialFrameOrientations=[[0, 0, 0, 1]],
        linkParentIndices=[0], linkJointTypes=[pybullet.JOINT_REVOLUTE],
        linkJointAxis=[[1, 0, 0]], physicsClientId=client,
    )  # fmt: skip
    scene = Scene.from_bullet(client)
    for angle_rad in (0.0, 0.5, -0.7):
        pybullet.resetJointState(body, 0, angle_rad, physicsClientId=client)
        scene.sync()
        agree(client, scene, kind)


def test_bodies_come_go_and_change_over_many_syncs(client):
    """What is there, how opaque and how coloured it is, always as PyBullet has it."""
    rng = np.random.default_rng(4)
    scene = Scene.from_bullet(client)
    bodies: list[int] = []
    kinds = [kind for kind in KINDS if kind != "plane"]
    for step in range(40):
        if len(bodies) > 4 or (bodies and rng.random() < 0.3):
            pybullet.removeBody(bodies.pop(rng.integers(len(bodies))), physicsClientId=client)
        else:
            number, size = KINDS[kinds[step % len(kinds)]]
            color = [*rng.uniform(0.2, 1.0, 3), 1.0]
            look = pybullet.createVisualShape(
                number, **size, rgbaColor=color, physicsClientId=client
            )
            place = rng.uniform([-0.5, -0.8, -0.4], [2.0, 0.8, 0.5]).tolist()
            bodies.append(pybullet.createMultiBody(1.0, -1, look, place, physicsClientId=client))
        if bodies and rng.random() < 0.5:
            rgba = [*rng.uniform(0.2, 1.0, 3), float(rng.choice([0.3, 0.7, 1.0]))]
            changed = bodies[rng.integers(len(bodies))]
            pybullet.changeVisualShape(changed, -1, rgbaColor=rgba, physicsClientId=client)
        scene.sync()
        shown = {
            body: pybullet.getVisualShapeData(body, physicsClientId=client)[0][7] for body in bodies
        }
        assert {int(row[3]) - 1 for row in scene.row_integers} == set(bodies)
        for row in scene.row_integers:
            material = scene.materials[int(row[2])]
            rgba = shown[int(row[3]) - 1]
            assert material.alpha == pytest.approx(rgba[3], abs=1e-6)
            linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgba[:3]]
            assert material.color == pytest.approx(linear, abs=1e-6)
    image = trace([(scene, view(("instance", "rgb")))])[0]
    thin = {body for body, rgba in shown.items() if rgba[3] < 0.5}
    assert not ({int(i) - 1 for i in np.unique(image["instance"])} & thin)


def test_what_pybullet_does_not_give_out_is_told(client, caplog):
    """Height fields and meshes from memory have no file to read: a warning, the rest is seen."""
    ground = pybullet.createCollisionShape(
        pybullet.GEOM_HEIGHTFIELD, meshScale=[0.2, 0.2, 0.5],
        heightfieldData=np.random.default_rng(0).uniform(0, 1, 64).tolist(),
        numHeightfieldRows=8, numHeightfieldColumns=8, physicsClientId=client,
    )  # fmt: skip
    field = pybullet.createMultiBody(0.0, ground, physicsClientId=client)
    corners = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    faces = [0, 2, 1, 0, 1, 3, 1, 2, 3, 0, 3, 2]
    shape = pybullet.createVisualShape(
        pybullet.GEOM_MESH, vertices=corners, indices=faces, physicsClientId=client
    )
    memory = pybullet.createMultiBody(0.0, -1, shape, physicsClientId=client)
    number, size = KINDS["box"]
    box = pybullet.createMultiBody(
        0.0, -1, pybullet.createVisualShape(number, **size, physicsClientId=client),
        physicsClientId=client,
    )  # fmt: skip
    with caplog.at_level(logging.WARNING):
        scene = Scene.from_bullet(client)
    assert {int(row[3]) - 1 for row in scene.row_integers} == {box}
    told = " ".join(record.getMessage() for record in caplog.records)
    assert f"body {memory} " in told
    drawn = pybullet.getVisualShapeData(field, physicsClientId=client)
    assert not drawn or f"body {field} " in told
    assert "Scene.add" in told
