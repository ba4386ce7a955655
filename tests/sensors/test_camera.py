"""The colour camera as a whole: shutter, blur, labels, faults, bytes."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from fleetloop.core.digest import digest_arrays
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import BASE_T_OPTICAL, Pose
from fleetloop.core.lens import Lens
from fleetloop.envs.sensors.base import Fault
from fleetloop.envs.sensors.camera import Camera, CameraConfig
from fleetloop.envs.sensors.camera_labels import LABELS
from fleetloop.envs.sensors.exposure import ExposureConfig
from fleetloop.envs.sensors.imager import ImagerConfig
from fleetloop.envs.sensors.optics import Optics
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.raygrid import RayGrid
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box, Plane, Sphere
from fleetloop.envs.trace.tracer import trace
from fleetloop.envs.trace.view import View

LENS = Lens.of_fov(160, 120, 1.2)
EYE = Pose.of(0.0, 0.0, 1.5) @ BASE_T_OPTICAL
EXACT = ImagerConfig(noise=False, tone="linear", bits=16)
FIXED = ExposureConfig(auto=False, exposure_s=1e-4)


def config(**options):
    values = {"name": "x", "lens": LENS, "imager": EXACT, "exposure": FIXED, "antialias": False}
    return CameraConfig(**(values | options))


@pytest.fixture(scope="module")
def scene():
    made = Scene()
    made.add(Plane(), material=MATERIALS.get("grass"), semantic=5)
    made.add(Box((0.2, 6.0, 2.0)), (9.0, 0.0, 2.0), material=MATERIALS.get("brick"), semantic=6)
    made.add(Sphere(0.7), (5.0, 1.2, 0.7), material=MATERIALS.get("plastic"), semantic=21)
    made.add(Box((0.3, 0.3, 0.9)), (4.0, -1.0, 0.9), material=MATERIALS.get("wood"), semantic=7)
    return made


def a_pole(speed_m_s=0.0):
    """A dark post five metres ahead that moves to the left, before a bright wall."""
    made = Scene()
    made.add(Box((0.1, 40.0, 40.0)), (10.0, 0.0, 0.0), material=MATERIALS.get("snow"))
    made.add(Box((0.1, 0.25, 30.0)), (5.0, 0.0, 0.0), material=MATERIALS.get("tyre"),
             velocity_m_s=(0.0, speed_m_s, 0.0), semantic=9)  # fmt: skip
    return made


@pytest.mark.parametrize("model", ["pinhole", "fisheye", "panorama"])
def test_without_noise_the_picture_is_the_trace_of_its_rays(model, scene, look):
    lens = Lens.of_fov(160, 120, 1.2, model=model)
    picture = look(Camera(config(lens=lens)), scene, pose=EYE)["rgb"]
    view = View(rays=RayGrid(lens.directions()), position_m=EYE.position_m, rotation=EYE.rotation,
                outputs=frozenset({"hdr"}), t_min_m=0.02, t_max_m=1000.0)  # fmt: skip
    hdr = trace([(scene, view)])[0]["hdr"]
    digits = np.rint(np.minimum(hdr * (FIXED.exposure_s / EXACT.full_sun_s), 1.0) * 65535.0)
    assert np.abs(picture.astype(float) - digits).max() <= 1.0


@pytest.mark.parametrize("rows_per_pose", [1, 2, 4, 8])
def test_a_rolling_shutter_leans_what_moves_as_time_says(rows_per_pose, look):
    """Both ways of motion: the post to the left, then the camera to the right."""
    speed, readout_s = 8.0, 0.04
    camera = Camera(config(readout_s=readout_s, rows_per_pose=rows_per_pose, labels=("semantic",)))
    still = look(camera, a_pole(), pose=EYE, velocity=(0.0, -speed, 0.0))
    moving = look(camera, a_pole(speed), pose=EYE)
    rows = np.arange(LENS.height_px)
    group = rows // rows_per_pose * rows_per_pose
    middle = 0.5 * (group + np.minimum(group + rows_per_pose, LENS.height_px) - 1)
    offset_s = readout_s * (middle / (LENS.height_px - 1) - 1.0)
    # The near face is 4.9 m ahead; left is towards smaller columns.
    wanted = LENS.cx_px - LENS.fx_px * speed * offset_s / 4.9
    for found in (moving, still):
        mask = found["semantic"] == 9
        centre = (mask * np.arange(LENS.width_px)).sum(axis=1) / mask.sum(axis=1)
        assert np.abs(centre - wanted).max() < 1.0
        dark = found["rgb"][..., 1] < 6000
        assert (dark == mask).mean() > 0.995, "labels belong to the picture's own rays"


def test_motion_blur_is_as_long_as_the_motion(look):
    speed, exposure_s = 20.0, 0.02
    made = ExposureConfig(auto=False, exposure_s=exposure_s)
    imager = ImagerConfig(noise=False, tone="linear", bits=16, full_sun_s=0.05)
    options = {"exposure": made, "imager": imager, "labels": ("semantic",)}
    sharp = look(Camera(config(**options)), a_pole(speed), pose=EYE)
    blurred = look(Camera(config(**options, blur_samples=33)), a_pole(speed), pose=EYE)
    row = blurred["rgb"][60, :, 1].astype(float)
    bright, dark = np.median(row), sharp["rgb"][60, :, 1].min()
    # What the post covers on average does not depend on the blur; where, does.
    cover = (bright - row) / (bright - dark)
    width_px = (sharp["semantic"][60] == 9).sum()
    assert cover.sum() == pytest.approx(width_px, abs=1.0)
    columns = np.arange(len(row))
    centre = (cover * columns).sum() / cover.sum()
    travel_px = LENS.fx_px * speed * exposure_s / 4.9
    assert centre == pytest.approx(LENS.cx_px + 0.5 * travel_px, abs=0.7)
    # A box of the post's width, swept: variances add.
    spread = (cover * (columns - centre) ** 2).sum() / cover.sum()
    assert spread == pytest.approx((width_px**2 + travel_px**2) / 12.0, rel=0.08)
    label = np.flatnonzero(blurred["semantic"][60] == 9).mean()
    assert label == pytest.approx(centre, abs=1.0), "labels are those of the middle"


def test_labels_are_the_trace_of_the_same_rays(scene, look):
    names = tuple(name for name in LABELS if not name.startswith("flow"))
    camera = Camera(config(readout_s=0.03, labels=names))
    found = look(camera, scene, pose=EYE, velocity=(5.0, 1.0, 0.0), rate=(0.0, 0.3, 0.4))
    hit = found["hit"]
    assert 0.5 < hit.mean() < 1.0
    assert (found["semantic"][hit] > 0).all()
    assert (found["instance"][~hit] == 0).all()
    direction = LENS.directions()
    length = np.linalg.norm(direction, axis=-1)
    assert np.abs(found["depth_m"] * length - found["range_m"])[hit].max() < 1e-3
    distance = np.linalg.norm(found["position_m"], axis=-1)
    assert np.abs(distance - found["range_m"])[hit].max() < 2e-3
    assert np.abs(np.linalg.norm(found["normal"], axis=-1) - 1.0)[hit].max() < 1e-3
    assert (np.sum(found["normal"] * found["position_m"], axis=-1)[hit] < 1e-3).all()


def test_flow_labels_carry_the_last_picture_onto_this_one(drive):
    """Brightness constancy on an evenly lit scene, from the rig's own captures."""
    last, now = drive[-2:]
    flow, occluded = now["flow_backward"], now["flow_occluded"]
    rows, columns = np.mgrid[0:120, 0:160].astype(np.float32)
    warped = cv2.remap(last["rgb"].astype(np.float32), columns + flow[..., 0],
                       rows + flow[..., 1], cv2.INTER_LINEAR)  # fmt: skip
    inside = now["hit"] & ~occluded
    moved = np.linalg.norm(flow, axis=-1)[inside]
    assert np.median(moved) > 1.0
    error = np.abs(warped - now["rgb"]).mean(axis=-1)[inside] / 65535
    still = np.abs(last["rgb"].astype(float) - now["rgb"]).mean(axis=-1)[inside] / 65535
    assert np.percentile(error, 90) < 0.02
    assert error.mean() < 0.5 * still.mean()


