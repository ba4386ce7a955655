"""The image sensor, measured as EMVA Standard 1288 measures cameras."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.errors import ConfigError
from fleetloop.envs.sensors.imager import ImagerConfig, develop, level_of
from fleetloop.envs.sensors.pixel_noise import new_key

SHAPE = (96, 128)


def flat(level, shape=SHAPE):
    """An evenly lit field."""
    return np.full((*shape, 3), level, np.float32)


def frames(config, level, count, *, gain=1.0, seed=0, exposure_s=2e-4):
    """(count, height, width, channels) float64 of one piece of silicon."""
    rng = np.random.default_rng(seed)
    silicon = new_key(rng)
    light = flat(level)
    taken = [develop(config, light, exposure_s, gain, silicon, new_key(rng)) for _ in range(count)]
    return np.stack(taken).astype(np.float64)


@pytest.mark.parametrize(("bits", "gain"), [(10, 1.0), (12, 1.0), (12, 4.0), (16, 2.0)])
def test_photon_transfer_curve_gives_the_system_gain(bits, gain):
    """EMVA 1288, 6.6: the slope of variance over mean is K, the intercept the dark noise."""
    config = ImagerConfig(bits=bits, tone="linear", black_level=2**bits // 64, prnu=0.02)
    means, variances = [], []
    for number, level in enumerate(np.linspace(0.03, 0.75, 10) / gain):
        # Half the variance of a difference of two frames is free of the fixed pattern.
        first, second = frames(config, level, 2, gain=gain, seed=number)
        means.append(0.5 * (first + second).mean() - config.black_level)
        variances.append(0.5 * (first - second).var())
    slope, intercept = np.polyfit(means, variances, 1)
    wanted = config.digits_per_electron * gain
    assert slope == pytest.approx(wanted, rel=0.02)
    read = (config.read_noise_e * wanted) ** 2 + 1.0 / 12.0
    assert intercept == pytest.approx(read, abs=0.03 * variances[-1])


def test_dark_frames_show_read_noise_and_offsets():
    """EMVA 1288, 7 and 8: temporal dark noise and DSNU."""
    config = ImagerConfig(bits=16, tone="linear", black_level=2000, read_noise_e=4.0, dsnu_e=2.5)
    dark = frames(config, 0.0, 40) / config.digits_per_electron
    black_e = config.black_level / config.digits_per_electron
    assert dark.mean() == pytest.approx(black_e, abs=4.0 * 2.5 / np.sqrt(dark[0].size))
    assert np.sqrt(dark.var(axis=0, ddof=1).mean()) == pytest.approx(4.0, rel=0.01)
    pattern = dark.mean(axis=0)
    assert np.sqrt(pattern.var() - 4.0**2 / 40) == pytest.approx(2.5, rel=0.02)


def test_the_fixed_pattern_is_that_of_the_silicon():
    config = ImagerConfig(bits=16, tone="linear", prnu=0.03, dsnu_e=0.0)
    bright = frames(config, 0.5, 16)
    pattern = bright.mean(axis=0) / bright.mean()
    assert pattern.std() == pytest.approx(0.03, rel=0.03)
    other = frames(config, 0.5, 16, seed=1).mean(axis=0)
    assert np.corrcoef(pattern.ravel(), other.ravel())[0, 1] == pytest.approx(0.0, abs=0.02)
    half = frames(config, 0.25, 16).mean(axis=0)
    assert np.corrcoef(pattern.ravel(), half.ravel())[0, 1] > 0.95


def test_gain_amplifies_noise_and_time_gathers_light():
    config = ImagerConfig(bits=16, tone="linear", prnu=0.0, dsnu_e=0.0)
    longer = frames(config, 0.05, 2, exposure_s=8e-4)
    amplified = frames(config, 0.05, 2, gain=4.0)
    assert longer.mean() == pytest.approx(amplified.mean(), rel=1e-3)
    ratio = (amplified[0] - amplified[1]).var() / (longer[0] - longer[1]).var()
    # Shot noise: 4^2 * 500 against 2000 electrons, read noise nine on both.
    assert ratio == pytest.approx(16.0 * (500.0 + 9.0) / (2000.0 + 9.0), rel=0.03)


def test_a_full_well_is_white_and_quiet():
    config = ImagerConfig(bits=12, tone="linear")
    full = frames(config, 3.0, 1)
    assert (full >= config.top - 1).all()


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("tone", ["srgb", "power", "linear"])
@given(level=st.floats(0.0, 1.5))
def test_without_noise_the_tone_is_the_formula(bits, tone, level):
    config = ImagerConfig(bits=bits, tone=tone, noise=False, gamma=2.2)
    picture = develop(config, flat(level, (2, 2)), 2e-4, 1.0, *(np.zeros((2, 2), np.uint32)))
    part = min(level, 1.0)
    if tone == "srgb":
        part = 12.92 * part if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055
    elif tone == "power":
        part = part ** (1 / 2.2)
    assert picture.dtype == config.dtype
    # Curves are tabled: that costs half a digit at most and, of sixteen bits, some of the last; a
    # power law is steeper at black than any table.
    allowed = 0.6 + (0.002 * config.top if tone == "power" and part < 0.05 else 1e-4 * config.top)
    assert np.abs(picture.astype(float) - config.top * part).max() <= allowed


@pytest.mark.parametrize("bits", [8, 12])
def test_a_mosaic_holds_one_colour_per_pixel_and_is_undone(bits):
    light = np.broadcast_to(np.array([0.6, 0.3, 0.1], np.float32), (*SHAPE, 3)).copy()
    keys = np.zeros((2, 2), np.uint32)
    raw = develop(ImagerConfig(mosaic="raw", noise=False, bits=bits), light, 2e-4, 1.0, *keys)
    top = 2**bits - 1
    assert raw.shape == SHAPE
    for row, column, level in ((0, 0, 0.6), (0, 1, 0.3), (1, 0, 0.3), (1, 1, 0.1)):
        assert np.abs(raw[row::2, column::2] - level * top).max() <= 0.51
    plain = develop(ImagerConfig(noise=False, bits=bits), light, 2e-4, 1.0, *keys)
    config = ImagerConfig(noise=False, bits=bits, mosaic="demosaiced")
    undone = develop(config, light, 2e-4, 1.0, *keys)
    assert undone.shape == plain.shape
    assert undone.dtype == plain.dtype
    assert np.abs(undone.astype(int) - plain).max() <= 1


def test_a_mosaic_blurs_colour_but_keeps_an_edge():
    light = flat(0.1)
    light[:, 64:] = 0.8
    keys = np.zeros((2, 2), np.uint32)
    config = ImagerConfig(noise=False, tone="linear", bits=12, mosaic="demosaiced")
    green = develop(config, light, 2e-4, 1.0, *keys)[10:-10, :, 1].astype(float) / 4095
    assert np.abs(green[:, :62] - 0.1).max() < 1e-3
    assert np.abs(green[:, 66:] - 0.8).max() < 1e-3


def test_jpeg_is_near_and_not_the_same():
    rng = np.random.default_rng(0)
    light = np.kron(rng.random((3, 4, 3)), np.ones((32, 32, 1))).astype(np.float32)
    keys = np.zeros((2, 2), np.uint32)
    plain = develop(ImagerConfig(noise=False), light, 2e-4, 1.0, *keys).astype(int)
    errors = []
    for quality in (95, 30):
        config = ImagerConfig(noise=False, jpeg_quality=quality)
        errors.append(np.abs(develop(config, light, 2e-4, 1.0, *keys) - plain).mean())
    assert 0.0 < errors[0] < errors[1] < 12.0


def test_defects_of_a_mosaic_spread_to_their_neighbours():
    def one_dead(digits, top):
        spoiled = digits.copy()
        spoiled[40, 40] = 0
        return spoiled

    keys = np.zeros((2, 2), np.uint32)
    config = ImagerConfig(noise=False, mosaic="demosaiced")
    healthy = develop(config, flat(0.5), 2e-4, 1.0, *keys)
    sick = develop(config, flat(0.5), 2e-4, 1.0, *keys, one_dead)
    changed = np.argwhere((healthy != sick).any(axis=-1))
    assert len(changed) > 1
    assert np.abs(changed - 40).max() <= 2


def test_level_is_the_mean_of_the_digits():
    rng = np.random.default_rng(3)
    light = rng.random((*SHAPE, 3), dtype=np.float32)
    config = ImagerConfig(noise=False, tone="linear", bits=16)
    keys = np.zeros((2, 2), np.uint32)
    digits = develop(config, light, 3e-4, 1.5, *keys)
    level = level_of(config, light, 3e-4, 1.5)
    assert level == pytest.approx(digits[::4, ::4].mean() / 65535, rel=0.03)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bits": 9}, "bits"),
        ({"tone": "film"}, "tone"),
        ({"mosaic": "rgbw"}, "mosaic"),
        ({"black_level": 16}, "black_level"),
        ({"black_level": -1, "tone": "linear"}, "black_level"),
        ({"jpeg_quality": 0}, "jpeg_quality"),
        ({"jpeg_quality": 90, "bits": 12}, "JPEG"),
        ({"full_sun_s": 0.0}, "full_sun_s"),
        ({"read_noise_e": float("nan")}, "read_noise_e"),
    ],
)
def test_impossible_imagers_are_told(options, said):
    with pytest.raises(ConfigError, match=said):
        ImagerConfig(**options)
