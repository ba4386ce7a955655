"""Do the lines of lanes lie on the road in the pictures?

Painted lines that can be seen near the camera must fall on pixels of the road and its marks; a
wrong pose, lens or map would put them on kerbs, grass or houses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from fleetloop.core.semantics import SemanticClass
from fleetloop.datasets.lanes import camera_lanes
from fleetloop.datasets.log.reader import Record
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.validate.base import Finding
from fleetloop.datasets.validate.boxes import spread

PICTURES = 10
REACH_M = 25.0
FEWEST_ON_ROAD = 0.8
_FEWEST_POINTS = 20
_ROAD = (int(SemanticClass.ROAD), int(SemanticClass.LANE_MARK))
_PAINTED = ("solid", "broken", "solid_solid", "solid_broken", "broken_solid", "broken_broken")


class LaneCheck:
    """Judges each camera that has the label `semantic`, over a choice of its pictures."""

    def __init__(self, episode: RecordedEpisode) -> None:
        self._episode = episode
        self._points = self._on_road = 0

    def add(self, record: Record) -> None:
        """Waits: pictures are chosen at the end."""

    def finish(self) -> Iterator[Finding]:
        """Looks at where lines fall."""
        episode = self._episode
        if episode.lanes is None:
            return
        for name in episode.sensors("semantic", "depth_m"):
            if episode.calibration.sensors[name].lens is None:
                continue
            points = on_road = 0
            for number in spread(episode.count(name), PICTURES):
                more = self._picture(name, number)
                points, on_road = points + more[0], on_road + more[1]
            self._points += points
            self._on_road += on_road
            if points >= _FEWEST_POINTS and on_road < FEWEST_ON_ROAD * points:
                yield Finding(
                    severity="error", check="lanes", where=name,
                    message=f"only {on_road / points:.0%} of the painted lines fall on the road",
                )  # fmt: skip

    def measures(self) -> Mapping[str, float]:
        """Part of the points that fall on the road."""
        return {"lanes_on_road_pct": 100.0 * self._on_road / self._points} if self._points else {}

    def _picture(self, name: str, number: int) -> tuple[int, int]:
        """Points of painted lines that are seen, and those on the road."""
        sample = self._episode.sample(name, number, ["semantic"])
        if {"frozen", "time_offset"} & set(sample.faults):
            return 0, 0
        points = on_road = 0
        for line in camera_lanes(self._episode, name, number, reach_m=REACH_M):
            if line.mark in _PAINTED:
                columns, rows = np.floor(line.px[line.seen]).astype(int).T
                points += len(rows)
                on_road += int(np.isin(sample.data["semantic"][rows, columns], _ROAD).sum())
        return points, on_road
