"""The sky: a gradient from horizon to zenith, the sun with its glow, clouds that drift by seed.

The gradient's colours come from `light.illumination`; here is only how they spread over the dome.
Fog takes the horizon's colour, so that far things fade into the sky and not in front of it.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201

from __future__ import annotations

import numpy as np

from fleetloop.envs.trace.jit import inline
from fleetloop.envs.trace.light import (
    CLOUD_SEED,
    CLOUDINESS,
    HORIZON,
    NIGHT,
    SUN_COLOR,
    SUN_WORLD,
    ZENITH,
)
from fleetloop.envs.trace.noise import fractal_noise

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
# The disc has 0.266 degrees of radius; a pixel of a small camera is wider, so it is softened.
_SUN_EDGE = np.float32(0.99996)
_SUN_SOFT = np.float32(2e-5)
_SUN_RADIANCE = np.float32(40.0)
_CLOUD_SCALE = np.float32(0.55)


@inline
def sky_radiance(dx, dy, dz, numbers, clouds, out):
    """Writes the radiance from a direction into `out[0:3]`.

    Args:
        dx, dy, dz: Unit direction, world.
        numbers: `LightArrays.numbers`.
        clouds: Whether to draw clouds; reflections leave them out.
        out: At least 3 float32.
    """
    up = dz if dz > _ZERO else _ZERO
    share = np.float32(np.sqrt(up))
    share = share * (np.float32(1.35) - np.float32(0.35) * share)
    for i in range(3):
        out[i] = numbers[HORIZON + i] + share * (numbers[ZENITH + i] - numbers[HORIZON + i])
    toward = dx * numbers[SUN_WORLD] + dy * numbers[SUN_WORLD + 1] + dz * numbers[SUN_WORLD + 2]
    if toward > _ZERO:
        square = toward * toward
        fourth = square * square
        wide = fourth * fourth
        narrow = wide * wide * wide * wide
        narrow = narrow * narrow * narrow * narrow
        for i in range(3):
            out[i] += numbers[SUN_COLOR + i] * (np.float32(0.10) * wide + np.float32(0.5) * narrow)
        disc = (toward - _SUN_EDGE) / _SUN_SOFT + np.float32(0.5)
        disc = min(max(disc, _ZERO), _ONE)
        for i in range(3):
            out[i] += disc * _SUN_RADIANCE * numbers[SUN_COLOR + i]
    if clouds and dz > np.float32(0.02):
        _add_clouds(dx, dy, dz, numbers, out)


@inline
def _add_clouds(dx, dy, dz, numbers, out) -> None:
    cover = numbers[CLOUDINESS]
    scale = _CLOUD_SCALE / (dz + np.float32(0.08))
    seed = int(numbers[CLOUD_SEED])
    thick = fractal_noise(dx * scale, dy * scale, 4, seed + 101)
    threshold = np.float32(0.62) - np.float32(0.40) * cover
    dense = (thick - threshold) * np.float32(4.0)
    dense = min(max(dense, _ZERO), _ONE)
    # Near the horizon clouds melt into the haze.
    fade = (dz - np.float32(0.02)) * np.float32(6.0)
    dense *= fade if fade < _ONE else _ONE
    for i in range(3):
        lit = np.float32(0.62) * numbers[SUN_COLOR + i] + np.float32(0.55) * numbers[HORIZON + i]
        grey = lit * (np.float32(1.12) - np.float32(0.55) * thick)
        grey *= _ONE - np.float32(0.5) * numbers[NIGHT]
        out[i] += np.float32(0.9) * dense * (grey - out[i])
