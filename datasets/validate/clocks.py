"""Do all clocks go as the rates, phases and latencies say?

Capture number k of a sensor must lie k periods after its first scheduled one, to within the
rounding of a tick to nanoseconds; it must arrive within latency and jitter, never before its
predecessor; and the first sample of every sensor must be of the reset itself, so that the first
observation is never stale.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fleetloop.core.clock import NS_PER_S
from fleetloop.core.types import Sample, Step
from fleetloop.datasets.calibration import SensorCalibration
from fleetloop.datasets.log.reader import Record
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.validate.base import Finding

TOLERANCE_NS = 1_000
"""One microsecond; a physics tick is rounded to a nanosecond."""


@dataclass(slots=True)
class _Clock:
    anchor: tuple[int, int] | None = None
    last: Sample | None = None
    worst_ns: int = 0
    largest_delay_ns: int = 0


class ClockCheck:
    """See the module."""

    def __init__(self, episode: RecordedEpisode) -> None:
        self._calibration = episode.calibration.sensors
        self._clocks = {name: _Clock() for name in episode.schemas}
        self._control_hz = float(episode.meta.config.get("control_hz", 0.0))
        self._last_step_ns = 0
        self._worst_step_ns = 0
        self._findings: dict[tuple[str, str], list[str]] = {}

    def add(self, record: Record) -> None:
        """Looks at the times alone."""
        if isinstance(record, Sample):
            self._sample(record)
        elif isinstance(record, Step):
            self._step(record)

    def finish(self) -> Iterator[Finding]:
        """What did not hold, each kind once with its first place and number."""
        for (where, what), details in self._findings.items():
            more = f" and {len(details) - 1} more" if len(details) > 1 else ""
            yield Finding(
                severity="error", check="clocks", where=where, message=f"{what}: {details[0]}{more}"
            )

    def measures(self) -> Mapping[str, float]:
        """The worst of all clocks."""
        clocks = self._clocks.values()
        return {
            "clock_error_us": max((c.worst_ns for c in clocks), default=0) * 1e-3,
            "step_clock_error_us": self._worst_step_ns * 1e-3,
            "largest_latency_ms": max((c.largest_delay_ns for c in clocks), default=0) * 1e-6,
        }

    def _sample(self, sample: Sample) -> None:
        name, clock = sample.sensor, self._clocks[sample.sensor]
        sensor, last = self._calibration[name], clock.last
        if last is None:
            if sample.t_capture_ns != 0 or sample.t_arrival_ns != 0 or sample.seq != 0:
                self._add(
                    name, "the first sample is not of the reset",
                    f"number {sample.seq}, captured at {sample.t_capture_ns} ns, there at "
                    f"{sample.t_arrival_ns} ns",
                )  # fmt: skip
        else:
            if sample.t_capture_ns <= last.t_capture_ns:
                self._add(name, "captures do not increase", f"at {sample.t_capture_ns} ns")
            if sample.t_arrival_ns < last.t_arrival_ns:
                self._add(name, "it arrives before its predecessor", f"number {sample.seq}")
            if sensor.rate_hz > 0.0:
                self._against_rate(sample, sensor, clock)
            self._against_latency(sample, last, sensor)
        clock.largest_delay_ns = max(
            clock.largest_delay_ns, sample.t_arrival_ns - sample.t_capture_ns
        )
        clock.last = sample

    def _against_rate(self, sample: Sample, sensor: SensorCalibration, clock: _Clock) -> None:
        if clock.anchor is None:
            # The capture at the reset stands outside of the schedule.
            clock.anchor = (sample.seq, sample.t_capture_ns)
        seq, t_ns = clock.anchor
        expected = t_ns + round((sample.seq - seq) * NS_PER_S / sensor.rate_hz)
        wrong = abs(sample.t_capture_ns - expected)
        clock.worst_ns = max(clock.worst_ns, wrong)
        if wrong > TOLERANCE_NS:
            self._add(
                sample.sensor, "captures are off their rate",
                f"number {sample.seq} by {wrong * 1e-3:.1f} us",
            )  # fmt: skip

    def _against_latency(self, sample: Sample, last: Sample, sensor: SensorCalibration) -> None:
        delay = sample.t_arrival_ns - sample.t_capture_ns
        low = sensor.latency_s * NS_PER_S - TOLERANCE_NS
        high = (sensor.latency_s + sensor.jitter_s) * NS_PER_S + TOLERANCE_NS
        # It may have waited for its predecessor, which arrives at the same time then.
        waited = sample.t_arrival_ns == last.t_arrival_ns
        if sensor.rate_hz > 0.0 and (delay < low or (delay > high and not waited)):
            self._add(
                sample.sensor, "it does not arrive within latency and jitter",
                f"number {sample.seq} after {delay * 1e-6:.3f} ms",
            )  # fmt: skip

    def _step(self, step: Step) -> None:
        if step.t_ns <= self._last_step_ns:
            self._add("step", "steps do not increase", f"at {step.t_ns} ns")
        self._last_step_ns = step.t_ns
        if self._control_hz > 0.0:
            expected = round((step.index + 1) * NS_PER_S / self._control_hz)
            wrong = abs(step.t_ns - expected)
            self._worst_step_ns = max(self._worst_step_ns, wrong)
            if wrong > TOLERANCE_NS:
                self._add("step", "steps are off their rate", f"{step.index} by {wrong} ns")

    def _add(self, where: str, what: str, detail: str) -> None:
        self._findings.setdefault((where, what), []).append(detail)
