"""Vignette and lateral chromatic aberration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.errors import ConfigError
from fleetloop.core.lens import Lens
from fleetloop.envs.sensors.optics import Optics, corner_shift_px, falloff, through_optics

LENS = Lens.of_fov(160, 120, 1.4)


def behind(optics, light, lens=LENS):
    return through_optics(optics, lens, falloff(optics, lens), light)


def test_perfect_optics_change_nothing():
    light = np.random.default_rng(0).random((120, 160, 3), dtype=np.float32)
    assert Optics().is_perfect
    assert np.array_equal(behind(Optics(), light), light)


@pytest.mark.parametrize("model", ["pinhole", "fisheye"])
def test_the_natural_law_is_cosine_to_the_fourth(model):
    lens = Lens.of_fov(160, 120, 1.4, model=model)
    light = np.ones((120, 160, 3), np.float32)
    found = behind(Optics(cos_power=4.0), light, lens)
    direction = lens.unproject([150, 10])
    cosine = direction[2] / np.linalg.norm(direction)
    assert found[10, 150] == pytest.approx(np.full(3, cosine**4), rel=1e-5)


def test_the_polynomial_is_one_in_the_middle_and_its_sum_in_the_corner():
    optics = Optics(vignette=(-0.3, -0.1, 0.05))
    found = behind(optics, np.ones((120, 160, 3), np.float32))
    assert found[0, 0, 1] == pytest.approx(0.65, abs=1e-5)
    assert found[60, 80, 1] == pytest.approx(1.0, abs=1e-3)


@given(red=st.floats(-0.01, 0.01), blue=st.floats(-0.01, 0.01))
def test_colours_grow_from_the_principal_point(red, blue):
    """A light ramp tells exactly where a pixel was sampled from."""
    rows, columns = np.mgrid[0:120, 0:160].astype(np.float32)
    optics = Optics(chromatic=(red, blue))
    for ramp, centre in ((columns, LENS.cx_px), (rows, LENS.cy_px)):
        light = np.repeat(ramp[..., None], 3, axis=2)
        found = behind(optics, light)[4:-4, 4:-4]
        inner = ramp[4:-4, 4:-4]
        for channel, grown in ((0, red), (1, 0.0), (2, blue)):
            wanted = centre + (inner - centre) / (1.0 + grown)
            assert np.abs(found[..., channel] - wanted).max() < 1e-3


def test_corner_shift_is_between_the_outermost_colours():
    assert corner_shift_px(Optics(chromatic=(0.002, -0.001)), LENS) == pytest.approx(
        0.003 * np.hypot(79.5, 59.5)
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cos_power": -1.0}, "cos_power"),
        ({"vignette": (-1.5,)}, "vignette"),
        ({"vignette": (float("nan"),)}, "vignette"),
        ({"chromatic": (0.2, 0.0)}, "chromatic"),
    ],
)
def test_impossible_optics_are_told(options, said):
    with pytest.raises(ConfigError, match=said):
        Optics(**options)
