"""What one instant looks like to a follower, the car's camera, its labels and its LiDAR.

Makes the picture of the README: python examples/street_picture.py docs/images/street.png
"""

import sys

import cv2
import numpy as np

from fleetloop.agents.experts import EXPERTS
from fleetloop.agents.rollout import EpisodeList, rollout
from fleetloop.core.frames import BASE_T_OPTICAL, Pose
from fleetloop.core.lens import Lens
from fleetloop.envs.registration import make_env
from fleetloop.envs.sensors.camera import CameraConfig
from fleetloop.envs.sensors.lidar import LidarConfig

TASK = "fleetloop/LaneFollow-v0"
WIDTH_PX, HEIGHT_PX = 432, 288
PIXELS_PER_M = 6.0

camera = CameraConfig(
    name="front",
    link_T_sensor=Pose.of(0.55, 0.0, 1.32) @ BASE_T_OPTICAL,
    lens=Lens.of_fov(WIDTH_PX, HEIGHT_PX, 1.3),
    antialias=True,
    labels=("depth_m", "semantic"),
)
lidar = LidarConfig(name="lidar", link_T_sensor=Pose.of(0.0, 0.0, 1.8))


def colored(values: np.ndarray, lowest: float, highest: float, table: int) -> np.ndarray:
    """Numbers as colours, RGB bytes."""
    scaled = np.clip(255.0 * (values - lowest) / (highest - lowest), 0, 255).astype(np.uint8)
    return cv2.applyColorMap(scaled, table)[..., ::-1]


def from_above(point_m: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """LiDAR points by height, the car in the middle, its front to the right."""
    canvas = np.full((HEIGHT_PX, WIDTH_PX, 3), 18, np.uint8)
    x, y, z = np.moveaxis(point_m[valid], -1, 0)
    column = (WIDTH_PX / 2 + PIXELS_PER_M * x).astype(int)
    row = (HEIGHT_PX / 2 - PIXELS_PER_M * y).astype(int)
    seen = (column >= 0) & (column < WIDTH_PX) & (row >= 0) & (row < HEIGHT_PX)
    shades = colored(z[:, None], -2.0, 4.0, cv2.COLORMAP_TURBO)[:, 0]
    canvas[row[seen], column[seen]] = shades[seen]
    return canvas


env = make_env(TASK, rig=[camera, lidar], render_mode="rgb_array")
kept = EpisodeList()
rollout(env, EXPERTS.get(TASK)(), seed=2, sinks=[kept], max_steps=60)
follower = cv2.resize(env.render(), (WIDTH_PX, WIDTH_PX * 3 // 4), interpolation=cv2.INTER_AREA)
env.close()
front = kept.episode().samples["front"][-1].data
scan = kept.episode().samples["lidar"][-1].data

labels = colored(front["semantic"] * 37.0 % 256.0, 0.0, 255.0, cv2.COLORMAP_TWILIGHT_SHIFTED)
depth = colored(np.log(front["depth_m"]), np.log(2.0), np.log(120.0), cv2.COLORMAP_MAGMA)
half = np.arange(WIDTH_PX)[None, :, None] < WIDTH_PX // 2
picture = np.vstack(
    [
        np.hstack([follower[20 : 20 + HEIGHT_PX], front["rgb"]]),
        np.hstack([np.where(half, labels, depth), from_above(scan["point_m"], scan["valid"])]),
    ]
)
path = sys.argv[1] if len(sys.argv) > 1 else "street.png"
if not cv2.imwrite(path, picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9]):
    sys.exit(f"Cannot write {path}: choose a folder that exists.")
