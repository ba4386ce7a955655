"""Two cameras side by side, matched by OpenCV, agree with the depth that they are labelled with."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fleetloop.core.frames import BASE_T_OPTICAL, Pose
from fleetloop.core.lens import Lens
from fleetloop.envs.sensors.camera import Camera, CameraConfig
from fleetloop.envs.sensors.depth_camera import DepthCamera, DepthCameraConfig
from fleetloop.envs.sensors.depth_stereo import StereoModel
from fleetloop.envs.sensors.imager import ImagerConfig
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box, Plane, Sphere
from fleetloop.envs.trace.texture import Texture

LENS = Lens.of_fov(320, 240, 1.1)
BASELINE_M = 0.3
EYE = Pose.of(0.0, 0.0, 1.5)


@pytest.fixture(scope="module")
def scene():
    """Things between three and nine metres, covered with spots that can be matched."""
    rng = np.random.default_rng(1)
    spots = cv2.GaussianBlur(rng.integers(0, 256, (512, 512)).astype(np.float32), (0, 0), 2.0)
    spots = np.clip((spots - spots.mean()) * (45.0 / spots.std()) + 128.0, 0, 255).astype(np.uint8)
    texture = Texture(np.repeat(spots[..., None], 3, axis=2))
    look = Material(color=(0.8, 0.8, 0.8), texture=texture, texture_per_m=0.4, specular=0.0)
    made = Scene()
    made.add(Plane(), material=look)
    made.add(Box((0.1, 20.0, 6.0)), (9.0, 0.0, 6.0), material=look)
    made.add(Box((0.3, 0.6, 0.8)), (5.0, -1.2, 0.8), material=look)
    made.add(Box((0.2, 0.4, 1.2)), (3.2, 0.9, 1.2), material=look)
    made.add(Sphere(0.5), (4.0, -0.2, 0.5), material=look)
    return made


def match(left, right):
    """Disparity (240, 320) of OpenCV's semi-global matching, NaN where it finds none."""
    matcher = cv2.StereoSGBM_create(
        minDisparity=0, numDisparities=64, blockSize=5, P1=200, P2=800, uniquenessRatio=10,
        disp12MaxDiff=1, speckleWindowSize=50, speckleRange=2,
    )  # fmt: skip
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (left, right)]
    disparity = matcher.compute(*grey).astype(np.float64) / 16.0
    return np.where(disparity > 0.5, disparity, np.nan)


def test_matching_agrees_with_the_true_depth(scene, look):
    """With all the noise of the default imager."""
    mounts = [BASE_T_OPTICAL @ Pose.of(shift, 0.0, 0.0) for shift in (0.0, BASELINE_M)]
    pair = [
        look(
            Camera(CameraConfig(name="x", lens=LENS, link_T_sensor=mount, labels=("depth_m",))),
            scene,
            pose=EYE,
            seed=number,
        )
        for number, mount in enumerate(mounts)
    ]
    disparity = LENS.fx_px * BASELINE_M / pair[0]["depth_m"]
    error_px = np.abs(match(pair[0]["rgb"], pair[1]["rgb"]) - disparity)
    matched = np.isfinite(error_px) & (pair[0]["depth_m"] < 20.0)
    assert matched.mean() > 0.6
    relative = np.median(error_px[matched] / disparity[matched])
    # OpenCV's parabola pulls matches towards whole pixels, by up to 0.3 px; the next test is finer.
    assert relative < 0.025, f"median error {relative:.4f} of the depth"
    assert np.percentile(error_px[matched], 90) < 0.5


def test_the_true_disparity_is_where_the_pictures_are_most_alike(scene, look):
    """To a few hundredths of a pixel, on each surface by itself."""
    mounts = [BASE_T_OPTICAL @ Pose.of(shift, 0.0, 0.0) for shift in (0.0, BASELINE_M)]
    imager = ImagerConfig(noise=False)
    labels = ("depth_m", "instance")
    left, right = (
        look(
            Camera(
                CameraConfig(name="x", lens=LENS, link_T_sensor=mount, labels=labels, imager=imager)
            ),
            scene,
            pose=EYE,
        )
        for mount in mounts
    )
    grey = [
        cv2.cvtColor(each["rgb"], cv2.COLOR_RGB2GRAY).astype(np.float32) for each in (left, right)
    ]
    disparity = (LENS.fx_px * BASELINE_M / left["depth_m"]).astype(np.float32)
    rows, columns = np.mgrid[0:240, 0:320].astype(np.float32)
    matched = np.abs(match(left["rgb"], right["rgb"]) - disparity) < 0.5
    shifts = np.array([-0.3, 0.0, 0.3])
    square = [
        (cv2.remap(grey[1], columns - disparity + shift, rows, cv2.INTER_CUBIC) - grey[0]) ** 2
        for shift in shifts.astype(np.float32)
    ]
    checked = 0
    for instance in np.unique(left["instance"]):
        mask = matched & (left["instance"] == instance)
        if mask.sum() > 1000:
            below, here, above = (float(each[mask].mean()) for each in square)
            best_px = 0.3 * 0.5 * (below - above) / (below - 2.0 * here + above)
            assert abs(best_px) < 0.04, f"surface {instance}: {best_px:.3f} px"
            checked += 1
    assert checked == 5


def test_the_depth_camera_loses_what_matching_loses(scene, look):
    """Its occlusion comes from geometry, OpenCV's from a check of both directions: same places."""
    model = StereoModel(baseline_m=BASELINE_M, window_px=1, disparities_px=64)
    config = DepthCameraConfig(name="x", lens=LENS, stereo=model, noise=False, range_max_m=20.0)
    ours = look(DepthCamera(config), scene, pose=EYE)
    cameras = [
        look(
            Camera(
                CameraConfig(name="x", lens=LENS, link_T_sensor=BASE_T_OPTICAL @ Pose.of(x, 0, 0))
            ),
            scene,
            pose=EYE,
        )["rgb"]
        for x in (0.0, BASELINE_M)
    ]
    matched = np.isfinite(match(*cameras))
    # Beyond the rim, which OpenCV does not search.
    inner = np.s_[40:200, 70:]
    hidden = ~ours["valid"][inner]
    assert 0.01 < hidden.mean() < 0.3
    assert matched[inner][ours["valid"][inner]].mean() > 0.9
    assert matched[inner][hidden].mean() < 0.35
