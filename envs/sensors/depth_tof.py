"""Depth by the phase of modulated light: an indirect time-of-flight camera.

Light is modulated at f, so a surface at range r returns it with the phase 4 pi f r / c, and ranges
repeat after L = c / (2 f) [Hansard et al. 2012, "Time-of-flight cameras", chapter 1]. Each pixel
gathers it in four taps; with amplitude A and mean B electrons per tap the two differences of
opposite taps are 2 A cos and 2 A sin of the phase, each with the variance 2 B of its photons. So

    sd of range = L / (2 pi) * sqrt(B / 2) / A        [Lange and Seitz 2001, IEEE JQE 37(3)]

and grows as the signal falls with reflectivity, incidence and the square of the range. The rest
follows from adding waves instead of ranges: light of neighbours that the optics scatter into a
pixel makes *flying pixels* between foreground and background, stray light of the whole picture
pulls dark surfaces towards bright ones as multipath does, and what is beyond L wraps around.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_not_negative, check_positive
from fleetloop.core.errors import ConfigError
from fleetloop.envs.sensors.pixel_noise import Key, normal_pairs

Image = npt.NDArray[np.float32]
Waves = npt.NDArray[np.complex64]

LIGHT_M_S = 299_792_458.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TofModel:
    """Error model of a time-of-flight camera; the defaults are those of `depth_presets`.

    Attributes:
        modulation_hz: f; of a camera with several frequencies, that whose L is their common one.
        contrast: A / B of the signal's own light, 0 to 1.
        noise_sd_m: Standard deviation of the range to a facing surface ...
        noise_range_m: ... at this range ...
        noise_reflectivity: ... of this reflectivity in the infrared: a line of a data sheet.
        ambient: Mean electrons per tap from daylight on a white surface in full sun, relative to
            those of the data sheet's line; 0 also saves the shading.
        sd_limit_m: Pixels whose noise would be larger are not valid.
        scatter: Part of a pixel's light that falls on each of its eight neighbours' places.
        stray: Part of all light that is spread evenly over the picture.
        wiggle_m: Amplitude of the error that repeats four times over L, since the modulation is no
            pure sine [Lindner and Kolb 2006, "Lateral and depth calibration of PMD-distance
            sensors"].
    """

    modulation_hz: float = 20e6
    contrast: float = 0.8
    noise_sd_m: float = 0.017
    noise_range_m: float = 3.86
    noise_reflectivity: float = 0.15
    ambient: float = 0.0
    sd_limit_m: float = 0.034
    scatter: float = 0.01
    stray: float = 0.002
    wiggle_m: float = 0.004

    def __post_init__(self) -> None:
        positive = ("modulation_hz", "noise_sd_m", "noise_range_m", "sd_limit_m")
        check_positive(self, "a ToF model", *positive)
        for name in ("contrast", "noise_reflectivity"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ConfigError(f"{name} of a ToF model is {getattr(self, name)}: use 0 to 1.")
        if not 0.0 <= self.scatter <= 0.1 or not 0.0 <= self.stray <= 0.5:
            raise ConfigError(
                f"scatter {self.scatter} and stray {self.stray} of a ToF model: use 0 to 0.1 and 0 "
                "to 0.5."
            )
        check_not_negative(self, "a ToF model", "ambient", "wiggle_m", infinite=True)

    @property
    def ambiguity_m(self) -> float:
        """L: ranges are known up to multiples of it."""
        return LIGHT_M_S / (2.0 * self.modulation_hz)

    @property
    def data_sheet_e(self) -> float:
        """Amplitude in electrons for which the data sheet's line holds, without ambient light."""
        part = self.ambiguity_m / (2.0 * math.pi * self.noise_sd_m)
        return part * part / (2.0 * self.contrast)


def tof_amplitude(
    model: TofModel,
    range_m: Image,
    incidence: Image,
    reflectivity: Image,
    hit: npt.NDArray[np.bool_],
) -> Image:
    """Electrons of amplitude that each pixel's own surface returns, (height, width)."""
    at_1_m = model.data_sheet_e * model.noise_range_m**2 / model.noise_reflectivity
    square = np.maximum(range_m, np.float32(0.05)) ** 2
    returned = np.float32(at_1_m) * reflectivity * np.maximum(incidence, np.float32(0.0)) / square
    return np.where(hit, returned, np.float32(0.0)).astype(np.float32)


def measure_tof(
    model: TofModel, range_m: Image, amplitude_e: Image, daylight: Image | None, key: Key | None
) -> tuple[Image, Image, npt.NDArray[np.bool_]]:
    """What the camera makes of the light that returns.

    Args:
        model: Errors.
        range_m: True ranges along the rays, (height, width).
        amplitude_e: From `tof_amplitude`, dimmed by whatever is on the glass.
        daylight: Radiance from the scene, in units of a white surface in full sun; None in the
            dark.
        key: Names the noise; None leaves photons even, but keeps the systematic errors.

    Returns:
        Ranges (height, width), amplitudes in electrons, and which pixels are valid.
    """
    per_m = 2.0 * math.pi / model.ambiguity_m
    phase = (per_m * range_m.astype(np.float64)).astype(np.float32)
    wave = amplitude_e * np.exp(np.complex64(1j) * phase)
    wave = _scattered(wave, model)
    mean = np.abs(wave) / np.float32(model.contrast)
    if daylight is not None and model.ambient > 0.0:
        mean = mean + np.float32(model.ambient * model.data_sheet_e / model.contrast) * daylight
    if key is not None:
        # Half the difference of two taps has half the variance of a tap.
        spread = np.sqrt(mean * np.float32(0.5))
        first, second = normal_pairs(key, wave.size)
        noise = first.reshape(wave.shape) + np.complex64(1j) * second.reshape(wave.shape)
        wave = wave + spread * noise
    seen = np.abs(wave)
    found = np.mod(np.angle(wave), np.float32(2.0 * math.pi)) / np.float32(per_m)
    found = found + np.float32(model.wiggle_m) * np.sin(np.float32(4.0 * per_m) * found)
    sd_m = np.sqrt(mean * np.float32(0.5)) / np.maximum(seen, np.float32(1e-3)) / np.float32(per_m)
    valid = (sd_m <= np.float32(model.sd_limit_m)) & (seen > 0.0)
    return found.astype(np.float32), seen.astype(np.float32), valid


def _scattered(wave: Waves, model: TofModel) -> Waves:
    """Waves with what falls on a pixel from its eight neighbours and from the whole picture."""
    if model.scatter > 0.0:
        padded = np.pad(wave, 1, mode="edge")
        rows = padded[:-2] + padded[1:-1] + padded[2:]
        near = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
        wave = wave + np.float32(model.scatter) * (near - np.float32(9.0) * wave)
    if model.stray > 0.0:
        mean = np.complex64(wave.mean(dtype=np.complex128))
        wave = wave + np.float32(model.stray) * (mean - wave)
    return wave.astype(np.complex64)
