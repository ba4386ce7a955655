"""What a user may choose about the humanoid."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

from fleetloop.core.errors import ConfigError
from fleetloop.envs.robots.humanoid.actions import ActionMode
from fleetloop.envs.robots.humanoid.params import HumanoidParams, HumanoidSpread
from fleetloop.envs.robots.humanoid.senses import SenseNoise
from fleetloop.envs.robots.humanoid.walker_state import WalkGains


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanoidConfig:
    """A humanoid.

    Attributes:
        params: Its body.
        spread: How much the body differs from episode to episode.
        action_mode: `task`, `residual` or `joint`, see `fleetloop.envs.robots.humanoid.actions`.
        gains: Of its walking.
        noise: Of the senses that it balances by.
    """

    params: HumanoidParams = field(default_factory=HumanoidParams)
    spread: HumanoidSpread = field(default_factory=HumanoidSpread)
    action_mode: ActionMode = "task"
    gains: WalkGains = field(default_factory=WalkGains)
    noise: SenseNoise = field(default_factory=SenseNoise)

    def __post_init__(self) -> None:
        if self.action_mode not in get_args(ActionMode):
            raise ConfigError(
                f"The action_mode {self.action_mode!r} is none of: "
                f"{', '.join(get_args(ActionMode))}."
            )
