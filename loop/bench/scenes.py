"""The two scenes of all sensor benchmarks, built in any PyBullet client.

A: plane, 60 boxes, a racecar and a humanoid (what robots mostly see: few, simple shapes).
B: plane and 110 moving bodies: 30 ducks of 4,212 triangles each, and 20 each of boxes, spheres,
cylinders and capsules. With `concave_collision` its ducks collide as what they look like, so that
PyBullet's ray tests see the same triangles.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pybullet
import pybullet_data

Name = Literal["A", "B"]

CAMERA_POSITION_M = (-7.0, 0.0, 3.0)
CAMERA_TARGET_M = (0.0, 0.0, 0.6)
FOV_RAD = np.deg2rad(60.0)  # vertical
NEAR_M, FAR_M = 0.1, 60.0
LIDAR_POSITION_M = (-3.0, 0.0, 1.2)


def build(
    client: int,
    name: Name,
    *,
    concave_collision: bool = False,
    curved: bool = True,
    robots: bool = True,
) -> None:
    """Fills an empty client.

    Args:
        client: What `pybullet.connect` returned.
        name: Which scene.
        concave_collision: Ducks collide as what they look like (and do not move).
        curved: With spheres, cylinders and capsules; the humanoid is made of them.
        robots: With racecar and humanoid, whose collision shapes are not what they look like.
    """
    data = pybullet_data.getDataPath()
    pybullet.loadURDF(str(Path(data) / "plane.urdf"), physicsClientId=client)
    rng = np.random.default_rng(7)
    if name == "A":
        _boxes(client, rng, 60)
        if robots:
            pybullet.loadURDF(
                str(Path(data) / "racecar" / "racecar.urdf"),
                [0.5, 0.0, 0.2],
                physicsClientId=client,
            )
        if robots and curved:
            pybullet.loadURDF(
                str(Path(data) / "humanoid" / "humanoid.urdf"),
                [-1.5, -1.0, 1.0],
                pybullet.getQuaternionFromEuler([np.pi / 2, 0.0, 0.0]),
                globalScaling=0.25,
                physicsClientId=client,
            )
        return
    _ducks(client, rng, 30, str(Path(data) / "duck.obj"), concave_collision)
    _boxes(client, rng, 20)
    kinds = (pybullet.GEOM_SPHERE, pybullet.GEOM_CYLINDER, pybullet.GEOM_CAPSULE)
    for kind in kinds if curved else ():
        _round(client, rng, kind, 20)


def _place(rng: np.random.Generator) -> list[float]:
    return [float(v) for v in rng.uniform([-4.0, -5.0, 0.3], [8.0, 5.0, 1.6])]


def _turn(rng: np.random.Generator) -> list[float]:
    q = rng.normal(size=4)
    return [float(v) for v in q / np.linalg.norm(q)]


def _color(rng: np.random.Generator) -> list[float]:
    return [*(float(v) for v in rng.uniform(0.2, 1.0, 3)), 1.0]


def _boxes(client: int, rng: np.random.Generator, count: int) -> None:
    for _ in range(count):
        half = [float(v) for v in rng.uniform(0.12, 0.4, 3)]
        collision = pybullet.createCollisionShape(
            pybullet.GEOM_BOX, halfExtents=half, physicsClientId=client
        )
        visual = pybullet.createVisualShape(
            pybullet.GEOM_BOX, halfExtents=half, rgbaColor=_color(rng), physicsClientId=client
        )
        pybullet.createMultiBody(
            1.0, collision, visual, _place(rng), _turn(rng), physicsClientId=client
        )


def _round(client: int, rng: np.random.Generator, kind: int, count: int) -> None:
    for _ in range(count):
        radius, length = float(rng.uniform(0.1, 0.35)), float(rng.uniform(0.3, 0.8))
        collision = pybullet.createCollisionShape(
            kind, radius=radius, height=length, physicsClientId=client
        )
        visual = pybullet.createVisualShape(
            kind, radius=radius, length=length, rgbaColor=_color(rng), physicsClientId=client
        )
        pybullet.createMultiBody(
            1.0, collision, visual, _place(rng), _turn(rng), physicsClientId=client
        )


def _ducks(client: int, rng: np.random.Generator, count: int, path: str, concave: bool) -> None:
    scale = [0.05, 0.05, 0.05]
    flags = pybullet.GEOM_FORCE_CONCAVE_TRIMESH if concave else 0
    visual = pybullet.createVisualShape(
        pybullet.GEOM_MESH, fileName=path, meshScale=scale, rgbaColor=[1.0, 0.9, 0.3, 1.0],
        physicsClientId=client,
    )  # fmt: skip
    collision = pybullet.createCollisionShape(
        pybullet.GEOM_MESH, fileName=path, meshScale=scale, flags=flags, physicsClientId=client
    )
    for _ in range(count):
        # PyBullet moves no concave bodies; they stand where the movable ones would.
        pybullet.createMultiBody(
            0.0 if concave else 1.0, collision, visual, _place(rng), _turn(rng),
            physicsClientId=client,
        )  # fmt: skip
