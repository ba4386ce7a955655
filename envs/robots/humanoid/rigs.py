"""Sensor presets of the humanoid.

Mounts are in the frames of its links, x forward, y left, z up (arms and fingers hang down along
-z). Rates divide the physics rate of 300 Hz.
"""

from __future__ import annotations

import math
from dataclasses import replace

from fleetloop.core.frames import BASE_T_OPTICAL, Pose
from fleetloop.core.lens import Lens
from fleetloop.envs.robots.base import Rig
from fleetloop.envs.robots.humanoid.kinematics import Tree
from fleetloop.envs.robots.humanoid.landmarks import EYES_M, eye_m
from fleetloop.envs.robots.humanoid.links import GRIP_M, PALM_M, SIDES
from fleetloop.envs.robots.humanoid.params import HumanoidParams
from fleetloop.envs.sensors.base import SensorConfig
from fleetloop.envs.sensors.camera import CameraConfig
from fleetloop.envs.sensors.contact import ContactConfig
from fleetloop.envs.sensors.encoder import JointEncoderConfig
from fleetloop.envs.sensors.force_torque import OMEGA85, ForceTorqueConfig
from fleetloop.envs.sensors.imu import ImuConfig
from fleetloop.envs.sensors.motor import MotorConfig
from fleetloop.envs.sensors.scanner2d import Scanner2dConfig

_PADS_INWARD = {"finger": 1.0, "thumb": -1.0}


def humanoid_rigs(params: HumanoidParams, tree: Tree) -> dict[str, Rig]:
    """Presets by name."""
    body = _body_sensors(params, tree)
    chest = _chest_scanner(params)
    labels = ("depth_m", "semantic", "instance")
    eyes = (
        _head_camera(params, "head_left", 0.5 * EYES_M, (320, 240), labels),
        _head_camera(params, "head_right", -0.5 * EYES_M, (320, 240), ()),
    )
    wrists = tuple(_wrist_camera(side) for side in SIDES)
    small = (_head_camera(params, "head", 0.0, (64, 64), ()), chest)
    return {
        "full": (*eyes, *wrists, chest, *body, *_touch(params)),
        # At the pace of a policy: what is captured more often than it is seen costs time.
        "head64": (*small, *(replace(sensor, rate_hz=10.0) for sensor in body)),
        "body": (*body, *_touch(params)),
    }


def _head_camera(
    p: HumanoidParams, name: str, y_m: float, size_px: tuple[int, int], labels: tuple[str, ...]
) -> CameraConfig:
    # Behind the face plate's upper half, turned down a little: hands and the floor ahead.
    mount = Pose.of(*eye_m(p, y_m), pitch_rad=math.radians(22.0))
    return CameraConfig(
        name=name,
        link="head",
        link_T_sensor=mount @ BASE_T_OPTICAL,
        lens=Lens.of_fov(*size_px, math.radians(90.0)),
        rate_hz=10.0,
        latency_s=0.03,
        labels=labels,
    )


def _wrist_camera(side: str) -> CameraConfig:
    # On the back of the wrist, looking along the fingers to the grip.
    mount = Pose.of(0.055, 0.0, -0.02, pitch_rad=0.5 * math.pi + 0.35)
    return CameraConfig(
        name=f"{side}_wrist",
        link=f"{side}_hand",
        link_T_sensor=mount @ BASE_T_OPTICAL,
        lens=Lens.of_fov(160, 120, math.radians(80.0)),
        rate_hz=10.0,
        latency_s=0.03,
    )


def _chest_scanner(p: HumanoidParams) -> Scanner2dConfig:
    mount = Pose.of(0.135, 0.0, 0.35 * p.shoulder_height_m)
    return Scanner2dConfig(name="chest", link="torso", link_T_sensor=mount, rate_hz=10.0)


def _body_sensors(p: HumanoidParams, tree: Tree) -> Rig:
    """Inertial unit, encoders, motors, feet: what a walking policy needs."""
    feet: list[SensorConfig] = [
        ForceTorqueConfig(
            name=f"{side}_foot_force",
            link=f"{side}_foot",
            link_T_sensor=Pose.of(0.0, 0.0, 0.01 - p.ankle_height_m + p.foot_size_m[2]),
            rate_hz=50.0,
            errors=OMEGA85,
        )
        for side in SIDES
    ]
    return (
        ImuConfig(name="imu", link_T_sensor=Pose.of(0.0, 0.0, 0.06), rate_hz=50.0, reading="mean"),
        JointEncoderConfig(name="joints", joints=tree.joints, rate_hz=50.0),
        MotorConfig(
            name="motors",
            joints=tuple(name for name in tree.joints if not name.endswith(("finger", "thumb"))),
            rate_hz=50.0,
        ),
        *feet,
    )


def _touch(p: HumanoidParams) -> Rig:
    """Wrist forces and fingertip pads."""
    wrists: list[SensorConfig] = [
        ForceTorqueConfig(name=f"{side}_wrist_force", link=f"{side}_hand", rate_hz=50.0)
        for side in SIDES
    ]
    pads: list[SensorConfig] = []
    for side in SIDES:
        for name, sign in _PADS_INWARD.items():
            outward = sign if side == "left" else -sign
            # A pad's z points from its surface into the link.
            turn = Pose.of(0.0, 0.0, PALM_M - GRIP_M, roll_rad=-outward * 0.5 * math.pi)
            pads.append(
                ContactConfig(
                    name=f"{side}_{name}_touch",
                    link=f"{side}_{name}",
                    link_T_sensor=turn,
                    rate_hz=50.0,
                    close_n=2.0,
                    open_n=1.0,
                )
            )
    return (*wrists, *pads)
