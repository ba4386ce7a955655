"""What physics is, whichever engine does it: bodies of parts, touching points, what a world does.

Two worlds keep this protocol. `world.World` is PyBullet: forces, contacts, joints. `kinematic.
KinematicWorld` is for learning: robots move themselves, and bodies that overlap are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from fleetloop.core.clock import TickRate
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray, Pose
from fleetloop.envs.trace.shapes import Shape

Physics = Literal["full", "fast"]
"""`full` is PyBullet; `fast` has no engine at all, see `kinematic`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One collision shape of a body.

    Attributes:
        shape: Any shape of the tracer; meshes collide as their convex hull unless the body is
            fixed.
        body_T_part: Where it sits in the body.
    """

    shape: Shape
    body_T_part: Pose


@dataclass(frozen=True, slots=True, kw_only=True)
class Substance:
    """How a body feels to others and to the solver.

    Attributes:
        mass_kg: Mass; 0 for a fixed or kinematic body.
        inertia_kg_m2: Diagonal about the centre of mass, body axes; None computes it from shapes.
        com_m: Centre of mass in the body frame.
        friction: Coulomb coefficient; PyBullet multiplies those of both bodies.
        restitution: 0 sticks, 1 bounces back.
        linear_damping, angular_damping: Share of speed lost per second; 0 as in nature.
        stiffness_n_m, damping_n_s_m: Of its surface; rigid if 0. Of two bodies that touch, PyBullet
            puts the springs in series.
    """

    mass_kg: float = 0.0
    inertia_kg_m2: tuple[float, float, float] | None = None
    com_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    friction: float = 0.8
    restitution: float = 0.0
    linear_damping: float = 0.0
    angular_damping: float = 0.0
    stiffness_n_m: float = 0.0
    damping_n_s_m: float = 0.0

    def __post_init__(self) -> None:
        if not self.mass_kg >= 0.0:
            raise ConfigError(f"The mass of a body is {self.mass_kg} kg: it must be 0 or more.")
        if not self.friction >= 0.0:
            raise ConfigError(f"The friction of a body is {self.friction}: it must be 0 or more.")


@dataclass(frozen=True, slots=True)
class Contact:
    """One touching point between two bodies.

    Attributes:
        body, other: Bodies; forces are those on `body`.
        link, other_link: Links, -1 for the base.
        position_m: Where, world, (3,).
        normal: Unit normal from `other` to `body`, world, (3,).
        force_n: Normal and friction force on `body`, world, (3,).
        distance_m: Negative where the bodies overlap.
    """

    body: int
    other: int
    link: int
    other_link: int
    position_m: FloatArray
    normal: FloatArray
    force_n: FloatArray
    distance_m: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Inertial:
    """What physics has a body down as.

    Attributes:
        mass_kg: Of all its links; 0 for a fixed one.
        inertia_kg_m2: Diagonal about the centre of mass of its base, body axes, (3,).
        friction: Coulomb coefficient of its base.
    """

    mass_kg: float
    inertia_kg_m2: FloatArray
    friction: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Touching:
    """All touching points at one instant, as arrays of m rows.

    Attributes:
        body, link: Who touches whom, (m, 2); -1 for a body that is none of the world's, such as the
            ground, and for the base link.
        position_m: Where, world, (m, 3).
        normal: Unit normal from the second to the first, (m, 3).
        normal_n: Normal force, (m,).
        friction_n: Force of friction on the first, world, (m, 3).
        friction: Coefficient that bounds it, (m,).
        has_force: Whether the forces are known, (m,).
    """

    body: npt.NDArray[np.int64]
    link: npt.NDArray[np.int64]
    position_m: FloatArray
    normal: FloatArray
    normal_n: FloatArray
    friction_n: FloatArray
    friction: FloatArray
    has_force: npt.NDArray[np.bool_]

    @classmethod
    def joined(cls, parts: Sequence[Touching]) -> Touching:
        """All points of several, in order."""
        return cls(
            **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSnapshot:
    """A state to come back to; it dies with its episode.

    Attributes:
        tick: When.
        generation: Number of the episode in its world.
        content: What the world keeps; of no use to others.
    """

    tick: int
    generation: int
    content: Any


class PhysicsWorld(Protocol):
    """Bodies by number, in one world. See `world.World` for what each method does."""

    rate: TickRate
    tick: int

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        ...

    def clear(self) -> None:
        """Takes everything out and sets time to zero."""
        ...

    def add_body(self, parts: Sequence[Part], world_T_body: Pose, substance: Substance) -> int:
        """Adds a rigid body and returns its number."""
        ...

    def step(self) -> None:
        """Advances by one tick."""
        ...

    def pose(self, body: int) -> tuple[FloatArray, FloatArray]:
        """Position (3,) metres and quaternion xyzw (4,) of a body's frame."""
        ...

    def com_pose(self, body: int) -> tuple[FloatArray, FloatArray]:
        """Position (3,) metres of the centre of mass and the body's quaternion xyzw (4,)."""
        ...

    def com_velocity(self, body: int) -> tuple[FloatArray, FloatArray]:
        """Velocity of the centre of mass (3,) m/s and turning (3,) rad/s, world axes."""
        ...

    def set_pose(self, body: int, world_T_body: Pose) -> None:
        """Puts a body somewhere; its velocity becomes zero."""
        ...

    def set_com_velocity(
        self, body: int, linear_m_s: FloatArray, angular_rad_s: FloatArray
    ) -> None:
        """Sets the velocity of a body's centre of mass and its turning, world axes."""
        ...

    def apply_wrench(self, body: int, force_n: FloatArray, torque_nm: FloatArray) -> None:
        """Adds a force at the centre of mass and a torque for the next tick, world axes."""
        ...

    def contacts(self, body: int) -> list[Contact]:
        """All touching points of a body after the last tick."""
        ...

    def inertial(self, body: int) -> Inertial:
        """Mass, inertia and friction of a body."""
        ...

    def touching(self) -> Touching:
        """All touching points between bodies after the last tick."""
        ...

    def snapshot(self) -> WorldSnapshot:
        """Keeps the whole state."""
        ...

    def restore(self, snapshot: WorldSnapshot) -> None:
        """Goes back to a snapshot of the same episode."""
        ...

    def release(self, snapshot: WorldSnapshot) -> None:
        """Frees a snapshot's memory."""
        ...

    def close(self) -> None:
        """Gives everything back. Closing twice does no harm."""
        ...
