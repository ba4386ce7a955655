"""A film of a humanoid at its task: a camera that follows it, beside what its own eyes see.

    python examples/humanoid_film.py Wipe wipe.mp4 --seed 5

Writes MP4, and the middle frame as a picture beside it.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from fleetloop.agents.experts import EXPERTS
from fleetloop.core.frames import BASE_T_OPTICAL, Pose
from fleetloop.core.lens import Lens
from fleetloop.envs.registration import make_env
from fleetloop.envs.sensors.camera import CameraConfig
from fleetloop.envs.trace.look import look

WIDTH_PX, HEIGHT_PX = 480, 360
VIEWS = {
    # Where the camera is and looks, from the robot: near and from the side where hands work.
    "Wipe": ((1.45, -1.25, 0.75), (0.2, -0.1, 0.1)),
    "Carry": ((-2.1, -1.9, 0.7), (0.5, 0.0, -0.1)),
    "Walk": ((-2.6, -1.6, 1.0), (0.8, 0.0, -0.1)),
    "Pick": ((1.35, -1.15, 0.75), (0.2, -0.2, 0.1)),
    "Handover": ((0.5, -2.1, 0.5), (0.45, -0.1, 0.0)),
    "Stand": ((2.4, -1.2, 0.5), (0.0, 0.0, 0.0)),
}

eyes = CameraConfig(
    name="eyes",
    link="head",
    link_T_sensor=Pose.of(0.12, 0.0, 0.15, pitch_rad=0.4) @ BASE_T_OPTICAL,
    lens=Lens.of_fov(WIDTH_PX, HEIGHT_PX, 1.5),
    rate_hz=10.0,
    antialias=True,
)

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("task", choices=VIEWS)
parser.add_argument("out", type=Path)
parser.add_argument("--seed", type=int, default=5)
parser.add_argument("--physics", default="full")
parser.add_argument("--steps", type=int, default=400)
options = parser.parse_args()

name = f"fleetloop/Humanoid{options.task}-v0"
env = make_env(name, rig=[eyes], physics=options.physics)
expert = EXPERTS.get(name)()
observation, info = env.reset(seed=options.seed)
state = expert.init(options.seed)
eye_m, at_m = VIEWS[options.task]
frames = []
for _ in range(options.steps):
    action, state = expert.act(info["truth"], state)
    observation, _, terminated, truncated, info = env.step(action)
    base = env.robot.state().links["base"].world_T_link
    level = Pose.of(*base.position_m.tolist(), yaw_rad=float(base.yaw_rad))
    follower = look(
        env.stage.scene, eye_m=level.transform_points(eye_m), at_m=level.transform_points(at_m),
        width_px=WIDTH_PX, height_px=HEIGHT_PX, fov_y_rad=0.85, outputs=("rgb",), t_min_m=0.05,
    )["rgb"]  # fmt: skip
    frames.append(np.concatenate([follower, observation["eyes/rgb"]], axis=1)[..., ::-1])
    if terminated or truncated:
        break
env.close()

fourcc = cv2.VideoWriter.fourcc(*"mp4v")
film = cv2.VideoWriter(str(options.out), fourcc, 10.0, (2 * WIDTH_PX, HEIGHT_PX))
for frame in frames:
    film.write(np.ascontiguousarray(frame))
film.release()
cv2.imwrite(str(options.out.with_suffix(".png")), frames[len(frames) * 3 // 5])
print(f"{options.out}: {len(frames)} frames, {info['cause'] or 'cut'}")
