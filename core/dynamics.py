"""What moves the objects of the world: mass, friction, energy and touch; privileged, recorded.

Beside `Objects`, which says where things are, a record of this says why they move. The first of an
episode, and each after something new came, lists every body; the others list those that have mass.
Contacts are those of the physics tick that ended at the record's time: at the reset there was none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_columns
from fleetloop.core.frames import FloatArray

GROUND = 0
"""Instance id of the ground under wheels and feet, where it is no one thing."""

MOST_CONTACTS = 256
"""Contacts of one record at the most: the strongest."""

_BODIES: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "instance_id": ("int32", ()),
    "mass_kg": ("float64", ()),
    "friction": ("float64", ()),
    "kinetic_j": ("float64", ()),
    "potential_j": ("float64", ()),
    "has_battery": ("bool", ()),
    "drawn_j": ("float64", ()),
}
_CONTACTS: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "contact_instance": ("int32", (2,)),
    "contact_m": ("float64", (3,)),
    "contact_normal": ("float64", (3,)),
    "contact_normal_n": ("float64", ()),
    "contact_friction_n": ("float64", (3,)),
    "contact_friction": ("float64", ()),
    "contact_has_force": ("bool", ()),
}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Dynamics:
    """n bodies at one instant, with m contacts.

    Attributes:
        t_ns: Simulated time.
        complete: Whether all bodies are here, and not only those that have mass.
        contacts_found: How many there were; more than m only beyond `MOST_CONTACTS`.
        names: Unique names, n.
        instance_id: As in `Objects`, (n,) int32; what belongs together shares one.
        mass_kg: (n,); 0 for what is fixed, or moved by a script.
        friction: Coulomb coefficient of the surface, (n,); of two that touch, physics takes the
            product.
        kinetic_j: Energy of motion and turning of all links and wheels, (n,).
        potential_j: m g z of the centre of mass above the world's origin, (n,).
        has_battery, drawn_j: Whether it has a battery, and what was drawn from it since the reset,
            regeneration taken off, (n,).
        contact_parts: Link or wheel of the first that touches, m; empty for a body without links.
        contact_instance: Who touches whom, (m, 2) int32; `GROUND` is the ground.
        contact_m: Where, world, (m, 3).
        contact_normal: Unit normal from the second to the first, (m, 3).
        contact_normal_n: Normal force, (m,).
        contact_friction_n: Force of friction on the first, world, (m, 3).
        contact_friction: Coefficient that bounds it, (m,).
        contact_has_force: Whether physics knows the forces, (m,) bool; fast physics tells of things
            that overlap without any.

    Raises:
        SchemaError: Shapes or types are not as promised, or a number is not finite.
    """

    t_ns: int
    complete: bool
    contacts_found: int
    names: tuple[str, ...]
    instance_id: npt.NDArray[np.int32]
    mass_kg: FloatArray
    friction: FloatArray
    kinetic_j: FloatArray
    potential_j: FloatArray
    has_battery: npt.NDArray[np.bool_]
    drawn_j: FloatArray
    contact_parts: tuple[str, ...]
    contact_instance: npt.NDArray[np.int32]
    contact_m: FloatArray
    contact_normal: FloatArray
    contact_normal_n: FloatArray
    contact_friction_n: FloatArray
    contact_friction: FloatArray
    contact_has_force: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        check_columns(self, "bodies", _BODIES, len(self.names))
        check_columns(self, "contacts", _CONTACTS, len(self.contact_parts))

    def __len__(self) -> int:
        return len(self.names)

    @property
    def contacts(self) -> int:
        """Number of contacts that are recorded."""
        return len(self.contact_parts)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All arrays by name."""
        return {name: getattr(self, name) for name in (*_BODIES, *_CONTACTS)}

    def row(self, name: str) -> int | None:
        """Place of a body in the arrays; None if it is not here."""
        return self.names.index(name) if name in self.names else None

    def forces_n(self) -> FloatArray:
        """Normal and friction force on the first of each contact, world axes, (m, 3)."""
        return self.contact_normal * self.contact_normal_n[:, None] + self.contact_friction_n
