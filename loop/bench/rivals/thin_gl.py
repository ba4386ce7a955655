"""The least that OpenGL can do: one draw call of flat Lambert triangles, no texture, no shadow.

On llvmpipe this is a good software rasteriser; no simulator is as thin.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.look import looking_at
from fleetloop.loop.bench import scenes
from fleetloop.loop.bench.rivals.plan import Plan, placed_shapes, triangles
from fleetloop.loop.bench.timing import PICTURE, Row, cheapest

WHO = "thin OpenGL (moderngl)"
_VERTEX = """#version 330
uniform mat4 view; in vec3 place; in vec3 normal; in vec3 color; in int id;
flat out vec3 shade; flat out int what;
void main() {
  gl_Position = view * vec4(place, 1.0);
  shade = color * (0.4 + 0.6 * max(dot(normal, vec3(0.4, 0.3, 0.866)), 0.0)); what = id;
}"""
_FRAGMENT = """#version 330
flat in vec3 shade; flat in int what;
layout(location = 0) out vec4 rgb; layout(location = 1) out int instance;
void main() { rgb = vec4(shade, 1.0); instance = what; }"""


def measure(plan: Plan) -> Iterator[Row]:
    """Rows of RGB, depth and ids without shadows."""
    import moderngl

    context = moderngl.create_standalone_context(backend="egl")
    context.enable(moderngl.DEPTH_TEST)
    program = context.program(vertex_shader=_VERTEX, fragment_shader=_FRAGMENT)
    buffer = context.buffer(_vertices(plan).tobytes())
    names = ("place", "normal", "color", "id")
    array = context.vertex_array(program, [(buffer, "3f 3f 3f 1i", *names)])
    for width, height in plan.sizes:
        program["view"].write(_view_projection(width / height).T.astype(np.float32).tobytes())
        target = context.framebuffer(
            [
                context.texture((width, height), 4),
                context.texture((width, height), 1, dtype="i4"),
            ],
            context.depth_texture((width, height)),
        )
        if len(np.unique(np.frombuffer(_frame(target, array), np.int32))) < 10:
            raise RuntimeError("OpenGL drew an empty scene")
        cost = cheapest(partial(_frame, target, array), plan.repeats)
        yield Row(
            scene=plan.scene, what=PICTURE, size=f"{width}x{height}", who=WHO, cost=cost,
            note=f"no shadow, no texture; {context.info['GL_RENDERER']}",
        )  # fmt: skip


def _frame(target: Any, array: Any) -> bytes:  # noqa: ANN401 - moderngl's
    """Draws and reads all three images back; returns the ids."""
    target.use()
    target.clear()
    array.render()
    target.read(components=4)
    target.read(attachment=-1, components=1, dtype="f4")
    ids: bytes = target.read(attachment=1, components=1, dtype="i4")
    return ids


def _vertices(plan: Plan) -> npt.NDArray[Any]:
    parts = []
    for placed in placed_shapes(plan.scene):
        corners = triangles(placed)
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
        part = np.zeros((len(corners), 3), [("f", np.float32, 9), ("id", np.int32)])
        part["f"][..., 0:3] = corners
        part["f"][..., 3:6] = normal[:, None]
        part["f"][..., 6:9] = placed.color
        part["id"] = placed.instance_id
        parts.append(part.reshape(-1))
    return np.concatenate(parts)


def _view_projection(aspect: float) -> npt.NDArray[np.float64]:
    eye = np.array(scenes.CAMERA_POSITION_M)
    axes = looking_at(eye, np.array(scenes.CAMERA_TARGET_M)) * np.array([1.0, -1.0, -1.0])
    view = np.eye(4)
    view[:3, :3], view[:3, 3] = axes.T, -axes.T @ eye
    near, far, scale = scenes.NEAR_M, scenes.FAR_M, 1.0 / np.tan(scenes.FOV_RAD / 2.0)
    projection = np.zeros((4, 4))
    projection[0, 0], projection[1, 1] = scale / aspect, scale
    projection[2, 2], projection[2, 3] = (far + near) / (near - far), 2 * far * near / (near - far)
    projection[3, 2] = -1.0
    combined: npt.NDArray[np.float64] = projection @ view
    return combined