def test_the_first_picture_has_no_flow(drive):
    first = drive[0]
    assert np.abs(first["flow_backward"]).max() < 1e-3
    assert np.abs(first["flow_forward"]).max() < 1e-3


@pytest.fixture
def drive(scene):
    """Data of three captures of a camera that drives by, through the sensor protocol."""
    from fleetloop.core.clock import TickRate
    from fleetloop.core.frames import Twist
    from fleetloop.envs.rig import SensorRig
    from fleetloop.envs.sensors.base import LinkState, RobotState, Surroundings

    labels = ("flow_forward", "flow_backward", "flow_occluded", "hit")
    rig = SensorRig([config(labels=labels, readout_s=0.02)], TickRate(240))
    zero = np.zeros(3)
    taken = []
    for tick in range(49):
        pose = Pose.of(2.0 * tick / 240, -1.5 * tick / 240, 1.5, yaw_rad=0.3 * tick / 240)
        at = pose @ BASE_T_OPTICAL
        link = LinkState(world_T_link=at, twist=Twist(np.array([2.0, -1.5, 0.0]), zero),
                         acceleration_m_s2=zero, angular_acceleration_rad_s2=zero,
                         force_n=zero, torque_nm=zero)  # fmt: skip
        robot = RobotState(links={"base": link}, joint_names=(), joint_position_rad=zero[:0],
                           joint_velocity_rad_s=zero[:0], joint_torque_nm=zero[:0])  # fmt: skip
        if tick == 0:
            rig.reset(0, robot)
            taken += rig.capture(0, robot, Surroundings(), scene, first=True)
            continue
        rig.track(tick, {"base": (at.position_m, at.quaternion_xyzw)})
        if rig.due(tick):
            taken += rig.capture(tick, robot, Surroundings(), scene)
    assert len(taken) == 3
    return [sample.data for sample in taken]


