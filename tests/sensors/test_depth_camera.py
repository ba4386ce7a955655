"""Depth cameras: their noise laws, edges, holes, limits and faults."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fleetloop.core.digest import digest_arrays
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.core.lens import Lens
from fleetloop.envs.sensors.base import Fault
from fleetloop.envs.sensors.depth_camera import DepthCamera, DepthCameraConfig
from fleetloop.envs.sensors.depth_presets import DEPTH_CAMERAS, depth_preset
from fleetloop.envs.sensors.depth_stereo import StereoModel, fattened
from fleetloop.envs.sensors.depth_tof import TofModel
from fleetloop.envs.trace.light import Light
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box

LENS = Lens.of_fov(160, 120, 1.0)
EYE = Pose.of(0.0, 0.0, 1.0)
CLEAN = {"scatter": 0.0, "stray": 0.0, "wiggle_m": 0.0}


def white(reflectivity=0.8, color=0.5):
    return Material(color=(color,) * 3, lidar_reflectivity=reflectivity)


def wall(distance_m, material=None, front=None):
    """A wall that faces the camera; `front`: distance and half width of a board before it."""
    scene = Scene()
    scene.add(Box((0.1, 60.0, 60.0)), (distance_m + 0.1, 0.0, 0.0), material=material or white(),
              semantic=6)  # fmt: skip
    if front is not None:
        near_m, half_m = front
        scene.add(Box((0.01, half_m, 60.0)), (near_m + 0.01, 0.0, 0.0), material=white(),
                  semantic=7)  # fmt: skip
    return scene


def tof(noise=True, **model):
    return DepthCameraConfig(
        name="x", method="tof", lens=LENS, tof=TofModel(**model), resolution_m=0.0, noise=noise,
        range_min_m=0.05, labels=("depth_true_m", "semantic"),
    )  # fmt: skip


def stereo(noise=True, **model):
    return DepthCameraConfig(
        name="x", lens=LENS, stereo=StereoModel(**model), resolution_m=0.0, noise=noise,
        range_min_m=0.05, range_max_m=20.0, labels=("depth_true_m", "semantic"),
    )  # fmt: skip


def middle(found, name="depth_m"):
    """The middle, where incidence is one within two percent."""
    return found[name][45:75, 60:100]


@pytest.mark.parametrize(("distance_m", "reflectivity"), [(3.86, 0.15), (2.0, 0.15), (3.86, 0.6)])
def test_tof_noise_is_that_of_the_data_sheet_and_follows_the_light(distance_m, reflectivity, look):
    config = tof(**CLEAN, sd_limit_m=1.0)
    scene = wall(distance_m, white(reflectivity))
    frames = [middle(look(DepthCamera(config), scene, pose=EYE, seed=k)) for k in range(6)]
    error = np.stack(frames) - distance_m
    # Shot noise: the inverse root of the light that returns.
    wanted = 0.017 * math.sqrt((distance_m / 3.86) ** 2 * 0.15 / reflectivity)
    assert error.std() == pytest.approx(wanted, rel=0.05)
    assert abs(error.mean()) < 4.5 * wanted / math.sqrt(error.size)


def test_daylight_adds_noise(look):
    scene = wall(3.0)
    scene.light = Light(sun_azimuth_rad=math.pi, sun_elevation_rad=0.4)
    dark = look(DepthCamera(tof(**CLEAN, sd_limit_m=1.0)), scene, pose=EYE)
    bright = look(DepthCamera(tof(**CLEAN, sd_limit_m=1.0, ambient=50.0)), scene, pose=EYE)
    assert middle(bright).std() > 1.5 * middle(dark).std()


def test_without_noise_and_systematic_errors_tof_is_the_truth(look):
    found = look(DepthCamera(tof(noise=False, **CLEAN)), wall(3.0, front=(1.5, 0.3)), pose=EYE)
    assert found["valid"].all()
    assert np.abs(found["depth_m"] - found["depth_true_m"]).max() < 2e-4


def test_flying_pixels_hang_between_near_and_far_and_only_at_edges(look):
    config = tof(noise=False, scatter=0.02, stray=0.0, wiggle_m=0.0)
    found = look(DepthCamera(config), wall(3.0, front=(1.5, 0.3)), pose=EYE)
    depth = found["depth_m"]
    flying = found["valid"] & (depth > 1.55) & (depth < 2.95)
    assert flying.any()
    mask = found["semantic"] == 7
    edge = mask != np.roll(mask, 1, axis=1)
    near_edge = edge | np.roll(edge, -1, axis=1)
    assert not (flying & ~near_edge).any()


def test_beyond_the_ambiguity_range_tof_wraps_around(look):
    model = {"modulation_hz": 60e6, **CLEAN, "sd_limit_m": 10.0}
    found = look(DepthCamera(tof(noise=False, **model)), wall(4.0), pose=EYE)
    length_m = TofModel(modulation_hz=60e6).ambiguity_m
    assert length_m == pytest.approx(2.498, abs=1e-3)
    assert found["depth_m"][60, 80] == pytest.approx(4.0 - length_m, abs=0.01)


def test_dark_and_grazing_surfaces_drop_out(look):
    kept = [
        look(DepthCamera(tof()), wall(3.5, white(part)), pose=EYE)["valid"].mean()
        for part in (0.5, 0.05, 0.01)
    ]
    assert kept[0] == 1.0
    assert kept[0] > kept[1] > kept[2]
    floor = Scene()
    floor.add(Box((60.0, 60.0, 0.1)), (0.0, 0.0, -0.1), material=white(0.3))
    valid = look(DepthCamera(tof()), floor, pose=EYE)["valid"]
    rows = valid.mean(axis=1)
    assert rows[-1] == 1.0
    assert rows[66] == 0.0, "near the horizon nothing comes back"


def test_stray_light_pulls_a_dark_wall_forward(look):
    options = {"noise": False, "scatter": 0.0, "wiggle_m": 0.0, "sd_limit_m": 10.0}
    scene = wall(3.0, white(0.05), front=(0.8, 0.3))
    exact = look(DepthCamera(tof(stray=0.0, **options)), scene, pose=EYE)
    stray = look(DepthCamera(tof(stray=0.01, **options)), scene, pose=EYE)
    behind = exact["semantic"] == 6
    shift = (stray["depth_m"] - exact["depth_m"])[behind]
    assert shift.mean() < -0.05


def test_the_wiggle_repeats_four_times(look):
    errors = []
    for part in np.linspace(0.1, 0.6, 21):
        distance_m = part * TofModel().ambiguity_m
        model = {**CLEAN, "wiggle_m": 0.004, "sd_limit_m": 10.0}
        found = look(DepthCamera(tof(noise=False, **model)), wall(distance_m), pose=EYE)
        errors.append(float(found["depth_m"][60, 80]) - distance_m)
    wanted = 0.004 * np.sin(8.0 * math.pi * np.linspace(0.1, 0.6, 21))
    assert np.abs(np.array(errors) - wanted).max() < 5e-4


@pytest.mark.parametrize("distance_m", [1.0, 2.5, 6.0])
def test_stereo_noise_grows_with_the_square_of_depth(distance_m, look):
    config = stereo(disparity_step_px=0.0, window_px=1)
    frames = [
        look(DepthCamera(config), wall(distance_m), pose=EYE, seed=k)["depth_m"] for k in range(4)
    ]
    error = np.stack(frames)[:, :, 60:] - distance_m
    wanted = distance_m**2 * 0.08 / (LENS.fx_px * 0.05)
    # The law is the first order: noise of a few percent of the disparity skews depth a little.
    assert np.percentile(np.abs(error), 68.27) == pytest.approx(wanted, rel=0.05)


def test_stereo_noise_is_smooth_over_its_window_and_as_strong(look):
    spreads, correlations = [], []
    for window_px in (1, 7):
        config = stereo(disparity_step_px=0.0, window_px=window_px)
        found = look(DepthCamera(config), wall(2.0), pose=EYE)["depth_m"][:, 40:]
        error = found - found.mean()
        spreads.append(error.std())
        correlations.append((error[:, 1:] * error[:, :-1]).mean() / error.var())
    assert spreads[1] == pytest.approx(spreads[0], rel=0.15)
    assert abs(correlations[0]) < 0.03
    assert correlations[1] > 0.5


def test_disparity_comes_in_steps(look):
    config = stereo(noise=False, disparity_step_px=0.25)
    found = look(DepthCamera(config), wall(3.3, front=(1.7, 0.3)), pose=EYE)
    disparity = LENS.fx_px * 0.05 / found["depth_m"][found["valid"]]
    assert np.abs(disparity / 0.25 - np.rint(disparity / 0.25)).max() < 1e-4


def test_the_right_imager_does_not_see_a_band_left_of_near_things(look):
    baseline_m = 0.2
    config = stereo(noise=False, window_px=1, baseline_m=baseline_m, disparity_step_px=0.0)
    found = look(DepthCamera(config), wall(4.0, front=(1.0, 0.15)), pose=EYE)
    band = LENS.fx_px * baseline_m * (1.0 / 1.0 - 1.0 / 4.0)
    rim = LENS.fx_px * baseline_m / 4.0
    near = found["semantic"] == 7
    for row in (10, 60, 110):
        first = np.flatnonzero(near[row])[0]
        lost = np.flatnonzero(~found["valid"][row])
        assert (lost < rim).sum() == pytest.approx(rim, abs=1.0)
        hidden = lost[lost >= rim]
        assert len(hidden) == pytest.approx(band, abs=2.0)
        assert hidden.max() < first, "the band lies to the left"
        assert hidden.min() >= first - band - 2.0


def test_near_things_grow_by_a_quarter_of_the_window(look):
    thin = look(
        DepthCamera(stereo(noise=False, window_px=1)), wall(4.0, front=(1.5, 0.2)), pose=EYE
    )
    fat = look(DepthCamera(stereo(noise=False, window_px=9)), wall(4.0, front=(1.5, 0.2)), pose=EYE)
    right = [np.flatnonzero(np.abs(f["depth_m"][60] - 1.5) < 0.1)[-1] for f in (thin, fat)]
    assert right[1] - right[0] == 2


def test_fattening_is_the_least_of_a_square():
    depth = np.random.default_rng(0).random((9, 12)).astype(np.float32)
    padded = np.pad(depth, 2, mode="edge")
    wanted = np.min([padded[r : r + 9, c : c + 12] for r in range(5) for c in range(5)], axis=0)
    assert np.array_equal(fattened(depth, 2), wanted)
    assert np.array_equal(fattened(depth, 0), depth)


def test_what_is_too_near_has_no_match(look):
    config = stereo(noise=False, disparities_px=16, window_px=1)
    nearest_m = LENS.fx_px * 0.05 / 16
    for distance_m, seen in ((1.1 * nearest_m, True), (0.9 * nearest_m, False)):
        valid = look(DepthCamera(config), wall(distance_m), pose=EYE)["valid"]
        assert valid[:, 40:].any() == seen


def test_plain_walls_need_a_pattern_or_a_texture(look):
    passive = {"texture_min": 0.02, "projector_reach_m": 0.0}
    plain, textured = white(), Material(pattern="checker", pattern_scale_m=0.05, color=(0.8,) * 3)
    right = np.s_[10:110, 40:150]
    without = look(DepthCamera(stereo(**passive)), wall(2.0, plain), pose=EYE)["valid"][right]
    checked = look(DepthCamera(stereo(**passive)), wall(2.0, textured), pose=EYE)["valid"][right]
    assert without.mean() < 0.02
    assert checked.mean() > 0.9
    active = {"texture_min": 0.02, "projector_reach_m": 5.0}
    near = look(DepthCamera(stereo(**active)), wall(2.0, plain), pose=EYE)["valid"][right]
    far = look(DepthCamera(stereo(**active)), wall(6.0, plain), pose=EYE)["valid"][right]
    assert near.all()
    assert far.mean() < 0.02


@pytest.mark.parametrize("method", ["tof", "stereo"])
@pytest.mark.parametrize("kind", DepthCameraConfig.FAULTS)
def test_faults_take_pixels_away_and_only_while_they_last(method, kind, look):
    fault = Fault(kind=kind)
    config = DepthCameraConfig(name="x", method=method, lens=LENS, faults=(fault,))
    healthy = look(DepthCamera(config), wall(3.0), pose=EYE)
    sick = look(DepthCamera(config), wall(3.0), pose=EYE, faults=(fault,))
    assert not (sick["valid"] & ~healthy["valid"]).any()
    lost = healthy["valid"] & ~sick["valid"]
    part = lost.sum() / healthy["valid"].sum()
    low, high = {"blocked_lens": (1.0, 1.0), "dirty_lens": (0.005, 0.7),
                 "dead_pixels": (0.015, 0.025)}[kind]  # fmt: skip
    assert low <= part <= high
    assert (sick["depth_m"][~sick["valid"]] == 0.0).all()


@pytest.mark.parametrize("name", list(DEPTH_CAMERAS))
def test_presets_see_a_wall_as_their_data_sheets_say(name, look):
    config = depth_preset(name, labels=("depth_true_m",))
    assert config.KIND == "depth_camera"
    found = look(DepthCamera(config), wall(2.0, white(0.5)), pose=EYE)
    valid = found["valid"][:, config.lens.width_px // 4 :]
    assert valid.mean() > 0.95
    error = (found["depth_m"] - found["depth_true_m"])[found["valid"]]
    # RealSense: "less than 2 % up to 2 m"; Azure Kinect: 11 mm + 0.1 % and 17 mm at the limit.
    assert abs(np.median(error)) < 0.011 + 0.001 * 2.0
    assert error.std() < 0.02 * 2.0


def test_bytes_do_not_depend_on_threads(look):
    for config in (tof(), stereo(texture_min=0.02)):
        camera, scene = DepthCamera(config), wall(3.0, front=(1.5, 0.3))
        one = digest_arrays(look(camera, scene, pose=EYE))
        assert digest_arrays(look(camera, scene, pose=EYE, threads=2)) == one
        assert digest_arrays(look(camera, scene, pose=EYE, seed=1)) != one


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: DepthCameraConfig(name="x", method="magic"), "magic"),
        (lambda: DepthCameraConfig(name="x", lens=Lens.of_fov(64, 64, 2.0, model="fisheye")),
         "pinhole"),
        (lambda: DepthCameraConfig(name="x", range_min_m=5.0, range_max_m=1.0), "range_min_m"),
        (lambda: DepthCameraConfig(name="x", labels=("flow",)), "flow"),
        (lambda: TofModel(contrast=0.0), "contrast"),
        (lambda: TofModel(scatter=0.5), "scatter"),
        (lambda: StereoModel(window_px=4), "window_px"),
        (lambda: StereoModel(baseline_m=-0.1), "baseline_m"),
        (lambda: depth_preset("kinect9"), "kinect9"),
    ],
)  # fmt: skip
def test_impossible_depth_cameras_are_told(make, said):
    with pytest.raises((ConfigError, LookupError, ValueError), match=said):
        make()
