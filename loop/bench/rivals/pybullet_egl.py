"""PyBullet's hardware renderer: OpenGL by its EGL plugin, on llvmpipe where there is no GPU."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pybullet

from fleetloop.loop.bench import scenes
from fleetloop.loop.bench.rivals.plan import Plan
from fleetloop.loop.bench.timing import PICTURE, Row, cheapest

WHO = "PyBullet EGL plugin"


def measure(plan: Plan) -> Iterator[Row]:
    """Rows of RGB, depth and ids; the plugin always shades and segments.

    Raises:
        RuntimeError: There is no plugin, no EGL, or an empty picture.
    """
    client = pybullet.connect(pybullet.DIRECT)
    spec = importlib.util.find_spec("eglRenderer")
    if spec is None or spec.origin is None:
        raise RuntimeError("this PyBullet was built without its EGL plugin")
    # Before the bodies: loaded after them, it silently draws an empty scene.
    if pybullet.loadPlugin(spec.origin, "_eglRendererPlugin", physicsClientId=client) < 0:
        raise RuntimeError("EGL is not there; on Debian: apt install libegl1 libgl1-mesa-dri")
    scenes.build(client, plan.scene)
    view = pybullet.computeViewMatrix(
        scenes.CAMERA_POSITION_M, scenes.CAMERA_TARGET_M, [0.0, 0.0, 1.0]
    )
    for width, height in plan.sizes:
        projection = pybullet.computeProjectionMatrixFOV(
            float(np.rad2deg(scenes.FOV_RAD)), width / height, scenes.NEAR_M, scenes.FAR_M
        )
        image: partial[Any] = partial(
            pybullet.getCameraImage, width, height, view, projection, shadow=1,
            renderer=pybullet.ER_BULLET_HARDWARE_OPENGL, physicsClientId=client,
        )  # fmt: skip
        if len(np.unique(image()[4])) < 10:
            raise RuntimeError("the EGL plugin drew an empty scene")
        cost = cheapest(image, plan.repeats)
        yield Row(
            scene=plan.scene, what=PICTURE, size=f"{width}x{height}", who=WHO, cost=cost,
            note="shadow map",
        )  # fmt: skip
