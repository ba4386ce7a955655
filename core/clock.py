"""Simulated time: a whole number of physics ticks, told in integer nanoseconds.

A tick of 1/240 s is no whole number of nanoseconds. The tick counter is therefore the truth and
nanoseconds are computed from it, `t_ns = floor(tick * 1e9 / physics_hz)`: time never drifts,
however long an episode is, and never depends on how it was split into steps.

A sensor captures on physics ticks alone, so its period must be a whole number of them. What
happens within a capture (the rows of a rolling shutter, the columns of a sweep) has its own
offsets; see `fleetloop.envs.trace`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from numbers import Real

from fleetloop.core.errors import ConfigError

NS_PER_S = 1_000_000_000


def ns_from_s(time_s: float) -> int:
    """Seconds to the nearest integer nanosecond (ties to even).

    Raises:
        ConfigError: The time is not finite.
    """
    if not math.isfinite(time_s):
        raise ConfigError(f"The time {time_s!r} s is not finite: pass a number of seconds.")
    return round(Fraction(time_s) * NS_PER_S)


def s_from_ns(time_ns: int) -> float:
    """Integer nanoseconds to seconds, correctly rounded."""
    return time_ns / NS_PER_S


@dataclass(frozen=True, slots=True)
class TickRate:
    """The physics rate: converts between ticks and nanoseconds.

    Attributes:
        hz: Ticks per second of simulated time, a whole number.

    Raises:
        ConfigError: The rate is not a whole number from 1 to 100 000.
    """

    hz: int

    def __post_init__(self) -> None:
        if isinstance(self.hz, bool) or not isinstance(self.hz, int) or not 1 <= self.hz <= 100_000:
            raise ConfigError(
                f"The physics rate {self.hz!r} Hz is not possible: use a whole number from 1 to "
                "100000, such as 240."
            )

    @property
    def dt_s(self) -> float:
        """Length of a tick in seconds."""
        return 1.0 / self.hz

    def ns(self, tick: int) -> int:
        """Time of a tick in nanoseconds, rounded down."""
        return tick * NS_PER_S // self.hz

    def tick_at_or_after(self, time_ns: int) -> int:
        """The first tick whose time is not before `time_ns`."""
        return -(-time_ns * self.hz // NS_PER_S)

    def period_ticks(self, rate_hz: float, what: str = "rate") -> int:
        """Ticks between two captures at `rate_hz`.

        Args:
            rate_hz: Captures per second; a fraction such as 12.5 or 0.5 is fine where it divides.
            what: Name of the thing in error messages.

        Raises:
            ConfigError: The rate is not positive, is faster than physics, or its period is no
                whole number of ticks; the message names the nearest rates that are.
        """
        if not _is_finite_number(rate_hz) or rate_hz <= 0:
            raise ConfigError(f"The {what} {rate_hz!r} Hz is not possible: use a number > 0.")
        if rate_hz > self.hz:
            raise ConfigError(
                f"The {what} {rate_hz:g} Hz is faster than physics at {self.hz} Hz: lower it, or "
                f"raise the physics rate."
            )
        # A rate written with a decimal point, such as 16.667, means the fraction near by.
        period = Fraction(self.hz) / Fraction(rate_hz).limit_denominator(1000)
        if period.denominator != 1:
            below, above = math.floor(period), math.ceil(period)
            raise ConfigError(
                f"The {what} {rate_hz:g} Hz does not divide the physics rate of {self.hz} Hz: its "
                f"period would be {float(period):.4g} ticks. Nearest that do: "
                f"{self.hz / above:g} and {self.hz / below:g} Hz."
            )
        return int(period)


def _is_finite_number(value: object) -> bool:
    # Asked at run time too: rates come from JSON and from users without a type checker.
    return isinstance(value, Real) and math.isfinite(value)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a sensor captures: every `period_ticks`, first at tick `phase_ticks`.

    Raises:
        ConfigError: The period is not positive, or the phase is not in `[0, period)`.
    """

    period_ticks: int
    phase_ticks: int = 0

    def __post_init__(self) -> None:
        if self.period_ticks < 1:
            raise ConfigError(f"The period of {self.period_ticks} ticks must be at least 1.")
        if not 0 <= self.phase_ticks < self.period_ticks:
            raise ConfigError(
                f"The phase of {self.phase_ticks} ticks must lie in [0, {self.period_ticks}), the "
                "period: shift by less than one period."
            )

    def is_due(self, tick: int) -> bool:
        """Whether a capture happens at this tick."""
        return tick >= self.phase_ticks and (tick - self.phase_ticks) % self.period_ticks == 0

    def sequence(self, tick: int) -> int:
        """Number of the last capture at or before `tick`, from 0; -1 before the first."""
        return (tick - self.phase_ticks) // self.period_ticks if tick >= self.phase_ticks else -1

    def due_ticks(self, after_tick: int, until_tick: int) -> range:
        """All capture ticks in `(after_tick, until_tick]`, in order."""
        first = self.sequence(after_tick) + 1
        last = self.sequence(until_tick)
        start = self.phase_ticks + first * self.period_ticks
        return range(start, self.phase_ticks + last * self.period_ticks + 1, self.period_ticks)
