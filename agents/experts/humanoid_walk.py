"""Walks round furniture to a place: follows a point ahead on a route.

It remembers nothing: what it does follows from the truth of one instant, so that labels can be
computed from a log.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fleetloop.agents.experts.humanoid_stand import ACTION_SIZE
from fleetloop.agents.experts.teacher import Teacher
from fleetloop.agents.policy import Action, Observation

_STEP_M = 0.1  # between the points of a route


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanoidWalkExpert(Teacher):
    """The teacher of `fleetloop/HumanoidWalk-v0`.

    Attributes:
        ahead_m: How far on the route the point lies that it walks to.
        speed: Part of full forward speed on a straight.
        turn_gain: Turning command per radian that the point lies off.
    """

    ahead_m: float = 0.6
    speed: float = 0.7
    turn_gain: float = 1.2

    def act(self, observation: Observation, state: None) -> tuple[Action, None]:
        """Turns to the route, then walks along it.

        Args:
            observation: Truth of the task: the robot's place, and the route to the goal.
        """
        here, route = np.asarray(observation["position_m"]), np.asarray(observation["route_m"])
        near = int(np.linalg.norm(route - here, axis=1).argmin())
        ahead = route[min(near + round(self.ahead_m / _STEP_M), len(route) - 1)]
        bearing = math.atan2(ahead[1] - here[1], ahead[0] - here[0])
        off = bearing - float(observation["heading_rad"])
        off = math.atan2(math.sin(off), math.cos(off))
        action = np.zeros(ACTION_SIZE, np.float32)
        action[2] = np.clip(self.turn_gain * off, -1.0, 1.0)
        # A large turn is made on the spot, and near furniture it goes slowly.
        action[0] = self.speed * max(0.0, 1.0 - abs(off) / 0.5)
        return action, None
