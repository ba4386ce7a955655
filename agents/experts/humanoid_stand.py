"""Stands: the walker balances and steps by itself, so nothing has to be asked of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleetloop.agents.experts.teacher import Teacher
from fleetloop.agents.policy import Action, Observation

ACTION_SIZE = 15
"""Numbers of the humanoid's `task` mode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanoidStandExpert(Teacher):
    """The teacher of `fleetloop/HumanoidStand-v0`."""

    def act(self, observation: Observation, state: None) -> tuple[Action, None]:
        """No speed, hands at ease."""
        return np.zeros(ACTION_SIZE, np.float32), None
