"""Pictures for people: a camera that follows the robot, apart from all observations."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import BASE_T_OPTICAL, Pose
from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.tracer import trace
from fleetloop.envs.trace.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowCamera:
    """A camera behind and above a robot.

    Attributes:
        width_px, height_px: Size of the picture.
        fov_y_rad: Vertical field of view.
        distance_m: How far behind.
        elevation_m: How far above the robot's base.
        look_ahead_m: How far in front of the robot it looks.
    """

    width_px: int = 640
    height_px: int = 480
    fov_y_rad: float = 0.9
    distance_m: float = 8.0
    elevation_m: float = 3.2
    look_ahead_m: float = 6.0


def render_following(
    scene: Scene, world_T_base: Pose, camera: FollowCamera, threads: int = 1
) -> npt.NDArray[np.uint8]:
    """Renders the scene from behind a robot, (height, width, 3) uint8 sRGB.

    Only the robot's heading is followed, so that the horizon stays level.
    """
    base = world_T_base.position_m
    level = Pose.of(*base, yaw_rad=float(world_T_base.yaw_rad))
    drop = camera.elevation_m / (camera.distance_m + camera.look_ahead_m)
    eye = level @ Pose.of(
        -camera.distance_m, 0.0, camera.elevation_m, pitch_rad=float(np.arctan(drop))
    )
    return render_from(scene, eye, camera, threads)


def render_from(
    scene: Scene, world_T_eye: Pose, camera: FollowCamera, threads: int = 1
) -> npt.NDArray[np.uint8]:
    """Renders the scene from a pose (x forward, z up), (height, width, 3) uint8 sRGB."""
    optical = world_T_eye @ BASE_T_OPTICAL
    view = View(
        rays=_rays(camera.width_px, camera.height_px, camera.fov_y_rad),
        position_m=optical.position_m[None],
        rotation=optical.rotation[None],
        outputs=frozenset({"rgb"}),
        t_min_m=0.05,
        antialias=True,
    )
    picture: npt.NDArray[np.uint8] = trace([(scene, view)], threads=threads)[0]["rgb"]
    return picture


@functools.lru_cache(maxsize=8)
def _rays(width_px: int, height_px: int, fov_y_rad: float) -> RayGrid:
    focal_px = 0.5 * height_px / np.tan(0.5 * fov_y_rad)
    center = (0.5 * (width_px - 1), 0.5 * (height_px - 1))
    return RayGrid(pinhole_directions(width_px, height_px, focal_px, focal_px, *center))
