"""MuJoCo's renderer on EGL: RGB, depth and segmentation are three passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.shapes import Box, Capsule, Cylinder, Mesh, Sphere
from fleetloop.loop.bench import scenes
from fleetloop.loop.bench.rivals.plan import Placed, Plan, placed_shapes
from fleetloop.loop.bench.timing import PICTURE, Row, cheapest

WHO = "MuJoCo, EGL"


def measure(plan: Plan) -> Iterator[Row]:
    """Rows of RGB, depth and ids, with shadows as it comes, and stripped of shadow and MSAA."""
    import mujoco

    for stripped in (False, True):
        model = mujoco.MjModel.from_xml_string(_mjcf(plan, stripped))
        data = mujoco.MjData(model)
        mujoco.mj_forward(model, data)
        for width, height in plan.sizes:
            renderer = mujoco.Renderer(model, height, width)
            shadow = int(mujoco.mjtRndFlag.mjRND_SHADOW)
            draw = _frame(renderer, data, shadow, stripped)
            if len(np.unique(draw())) < 10:
                raise RuntimeError("MuJoCo drew an empty scene")
            cost = cheapest(draw, plan.repeats)
            renderer.close()
            yield Row(
                scene=plan.scene, what=PICTURE, size=f"{width}x{height}", who=WHO, cost=cost,
                note="no shadow, no MSAA" if stripped else "shadow map, MSAA 4",
            )  # fmt: skip


def _frame(
    renderer: Any,  # noqa: ANN401 - mujoco.Renderer
    data: Any,  # noqa: ANN401 - mujoco.MjData
    shadow: int,
    stripped: bool,
) -> Callable[[], npt.NDArray[Any]]:
    """A call that draws all three images and returns the ids."""

    def draw() -> npt.NDArray[Any]:
        for mode in ("rgb", "depth", "segmentation"):
            if mode == "depth":
                renderer.enable_depth_rendering()
            if mode == "segmentation":
                renderer.enable_segmentation_rendering()
            renderer.update_scene(data, camera="eye")
            renderer.scene.flags[shadow] = 0 if stripped else 1
            image = renderer.render()
            renderer.disable_depth_rendering()
            renderer.disable_segmentation_rendering()
        ids: npt.NDArray[Any] = image[..., 0]
        return ids

    return draw


def _mjcf(plan: Plan, stripped: bool) -> str:
    assets: dict[int, str] = {}
    geoms = [_geom(placed, assets) for placed in placed_shapes(plan.scene)]
    eye, target = np.array(scenes.CAMERA_POSITION_M), np.array(scenes.CAMERA_TARGET_M)
    back = (eye - target) / np.linalg.norm(eye - target)
    right = np.cross([0.0, 0.0, 1.0], back)
    right /= np.linalg.norm(right)
    axes = _text([*right, *np.cross(back, right)])
    return f"""<mujoco>
      <visual><quality offsamples="{0 if stripped else 4}"/>
        <global offwidth="1280" offheight="960"/>
        <map znear="{scenes.NEAR_M}" zfar="{scenes.FAR_M}"/></visual>
      <statistic extent="1" center="0 0 0"/>
      <asset>{"".join(assets.values())}</asset>
      <worldbody><light directional="true" pos="0 0 20" dir="-0.4 -0.3 -0.85"/>
        <camera name="eye" pos="{_text(eye)}" xyaxes="{axes}"
          fovy="{np.rad2deg(scenes.FOV_RAD)}"/>
        {"".join(geoms)}</worldbody></mujoco>"""


def _geom(placed: Placed, assets: dict[int, str]) -> str:
    shape = placed.shape
    x, y, z, w = placed.quaternion_xyzw
    common = (
        f'pos="{_text(placed.position_m)}" quat="{_text([w, x, y, z])}" '
        f'rgba="{_text([*np.sqrt(placed.color), 1.0])}" contype="0" conaffinity="0"'
    )
    if isinstance(shape, Box):
        return f'<geom type="box" size="{_text(shape.half_extents_m)}" {common}/>'
    if isinstance(shape, Sphere):
        return f'<geom type="sphere" size="{shape.radius_m}" {common}/>'
    if isinstance(shape, Cylinder | Capsule):
        kind = "capsule" if isinstance(shape, Capsule) else "cylinder"
        return f'<geom type="{kind}" size="{shape.radius_m} {shape.half_length_m}" {common}/>'
    if isinstance(shape, Mesh) and np.ptp(shape.vertices_m, axis=0).min() > 1e-6:
        name = assets.setdefault(id(shape), _mesh_asset(len(assets), shape))
        return f'<geom type="mesh" mesh="{name.split(chr(34))[1]}" {common}/>'
    return f'<geom type="plane" size="30 30 1" {common}/>'


def _mesh_asset(number: int, mesh: Mesh) -> str:
    vertices, faces = _text(mesh.vertices_m.ravel()), " ".join(map(str, mesh.triangles.ravel()))
    return f'<mesh name="m{number}" inertia="shell" vertex="{vertices}" face="{faces}"/>'


def _text(numbers: Any) -> str:  # noqa: ANN401 - any sequence of numbers
    return " ".join(f"{float(number):.7g}" for number in numbers)
