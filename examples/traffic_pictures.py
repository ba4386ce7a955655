"""Traffic from above and from the road, of one instant of a town, by day and by night.

Writes above.png, kerb_day.png, street_night.png and road.png into a folder:
python examples/traffic_pictures.py FOLDER
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
from fleetloop.envs.tasks.drive_lamps import night_lamps
from fleetloop.envs.trace.light import Light
from fleetloop.envs.trace.look import look
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.traffic.config import TrafficConfig, VehicleKind
from fleetloop.envs.traffic.picture import draw_traffic
from fleetloop.envs.traffic.traffic import Traffic

PLACE, SIZE = ("x_m", "y_m", "z_m", "heading_rad"), ("length_m", "width_m", "height_m")

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
network = open_map("town", TownConfig(seed=1))
config = TrafficConfig(
    vehicles=60, cyclists=24, motorcyclists=8, pedestrians=160, parked=0.7, warm_up_s=60.0
)
traffic = Traffic(network, config)
traffic.reset(3)

# All road users: pose (x, y, z, heading) and looks in their own frame.
users = []
for row in np.flatnonzero(traffic.present):
    size = tuple(float(traffic.vehicles[name][row]) for name in SIZE)
    kind = int(traffic.vehicles["kind"][row])
    users.append((traffic.poses()[row], road_user_looks(kind, size, row)))
for row, body in enumerate(traffic.parked):
    size = tuple(float(body[name]) for name in SIZE)
    pose = np.array([body[name] for name in PLACE])
    users.append((pose, road_user_looks(int(body["kind"]), size, 1000 + row)))
people = traffic.walkers
swing = np.minimum(np.hypot(people["vx_m_s"], people["vy_m_s"]), 1.0)
limbs, turns = limb_poses(people["height_m"], people["phase_rad"], swing)
figures = []
for row, pose in enumerate(traffic.walker_poses()):
    looks = person_looks(float(people["height_m"][row]), outfit_of(int(people["style"][row])))
    figures.append((pose, looks, limbs[row], turns[row]))

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


def picture(eye: np.ndarray, heading: float, *, down: float = 0.12) -> np.ndarray:
    """What somebody sees who looks along a heading."""
    ahead = np.array([np.cos(heading), np.sin(heading), -down])
    return look(scene, eye_m=eye, at_m=eye + ahead, width_px=1280, height_px=720)["rgb"]


# The road with most going on ahead: people, vehicles, riders most of all, parked cars.
lanes = network.lanes
riders = np.isin(traffic.vehicles["kind"], (VehicleKind.BICYCLE, VehicleKind.MOTORCYCLE))
shown = traffic.poses()[traffic.present]
kerbs = np.stack([traffic.parked[name] for name in PLACE], axis=1)
there = np.concatenate([traffic.walker_poses(), shown, kerbs])[:, :2]
weight = np.concatenate([np.full(len(people), 1.5), np.where(riders[traffic.present], 5.0, 2.0),
                         np.full(len(kerbs), 0.7)])  # fmt: skip
places = []
for lane in np.flatnonzero((lanes.kind == LaneKind.DRIVE) & (lanes.length_m > 45.0)):
    for s in np.arange(2.0, lanes.length_m[lane] - 35.0, 5.0):
        eye, ahead = np.array(lanes.pose_at(int(lane), s)), lanes.pose_at(int(lane), s + 22.0)
        if np.hypot(*(shown[:, :2] - eye[:2]).T).min() > 6.0:
            near = np.hypot(*(there - ahead[:2]).T) < 18.0
            places.append((float((near * weight).sum()), (*eye, *ahead[:2])))
x, y, z, _, *ahead = max(places)[1]
heading = float(np.arctan2(ahead[1] - y, ahead[0] - x))
eye = np.array([x, y, z + 2.2])
write_png(picture(eye, heading), folder / "street_day.png")

# What a driver sees behind a bicycle, or behind whoever is first.
first = int(np.argmax(riders & traffic.present))
pose = traffic.poses()[first]
back = np.array([np.cos(pose[3]), np.sin(pose[3])])
write_png(picture(np.array([*(pose[:2] - 7.0 * back), pose[2] + 1.5]), pose[3], down=0.06),
          folder / "bicycle.png")  # fmt: skip

# At night: street lamps around, and the headlights of the nearest vehicles.
street = night_lamps(network, Pose.of(x, y, z), 0.0)[:-2]
order = np.argsort(np.linalg.norm(traffic.poses()[:, :2] - ahead, axis=1))
beams = []
for row in [row for row in order if traffic.present[row]][:5]:
    pose, nose_x_m = traffic.poses()[row], 0.5 * float(traffic.vehicles["length_m"][row])
    base = Pose.of(*pose[:3], yaw_rad=float(pose[3]))
    beams += night_lamps(network, base, nose_x_m)[-2:]
scene.light = Light(sun_elevation_rad=-0.3, lamps=(*street, *beams))
write_png(picture(eye, heading), folder / "street_night.png")
write_png(draw_traffic(traffic, center_m=(0.0, 0.0), width_m=240.0), folder / "above.png")
