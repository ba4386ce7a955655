"""Wipes a plate: to the nearest dirt, always; the robot regulates the force by itself.

It remembers nothing: what it does follows from the truth of one instant, so that labels can be
computed from a log.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleetloop.agents.experts.humanoid_stand import ACTION_SIZE
from fleetloop.agents.experts.teacher import Teacher
from fleetloop.agents.policy import Action, Observation

# Of the humanoid's `task` mode: metres of a hand's offset at 1, newtons of its force at 1.
_HAND_M = 0.45
_PRESS_N = 15.0
_HAND, _GRIP, _NECK_PITCH, _PRESS = slice(6, 9), 10, 12, 14


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanoidWipeExpert(Teacher):
    """The teacher of `fleetloop/HumanoidWipe-v0`.

    Attributes:
        hover_m: How high above the plate the sponge comes near.
        step_m: How far it is sent in one action while it wipes. Far enough for the dirt itself:
            where the hand is sent is then told by the goal. With short steps it is told by where
            the hand is, and a learner that copies that stops a centimetre before the dirt for good.
        inside_m: How far from the rim of the flat the sponge's middle stays.
        under_m: A sponge that is so far below the plate's face is no longer on it: it is under the
            table's top, or beside it.
        clear_m: So far before the plate's rim it is out from under the top, and may be lifted.
        touch_m: Lower than this over the plate it wipes; higher it comes down in the middle first.
    """

    hover_m: float = 0.06
    step_m: float = 0.15
    inside_m: float = 0.01
    under_m: float = 0.05
    clear_m: float = 0.04
    touch_m: float = 0.012

    def act(self, observation: Observation, state: None) -> tuple[Action, None]:
        """Lifts the sponge, brings it over the plate, presses, and goes where dirt is left.

        Args:
            observation: Truth of the task.
        """
        plate, sponge = (np.asarray(observation[name]) for name in ("plate_m", "sponge_m"))
        grip, rest = (np.asarray(observation[name]) for name in ("grip_m", "grip_rest_m"))
        flat = float(observation["plate_radius_m"]) - 0.03
        action = np.zeros(ACTION_SIZE, np.float32)
        action[_GRIP] = 0.4  # as wide as the sponge
        action[_NECK_PITCH] = 0.6
        # Clearly below zero: any force above it makes a hand go down, whatever place it is sent to,
        # and who learns zero from examples says a little more than zero half of the time.
        action[_PRESS] = -float(observation["press_n"]) / _PRESS_N
        away = float(np.linalg.norm((sponge - plate)[:2]))
        height = float(sponge[2] - plate[2])
        under = height < -self.under_m
        over = away < flat and not under
        rim = plate[0] - float(observation["plate_radius_m"])
        if under and sponge[0] > rim - self.clear_m:
            # Back the way that it came: straight up would be into the table's top from below.
            goal = np.array([rest[0], plate[1], sponge[2]])
        elif over and height < 1.5 * self.hover_m:
            wiped_next = plate if height > self.touch_m else np.asarray(observation["dirt_m"])
            gap = (wiped_next - sponge)[:2]
            target = sponge[:2] + gap * min(1.0, self.step_m / max(float(np.hypot(*gap)), 1e-9))
            # Within the flat, so that the sponge lies on it and not on the rim.
            off = target - plate[:2]
            most = max(flat - self.inside_m, 0.0)
            target = plate[:2] + off * min(1.0, most / max(float(np.hypot(*off)), 1e-9))
            goal = np.array([*target, plate[2]])
            action[_PRESS] = float(observation["press_n"]) / _PRESS_N
        elif height > 0.5 * self.hover_m or over:
            goal = np.array([plate[0], plate[1], plate[2] + self.hover_m])
        else:
            # Up first, beside the table's edge: forward would be into it.
            goal = np.array([rest[0], plate[1], plate[2] + self.hover_m])
        action[_HAND] = (goal + (grip - sponge) - rest) / _HAND_M
        return np.clip(action, -1.0, 1.0), None
