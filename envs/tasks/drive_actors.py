"""Traffic on the stage of a drive: looks, and where everybody is at any time within a step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import Pose
from fleetloop.envs.props.merge import shared_looks
from fleetloop.envs.stage import Stage
from fleetloop.envs.traffic.traffic import Traffic
from fleetloop.envs.troupe import Troupe

Floats = npt.NDArray[np.float64]

HIDDEN_Z_M = -60.0
"""Height of the looks of those who are not on the map."""

_JUMP_M = 6.0


class VehicleActors:
    """Vehicles of traffic as things.

    Args:
        stage: Gets a thing for each.
        traffic: Was reset.
        rng: Draws colours.

    Attributes:
        poses: (2, n, 4) x, y, z, heading at the begin and the end of the step.
        present: (2, n) whether they are on the map.
        speeds_m_s: (2, n).
        t_ns: Begin and end of the step.
    """

    def __init__(self, stage: Stage, traffic: Traffic, rng: np.random.Generator) -> None:
        self.traffic = traffic
        self.sizes_m = np.stack(
            [traffic.vehicles[name] for name in ("length_m", "width_m", "height_m")], axis=1
        )
        self.kinds = traffic.vehicles["kind"].astype(np.int64)
        things = []
        for row, kind in enumerate(self.kinds):
            length, width, height = (float(value) for value in self.sizes_m[row])
            style = int(rng.integers(2**31))
            things.append(
                stage.add(
                    f"vehicle_{row}",
                    Pose.of(0.0, 0.0, HIDDEN_Z_M),
                    looks=shared_looks(int(kind), (length, width, height), style),
                )
            )
        self._troupe = Troupe(stage, things)
        self.poses = np.zeros((2, len(things), 4))
        self.present = np.zeros((2, len(things)), dtype=np.bool_)
        self.speeds_m_s = np.zeros((2, len(things)))
        self.t_ns = (0, 0)
        self.note(0)
        self.note(0)

    def note(self, t_ns: int) -> None:
        """Takes over where traffic has them now: the end of the step, at a time."""
        self.poses[0], self.present[0] = self.poses[1], self.present[1]
        self.speeds_m_s[0] = self.speeds_m_s[1]
        self.poses[1], self.present[1] = self.traffic.poses(), self.traffic.present
        self.speeds_m_s[1] = self.traffic.vehicles["speed_m_s"]
        self.t_ns = (self.t_ns[1], t_ns)

    def show(self, t_ns: int) -> None:
        """Moves the looks to a time within the step."""
        if len(self._troupe) == 0:
            return
        begin, end = self.t_ns
        duration_s = max((end - begin) * 1e-9, 1e-9)
        share = min(max((t_ns - begin) * 1e-9 / duration_s, 0.0), 1.0) if end > begin else 1.0
        before, after = self.poses
        step = after - before
        step[:, 3] = (step[:, 3] + np.pi) % (2.0 * np.pi) - np.pi
        goes_on = self.present.all(axis=0) & (np.abs(step[:, :2]).max(axis=1) < _JUMP_M)
        step[~goes_on] = 0.0
        # Who has come in or gone since the begin is where it is at the end.
        place = after - (1.0 - share) * step
        there = self.present[1] if share > 0.0 else self.present[0]
        place[~there, 2] = HIDDEN_Z_M
        velocity = step[:, :3] / duration_s if end > begin else np.zeros((len(step), 3))
        rate = step[:, 3] / duration_s if end > begin else np.zeros(len(step))
        self._troupe.move(place[:, :3], place[:, 3], velocity, rate)

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Copies where everybody is."""
        return {
            "vehicle_poses": self.poses.copy(),
            "vehicle_present": self.present.copy(),
            "vehicle_speeds": self.speeds_m_s.copy(),
            "vehicle_times": np.array(self.t_ns, dtype=np.int64),
        }

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back to a snapshot of this episode."""
        self.poses = np.array(snapshot["vehicle_poses"])
        self.present = np.array(snapshot["vehicle_present"])
        self.speeds_m_s = np.array(snapshot["vehicle_speeds"])
        begin, end = snapshot["vehicle_times"]
        self.t_ns = (int(begin), int(end))
