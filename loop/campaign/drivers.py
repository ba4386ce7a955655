"""Who drives: an expert, or a brain from a stage's folder, whole or with its senses cut off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.agents.experts import EXPERTS
from fleetloop.agents.policy import Action, Policy
from fleetloop.core.errors import ConfigError
from fleetloop.core.rng import child_generator
from fleetloop.envs.env import RobotEnv

BRAIN = "brain"
"""Folder of the checkpoint within the results of `train` and `promote`."""


def brain_folder(stage: Path) -> Path:
    """The checkpoint in the folder of a stage that makes or hands on a brain."""
    return stage / BRAIN / BRAIN


def driver(
    policy: str, task: str, env: RobotEnv, brain: Path | None, ablation: str = ""
) -> Policy[Any]:
    """The policy of that name.

    Args:
        policy: `expert` or `brain`.
        task: Registered name.
        env: Where it will act.
        brain: Folder of the stage that the brain comes from.
        ablation: `blind`, `shuffled`, or nothing.

    Raises:
        ConfigError: No brain where one is needed.
    """
    if policy == "expert":
        return EXPERTS.get(task)()
    if brain is None:
        raise ConfigError(f"The policy {policy!r} needs the folder of a brain.")
    from fleetloop.agents.brain.policy import BrainPolicy

    whole = BrainPolicy.load(brain_folder(brain), task)
    return Ablated(whole, ablation) if ablation else whole


@dataclass(frozen=True, slots=True)
class Ablated:
    """A policy that does not get all of its observation, to show that it needs it.

    Attributes:
        inner: Who acts.
        how: `blind` covers every camera with even grey; `shuffled` replaces the goal by numbers of
            the same size in another order and with other signs: a request that nobody made.
    """

    inner: Policy[Any]
    how: str

    def __post_init__(self) -> None:
        if self.how not in ("blind", "shuffled"):
            raise ConfigError(f"The ablation {self.how!r} is none of: blind, shuffled.")

    @property
    def name(self) -> str:
        """Of who acts, and how it is hindered."""
        return f"{self.inner.name}-{self.how}"

    @property
    def privileged(self) -> bool:
        """As who acts."""
        return self.inner.privileged

    def init(self, seed: int) -> tuple[Any, int]:
        """The state of who acts; the seed says how goals are shuffled."""
        return self.inner.init(seed), seed

    def act(
        self, observation: Mapping[str, npt.NDArray[Any]], state: tuple[Any, int]
    ) -> tuple[Action, tuple[Any, int]]:
        """Acts on what is left."""
        inner, seed = state
        seen = {name: self._hindered(name, array, seed) for name, array in observation.items()}
        action, inner = self.inner.act(seen, inner)
        return action, (inner, seed)

    def _hindered(self, name: str, array: npt.NDArray[Any], seed: int) -> npt.NDArray[Any]:
        if self.how == "blind" and array.dtype == np.uint8 and array.shape[-1:] == (3,):
            return np.full_like(array, 127)
        if self.how == "shuffled" and name.startswith("goal/"):
            rng = child_generator(seed, "shuffled", name)
            flat = array.reshape(-1)
            signs = rng.choice(np.array([-1, 1]), len(flat))
            mixed = flat[rng.permutation(len(flat))] * signs
            return np.asarray(mixed, dtype=array.dtype).reshape(array.shape)
        return array
