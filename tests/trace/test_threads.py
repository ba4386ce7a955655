"""Many threads, worlds and cameras at once: the same bytes, no dead locks, errors that come out."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.envs.trace.look import looking_at
from fleetloop.envs.trace.pool import Pool, worthwhile_threads
from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box, Capsule, Plane, Sphere
from fleetloop.envs.trace.tracer import trace
from fleetloop.envs.trace.view import View

OUTPUTS = frozenset({"rgb", "depth", "instance", "normal"})


def world(seed):
    rng = np.random.default_rng(seed)
    scene = Scene()
    scene.add(Plane())
    for _ in range(30):
        shape = [Box((0.3, 0.2, 0.4)), Sphere(0.3), Capsule(0.2, 0.3)][rng.integers(3)]
        scene.add(shape, rng.uniform([1, -4, 0], [9, 4, 2]), rng.normal(size=4))
    return scene


def camera(yaw_rad, rays):
    eye = np.array([-1.0, 0.3, 1.2])
    at = eye + np.array([np.cos(yaw_rad), np.sin(yaw_rad), -0.1])
    return View(
        rays=rays, position_m=eye, rotation=looking_at(eye, at), outputs=OUTPUTS, antialias=True
    )


@pytest.fixture(scope="module")
def rays():
    return RayGrid(pinhole_directions(320, 240, 200.0, 200.0, 159.5, 119.5))


@pytest.fixture(scope="module")
def jobs(rays):
    """The rigs of two worlds: three cameras each."""
    return [(world(s), camera(yaw, rays)) for s in (1, 2) for yaw in (-0.5, 0.0, 0.5)]


def same(one, other):
    return all(np.array_equal(one[name], other[name]) for name in OUTPUTS)


def test_rigs_of_several_worlds_in_one_call_equal_one_by_one(jobs):
    alone = [trace([job])[0] for job in jobs]
    for threads in (1, 2, 4, None):
        together = trace(jobs, threads=threads)
        assert all(same(a, b) for a, b in zip(alone, together, strict=True)), threads


def test_python_threads_may_trace_at_the_same_time(jobs):
    wanted = [trace([job])[0] for job in jobs]
    got: dict[int, list] = {}

    def work(number):
        got[number] = [trace([jobs[number]], threads=2)[0] for _ in range(3)]

    workers = [threading.Thread(target=work, args=(n,)) for n in range(len(jobs))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert not any(worker.is_alive() for worker in workers)
    for number, images in got.items():
        assert all(same(image, wanted[number]) for image in images)
    assert len(got) == len(jobs)


def test_an_error_of_any_task_comes_out_and_the_pool_goes_on():
    pool = Pool()
    done = []

    def fails():
        raise ValueError("this one")

    for threads in (1, 2, 3):
        with pytest.raises(ValueError, match="this one"):
            pool.run([fails, *[lambda: done.append(1)] * 8], threads)
        pool.run([lambda: done.append(2)] * 5, threads)
    assert done.count(2) == 15


def test_no_thread_is_no_way_to_work():
    with pytest.raises(ConfigError, match="at least one"):
        Pool().run([], 0)


def test_few_rays_stay_on_one_thread():
    assert worthwhile_threads(84 * 84, 8) == 1
    assert worthwhile_threads(320 * 240, None) == 1
    assert worthwhile_threads(640 * 480, 2) == 2
    assert worthwhile_threads(6 * 84 * 84, 8) == 1  # a small rig
    assert worthwhile_threads(3 * 640 * 480, 4) == 4
    with pytest.raises(ConfigError, match="at least one"):
        worthwhile_threads(84 * 84, 0)
