"""Carries a bag: walks the route more slowly, the laden arm a little away from the body.

It remembers nothing: what it does follows from the truth of one instant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleetloop.agents.experts.humanoid_walk import HumanoidWalkExpert
from fleetloop.agents.policy import Action, Observation

# Of the humanoid's `task` mode: the right hand's place, and its grip.
_HAND, _GRIP = slice(6, 9), 10


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanoidCarryExpert(HumanoidWalkExpert):
    """The teacher of `fleetloop/HumanoidCarry-v0`.

    Attributes:
        hand: Where the right hand is held, in parts of its reach: forward, left, up.
        slow_m: From how far before the place on it slows down.
    """

    speed: float = 0.6
    hand: tuple[float, float, float] = (0.12, -0.28, 0.25)
    slow_m: float = 0.8

    def act(self, observation: Observation, state: None) -> tuple[Action, None]:
        """Follows the route, and stands still at its end.

        Args:
            observation: Truth of the task: the robot's place, the route, what of it is left.
        """
        action, _ = HumanoidWalkExpert.act(self, observation, None)
        left = float(observation["left_m"])
        action[0] *= min(1.0, max(left - 0.2, 0.0) / self.slow_m + 0.2)
        if left < 0.3:
            action[:3] = 0.0
        action[_HAND] = self.hand
        action[_GRIP] = -1.0
        return np.clip(action, -1.0, 1.0), None
