"""Whether ours and PyBullet's sensors see the same: shares of equal ids and of equal distances.

TinyRenderer tessellates spheres, cylinders and capsules coarsely, and Bullet's ray test errs on
curved shapes: so pictures are compared on boxes and meshes, rays on meshes. A pixel is interior if
all its neighbours show the same instance in both pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pybullet

from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.tracer import trace
from fleetloop.loop.bench import cameras, scenes
from fleetloop.loop.bench.timing import DEPTH

# Beyond it, the depth buffer of TinyRenderer is coarser than the tolerance (near 0.1, far 60 m).
DEPTH_TOLERANCE_M = 1e-3
DEPTH_REACH_M = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Shares in 0..1.

    Attributes:
        scene: "A" or "B".
        rival: Against what.
        ids: Interior pixels (or rays) with the same instance.
        depth: Those of them on boxes and meshes whose distance agrees within 1e-3 m.
        compared: How many pixels or rays.
    """

    scene: str
    rival: str
    ids: float
    depth: float
    compared: int


def with_tiny(name: scenes.Name, size: tuple[int, int] = (640, 480)) -> Agreement:
    """Compares with TinyRenderer's depth and segmentation."""
    client = pybullet.connect(pybullet.DIRECT)
    scenes.build(client, name, curved=False)
    width, height = size
    view = cameras.camera_view(cameras.camera_grid(width, height), cameras.OUTPUTS[DEPTH])
    ours = trace([(Scene.from_bullet(client), view)])[0]
    tiny = cast(Any, cameras.tiny_image(client, width, height, shadow=False))
    pybullet.disconnect(client)
    near, far = scenes.NEAR_M, scenes.FAR_M
    buffer = np.asarray(tiny[3], np.float64).reshape(height, width)
    depth_m = far * near / (far - (far - near) * buffer)
    ids = np.asarray(tiny[4]).reshape(height, width)
    ids = np.where(ids < 0, 0, (ids & ((1 << 24) - 1)) + 1)
    mine = ours["instance"]
    inside = _interior(mine) & _interior(ids)
    same = inside & (mine == ids) & (mine > 0)
    near_enough = same & (ours["depth"] < DEPTH_REACH_M)
    agree = np.abs(ours["depth"] - depth_m)[near_enough] <= DEPTH_TOLERANCE_M
    return Agreement(
        scene=name,
        rival="TinyRenderer, boxes and meshes",
        ids=float((mine == ids)[inside].mean()),
        depth=float(agree.mean()),
        compared=int(inside.sum()),
    )


def with_ray_test(name: scenes.Name) -> Agreement:
    """Compares the LiDAR with rayTestBatch; distances on meshes only."""
    client = pybullet.connect(pybullet.DIRECT)
    scenes.build(client, name, concave_collision=True, curved=False, robots=False)
    ours = trace([(Scene.from_bullet(client), cameras.lidar_view())])[0]
    hits = cast(Any, cameras.ray_test(client)())
    meshes = np.array([0, *_mesh_bodies(client)])
    pybullet.disconnect(client)
    ids = np.array([hit[0] + 1 if hit[0] >= 0 else 0 for hit in hits])
    range_m = np.array([hit[2] for hit in hits]) * scenes.FAR_M
    mine, mine_m = ours["instance"].ravel(), ours["range"].ravel()
    same = (mine == ids) & np.isin(ids, meshes) & (ids > 0)
    return Agreement(
        scene=name,
        rival="rayTestBatch, meshes",
        ids=float((mine == ids).mean()),
        depth=float((np.abs(mine_m - range_m)[same] <= DEPTH_TOLERANCE_M).mean()),
        compared=len(ids),
    )


def _interior(ids: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    inside = np.zeros(ids.shape, np.bool_)
    middle = ids[1:-1, 1:-1]
    inside[1:-1, 1:-1] = True
    for y in range(3):
        for x in range(3):
            part = ids[y : y + middle.shape[0], x : x + middle.shape[1]]
            inside[1:-1, 1:-1] &= part == middle
    return inside


def _mesh_bodies(client: int) -> list[int]:
    """Public ids of the bodies that show a mesh or a plane."""
    found = []
    for index in range(pybullet.getNumBodies(client)):
        body = pybullet.getBodyUniqueId(index, client)
        looks = pybullet.getVisualShapeData(body, physicsClientId=client)
        if any(look[2] == pybullet.GEOM_MESH for look in looks):
            found.append(body + 1)
    return found
