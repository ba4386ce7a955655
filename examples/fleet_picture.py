"""A car in a town's traffic and a humanoid at home, and what the two sense.

Makes the picture of the README: python examples/fleet_picture.py docs/images/fleet.jpg
"""

import sys
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fleetloop.agents.experts import EXPERTS
from fleetloop.agents.rollout import EpisodeList, rollout
from fleetloop.core.frames import BASE_T_OPTICAL, Pose
from fleetloop.core.lens import Lens
from fleetloop.envs.env import RobotEnv
from fleetloop.envs.registration import make_env
from fleetloop.envs.sensors.camera import CameraConfig
from fleetloop.envs.sensors.lidar import LidarConfig
from fleetloop.envs.trace.look import look

DRIVE, WIPE = "fleetloop/Drive-v0", "fleetloop/HumanoidWipe-v0"
WIDTH_PX, HEIGHT_PX = 560, 350
PIXELS_PER_M = 6.5
TOWN = {
    "map": {"town_seeds": [5, 6]},
    "traffic": {"vehicles": 60, "pedestrians": 60},
    "weather": {"kinds": ["clear"]},
}
Arrays = Mapping[str, npt.NDArray[Any]]

front = CameraConfig(
    name="front",
    link_T_sensor=Pose.of(0.55, 0.0, 1.32) @ BASE_T_OPTICAL,
    lens=Lens.of_fov(WIDTH_PX, HEIGHT_PX, 1.3),
    rate_hz=1.0,
    antialias=True,
    labels=("depth_m", "semantic"),
)
lidar = LidarConfig(name="lidar", link_T_sensor=Pose.of(0.0, 0.0, 1.8))
eyes = CameraConfig(
    name="eyes",
    link="head",
    link_T_sensor=Pose.of(0.12, 0.0, 0.15, pitch_rad=0.85) @ BASE_T_OPTICAL,
    lens=Lens.of_fov(WIDTH_PX, HEIGHT_PX, 1.5),
    rate_hz=1.0,
    antialias=True,
)


def colored(values: np.ndarray, lowest: float, highest: float, table: int) -> np.ndarray:
    """Numbers as colours, RGB bytes."""
    scaled = np.clip(255.0 * (values - lowest) / (highest - lowest), 0, 255).astype(np.uint8)
    return cv2.applyColorMap(scaled, table)[..., ::-1]


def from_above(point_m: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """LiDAR points by height, the car in the middle, its front upwards."""
    canvas = np.full((HEIGHT_PX, WIDTH_PX, 3), 18, np.uint8)
    x, y, z = np.moveaxis(point_m[valid], -1, 0)
    column = (WIDTH_PX / 2 - PIXELS_PER_M * y).astype(int)
    row = (HEIGHT_PX / 2 - PIXELS_PER_M * x).astype(int)
    seen = (column >= 0) & (column < WIDTH_PX) & (row >= 0) & (row < HEIGHT_PX)
    shades = colored(z[:, None], -2.0, 4.0, cv2.COLORMAP_TURBO)[:, 0]
    canvas[row[seen], column[seen]] = shades[seen]
    return canvas


def acted(env: RobotEnv, task: str, seed: int, steps: int) -> dict[str, Arrays]:
    """What each sensor gave last, after the task's expert has acted for some steps."""
    kept = EpisodeList()
    rollout(env, EXPERTS.get(task)(), seed=seed, sinks=[kept], max_steps=steps)
    return {name: samples[-1].data for name, samples in kept.episode().samples.items()}


def beside(env: RobotEnv, eye_m: tuple[float, ...], at_m: tuple[float, ...]) -> np.ndarray:
    """A picture of the robot, from a place and to a place that are given in its level frame."""
    base = env.robot.state().links["base"].world_T_link
    level = Pose.of(*base.position_m.tolist(), yaw_rad=float(base.yaw_rad))
    return look(
        env.stage.scene, eye_m=level.transform_points(eye_m), at_m=level.transform_points(at_m),
        width_px=WIDTH_PX, height_px=HEIGHT_PX, fov_y_rad=0.8, outputs=("rgb",), t_min_m=0.05,
    )["rgb"]  # fmt: skip


car = make_env(DRIVE, rig=[front, lidar], physics="fast", task_options=TOWN)
sensed = acted(car, DRIVE, seed=3, steps=60)
street = beside(car, (-7.5, -2.2, 2.6), (8.0, 0.0, 0.3))
car.close()
view, scan = sensed["front"], sensed["lidar"]
kinds = colored(view["semantic"] * 37.0 % 256.0, 0.0, 255.0, cv2.COLORMAP_TWILIGHT_SHIFTED)
depth = colored(np.log(view["depth_m"]), np.log(2.0), np.log(120.0), cv2.COLORMAP_MAGMA)
left = np.arange(WIDTH_PX)[None, :, None] < WIDTH_PX // 2
labels = np.where(left, kinds, depth)
cloud = from_above(scan["point_m"], scan["valid"])

humanoid = make_env(WIPE, rig=[eyes], physics="fast")
seen = acted(humanoid, WIPE, seed=5, steps=120)["eyes"]["rgb"]
home = beside(humanoid, (1.6, -1.4, 0.85), (0.1, -0.05, 0.17))
humanoid.close()

rows = [(street, home), (view["rgb"], seen), (labels, cloud)]
picture = np.vstack([np.hstack(row) for row in rows])
path = sys.argv[1] if len(sys.argv) > 1 else "fleet.jpg"
if not cv2.imwrite(path, picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88]):
    sys.exit(f"Cannot write {path}: choose a folder that exists.")
