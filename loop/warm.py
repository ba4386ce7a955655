"""Compiles kernels before they are wanted: small jobs that use them, beside each other.

Numba compiles a kernel when it is first called, one at a time within a process. Jobs start where
the largest kernels are, each at another; a kernel that one process is compiling, the others wait
for (`fleetloop.envs.trace.turns`). What is compiled already is only loaded.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from fleetloop.core.errors import FleetloopError

if TYPE_CHECKING:
    from fleetloop.envs.trace.scene import Scene

_LOOK_AGAIN_S = 0.1
_STEPS = 6


def see() -> None:
    """Hits of all shapes, as pictures of depth and ids and as a LiDAR's points."""
    from fleetloop.envs.trace.look import look, sweep

    scene = _scene()
    look(
        scene,
        (-4.0, 0.0, 1.5),
        (4.0, 0.0, 0.5),
        outputs=("depth", "instance"),
        width_px=96,
        height_px=64,
    )
    sweep(scene, (-4.0, 0.0, 1.5), azimuths=64)


def shade() -> None:
    """Light, shadows and materials, of hits that are made up: nothing has to be seen for it."""
    from fleetloop.envs.trace.layout import LANES, GBuffer, InstanceArrays
    from fleetloop.envs.trace.look import look, looking_at
    from fleetloop.envs.trace.picture import paint
    from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
    from fleetloop.envs.trace.tracer import prepare
    from fleetloop.envs.trace.view import View

    scene, eye_m = _scene(), np.array([-4.0, 0.0, 1.5])
    view = View(
        rays=RayGrid(pinhole_directions(64, 48, 50.0, 50.0, 31.5, 23.5)),
        position_m=eye_m,
        rotation=looking_at(eye_m, np.array([4.0, 0.0, 0.5])),
        outputs=frozenset({"rgb"}),
    )
    frame, chunk = prepare(scene, view), view.rays.chunks[0]
    assert frame.table is not None, "a picture of one instant has one table"
    assert frame.painter is not None, "rgb was asked for"
    size = (len(chunk.arrays.tiles), LANES)
    hits = GBuffer(
        np.full(size, 5.0, np.float32), np.zeros(size, np.int32), np.zeros(size, np.int32)
    )
    instances = InstanceArrays(frame.table, frame.rows.copy())
    paint(frame.painter, chunk.arrays, chunk.slots, instances, frame.meshes, hits)
    look(scene, (-4.0, 0.0, 1.5), (4.0, 0.0, 0.5), width_px=96, height_px=64)


def _task(name: str, rig: str | None = None, physics: str = "full") -> Callable[[], None]:
    """A few steps of a task, after which each of its sensors has measured."""

    def run() -> None:
        from fleetloop.envs.registration import make_env

        env = make_env(name, rig=rig, physics=physics)
        try:
            env.reset(seed=0)
            for _ in range(_STEPS):
                env.step(np.zeros(env.action_space.shape or (), np.float32))
        finally:
            env.close()

    return run


JOBS: dict[str, Callable[[], None]] = {
    "shade": shade,
    "see": see,
    "car": _task("fleetloop/LaneFollow-v0", "front"),
    "town": _task("fleetloop/Drive-v0"),
    "fast": _task("fleetloop/Drive-v0", physics="fast"),
    "eight cameras": _task("fleetloop/LaneFollow-v0", "vision8"),
    "humanoid": _task("fleetloop/HumanoidWipe-v0"),
}
"""What is run, the longest first."""

WITHOUT_PHYSICS = ("shade", "see")
"""Jobs that need no PyBullet."""


def jobs_here() -> tuple[str, ...]:
    """Those that this installation can run."""
    physics = importlib.util.find_spec("pybullet") is not None
    return tuple(JOBS) if physics else WITHOUT_PHYSICS


def warm(processes: int) -> Iterator[str]:
    """Runs all jobs and tells the name of each that is done.

    Args:
        processes: How many run beside each other.

    Raises:
        FleetloopError: A job failed; says why.
    """
    waiting = list(jobs_here())
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < max(processes, 1):
                name = waiting.pop(0)
                running[name] = _start(name)
            for name in [name for name, job in running.items() if job.poll() is not None]:
                _end(name, running.pop(name))
                yield name
            time.sleep(_LOOK_AGAIN_S)
    finally:
        for job in running.values():
            job.kill()
            job.communicate()


def _start(name: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "fleetloop.loop.warm", name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )


def _end(name: str, job: subprocess.Popen[bytes]) -> None:
    _, errors = job.communicate()
    if job.returncode != 0:
        last = (errors.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
        raise FleetloopError(
            f"The job '{name}' ended with {job.returncode}: {last}. Run "
            f"`python -m fleetloop.loop.warm '{name}'` to see all that it says."
        )


def _scene() -> Scene:
    from fleetloop.envs.trace import shapes
    from fleetloop.envs.trace.scene import Scene

    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    scene = Scene()
    scene.add(shapes.Plane())
    scene.add(shapes.Box((0.5, 0.5, 0.5)), (2.0, 0.0, 0.5))
    scene.add(shapes.Mesh(corners, faces), (3.0, 1.0, 0.5))
    return scene


def main() -> None:
    """The process of one job."""
    with contextlib.suppress(KeyboardInterrupt):
        JOBS[sys.argv[1]]()


if __name__ == "__main__":
    main()
