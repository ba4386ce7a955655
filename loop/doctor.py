"""What is installed, what is missing, and how fast this machine is."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "train": ("torch",),
    "film": ("av",),
    "bench": ("mujoco", "moderngl", "embreex", "matplotlib"),
}
"""Optional packages by the extra that brings them."""

BASE = ("numpy", "numba", "pybullet", "gymnasium", "opencv-python-headless", "mcap")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the report.

    Attributes:
        what: Its subject.
        value: What was found.
        remedy: What to do about it; empty if nothing is wrong.
    """

    what: str
    value: str
    remedy: str = ""


def installed() -> list[Finding]:
    """The packages of the base, and whether they are there."""
    found = [Finding(what="Python", value=f"{platform.python_version()} on {platform.platform()}")]
    for package in ("fleetloop", *BASE):
        try:
            found.append(Finding(what=package, value=importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            found.append(Finding(what=package, value="missing", remedy=_remedy(package)))
    return found


def extras() -> list[Finding]:
    """Optional packages, and which extra brings those that are missing."""
    found = []
    for extra, packages in EXTRAS.items():
        for package in packages:
            there = importlib.util.find_spec(package) is not None
            version = _version(package) if there else "not installed"
            remedy = "" if there else f"pip install 'fleetloop[{extra}]'"
            found.append(Finding(what=package, value=version, remedy=remedy))
    return found


def machine() -> list[Finding]:
    """Cores, and where compiled kernels are kept."""
    from fleetloop.envs.trace.jit import cache_root

    return [
        Finding(what="usable cores", value=str(len(os.sched_getaffinity(0)))),
        Finding(what="kernel cache", value=str(cache_root())),
    ]


def speed() -> list[Finding]:
    """Rays and physics ticks per second of CPU time, on a plain scene; compiles what they need."""
    found = [_ray_speed()]
    if importlib.util.find_spec("pybullet") is not None:
        found.append(_physics_speed())
    return found


def _ray_speed() -> Finding:
    from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
    from fleetloop.envs.trace.scene import Scene
    from fleetloop.envs.trace.shapes import Box, Plane
    from fleetloop.envs.trace.tracer import trace
    from fleetloop.envs.trace.view import View

    scene = Scene()
    scene.add(Plane(), (0.0, 0.0, 0.0))
    for k in range(60):
        scene.add(Box((0.5, 0.5, 0.5)), (4.0 + k // 8 * 2.0, (k % 8 - 3.5) * 2.0, 0.5))
    width, height = 640, 480
    rays = RayGrid(pinhole_directions(width, height, 320.0, 320.0, 320.0, 240.0))
    forward = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    view = View(
        rays=rays,
        position_m=np.array([[0.0, 0.0, 1.5]]),
        rotation=forward[None],
        outputs=frozenset({"depth", "instance"}),
    )
    began = time.perf_counter()
    trace([(scene, view)])
    first_s = time.perf_counter() - began
    began = time.process_time()
    for _ in range(20):
        trace([(scene, view)])
    each_s = (time.process_time() - began) / 20
    return Finding(
        what="depth and ids, 640x480, 61 shapes",
        value=f"{1e3 * each_s:.2f} ms, {1e-6 * width * height / each_s:.0f} million rays/s "
        f"(first picture after {first_s:.1f} s)",
    )


def _physics_speed() -> Finding:
    from fleetloop.envs.registration import make_env

    env = make_env("fleetloop/LaneFollow-v0", obs_mode="state")
    try:
        env.reset(seed=0)
        action = np.zeros(env.action_space.shape or (), np.float32)
        env.step(action)
        began = time.process_time()
        for _ in range(50):
            env.step(action)
        each_s = (time.process_time() - began) / 50
    finally:
        env.close()
    ticks_per_s = env.config.physics_hz / env.config.control_hz / each_s
    return Finding(
        what="car physics with body sensors",
        value=f"{ticks_per_s:.0f} ticks/s, {ticks_per_s / env.config.physics_hz:.1f} x real time",
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "there"


def _remedy(package: str) -> str:
    if package == "pybullet":
        return (
            "pip install pybullet==3.2.7: a ready wheel for CPython 3.11 on Linux x86-64, compiled "
            "with g++ in about five minutes elsewhere"
        )
    return "pip install fleetloop"
