"""Rain and snow in the air, as a camera sees them: streaks and flakes between it and the scene.

Drops are drawn on a few cylinders around the camera, each standing for the air around its radius:
a ray meets each cylinder in one place, and a hash of the place and the frame's seed says whether a
drop is there. So it works for every lens, costs the same for any number of drops, and the same seed
gives the same drops. How many there are follows from the rate: rain by Marshall and Palmer 1948,
N(D) = 8000 exp(-4.1 R^-0.21 D) per m^3 and mm, as LiDAR and radar have it; snow by Sekhon and
Srivastava 1970, N(D) = 2500 R^-0.94 exp(-2.29 R^-0.45 D), D the melted diameter. Drops that are too
far away to be seen one by one dim the view as fog does (`light.extinction_1_m`).
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.jit import inline, kernel
from fleetloop.envs.trace.layout import LANES, GBuffer, TileArrays
from fleetloop.envs.trace.light import HORIZON, SKY_COLOR, Light, LightArrays
from fleetloop.envs.trace.noise import hash_cell

# Radii of the cylinders and the depth of air that each stands for, metres.
_RADII_M = (0.9, 1.5, 2.5, 4.2)
_DEPTHS_M = (0.5, 0.8, 1.3, 2.2)
_EXPOSURE_S = 0.01
"""Time in which a drop draws its streak: that of a camera in dull weather."""
# A raindrop of 1.5 mm falls at 5.4 m/s [Gunn and Kinzer 1949], a flake at about 1 m/s.
_RAIN_FALL_M_S, _SNOW_FALL_M_S = 5.4, 1.0
_DROP_WIDTH_M, _FLAKE_WIDTH_M = 0.0015, 0.005
# Smallest diameters (melted, mm) that are drawn.
_SEEN_DROP_MM, _SEEN_FLAKE_MM = 1.0, 0.6
# A drop shows the bright sky upside down, but hides only a part of what is behind it.
_RAIN_OPACITY, _SNOW_OPACITY = 0.45, 0.9

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)


class Falling(NamedTuple):
    """What falls, for the kernel: numbers of one kind of drop.

    Attributes:
        per_m3: Drops that are seen.
        width_m, length_m: Of a streak.
        opacity: 0 to 1.
        seed: Of the frame.
    """

    per_m3: float
    width_m: float
    length_m: float
    opacity: float
    seed: int


def falling(light: Light, seed: int) -> tuple[Falling, ...]:
    """Rain and snow of a light, as far as there are any.

    Args:
        light: Of the scene.
        seed: Of the frame: other drops for each.
    """
    mixed = (light.seed * 7919 + seed * 104_729) % 1_000_003
    found = []
    if light.rain_mm_h > 0.0:
        slope = 4.1 * light.rain_mm_h**-0.21
        count = 8000.0 / slope * math.exp(-slope * _SEEN_DROP_MM)
        length = _RAIN_FALL_M_S * _EXPOSURE_S
        found.append(Falling(count, _DROP_WIDTH_M, length, _RAIN_OPACITY, mixed))
    if light.snowfall_mm_h > 0.0:
        slope = 2.29 * light.snowfall_mm_h**-0.45
        start = 2500.0 * light.snowfall_mm_h**-0.94
        count = start / slope * math.exp(-slope * _SEEN_FLAKE_MM)
        length = _FLAKE_WIDTH_M + _SNOW_FALL_M_S * _EXPOSURE_S
        found.append(Falling(count, _FLAKE_WIDTH_M, length, _SNOW_OPACITY, mixed + 1))
    return tuple(found)


@kernel
def draw_falling(
    tiles: TileArrays,
    gbuffer: GBuffer,
    light: LightArrays,
    pixel_rad: float,
    drops: Falling,
    hdr: npt.NDArray[np.float32],
) -> None:
    """Draws drops over the radiance (k, 3, LANES) of a list of tiles.

    Args:
        tiles, gbuffer: As in `visibility`, filled.
        light: In the ray frames of the tables.
        pixel_rad: Angle between neighbouring rays.
        drops: What falls.
        hdr: Changed.
    """
    color = np.empty(3, np.float32)
    for i in range(3):
        # Half of the sky, half of the haze around.
        sky, haze = light.numbers[SKY_COLOR + i], light.numbers[HORIZON + i]
        color[i] = np.float32(0.75) * sky + np.float32(0.6) * haze
    opacity = np.float32(drops.opacity)
    for layer in range(len(_RADII_M)):
        radius, depth = np.float32(_RADII_M[layer]), np.float32(_DEPTHS_M[layer])
        for k in range(len(tiles.tiles)):
            d, t = tiles.directions[tiles.tiles[k]], gbuffer.t[k]
            turn = light.world_R_sensor[tiles.table_of_tile[k]]
            for lane in range(LANES):
                x = turn[0, 0] * d[0, lane] + turn[0, 1] * d[1, lane] + turn[0, 2] * d[2, lane]
                y = turn[1, 0] * d[0, lane] + turn[1, 1] * d[1, lane] + turn[1, 2] * d[2, lane]
                z = turn[2, 0] * d[0, lane] + turn[2, 1] * d[1, lane] + turn[2, 2] * d[2, lane]
                across = np.sqrt(x * x + y * y)
                # Behind the surface, or too near the vertical for the cylinder.
                if t[lane] * across < radius or across < np.float32(0.2) * abs(z):
                    continue
                u, v = radius * np.float32(np.arctan2(y, x)), radius * z / across
                cover = _cover(u, v, radius, depth, np.float32(pixel_rad), layer, drops)
                if cover > _ZERO:
                    cover *= opacity
                    for i in range(3):
                        hdr[k, i, lane] += cover * (color[i] - hdr[k, i, lane])


@inline
def _cover(u, v, radius, depth, pixel_rad, layer, drops):
    """Part of the pixel at (u, v) metres on a cylinder that a drop covers, 0 to 1."""
    width, length = np.float32(drops.width_m), np.float32(drops.length_m)
    pixel = radius * pixel_rad
    # Cells that hold half a drop each on average, twice as tall as a streak.
    tall = np.float32(2.0) * length
    wide = np.float32(0.5) / (np.float32(drops.per_m3) * depth * tall)
    least = np.float32(2.0) * width
    share = np.float32(0.5)
    if wide < least:
        share = min(np.float32(0.5) * least / wide, np.float32(0.95))
        wide = least
    seed = drops.seed * 8 + layer
    column = np.float32(np.floor(u / wide))
    # Columns are shifted against each other, so that no rows show.
    shift = tall * hash_cell(int(column), 0, seed + 5003)
    row = np.float32(np.floor((v + shift) / tall))
    if hash_cell(int(column), int(row), seed) > share:
        return _ZERO
    beside = (column + np.float32(0.5)) * wide
    beside += (wide - width) * (hash_cell(int(column), int(row), seed + 9001) - np.float32(0.5))
    middle = row + np.float32(0.3) + np.float32(0.4) * hash_cell(int(column), int(row), seed + 77)
    reach = np.float32(0.5) * (width + pixel) - abs(u - beside)
    along = np.float32(0.5) * length - abs(v + shift - middle * tall)
    if reach <= _ZERO or along <= _ZERO:
        return _ZERO
    # Narrower than a pixel: it covers its own part of it, and where a pixel spans many cells the
    # one that is looked at stands for all of them. Ends fade out.
    full = min(width / min(pixel, wide), _ONE)
    edge = min(reach / min(width, pixel), _ONE)
    return full * edge * min(np.float32(4.0) * along / length, _ONE)
