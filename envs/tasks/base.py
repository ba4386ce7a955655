"""What every task is: a world to build, a goal to tell, rewards, and an end.

A task never draws on global state: what it needs to remember within an episode is arrays that
`snapshot` copies. Truth that it hands out is for experts, labels and metrics; the agent sees the
`goal` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import Pose
from fleetloop.core.lane_lines import LaneLines
from fleetloop.core.spec import Schema
from fleetloop.core.types import Event
from fleetloop.envs.robots.base import Robot
from fleetloop.envs.stage import Stage


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Verdict:
    """What a task says after a control step.

    Attributes:
        reward_terms: Named terms; the reward is their sum.
        terminated: The episode is over: success or failure.
        success: Whether it is over because the task was done.
        cause: Why it is over, such as `"off_road"`; empty while it goes on.
        events: What happened.
    """

    reward_terms: Mapping[str, float]
    terminated: bool
    success: bool
    cause: str
    events: tuple[Event, ...]


class Task(Protocol):
    """One task with one config; serves any number of episodes, one at a time.

    Attributes:
        CONFIG: The config class; `CONFIG()` must be a sensible task.
        ROBOT: The robot that it is made for.
        RIG: The rig preset that it takes if the user names none.
        goal_schema: Fields of `goal`.
        max_duration_s: When the episode is truncated.
    """

    CONFIG: ClassVar[type[Any]]
    ROBOT: ClassVar[str]
    RIG: ClassVar[str]

    def __init__(self, config: Any) -> None:  # noqa: ANN401 - each task takes its own config
        ...

    @property
    def goal_schema(self) -> Schema:
        """See the class."""
        ...

    @property
    def max_duration_s(self) -> float:
        """See the class."""
        ...

    def build(self, stage: Stage, rng: np.random.Generator, draws: dict[str, Any]) -> Pose:
        """Builds the world on an empty stage and returns where the robot starts (world_T_base).

        Every random draw that shapes the world is also written into `draws`, as plain JSON values.
        """
        ...

    def begin(self, stage: Stage, robot: Robot) -> None:
        """Called once the robot stands at its start."""
        ...

    def judge(self, stage: Stage, robot: Robot, t_ns: int) -> Verdict:
        """Called after every control step, once."""
        ...

    def goal(self, stage: Stage, robot: Robot) -> dict[str, npt.NDArray[Any]]:
        """What the agent is told, as `goal_schema` says."""
        ...

    def truth(self, stage: Stage, robot: Robot) -> dict[str, npt.NDArray[Any]]:
        """Privileged state for experts, labels and metrics, after a reset and after each step."""
        ...

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Copies what the task remembers of this episode."""
        ...

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back to a snapshot."""
        ...


@runtime_checkable
class Living(Protocol):
    """A task whose world moves by itself: traffic, people, doors.

    What moves must not depend on which sensors look, so it moves at control steps; captures in
    between see it on its way.
    """

    def advance(self, stage: Stage, robot: Robot, t_ns: int, until_ns: int) -> None:
        """Called at the begin of each control step: moves everything to the step's end.

        Args:
            stage: The world at `t_ns`.
            robot: The robot at `t_ns`; its command is given already.
            t_ns, until_ns: Begin and end of the step.
        """
        ...

    def pose_looks(self, stage: Stage, t_ns: int) -> None:
        """Puts the looks of what moves where it is at a time of the step."""
        ...


@runtime_checkable
class Laned(Protocol):
    """A task whose world has lanes, which are recorded once an episode as labels."""

    def lane_lines(self, stage: Stage) -> LaneLines:
        """Lanes near where the episode plays; called after `begin`, by whoever records."""
        ...
