"""The image sensor behind a lens: photons, electrons, noise, gain, bits, and the picture of them.

The chain follows EMVA Standard 1288 (release 4.0, section 2): photons arrive at random (Poisson),
electrons are read with noise, multiplied by a gain, and cut to bits. Pixels differ a little in
sensitivity (PRNU) and offset (DSNU), the same way in every frame of one sensor. So, in digits,

    variance = K^2 read_noise^2 + 1/12 + K (mean - black), K = gain (2^bits - 1 - black) / well.

A surface of albedo 1 in full sun fills the well in `full_sun_s`. Behind an f/2.8 lens it gives the
sensor 2,900 lx (100 klx / pi, times pi / 4 N^2, 90 % of it through the glass); at 4.1e15 photons
per second, square metre and lux, 3 um pixels and a quantum efficiency with colour filter of one
half that is 5.3e7 electrons per second: ten thousand in 0.2 ms.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_not_negative, check_positive
from fleetloop.core.errors import ConfigError
from fleetloop.envs.sensors.pixel_noise import Key, normal_pair
from fleetloop.envs.trace.jit import kernel

Digits = npt.NDArray[Any]
Tone = Literal["srgb", "power", "linear"]
Mosaic = Literal["none", "demosaiced", "raw"]

_TONES = ("srgb", "power", "linear")
_MOSAICS = ("none", "demosaiced", "raw")
_BITS = (8, 10, 12, 14, 16)

_BLOCK = 1024
_HALF_BLOCK = _BLOCK // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagerConfig:
    """Noise and digits of an image sensor; the defaults are a clean small automotive imager.

    Attributes:
        full_well_e: Electrons that a pixel holds.
        full_sun_s: Exposure in which a white surface in full sun fills it; see the module.
        read_noise_e: Standard deviation.
        prnu: Standard deviation of the pixels' sensitivities, as a part of the mean.
        dsnu_e: Standard deviation of their offsets.
        noise: False gives the exact picture.
        bits: Of a digit: 8, 10, 12, 14 or 16; above 8 the picture is uint16.
        black_level: Digit of no light at all; above 0 with the linear tone alone.
        tone: `srgb` (IEC 61966-2-1), `power` (1 / `gamma`) or `linear`.
        gamma: Of the `power` tone.
        mosaic: `none`: each pixel senses three colours. `demosaiced`: each pixel senses one colour
            through an RGGB filter [Bayer 1976, US patent 3971065], and the others are interpolated.
            `raw`: the mosaic itself, linear, in the field `raw`.
        jpeg_quality: 1 to 100: the picture as it looks after JPEG; None leaves it alone.
    """

    full_well_e: float = 10_000.0
    full_sun_s: float = 2e-4
    read_noise_e: float = 3.0
    prnu: float = 0.004
    dsnu_e: float = 0.8
    noise: bool = True
    bits: int = 8
    black_level: int = 0
    tone: Tone = "srgb"
    gamma: float = 2.2
    mosaic: Mosaic = "none"
    jpeg_quality: int | None = None

    def __post_init__(self) -> None:
        check_positive(self, "an imager", "full_well_e", "full_sun_s", "gamma")
        check_not_negative(self, "an imager", "read_noise_e", "prnu", "dsnu_e", infinite=True)
        for name, choices in (("tone", _TONES), ("mosaic", _MOSAICS), ("bits", _BITS)):
            if getattr(self, name) not in choices:
                raise ConfigError(
                    f"{name} of an imager is {getattr(self, name)!r}: use one of {choices}."
                )
        if not 0 <= self.black_level < self.top // 2:
            raise ConfigError(
                f"black_level of an imager is {self.black_level}: use 0 to below {self.top // 2}."
            )
        if self.black_level and not self.is_linear:
            raise ConfigError(
                f"black_level {self.black_level} does not survive the tone {self.tone!r}: use "
                "tone='linear', or mosaic='raw', or no black level."
            )
        if self.jpeg_quality is not None:
            if not 1 <= self.jpeg_quality <= 100:
                raise ConfigError(f"jpeg_quality is {self.jpeg_quality}: use 1 to 100, or None.")
            if self.bits != 8 or self.mosaic == "raw":
                raise ConfigError(
                    f"JPEG holds colour pictures of 8 bits, not bits={self.bits} with "
                    f"mosaic={self.mosaic!r}: leave jpeg_quality None for these."
                )

    @property
    def is_linear(self) -> bool:
        """Whether digits are proportional to light."""
        return self.tone == "linear" or self.mosaic == "raw"

    @property
    def top(self) -> int:
        """Largest digit."""
        return int(2**self.bits) - 1

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """Of the digits."""
        return np.uint8 if self.bits == 8 else np.uint16

    @property
    def digits_per_electron(self) -> float:
        """EMVA's K at gain 1 with linear digits."""
        return (self.top - self.black_level) / self.full_well_e


