"""The sky: a gradient from horizon to zenith, the sun with its glow, clouds that drift by seed.

The gradient's colours come from `light.illumination`; here is only how they spread over the dome.
Fog takes the horizon's colour, so that far things fade into the sky and not in front of it.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np

from fleetloop.envs.trace.blend import choose
from fleetloop.envs.trace.jit import inline
from fleetloop.envs.trace.layout import LANES
from fleetloop.envs.trace.light import (
    CLOUD_SEED,
    CLOUDINESS,
    HORIZON,
    NIGHT,
    SUN_COLOR,
    SUN_WORLD,
    ZENITH,
)
from fleetloop.envs.trace.noise import value_noise

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
# The disc has 0.266 degrees of radius; a pixel of a small camera is wider, so it is softened.
_SUN_EDGE = np.float32(0.99996)
_SUN_SOFT = np.float32(2e-5)
_SUN_RADIANCE = np.float32(40.0)
_CLOUD_SCALE = np.float32(0.55)


@inline
def sky_radiance(dx, dy, dz, numbers, out):
    """Writes the radiance from a direction, without clouds, into `out[0:3]`: for reflections.

    Args:
        dx, dy, dz: Unit direction, world.
        numbers: `LightArrays.numbers`.
        out: At least 3 float32.
    """
    up = dz if dz > _ZERO else _ZERO
    share = np.float32(np.sqrt(up))
    share = share * (np.float32(1.35) - np.float32(0.35) * share)
    for i in range(3):
        out[i] = numbers[HORIZON + i] + share * (numbers[ZENITH + i] - numbers[HORIZON + i])
    toward = dx * numbers[SUN_WORLD] + dy * numbers[SUN_WORLD + 1] + dz * numbers[SUN_WORLD + 2]
    glow = _sun_glow(max(toward, _ZERO))
    for i in range(3):
        out[i] += numbers[SUN_COLOR + i] * glow


@inline
def _sun_glow(toward):
    """The sun's disc and the glow around it, by the cosine (0 or more) of the angle to it."""
    square = toward * toward
    fourth = square * square
    wide = fourth * fourth
    narrow = wide * wide * wide * wide
    narrow = narrow * narrow * narrow * narrow
    disc = (toward - _SUN_EDGE) / _SUN_SOFT + np.float32(0.5)
    disc = min(max(disc, _ZERO), _ONE)
    return np.float32(0.10) * wide + np.float32(0.5) * narrow + disc * _SUN_RADIANCE


# Offsets into the scratch of `sky_tile`.
_X = 0  # directions, world, unit
_Y = LANES
_Z = 2 * LANES
_CLOUD_X = 3 * LANES
_CLOUD_Y = 4 * LANES
_THICK = 5 * LANES
_DENSE = 6 * LANES
_SHARE = 7 * LANES  # how far from the horizon's colour to the zenith's
_GLOW = 8 * LANES  # of the sun
SKY_FLOATS = 9 * LANES
_OCTAVES = 4


@inline
def sky_tile(d, turn, numbers, f, bits):
    """Directions of all lanes and the clouds there, into the scratch; `sky_line` makes colours.

    Args:
        d: (3, LANES) directions, ray frame.
        turn: (3, 3) world_R_sensor.
        numbers: `LightArrays.numbers`.
        f, bits: Scratch of SKY_FLOATS, as float32 and as int32.
    """
    x, y, z = d[0], d[1], d[2]
    r0, r1, r2 = turn[0, 0], turn[0, 1], turn[0, 2]
    r3, r4, r5 = turn[1, 0], turn[1, 1], turn[1, 2]
    r6, r7, r8 = turn[2, 0], turn[2, 1], turn[2, 2]
    sx, sy, sz = numbers[SUN_WORLD], numbers[SUN_WORLD + 1], numbers[SUN_WORLD + 2]
    for k in range(LANES):
        inverse = _ONE / np.sqrt(x[k] * x[k] + y[k] * y[k] + z[k] * z[k])
        wx = (r0 * x[k] + r1 * y[k] + r2 * z[k]) * inverse
        wy = (r3 * x[k] + r4 * y[k] + r5 * z[k]) * inverse
        wz = (r6 * x[k] + r7 * y[k] + r8 * z[k]) * inverse
        # Below the horizon clouds are not drawn: any place will do there.
        above = wz if wz > _ZERO else _ZERO
        scale = _CLOUD_SCALE / (above + np.float32(0.08))
        f[_X + k] = wx
        f[_Y + k] = wy
        f[_Z + k] = wz
        f[_CLOUD_X + k] = wx * scale
        f[_CLOUD_Y + k] = wy * scale
        f[_THICK + k] = _ZERO
        share = np.sqrt(above)
        f[_SHARE + k] = share * (np.float32(1.35) - np.float32(0.35) * share)
        toward = wx * sx + wy * sy + wz * sz
        f[_GLOW + k] = _sun_glow(toward if toward > _ZERO else _ZERO)
    threshold = np.float32(0.62) - np.float32(0.40) * numbers[CLOUDINESS]
    seed = int(numbers[CLOUD_SEED]) + 101
    weight = np.float32(0.5)
    for octave in range(_OCTAVES):
        for k in range(LANES):
            px, py = f[_CLOUD_X + k], f[_CLOUD_Y + k]
            f[_THICK + k] += weight * value_noise(px, py, seed + octave)
            f[_CLOUD_X + k] = px * np.float32(2.0) + np.float32(17.3)
            f[_CLOUD_Y + k] = py * np.float32(2.0) + np.float32(9.1)
        # The octaves to come add less than one weight more: no cloud here, whatever they are.
        if _most(bits, f) + weight <= threshold:
            break
        weight *= np.float32(0.5)
    for k in range(LANES):
        dense = (f[_THICK + k] - threshold) * np.float32(4.0)
        dense = min(max(dense, _ZERO), _ONE)
        # Near the horizon clouds melt into the haze.
        fade = (f[_Z + k] - np.float32(0.02)) * np.float32(6.0)
        fade = min(max(fade, _ZERO), _ONE)
        f[_DENSE + k] = np.float32(0.9) * dense * fade


@inline
def _most(bits, f):
    """The thickest of all lanes; floats from 0 up are ordered as their bits are."""
    most = np.int32(0)
    for k in range(LANES):
        value = bits[_THICK + k]
        most = value if value > most else most
    bits[_DENSE] = most
    return f[_DENSE]


@inline
def sky_line(i, numbers, veil, instance, f, line):
    """One colour channel of the sky, on the lanes that met nothing.

    Args:
        i: The channel.
        numbers: `LightArrays.numbers`.
        veil: How much of it fog hides, 0 to 1.
        instance: (LANES,) below 0 where nothing was met.
        f: The scratch, after `sky_tile`.
        line: (LANES,) written.
    """
    horizon, zenith, sun = numbers[HORIZON + i], numbers[ZENITH + i], numbers[SUN_COLOR + i]
    lit = np.float32(0.62) * sun + np.float32(0.55) * horizon
    lit *= _ONE - np.float32(0.5) * numbers[NIGHT]
    for k in range(LANES):
        color = horizon + f[_SHARE + k] * (zenith - horizon) + sun * f[_GLOW + k]
        grey = lit * (np.float32(1.12) - np.float32(0.55) * f[_THICK + k])
        color += f[_DENSE + k] * (grey - color)
        color += veil * (horizon - color)
        line[k] = choose(instance[k] < 0, color, line[k])
