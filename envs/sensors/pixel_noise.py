"""Normal random numbers for millions of pixels: counter-based, so any pixel's can be had alone.

A number follows from a key and a counter by integer hashing, as in counter-based generators
[Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"], so it depends neither on the
order of the work nor on threads, and a pattern that is fixed for an episode is eight bytes of key
instead of an image. Keys come from the sensor's own `np.random.Generator`.

The hash is the two-round multiply-xorshift mixer `lowbias32` [Wellons 2018, "Prospecting for hash
functions"], once over the counter and once more with the second half of the key. Two words make
two independent normal numbers [Box and Muller 1958, "A note on the generation of random normal
deviates"]; logarithm, sine and cosine are polynomials, so the whole loop is vectorised, and no step
depends on a maths library: the same key gives the same bytes on every machine. The largest
deviation is 6.6 standard deviations.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.jit import inline, kernel

Key = npt.NDArray[np.uint32]
"""Two words that name a stream of numbers, (2,)."""

# Numba widens every operation on 32-bit integers to 64; narrowing each result keeps sixteen lanes.
_U, _S, _F = np.uint32, np.int32, np.float32

_GOLDEN = _U(0x9E3779B9)
_ROUND_1, _ROUND_2 = _U(0x7FEB352D), _U(0x846CA68B)
_BITS_1, _BITS_2, _BITS_8, _BITS_15, _BITS_16 = _U(1), _U(2), _U(8), _U(15), _U(16)

# ln m on [1, 2): Chebyshev fit of degree six, error 1.7e-6.
_L0, _L1, _L2, _L3, _L4, _L5, _L6 = (
    _F(c)
    for c in (-2.1034265, 4.2211943, -3.6748648, 2.2523587, -0.8650217, 0.1871757, -0.017414078)
)
_LN2, _WORD_BITS, _TWO, _ZERO = _F(math.log(2.0)), _F(32.0), _F(2.0), _F(0.0)
_MANTISSA, _EXPONENT_ONE, _EXPONENT_SHIFT, _BIAS = _S(0x7FFFFF), _S(0x3F800000), _S(23), _S(127)
_PART = _F(1.0 / 16_777_216.0)

# Cosine and sine of a quarter turn times [0, 1): their power series, error under 5e-7 and 4e-6.
_C0, _C1, _C2, _C3, _C4, _C5 = (
    _F((-1) ** k * (math.pi / 2) ** (2 * k) / math.factorial(2 * k)) for k in range(6)
)
_S0, _S1, _S2, _S3, _S4 = (
    _F((-1) ** k * (math.pi / 2) ** (2 * k + 1) / math.factorial(2 * k + 1)) for k in range(5)
)


def new_key(rng: np.random.Generator) -> Key:
    """Draws a key."""
    return rng.integers(0, 2**32, 2, dtype=np.uint32)


@inline
def mixed(word):
    """A 32-bit word whose bits all depend on all bits of `word`."""
    word = _U(word ^ (word >> _BITS_16))
    word = _U(word * _ROUND_1)
    word = _U(word ^ (word >> _BITS_15))
    word = _U(word * _ROUND_2)
    return _U(word ^ (word >> _BITS_16))


@inline
def random_word(counter, key_0, key_1):
    """An even 32-bit word for a counter."""
    return mixed(_U(mixed(_U(_U(_U(counter) * _GOLDEN) + key_0)) ^ key_1))


@inline
def uniform(counter, key_0, key_1):
    """An even float32 in [0, 1) for a counter."""
    return _F(_U(random_word(counter, key_0, key_1) >> _BITS_8)) * _PART


@inline
def normal_pair(counter, key_0, key_1):
    """Two independent standard normal float32 for a counter."""
    first = mixed(_U(_U(_U(counter) * _GOLDEN) + key_0))
    second = mixed(_U(first ^ key_1))
    number = _F(_U(first | _BITS_1))
    bits = number.view(_S)
    exponent = _S(_S(bits >> _EXPONENT_SHIFT) - _BIAS)
    m = _S(_S(bits & _MANTISSA) | _EXPONENT_ONE).view(_F)
    log_m = _L0 + m * (_L1 + m * (_L2 + m * (_L3 + m * (_L4 + m * (_L5 + m * _L6)))))
    square = _TWO * ((_WORD_BITS - _F(exponent)) * _LN2 - log_m)
    radius = np.sqrt(max(square, _ZERO))
    # A quarter turn from 24 bits; the two lowest bits choose the signs, hence the quadrant.
    q = _F(_U(second >> _BITS_8)) * _PART
    s = q * q
    cosine = _C0 + s * (_C1 + s * (_C2 + s * (_C3 + s * (_C4 + s * _C5))))
    sine = q * (_S0 + s * (_S1 + s * (_S2 + s * (_S3 + s * _S4))))
    cosine = cosine if second & _BITS_1 else -cosine
    sine = sine if second & _BITS_2 else -sine
    return radius * cosine, radius * sine


@kernel
def _fill_normal(key, first, second):
    key_0, key_1 = key[0], key[1]
    for i in range(len(first)):
        a, b = normal_pair(_U(i), key_0, key_1)
        first[i] = a
        second[i] = b


@kernel
def _fill_uniform(key, out):
    key_0, key_1 = key[0], key[1]
    for i in range(len(out)):
        out[i] = uniform(_U(i), key_0, key_1)


def normal_pairs(key: Key, count: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Two independent standard normal numbers for each counter below `count`, (count,) each."""
    first, second = np.empty((2, count), np.float32)
    _fill_normal(key, first, second)
    return first, second


def normal_image(key: Key, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Standard normal float32 of any shape."""
    count = math.prod(shape)
    pair = normal_pairs(key, -(-count // 2))
    return np.concatenate(pair)[:count].reshape(shape)


def uniform_image(key: Key, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Even float32 in [0, 1) of any shape."""
    out = np.empty(math.prod(shape), np.float32)
    _fill_uniform(key, out)
    return out.reshape(shape)
