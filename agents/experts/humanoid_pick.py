"""Takes a thing from a table and puts it on a mat: over it, down, close, up, over, down, open.

It remembers nothing: what it does follows from the truth of one instant, so that labels can be
computed from a log.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleetloop.agents.experts.humanoid_stand import ACTION_SIZE
from fleetloop.agents.experts.teacher import Teacher
from fleetloop.agents.policy import Action, Observation
from fleetloop.core.frames import FloatArray

# Of the humanoid's `task` mode: metres of a hand's offset at 1.
_HAND_M = 0.45
_HAND, _GRIP, _NECK_PITCH = slice(6, 9), 10, 12
_FAR_M = 0.015  # a hand this near to the middle of a place is over it
_ON_M = 0.03  # what is this near to the middle of the mat is put down there
_FREE_M = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanoidPickExpert(Teacher):
    """The teacher of `fleetloop/HumanoidPick-v0`.

    Attributes:
        hover_m: How high over its place a hand moves to and fro: what it carries clears the rest.
        down_m: How far below itself a hand is sent when it goes down.
        lead: Part by which what the hand is off is added to where it is sent.
    """

    hover_m: float = 0.13
    down_m: float = 0.05
    lead: float = 0.25

    def act(self, observation: Observation, state: None) -> tuple[Action, None]:
        """Goes to the thing, or with it to the mat; once it is there, away.

        Args:
            observation: Truth of the task.
        """
        thing, mat, grip, rest = (
            np.asarray(observation[name]) for name in ("thing_m", "mat_m", "grip_m", "grip_rest_m")
        )
        held = float(observation["held"]) > 0.5
        placed = not held and bool(np.hypot(*(thing - mat)[:2]) < 0.035)
        action = np.zeros(ACTION_SIZE, np.float32)
        action[_NECK_PITCH] = 0.6
        action[_GRIP] = -1.0 if held else 1.0
        if placed:
            # Straight up, slowly and with open fingers, until they are clear of it.
            clear = grip[2] > thing[2] + 0.07
            free = float(observation["opening_m"]) > float(observation["half_m"]) + 0.008
            rise = self.hover_m if clear else 0.03 if free else 0.0
            goal = np.array([*(thing if clear else grip)[:2], grip[2] + rise])
        elif held:
            # The thing is brought to the mat, wherever in the hand it is.
            goal = self._over(thing, mat, rest, _ON_M) + (grip - thing)
            near = float(np.hypot(*(thing - mat)[:2]))
            if near < _ON_M and thing[2] - mat[2] < 0.012:
                action[_GRIP] = 1.0
        else:
            goal = self._over(grip, thing, rest)
            if self._is_over(grip, thing) and abs(grip[2] - thing[2]) < 0.018:
                action[_GRIP] = -1.0
                goal = thing
        sent = goal + np.clip(self.lead * (goal - grip), -0.012, 0.012)
        action[_HAND] = (sent - rest) / _HAND_M
        return np.clip(action, -1.0, 1.0), None

    def _is_over(self, here: FloatArray, there: FloatArray) -> bool:
        return bool(np.hypot(*(here - there)[:2]) < _FAR_M)

    def _over(
        self, here: FloatArray, there: FloatArray, rest: FloatArray, far_m: float = _FAR_M
    ) -> FloatArray:
        """Up, over, and down: where to go next from `here` to come `there` from above."""
        high = there[2] + self.hover_m
        off = float(np.hypot(*(here - there)[:2]))
        if off < far_m or (off < _FREE_M and here[2] < high - 0.05 and here[2] > there[2] - 0.02):
            # Near it already: straight on, slowly sideways, downwards only when over it.
            down = max(there[2], here[2] - self.down_m) if off < far_m else here[2]
            return np.array([there[0], there[1], down])
        if here[2] < high - 0.03:
            # Up first; from beside the body without going forward, which would be into the table.
            ahead = rest[0] if here[2] < there[2] - 0.06 else here[0]
            side = there[1] if here[2] < there[2] - 0.06 else here[1]
            return np.array([ahead, side, high])
        return np.array([there[0], there[1], high])
