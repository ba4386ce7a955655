"""People on foot on the stage of a drive: looks whose limbs swing, at any time within a step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import Pose
from fleetloop.envs.props.gait import Crowd
from fleetloop.envs.props.people import key_points_m, named, outfit_of, person_looks
from fleetloop.envs.stage import Stage
from fleetloop.envs.tasks.drive_eyes import note_walkers
from fleetloop.envs.traffic.traffic import Traffic
from fleetloop.envs.troupe import Troupe

Floats = npt.NDArray[np.float64]

SHOULDERS_M, DEPTH_M = 0.5, 0.45
"""A person from above."""

_STRIDE_M_S = 0.9
"""At this speed legs swing fully; who stands has them straight."""


class PeopleActors:
    """The walkers of traffic as things.

    Args:
        stage: Gets a thing for each.
        traffic: Was reset.

    Attributes:
        states: (2, n, 7) x, y, z, vx, vy, heading, phase at the begin and the end of the step.
        t_ns: Begin and end of the step.
    """

    def __init__(self, stage: Stage, traffic: Traffic) -> None:
        self.traffic = traffic
        walkers = traffic.walkers
        self._crowd = Crowd(walkers["height_m"].copy())
        things = []
        for row, walker in enumerate(walkers):
            height = float(walker["height_m"])
            standing = key_points_m(np.array([height]), np.zeros(1), 0.0)[0]
            things.append(
                stage.add(
                    f"person_{row}",
                    Pose.identity(),
                    looks=person_looks(height, outfit_of(int(walker["style"]))),
                    key_points_m=named(standing),
                )
            )
        self._troupe = Troupe(stage, things)
        self.states = np.zeros((2, len(things), 7))
        self.t_ns = (0, 0)
        self.note(0)
        self.note(0)

    def note(self, t_ns: int) -> None:
        """Takes over where traffic has them now: the end of the step, at a time."""
        self.states[0] = self.states[1]
        walkers = self.traffic.walkers
        for column, name in enumerate(
            ("x_m", "y_m", "z_m", "vx_m_s", "vy_m_s", "heading_rad", "phase_rad")
        ):
            self.states[1, :, column] = walkers[name]
        self.t_ns = (self.t_ns[1], t_ns)

    def show(self, t_ns: int) -> None:
        """Moves bodies and limbs to a time within the step."""
        if len(self._troupe) == 0:
            return
        begin, end = self.t_ns
        share = (t_ns - begin) / (end - begin) if end > begin else 1.0
        before, after = self.states
        step = after - before
        step[:, 5:] = (step[:, 5:] + np.pi) % (2.0 * np.pi) - np.pi
        now = after - (1.0 - min(max(share, 0.0), 1.0)) * step
        count = len(now)
        speed = np.hypot(after[:, 3], after[:, 4])
        swing = np.minimum(speed / _STRIDE_M_S, 1.0)
        crowd = self._crowd
        crowd.walk(np.ascontiguousarray(now[:, 6]), swing)
        velocity = np.concatenate([after[:, 3:5], np.zeros((count, 1))], axis=1)
        self._troupe.move(
            now[:, :3], now[:, 5], velocity, np.zeros(count),
            place_m=crowd.place_m.reshape(-1, 3), turn_xyzw=crowd.turn_xyzw.reshape(-1, 4),
            key_points_m=crowd.points_m,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self._troupe)

    def motion(self) -> Floats:
        """Everybody at the end of the step (n, 4): x, y, where they go, and how fast."""
        found = np.empty((len(self.states[1]), 4))
        note_walkers(self.states[1], found)
        return found

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Copies where everybody is."""
        return {
            "people_states": self.states.copy(),
            "people_times": np.array(self.t_ns, dtype=np.int64),
        }

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back to a snapshot of this episode."""
        self.states = snapshot["people_states"].copy()
        begin, end = snapshot["people_times"]
        self.t_ns = (int(begin), int(end))