Defects = Callable[[Digits, int], Digits]
"""Puts broken pixels into digits, which are those of the silicon if it has a mosaic; the second
argument is the largest digit."""


def develop(
    config: ImagerConfig,
    light: npt.NDArray[np.float32],
    exposure_s: float,
    gain: float,
    silicon: Key,
    shot: Key,
    defects: Defects | None = None,
) -> Digits:
    """The picture of some light.

    Args:
        config: The imager.
        light: Linear radiance (height, width, 3), in units of a white surface in full sun.
        exposure_s: For how long light is gathered.
        gain: Digits are multiplied by it, noise and all.
        silicon: Names the fixed pattern of this piece of silicon.
        shot: Names the noise of this frame.
        defects: What is broken.

    Returns:
        (height, width, 3), or (height, width) for a raw mosaic; uint8 or uint16.
    """
    exact = functools.partial(_digitise, config, exposure_s, gain, silicon, shot)
    if config.mosaic == "none":
        picture = exact(light, config.top, config.black_level, _curve(config))
        picture = picture if defects is None else defects(picture, config.top)
        return _through_jpeg(config, picture)
    mosaic = _mosaic(light)
    if config.mosaic == "raw":
        raw = exact(mosaic, config.top, config.black_level, np.empty(0, config.dtype))
        return raw if defects is None else defects(raw, config.top)
    # Between mosaic and tone the digits have sixteen bits, so that shadows are not cut twice.
    black = round(config.black_level / config.top * _TOP_16)
    raw = exact(mosaic, _TOP_16, black, np.empty(0, np.uint16))
    raw = raw if defects is None else defects(raw, _TOP_16)
    return _through_jpeg(config, np.asarray(np.take(_tone_of_16_bits(config), _demosaic(raw))))


def level_of(
    config: ImagerConfig, light: npt.NDArray[np.float32], exposure_s: float, gain: float
) -> float:
    """Mean of the linear digits that some light would give, without noise, 0 to 1.

    It looks at every fourth pixel of every fourth row, as light meters look at blocks.
    """
    some = light[::4, ::4].astype(np.float64)
    return float(np.minimum(some * (exposure_s / config.full_sun_s * gain), 1.0).mean())


def _digitise(
    config: ImagerConfig,
    exposure_s: float,
    gain: float,
    silicon: Key,
    shot: Key,
    light: npt.NDArray[np.float32],
    top: int,
    black: int,
    curve: Digits,
) -> Digits:
    """Digits of the same shape as the light, of the curve's dtype; linear if it is empty."""
    digits = np.empty(light.shape, curve.dtype)
    numbers = np.array(
        [
            exposure_s / config.full_sun_s * config.full_well_e,
            gain / config.full_well_e,
            config.full_well_e,
            config.read_noise_e,
            config.prnu,
            config.dsnu_e,
            top - black,
            black,
            top,
        ],
        np.float32,
    )
    flat = np.ascontiguousarray(light, np.float32).reshape(-1)
    _expose(flat, numbers, config.noise, silicon, shot, curve, digits.reshape(-1))
    return digits


