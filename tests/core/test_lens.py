"""Lenses: against OpenCV, and there and back."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.errors import ConfigError
from fleetloop.core.lens import Lens

BROWN = {
    0: (),
    4: (-0.25, 0.08, 0.002, -0.001),
    5: (-0.28, 0.09, -0.001, 0.002, -0.012),
    8: (0.4, 0.05, 0.001, 0.0005, 0.01, 0.7, 0.12, 0.02),
}

coefficients = st.floats(-1.0, 1.0)


def pinhole(count):
    return Lens(fx_px=480.0, fy_px=495.0, cx_px=330.0, cy_px=228.0, distortion=BROWN[count])


@st.composite
def fisheyes(draw):
    k = [draw(coefficients) * scale for scale in (0.04, 0.01, 0.003, 0.0006)]
    return Lens(
        model="fisheye", fx_px=draw(st.floats(120.0, 400.0)), fy_px=draw(st.floats(120.0, 400.0)),
        cx_px=draw(st.floats(250.0, 390.0)), cy_px=draw(st.floats(180.0, 300.0)),
        distortion=tuple(k),
    )  # fmt: skip


@pytest.mark.parametrize("count", list(BROWN))
def test_pinhole_projects_as_opencv_does(count):
    lens = pinhole(count)
    rng = np.random.default_rng(count)
    points = rng.uniform((-0.6, -0.45, 1.0), (0.6, 0.45, 1.0), (500, 3)) * rng.uniform(
        0.5, 40.0, (500, 1)
    )
    wanted, _ = cv2.projectPoints(
        points, np.zeros(3), np.zeros(3), lens.matrix, np.array(lens.distortion or (0.0,) * 4)
    )
    pixels, seen = lens.project(points)
    assert seen.all()
    assert np.abs(pixels - wanted.reshape(-1, 2)).max() < 1e-9


@given(lens=fisheyes(), seed=st.integers(0, 1000))
def test_fisheye_projects_as_opencv_does(lens, seed):
    rng = np.random.default_rng(seed)
    # OpenCV's model divides by z: it knows the half of the world that lies in front.
    points = rng.normal(size=(200, 3)) * (1.0, 1.0, 0.6)
    points[:, 2] = np.abs(points[:, 2]) + 0.05
    wanted, _ = cv2.fisheye.projectPoints(
        points[None], np.zeros(3), np.zeros(3), lens.matrix, np.array(lens.distortion)
    )
    pixels, _ = lens.project(points)
    assert np.abs(pixels - wanted.reshape(-1, 2)).max() < 1e-7


@pytest.mark.parametrize("count", list(BROWN))
@given(column=st.floats(-0.5, 639.5), row=st.floats(-0.5, 479.5))
def test_pinhole_there_and_back(count, column, row):
    lens = pinhole(count)
    direction = lens.unproject([column, row])
    assert direction[2] == 1.0
    pixel, seen = lens.project(7.5 * direction)
    assert seen
    assert np.abs(pixel - (column, row)).max() < 1e-7


@given(lens=fisheyes(), theta=st.floats(0.0, 1.9), around=st.floats(-math.pi, math.pi))
def test_fisheye_there_and_back_beyond_the_hemisphere(lens, theta, around):
    direction = np.array(
        [math.sin(theta) * math.cos(around), math.sin(theta) * math.sin(around), math.cos(theta)]
    )
    # Only where the polynomial still grows does a pixel have one direction.
    grid = np.linspace(0.0, 2.0, 400)
    radius = grid * (1.0 + sum(k * grid ** (2 * n) for n, k in enumerate(lens.distortion, 1)))
    if (np.diff(radius) <= 0.15 * (grid[1] - grid[0])).any():
        return
    pixel, _ = lens.project(3.0 * direction)
    back = lens.unproject(pixel)
    assert np.abs(back - direction).max() < 1e-7


@given(azimuth=st.floats(-3.1, 3.1), elevation=st.floats(-1.5, 1.5), range_m=st.floats(0.1, 100.0))
def test_panorama_there_and_back(azimuth, elevation, range_m):
    lens = Lens.of_fov(720, 360, 2.0 * math.pi, model="panorama")
    direction = np.array(
        [
            math.cos(elevation) * math.sin(azimuth),
            math.sin(elevation),
            math.cos(elevation) * math.cos(azimuth),
        ]
    )
    pixel, seen = lens.project(range_m * direction)
    assert seen
    assert pixel == pytest.approx(
        (lens.cx_px + lens.fx_px * azimuth, lens.cy_px + lens.fy_px * elevation), abs=1e-9
    )
    assert np.abs(lens.unproject(pixel) - direction).max() < 1e-9


def test_what_is_behind_a_pinhole_is_not_seen():
    lens = pinhole(0)
    _, seen = lens.project([[0.0, 0.0, -1.0], [0.1, 0.0, 0.0], [0.1, 0.0, 1e-3]])
    assert seen.tolist() == [False, False, True]


@given(width=st.integers(2, 2000), fov=st.floats(0.2, 2.8))
def test_a_field_of_view_reaches_from_edge_to_edge(width, fov):
    for model in ("pinhole", "fisheye", "panorama"):
        lens = Lens.of_fov(width, 10, fov, model=model)
        left = lens.unproject([-0.5, lens.cy_px])
        right = lens.unproject([width - 0.5, lens.cy_px])
        cosine = left @ right / np.linalg.norm(left) / np.linalg.norm(right)
        assert math.acos(np.clip(cosine, -1.0, 1.0)) == pytest.approx(fov, abs=1e-6)


@pytest.mark.parametrize("model", ["pinhole", "fisheye", "panorama"])
def test_directions_are_those_of_the_pixels(model):
    lens = Lens.of_fov(31, 17, 1.4, model=model)
    directions = lens.directions()
    assert directions.shape == (17, 31, 3)
    assert directions.dtype == np.float32
    for row, column in ((0, 0), (16, 30), (5, 22)):
        assert np.abs(directions[row, column] - lens.unproject([column, row])).max() < 1e-6
    if model != "pinhole":
        assert np.abs(np.linalg.norm(directions, axis=-1) - 1.0).max() < 1e-6


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Lens(width_px=0), "width_px"),
        (lambda: Lens(fx_px=-1.0), "fx_px"),
        (lambda: Lens(model="zoom"), "zoom"),
        (lambda: Lens(distortion=(0.1,)), "coefficients"),
        (lambda: Lens(model="panorama", distortion=(0.1,) * 4), "coefficients"),
        (lambda: Lens.of_fov(64, 64, 3.2), "field of view"),
        (lambda: Lens(fx_px=150.0, fy_px=150.0, distortion=(-0.6, 0.0, 0.0, 0.0)).directions(),
         "folds"),
    ],
)  # fmt: skip
def test_impossible_lenses_are_told(make, said):
    with pytest.raises(ConfigError, match=said):
        make()
