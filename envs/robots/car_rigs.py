"""Sensor presets of the car.

Mounts are in the car's base frame: x forward, y left, z up, origin on the ground in the middle
between the axles. Cameras of `vision8` stand where Tesla's eight do by its owner's manual (three
behind the windscreen, two in the door pillars, two on the front fenders, one above the number
plate), with fields of view close to the 120, 50, 35, 90, 60 and 130 degrees that are told of them.
"""

from __future__ import annotations

import math

from fleetloop.core.frames import BASE_T_OPTICAL, Pose
from fleetloop.core.lens import Lens
from fleetloop.envs.robots.base import Rig
from fleetloop.envs.sensors.base import SensorConfig
from fleetloop.envs.sensors.camera import CameraConfig
from fleetloop.envs.sensors.encoder import SteeringAngleConfig
from fleetloop.envs.sensors.gnss import GnssConfig
from fleetloop.envs.sensors.imu import ImuConfig
from fleetloop.envs.sensors.lidar import LidarConfig
from fleetloop.envs.sensors.radar import RadarConfig
from fleetloop.envs.sensors.radar_scans import radar_scan
from fleetloop.envs.sensors.ultrasonic import UltrasonicConfig
from fleetloop.envs.sensors.wheel_speed import WheelSpeedConfig

ROOF_Z_M = 1.80


def body_sensors(imu_hz: float = 120.0, encoder_hz: float = 80.0) -> Rig:
    """What every rig has: inertial unit, position, wheel speeds, steering angle.

    Args:
        imu_hz: Rate of the inertial unit; phones and cars have 100 to 200.
        encoder_hz: Rate of wheel speeds and steering angle; 83 in a recorded drive.
    """
    return (
        ImuConfig(name="imu", link_T_sensor=Pose.of(0.0, 0.0, 0.5), rate_hz=imu_hz),
        GnssConfig(name="gnss", link_T_sensor=Pose.of(-0.8, 0.0, 1.45), rate_hz=10.0),
        WheelSpeedConfig(name="wheels", rate_hz=encoder_hz),
        SteeringAngleConfig(name="steering", rate_hz=encoder_hz),
    )


def camera(
    name: str,
    mount: Pose,
    fov_deg: float,
    size_px: tuple[int, int],
    *,
    rate_hz: float = 10.0,
    labels: tuple[str, ...] = (),
    antialias: bool = True,
) -> CameraConfig:
    """A camera that looks along the mount's x axis."""
    return CameraConfig(
        name=name,
        link_T_sensor=mount @ BASE_T_OPTICAL,
        lens=Lens.of_fov(*size_px, math.radians(fov_deg)),
        rate_hz=rate_hz,
        latency_s=0.03,
        labels=labels,
        antialias=antialias,
    )


def _fender(side: float) -> Pose:
    yaw, pitch = side * math.radians(145.0), math.radians(8.0)
    return Pose.of(1.25, side * 0.95, 0.70, pitch_rad=pitch, yaw_rad=yaw)


def _surround(size_px: tuple[int, int], labels: tuple[str, ...]) -> tuple[CameraConfig, ...]:
    screen = Pose.of(0.55, 0.0, 1.32)
    places = {
        "front_wide": (screen, 120.0),
        "front_main": (screen @ Pose.of(0.0, 0.03), 50.0),
        "front_narrow": (screen @ Pose.of(0.0, -0.03), 35.0),
        "pillar_left": (Pose.of(0.05, 0.78, 1.10, yaw_rad=math.radians(60.0)), 90.0),
        "pillar_right": (Pose.of(0.05, -0.78, 1.10, yaw_rad=math.radians(-60.0)), 90.0),
        # Low and a little downwards, so that the mirrors stay out of the picture.
        "fender_left": (_fender(1.0), 75.0),
        "fender_right": (_fender(-1.0), 75.0),
        "rear": (Pose.of(-2.42, 0.0, 0.95, yaw_rad=math.pi), 130.0),
    }
    return tuple(
        camera(name, mount, fov, size_px, labels=labels) for name, (mount, fov) in places.items()
    )


def lidar() -> LidarConfig:
    """A 32-beam LiDAR on the roof."""
    return LidarConfig(name="lidar", link_T_sensor=Pose.of(0.0, 0.0, ROOF_Z_M), latency_s=0.02)


def radars() -> Rig:
    """A far and a near scan of one radar behind the grille, and two at the rear corners.

    Long-range front radars sit in the middle of the bumper, blind-spot radars in its rear corners
    at about 45 degrees [Winner et al. 2016, "Handbook of Driver Assistance Systems", chapter 17].
    """
    grille = Pose.of(2.24, 0.0, 0.50)
    near = radar_scan("ars408_near")
    corners = {"rear_left": (0.80, 140.0), "rear_right": (-0.80, -140.0)}
    return (
        RadarConfig(name="radar_far", link_T_sensor=grille, scan=radar_scan("ars408_far")),
        RadarConfig(name="radar_near", link_T_sensor=grille, scan=near),
        *(
            RadarConfig(
                name=f"radar_{name}",
                link_T_sensor=Pose.of(-2.30, y, 0.55, yaw_rad=math.radians(yaw_deg)),
                scan=near,
            )
            for name, (y, yaw_deg) in corners.items()
        ),
    )


def ultrasonics() -> Rig:
    """Twelve parking sensors, six in each bumper, as Tesla's cars had until 2022."""
    places = ((0.86, 62.0), (0.56, 22.0), (0.20, 4.0))
    found = []
    for end, x, turn in (("front", 2.24, 0.0), ("rear", -2.38, 180.0)):
        for number, (aside, yaw_deg) in enumerate(places):
            for side, sign in (("left", 1.0), ("right", -1.0)):
                yaw = turn + (sign * yaw_deg if end == "front" else -sign * yaw_deg)
                back = 0.28 * (number == 0) * (1.0 if end == "front" else -1.0)
                place = Pose.of(x - back, sign * aside, 0.48, yaw_rad=math.radians(yaw))
                found.append(
                    UltrasonicConfig(name=f"park_{end}_{side}_{number}", link_T_sensor=place)
                )
    return tuple(found)


def car_rigs() -> dict[str, Rig]:
    """Presets by name."""
    screen = Pose.of(0.55, 0.0, 1.32)
    labels = ("depth_m", "semantic", "instance")
    # Of so few pixels nearly all lie on an edge: smoothing them would cost five pictures.
    small: tuple[SensorConfig, ...] = (camera("front", screen, 90.0, (64, 64), antialias=False),)
    front = (camera("front", screen, 75.0, (320, 240), labels=labels), lidar())
    vision = _surround((640, 480), labels)
    return {
        "front": (*front, *body_sensors()),
        # For learning: no sensor captures more often than an agent acts twice, and all rates divide
        # 240 and 100 Hz.
        "front64": (*small, *body_sensors(imu_hz=20.0, encoder_hz=20.0)),
        "vision8": (*vision, *body_sensors()),
        "vision8_lidar": (*vision, lidar(), *body_sensors()),
        "range": (*vision, lidar(), *radars(), *ultrasonics(), *body_sensors()),
    }
