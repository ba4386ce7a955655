"""What every robot is: a body on the stage that takes actions and knows its own true state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray, Pose
from fleetloop.envs.bodies import Physics, Touching
from fleetloop.envs.sensors.base import RobotState, SensorConfig
from fleetloop.envs.stage import Stage

Rig = tuple[SensorConfig, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ActionSpec:
    """What a robot can be told.

    Attributes:
        names: One per number, with the unit at the end where it has one.
        low, high: Bounds, (n,) float32.
    """

    names: tuple[str, ...]
    low: npt.NDArray[np.float32]
    high: npt.NDArray[np.float32]

    def checked(self, action: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Returns the action as float32, clipped to its bounds.

        Raises:
            ConfigError: Another shape, no numbers, or NaN and infinity.
        """
        try:
            array = np.asarray(action, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"The action {action!r} holds no numbers: {error}.") from error
        if array.shape != self.low.shape:
            raise ConfigError(
                f"The action has shape {array.shape}, should be {self.low.shape}: "
                f"({', '.join(self.names)})."
            )
        if not all(map(math.isfinite, array.tolist())):
            bad = [name for name, value in zip(self.names, array, strict=True)
                   if not np.isfinite(value)]  # fmt: skip
            raise ConfigError(
                f"The action is not finite in {', '.join(bad)}: {array.tolist()}. A policy that "
                "gives NaN has usually diverged in training."
            )
        return np.minimum(np.maximum(array, self.low), self.high)


class Robot(Protocol):
    """One robot in one world.

    Attributes:
        action_spec: What `command` takes.
        rigs: Sensor presets by name.
        CONFIG: The config class; `CONFIG()` must be a sensible robot.

    A robot may also say `physics`, the kinds that it supports (full alone if it does not), and
    rates of its own: `control_hz`, `physics_hz`, `fast_physics_hz`. See `Advancing` too.
    """

    CONFIG: ClassVar[type[Any]]

    def __init__(self, config: Any) -> None:  # noqa: ANN401 - each robot takes its own config
        ...

    @property
    def action_spec(self) -> ActionSpec:
        """See the class."""
        ...

    @property
    def rigs(self) -> Mapping[str, Rig]:
        """See the class."""
        ...

    def spawn(self, stage: Stage, world_T_base: Pose, rng: np.random.Generator) -> None:
        """Puts the robot on an empty place of the stage, at rest; forgets the last episode."""
        ...

    def command(self, action: npt.NDArray[np.float32]) -> None:
        """Takes the action that holds until the next one; checked and clipped already."""
        ...

    def before_tick(self) -> None:
        """Applies its forces for the physics tick that comes next."""
        ...

    def after_tick(self) -> None:
        """Reads what the tick did, for velocities and accelerations."""
        ...

    def link_poses(self, links: tuple[str, ...]) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Positions (3,) and quaternions xyzw (4,) of some links: cheap, for every tick."""
        ...

    def pose_looks(self) -> None:
        """Moves those of its looks that physics does not move, such as wheels."""
        ...

    def state(self) -> RobotState:
        """True state of everything."""
        ...

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Copies what the robot itself remembers; the stage keeps the bodies."""
        ...

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back, after the stage was restored."""
        ...


@runtime_checkable
class Advancing(Protocol):
    """A robot that does many ticks at once, its world's included.

    In fast physics a robot must: there is no engine that would move it.
    """

    def advance(self, ticks: int) -> None:
        """Advances itself and the world by so many ticks; the command holds."""
        ...


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Mechanics:
    """What a robot of more than one rigid body knows of its own dynamics.

    Attributes:
        mass_kg: All of it.
        kinetic_j: Motion and turning of all its links and wheels.
        potential_j: m g z of its centre of mass above the world's origin.
        drawn_j: From its battery since it was spawned; None if it has none.
        parts: Name by link number, of its contacts.
        touching: Points at which it touches the ground by wheels or feet that the world does not
            know of, the robot first; None if there are none.
    """

    mass_kg: float
    kinetic_j: float
    potential_j: float
    drawn_j: float | None = None
    parts: Mapping[int, str] = field(default_factory=dict)
    touching: Touching | None = None


@runtime_checkable
class Mechanical(Protocol):
    """A robot that tells of its dynamics itself; others are taken as one rigid body."""

    def mechanics(self) -> Mechanics:
        """Of this instant; forces are those of the last tick."""
        ...


def check_physics(name: str, robot: Robot, physics: Physics) -> None:
    """Refuses a kind of physics that a robot does not support.

    Raises:
        ConfigError: It does not.
    """
    known: tuple[Physics, ...] = getattr(robot, "physics", ("full",))
    if physics not in known:
        raise ConfigError(
            f"The robot {name!r} does not support physics={physics!r}: use {' or '.join(known)}."
        )
