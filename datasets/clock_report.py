"""How well the clocks of a recording keep time: rate, jitter, worst deviation, delay of arrival.

The grid of a topic begins at its first capture after the reset and has one place a capture number,
`t_k = t_1 + (k - 1) / rate`; what deviates from it is told, drops or not. The capture at the reset
stands outside of the schedule, since every sensor captures then whatever its phase.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.core.clock import NS_PER_S
from fleetloop.datasets.recording import RecordedEpisode

LIMIT_US = 1.0
"""What a clock may deviate from its grid; a physics tick is rounded to a nanosecond."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicClock:
    """One topic over all episodes.

    Attributes:
        topic: As in the log.
        messages: How many.
        missing: Captures whose number was skipped: dropped on their way.
        rate_hz: Nominal; 0 where a topic has none.
        measured_hz: Captures per second of simulated time, skipped ones counted.
        jitter_us: Standard deviation of the captures from their grid.
        worst_us: Largest deviation.
        delay_ms, worst_delay_ms: From capture to arrival: mean, and largest.
    """

    topic: str
    messages: int
    missing: int
    rate_hz: float
    measured_hz: float
    jitter_us: float
    worst_us: float
    delay_ms: float
    worst_delay_ms: float

    @property
    def holds(self) -> bool:
        """Whether it deviates by less than `LIMIT_US`."""
        return self.worst_us < LIMIT_US


class ClockBook:
    """Gathers the clocks of one episode after another; keeps sums alone."""

    def __init__(self) -> None:
        self._topics: dict[str, _Sums] = {}

    def add(self, episode: RecordedEpisode) -> None:
        """Takes the times of all sensors and of the steps; decodes no message."""
        for name in episode.schemas:
            rate_hz = episode.calibration.sensors[name].rate_hz
            self._of(f"/sensor/{name}", rate_hz).add(
                episode.sequence(name), episode.times_ns(name), episode.times_ns(name, "arrived"),
                skip=1,
            )  # fmt: skip
        times = episode.step_times_ns
        rate_hz = float(episode.meta.config.get("control_hz", 0.0))
        self._of("/step", rate_hz).add(np.arange(len(times)), times, times, skip=0)

    def clocks(self) -> tuple[TopicClock, ...]:
        """What was found, in the order of the topics."""
        return tuple(sums.told(topic) for topic, sums in self._topics.items())

    def _of(self, topic: str, rate_hz: float) -> _Sums:
        return self._topics.setdefault(topic, _Sums(rate_hz))


class _Sums:
    def __init__(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self.messages = self.missing = self.on_grid = 0
        self.periods, self.span_ns = 0, 0
        self.off_ns = self.off_squared = self.worst_ns = 0.0
        self.delay_ns = self.worst_delay_ns = 0.0

    def add(self, number: Ints, captured_ns: Ints, arrived_ns: Ints, skip: int) -> None:
        self.messages += len(number)
        if not len(number):
            return
        delay = (arrived_ns - captured_ns).astype(np.float64)
        self.delay_ns += float(delay.sum())
        self.worst_delay_ns = max(self.worst_delay_ns, float(delay.max()))
        self.missing += int(number[-1] - number[0] + 1 - len(number))
        number, captured_ns = number[skip:] - number[skip : skip + 1], captured_ns[skip:]
        if len(number) < 2:
            return
        self.periods += int(number[-1])
        self.span_ns += int(captured_ns[-1] - captured_ns[0])
        if self.rate_hz <= 0.0:
            return
        # Whole nanoseconds first: a float of an hour in ns has lost the last of them.
        whole, part = np.divmod(number * NS_PER_S, self.rate_hz)
        off = (captured_ns - captured_ns[0] - whole.astype(np.int64)) - part / self.rate_hz
        self.on_grid += len(off)
        self.off_ns += float(off.sum())
        self.off_squared += float((off**2).sum())
        self.worst_ns = max(self.worst_ns, float(np.abs(off).max()))

    def told(self, topic: str) -> TopicClock:
        mean = self.off_ns / max(self.on_grid, 1)
        variance = self.off_squared / max(self.on_grid, 1) - mean * mean
        return TopicClock(
            topic=topic,
            messages=self.messages,
            missing=self.missing,
            rate_hz=self.rate_hz,
            measured_hz=self.periods / self.span_ns * NS_PER_S if self.span_ns else 0.0,
            jitter_us=math.sqrt(max(variance, 0.0)) * 1e-3,
            worst_us=self.worst_ns * 1e-3,
            delay_ms=self.delay_ns / max(self.messages, 1) * 1e-6,
            worst_delay_ms=self.worst_delay_ns * 1e-6,
        )


def clock_lines(clocks: tuple[TopicClock, ...]) -> Iterator[str]:
    """A table for people, and one line that says whether all hold."""
    wide = max((len(clock.topic) for clock in clocks), default=0)
    heads: Mapping[str, str] = {
        "samples": "messages", "missing": "missing", "rate Hz": "rate_hz",
        "measured": "measured_hz", "jitter us": "jitter_us", "worst us": "worst_us",
        "delay ms": "delay_ms", "largest": "worst_delay_ms",
    }  # fmt: skip
    yield f"  {'':{wide}} " + " ".join(f"{head:>10}" for head in heads)
    for clock in clocks:
        figures = " ".join(f"{getattr(clock, name):10.6g}" for name in heads.values())
        yield f"  {clock.topic:{wide}} {figures}"
    late = [clock.topic for clock in clocks if not clock.holds]
    worst_us = max((clock.worst_us for clock in clocks), default=0.0)
    verdict = f"too much in {', '.join(late)}" if late else "ok"
    yield f"  largest deviation of a capture from its grid {worst_us:.4f} us: {verdict}"
