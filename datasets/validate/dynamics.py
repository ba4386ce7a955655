"""Do masses, contacts and energies obey mechanics?

Masses, coefficients, normal forces and kinetic energy are never negative, normals have length one,
friction stays within its coefficient, ids belong to bodies, and what weighs something weighs the
same throughout. Over an episode what bears the robot must bear its weight, as it neither rises nor
falls for long; that is a figure of the report, and a warning where it is far off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from fleetloop.core.dynamics import GROUND, Dynamics
from fleetloop.core.objects import EGO
from fleetloop.datasets.log.reader import Record
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.validate.base import Finding

SLACK_N = 1e-3
"""A force may be so much on the wrong side of its bound, for rounding."""

FRICTION_PART = 1.5
"""Largest friction by its bound: engines hold two directions each to it, which is up to 1.42."""

BORNE = (0.5, 1.5)
"""Mean force that bears the robot, by its weight, outside of which it is told."""

_FEWEST = 5
_GRAVITY_M_S2 = 9.80665
_MOST_FRICTION = 10.0


class DynamicsCheck:
    """See the module; logs without such records pass."""

    def __init__(self, episode: RecordedEpisode) -> None:
        self._ids: set[int] = {GROUND}
        self._masses: dict[str, float] = {}
        self._ego_id = -1
        self._last_ns = -1
        self._records = 0
        self._contacts = 0
        self._borne: list[float] = []
        self._findings: dict[str, list[str]] = {}

    def add(self, record: Record) -> None:
        """Checks each record of dynamics by itself and against those before it."""
        if not isinstance(record, Dynamics):
            return
        self._records += 1
        self._contacts += record.contacts
        at = f"at {record.t_ns} ns"
        if record.t_ns <= self._last_ns:
            self._add("records do not increase", at)
        self._last_ns = record.t_ns
        if self._records == 1 and not record.complete:
            self._add("the first record does not list all bodies", at)
        self._bodies(record, at)
        self._touching(record, at)

    def finish(self) -> Iterator[Finding]:
        """What did not hold, each kind once."""
        for what, places in self._findings.items():
            more = f" and {len(places) - 1} more" if len(places) > 1 else ""
            yield Finding(
                severity="error", check="dynamics", where="dynamics",
                message=f"{what}: {places[0]}{more}",
            )  # fmt: skip
        part = self.measures().get("borne_weight", 1.0)
        if not BORNE[0] <= part <= BORNE[1]:
            yield Finding(
                severity="warning", check="dynamics", where=EGO,
                message=f"on average it is borne by {part:.2f} of its weight",
            )  # fmt: skip

    def measures(self) -> Mapping[str, float]:
        """Contacts a record, and what bears the robot by its weight."""
        told: dict[str, float] = {}
        if self._records:
            told["contacts_per_record"] = self._contacts / self._records
        if len(self._borne) >= _FEWEST:
            told["borne_weight"] = float(np.mean(self._borne))
        return told

    def _bodies(self, record: Dynamics, at: str) -> None:
        self._ids.update(record.instance_id.tolist())
        for what, wrong in (
            ("a mass is negative", record.mass_kg < 0.0),
            ("a friction coefficient is out of range",
             (record.friction < 0.0) | (record.friction > _MOST_FRICTION)),
            ("a kinetic energy is negative", record.kinetic_j < 0.0),
            ("energy is drawn without a battery", ~record.has_battery & (record.drawn_j != 0.0)),
        ):  # fmt: skip
            for k in np.flatnonzero(wrong)[:1]:
                self._add(what, f"{record.names[k]} {at}")
        for name, mass_kg in zip(record.names, record.mass_kg.tolist(), strict=True):
            if self._masses.setdefault(name, mass_kg) != mass_kg:
                self._add("a mass changes", f"{name} {at}")
        row = record.row(EGO)
        if row is None:
            return
        self._ego_id = int(record.instance_id[row])
        mine = record.contact_instance == self._ego_id
        known = record.contact_has_force & (mine[:, 0] != mine[:, 1])
        # At the reset no tick has been yet, and what hangs in the air is borne by nothing.
        if record.t_ns > 0 and known.any() and record.mass_kg[row] > 0.0:
            up_n = np.where(mine[known, 0], 1.0, -1.0) @ record.forces_n()[known, 2]
            self._borne.append(float(up_n) / (float(record.mass_kg[row]) * _GRAVITY_M_S2))

    def _touching(self, record: Dynamics, at: str) -> None:
        length = np.linalg.norm(record.contact_normal, axis=1)
        friction_n = np.linalg.norm(record.contact_friction_n, axis=1)
        bound_n = FRICTION_PART * record.contact_friction * record.contact_normal_n
        known = np.isin(record.contact_instance, list(self._ids)).all(axis=1)
        for what, wrong in (
            ("a contact names something that is not there", ~known),
            ("a contact's normal is not of length one", np.abs(length - 1.0) > 1e-6),
            ("a normal force pulls", record.contact_normal_n < -SLACK_N),
            ("friction is more than its coefficient allows", friction_n > bound_n + SLACK_N),
            ("a contact has a force that is not known",
             ~record.contact_has_force & (record.contact_normal_n != 0.0)),
        ):  # fmt: skip
            for k in np.flatnonzero(wrong)[:1]:
                self._add(what, f"contact {k} {at}")
        if record.contacts_found < record.contacts:
            self._add("more contacts are told than were found", at)

    def _add(self, what: str, place: str) -> None:
        self._findings.setdefault(what, []).append(place)
