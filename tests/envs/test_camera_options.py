"""Cameras with every option on keep the contract of the default ones: same bytes, exact restore."""

from __future__ import annotations

import pytest

from fleetloop.core.frames import BASE_T_OPTICAL
from fleetloop.core.lens import Lens
from fleetloop.envs.sensors.base import Fault
from fleetloop.envs.sensors.camera import CameraConfig
from fleetloop.envs.sensors.camera_labels import LABELS
from fleetloop.envs.sensors.depth_camera import DepthCameraConfig
from fleetloop.envs.sensors.depth_tof import TofModel
from fleetloop.envs.sensors.event_camera import EventCameraConfig
from fleetloop.envs.sensors.event_pixels import PixelModel
from fleetloop.envs.sensors.imager import ImagerConfig
from fleetloop.envs.sensors.optics import Optics

LENS = Lens.of_fov(96, 72, 1.2)

EVERYTHING = {
    "camera": CameraConfig(
        name="x", lens=LENS, link_T_sensor=BASE_T_OPTICAL, readout_s=0.03, rows_per_pose=2,
        blur_samples=3, labels=tuple(LABELS), report_exposure=True,
        optics=Optics(cos_power=4.0, vignette=(-0.1,), chromatic=(1e-3, -1e-3)),
        imager=ImagerConfig(mosaic="demosaiced", jpeg_quality=90),
    ),
    "raw": CameraConfig(
        name="x", lens=LENS, link_T_sensor=BASE_T_OPTICAL, labels=("flow_backward",),
        imager=ImagerConfig(mosaic="raw", bits=12, black_level=64),
    ),
    "tof": DepthCameraConfig(
        name="x", lens=LENS, method="tof", tof=TofModel(ambient=1.0), labels=("depth_true_m",)
    ),
    "events": EventCameraConfig(
        name="x", lens=LENS, histogram=True, log_light=True, sub_frames=4,
        pixels=PixelModel(cutoff_hz=200.0, shot_hz=50.0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(EVERYTHING))
def test_a_restore_in_mid_episode_goes_on_with_the_same_bytes(name, contract):
    config = EVERYTHING[name]
    first = contract.digest(contract.stream(config, 3))
    assert contract.digest(contract.stream(config, 3)) == first
    assert contract.digest(contract.stream(config, 3, restore=True)) == first
    assert contract.digest(contract.stream(config, 4)) != first


@pytest.mark.parametrize(
    ("config_class", "kind"),
    [
        (config_class, kind)
        for config_class in (CameraConfig, DepthCameraConfig, EventCameraConfig)
        for kind in config_class.FAULTS
    ],
)
def test_a_fault_begins_and_ends_where_its_label_does(config_class, kind, contract):
    """Outside of it data are as without it, unless the sensor remembers what it saw."""
    period_s = 1.0 / config_class(name="x").rate_hz
    fault = Fault(kind=kind, start_s=1.5 * period_s, end_s=3.5 * period_s)
    options = {"name": "x", "lens": LENS, "link_T_sensor": BASE_T_OPTICAL}
    faulty = contract.stream(config_class(**options, faults=(fault,)), 3, captures=6)
    healthy = contract.stream(config_class(**options), 3, captures=6)
    labelled = [sample.faults == (kind,) for sample in faulty]
    assert labelled == [False, False, True, True, False, False]
    differ = [
        any((a.data[name] != b.data[name]).any() for name in a.data)
        for a, b in zip(faulty, healthy, strict=True)
    ]
    assert differ[:4] == labelled[:4]
    if config_class is DepthCameraConfig or kind in ("dead_pixels", "hot_pixels", "stuck_columns"):
        remembers = config_class is EventCameraConfig
        assert remembers or differ == labelled
