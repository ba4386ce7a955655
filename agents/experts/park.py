"""Parks along the way that the truth tells, either way: the teacher of `fleetloop/Park-v0`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleetloop.agents.experts.teacher import Teacher
from fleetloop.agents.policy import Action, Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkExpert(Teacher):
    """Pure pursuit of the rear axle's way, at walking pace, to a stop.

    Attributes:
        wheelbase_m, max_steer_rad: Of the car.
        preview_m: The goal point lies so far ahead of the rear axle.
        speed_m_s, backwards_m_s: Highest, forwards and backwards.
        brake_m_s2: With which it comes to a stop at the end.
        gain: Pedal per m/s.
    """

    wheelbase_m: float = 2.875
    max_steer_rad: float = 0.6
    preview_m: float = 1.8
    speed_m_s: float = 1.6
    backwards_m_s: float = 0.9
    brake_m_s2: float = 0.45
    gain: float = 0.25

    def act(self, observation: Observation, state: None) -> tuple[Action, None]:
        """Steers along the way and stops at its end.

        Args:
            observation: The truth of the task.
            state: None.
        """
        back = 0.5 * self.wheelbase_m
        path = observation["path_m"] + np.array([back, 0.0])
        away = np.hypot(path[:, 0], path[:, 1])
        ahead = np.flatnonzero(away >= self.preview_m)
        to_go, speed = float(observation["to_go_m"]), float(observation["speed_m_s"])
        goal = path[int(ahead[0])] if len(ahead) else path[-1]
        x, y = float(goal[0]), float(goal[1])
        # Near the end the goal point is too close to steer by.
        # Backwards the circle through the goal is the same one: so is the angle of the wheels.
        steer = np.arctan(2.0 * self.wheelbase_m * y / max(x * x + y * y, 1.0))
        backwards = bool(observation["backwards"])
        most = self.backwards_m_s if backwards else self.speed_m_s
        wanted = min(most, float(np.sqrt(2.0 * self.brake_m_s2 * max(to_go - 0.1, 0.0))))
        onwards = -speed if backwards else speed
        pedal = self.gain * (wanted - onwards) if wanted > 0.05 else -0.3
        if onwards < -0.1:
            pedal = -0.3  # it still rolls the other way
        values = [steer / self.max_steer_rad, pedal]
        if bool(observation["gears"]):
            values.append(-1.0 if backwards else 1.0)
        return np.clip(np.array(values, dtype=np.float32), -1.0, 1.0), None
