"""Keeps a car in its lane from truth: pure pursuit for steering, a speed law for the pedals.

Pure pursuit steers along the circle through the rear axle and a goal point on the lane's centre
[Coulter 1992, "Implementation of the pure pursuit path tracking algorithm"].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleetloop.agents.experts.teacher import Teacher
from fleetloop.agents.policy import Action, Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneFollowExpert(Teacher):
    """The teacher of `fleetloop/LaneFollow-v0`.

    Attributes:
        wheelbase_m: Of the car that it drives.
        max_steer_rad: Road wheel angle at full steering command.
        preview_s: How far ahead the goal point lies, in seconds of driving.
        min_preview_m: At the least.
        max_lateral_m_s2: Curves are taken no faster than this allows.
        speed_gain: Pedal per m/s of speed error.
    """

    wheelbase_m: float = 2.875
    max_steer_rad: float = 0.6
    preview_s: float = 0.7
    min_preview_m: float = 5.0
    max_lateral_m_s2: float = 3.0
    speed_gain: float = 0.25

    def act(self, observation: Observation, state: None) -> tuple[Action, None]:
        """Steers to the lane's centre at the speed that the coming curve allows.

        Args:
            observation: The truth of the task: `speed_m_s`, `target_speed_m_s`, `lane_path_m`
                (points of the lane's centre in the base frame, 1 m apart), `curvature_ahead_1_m`.
            state: None.
        """
        speed = float(observation["speed_m_s"])
        path = observation["lane_path_m"]
        preview = max(self.min_preview_m, self.preview_s * speed)
        goal = path[min(round(preview), len(path) - 1)]
        # Path points are in the base frame, whose origin is between the axles.
        x, y = float(goal[0]) + 0.5 * self.wheelbase_m, float(goal[1])
        steer = np.arctan(2.0 * self.wheelbase_m * y / max(x * x + y * y, 1.0))
        sharpest = float(np.abs(observation["curvature_ahead_1_m"]).max())
        safe = np.sqrt(self.max_lateral_m_s2 / max(sharpest, 1e-4))
        wanted = min(float(observation["target_speed_m_s"]), float(safe))
        pedal = np.clip(self.speed_gain * (wanted - speed), -1.0, 1.0)
        action = np.array([steer / self.max_steer_rad, pedal], dtype=np.float32)
        return np.clip(action, -1.0, 1.0), None