def test_exposure_is_reported_and_follows_the_light(scene, look):
    camera = Camera(
        config(exposure=ExposureConfig(), report_exposure=True, imager=ImagerConfig(noise=False))
    )
    found = look(camera, scene, pose=EYE)
    linear = Camera(config(exposure=ExposureConfig()))
    level = look(linear, scene, pose=EYE)["rgb"].mean() / 65535
    assert level == pytest.approx(ExposureConfig().target_level, rel=0.03)
    assert 1e-5 < found["exposure_s"][0] < 1e-3
    assert found["gain"][0] == 1.0


def test_optics_darken_corners(scene, look):
    plain = look(Camera(config()), scene, pose=EYE)["rgb"].astype(float)
    dark = look(Camera(config(optics=Optics(cos_power=4.0))), scene, pose=EYE)["rgb"]
    ray = LENS.unproject([0, 0])
    ratio = dark[0, 0] / np.maximum(plain[0, 0], 1.0)
    assert ratio == pytest.approx(np.full(3, 1.0 / np.linalg.norm(ray) ** 4), rel=0.01)


def with_fault(kind, severity, scene, look, **options):
    fault = Fault(kind=kind, severity=severity)
    return look(Camera(config(faults=(fault,), **options)), scene, pose=EYE, faults=(fault,))["rgb"]


@pytest.fixture(scope="module")
def healthy(scene, look):
    return look(Camera(config()), scene, pose=EYE)["rgb"]


def test_a_blocked_lens_lets_the_rest_through(scene, look, healthy):
    half = with_fault("blocked_lens", 0.5, scene, look)
    assert np.abs(half - 0.5 * healthy).max() <= 1.0
    assert with_fault("blocked_lens", 1.0, scene, look).max() == 0


