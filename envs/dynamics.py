"""Works out the records of `core.dynamics`: who weighs what, moves how, and touches whom.

Only where somebody asks for them, such as a recorder: learning pays nothing. Bodies are those of
the world; a robot with links or wheels of its own tells its own figures (`Mechanical`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.dynamics import GROUND, MOST_CONTACTS, Dynamics
from fleetloop.core.frames import FloatArray, quaternion_conjugate, rotate
from fleetloop.core.objects import EGO
from fleetloop.envs.bodies import Inertial, Touching
from fleetloop.envs.robots.base import Mechanical, Mechanics, Robot
from fleetloop.envs.stage import Stage

EVERY_NS = 20_000_000
"""Between control steps at the most one record in this time."""


@dataclass(frozen=True, slots=True, eq=False)
class _Bodies:
    """All bodies of an episode, (n,), the rows that may move, and ids by body number."""

    names: tuple[str, ...]
    number: tuple[int, ...]
    moving: npt.NDArray[np.intp]
    ids: dict[int, int]
    ego: int
    instance_id: npt.NDArray[np.int32]
    mass_kg: FloatArray
    friction: FloatArray
    inertia_kg_m2: FloatArray


class DynamicsBook:
    """The records of one episode.

    Args:
        stage: Where the bodies are.
        robot: The robot on it.
    """

    def __init__(self, stage: Stage, robot: Robot) -> None:
        self._stage = stage
        self._robot = robot if isinstance(robot, Mechanical) else None
        self._things = -1  # how many the last complete record knew
        self._last_ns = -EVERY_NS
        self._bodies = _listed(stage)

    def due(self, t_ns: int) -> bool:
        """Whether a record between control steps is wanted; time may have gone back."""
        return not 0 <= t_ns - self._last_ns < EVERY_NS

    def has(self, t_ns: int) -> bool:
        """Whether the record of an instant was made."""
        return t_ns == self._last_ns

    def publish(self, t_ns: int) -> Dynamics:
        """The record of this instant."""
        complete = len(self._stage.things) != self._things
        if complete:
            if self._things >= 0:
                self._bodies = _listed(self._stage)
            self._things = len(self._stage.things)
        self._last_ns = t_ns
        own = None if self._robot is None else self._robot.mechanics()
        bodies = self._bodies
        rows = np.arange(len(bodies.names)) if complete else bodies.moving
        mass_kg, has_battery = bodies.mass_kg[rows], np.zeros(len(rows), np.bool_)
        kinetic_j, potential_j, drawn_j = np.zeros((3, len(rows)))
        names = tuple(bodies.names[row] for row in rows)
        rigid = mass_kg > 0.0
        if own is not None and EGO in names:
            k = names.index(EGO)
            rigid[k] = False
            mass_kg[k], kinetic_j[k], potential_j[k] = own.mass_kg, own.kinetic_j, own.potential_j
            has_battery[k], drawn_j[k] = own.drawn_j is not None, own.drawn_j or 0.0
        if rigid.any():
            kinetic_j[rigid], potential_j[rigid] = self._energies(rows[rigid])
        return Dynamics(
            t_ns=t_ns,
            complete=complete,
            names=names,
            instance_id=bodies.instance_id[rows],
            mass_kg=mass_kg,
            friction=bodies.friction[rows],
            kinetic_j=kinetic_j,
            potential_j=potential_j,
            has_battery=has_battery,
            drawn_j=drawn_j,
            **self._contacts(own),
        )

    def _energies(self, rows: npt.NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
        """Kinetic and potential energies of rigid bodies, (n,) each."""
        bodies, world = self._bodies, self._stage.world
        poses = [world.com_pose(bodies.number[row]) for row in rows.tolist()]
        speeds = [world.com_velocity(bodies.number[row]) for row in rows.tolist()]
        mass_kg, height_m = bodies.mass_kg[rows], np.array([place[2] for place, _ in poses])
        turn = np.array([quaternion for _, quaternion in poses])
        linear = np.array([velocity for velocity, _ in speeds])
        angular = rotate(quaternion_conjugate(turn), np.array([turning for _, turning in speeds]))
        kinetic_j = 0.5 * mass_kg * (linear**2).sum(axis=1)
        kinetic_j += 0.5 * (bodies.inertia_kg_m2[rows] * angular**2).sum(axis=1)
        return kinetic_j, mass_kg * self._stage.surroundings.gravity_m_s2 * height_m

    def _contacts(self, own: Mechanics | None) -> dict[str, Any]:
        """The columns of contacts of the world and of the robot's own wheels or feet."""
        ids, ego = self._bodies.ids, self._bodies.ego
        found = self._stage.world.touching()
        parts = {} if own is None else own.parts
        if own is not None and own.touching is not None:
            found = Touching.joined([own.touching, found])
        # Forces are told as the robot feels them, so it stands first.
        swap = (found.body[:, 1] == ego) & (found.body[:, 0] != ego)
        body = np.where(swap[:, None], found.body[:, ::-1], found.body)
        link = np.where(swap[:, None], found.link[:, ::-1], found.link)
        sign = np.where(swap, -1.0, 1.0)[:, None]
        pairs = np.array([[ids.get(b, GROUND) for b in row] for row in body.tolist()], np.int32)
        first = zip(body[:, 0].tolist(), link[:, 0].tolist(), strict=True)
        names = [parts.get(part, "") if number == ego else "" for number, part in first]
        order = _order(pairs.reshape(-1, 2), names, found)
        return {
            "contacts_found": len(body),
            "contact_parts": tuple(names[k] for k in order),
            "contact_instance": pairs.reshape(-1, 2)[order],
            "contact_m": found.position_m[order],
            "contact_normal": (sign * found.normal)[order],
            "contact_normal_n": found.normal_n[order],
            "contact_friction_n": (sign * found.friction_n)[order],
            "contact_friction": found.friction[order],
            "contact_has_force": found.has_force[order],
        }


def _order(
    pairs: npt.NDArray[np.int32], parts: Sequence[str], found: Touching
) -> npt.NDArray[np.intp]:
    """The strongest contacts in an order that engines cannot change: by who, part and place."""
    count = len(pairs)
    if count > MOST_CONTACTS:
        keep = np.argsort(-found.normal_n, kind="stable")[:MOST_CONTACTS]
    else:
        keep = np.arange(count)
    names = np.array(parts, dtype=str)[keep]
    x, y, z = found.position_m[keep].T
    return np.asarray(keep[np.lexsort((z, y, x, names, pairs[keep, 1], pairs[keep, 0]))])


def _listed(stage: Stage) -> _Bodies:
    """Everything on a stage that has a body."""
    things = [(thing, thing.body) for thing in stage.things.values() if thing.body is not None]
    told: list[Inertial] = [stage.world.inertial(body) for _, body in things]
    mass_kg = np.array([one.mass_kg for one in told])
    moving = [k for k, (thing, _) in enumerate(things) if mass_kg[k] > 0.0 or thing.name == EGO]
    return _Bodies(
        names=tuple(thing.name for thing, _ in things),
        number=tuple(body for _, body in things),
        moving=np.array(moving, dtype=np.intp),
        ids={body: thing.instance_id for thing, body in things},
        ego=next((body for thing, body in things if thing.name == EGO), -2),
        instance_id=np.array([thing.instance_id for thing, _ in things], np.int32),
        mass_kg=mass_kg,
        friction=np.array([one.friction for one in told]),
        inertia_kg_m2=np.array([one.inertia_kg_m2 for one in told]).reshape(-1, 3),
    )
