"""Do the true poses of the sensors fit their calibration?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from fleetloop.core.frames import Pose, rotation_vector_from_quaternion
from fleetloop.core.objects import EGO, Objects
from fleetloop.core.types import Sample
from fleetloop.datasets.log.reader import Record
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.validate.base import Finding

TOLERANCE_M = 1e-6
TOLERANCE_RAD = 1e-6


class MountCheck:
    """Sensors on the base are held against the true pose of the robot at the same instant."""

    def __init__(self, episode: RecordedEpisode) -> None:
        self._mounts = {
            name: sensor.link_T_sensor
            for name, sensor in episode.calibration.sensors.items()
            if sensor.link == "base" and sensor.kind
        }
        self._base: tuple[int, Pose] | None = None
        self._worst_m = self._worst_rad = 0.0
        self._wrong: dict[str, tuple[int, float, float]] = {}
        self.compared = 0

    def add(self, record: Record) -> None:
        """Compares at instants at which both are known."""
        if isinstance(record, Objects):
            row = record.row(EGO)
            if row is not None:
                pose = Pose(record.position_m[row], record.quaternion_xyzw[row])
                self._base = (record.t_ns, pose)
        elif isinstance(record, Sample) and record.sensor in self._mounts:
            if self._base is None or self._base[0] != record.t_capture_ns:
                return
            if "misaligned" in record.faults:
                return
            nominal = self._base[1] @ self._mounts[record.sensor]
            apart = nominal.inverse() @ record.world_T_sensor
            shift = float(np.linalg.norm(apart.position_m))
            turn = float(np.linalg.norm(rotation_vector_from_quaternion(apart.quaternion_xyzw)))
            self.compared += 1
            self._worst_m, self._worst_rad = max(self._worst_m, shift), max(self._worst_rad, turn)
            if shift > TOLERANCE_M or turn > TOLERANCE_RAD:
                self._wrong.setdefault(record.sensor, (record.seq, shift, turn))

    def finish(self) -> Iterator[Finding]:
        """Sensors that are not where they should be."""
        for sensor, (seq, shift, turn) in self._wrong.items():
            yield Finding(
                severity="error", check="mounts", where=sensor,
                message=f"number {seq} is {shift * 1e3:.3g} mm and {turn * 1e3:.3g} mrad off its "
                "calibration, without a label of a fault",
            )  # fmt: skip

    def measures(self) -> Mapping[str, float]:
        """The worst of all sensors."""
        if not self.compared:
            return {}
        return {"mount_error_mm": self._worst_m * 1e3, "mount_error_mrad": self._worst_rad * 1e3}
