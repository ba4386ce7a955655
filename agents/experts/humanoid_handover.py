"""Brings a thing to a waiting hand: walks before it, reaches over it, lowers, lets go.

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
from fleetloop.core.frames import FloatArray

_HAND_M = 0.45
_SPEED = np.array([0.6, 0.15, 0.6])
_HAND, _GRIP, _NECK_PITCH = slice(6, 9), 10, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanoidHandoverExpert(Teacher):
    """The teacher of `fleetloop/HumanoidHandover-v0`.

    Attributes:
        stand_m: Where it wants to have the palm, from its base: forward, left.
        near_m: From how near on it stands still and reaches; twice that while its arm is out.
        hover_m: How high above the palm the thing comes near.
        lead: Part by which what the hand is off is added to where it is sent.
    """

    stand_m: tuple[float, float] = (0.36, -0.20)
    near_m: float = 0.06
    hover_m: float = 0.07
    lead: float = 0.25

    def act(self, observation: Observation, state: None) -> tuple[Action, None]:
        """Walks before the person; then gives.

        Args:
            observation: Truth of the task.
        """
        palm, looks, grip, rest = (
            np.asarray(observation[name]) for name in ("palm_m", "looks", "grip_m", "grip_rest_m")
        )
        action = np.zeros(ACTION_SIZE, np.float32)
        action[_NECK_PITCH] = 0.3
        action[_GRIP] = -1.0
        # It faces the person: that looks against its own x axis.
        off = math.atan2(-looks[1], -looks[0])
        gap = palm[:2] - self.stand_m
        out = float(grip[2] - rest[2]) > 0.12
        near = 2.0 if out else 1.0
        stands = float(np.hypot(*gap)) < near * self.near_m and abs(off) < near * 0.12
        if float(observation["held"]) < 0.5:
            # It was given: up and away from the hand.
            action[_GRIP] = 1.0
            action[_HAND] = (grip + np.array([-0.03, 0.0, 0.06]) - rest) / _HAND_M
        elif not stands:
            action[:3] = self._walk(gap, off, palm)
        elif out or float(observation["speed_m_s"]) < 0.08:
            self._give(observation, action)
        return np.clip(action, -1.0, 1.0), None

    def _walk(self, gap: FloatArray, off: float, palm: FloatArray) -> FloatArray:
        """Speeds towards the place before the person, turning to it on the last metre."""
        far = float(np.hypot(*gap))
        bearing = math.atan2(gap[1], max(gap[0], 1e-6)) if gap[0] > 0.0 else 0.0
        part = min(max((far - 0.5) / 0.5, 0.0), 1.0)
        turn = 1.2 * (part * bearing + (1.0 - part) * off)
        speed = np.array([0.8 * gap[0], 0.8 * gap[1], turn])
        most = np.array([0.35, 0.12, 0.4])
        # A large turn is made on the spot.
        slow = max(0.0, 1.0 - abs(turn) / 0.8)
        speed[:2] *= slow
        return np.asarray(np.clip(speed, -most, most) / _SPEED)

    def _give(self, observation: Observation, action: Action) -> None:
        """Over the palm, down to it, and opens when the thing touches it."""
        palm, foot, grip, rest = (
            np.asarray(observation[name]) for name in ("palm_m", "foot_m", "grip_m", "grip_rest_m")
        )
        off = float(np.hypot(*(foot - palm)[:2]))
        height = float(foot[2] - palm[2])
        if off < 0.02:
            # Slowly: the thing must not strike the palm.
            goal = np.array([palm[0], palm[1], max(palm[2], foot[2] - 0.03)])
            if height < 0.008 or float(observation["press_n"]) > 2.0:
                action[_GRIP] = 1.0
        elif height > 0.3 * self.hover_m:
            goal = np.array([palm[0], palm[1], palm[2] + self.hover_m])
        else:
            # Up first, near the body, so that nothing is pushed.
            goal = np.array([rest[0] + 0.13, rest[1] + 0.03, palm[2] + self.hover_m])
        goal = goal + (grip - foot)
        sent = goal + np.clip(self.lead * (goal - grip), -0.012, 0.012)
        action[_HAND] = (sent - rest) / _HAND_M
