"""Depth cameras by name, from published data sheets."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from fleetloop.core.errors import UnknownNameError
from fleetloop.core.lens import Lens
from fleetloop.envs.sensors.depth_camera import DepthCameraConfig
from fleetloop.envs.sensors.depth_stereo import StereoModel
from fleetloop.envs.sensors.depth_tof import TofModel

_D435 = DepthCameraConfig(
    # Intel RealSense D400 series datasheet (document 337029), depth camera D435: global shutter,
    # baseline 50 mm, depth field of view 87 x 58 degrees, 848 x 480 as the optimal mode, least
    # depth 195 mm there, up to 90 pictures a second, projector, "up to 10 m". Matches have 1/32 px
    # ("Subpixel linearity improvement", rev. 1.3) and an error of 0.08 px on good targets.
    name="depth",
    method="stereo",
    lens=Lens.of_fov(848, 480, math.radians(87.0)),
    stereo=StereoModel(baseline_m=0.05, disparities_px=126, projector_reach_m=10.0),
    range_min_m=0.195,
    range_max_m=10.0,
    rate_hz=30.0,
)

_AZURE_KINECT = DepthCameraConfig(
    # Microsoft, "Azure Kinect DK hardware specifications": NFOV unbinned 640 x 576, field of
    # interest 75 x 65 degrees, 0.5 to 3.86 m at reflectivities from 15 to 95 %, random error at
    # most 17 mm (standard deviation), systematic error below 11 mm + 0.1 % of the distance.
    name="depth",
    method="tof",
    lens=Lens.of_fov(640, 576, math.radians(75.0)),
    tof=TofModel(noise_sd_m=0.017, noise_range_m=3.86, noise_reflectivity=0.15, wiggle_m=0.004),
    range_min_m=0.25,
    range_max_m=5.46,
    rate_hz=30.0,
)

DEPTH_CAMERAS = {
    "realsense_d435": _D435,
    "azure_kinect_nfov": _AZURE_KINECT,
    # The same in software binning: a quarter of the pixels, half the noise, 0.5 to 5.46 m.
    "azure_kinect_nfov_binned": replace(
        _AZURE_KINECT,
        lens=Lens.of_fov(320, 288, math.radians(75.0)),
        tof=TofModel(noise_sd_m=0.017, noise_range_m=5.46, noise_reflectivity=0.15),
        range_max_m=7.0,
    ),
}
"""Presets; models like these, not these: makers publish no full error model."""


def depth_preset(preset: str, **options: Any) -> DepthCameraConfig:  # noqa: ANN401 - any option
    """A depth camera by name, with other options of `DepthCameraConfig` set.

    Raises:
        UnknownNameError: There is no such preset.
    """
    if preset not in DEPTH_CAMERAS:
        raise UnknownNameError("depth camera", preset, DEPTH_CAMERAS)
    return replace(DEPTH_CAMERAS[preset], **options)
