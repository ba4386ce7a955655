"""Range sensors: same seed, same bytes, across processes, threads and a restore on the way."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from fleetloop.core.clock import TickRate
from fleetloop.core.digest import EpisodeDigest
from fleetloop.core.frames import Pose, Twist, quaternion_from_rotation_vector
from fleetloop.envs.rig import SensorRig
from fleetloop.envs.sensors.base import Fault, LinkState, RobotState, Surroundings
from fleetloop.envs.sensors.lidar import LidarConfig
from fleetloop.envs.sensors.radar import RadarConfig
from fleetloop.envs.sensors.scanner2d import Scanner2dConfig
from fleetloop.envs.sensors.ultrasonic import UltrasonicConfig
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box, Plane, Sphere

RATE = TickRate(240)
TICKS = 49
FOUL = Surroundings(fog_visibility_m=120.0, rain_mm_h=15.0)


def configs():
    """Every range sensor with all that is random switched on."""
    beside = (Pose.of(0.0, 0.4), Pose.of(0.0, -0.4))
    return (
        LidarConfig(name="lidar", latency_s=0.02, jitter_s=0.03),
        LidarConfig(
            name="spots", rate_hz=20.0, sweep_s=0.04, sub_rays=7, returns="dual",
            faults=(Fault(kind="dead_beams", start_s=0.1, severity=0.3), Fault(kind="bias_jump")),
        ),
        Scanner2dConfig(name="scanner", drop_probability=0.2),
        UltrasonicConfig(name="sonar", neighbours=beside, crosstalk_probability=0.5),
        RadarConfig(name="radar", ghosts=True, clutter_per_scan=3.0),
    )  # fmt: skip


def scene() -> Scene:
    world = Scene()
    world.add(Plane(), material=MATERIALS.get("asphalt"), semantic=1)
    rng = np.random.default_rng(5)
    for number in range(20):
        x, y = rng.uniform(4.0, 40.0), rng.uniform(-15.0, 15.0)
        world.add(
            Box((1.0, 0.8, 0.7)), (x, y, 0.7), material=MATERIALS.get("car_paint"), semantic=2,
            velocity_m_s=(rng.uniform(-9.0, 9.0), 0.0, 0.0), instance_id=100 + number,
        )  # fmt: skip
        world.add(Sphere(0.5), (x, -y, 1.5), material=MATERIALS.get("sign_retro"))
    world.add(Box((40.0, 0.2, 1.0)), (20.0, 7.0, 0.5), material=MATERIALS.get("metal"))
    return world


def robot(tick: int) -> RobotState:
    t, zero, empty = tick / RATE.hz, np.zeros(3), np.zeros(0)
    turn = quaternion_from_rotation_vector(np.array([0.0, 0.0, 0.4 * t]))
    link = LinkState(
        world_T_link=Pose(np.array([8.0 * t, 0.0, 1.5]), turn),
        twist=Twist(np.array([8.0, 0.0, 0.0]), np.array([0.0, 0.0, 0.4])),
        acceleration_m_s2=zero, angular_acceleration_rad_s2=zero, force_n=zero, torque_nm=zero,
    )  # fmt: skip
    return RobotState(
        links={"base": link}, joint_names=(), joint_position_rad=empty,
        joint_velocity_rad_s=empty, joint_torque_nm=empty,
    )  # fmt: skip


def step(rig, tick, world, threads):
    state = robot(tick)
    pose = state.links["base"].world_T_link
    rig.track(tick, dict.fromkeys(rig.tracked_links, (pose.position_m, pose.quaternion_xyzw)))
    return rig.capture(tick, state, FOUL, world, first=tick == 0, threads=threads)


def drive(threads: int = 1, seed: int = 3, restored: bool = False) -> str:
    """Digest of a fifth of a second of all sensors."""
    rig, world, digest = SensorRig(configs(), RATE), scene(), EpisodeDigest()
    rig.reset(seed, robot(0))
    for tick in range(TICKS):
        if restored and tick == 20:
            snapshot = rig.snapshot()
            for ahead in range(20, 40):
                step(rig, ahead, world, threads)
            rig.restore(snapshot)
        for sample in step(rig, tick, world, threads):
            digest.add_sample(sample)
    return digest.hexdigest()


@pytest.fixture(scope="module")
def reference() -> str:
    return drive()


@pytest.mark.parametrize("threads", [2, 4])
def test_any_number_of_threads(reference, threads):
    assert drive(threads=threads) == reference


def test_after_a_restore(reference):
    assert drive(restored=True) == reference


def test_another_seed_is_another_drive(reference):
    assert drive(seed=4) != reference


def test_in_another_process(reference):
    code = (
        "import importlib.util as u;"
        f"s = u.spec_from_file_location('drive', {__file__!r});"
        "m = u.module_from_spec(s); s.loader.exec_module(m); print(m.drive())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == reference


@pytest.mark.parametrize("kept", ["lidar", "spots", "scanner", "sonar", "radar"])
def test_a_sensor_measures_the_same_alone_as_among_others(kept):
    """So one more sensor in a rig never changes what the others say."""
    digests = []
    for chosen in (configs(), [c for c in configs() if c.name == kept]):
        rig, world, digest = SensorRig(chosen, RATE), scene(), EpisodeDigest()
        rig.reset(3, robot(0))
        for tick in range(25):
            for sample in step(rig, tick, world, 1):
                if sample.sensor == kept:
                    digest.add_sample(sample)
        digests.append(digest.hexdigest())
    assert digests[0] == digests[1]


def test_switching_labels_on_never_changes_what_is_measured():
    rows = []
    for labels in (True, False):
        rig = SensorRig([replace(configs()[1], labels=labels)], RATE)
        rig.reset(3, robot(0))
        rows.append(rig.capture(0, robot(0), FOUL, scene(), first=True)[0].data)
    for name, array in rows[1].items():
        np.testing.assert_array_equal(array, rows[0][name])
