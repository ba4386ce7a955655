"""Event cameras: events add up to the change of light, at the right times, with their noise."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetloop.core.digest import digest_arrays
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.core.lens import Lens
from fleetloop.envs.sensors.base import Fault
from fleetloop.envs.sensors.event_camera import EventCamera, EventCameraConfig
from fleetloop.envs.sensors.event_pixels import (
    DEAD,
    HOT,
    PixelModel,
    empty_events,
    fire,
    in_order,
    start_pixels,
)
from fleetloop.envs.sensors.pixel_noise import new_key
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box, Plane

SHAPE = (24, 32)
QUIET = PixelModel(mismatch=0.0, refractory_s=0.0, leak_hz=0.0, shot_hz=0.0)
KEY = np.array([1, 2], np.uint32)
LENS = Lens.of_fov(96, 72, 1.2)
EYE = Pose.of(0.0, 0.0, 1.5)


def run(model, lights, *, seconds=0.1, capacity=200_000, kinds=None, seed=0, stagger=None):
    """Events of a film whose first picture was looked at for long, and the pixels after it."""
    rng = np.random.default_rng(seed)
    pixels = start_pixels(model, lights[0], KEY, stagger)
    events = empty_events(capacity, lights[0].shape)
    kinds = np.zeros(lights[0].shape, np.uint8) if kinds is None else kinds
    edges = np.linspace(-seconds, 0.0, len(lights))
    for number, light in enumerate(lights[1:]):
        interval = (edges[number], edges[number + 1])
        fire(model, light, interval, pixels, kinds, KEY, new_key(rng), events)
    return in_order(events), pixels


def film(seed, count=6):
    rng = np.random.default_rng(seed)
    return [np.exp(rng.uniform(-5.0, 0.5, SHAPE)).astype(np.float32) for _ in range(count)]


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), on=st.floats(0.05, 0.6), off=st.floats(0.05, 0.6))
def test_events_add_up_to_the_change_of_log_light(seed, on, off):
    """Within one threshold, for every pixel, whatever came between."""
    lights = film(seed)
    model = replace(QUIET, threshold_on=on, threshold_off=off)
    events, _ = run(model, lights)
    summed = events.histogram[..., 1] * on - events.histogram[..., 0] * off
    change = np.log(lights[-1] + model.dark_light) - np.log(lights[0] + model.dark_light)
    rest = change - summed
    assert (rest < on + 1e-4).all()
    assert (rest > -off - 1e-4).all()
    assert events.counts[0] == events.histogram.sum()


def test_times_are_those_of_the_crossings():
    """A ramp of the logarithm fires at even times, each where it is a threshold further."""
    start, slope, seconds = 0.05, 12.5, 0.1
    dark = QUIET.dark_light
    steps = np.linspace(0.0, seconds, 11)
    lights = [np.full((1, 1), (start + dark) * np.exp(slope * t) - dark, np.float32) for t in steps]
    events, _ = run(QUIET, lights, seconds=seconds)
    wanted = -seconds + np.arange(1, len(events.x) + 1) * QUIET.threshold_on / slope
    assert len(events.x) == int(slope * seconds / QUIET.threshold_on + 1e-9)
    assert np.abs(events.time_s - wanted).max() < 1e-5
    assert events.polarity.all()


def test_events_come_in_the_order_of_time():
    events, _ = run(QUIET, film(3))
    assert (np.diff(events.time_s) >= 0.0).all()


def test_a_resting_pixel_stays_silent():
    lights = film(5)
    model = replace(QUIET, refractory_s=0.015)
    events, _ = run(model, lights)
    free, _ = run(QUIET, lights)
    assert 0 < len(events.x) < len(free.x)
    pixel = events.y.astype(int) * SHAPE[1] + events.x
    order = np.lexsort((events.time_s, pixel))
    same = np.diff(pixel[order]) == 0
    assert np.diff(events.time_s[order])[same].min() >= 0.015 - 1e-6


def test_thresholds_differ_from_pixel_to_pixel_and_stay():
    model = replace(QUIET, mismatch=0.03)
    big = (200, 200)
    lights = [np.full(big, 0.001, np.float32), np.full(big, 1.0, np.float32)]
    first, _ = run(model, lights)
    second, _ = run(model, lights, seed=9)
    assert np.array_equal(first.histogram, second.histogram)
    # Of a change of ln(1.001 / 0.002), a pixel with threshold T fires 6.2 / T times.
    change = math.log(1.001 / 0.002)
    threshold = change / (first.histogram[..., 1] + 0.5)
    assert np.median(threshold) == pytest.approx(0.2, rel=0.02)
    assert threshold.std() == pytest.approx(0.03, rel=0.1)


@pytest.mark.parametrize("light", [0.0, 1.0])
def test_noise_rates_are_as_configured(light):
    still = [np.full((120, 160), light, np.float32)] * 41
    seconds = 2.0
    leak = replace(QUIET, leak_hz=2.0)
    events, _ = run(leak, still, seconds=seconds)
    assert events.polarity.all()
    assert len(events.x) / still[0].size / seconds == pytest.approx(2.0, rel=0.3)
    shot = replace(QUIET, shot_hz=3.0)
    events, _ = run(shot, still, seconds=seconds)
    wanted = 3.0 * (0.25 if light else 1.0)
    assert len(events.x) / still[0].size / seconds == pytest.approx(wanted, rel=0.05)
    assert events.polarity.mean() == pytest.approx(0.5, abs=0.03)


def test_leakage_fires_evenly_from_the_start_on():
    """Pixels are staggered by their own thresholds: none fires at once, the rate is constant."""
    still = [np.full((120, 160), 0.5, np.float32)] * 21
    model = replace(QUIET, leak_hz=2.0, mismatch=0.03)
    events, _ = run(model, still, seconds=1.0, stagger=np.array([7, 8], np.uint32))
    counts, _ = np.histogram(events.time_s, 10, (-1.0, 0.0))
    wanted = 0.2 * still[0].size
    assert np.abs(counts - wanted).max() < 5.0 * math.sqrt(wanted)


def test_a_slow_photoreceptor_is_late():
    """A step is followed as 1 - exp(-2 pi f t)."""
    lights = [np.full((1, 1), 0.01, np.float32)] + [np.full((1, 1), 1.0, np.float32)] * 100
    model = replace(QUIET, cutoff_hz=20.0, threshold_on=0.05)
    events, _ = run(model, lights, seconds=0.1)
    change = math.log(1.001 / 0.011)
    levels = np.arange(1, len(events.x) + 1) * 0.05
    wanted = -0.1 - np.log(1.0 - levels / change) / (2.0 * math.pi * 20.0)
    assert np.abs(events.time_s - wanted).max() < 1e-3


def test_dead_pixels_are_silent_and_hot_ones_are_not():
    kinds = np.zeros(SHAPE, np.uint8)
    kinds[3, 4], kinds[5, 6] = DEAD, HOT
    events, _ = run(QUIET, film(2), kinds=kinds)
    assert events.histogram[3, 4].sum() == 0
    still = [np.full(SHAPE, 0.3, np.float32)] * 11
    events, _ = run(QUIET, still, kinds=kinds)
    assert events.histogram[5, 6, 1] == 10
    assert events.counts[0] == 10


def test_what_does_not_fit_is_counted():
    lights = film(4)
    whole, _ = run(QUIET, lights)
    part, _ = run(QUIET, lights, capacity=100)
    assert part.counts[0] == 100
    assert part.counts.sum() == whole.counts[0]
    assert np.array_equal(part.histogram, whole.histogram)


@pytest.fixture(scope="module")
def scene():
    made = Scene()
    made.add(Plane(), material=MATERIALS.get("paving"))
    checks = Material(pattern="checker", pattern_scale_m=0.5, color=(0.8, 0.8, 0.8))
    made.add(Box((0.2, 8.0, 1.5)), (8.0, 0.0, 1.5), material=checks)
    return made


def config(**options):
    values = {"name": "x", "lens": LENS, "noise": False, "pixels": QUIET, "capacity": 60_000}
    return EventCameraConfig(**(values | options))


def test_nothing_moves_and_nothing_fires(scene, look):
    found = look(EventCamera(config()), scene, pose=EYE)
    assert found["count"][0] == 0
    assert not found["valid"].any()


def test_a_moving_camera_sees_edges(scene, look):
    found = look(EventCamera(config(histogram=True)), scene, pose=EYE, velocity=(0.0, 8.0, 0.0))
    count = found["count"][0]
    assert 200 < count < 60_000
    assert found["valid"].sum() == count
    assert (found["time_offset_s"][:count] < 0.0).any()
    assert (found["x"][count:] == 0).all()
    assert found["histogram"].sum() == count
    fires = found["histogram"].sum(axis=-1) > 0
    assert not fires[:8].any(), "the sky is even"


def test_a_bar_to_the_left_darkens_ahead_and_brightens_behind(look):
    made = Scene()
    made.add(Box((0.1, 40.0, 40.0)), (10.0, 0.0, 0.0), material=MATERIALS.get("snow"))
    made.add(Box((0.1, 0.4, 30.0)), (5.0, 0.0, 0.0), material=MATERIALS.get("tyre"),
             velocity_m_s=(0.0, 4.0, 0.0))  # fmt: skip
    found = look(EventCamera(config(histogram=True)), made, pose=EYE)
    row = found["histogram"][30].astype(int)
    columns = np.arange(LENS.width_px)
    darker = (row[:, 0] * columns).sum() / row[:, 0].sum()
    brighter = (row[:, 1] * columns).sum() / row[:, 1].sum()
    travel_px = LENS.fx_px * 4.0 * 0.05 / 4.9
    width_px = LENS.fx_px * 0.8 / 4.9
    # Edges swept evenly through the last period, ending where they are now.
    assert darker == pytest.approx(LENS.cx_px - 0.5 * width_px + 0.5 * travel_px, abs=0.7)
    assert brighter == pytest.approx(LENS.cx_px + 0.5 * width_px + 0.5 * travel_px, abs=0.7)


@pytest.mark.parametrize("kind", EventCameraConfig.FAULTS)
def test_faults_show_only_while_they_last(kind, scene, look):
    fault = Fault(kind=kind)
    camera = EventCamera(config(faults=(fault,), histogram=True))
    options = {"pose": EYE, "velocity": (0.0, 8.0, 0.0)}
    healthy = look(camera, scene, **options)["histogram"].astype(int)
    sick = look(camera, scene, **options, faults=(fault,))["histogram"].astype(int)
    if kind == "blocked_lens":
        assert sick.sum() == 0
    elif kind == "dirty_lens":
        assert 0.3 * healthy.sum() < sick.sum() < healthy.sum()
    elif kind == "dead_pixels":
        changed = (sick != healthy).any(axis=-1)
        assert 0.0 < changed.mean() < 0.03
        assert (sick[changed] == 0).all()
    else:
        hot = sick[..., 1] - healthy[..., 1] >= 5
        assert 0.001 < hot.mean() < 0.01


def test_bytes_do_not_depend_on_threads(scene, look):
    camera = EventCamera(EventCameraConfig(name="x", lens=LENS, histogram=True, log_light=True))
    options = {"pose": EYE, "velocity": (0.0, 8.0, 0.0), "rate": (0.0, 0.0, 0.5)}
    one = digest_arrays(look(camera, scene, **options))
    for threads in (2, 4):
        assert digest_arrays(look(camera, scene, threads=threads, **options)) == one
    assert digest_arrays(look(camera, scene, seed=1, **options)) != one


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: PixelModel(threshold_on=0.0), "threshold_on"),
        (lambda: PixelModel(dark_light=0.0), "dark_light"),
        (lambda: PixelModel(leak_hz=-1.0), "leak_hz"),
        (lambda: config(sub_frames=0), "sub_frames"),
        (lambda: config(capacity=0), "capacity"),
        (lambda: config(near_m=5.0, far_m=1.0), "near_m"),
    ],
)
def test_impossible_event_cameras_are_told(make, said):
    with pytest.raises(ConfigError, match=said):
        make()