def test_dirt_hides_contrast_where_it_sits(scene, look, healthy):
    changed = []
    for severity in (0.3, 0.6, 1.0):
        dirty = with_fault("dirty_lens", severity, scene, look)
        off = np.abs(dirty.astype(float) - healthy).mean(axis=-1)
        changed.append(off.mean())
        clean = off < 0.002 * 65535
        assert 0.2 < clean.mean() < 0.99
    assert changed == sorted(changed)


def test_drops_show_the_world_upside_down(look):
    bright_above = Scene()
    bright_above.add(Box((0.1, 50.0, 20.0)), (5.0, 0.0, -18.5), material=MATERIALS.get("tyre"))
    clean = look(Camera(config()), bright_above, pose=EYE)["rgb"].astype(float)[..., 1]
    wet = with_fault("water_drops", 1.0, bright_above, look).astype(float)[..., 1]
    changed = np.abs(wet - clean) > 0.15 * clean.max()
    assert 0.005 < changed.mean() < 0.5
    top, bottom = clean[:50].mean(), clean[70:].mean()
    assert top > 3.0 * bottom
    # Near the horizon a drop's lower half shows the sky and its upper half the ground.
    assert (wet[62:90][changed[62:90]] > clean[62:90][changed[62:90]]).mean() > 0.9
    assert (wet[30:58][changed[30:58]] < clean[30:58][changed[30:58]]).mean() > 0.9


@pytest.mark.parametrize(("kind", "part"), [("dead_pixels", 0.02), ("hot_pixels", 0.005)])
def test_broken_pixels_are_as_many_as_the_severity_says(kind, part, scene, look, healthy):
    for severity in (0.5, 1.0):
        broken = (with_fault(kind, severity, scene, look) != healthy).any(axis=-1)
        expected = part * severity * broken.size
        assert abs(broken.sum() - expected) < 4.5 * math.sqrt(expected)
    sick = with_fault(kind, 1.0, scene, look)[broken]
    assert (sick == 0).all() if kind == "dead_pixels" else (sick >= 65535 // 2).any(axis=-1).all()


def test_stuck_columns_are_whole(scene, look, healthy):
    sick = with_fault("stuck_columns", 1.0, scene, look)
    stuck = (sick == 65535).all(axis=(0, 2))
    assert 1 <= stuck.sum() <= 12
    assert np.array_equal(sick[:, ~stuck], healthy[:, ~stuck])


@pytest.mark.parametrize("threads", [2, 4])
def test_bytes_do_not_depend_on_threads(threads, scene, look):
    everything = CameraConfig(
        name="x", lens=LENS, readout_s=0.02, blur_samples=3, labels=("depth_m", "instance"),
        optics=Optics(cos_power=4.0, chromatic=(1e-3, -1e-3)),
        imager=ImagerConfig(mosaic="demosaiced", jpeg_quality=85),
    )  # fmt: skip
    camera = Camera(everything)
    options = {"pose": EYE, "velocity": (3.0, 0.0, 0.0)}
    one = digest_arrays(look(camera, scene, **options))
    assert digest_arrays(look(camera, scene, threads=threads, **options)) == one
    assert digest_arrays(look(camera, scene, seed=1, **options)) != one


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"labels": ("dept",)}, "dept"),
        ({"near_m": 2.0, "far_m": 1.0}, "near_m"),
        ({"far_m": 1e5}, "far_m"),
        ({"readout_s": 0.2}, "readout_s"),
        ({"rows_per_pose": 3}, "rows_per_pose"),
        ({"blur_samples": 4}, "blur_samples"),
        ({"exposure": ExposureConfig(auto=False, exposure_s=0.2)}, "leave"),
    ],
)
def test_impossible_cameras_are_told(options, said):
    with pytest.raises(ConfigError, match=said):
        config(**options)
