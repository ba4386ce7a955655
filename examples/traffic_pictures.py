"""Traffic from above and from the kerb, of one instant of a town.

Writes above.png and street.png: python examples/traffic_pictures.py docs/images
"""

import sys
from pathlib import Path

import numpy as np

from fleetloop.core.frames import Pose
from fleetloop.envs.maps.draw import write_png
from fleetloop.envs.maps.kinds import LaneKind
from fleetloop.envs.maps.load import open_map
from fleetloop.envs.maps.scenery.build import fill_scene
from fleetloop.envs.maps.town.config import TownConfig
from fleetloop.envs.props.fleet import road_user_looks
from fleetloop.envs.props.people import limb_poses, outfit_of, person_looks
from fleetloop.envs.trace.look import look
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.traffic.config import TrafficConfig
from fleetloop.envs.traffic.picture import draw_traffic
from fleetloop.envs.traffic.traffic import Traffic

SIZE = ("length_m", "width_m", "height_m")

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
network = open_map("town", TownConfig(seed=1))
config = TrafficConfig(vehicles=60, pedestrians=120, warm_up_s=120.0)
traffic = Traffic(network, config)
traffic.reset(3)

# All road users: pose (x, y, z, heading) and looks in their own frame.
users = []
for row in np.flatnonzero(traffic.present):
    size = tuple(float(traffic.vehicles[name][row]) for name in SIZE)
    kind = int(traffic.vehicles["kind"][row])
    users.append((traffic.poses()[row], road_user_looks(kind, size, row)))
people = traffic.walkers
swing = np.minimum(np.hypot(people["vx_m_s"], people["vy_m_s"]), 1.0)
places, turns = limb_poses(people["height_m"], people["phase_rad"], swing)
figures = []
for row, pose in enumerate(traffic.walker_poses()):
    looks = person_looks(float(people["height_m"][row]), outfit_of(int(people["style"][row])))
    figures.append((pose, looks, places[row], turns[row]))

scene = Scene()
fill_scene(scene, network)
for number, (pose, looks) in enumerate(users, start=1):
    world = Pose.of(*pose[:3], yaw_rad=float(pose[3]))
    for one in looks:
        at = world @ one.body_T_look
        scene.add(one.shape, at.position_m, at.quaternion_xyzw, material=one.material,
                  semantic=int(one.semantic), instance_id=number)  # fmt: skip
for number, (pose, looks, place, turn) in enumerate(figures, start=5000):
    world = Pose.of(*pose[:3], yaw_rad=float(pose[3]))
    for k, one in enumerate(looks):
        at = world @ Pose(place[k], turn[k])
        scene.add(one.shape, at.position_m, at.quaternion_xyzw, material=one.material,
                  semantic=int(one.semantic), instance_id=number)  # fmt: skip

# The sidewalk with most going on around it.
lanes = network.lanes
long_ones = np.flatnonzero((lanes.kind == LaneKind.SIDEWALK) & (lanes.length_m > 60.0))
there = np.concatenate([traffic.walker_poses(), traffic.poses()[traffic.present]])[:, :2]
middles = np.array([lanes.pose_at(int(lane), 35.0)[:2] for lane in long_ones])
counts = (np.linalg.norm(there - middles[:, None], axis=2) < 25.0).sum(axis=1)
x, y, z, heading = lanes.pose_at(int(long_ones[np.argmax(counts)]), 8.0)
ahead = np.array([np.cos(heading), np.sin(heading), -0.12])
eye = np.array([x, y, z + 3.0])
picture = look(scene, eye_m=eye, at_m=eye + ahead, width_px=1280, height_px=720)
write_png(picture["rgb"], folder / "street.png")
write_png(draw_traffic(traffic, center_m=(0.0, 0.0), width_m=240.0), folder / "above.png")
