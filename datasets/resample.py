"""Brings sensors of different rates onto one row of times, and says what that did to them.

Three policies, chosen by what a field is, never by the kind of sensor:

    nearest      the sample whose capture is nearest in time; for pictures, masks, ids, point clouds
    hold         the newest sample that was there: what a robot knows; never looks ahead
    interpolate  between the samples before and after; for a few real numbers that vary smoothly.
                 Angles take the shorter way round, quaternions turn evenly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from fleetloop.core.clock import NS_PER_S
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import slerp
from fleetloop.core.spec import Field

Policy = Literal["nearest", "hold", "interpolate"]
Ints = npt.NDArray[np.int64]

_SMALL = 64
"""Fields with more numbers than this are grids or clouds, whose entries are not one quantity."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Alignment:
    """Which samples stand for which times.

    Attributes:
        policy: How they were chosen.
        number: Sample for each time, (n,); -1 where there is none.
        following: The next sample, for `interpolate`, (n,); equal to `number` elsewhere.
        weight: Part of `following`, (n,), 0 to 1.
        shift_ns: Capture time of what stands in, minus the wanted time, (n,); 0 where interpolated.
    """

    policy: Policy
    number: Ints
    following: Ints
    weight: npt.NDArray[np.float64]
    shift_ns: Ints

    @property
    def valid(self) -> npt.NDArray[np.bool_]:
        """Where there is a sample at all, (n,)."""
        return np.asarray(self.number >= 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResampleReport:
    """What aligning did to a signal.

    Attributes:
        policy: See the module; `none` for a signal that was taken as it is.
        wanted, missing: Times asked for, and those without any sample.
        repeated: Times served by the same sample as the time before.
        unused: Samples that stand for no time: lost to a reader of the result.
        largest_shift_s, mean_shift_s: Distance in time between what was wanted and what was taken.
    """

    policy: str
    wanted: int
    missing: int
    repeated: int
    unused: int
    largest_shift_s: float
    mean_shift_s: float


def policy_of(name: str, field: Field, *, causal: bool) -> Policy:
    """The policy for a field.

    Args:
        name: Of the field.
        field: What it holds.
        causal: Whether the result may hold only what was known at each time.
    """
    if causal:
        return "hold"
    real = field.dtype.startswith("float") and math.prod(field.shape) <= _SMALL
    return "interpolate" if real else "nearest"


def fixed_times_ns(first_ns: int, last_ns: int, rate_hz: float) -> Ints:
    """Times from `first_ns` up to `last_ns`, the k-th at first + k / rate rounded down, (n,).

    Raises:
        ConfigError: The rate is not a positive number.
    """
    if not (math.isfinite(rate_hz) and rate_hz > 0.0):
        raise ConfigError(f"The rate {rate_hz!r} Hz is not possible: use a number > 0.")
    # A fraction keeps the k-th time exact for rates such as 29.97, where float sums would drift.
    numerator, denominator = rate_hz.as_integer_ratio() if rate_hz % 1 else (int(rate_hz), 1)
    count = (last_ns - first_ns) * numerator // (NS_PER_S * denominator) + 1
    steps = range(max(count, 0))
    return np.array(
        [first_ns + k * NS_PER_S * denominator // numerator for k in steps], dtype=np.int64
    )


def align(source_ns: npt.ArrayLike, wanted_ns: npt.ArrayLike, policy: Policy) -> Alignment:
    """Chooses samples for times.

    Args:
        source_ns: Times of the samples, (m,), never decreasing.
        wanted_ns: Times to serve, (n,).
        policy: See the module.

    Raises:
        ConfigError: An unknown policy.
    """
    if policy not in get_args(Policy):
        raise ConfigError(f"The policy {policy!r} is none of: {', '.join(get_args(Policy))}.")
    source = np.asarray(source_ns, dtype=np.int64)
    wanted = np.asarray(wanted_ns, dtype=np.int64)
    if len(source) == 0:
        none = np.full(len(wanted), -1, dtype=np.int64)
        return Alignment(
            policy=policy, number=none, following=none, weight=np.zeros(len(wanted)),
            shift_ns=np.zeros(len(wanted), dtype=np.int64),
        )  # fmt: skip
    before = np.searchsorted(source, wanted, side="right") - 1
    if policy == "hold":
        number = following = before
        weight = np.zeros(len(wanted))
        shift = np.where(before >= 0, source[np.maximum(before, 0)] - wanted, 0)
    else:
        low = np.maximum(before, 0)
        high = np.minimum(before + 1, len(source) - 1)
        gap = source[high] - source[low]
        inside = (before >= 0) & (gap > 0)
        part = np.where(inside, (wanted - source[low]) / np.maximum(gap, 1), 0.0)
        if policy == "nearest":
            # Of two that are equally near the earlier one: it was known first.
            number = following = np.where(part > 0.5, high, low)
            weight = np.zeros(len(wanted))
            shift = source[number] - wanted
        else:
            number, following, weight = low, np.where(inside, high, low), part
            shift = np.where(inside, 0, source[low] - wanted)
    return Alignment(
        policy=policy, number=number, following=following, weight=weight, shift_ns=shift
    )


def resample(
    values: npt.NDArray[Any], alignment: Alignment, name: str, field: Field
) -> npt.NDArray[Any]:
    """Values at the wanted times.

    Args:
        values: All samples of a field, (m, ...).
        alignment: Made for these samples; every time must be valid.
        name: Of the field: one that ends in `quaternion_xyzw` is turned, not mixed.
        field: Its unit says whether it is an angle.

    Returns:
        (n, ...), of the dtype of `values`.
    """
    first = values[alignment.number]
    if alignment.policy != "interpolate":
        return first
    second = values[alignment.following]
    if name.endswith("quaternion_xyzw"):
        return slerp(first, second, alignment.weight).astype(values.dtype)
    weight = alignment.weight.reshape(-1, *(1,) * (values.ndim - 1))
    difference = second.astype(np.float64) - first
    if field.unit == "rad":
        difference = np.where(
            np.abs(difference) > math.pi, np.angle(np.exp(1j * difference)), difference
        )
    return np.asarray(first + weight * difference).astype(values.dtype)


def report(alignment: Alignment, source_count: int) -> ResampleReport:
    """What an alignment does to a signal with so many samples."""
    valid = alignment.valid
    used = np.union1d(alignment.number[valid], alignment.following[valid])
    shift_s = np.abs(alignment.shift_ns[valid]) / NS_PER_S
    numbers = alignment.number[valid]
    same = np.diff(numbers) == 0
    if alignment.policy == "interpolate":
        same = np.zeros_like(same)
    return ResampleReport(
        policy=alignment.policy,
        wanted=len(alignment.number),
        missing=int(np.count_nonzero(~valid)),
        repeated=int(np.count_nonzero(same)),
        unused=source_count - len(used),
        largest_shift_s=float(shift_s.max(initial=0.0)),
        mean_shift_s=float(shift_s.mean()) if len(shift_s) else 0.0,
    )
