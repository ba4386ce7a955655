"""The same PyBullet scenes through PyBullet's own TinyRenderer and through ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pybullet
import pybullet_data

from fleetloop.envs.trace.look import look
from fleetloop.envs.trace.scene import Scene
from fleetloop.loop.gallery.plates import Picture

Point = tuple[float, float, float]
Fill = Callable[[int, Path], None]

FOV_RAD = 0.75


def _robots(client: int, data: Path) -> None:
    pybullet.loadURDF(str(data / "plane.urdf"), physicsClientId=client)
    upright = pybullet.getQuaternionFromEuler([np.pi / 2, 0.0, 0.0])
    pybullet.loadURDF(
        str(data / "humanoid" / "humanoid.urdf"), [0.3, -1.0, 0.9], upright,
        globalScaling=0.25, physicsClientId=client,
    )  # fmt: skip
    turned = pybullet.getQuaternionFromEuler([0.0, 0.0, 0.7])
    pybullet.loadURDF(
        str(data / "racecar" / "racecar.urdf"), [-0.6, -0.2, 0.05], turned, physicsClientId=client
    )
    pybullet.loadURDF(str(data / "r2d2.urdf"), [0.7, 0.5, 0.47], turned, physicsClientId=client)
    pybullet.loadURDF(
        str(data / "kuka_iiwa" / "model.urdf"), [1.9, -0.3, 0.0], physicsClientId=client
    )
    _posed_arm(client, pybullet.getNumBodies(client) - 1)


def _table(client: int, data: Path) -> None:
    pybullet.loadURDF(str(data / "plane.urdf"), physicsClientId=client)
    pybullet.loadURDF(str(data / "table" / "table.urdf"), [0.6, 0.0, 0.0], physicsClientId=client)
    pybullet.loadURDF(
        str(data / "duck_vhacd.urdf"), [0.25, -0.05, 0.65],
        pybullet.getQuaternionFromEuler([np.pi / 2, 0.0, 1.0]), globalScaling=2.0,
        physicsClientId=client,
    )  # fmt: skip
    for number, name in enumerate(("cube_small", "sphere_small", "cube_small")):
        place = [0.3 + 0.25 * number, -0.4, 0.66]
        pybullet.loadURDF(
            str(data / f"{name}.urdf"), place, globalScaling=1.6, physicsClientId=client
        )  # fmt: skip
    pybullet.loadURDF(
        str(data / "kuka_iiwa" / "model.urdf"), [1.1, 0.25, 0.62], physicsClientId=client
    )
    _posed_arm(client, pybullet.getNumBodies(client) - 1)


def _posed_arm(client: int, body: int) -> None:
    for joint, angle in enumerate((2.6, 0.9, 0.0, -1.2, 0.0, 0.9, 0.0)):
        pybullet.resetJointState(body, joint, angle, physicsClientId=client)


SCENES: dict[str, tuple[Fill, Point, Point]] = {
    "robots": (_robots, (-2.6, -2.2, 1.6), (0.5, -0.2, 0.45)),
    "table": (_table, (-1.0, -1.3, 1.55), (0.55, 0.05, 0.66)),
}
"""By name: what fills the client, where the camera stands and what it looks at."""


@contextmanager
def _filled(fill: Fill) -> Iterator[int]:
    client = pybullet.connect(pybullet.DIRECT)
    try:
        fill(client, Path(pybullet_data.getDataPath()))
        yield client
    finally:
        pybullet.disconnect(client)


def both(name: str, size_px: tuple[int, int], threads: int = 1) -> tuple[Picture, Picture]:
    """A scene through TinyRenderer (with shadow) and through ours, from the same place.

    Args:
        name: Of `SCENES`.
        size_px: Width and height.
        threads: That trace rays.
    """
    fill, eye, at = SCENES[name]
    width, height = size_px
    with _filled(fill) as client:
        projection = pybullet.computeProjectionMatrixFOV(
            float(np.rad2deg(FOV_RAD)), width / height, 0.05, 50.0
        )
        view = pybullet.computeViewMatrix(eye, at, (0.0, 0.0, 1.0))
        scene = Scene.from_bullet(client)
        theirs = pybullet.getCameraImage(
            width, height, view, projection, shadow=1,
            lightDirection=scene.light.sun_direction.tolist(),
            renderer=pybullet.ER_TINY_RENDERER, physicsClientId=client,
        )[2]  # fmt: skip
        ours = look(
            scene, eye, at, width_px=width, height_px=height, fov_y_rad=FOV_RAD,
            outputs=("rgb",), threads=threads,
        )["rgb"]  # fmt: skip
    return np.asarray(theirs, np.uint8).reshape(height, width, 4)[..., :3], np.asarray(ours)
