"""The sensors, by kind. Adding one is one file and one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetloop.core.registry import Registry

if TYPE_CHECKING:
    from fleetloop.envs.sensors.base import Sensor

SENSORS: Registry[type[Sensor]] = Registry(
    "sensor",
    {
        "camera": "fleetloop.envs.sensors.camera:Camera",
        "event_camera": "fleetloop.envs.sensors.event_camera:EventCamera",
        "depth_camera": "fleetloop.envs.sensors.depth_camera:DepthCamera",
        "lidar": "fleetloop.envs.sensors.lidar:Lidar",
        "scanner2d": "fleetloop.envs.sensors.scanner2d:Scanner2d",
        "ultrasonic": "fleetloop.envs.sensors.ultrasonic:Ultrasonic",
        "radar": "fleetloop.envs.sensors.radar:Radar",
        "imu": "fleetloop.envs.sensors.imu:Imu",
        "gnss": "fleetloop.envs.sensors.gnss:Gnss",
        "magnetometer": "fleetloop.envs.sensors.magnetometer:Magnetometer",
        "barometer": "fleetloop.envs.sensors.barometer:Barometer",
        "joint_encoder": "fleetloop.envs.sensors.encoder:JointEncoder",
        "steering_angle": "fleetloop.envs.sensors.encoder:SteeringAngle",
        "wheel_speed": "fleetloop.envs.sensors.wheel_speed:WheelSpeed",
        "motor": "fleetloop.envs.sensors.motor:Motor",
        "contact": "fleetloop.envs.sensors.contact:Contact",
        "force_torque": "fleetloop.envs.sensors.force_torque:ForceTorque",
        "link_pose": "fleetloop.envs.sensors.link_pose:LinkPose",
    },
)
