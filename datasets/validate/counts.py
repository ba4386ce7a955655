"""Are all samples there that the rates promise?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fleetloop.core.clock import NS_PER_S
from fleetloop.core.types import Sample
from fleetloop.datasets.calibration import SensorCalibration
from fleetloop.datasets.log.reader import Record
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.validate.base import Finding, Severity

SIGMAS = 5.0
"""A number of dropped samples further than this from what is likely is told."""


@dataclass(slots=True)
class _Seen:
    count: int = 0
    last_seq: int = -1
    last_ns: int = 0
    backwards: int = 0


class CountCheck:
    """Gaps in the numbers of captures are dropped samples; a sensor that stops early is told."""

    def __init__(self, episode: RecordedEpisode) -> None:
        self._calibration = episode.calibration.sensors
        self._seen = {name: _Seen() for name in episode.schemas}
        self._end_ns = 0
        self._dropped = 0

    def add(self, record: Record) -> None:
        """Counts."""
        if not isinstance(record, Sample):
            self._end_ns = max(self._end_ns, record.t_ns)
            return
        seen = self._seen[record.sensor]
        seen.backwards += record.seq <= seen.last_seq
        seen.count += 1
        seen.last_seq, seen.last_ns = record.seq, record.t_capture_ns
        self._end_ns = max(self._end_ns, record.t_capture_ns)

    def finish(self) -> Iterator[Finding]:
        """Compares with rate and drop probability."""
        for name, seen in self._seen.items():
            sensor = self._calibration[name]
            if seen.count == 0:
                yield _found("warning", name, "it never delivered a sample")
                continue
            if seen.backwards:
                yield _found("error", name, f"{seen.backwards} capture numbers do not increase")
            missing = seen.last_seq + 1 - seen.count
            self._dropped += max(missing, 0)
            yield from _judge(name, sensor, missing, seen)
            if sensor.rate_hz > 0.0:
                period_ns = NS_PER_S / sensor.rate_hz
                silent = (self._end_ns - seen.last_ns) / period_ns
                allowed = 1.5 + _longest_run(sensor, seen.count)
                if silent > allowed:
                    yield _found(
                        "error", name,
                        f"its last sample is {silent:.1f} periods before the end of the episode",
                    )  # fmt: skip

    def measures(self) -> Mapping[str, float]:
        """Dropped samples."""
        return {"dropped_samples": float(self._dropped)}


def _judge(name: str, sensor: SensorCalibration, missing: int, seen: _Seen) -> Iterator[Finding]:
    if missing <= 0:
        return
    part = sensor.drop_probability
    faults = [f.get("kind") for f in sensor.options.get("faults", ())]
    captures = seen.last_seq + 1
    if part == 0.0 and "dropped" not in faults:
        yield _found("error", name, f"{missing} of {captures} samples are missing")
        return
    expected, spread = part * captures, math.sqrt(part * (1.0 - part) * captures)
    likely = "dropped" in faults or abs(missing - expected) <= SIGMAS * spread + 1.0
    yield _found(
        "note" if likely else "error", name,
        f"{missing} of {captures} samples were dropped, {expected:.1f} were expected",
    )  # fmt: skip


def _longest_run(sensor: SensorCalibration, count: int) -> float:
    """Captures in a row that may be lost by chance, at odds of one in a thousand episodes."""
    part = sensor.drop_probability
    if any(f.get("kind") == "dropped" for f in sensor.options.get("faults", ())):
        return math.inf
    return 0.0 if part == 0.0 else math.log(1e-3 / max(count, 1)) / math.log(part)


def _found(severity: Severity, where: str, message: str) -> Finding:
    return Finding(severity=severity, check="counts", where=where, message=message)
