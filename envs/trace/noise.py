"""Deterministic noise for procedural looks: integer hashes and value noise, no tables, no sines.

The hash is a 32-bit multiply-xorshift mixer in the manner of Wang and of Jenkins' one-at-a-time;
it is exact integer arithmetic, so the same place has the same noise on every machine.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np

from fleetloop.envs.trace.jit import inline

_A = np.uint32(374761393)
_B = np.uint32(668265263)
_C = np.uint32(2246822519)
_D = np.uint32(3266489917)
_THIRTEEN = np.uint32(13)
_FIFTEEN = np.uint32(15)
_SIXTEEN = np.uint32(16)
_ONE = np.float32(1.0)
_TWO = np.float32(2.0)
_THREE = np.float32(3.0)
_EIGHT = np.uint32(8)
_SCALE = np.float32(1.0 / 16777216.0)


@inline
def hash_cell(x, y, seed):
    """An even float32 in [0, 1) for a cell of an integer grid; in 32 bits, for vectors."""
    return _mixed(np.uint32(np.uint32(x) * _A + np.uint32(y) * _B + np.uint32(seed) * _C))


@inline
def _mixed(h):
    h = np.uint32(np.uint32(h ^ (h >> _FIFTEEN)) * _C)
    h = np.uint32(np.uint32(h ^ (h >> _THIRTEEN)) * _D)
    # 24 bits are all that a float32 holds; as a signed number they become one in one instruction.
    return np.float32(np.int32(np.uint32(h ^ (h >> _SIXTEEN)) >> _EIGHT)) * _SCALE


@inline
def value_noise(x, y, seed):
    """Smooth noise in [0, 1), one bump per unit: corners of the cell blended by smoothstep.

    The corners are those of `hash_cell`; its products are linear, so neighbours share them.
    """
    fx, fy = np.floor(x), np.floor(y)
    tx, ty = x - np.float32(fx), y - np.float32(fy)
    tx, ty = tx * tx * (_THREE - _TWO * tx), ty * ty * (_THREE - _TWO * ty)
    left = np.uint32(np.uint32(np.int32(fx)) * _A)
    above = np.uint32(np.uint32(np.int32(fy)) * _B + np.uint32(seed) * _C)
    right, below = np.uint32(left + _A), np.uint32(above + _B)
    a, b = _mixed(np.uint32(left + above)), _mixed(np.uint32(right + above))
    c, d = _mixed(np.uint32(left + below)), _mixed(np.uint32(right + below))
    low = a + tx * (b - a)
    return low + ty * (c + tx * (d - c) - low)


@inline
def filtered_noise(x, y, footprint, seed):
    """Noise around zero, -0.5 to 0.5, that fades to zero where a pixel is wider than its bumps.

    Args:
        x, y: Place, in bumps.
        footprint: Width of the pixel, in bumps.
        seed: Any integer.
    """
    keep = _ONE - (footprint - np.float32(0.4)) * np.float32(1.25)
    if keep <= np.float32(0.0):
        return np.float32(0.0)
    keep = keep if keep < _ONE else _ONE
    return keep * (value_noise(x, y, seed) - np.float32(0.5))


@inline
def box_step(distance, half_width, footprint):
    """How much of a pixel lies inside a stripe, 0 to 1.

    Args:
        distance: From the stripe's middle to the pixel's middle, >= 0.
        half_width: Of the stripe.
        footprint: Width of the pixel across the stripe.
    """
    soft = footprint if footprint > np.float32(1e-6) else np.float32(1e-6)
    right = (half_width - distance) / soft + np.float32(0.5)
    left = (half_width + distance) / soft + np.float32(0.5)
    right = min(max(right, np.float32(0.0)), _ONE)
    left = min(max(left, np.float32(0.0)), _ONE)
    covered = right + left - _ONE
    # Stripes thinner than a pixel cover only their own part of it.
    thin = _TWO * half_width / soft
    return min(max(covered, np.float32(0.0)), thin if thin < _ONE else _ONE)
