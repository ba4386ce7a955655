"""What a real lens does to the light beside projecting it: dark corners and coloured edges."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.lens import Lens
from fleetloop.envs.trace.jit import kernel

Light = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Optics:
    """Errors of a lens; all zero is a perfect one, which costs nothing.

    Attributes:
        cos_power: Light falls off as the cosine of the angle to the axis to this power: 4 is the
            natural law of a lens without pupil aberration [Hecht, "Optics", 5th ed., 6.4].
        vignette: Coefficients v1, v2, ... of the gain 1 + v1 r^2 + v2 r^4 + ..., with r = 1 at the
            corner that is furthest from the principal point; the radial model of Adobe's DNG
            specification 1.4 (FixVignetteRadial), here for the darkening instead of its cure.
        chromatic: Lateral chromatic aberration: by how much the red and the blue image are larger
            than the green one, as a part of it; 0.001 shifts a corner 400 px out by 0.4 px. The
            two are resampled bilinearly from the green image's rays, at a thirtieth or less of what
            two more grids of rays would cost; the outermost pixels repeat the border.
    """

    cos_power: float = 0.0
    vignette: tuple[float, ...] = ()
    chromatic: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        if not 0.0 <= self.cos_power <= 16.0:
            raise ConfigError(f"cos_power of optics is {self.cos_power}: use 0 to 16.")
        radius = np.linspace(0.0, 1.0, 101)
        if not (np.isfinite(self.vignette).all() and (_radial(self.vignette, radius) >= 0.0).all()):
            raise ConfigError(
                f"vignette {self.vignette} makes light negative between middle and corner: choose "
                "coefficients with 1 + v1 r^2 + v2 r^4 + ... >= 0 for r up to 1."
            )
        if len(self.chromatic) != 2 or not all(abs(c) <= 0.05 for c in self.chromatic):
            raise ConfigError(
                f"chromatic of optics is {self.chromatic}: use two numbers, red and blue, within "
                "0.05 of zero."
            )

    @property
    def is_perfect(self) -> bool:
        """Whether light passes as it is."""
        return self.cos_power == 0.0 and not any(self.vignette) and not any(self.chromatic)


def falloff(optics: Optics, lens: Lens) -> Light:
    """Part of the light that arrives at each pixel, (height, width) float32."""
    directions = lens.directions().astype(np.float64)
    cosine = directions[..., 2] / np.linalg.norm(directions, axis=-1)
    natural = np.maximum(cosine, 0.0) ** optics.cos_power
    rows, columns = np.mgrid[0 : lens.height_px, 0 : lens.width_px]
    radius = np.hypot(columns - lens.cx_px, rows - lens.cy_px)
    part = natural * _radial(optics.vignette, radius / max(float(radius.max()), 1e-9))
    return np.asarray(part, np.float32)


def through_optics(optics: Optics, lens: Lens, part: Light, light: Light) -> Light:
    """Light (height, width, 3) behind the lens.

    Args:
        optics: Of the lens.
        lens: Its principal point is what colours grow from.
        part: From `falloff`.
        light: Before it.
    """
    behind = np.empty_like(light)
    red, blue = optics.chromatic
    scales = np.array([1.0 / (1.0 + red), 1.0, 1.0 / (1.0 + blue)], np.float32)
    _bend(light, part, scales, np.float32(lens.cx_px), np.float32(lens.cy_px), behind)
    return behind


def _radial(
    coefficients: tuple[float, ...], radius: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    gain = np.ones_like(radius)
    for power, coefficient in enumerate(coefficients, start=1):
        gain = gain + coefficient * radius ** (2 * power)
    return gain


@kernel
def _bend(
    light: Light,
    part: Light,
    scales: Light,
    cx: float,
    cy: float,
    behind: Light,
) -> None:
    """Darkens all channels and resamples those whose scale is not one."""
    height, width = part.shape
    one, zero = np.float32(1.0), np.float32(0.0)
    last_x, last_y = np.float32(width - 1), np.float32(height - 1)
    for channel in range(3):
        scale = scales[channel]
        if scale == one:
            for r in range(height):
                for c in range(width):
                    behind[r, c, channel] = light[r, c, channel] * part[r, c]
            continue
        for r in range(height):
            y = min(max(cy + (np.float32(r) - cy) * scale, zero), last_y)
            r0 = min(np.int64(y), height - 2)
            fy = y - np.float32(r0)
            for c in range(width):
                x = min(max(cx + (np.float32(c) - cx) * scale, zero), last_x)
                c0 = min(np.int64(x), width - 2)
                fx = x - np.float32(c0)
                upper = light[r0, c0, channel] * (one - fx) + light[r0, c0 + 1, channel] * fx
                lower = (
                    light[r0 + 1, c0, channel] * (one - fx) + light[r0 + 1, c0 + 1, channel] * fx
                )
                behind[r, c, channel] = (upper + fy * (lower - upper)) * part[r, c]


def corner_shift_px(optics: Optics, lens: Lens) -> float:
    """Largest shift between two colours in the image, pixels."""
    reach = math.hypot(
        max(lens.cx_px, lens.width_px - 1 - lens.cx_px),
        max(lens.cy_px, lens.height_px - 1 - lens.cy_px),
    )
    red, blue = optics.chromatic
    return reach * (max(red, blue, 0.0) - min(red, blue, 0.0))
