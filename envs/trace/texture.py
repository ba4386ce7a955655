"""Pictures on surfaces: one flat pool with mip-maps, sampled with bilinear weights.

Texels are kept in linear light as float32 RGB; mip levels are box-filtered there, so that a far
chessboard is the right grey. Sampling blends the two nearest levels (trilinear). u grows to the
right, v upwards, and pictures repeat.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, import-untyped"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types

from fleetloop.core.errors import ConfigError
from fleetloop.envs.trace.blend import choose
from fleetloop.envs.trace.jit import emitted, inline
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

    def copy(self) -> TexturePool:
        """An independent pool with the same textures; their texels are shared."""
        return TexturePool(self.texels, self.meta, dict(self._row_of))

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
_WEIGHTS = 4 * LANES  # 4 x LANES: of the texels of one level
COLORS = 8 * LANES  # out: linear colour and a zero, four numbers for each lane
TEXTURE_FLOATS = 12 * LANES
_X = 0
_Y = LANES
_CORNERS = 2 * LANES  # 4 x LANES: the texels
TEXTURE_INTEGERS = 6 * LANES

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_STEP = np.int32(1)
_MANY = np.int32(1 << 20)
# Within this part of a level to either side only that level is fetched; between, two are blended.
_PURE = np.float32(0.2)


@inline
def sample_tile(texels, meta, texture, mine, metric, u, v, f, bits, i):
    """Linear colours of the lanes that show one row, into f[COLORS].

    Levels are visited one by one, so that their sizes are scalars: places and weights then come
    from loops that vectorise, and only the texels are fetched lane by lane, each as one vector.

    Args:
        texels, meta: Arrays of the pool.
        texture: First level of the texture.
        mine: (LANES,) masks of the lanes to sample, from `blend.mark`.
        metric: Factor of the texture coordinates.
        u, v: (LANES,) texture coordinates; pictures repeat.
        f, bits: Scratch of TEXTURE_FLOATS, as float32 and as int32; f[WIDTH_U] is filled.
        i: Scratch of TEXTURE_INTEGERS.
    """
    low, high = _levels(meta, texture, mine, f, bits, i)
    for k in range(4 * LANES):
        f[COLORS + k] = _ZERO
    for level in range(low, high + 1):
        _texels_of(meta, texture + level, np.float32(level), mine, metric, u, v, f, i)
        for k in range(LANES):
            a, b = np.uint32(i[_CORNERS + k]), np.uint32(i[_CORNERS + LANES + k])
            c, d = np.uint32(i[_CORNERS + 2 * LANES + k]), np.uint32(i[_CORNERS + 3 * LANES + k])
            wa, wb = f[_WEIGHTS + k], f[_WEIGHTS + LANES + k]
            wc, wd = f[_WEIGHTS + 2 * LANES + k], f[_WEIGHTS + 3 * LANES + k]
            if wa + wb + wc + wd > _ZERO:
                add_texels(texels, a, b, c, d, wa, wb, wc, wd, f, COLORS + 4 * k)


@inline
def _levels(meta, texture, mine, f, bits, i):
    """The mip level of each lane; returns the lowest and the highest."""
    side = np.float32(max(meta[texture, WIDTH], meta[texture, HEIGHT]))
    top = np.float32(meta[texture, LEVELS] - 1)
    for k in range(LANES):
        span = side * f[WIDTH_U + k]
        f[_SPAN + k] = choose((span > _ONE) & (mine[k] != 0), span, _ONE)
    # A float is 2^e x m with m in 1..2; log2(m) is a parabola through its ends, good to 0.01.
    for k in range(LANES):
        bits[_MANTISSA + k] = (bits[_SPAN + k] & np.int32(0x7FFFFF)) | np.int32(0x3F800000)
    for k in range(LANES):
        i[_X + k] = (bits[_SPAN + k] >> np.int32(23)) - np.int32(127)
    for k in range(LANES):
        m = f[_MANTISSA + k]
        level = np.float32(i[_X + k]) + (
            (np.float32(2.0) - m * np.float32(1.0 / 3.0)) * m - np.float32(5.0 / 3.0)
        )
        level = level if level > _ZERO else _ZERO
        level = level if level < top else top
        whole = np.floor(level)
        part = (level - whole - _PURE) * (_ONE / (_ONE - _PURE - _PURE))
        part = part if part > _ZERO else _ZERO
        f[_LEVEL + k] = whole + (part if part < _ONE else _ONE)
    low, high = _MANY, np.int32(0)
    for k in range(LANES):
        under, over = np.int32(f[_LEVEL + k]), np.int32(np.ceil(f[_LEVEL + k]))
        under, over = choose(mine[k] != 0, under, _MANY), choose(mine[k] != 0, over, np.int32(0))
        low = under if under < low else low
        high = over if over > high else high
    return low, high


@inline
def _texels_of(meta, level, number, mine, metric, u, v, f, i):
    """The four texels of a level around each lane's place, and how much each of them counts."""
    begin, width, height = meta[level, BEGIN], meta[level, WIDTH], meta[level, HEIGHT]
    wide, tall = np.float32(width), np.float32(height)
    for k in range(LANES):
        x, y = metric * u[k], metric * v[k]
        x, y = (x - np.floor(x)) * wide - _HALF, (_ONE - (y - np.floor(y))) * tall - _HALF
        left, above = np.floor(x), np.floor(y)
        right, down = x - left, y - above
        share = _ONE - abs(f[_LEVEL + k] - number)
        share = choose((share > _ZERO) & (mine[k] != 0), share, _ZERO)
        up, under = share * (_ONE - down), share * down
        f[_WEIGHTS + k] = up * (_ONE - right)
        f[_WEIGHTS + LANES + k] = up * right
        f[_WEIGHTS + 2 * LANES + k] = under * (_ONE - right)
        f[_WEIGHTS + 3 * LANES + k] = under * right
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


@emitted
def add_texels(typingctx, texels, a, b, c, d, wa, wb, wc, wd, out, at):
    """out[at : at + 4] += wa texels[a] + wb texels[b] + wc texels[c] + wd texels[d].

    A texel is four numbers side by side, so each is one vector load. Written out channel by channel
    it is a dozen loads, which LLVM does not join.
    """
    place, number = types.uint64, types.float32
    signature = types.void(texels, *(place,) * 4, *(number,) * 4, out, place)

    def emit(context, builder, signature, args):
        four = ir.VectorType(ir.FloatType(), 4)

        def pointer(array, index):
            typ = signature.args[array]
            data = context.make_array(typ)(context, builder, args[array]).data
            at = builder.gep(data, [index], source_etype=ir.FloatType())
            return builder.bitcast(at, four.as_pointer())

        def spread(weight):
            lane = builder.insert_element(ir.Constant(four, ir.Undefined), weight, _lane(0))
            zeros = ir.Constant(ir.VectorType(ir.IntType(32), 4), None)
            return builder.shuffle_vector(lane, ir.Constant(four, ir.Undefined), zeros)

        total = None
        for index, weight in zip(args[1:5], args[5:9], strict=True):
            texel = pointer(0, builder.shl(index, ir.Constant(ir.IntType(64), 2)))
            part = builder.fmul(builder.load(texel, align=4, typ=four), spread(weight))
            total = part if total is None else builder.fadd(total, part)
        target = pointer(9, args[10])
        total = builder.fadd(builder.load(target, align=4, typ=four), total)
        builder.store(total, target, align=4)
        return context.get_dummy_value()

    return signature, emit


def _lane(value):
    return ir.Constant(ir.IntType(32), value)
