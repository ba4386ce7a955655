"""Pictures on surfaces: one flat pool with mip-maps, sampled with bilinear weights.

Texels are kept in linear light as float32 RGB; mip levels are box-filtered there, so that a far
chessboard is the right grey. Sampling blends the two nearest levels (trilinear). u grows to the
right, v upwards, and pictures repeat.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.envs.trace.jit import inline

MAX_SIDE = 8192

# Columns of TexturePool.meta, int32: one row for each mip level of each texture.
BEGIN = 0  # first texel
WIDTH = 1
HEIGHT = 2
LEVELS = 3  # how many levels follow, this one included
META_COLUMNS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Texture:
    """A picture.

    Attributes:
        pixels: (height, width, 3) uint8 sRGB, top row first.

    Raises:
        ConfigError: Another shape or type, or a side above 8192.
    """

    pixels: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        pixels = np.asarray(self.pixels)
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise ConfigError(
                f"A texture must be (height, width, 3) uint8, got {pixels.dtype}{pixels.shape}."
            )
        if not 1 <= min(pixels.shape[:2]) <= max(pixels.shape[:2]) <= MAX_SIDE:
            raise ConfigError(
                f"A texture of {pixels.shape[:2]} texels: use sides of 1 to {MAX_SIDE}."
            )
        frozen = np.array(pixels, order="C")
        frozen.setflags(write=False)
        object.__setattr__(self, "pixels", frozen)


@dataclass(slots=True)
class TexturePool:
    """All textures of a scene with their mip levels, end to end.

    Attributes:
        texels: (n, 3) float32, linear RGB.
        meta: (levels of all textures, META_COLUMNS) int32.
    """

    texels: npt.NDArray[np.float32] = field(
        default_factory=lambda: np.zeros((1, 3), dtype=np.float32)
    )
    meta: npt.NDArray[np.int32] = field(
        default_factory=lambda: np.zeros((0, META_COLUMNS), dtype=np.int32)
    )
    _row_of: dict[Texture, int] = field(default_factory=dict)

    def add(self, texture: Texture) -> int:
        """Returns the first row of a texture in `meta`, adding it if it is new."""
        row = self._row_of.get(texture)
        if row is not None:
            return row
        levels = mip_levels(linear_from_srgb(texture.pixels))
        begin = len(self.texels)
        rows = []
        for number, level in enumerate(levels):
            height, width = level.shape[:2]
            rows.append((begin, width, height, len(levels) - number))
            begin += width * height
        row = len(self.meta)
        self.texels = np.concatenate([self.texels, *(level.reshape(-1, 3) for level in levels)])
        self.meta = np.concatenate([self.meta, np.array(rows, dtype=np.int32)])
        self._row_of[texture] = row
        return row


def linear_from_srgb(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """SRGB bytes to linear light, 0 to 1 (IEC 61966-2-1)."""
    value = np.arange(256) / 255.0
    curve = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.asarray(curve.astype(np.float32)[pixels])


def mip_levels(image: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """The image and its halves down to one texel, (h, w, 3) each; odd sides keep their last row."""
    levels = [np.ascontiguousarray(image)]
    while max(levels[-1].shape[:2]) > 1:
        last = levels[-1]
        padded = np.pad(last, ((0, last.shape[0] % 2), (0, last.shape[1] % 2), (0, 0)), "edge")
        if last.shape[0] == 1:
            padded = np.repeat(last, 2, axis=0)
            padded = np.pad(padded, ((0, 0), (0, last.shape[1] % 2), (0, 0)), "edge")
        if last.shape[1] == 1:
            padded = np.repeat(padded[:, :1], 2, axis=1)
        halves = padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2, 3)
        levels.append(np.ascontiguousarray(halves.mean(axis=(1, 3), dtype=np.float32)))
    return levels


@inline
def sample_texture(texels, meta, row, u, v, footprint, out):
    """Writes the linear colour at (u, v) into `out[0:3]`.

    Args:
        texels, meta: Arrays of the pool.
        row: First level of the texture.
        u, v: Texture coordinates; pictures repeat.
        footprint: Width of the pixel on the surface in texture coordinates.
    """
    last = meta[row, LEVELS] - 1
    span = np.float32(max(meta[row, WIDTH], meta[row, HEIGHT])) * footprint
    level = np.float32(0.0)
    if span > np.float32(1.0):
        level = np.float32(np.log2(span))
    if level > np.float32(last):
        level = np.float32(last)
    lower = int(level)
    upper = lower + 1 if lower < last else lower
    share = level - np.float32(lower)
    out[0] = np.float32(0.0)
    out[1] = np.float32(0.0)
    out[2] = np.float32(0.0)
    _add_bilinear(texels, meta, row + lower, u, v, np.float32(1.0) - share, out)
    if share > np.float32(0.0):
        _add_bilinear(texels, meta, row + upper, u, v, share, out)


@inline
def _add_bilinear(texels, meta, row, u, v, weight, out):
    width, height, begin = meta[row, WIDTH], meta[row, HEIGHT], meta[row, BEGIN]
    x = (u - np.float32(np.floor(u))) * np.float32(width) - np.float32(0.5)
    y = (np.float32(1.0) - (v - np.float32(np.floor(v)))) * np.float32(height) - np.float32(0.5)
    fx, fy = np.float32(np.floor(x)), np.float32(np.floor(y))
    tx, ty = x - fx, y - fy
    x0, y0 = int(fx), int(fy)
    x0 = x0 + width if x0 < 0 else x0
    y0 = y0 + height if y0 < 0 else y0
    x0 = x0 - width if x0 >= width else x0
    y0 = y0 - height if y0 >= height else y0
    x1 = x0 + 1 if x0 + 1 < width else 0
    y1 = y0 + 1 if y0 + 1 < height else 0
    one = np.float32(1.0)
    w00, w10 = weight * (one - tx) * (one - ty), weight * tx * (one - ty)
    w01, w11 = weight * (one - tx) * ty, weight * tx * ty
    a, b = begin + y0 * width + x0, begin + y0 * width + x1
    c, d = begin + y1 * width + x0, begin + y1 * width + x1
    for i in range(3):
        out[i] += w00 * texels[a, i] + w10 * texels[b, i] + w01 * texels[c, i] + w11 * texels[d, i]
