"""Depth, ids and LiDAR against PyBullet's TinyRenderer and rayTestBatch: CPU time, one run.

    python benchmarks/bench_visibility.py [--repeats 15] [--threads 1]

Both sides look at the same scenes (`scenes.py`) from the same place. CPU time of the whole process,
the smallest of the repeats.
"""

# ruff: noqa: TID251

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pybullet

sys.path.insert(0, str(Path(__file__).parent))

import scenes

from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.tracer import trace
from fleetloop.envs.trace.view import View

SIZES = ((84, 84), (320, 240), (640, 480), (1280, 960))
TARGET_CAMERA = {"A": 20.0, "B": 12.0}
TARGET_LIDAR = {"A": 200.0, "B": 40.0}
LIDAR_BEAMS, LIDAR_AZIMUTHS = 32, 1024
# rayTestBatch silently drops rays beyond this number (MAX_RAY_INTERSECTION_BATCH_SIZE_STREAMING).
RAY_TEST_BATCH = 16_383


def cheapest_ms(call: Callable[[], object], repeats: int) -> float:
    """Smallest CPU time of some calls, after one to warm up."""
    call()
    best = float("inf")
    for _ in range(repeats):
        begin = time.process_time()
        call()
        best = min(best, time.process_time() - begin)
    return best * 1e3


def camera_pose() -> tuple[np.ndarray, np.ndarray]:
    """World position and world_R_camera (optical frame) of the benchmark camera."""
    eye, target = np.array(scenes.CAMERA_POSITION_M), np.array(scenes.CAMERA_TARGET_M)
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    return eye, np.stack([right, np.cross(forward, right), forward], axis=1)


def camera_grid(width: int, height: int) -> RayGrid:
    """Rays through the points at which TinyRenderer samples: pixel (x, y) at (x, y + 1)."""
    focal = height / 2.0 / np.tan(scenes.FOV_RAD / 2.0)
    return RayGrid(pinhole_directions(width, height, focal, focal, width / 2.0, height / 2.0 - 1.0))


def tiny_camera(client: int, width: int, height: int) -> Callable[[], object]:
    """A call that renders by TinyRenderer without shadow."""
    view = pybullet.computeViewMatrix(
        scenes.CAMERA_POSITION_M, scenes.CAMERA_TARGET_M, [0.0, 0.0, 1.0]
    )
    projection = pybullet.computeProjectionMatrixFOV(
        float(np.rad2deg(scenes.FOV_RAD)), width / height, scenes.NEAR_M, scenes.FAR_M
    )
    return lambda: pybullet.getCameraImage(
        width, height, view, projection, shadow=0,
        renderer=pybullet.ER_TINY_RENDERER, physicsClientId=client,
    )  # fmt: skip


def lidar_directions() -> np.ndarray:
    """Unit directions of a spinning LiDAR, (beams, azimuths, 3)."""
    elevation = np.deg2rad(np.linspace(15.0, -25.0, LIDAR_BEAMS))[:, None]
    azimuth = np.linspace(-np.pi, np.pi, LIDAR_AZIMUTHS, endpoint=False)[None, :]
    x, y = np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth)
    return np.stack([x, y, np.broadcast_to(np.sin(elevation), x.shape)], axis=-1)


def ray_test(client: int) -> Callable[[], object]:
    """A call that sends the LiDAR's rays through rayTestBatch, lists made beforehand."""
    origin = np.array(scenes.LIDAR_POSITION_M)
    ends = (origin + lidar_directions().reshape(-1, 3) * scenes.FAR_M).tolist()
    starts = [origin.tolist()] * len(ends)
    batches = [
        (starts[i : i + RAY_TEST_BATCH], ends[i : i + RAY_TEST_BATCH])
        for i in range(0, len(ends), RAY_TEST_BATCH)
    ]
    return lambda: [
        pybullet.rayTestBatch(begin, end, numThreads=1, physicsClientId=client)
        for begin, end in batches
    ]


def bench_cameras(name: scenes.Name, repeats: int, threads: int) -> None:
    """Prints the camera rows of one scene."""
    client = pybullet.connect(pybullet.DIRECT)
    scenes.build(client, name)
    scene = Scene.from_bullet(client)
    sync = cheapest_ms(scene.sync, repeats)
    print(f"{name}: {len(scene)} shapes, sync {sync:.3f} ms")
    position, rotation = camera_pose()
    for width, height in SIZES:
        view = View(
            rays=camera_grid(width, height),
            position_m=position,
            rotation=rotation,
            outputs=frozenset({"depth", "instance"}),
            t_min_m=scenes.NEAR_M,
            t_max_m=scenes.FAR_M,
        )
        job = [(scene, view)]
        ours = cheapest_ms(partial(trace, job, threads=threads), repeats)
        tiny = cheapest_ms(tiny_camera(client, width, height), max(3, repeats // 5))
        row(f"{name} depth+id {width}x{height}", ours, tiny, TARGET_CAMERA[name])
    pybullet.disconnect(client)


def bench_lidar(name: scenes.Name, repeats: int, threads: int) -> None:
    """Prints the LiDAR row of one scene."""
    client = pybullet.connect(pybullet.DIRECT)
    scenes.build(client, name, concave_collision=True)
    scene = Scene.from_bullet(client)
    view = View(
        rays=RayGrid(lidar_directions(), tile=(8, 16), depth_axis=0),
        position_m=np.array(scenes.LIDAR_POSITION_M),
        rotation=np.eye(3),
        outputs=frozenset({"range", "instance"}),
        t_max_m=scenes.FAR_M,
    )
    ours = cheapest_ms(lambda: trace([(scene, view)], threads=threads), repeats)
    bullet = cheapest_ms(ray_test(client), max(2, repeats // 5))
    row(f"{name} LiDAR {LIDAR_BEAMS}x{LIDAR_AZIMUTHS}", ours, bullet, TARGET_LIDAR[name])
    pybullet.disconnect(client)


def row(what: str, ours_ms: float, theirs_ms: float, target: float) -> None:
    """Prints one comparison."""
    ratio = theirs_ms / ours_ms
    verdict = "ok" if ratio >= target else "SHORT"
    print(
        f"{what:26s} ours {ours_ms:8.3f} ms   PyBullet {theirs_ms:8.2f} ms   "
        f"{ratio:6.1f}x   asked {target:.0f}x   {verdict}"
    )


def main() -> None:
    """Runs all rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    for name in ("A", "B"):
        bench_cameras(name, options.repeats, options.threads)
        bench_lidar(name, options.repeats, options.threads)


if __name__ == "__main__":
    main()
