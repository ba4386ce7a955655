"""Our cameras and LiDAR beside PyBullet's TinyRenderer and rayTestBatch, in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import pybullet

from fleetloop.envs.trace.look import looking_at
from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.tracer import trace
from fleetloop.envs.trace.view import View
from fleetloop.loop.bench import scenes
from fleetloop.loop.bench.timing import DEPTH, LIDAR, OURS, PICTURE, PYBULLET, Cost, Row, cheapest

LIDAR_BEAMS, LIDAR_AZIMUTHS = 32, 1024
# rayTestBatch silently drops rays beyond this number (MAX_RAY_INTERSECTION_BATCH_SIZE_STREAMING).
RAY_TEST_BATCH = 16_383
OUTPUTS = {
    DEPTH: frozenset({"depth", "instance"}),
    PICTURE: frozenset({"rgb", "depth", "instance"}),
}


def camera_grid(width: int, height: int) -> RayGrid:
    """Rays through the points at which TinyRenderer samples: pixel (x, y) at (x, y + 1)."""
    focal = height / 2.0 / np.tan(scenes.FOV_RAD / 2.0)
    return RayGrid(pinhole_directions(width, height, focal, focal, width / 2.0, height / 2.0 - 1.0))


def camera_view(rays: RayGrid, outputs: frozenset[str]) -> View:
    """The benchmark camera."""
    eye, target = np.array(scenes.CAMERA_POSITION_M), np.array(scenes.CAMERA_TARGET_M)
    return View(
        rays=rays,
        position_m=eye,
        rotation=looking_at(eye, target),
        outputs=outputs,
        t_min_m=scenes.NEAR_M,
        t_max_m=scenes.FAR_M,
    )


def tiny_image(client: int, width: int, height: int, *, shadow: bool) -> tuple[object, ...]:
    """TinyRenderer's picture of the same view."""
    view = pybullet.computeViewMatrix(
        scenes.CAMERA_POSITION_M, scenes.CAMERA_TARGET_M, [0.0, 0.0, 1.0]
    )
    projection = pybullet.computeProjectionMatrixFOV(
        float(np.rad2deg(scenes.FOV_RAD)), width / height, scenes.NEAR_M, scenes.FAR_M
    )
    image: tuple[object, ...] = pybullet.getCameraImage(
        width, height, view, projection, shadow=int(shadow),
        renderer=pybullet.ER_TINY_RENDERER, physicsClientId=client,
    )  # fmt: skip
    return image


def lidar_directions() -> npt.NDArray[np.float64]:
    """Unit directions of a spinning LiDAR, (beams, azimuths, 3)."""
    elevation = np.deg2rad(np.linspace(15.0, -25.0, LIDAR_BEAMS))[:, None]
    azimuth = np.linspace(-np.pi, np.pi, LIDAR_AZIMUTHS, endpoint=False)[None, :]
    x, y = np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth)
    return np.stack([x, y, np.broadcast_to(np.sin(elevation), x.shape)], axis=-1)


def lidar_view() -> View:
    """The benchmark LiDAR."""
    return View(
        rays=RayGrid(lidar_directions(), depth_axis=0),
        position_m=np.array(scenes.LIDAR_POSITION_M),
        rotation=np.eye(3),
        outputs=frozenset({"range", "instance"}),
        t_max_m=scenes.FAR_M,
    )


def ray_test(client: int) -> Callable[[], list[object]]:
    """A call that sends the LiDAR's rays through rayTestBatch, lists made beforehand."""
    origin = np.array(scenes.LIDAR_POSITION_M)
    ends = (origin + lidar_directions().reshape(-1, 3) * scenes.FAR_M).tolist()
    starts = [origin.tolist()] * len(ends)
    batches = [
        (starts[i : i + RAY_TEST_BATCH], ends[i : i + RAY_TEST_BATCH])
        for i in range(0, len(ends), RAY_TEST_BATCH)
    ]
    return lambda: [
        hit
        for begin, end in batches
        for hit in pybullet.rayTestBatch(begin, end, numThreads=1, physicsClientId=client)
    ]


def measure_cameras(
    name: scenes.Name, sizes: Sequence[tuple[int, int]], repeats: int, threads: int
) -> Iterator[Row]:
    """Rows of one scene: pose sync, then every size with and without colour."""
    client = pybullet.connect(pybullet.DIRECT)
    scenes.build(client, name)
    scene = Scene.from_bullet(client)
    shapes = f"{len(scene)} shapes"
    yield _row(name, "pose sync", shapes, OURS, cheapest(scene.sync, repeats))
    for width, height in sizes:
        rays, size = camera_grid(width, height), f"{width}x{height}"
        for what, shadow in ((DEPTH, False), (PICTURE, True)):
            job = [(scene, camera_view(rays, OUTPUTS[what]))]
            yield _row(name, what, size, OURS, cheapest(partial(trace, job, threads=1), repeats))
            if threads > 1:
                cost = cheapest(partial(trace, job, threads=threads), repeats)
                yield _row(name, what, size, f"{OURS}, {threads} threads", cost)
            tiny = partial(tiny_image, client, width, height, shadow=shadow)
            yield _row(name, what, size, PYBULLET, cheapest(tiny, max(2, repeats // 5)))
    pybullet.disconnect(client)


def measure_lidar(name: scenes.Name, repeats: int) -> Iterator[Row]:
    """Rows of the LiDAR; meshes collide as what they look like, so both see the same."""
    client = pybullet.connect(pybullet.DIRECT)
    scenes.build(client, name, concave_collision=True)
    job = [(Scene.from_bullet(client), lidar_view())]
    size = f"{LIDAR_BEAMS}x{LIDAR_AZIMUTHS}"
    yield _row(name, LIDAR, size, OURS, cheapest(partial(trace, job), repeats))
    yield _row(name, LIDAR, size, PYBULLET, cheapest(ray_test(client), max(2, repeats // 5)))
    pybullet.disconnect(client)


def _row(scene: str, what: str, size: str, who: str, cost: Cost) -> Row:
    return Row(scene=scene, what=what, size=size, who=who, cost=cost)
