"""Embree as Python reaches it (embreex): single rays against one flattened, static scene."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import numpy.typing as npt

from fleetloop.loop.bench import cameras, scenes
from fleetloop.loop.bench.rivals.plan import Plan, placed_shapes, triangles
from fleetloop.loop.bench.timing import DEPTH, LIDAR, Row, cheapest

WHO = "embreex"
NOTE = "static scene; a build on every move is not in it"


def measure(plan: Plan) -> Iterator[Row]:
    """Rows of first hits: cameras, and the LiDAR."""
    from embreex import rtcore_scene
    from embreex.mesh_construction import TriangleMesh

    scene = rtcore_scene.EmbreeScene()
    TriangleMesh(scene, np.concatenate([triangles(p) for p in placed_shapes(plan.scene)]))
    for width, height in plan.sizes:
        view = cameras.camera_view(cameras.camera_grid(width, height), cameras.OUTPUTS[DEPTH])
        rays = view.rays.directions.reshape(-1, 3) @ view.rotation[0].T
        call = partial(scene.run, *_rays(scenes.CAMERA_POSITION_M, rays), output=True)
        yield _row(plan, DEPTH, f"{width}x{height}", call)
    rays = cameras.lidar_directions().reshape(-1, 3)
    call = partial(scene.run, *_rays(scenes.LIDAR_POSITION_M, rays), output=True)
    yield _row(plan, LIDAR, f"{cameras.LIDAR_BEAMS}x{cameras.LIDAR_AZIMUTHS}", call)


def _rays(
    origin: tuple[float, float, float], directions: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    starts = np.tile(np.array(origin, np.float32), (len(directions), 1))
    return starts, np.ascontiguousarray(directions, np.float32)


def _row(plan: Plan, what: str, size: str, call: partial[object]) -> Row:
    cost = cheapest(call, plan.repeats)
    return Row(scene=plan.scene, what=what, size=size, who=WHO, cost=cost, note=NOTE)
