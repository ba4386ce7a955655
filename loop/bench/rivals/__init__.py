"""Rivals by name; each module has `measure(plan)`, run in a process of its own.

A process each, because some of them change the process that they are loaded into (PyBullet's EGL
plugin takes over the software renderer too) and all of them may be missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fleetloop.core.registry import Registry
from fleetloop.loop.bench.rivals.plan import Plan
from fleetloop.loop.bench.timing import Row

RIVALS: Registry[Callable[[Plan], Iterator[Row]]] = Registry(
    "rival",
    {
        "PyBullet-EGL": "fleetloop.loop.bench.rivals.pybullet_egl:measure",
        "MuJoCo": "fleetloop.loop.bench.rivals.mujoco_gl:measure",
        "moderngl": "fleetloop.loop.bench.rivals.thin_gl:measure",
        "embreex": "fleetloop.loop.bench.rivals.embree:measure",
    },
)