@kernel
def _expose(
    light: npt.NDArray[np.float32],
    numbers: npt.NDArray[np.float32],
    noise: bool,
    silicon: Key,
    shot: Key,
    curve: Digits,
    digits: Digits,
) -> None:
    """Light to digits, block by block so that nothing leaves the core's cache on the way.

    Args:
        light: (n,) linear.
        numbers: Electrons per light, parts of full scale per electron, full well, read noise,
            PRNU, DSNU, digits above black, black, largest digit.
        noise: Whether there is any.
        silicon, shot: Keys.
        curve: Digits by the root of the part of full scale; empty for linear digits.
        digits: (n,) to be filled.
    """
    per_light, per_electron, well = numbers[0], numbers[1], numbers[2]
    read_square, prnu, dsnu = numbers[3] * numbers[3], numbers[4], numbers[5]
    scale, black, top = numbers[6], numbers[7], numbers[8]
    zero, one, half = np.float32(0.0), np.float32(1.0), np.float32(0.5)
    last = np.float32(len(curve) - 1)
    drawn = np.empty(_BLOCK, np.float32)
    part = np.empty(_BLOCK, np.float32)
    index = np.empty(_BLOCK, np.int32)
    for begin in range(0, len(light), _BLOCK):
        count = min(_BLOCK, len(light) - begin)
        if noise:
            for j in range(_HALF_BLOCK):
                # A pair serves two pixels of a block; half of all counters stay unused.
                first, second = normal_pair(begin + j, shot[0], shot[1])
                drawn[j] = first
                drawn[j + _HALF_BLOCK] = second
            for j in range(count):
                unlike, offset = normal_pair(begin + j, silicon[0], silicon[1])
                mean = light[begin + j] * per_light * (one + prnu * unlike)
                # Poisson of many photons is normal with the mean as its variance: exact enough
                # above ten electrons, and below that the read noise hides the difference.
                spread = np.sqrt(max(mean, zero) + read_square)
                electrons = min(mean + spread * drawn[j] + dsnu * offset, well)
                part[j] = electrons * per_electron
        else:
            for j in range(count):
                part[j] = min(light[begin + j] * per_light, well) * per_electron
        if len(curve) > 0:
            for j in range(count):
                index[j] = np.int32(np.sqrt(min(max(part[j], zero), one)) * last + half)
            for j in range(count):
                digits[begin + j] = curve[index[j]]
        else:
            for j in range(count):
                index[j] = np.int32(min(max(part[j] * scale + black, zero), top) + half)
            for j in range(count):
                digits[begin + j] = index[j]


_TOP_16 = 65_535


def _mosaic(light: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What passes an RGGB filter, (height, width)."""
    seen = light[..., 1].copy()
    seen[0::2, 0::2] = light[0::2, 0::2, 0]
    seen[1::2, 1::2] = light[1::2, 1::2, 2]
    return seen


def _demosaic(raw: Digits) -> Digits:
    """Three colours for each pixel, by OpenCV's edge-aware interpolation, (height, width, 3)."""
    import cv2

    return cv2.cvtColor(raw, cv2.COLOR_BayerRGGB2RGB_EA)


def _through_jpeg(config: ImagerConfig, picture: Digits) -> Digits:
    if config.jpeg_quality is None:
        return picture
    import cv2

    # OpenCV takes the channels as blue, green, red, and the file's colours depend on that.
    done, data = cv2.imencode(
        ".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, config.jpeg_quality]
    )
    if not done:
        raise ConfigError(f"OpenCV cannot write a picture of shape {picture.shape} as JPEG.")
    seen: Any = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(seen[..., ::-1])


def _encoded(config: ImagerConfig, part: npt.NDArray[np.float64]) -> Digits:
    """Digits of parts of full scale, through the tone."""
    if config.tone == "srgb":
        high = 1.055 * part ** (1 / 2.4) - 0.055
        part = np.where(part <= 0.0031308, 12.92 * part, high)
    elif config.tone == "power":
        part = part ** (1.0 / config.gamma)
    table = np.rint(config.top * part).astype(config.dtype)
    table.setflags(write=False)
    return table


@functools.lru_cache(maxsize=32)
def _curve(config: ImagerConfig) -> Digits:
    """Digits over the root of the part of full scale, in steps of a tenth of a digit or so."""
    if config.is_linear:
        return np.empty(0, config.dtype)
    size = min(16 * 2**config.bits, 2**18)
    return _encoded(config, (np.arange(size) / (size - 1)) ** 2)


@functools.lru_cache(maxsize=32)
def _tone_of_16_bits(config: ImagerConfig) -> Digits:
    return _encoded(config, np.arange(_TOP_16 + 1) / _TOP_16)
