"""What triggers look at: everything about an episode, a row for each decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.types import Outcome

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Signals:
    """An episode of n decisions; the row k is the moment after the step k.

    Attributes:
        task, robot: Registered names.
        t_s: Time, (n,).
        done: Action that the robot took from there, (n, a); the last row is zeros.
        acted: Whether it took one, (n,).
        expert: Action that the expert would have taken, (n, a).
        brain: Action that the driving brain's network gives there, (n, a); None if no brain drove.
        previous: The same of the brain before it, which ran in shadow; None if there was none.
        spread: Standard deviation that the brain expects of its action in parts of the action's
            range, (n,); None as above.
        answer: The brain's answers to the lessons' questions, (n, ANSWERS); None as above.
        label: The right answers, (n, ANSWERS), and `known`, whether they are known.
        events: Kinds of events at each row.
        truth: Privileged state by name, (n, ...).
        sensed: Some sensor values by key, such as `wheels/speed_m_s`, (n, ...).
        near: Time to collision with the nearest thing in the way, (n,) s; infinity without one.
        outcome: How it ended; None for one that was cut.
    """

    task: str
    robot: str
    t_s: Array
    done: Array
    acted: Array
    expert: Array
    brain: Array | None
    previous: Array | None
    spread: Array | None
    answer: Array | None
    label: Array
    known: Array
    events: Sequence[tuple[str, ...]]
    truth: Mapping[str, Array] = field(default_factory=dict)
    sensed: Mapping[str, Array] = field(default_factory=dict)
    near: Array = field(default_factory=lambda: np.zeros(0))
    outcome: Outcome | None = None

    def __len__(self) -> int:
        return len(self.t_s)

    @property
    def failed(self) -> bool:
        """Whether the episode ended without success, by itself or by running out of time."""
        return self.outcome is not None and not self.outcome.success

    def happened(self, *kinds: str) -> npt.NDArray[np.float64]:
        """1 at rows at which an event of these kinds happened, (n,)."""
        wanted = set(kinds)
        return np.array([float(bool(wanted & set(row))) for row in self.events])

    def speed_m_s(self) -> npt.NDArray[np.float64] | None:
        """Speed over ground, (n,), where the task's truth tells it or the place of the robot."""
        if "speed_m_s" in self.truth:
            return np.asarray(self.truth["speed_m_s"], np.float64).reshape(len(self))
        if "position_m" in self.truth and len(self) > 1:
            place = np.asarray(self.truth["position_m"], np.float64)[:, :2]
            velocity = np.gradient(place, self.t_s, axis=0)
            return np.asarray(np.hypot(velocity[:, 0], velocity[:, 1]), np.float64)
        return None
