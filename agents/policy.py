"""What acts: an observation in, an action out, memory handed in and out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

S = TypeVar("S")

Observation = Mapping[str, npt.NDArray[Any]]
Action = npt.NDArray[np.float32]


class Policy(Protocol[S]):
    """Something that acts from what the sensors give, and from nothing else.

    A policy is immutable while it acts: what it remembers is the state that goes in and comes out,
    so that a rollout can be saved, restored and repeated.

    Attributes:
        name: For records and reports.
        privileged: Whether `act` wants the simulator's truth instead of the observation, as
            experts do. A learned policy never does.
    """

    @property
    def name(self) -> str:
        """See the class."""
        ...

    @property
    def privileged(self) -> bool:
        """See the class."""
        ...

    def init(self, seed: int) -> S:
        """The state at the start of an episode."""
        ...

    def act(self, observation: Observation, state: S) -> tuple[Action, S]:
        """Chooses an action.

        Args:
            observation: By key, such as `front/rgb`; the truth by name if `privileged`.
            state: What it remembered.
        """
        ...


@dataclass(frozen=True, slots=True)
class RandomPolicy:
    """Draws every action evenly from its bounds: the floor that anything learned must beat.

    Attributes:
        low, high: Bounds, (n,).
    """

    low: npt.NDArray[np.float32]
    high: npt.NDArray[np.float32]

    @property
    def name(self) -> str:
        """`random`."""
        return "random"

    @property
    def privileged(self) -> bool:
        """It looks at nothing."""
        return False

    def init(self, seed: int) -> np.random.Generator:
        """A stream of its own."""
        from fleetloop.core.rng import child_generator

        return child_generator(seed, "policy", "random")

    def act(
        self, observation: Observation, state: np.random.Generator
    ) -> tuple[Action, np.random.Generator]:
        """An action between the bounds."""
        drawn = state.uniform(self.low, self.high).astype(np.float32)
        return drawn, state
