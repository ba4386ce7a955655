"""Do fields hold what their schema says, and do they move at all?

Bounds and NaN are held by the reader already; here it is told where values stick to a bound, and
where a real-valued field of many numbers never changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from fleetloop.core.types import Sample
from fleetloop.datasets.log.reader import Record
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.validate.base import Finding

STUCK_PART = 0.5
"""Part of the samples at a bound from which it is told."""

_FEWEST = 20
_SMALL = 64


@dataclass(slots=True)
class _Range:
    count: int = 0
    at_bound: int = 0
    low: float = np.inf
    high: float = -np.inf


class ValueCheck:
    """See the module; looks at small real-valued fields alone."""

    def __init__(self, episode: RecordedEpisode) -> None:
        self._bounds = {
            (sensor, name): field.bounds
            for sensor, schema in episode.schemas.items()
            for name, field in schema.items()
            if field.dtype.startswith("float") and 0 < np.prod(field.shape, dtype=int) <= _SMALL
        }
        self._ranges = {key: _Range() for key in self._bounds}

    def add(self, record: Record) -> None:
        """Notes extremes."""
        if not isinstance(record, Sample):
            return
        for name, array in record.data.items():
            found = self._ranges.get((record.sensor, name))
            if found is None:
                continue
            low, high = float(array.min()), float(array.max())
            bounds = self._bounds[record.sensor, name]
            found.count += 1
            # A bound of zero is a place where much may rest, such as the speed of a robot.
            found.at_bound += (low == bounds[0] != 0.0) or (high == bounds[1] != 0.0)
            found.low, found.high = min(found.low, low), max(found.high, high)

    def finish(self) -> Iterator[Finding]:
        """What sticks."""
        for (sensor, name), found in self._ranges.items():
            if found.count < _FEWEST:
                continue
            where = f"{sensor}.{name}"
            if found.at_bound > STUCK_PART * found.count:
                part = found.at_bound / found.count
                yield Finding(
                    severity="warning", check="values", where=where,
                    message=f"{part:.0%} of the samples are at a bound of the sensor",
                )  # fmt: skip

    def measures(self) -> Mapping[str, float]:
        """None."""
        return {}
