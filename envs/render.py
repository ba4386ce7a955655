"""Pictures for people: a camera that follows the robot, apart from all observations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import Pose
from fleetloop.envs.trace.look import look
from fleetloop.envs.trace.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowCamera:
    """A camera behind and above a robot.

    Attributes:
        width_px, height_px: Size of the picture.
        fov_y_rad: Vertical field of view.
        distance_m: How far behind; below 0 in front of it.
        aside_m: How far to the left.
        elevation_m: How far above the robot's base.
        look_ahead_m: How far in front of the robot it looks.
        clear_m: What is nearer than this is cut away, such as a wall that it stands behind.
    """

    width_px: int = 640
    height_px: int = 480
    fov_y_rad: float = 0.9
    distance_m: float = 8.0
    aside_m: float = 0.0
    elevation_m: float = 3.2
    look_ahead_m: float = 6.0
    clear_m: float = 0.05


def render_following(
    scene: Scene, world_T_base: Pose, camera: FollowCamera, threads: int = 1
) -> npt.NDArray[np.uint8]:
    """Renders the scene from behind a robot, (height, width, 3) uint8 sRGB.

    Only the robot's heading is followed, so that the horizon stays level.
    """
    level = Pose.of(*world_T_base.position_m, yaw_rad=float(world_T_base.yaw_rad))
    picture: npt.NDArray[np.uint8] = look(
        scene,
        eye_m=level.transform_points([-camera.distance_m, camera.aside_m, camera.elevation_m]),
        at_m=level.transform_points([camera.look_ahead_m, 0.0, 0.0]),
        width_px=camera.width_px,
        height_px=camera.height_px,
        fov_y_rad=camera.fov_y_rad,
        outputs=("rgb",),
        t_min_m=camera.clear_m,
        threads=threads,
    )["rgb"]
    return picture
