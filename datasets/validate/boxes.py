"""Do the 3-D boxes fit the pictures and the point clouds?

A thing that can be seen lies within the projection of its box, and the points that carry its id
lie within the box.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.core.objects import EGO
from fleetloop.core.types import Sample
from fleetloop.datasets.labels import label_picture
from fleetloop.datasets.log.reader import Record
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.validate.base import Finding

PICTURES = 20
"""Looked at per sensor, spread over the episode."""

TOLERANCE_PX = 2.0
TOLERANCE_M = 0.25
"""A few standard deviations of a range sensor."""

FEWEST_INSIDE = 0.95
_FEWEST_POINTS = 20


class BoxCheck:
    """See the module."""

    def __init__(self, episode: RecordedEpisode) -> None:
        self._episode = episode
        self._worst_px = 0.0
        self._points = self._inside = 0
        self._boxes = 0

    def add(self, record: Record) -> None:
        """Waits: pictures are chosen at the end, when their number is known."""

    def finish(self) -> Iterator[Finding]:
        """Looks at a choice of pictures and clouds."""
        episode = self._episode
        if not len(episode.objects_times_ns):
            return
        for name in episode.sensors("instance"):
            schema, sensor = episode.schemas[name], episode.calibration.sensors[name]
            for number in spread(episode.count(name), PICTURES):
                if sensor.lens is not None and len(schema["instance"].shape) == 2:
                    yield from self._picture(name, number)
                elif "point_true_m" in schema and "valid" in schema:
                    yield from self._cloud(name, number)

    def measures(self) -> Mapping[str, float]:
        """How well they fit."""
        told = {}
        if self._boxes:
            told["box_excess_px"] = self._worst_px
        if self._points:
            told["points_in_their_box_pct"] = 100.0 * self._inside / self._points
        return told

    def _picture(self, name: str, number: int) -> Iterator[Finding]:
        episode = self._episode
        lens = episode.calibration.sensors[name].lens
        sample = episode.sample(name, number, ["instance"])
        objects = episode.objects_at(sample.t_capture_ns)
        if lens is None or objects is None or "time_offset" in sample.faults:
            return
        if "frozen" in sample.faults:
            return
        keep = np.array([n != EGO for n in objects.names], dtype=bool)
        try:
            labels = label_picture(
                objects.chosen(keep), lens, sample.world_T_sensor, sample.data["instance"], None
            )
        except ConfigError:
            return
        shown = labels.visible_px > 0
        self._boxes += int(shown.sum())
        low = labels.amodal_px[shown, :2] - labels.box_px[shown, :2]
        high = labels.box_px[shown, 2:] - labels.amodal_px[shown, 2:]
        excess = np.concatenate([low, high], axis=1).max(axis=1, initial=0.0)
        self._worst_px = max(self._worst_px, float(excess.max(initial=0.0)))
        if (excess > TOLERANCE_PX).any():
            worst = int(np.argmax(excess))
            who = [n for n, s in zip(labels.names, shown, strict=True) if s][worst]
            yield Finding(
                severity="error", check="boxes", where=f"{name} {sample.seq}",
                message=f"{who} is seen {excess[worst]:.1f} px outside of its box",
            )  # fmt: skip

    def _cloud(self, name: str, number: int) -> Iterator[Finding]:
        sample: Sample = self._episode.sample(name, number, ["instance", "valid", "point_true_m"])
        objects = self._episode.objects_at(sample.t_capture_ns)
        if objects is None or set(sample.faults) & {"frozen", "time_offset", "bias_jump"}:
            return
        valid = sample.data["valid"]
        ids = sample.data["instance"][valid]
        world = sample.world_T_sensor.transform_points(sample.data["point_true_m"][valid])
        for row, instance in enumerate(objects.instance_id.tolist()):
            mine = world[ids == instance]
            if len(mine) < _FEWEST_POINTS:
                continue
            pose = Pose(objects.position_m[row], objects.quaternion_xyzw[row]).inverse()
            offset = np.abs(pose.transform_points(mine) - objects.box_center_m[row])
            slack = TOLERANCE_M + np.abs(objects.linear_m_s[row]).max() * 0.1
            inside = np.all(offset <= 0.5 * objects.box_size_m[row] + slack, axis=1)
            self._points += len(mine)
            self._inside += int(inside.sum())
            if inside.mean() < FEWEST_INSIDE:
                yield Finding(
                    severity="error", check="boxes", where=f"{name} {sample.seq}",
                    message=f"{1.0 - inside.mean():.0%} of the points on {objects.names[row]} are "
                    "outside of its box",
                )  # fmt: skip


def spread(count: int, most: int) -> list[int]:
    """Up to `most` numbers below `count`, evenly spread."""
    return sorted(set(np.linspace(0, count - 1, min(count, most)).astype(int).tolist()))
