"""From radiance to picture: untiles linear light into an image, and makes the simple sRGB view.

The sRGB view has a fixed exposure for the light at hand and a shoulder that keeps highlights from
clipping hard. It is for people and for agents that want pictures; a camera sensor models its own
exposure, noise and curve from the linear image.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.jit import kernel
from fleetloop.envs.trace.layout import LANES
from fleetloop.envs.trace.light import Illumination

_SECOND, _THIRD = np.uint64(1), np.uint64(2)
_GREEN, _BLUE = np.uint64(LANES), np.uint64(2 * LANES)

CURVE_SIZE = 4096
_CURVE_TOP = 8.0
"""Exposed light above this is white."""


def exposure_for(colors: Illumination, sun_height: float) -> float:
    """A gain that puts a grey card on the ground near the middle, as a photographer would.

    Args:
        colors: Of the light.
        sun_height: Sine of the sun's elevation.
    """
    down = float(np.mean(colors.sun) * max(sun_height, 0.0) + np.mean(colors.sky))
    # Nights keep a part of their darkness; a full correction would turn them into day.
    return float(1.05 / max(down, 0.045) ** 0.82)


@functools.cache
def srgb_curve() -> npt.NDArray[np.uint8]:
    """Exposed light to sRGB bytes, by the square root of light: (CURVE_SIZE,).

    A filmic curve with toe and shoulder [Narkowicz 2015, "ACES filmic tone mapping curve", a fit of
    five numbers], then the sRGB transfer function of IEC 61966-2-1.
    """
    light = (np.arange(CURVE_SIZE) / (CURVE_SIZE - 1)) ** 2 * _CURVE_TOP
    filmic = light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14)
    value = np.clip(filmic, 0.0, 1.0)
    encoded = np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)
    curve = np.round(255.0 * encoded).astype(np.uint8)
    curve.setflags(write=False)
    return curve


@kernel
def write_hdr(
    tiles: npt.NDArray[np.int32],
    hdr: npt.NDArray[np.float32],
    origin: npt.NDArray[np.int32],
    tile_width: int,
    image: npt.NDArray[np.float32],
) -> None:
    """Untiles radiance (k, 3, LANES) into an image (height, width, 3)."""
    height, width = image.shape[0], image.shape[1]
    for k in range(len(tiles)):
        row0, column0 = origin[tiles[k], 0], origin[tiles[k], 1]
        for r in range(min(LANES // tile_width, height - row0)):
            lane = r * tile_width
            for c in range(min(tile_width, width - column0)):
                for i in range(3):
                    image[row0 + r, column0 + c, i] = hdr[k, i, lane + c]


@kernel
def write_pixels(
    rows: npt.NDArray[np.int32],
    columns: npt.NDArray[np.int32],
    light: npt.NDArray[np.float32],
    exposure: float,
    curve: npt.NDArray[np.uint8],
    hdr: npt.NDArray[np.float32],
    rgb: npt.NDArray[np.uint8],
) -> None:
    """Writes single pixels into the images that are there (the other one is empty).

    Args:
        rows, columns: (k, n); a row of -1 is no pixel.
        light: (k, n, 3) radiance.
        exposure, curve: As in `write_rgb`.
        hdr, rgb: (height, width, 3).
    """
    gain = np.float32(exposure / 8.0)
    last = np.float32(CURVE_SIZE - 1)
    for k in range(rows.shape[0]):
        for n in range(rows.shape[1]):
            row, column = rows[k, n], columns[k, n]
            if row < 0:
                continue
            for i in range(3):
                if hdr.size > 0:
                    hdr[row, column, i] = light[k, n, i]
                if rgb.size > 0:
                    value = min(max(light[k, n, i] * gain, np.float32(0.0)), np.float32(1.0))
                    rgb[row, column, i] = curve[np.int32(np.sqrt(value) * last + np.float32(0.5))]


@kernel
def write_rgb(
    tiles: npt.NDArray[np.int32],
    hdr: npt.NDArray[np.float32],
    origin: npt.NDArray[np.int32],
    tile_width: int,
    exposure: float,
    curve: npt.NDArray[np.uint8],
    image: npt.NDArray[np.uint8],
) -> None:
    """Exposes radiance (k, 3, LANES), applies the curve, and untiles to (height, width, 3)."""
    height, width = image.shape[0], image.shape[1]
    flat = image.reshape(image.size)
    index = np.empty(3 * LANES, np.int32)
    gain = np.float32(exposure / 8.0)
    last = np.float32(CURVE_SIZE - 1)
    for k in range(len(tiles)):
        light = hdr[k].reshape(3 * LANES)
        for lane in range(3 * LANES):
            level = light[lane] * gain
            level = level if level > np.float32(0.0) else np.float32(0.0)
            level = level if level < np.float32(1.0) else np.float32(1.0)
            index[lane] = np.int32(np.sqrt(level) * last + np.float32(0.5))
        row0, column0 = origin[tiles[k], 0], origin[tiles[k], 1]
        columns = np.uint64(min(tile_width, width - column0))
        for r in range(min(LANES // tile_width, height - row0)):
            # Unsigned indices spare the branch for counting from the end.
            at = np.uint64(3 * ((row0 + r) * width + column0))
            first = np.uint64(r * tile_width)
            for c in range(columns):
                to = at + np.uint64(3) * c
                flat[to] = curve[np.uint32(index[first + c])]
                flat[to + _SECOND] = curve[np.uint32(index[first + c + _GREEN])]
                flat[to + _THIRD] = curve[np.uint32(index[first + c + _BLUE])]
