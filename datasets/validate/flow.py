"""Does the flow there undo the flow back, where nothing was hidden?

`flow_backward` leads from a pixel to where its point was in the last picture, `flow_forward` stands
on the last picture's pixels and leads here: read at that place it must lead back to the pixel.
Pixels beside an edge of the forward flow are left out, since bilinear reading mixes two surfaces
there; `flow_occluded` pixels have no partner.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import cv2
import numpy as np

from fleetloop.core.frames import FloatArray
from fleetloop.datasets.labels import Image
from fleetloop.datasets.log.reader import Record
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.validate.base import Finding
from fleetloop.datasets.validate.boxes import spread

FIELDS = ("flow_forward", "flow_backward", "flow_occluded")
PICTURES = 10
TOLERANCE_PX = 0.5
EDGE_PX = 1.0
"""Neighbours whose forward flow differs by more are of two surfaces."""


class FlowCheck:
    """Judges a camera by the worst picture's median."""

    def __init__(self, episode: RecordedEpisode) -> None:
        self._episode = episode
        self._worst_px = 0.0
        self._hidden: list[float] = []

    def add(self, record: Record) -> None:
        """Waits: pictures are chosen at the end."""

    def finish(self) -> Iterator[Finding]:
        """Goes there and back on a choice of pictures."""
        episode = self._episode
        for name in episode.sensors(*FIELDS):
            for number in spread(episode.count(name), PICTURES):
                sample = episode.sample(name, number, FIELDS)
                if {"frozen", "time_offset"} & set(sample.faults):
                    continue
                forward, backward, hidden = (sample.data[field] for field in FIELDS)
                error = round_trip_px(forward, backward, hidden)
                self._hidden.append(100.0 * float(hidden.mean()))
                middle = float(np.median(error)) if len(error) else 0.0
                self._worst_px = max(self._worst_px, middle)
                if middle > TOLERANCE_PX:
                    yield Finding(
                        severity="error", check="flow", where=f"{name} {sample.seq}",
                        message=f"there and back again is {middle:.2f} px off, by the median",
                    )  # fmt: skip

    def measures(self) -> Mapping[str, float]:
        """The worst picture, and how much was hidden."""
        if not self._hidden:
            return {}
        return {
            "flow_round_trip_px": self._worst_px,
            "flow_occluded_pct": float(np.mean(self._hidden)),
        }


def round_trip_px(forward: Image, backward: Image, hidden: Image) -> FloatArray:
    """How far from its begin each pixel ends, (n,), for those that can be told.

    Args:
        forward, backward: (height, width, 2) px, see the module.
        hidden: (height, width), where there is no partner.
    """
    height, width = hidden.shape
    row, column = np.mgrid[:height, :width].astype(np.float32)
    x, y = column + backward[..., 0], row + backward[..., 1]
    kernel = np.ones((3, 3), np.uint8)
    rise = (cv2.dilate(forward, kernel) - cv2.erode(forward, kernel)).max(axis=-1)
    plain = (rise < EDGE_PX).astype(np.float32)
    clear = cv2.remap(plain, x, y, cv2.INTER_NEAREST, borderValue=0.0) > 0.0
    clear &= ~hidden & (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    there = cv2.remap(forward, x, y, cv2.INTER_LINEAR)
    return np.asarray(np.linalg.norm((there + backward)[clear], axis=-1), np.float64)
