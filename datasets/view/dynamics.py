"""What a viewer plots of masses, contacts and energies: the robot's own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fleetloop.core.clock import NS_PER_S
from fleetloop.core.dynamics import Dynamics
from fleetloop.core.frames import FloatArray
from fleetloop.core.objects import EGO
from fleetloop.datasets.recording import RecordedEpisode

MOST_PARTS = 8
"""Parts whose forces are plotted, those that bear most."""


def dynamics_series(
    episode: RecordedEpisode, numbers: list[int]
) -> Iterator[tuple[str, str, list[float], FloatArray]]:
    """Name, unit, times in seconds and values (n, k) of each plot.

    Args:
        episode: The recording.
        numbers: Of the records that are plotted.
    """
    records = [episode.dynamics_record(number) for number in numbers]
    rows = [(record, record.row(EGO)) for record in records]
    own = [(record, row) for record, row in rows if row is not None]
    if not own:
        return
    t_s = [record.t_ns / NS_PER_S for record, _ in own]
    energies = {"kinetic_j": "kinetic energy", "potential_j": "potential energy"}
    if any(record.has_battery[row] for record, row in own):
        energies["drawn_j"] = "energy from the battery"
    for name, title in energies.items():
        values = np.array([[getattr(record, name)[row]] for record, row in own])
        yield f"dynamics.{title}", "J", t_s, values
    forces = [_normal_forces(record, int(record.instance_id[row])) for record, row in own]
    sums: dict[str, float] = {}
    for told in forces:
        for part, force_n in told.items():
            sums[part] = sums.get(part, 0.0) + force_n
    parts = sorted(sorted(sums, key=lambda part: -sums[part])[:MOST_PARTS])
    if parts:
        values = np.array([[told.get(part, 0.0) for part in parts] for told in forces])
        named = ", ".join(part or "body" for part in parts)
        yield f"dynamics.normal force: {named}", "N", t_s, values


def _normal_forces(record: Dynamics, ego_id: int) -> dict[str, float]:
    """Sum of the normal forces on each part of the robot."""
    told: dict[str, float] = {}
    for k in np.flatnonzero(record.contact_instance[:, 0] == ego_id).tolist():
        part = record.contact_parts[k]
        told[part] = told.get(part, 0.0) + float(record.contact_normal_n[k])
    return told
