"""Long runs of traffic that are watched from outside, for tests and benchmarks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fleetloop.envs.traffic.audit import overlapping_vehicles, people_in_vehicles
from fleetloop.envs.traffic.deadlock import Deadlock, find_deadlocks
from fleetloop.envs.traffic.traffic import STEP_S, Traffic

LOOK_EVERY = 5
"""Steps between two looks for overlaps."""

HEADER = (
    f"{'map':<28} {'min':>4} {'cars':>5} {'people':>6} {'overlaps':>8} {'walked into':>11} "
    f"{'removed':>7} {'deadlocks':>9} {'mean m/s':>8} {'slowest':>7} {'km':>7} {'CPU ms/s':>8}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """What was seen.

    Attributes:
        minutes: Simulated.
        vehicles, people: How many there were.
        overlaps: Instants and pairs of vehicles that overlapped: t, row, row.
        walked_into: Instants at which a person was in a vehicle: t, person, vehicle.
        removed: Vehicles that were taken off because they had been stuck.
        deadlocks: Circles of vehicles that waited for each other.
        speed_m_s: Mean speed of each minute.
        driven_km: By all vehicles together.
        cpu_ms_per_s: Of the traffic alone, for a simulated second.
    """

    minutes: float
    vehicles: int
    people: int
    overlaps: tuple[tuple[float, int, int], ...]
    walked_into: tuple[tuple[float, int, int], ...]
    removed: int
    deadlocks: tuple[Deadlock, ...]
    speed_m_s: tuple[float, ...]
    driven_km: float
    cpu_ms_per_s: float

    def row(self, name: str) -> str:
        """One line of a table, under `HEADER`."""
        return (
            f"{name:<28} {self.minutes:>4.0f} {self.vehicles:>5} {self.people:>6} "
            f"{len(self.overlaps):>8} {len(self.walked_into):>11} {self.removed:>7} "
            f"{len(self.deadlocks):>9} {np.mean(self.speed_m_s):>8.2f} {min(self.speed_m_s):>7.2f} "
            f"{self.driven_km:>7.1f} {self.cpu_ms_per_s:>8.2f}"
        )


def soak(
    traffic: Traffic, duration_s: float, *, progress: Callable[[float, float], None] | None = None
) -> Soak:
    """Lets traffic run and looks for overlaps, deadlocks and standstill.

    Args:
        traffic: After its reset.
        duration_s: Simulated time.
        progress: Called once a simulated minute with the time that has passed, and the whole.
    """
    steps = max(round(duration_s / STEP_S), 1)
    overlaps: list[tuple[float, int, int]] = []
    walked_into: list[tuple[float, int, int]] = []
    deadlocks: dict[tuple[int, ...], Deadlock] = {}
    speed = np.zeros(steps)
    cpu_s, minute = 0.0, round(60.0 / STEP_S)
    for step in range(steps):
        began = time.process_time()
        traffic.step(STEP_S)
        cpu_s += time.process_time() - began
        present = traffic.present
        moving = traffic.vehicles["speed_m_s"][present]
        speed[step] = moving.mean() if len(moving) else 0.0
        if step % LOOK_EVERY == 0:
            overlaps += [(traffic.t_s, *pair) for pair in overlapping_vehicles(traffic)]
            walked_into += [(traffic.t_s, *pair) for pair in people_in_vehicles(traffic)]
        if step % minute == minute - 1:
            for deadlock in find_deadlocks(traffic):
                deadlocks.setdefault(deadlock.vehicles, deadlock)
            if progress is not None:
                progress((step + 1) * STEP_S, duration_s)
    minutes = [float(part.mean()) for part in np.array_split(speed, max(steps // minute, 1))]
    return Soak(
        minutes=duration_s / 60.0,
        vehicles=len(traffic.vehicles),
        people=len(traffic.walkers),
        overlaps=tuple(overlaps),
        walked_into=tuple(walked_into),
        removed=traffic.removed,
        deadlocks=tuple(deadlocks.values()),
        speed_m_s=tuple(minutes),
        driven_km=float(speed.sum()) * STEP_S * len(traffic.vehicles) / 1000.0,
        cpu_ms_per_s=1000.0 * cpu_s / duration_s,
    )
