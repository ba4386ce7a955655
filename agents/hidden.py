"""A policy from which part of the observation is hidden: what it does then shows what it uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fleetloop.agents.policy import Action, Observation, Policy
from fleetloop.core.errors import ConfigError
from fleetloop.envs.spaces import SEPARATOR

HIDDEN = ("cameras", "ranges", "body", "goal")


@dataclass(frozen=True, slots=True, eq=False)
class Hidden:
    """Another policy that is shown zeros in place of some senses.

    Attributes:
        policy: What acts.
        what: `cameras`: every picture; `ranges`: ranges and their masks; `goal`: all of the goal;
            `body`: everything else.

    Raises:
        ConfigError: Nothing of that name can be hidden.
    """

    policy: Policy[Any]
    what: str

    def __post_init__(self) -> None:
        if self.what not in HIDDEN:
            raise ConfigError(f"{self.what!r} cannot be hidden: use {', '.join(HIDDEN)}.")

    @property
    def name(self) -> str:
        """The policy's, with what is hidden."""
        return f"{self.policy.name}-without-{self.what}"

    @property
    def privileged(self) -> bool:
        """As the policy."""
        return self.policy.privileged

    def init(self, seed: int) -> Any:  # noqa: ANN401 - the policy's own state
        """As the policy."""
        return self.policy.init(seed)

    def act(self, observation: Observation, state: Any) -> tuple[Action, Any]:  # noqa: ANN401
        """Acts on what is left."""
        return self.policy.act(hidden(observation, self.what), state)


def hidden(observation: Observation, what: str) -> Mapping[str, Any]:
    """The observation with zeros in place of some senses; see `Hidden`."""
    return {
        key: np.zeros_like(array) if kind_of(key, array) == what else array
        for key, array in observation.items()
    }


def kind_of(key: str, array: np.ndarray[Any, Any]) -> str:
    """Which of `HIDDEN` an entry of an observation belongs to."""
    sensor, _, field = key.partition(SEPARATOR)
    if sensor == "goal":
        return "goal"
    if array.dtype == np.uint8 and array.ndim >= 3:
        return "cameras"
    return "ranges" if field in ("range_m", "point_m", "valid", "intensity") else "body"
