"""The fast world: no forces and no engine. Robots move their bodies themselves; overlaps are told.

A body is taken as upright: of its attitude only the heading counts, its parts are boxes or discs
seen from above with a range of heights. Two bodies touch where such parts overlap (separating axes
for boxes), with no force and no response. That is what tasks need to judge a collision, and it
costs microseconds. Ground planes touch nobody here: robots know what they stand on
(`Stage.ground`).
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from fleetloop.core.clock import TickRate
from fleetloop.core.errors import ConfigError, StateError
from fleetloop.core.frames import FloatArray, Pose, rotate
from fleetloop.envs.bodies import (
    Contact,
    Inertial,
    Part,
    Substance,
    Touching,
    WorldSnapshot,
)
from fleetloop.envs.overlap import PART, highest_under, overlapping
from fleetloop.envs.trace.shapes import Box, Capsule, Cylinder, Plane, Sphere

_SINK_M = 0.05  # a point may have sunk this far into what bears it


@dataclass(slots=True)
class _Bodies:
    """All that changes, one row a body."""

    com_m: FloatArray = field(default_factory=lambda: np.zeros((0, 3)))
    quaternion_xyzw: FloatArray = field(default_factory=lambda: np.zeros((0, 4)))
    linear_m_s: FloatArray = field(default_factory=lambda: np.zeros((0, 3)))
    angular_rad_s: FloatArray = field(default_factory=lambda: np.zeros((0, 3)))


class KinematicWorld:
    """Bodies that are where they were put. See `world.World` for what the methods mean.

    Args:
        rate: Ticks per second.

    Attributes:
        rate: As given.
        tick: Ticks since the last `clear`.
    """

    def __init__(self, rate: TickRate) -> None:
        self.rate = rate
        self.tick = 0
        self.closed = False
        self._generation = 0
        self._bodies = _Bodies()
        self._com: list[FloatArray] = []
        self._told: list[Inertial] = []
        self._parts: list[tuple[float, ...]] = []
        self._table = np.zeros(0, PART)
        self.clear()

    def clear(self) -> None:
        """Takes everything out and sets time to zero."""
        self.tick = 0
        self._generation += 1
        self._bodies = _Bodies()
        self._com = []
        self._told = []
        self._parts = []
        self._table = np.zeros(0, PART)

    def add_body(self, parts: Sequence[Part], world_T_body: Pose, substance: Substance) -> int:
        """Adds a body and returns its number.

        Raises:
            ConfigError: No parts, or a part whose shape this world does not know.
        """
        if not parts:
            raise ConfigError("A body needs at least one collision part.")
        body = len(self._com)
        com_m = np.array(substance.com_m, dtype=np.float64)
        rows = [_row(body, part) for part in parts if not isinstance(part.shape, Plane)]
        self._parts += rows
        self._com.append(com_m)
        self._told.append(_inertial(parts, substance))
        all_ = self._bodies
        place = world_T_body.position_m + rotate(world_T_body.quaternion_xyzw, com_m)
        all_.com_m = np.vstack([all_.com_m, place])
        all_.quaternion_xyzw = np.vstack([all_.quaternion_xyzw, world_T_body.quaternion_xyzw])
        all_.linear_m_s = np.vstack([all_.linear_m_s, np.zeros(3)])
        all_.angular_rad_s = np.vstack([all_.angular_rad_s, np.zeros(3)])
        return body

    def step(self) -> None:
        """Advances time by one tick; nothing moves by itself."""
        self.tick += 1

    def advance(self, ticks: int) -> None:
        """Advances time by several ticks."""
        self.tick += ticks

    def pose(self, body: int) -> tuple[FloatArray, FloatArray]:
        """Position (3,) metres and quaternion xyzw (4,) of a body's frame."""
        quaternion = self._bodies.quaternion_xyzw[body].copy()
        offset = rotate(quaternion, self._com[body])
        return self._bodies.com_m[body] - offset, quaternion

    def com_pose(self, body: int) -> tuple[FloatArray, FloatArray]:
        """Position (3,) metres of the centre of mass and the body's quaternion xyzw (4,)."""
        return self._bodies.com_m[body].copy(), self._bodies.quaternion_xyzw[body].copy()

    def com_velocity(self, body: int) -> tuple[FloatArray, FloatArray]:
        """Velocity of the centre of mass (3,) m/s and turning (3,) rad/s, world axes."""
        return self._bodies.linear_m_s[body].copy(), self._bodies.angular_rad_s[body].copy()

    def set_pose(self, body: int, world_T_body: Pose) -> None:
        """Puts a body somewhere; its velocity becomes zero."""
        offset = rotate(world_T_body.quaternion_xyzw, self._com[body])
        still = np.zeros(3)
        self.place(
            body, world_T_body.position_m + offset, world_T_body.quaternion_xyzw, still, still
        )

    def place(
        self,
        body: int,
        com_m: FloatArray,
        quaternion_xyzw: FloatArray,
        linear_m_s: FloatArray,
        angular_rad_s: FloatArray,
    ) -> None:
        """Puts a body's centre of mass somewhere, with its attitude and velocities at once."""
        all_ = self._bodies
        all_.com_m[body], all_.quaternion_xyzw[body] = com_m, quaternion_xyzw
        all_.linear_m_s[body], all_.angular_rad_s[body] = linear_m_s, angular_rad_s

    def set_com_velocity(
        self, body: int, linear_m_s: FloatArray, angular_rad_s: FloatArray
    ) -> None:
        """Tells the velocity of a body, for sensors; it does not move by it."""
        self._bodies.linear_m_s[body], self._bodies.angular_rad_s[body] = linear_m_s, angular_rad_s

    def apply_wrench(self, body: int, force_n: FloatArray, torque_nm: FloatArray) -> None:
        """There are no forces here.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            f"A force was applied to body {body}: fast physics has none. Robots for it move "
            "themselves (`place`); for forces make the environment with physics='full'."
        )

    def contacts(self, body: int) -> list[Contact]:
        """Overlaps of a body's parts with those of others; forces are zero."""
        if len(self._table) != len(self._parts):
            self._table = np.array(self._parts, PART)
        all_ = self._bodies
        found = overlapping(body, self._table, all_.com_m, all_.quaternion_xyzw, self._offsets())
        return [
            Contact(
                body=body,
                other=int(row[0]),
                link=-1,
                other_link=-1,
                position_m=np.array([row[1], row[2], row[3]]),
                normal=np.array([row[4], row[5], 0.0]),
                force_n=np.zeros(3),
                distance_m=-float(row[6]),
            )
            for row in found
        ]

    def inertial(self, body: int) -> Inertial:
        """Mass, inertia and friction that a body was added with; nothing here moves by them."""
        return self._told[body]

    def touching(self) -> Touching:
        """Overlaps of all bodies that have mass, each pair once, without forces."""
        heavy = [body for body, told in enumerate(self._told) if told.mass_kg > 0.0]
        found = [
            contact for body in heavy for contact in self.contacts(body)
            if contact.other > body or self._told[contact.other].mass_kg == 0.0
        ]  # fmt: skip
        count = len(found)
        return Touching(
            body=np.array([(c.body, c.other) for c in found], np.int64).reshape(-1, 2),
            link=np.full((count, 2), -1, np.int64),
            position_m=np.array([c.position_m for c in found]).reshape(-1, 3),
            normal=np.array([c.normal for c in found]).reshape(-1, 3),
            normal_n=np.zeros(count),
            friction_n=np.zeros((count, 3)),
            friction=np.array(
                [self._told[c.body].friction * self._told[c.other].friction for c in found]
            ).reshape(count),
            has_force=np.zeros(count, np.bool_),
        )

    def support_m(self, point_m: FloatArray, but: Collection[int] = ()) -> float:
        """Height of the highest part under a point, or -inf where there is none.

        Args:
            point_m: (3,), world.
            but: Bodies that do not count.
        """
        if len(self._table) != len(self._parts):
            self._table = np.array(self._parts, PART)
        skipped = np.array([*but, -1], dtype=np.int64)
        all_ = self._bodies
        return float(
            highest_under(
                point_m, skipped, self._table, all_.com_m, all_.quaternion_xyzw, self._offsets(),
                _SINK_M,
            )
        )  # fmt: skip

    def snapshot(self) -> WorldSnapshot:
        """Copies where everything is."""
        return WorldSnapshot(
            tick=self.tick, generation=self._generation, content=copy.deepcopy(self._bodies)
        )

    def restore(self, snapshot: WorldSnapshot) -> None:
        """Goes back to a snapshot of the same episode.

        Raises:
            StateError: The world was cleared since.
        """
        if snapshot.generation != self._generation:
            raise StateError(
                "The snapshot belongs to an episode that is over: restore before the next reset."
            )
        self._bodies = copy.deepcopy(snapshot.content)
        self.tick = snapshot.tick

    def release(self, snapshot: WorldSnapshot) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Closing twice does no harm."""
        self.closed = True

    def _offsets(self) -> FloatArray:
        return np.array(self._com).reshape(-1, 3)


def _inertial(parts: Sequence[Part], substance: Substance) -> Inertial:
    """Of a solid box round the parts, where the substance does not say."""
    if substance.inertia_kg_m2 is not None:
        inertia = np.array(substance.inertia_kg_m2, dtype=np.float64)
    else:
        solid = [part for part in parts if not isinstance(part.shape, Plane)]
        half = np.array([_half_extents(part) for part in solid]).reshape(-1, 3)
        middle = np.array([part.body_T_part.position_m for part in solid]).reshape(-1, 3)
        ends = np.concatenate([middle - half, middle + half, np.zeros((0 if solid else 1, 3))])
        squares = np.ptp(ends, axis=0) ** 2
        inertia = substance.mass_kg / 12.0 * (squares.sum() - squares)
    return Inertial(mass_kg=substance.mass_kg, inertia_kg_m2=inertia, friction=substance.friction)


def _row(body: int, part: Part) -> tuple[float, ...]:
    """A part seen from above, in its body's frame; see `overlap.PART`."""
    shape, place = part.shape, part.body_T_part
    x, y, z = (float(value) for value in place.position_m)
    upright = abs(float(place.rotation[2, 2])) > 0.999
    yaw = 0.0
    if isinstance(shape, Sphere):
        half = (shape.radius_m, 0.0, shape.radius_m)
    elif isinstance(shape, Cylinder | Capsule) and upright:
        cap_m = shape.radius_m if isinstance(shape, Capsule) else 0.0
        half = (shape.radius_m, 0.0, shape.half_length_m + cap_m)
    elif isinstance(shape, Box) and upright:
        half, yaw = shape.half_extents_m, float(place.yaw_rad)
    else:
        half = _half_extents(part)
    return (body, x, y, z, yaw, *half)


def _half_extents(part: Part) -> tuple[float, float, float]:
    """Half the size of the box around a part, in the axes of its body.

    Raises:
        ConfigError: A shape without a box.
    """
    shape = part.shape
    if isinstance(shape, Box):
        half = np.array(shape.half_extents_m)
    elif isinstance(shape, Sphere):
        return (shape.radius_m,) * 3
    elif isinstance(shape, Cylinder):
        half = np.array([shape.radius_m, shape.radius_m, shape.half_length_m])
    elif isinstance(shape, Capsule):
        half = np.array([shape.radius_m, shape.radius_m, shape.half_length_m + shape.radius_m])
    else:
        raise ConfigError(
            f"Fast physics knows boxes, spheres, cylinders, capsules and planes; this body has a "
            f"{type(shape).__name__}: give it a box, or use physics='full'."
        )
    x, y, z = np.abs(part.body_T_part.rotation) @ half
    return float(x), float(y), float(z)
