"""What one capture of each range sensor costs: its rays, and what it makes of them.

    python benchmarks/bench_range_sensors.py [--repeats 15]

A street of 60 parked cars, a sensor that drives at 10 m/s. CPU time of the whole process, the
smallest of the repeats, in milliseconds: `views` asks for rays (poses through the sweep), `trace`
follows them, `measure` turns what they hit into what the sensor reports.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from fleetloop.core.frames import Pose, Twist
from fleetloop.envs.path import LinkTrack, SensorPath
from fleetloop.envs.sensors.base import Capture, LinkState, RobotState, Sensor, Surroundings
from fleetloop.envs.sensors.lidar import Lidar, LidarConfig
from fleetloop.envs.sensors.radar import Radar, RadarConfig
from fleetloop.envs.sensors.radar_scans import radar_scan
from fleetloop.envs.sensors.scanner2d import Scanner2d, Scanner2dConfig
from fleetloop.envs.sensors.ultrasonic import Ultrasonic, UltrasonicConfig
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box, Plane
from fleetloop.envs.trace.tracer import trace

CARS = 60
FOUL = Surroundings(fog_visibility_m=100.0, rain_mm_h=20.0)


def street() -> Scene:
    """A flat road with cars all around, none where the sensor stands."""
    scene, rng = Scene(), np.random.default_rng(0)
    scene.add(Plane(), material=MATERIALS.get("asphalt"))
    while len(scene) < CARS + 1:
        x, y = rng.uniform(-40.0, 40.0, 2)
        if np.hypot(x, y) > 4.0:
            scene.add(Box((1.0, 2.0, 1.5)), (x, y, 1.5), material=MATERIALS.get("car_paint"))
    return scene


def capture(scene: Scene, air: Surroundings) -> Capture:
    """A sensor 1.8 m above the road, driving and turning."""
    twist, zero, empty = Twist(np.array([10.0, 0, 0]), np.array([0, 0, 0.1])), np.zeros(3), []
    pose = Pose.of(0.0, 0.0, 1.8)
    track = LinkTrack(window_s=0.1)
    track.clear(twist)
    for tick in range(-24, 1):
        t = tick / 240.0
        at = Pose.of(10.0 * t, 0.0, 1.8, yaw_rad=0.1 * t)
        track.add(0.1 + t, at.position_m, at.quaternion_xyzw)
    link = LinkState(
        world_T_link=pose, twist=twist, acceleration_m_s2=zero, angular_acceleration_rad_s2=zero,
        force_n=zero, torque_nm=zero,
    )  # fmt: skip
    robot = RobotState(
        links={"base": link}, joint_names=(), joint_position_rad=np.array(empty),
        joint_velocity_rad_s=np.array(empty), joint_torque_nm=np.array(empty),
    )  # fmt: skip
    return Capture(
        t_ns=10**8, seq=0, world_T_sensor=pose, path=SensorPath(track, Pose.identity(), 0.1),
        link=link, link_T_sensor=Pose.identity(), robot=robot, surroundings=air, scene=scene,
        faults={},
    )  # fmt: skip


def cheapest_ms(call: Callable[[], object], repeats: int) -> float:
    """Smallest CPU time of some calls, after one to warm up."""
    call()
    best = float("inf")
    for _ in range(repeats):
        begin = time.process_time()
        call()
        best = min(best, time.process_time() - begin)
    return best * 1e3


def row(name: str, sensor: Sensor, scene: Scene, air: Surroundings, repeats: int) -> None:
    """Measures and prints one sensor."""
    now, rng = capture(scene, air), np.random.default_rng(0)
    state = sensor.initial_state(rng)
    jobs = [(scene, view) for view in sensor.views(now, state, rng)]
    traced = trace(jobs)
    views = cheapest_ms(lambda: sensor.views(now, state, rng), repeats)
    rays = cheapest_ms(lambda: trace(jobs), repeats)
    measure = cheapest_ms(lambda: sensor.measure(now, traced, state, rng), repeats)
    print(f"{name:38s} views {views:7.3f}   trace {rays:7.3f}   measure {measure:7.3f} ms")


def main() -> None:
    """Runs all rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    clear, scene = Surroundings(), street()
    beside = (Pose.of(0.0, 0.5), Pose.of(0.0, -0.5))
    near, far = radar_scan("ars408_near"), radar_scan("ars408_far")
    rows: tuple[tuple[str, Sensor, Surroundings], ...] = (
        ("LiDAR 32x1024", Lidar(LidarConfig(name="x")), clear),
        ("LiDAR 32x1024, no labels", Lidar(LidarConfig(name="x", labels=False)), clear),
        ("LiDAR 32x1024, two returns", Lidar(LidarConfig(name="x", returns="dual")), clear),
        ("LiDAR 32x1024, 7 sub-rays", Lidar(LidarConfig(name="x", sub_rays=7)), clear),
        ("LiDAR 32x1024, fog and rain", Lidar(LidarConfig(name="x")), FOUL),
        ("planar scanner, 811 rays", Scanner2d(Scanner2dConfig(name="x")), clear),
        ("radar, near", Radar(RadarConfig(name="x", scan=near)), clear),
        ("radar, near, ghosts", Radar(RadarConfig(name="x", scan=near, ghosts=True)), clear),
        ("radar, far", Radar(RadarConfig(name="x", scan=far)), clear),
        ("ultrasonic", Ultrasonic(UltrasonicConfig(name="x")), clear),
        (
            "ultrasonic, two neighbours",
            Ultrasonic(UltrasonicConfig(name="x", neighbours=beside, crosstalk_probability=1.0)),
            clear,
        ),
    )
    for name, sensor, air in rows:
        row(name, sensor, scene, air, repeats)


if __name__ == "__main__":
    main()
