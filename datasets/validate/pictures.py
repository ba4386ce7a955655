"""Are there pictures, range images or clouds that show nothing, or the same again?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import FloatArray
from fleetloop.core.types import Sample
from fleetloop.datasets.log.reader import Record
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.validate.base import Finding, Severity

BLACK_MEAN = 1.0
"""Mean of an 8-bit picture below which nothing can be seen; night scenes stay well above."""

_WATCHED = ("rgb", "point_m", "range_m")
_EXCUSES = {"black": ("blocked_lens",), "white": (), "frozen": ("frozen", "time_offset")}


@dataclass(slots=True)
class _Last:
    digest: bytes
    position_m: FloatArray


class PictureCheck:
    """What a labelled fault explains is a note; the same without a label is an error."""

    def __init__(self, episode: RecordedEpisode) -> None:
        self._fields = {
            name: next((f for f in _WATCHED if f in schema), "")
            for name, schema in episode.schemas.items()
        }
        self._last: dict[str, _Last] = {}
        self._found: dict[tuple[Severity, str, str], list[int]] = {}

    def add(self, record: Record) -> None:
        """Looks at each picture and cloud."""
        if not isinstance(record, Sample) or not self._fields[record.sensor]:
            return
        array = record.data[self._fields[record.sensor]]
        if self._fields[record.sensor] == "rgb":
            self._light(record, array)
        self._frozen(record, array)

    def finish(self) -> Iterator[Finding]:
        """Each kind once a sensor, with how often."""
        for (severity, sensor, what), numbers in self._found.items():
            yield Finding(
                severity=severity, check="pictures", where=sensor,
                message=f"{what}: {len(numbers)} times, first number {numbers[0]}",
            )  # fmt: skip

    def measures(self) -> Mapping[str, float]:
        """None."""
        return {}

    def _light(self, sample: Sample, picture: npt.NDArray[Any]) -> None:
        mean = float(picture.mean())
        if mean < BLACK_MEAN:
            self._note(sample, "black", "black picture")
        elif mean > 254.0:
            self._note(sample, "white", "white picture")

    def _frozen(self, sample: Sample, array: npt.NDArray[Any]) -> None:
        digest = hashlib.blake2b(array.tobytes(), digest_size=16).digest()
        position = sample.world_T_sensor.position_m
        last = self._last.get(sample.sensor)
        if last is not None and last.digest == digest:
            moved = float(np.linalg.norm(position - last.position_m)) > 0.02
            if moved:
                self._note(sample, "frozen", "the same again although the sensor moved")
            elif not set(sample.faults) & set(_EXCUSES["frozen"]):
                self._add("warning", sample, "the same again at the same place")
        self._last[sample.sensor] = _Last(digest, position)

    def _note(self, sample: Sample, kind: str, what: str) -> None:
        excused = bool(set(sample.faults) & set(_EXCUSES[kind]))
        if excused:
            self._add("note", sample, f"{what}, as its fault label says")
        else:
            self._add("error", sample, what)

    def _add(self, severity: Severity, sample: Sample, what: str) -> None:
        self._found.setdefault((severity, sample.sensor, what), []).append(sample.seq)
