"""One wall, many sensors: what measures distance agrees within its resolution."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.core.frames import BASE_T_OPTICAL, Pose
from fleetloop.core.lens import Lens
from fleetloop.envs.sensors.base import Surroundings
from fleetloop.envs.sensors.beams import beam_table
from fleetloop.envs.sensors.camera import Camera, CameraConfig
from fleetloop.envs.sensors.lidar import Lidar, LidarConfig
from fleetloop.envs.sensors.radar import Radar, RadarConfig
from fleetloop.envs.sensors.radar_scans import radar_scan
from fleetloop.envs.sensors.scanner2d import Scanner2d, Scanner2dConfig
from fleetloop.envs.sensors.ultrasonic import Ultrasonic, UltrasonicConfig
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box

# A car's front: 0.4 m above the ground at the bumper, all in one place.
MOUNT = Pose.of(2.0, 0.0, 0.5)


def wall(x_m: float) -> Scene:
    scene = Scene()
    scene.add(Box((0.5, 2.5, 2.5)), (x_m + 0.5, 0.0, 0.5), material=MATERIALS.get("metal"))
    return scene


def distances(look, x_m: float, **options):
    """Distance from the mount to the wall by each sensor, and how well it is known."""
    scene = wall(x_m)
    air = Surroundings(temperature_c=20.0)
    found = {}
    data = look(
        Lidar(LidarConfig(name="a", link_T_sensor=MOUNT, beams=beam_table("os1_128"))), scene,
        surroundings=air, **options,
    )  # fmt: skip
    straight = data["valid"] & (np.abs(data["point_m"][..., 1:]).max(axis=-1) < 0.3)
    found["lidar"] = (float(data["point_true_m"][..., 0][straight].mean()), 0.01)
    found["lidar, one point"] = (float(data["point_m"][..., 0][straight][0]), 0.10)
    data = look(Scanner2d(Scanner2dConfig(name="b", link_T_sensor=MOUNT)), scene, **options)
    straight = data["valid"] & (np.abs(data["point_m"][:, 1]) < 0.3)
    found["scanner2d"] = (float(data["point_m"][straight, 0].mean()), 0.05)
    data = look(
        Ultrasonic(UltrasonicConfig(name="c", link_T_sensor=MOUNT)), scene, surroundings=air
    )
    if data["valid"]:
        found["ultrasonic"] = (float(data["range_m"]), 0.04)
    for name in ("ars408_near", "ars408_far"):
        scan = radar_scan(name)
        data = look(Radar(RadarConfig(name="d", link_T_sensor=MOUNT, scan=scan)), scene)
        # A wall fills all azimuths; the most central detection may be a cell off the middle.
        angle = np.where(data["valid"], np.abs(data["azimuth_rad"]), np.inf)
        ahead = int(angle.argmin())
        away = data["range_m"][ahead] * np.cos(data["azimuth_rad"][ahead])
        assert angle[ahead] < 2.0 * scan.azimuth_sine
        found[name] = (float(away), scan.range_m)
    camera = Camera(
        CameraConfig(
            name="e", link_T_sensor=MOUNT @ BASE_T_OPTICAL, lens=Lens.of_fov(64, 48, 1.0),
            labels=("depth_m",),
        )
    )  # fmt: skip
    data = look(camera, scene)
    found["camera depth"] = (float(data["depth_m"][24, 32]), 1e-3)
    return found


@pytest.mark.parametrize("gap_m", [1.0, 3.0, 4.5, 12.0])
def test_all_agree_on_the_distance_to_a_wall(look, gap_m):
    found = distances(look, 2.0 + gap_m)
    assert ("ultrasonic" in found) == (gap_m < 5.0)
    for name, (distance_m, resolution_m) in found.items():
        assert distance_m == pytest.approx(gap_m, abs=resolution_m), name


def test_their_labels_agree_as_well(look):
    scene = Scene()
    scene.add(
        Box((0.5, 2.5, 2.5)), (4.5, 0.0, 0.5), material=MATERIALS.get("metal"), semantic=7,
        instance_id=4321,
    )  # fmt: skip
    for sensor in (
        Lidar(LidarConfig(name="a", link_T_sensor=MOUNT)),
        Scanner2d(Scanner2dConfig(name="b", link_T_sensor=MOUNT)),
        Ultrasonic(UltrasonicConfig(name="c", link_T_sensor=MOUNT)),
        Radar(RadarConfig(name="d", link_T_sensor=MOUNT)),
    ):
        data = look(sensor, scene)
        valid = data["valid"]
        assert valid.any()
        assert set(np.unique(data["instance"][valid])) == {4321}
        assert set(np.unique(data["semantic"][valid])) == {7}


def test_moving_towards_the_wall_they_agree_at_the_end_of_the_sweep(look):
    """A LiDAR's truth is that of the instant in which the others measure."""
    data = look(
        Lidar(LidarConfig(name="a", link_T_sensor=MOUNT, noise=False)), wall(12.0),
        velocity=(20.0, 0.0, 0.0),
    )  # fmt: skip
    ahead = data["valid"]
    np.testing.assert_allclose(data["point_true_m"][..., 0][ahead], 10.0, atol=1e-3)
    radar = look(
        Radar(RadarConfig(name="d", link_T_sensor=MOUNT, noise=False)), wall(12.0),
        velocity=(20.0, 0.0, 0.0),
    )  # fmt: skip
    assert float(radar["range_m"][0]) == pytest.approx(10.0, abs=0.39)
    assert float(radar["radial_speed_m_s"][0]) == pytest.approx(-20.0, abs=0.12)
