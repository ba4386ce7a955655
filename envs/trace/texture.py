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
from fleetloop.envs.trace.layout import LANES

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
        texels: (n, 4) float32, linear RGB and a zero: whole texels are one vector load.
        meta: (levels of all textures, META_COLUMNS) int32.
    """

    texels: npt.NDArray[np.float32] = field(
        default_factory=lambda: np.zeros((1, 4), dtype=np.float32)
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
        padded = [np.pad(level.reshape(-1, 3), ((0, 0), (0, 1))) for level in levels]
        self.texels = np.concatenate([self.texels, *padded])
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


# Offsets into the scratch of `sample_tile`: floats (seen as integers too), then integers.
WIDTH_U = 0  # in: width of the pixel on the surface, in texture coordinates
_SPAN = LANES
_MANTISSA = 2 * LANES
_LEVEL = 3 * LANES  # mip level, with a fraction
_RIGHT = 4 * LANES  # place between the four texels around it
_DOWN = 5 * LANES
RED = 6 * LANES  # out: linear colour
GREEN = 7 * LANES
BLUE = 8 * LANES
TEXTURE_FLOATS = 9 * LANES
_X = 0
_Y = LANES
_CORNERS = 2 * LANES  # 4 x LANES: the texels
TEXTURE_INTEGERS = 6 * LANES

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_STEP = np.int32(1)


@inline
def sample_tile(texels, meta, texture, row, instance, u, v, f, bits, i):
    """Linear colours of the lanes that show one row, into f[RED], f[GREEN] and f[BLUE].

    Levels are visited one by one, so that their sizes are scalars: places and weights then come
    from loops that vectorise, and only the texels are fetched lane by lane.

    Args:
        texels, meta: Arrays of the pool.
        texture: First level of the texture.
        row, instance: Lanes with `instance[k] == row` are sampled.
        u, v: (LANES,) texture coordinates; pictures repeat.
        f, bits: Scratch of TEXTURE_FLOATS, as float32 and as int32; f[WIDTH_U] is filled.
        i: Scratch of TEXTURE_INTEGERS.
    """
    low, high = _levels(meta, texture, row, instance, f, bits, i)
    for k in range(LANES):
        f[RED + k] = _ZERO
        f[GREEN + k] = _ZERO
        f[BLUE + k] = _ZERO
    for level in range(int(low), int(np.ceil(high)) + 1):
        _texels_of(meta, texture + level, u, v, f, i)
        here = np.float32(level)
        for k in range(LANES):
            share = _ONE - abs(f[_LEVEL + k] - here)
            if share > _ZERO and instance[k] == row:
                _add_bilinear(texels, k, share, f, i)


@inline
def _levels(meta, texture, row, instance, f, bits, i):
    """The mip level of each lane; returns the lowest and the highest."""
    side = np.float32(max(meta[texture, WIDTH], meta[texture, HEIGHT]))
    top = np.float32(meta[texture, LEVELS] - 1)
    for k in range(LANES):
        span = side * f[WIDTH_U + k]
        f[_SPAN + k] = span if span > _ONE and instance[k] == row else _ONE
    # A float is 2^e x m with m in 1..2; log2(m) is a parabola through its ends, good to 0.01.
    for k in range(LANES):
        bits[_MANTISSA + k] = (bits[_SPAN + k] & np.int32(0x7FFFFF)) | np.int32(0x3F800000)
    for k in range(LANES):
        i[_X + k] = (bits[_SPAN + k] >> np.int32(23)) - np.int32(127)
    low, high = top, _ZERO
    for k in range(LANES):
        m = f[_MANTISSA + k]
        level = np.float32(i[_X + k]) + (
            (np.float32(2.0) - m * np.float32(1.0 / 3.0)) * m - np.float32(5.0 / 3.0)
        )
        level = level if level > _ZERO else _ZERO
        f[_LEVEL + k] = level if level < top else top
    for k in range(LANES):
        if instance[k] == row:
            low = min(low, f[_LEVEL + k])
            high = max(high, f[_LEVEL + k])
    return low, high


@inline
def _texels_of(meta, level, u, v, f, i):
    """The four texels of a level around each lane's place, and where it lies between them."""
    begin, width, height = meta[level, BEGIN], meta[level, WIDTH], meta[level, HEIGHT]
    wide, tall = np.float32(width), np.float32(height)
    for k in range(LANES):
        x = (u[k] - np.floor(u[k])) * wide - _HALF
        y = (_ONE - (v[k] - np.floor(v[k]))) * tall - _HALF
        left, above = np.floor(x), np.floor(y)
        f[_RIGHT + k] = x - left
        f[_DOWN + k] = y - above
        i[_X + k] = np.int32(left)
        i[_Y + k] = np.int32(above)
    for k in range(LANES):
        x, y = i[_X + k], i[_Y + k]
        # From -1 to the side itself: both ends wrap around.
        x = np.int32(x + width) if x < 0 else x
        y = np.int32(y + height) if y < 0 else y
        x = np.int32(x - width) if x >= width else x
        y = np.int32(y - height) if y >= height else y
        right = np.int32(x + _STEP) if x + _STEP < width else np.int32(0)
        below = np.int32(y + _STEP) if y + _STEP < height else np.int32(0)
        first, second = np.int32(begin + y * width), np.int32(begin + below * width)
        i[_CORNERS + k] = first + x
        i[_CORNERS + LANES + k] = first + right
        i[_CORNERS + 2 * LANES + k] = second + x
        i[_CORNERS + 3 * LANES + k] = second + right


@inline
def _add_bilinear(texels, k, share, f, i):
    """Adds a share of one level's colour to a lane."""
    a, b = np.uint32(i[_CORNERS + k]), np.uint32(i[_CORNERS + LANES + k])
    c, d = np.uint32(i[_CORNERS + 2 * LANES + k]), np.uint32(i[_CORNERS + 3 * LANES + k])
    right, down = f[_RIGHT + k], f[_DOWN + k]
    up, under = share * (_ONE - down), share * down
    wa, wb, wc, wd = up * (_ONE - right), up * right, under * (_ONE - right), under * right
    f[RED + k] += wa * texels[a, 0] + wb * texels[b, 0] + wc * texels[c, 0] + wd * texels[d, 0]
    f[GREEN + k] += wa * texels[a, 1] + wb * texels[b, 1] + wc * texels[c, 1] + wd * texels[d, 1]
    f[BLUE + k] += wa * texels[a, 2] + wb * texels[b, 2] + wc * texels[c, 2] + wd * texels[d, 2]
