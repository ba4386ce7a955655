"""The privileged truth of a drive: all that the expert acts on, so that logs can be labelled later.

Everything is in the frame of the car's base, x forward, y left, unless its name says otherwise.
Arrays have a fixed size; what is not there is masked.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import Pose
from fleetloop.envs.maps.kinds import SignalState
from fleetloop.envs.tasks.drive_eyes import find_lead, find_nearest, place_actors, trace_path
from fleetloop.envs.tasks.drive_future import STEPS
from fleetloop.envs.tasks.drive_route import STEP_M, DriveRoute, Gate

Floats = npt.NDArray[np.float64]

PATH_POINTS = 80
PATH_STEP_M = 1.0
ACTORS = 16
ACTOR_REACH_M = 75.0
GATES = 3
NO_LEAD_M = 200.0

VEHICLE, PERSON, CYCLIST, BLOCKER = 0.0, 1.0, 2.0, 3.0
"""Kinds of road users; a blocker is a vehicle that stands for good."""

_EVERY = round(PATH_STEP_M / STEP_M)


class Viewpoint(NamedTuple):
    """The base seen from above."""

    x_m: float
    y_m: float
    yaw_rad: float
    cosine: float
    sine: float

    @classmethod
    def of(cls, base: Pose) -> Viewpoint:
        """From a pose."""
        x, y, z, w = (float(value) for value in base.quaternion_xyzw)
        yaw = math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
        place = base.position_m
        return cls(float(place[0]), float(place[1]), yaw, math.cos(yaw), math.sin(yaw))


def path_truth(route: DriveRoute, row: int, base: Viewpoint) -> dict[str, npt.NDArray[Any]]:
    """The route ahead from a row of its line.

    `path_m` (PATH_POINTS, 2); `path_heading_rad`, `path_curvature_1_m`, `path_limit_m_s`
    (PATH_POINTS,), all `PATH_STEP_M` apart; places beyond the line's end repeat its last one.
    """
    path = np.empty((PATH_POINTS, 2))
    told = np.empty((3, PATH_POINTS))
    trace_path(
        route.xyz_m, route.heading_rad, route.curvature_1_m, route.limit_m_s, row, _EVERY,
        base.x_m, base.y_m, base.yaw_rad, base.cosine, base.sine, path, told,
    )  # fmt: skip
    return {
        "path_m": path,
        "path_heading_rad": told[0],
        "path_curvature_1_m": told[1],
        "path_limit_m_s": told[2],
    }


def nearest_actors(
    bodies: Floats, present: npt.NDArray[np.bool_], base: Viewpoint
) -> npt.NDArray[np.int64]:
    """Rows (ACTORS,) of the nearest of those who are there, -1 for none.

    Args:
        bodies: (n, 7) x, y, heading, speed, length, width, kind.
        present: (n,).
        base: Of the car.
    """
    rows = np.full(ACTORS, -1, dtype=np.int64)
    find_nearest(bodies, present, base.x_m, base.y_m, ACTOR_REACH_M, rows)
    return rows


def actor_truth(
    bodies: Floats, rows: npt.NDArray[np.int64], future_world: Floats, base: Viewpoint
) -> dict[str, npt.NDArray[Any]]:
    """Who is near.

    `actor_valid` (ACTORS,); `actor` (ACTORS, 7) x, y, heading, speed, length, width, kind (see
    `VEHICLE` and its like); `actor_future` (ACTORS, STEPS, 3) x, y, heading.

    Args:
        bodies: As in `nearest_actors`.
        rows: From `nearest_actors`.
        future_world: (ACTORS, STEPS, 3) x, y, heading, world.
        base: Of the car.
    """
    actor = np.zeros((ACTORS, 7))
    future = np.zeros((ACTORS, STEPS, 3))
    place_actors(
        bodies, rows, future_world, base.x_m, base.y_m, base.yaw_rad, base.cosine, base.sine,
        actor, future,
    )  # fmt: skip
    return {"actor_valid": rows >= 0, "actor": actor, "actor_future": future}


def lead_truth(
    path_m: Floats, actor: Floats, valid: npt.NDArray[np.bool_], front_m: float, half_width_m: float
) -> tuple[float, float, bool]:
    """Gap to whoever is first on the route, and its speed along it; whether there is somebody.

    Args:
        path_m: (p, 2) the route ahead.
        actor, valid: From `actor_truth`.
        front_m: Of the car, before its base.
        half_width_m: Of the car.
    """
    gap_m, speed_m_s, there = find_lead(path_m, PATH_STEP_M, actor, valid, front_m, half_width_m)
    return (gap_m, speed_m_s, True) if there else (NO_LEAD_M, 0.0, False)


def coming_gates(gates: tuple[Gate, ...], front_m: float) -> list[int]:
    """The next of a route's gates, `GATES` at the most, by their lines.

    Args:
        gates: Of the route.
        front_m: Of the car, along the route.
    """
    ahead = [row for row, gate in enumerate(gates) if gate.exit_m > front_m - 6.0]
    return sorted(ahead, key=lambda row: gates[row].line_m)[:GATES]


def gate_truth(
    gates: tuple[Gate, ...],
    coming: list[int],
    front_m: float,
    states: npt.NDArray[np.uint8],
    stopped: npt.NDArray[np.bool_],
    busy: npt.NDArray[np.bool_],
) -> dict[str, npt.NDArray[Any]]:
    """The next junctions and crossings of people on the route.

    `gate_valid` (GATES,); `gate` (GATES, 6): from the front to the line, to the begin and to the
    end of the junction, all below 0 once passed; `Control`; `SignalState` or -1; 1 for a crossing
    of people; `gate_stopped` whether the car has stopped at the line; `gate_busy` whether people
    are on the crossing or about to step on it.

    Args:
        gates: Of the route.
        coming: Which to tell, from `coming_gates`.
        front_m: Of the car, along the route.
        states: What signals show, from `states_at`.
        stopped, busy: (len(gates),).
    """
    found = np.zeros((GATES, 6))
    valid = np.zeros(GATES, dtype=np.bool_)
    told = np.zeros((2, GATES), dtype=np.bool_)
    for place, row in enumerate(coming):
        gate = gates[row]
        shown = -1.0
        if gate.signal >= 0:
            shown = float(states[gate.signal, gate.signal_index])
        found[place] = (gate.line_m - front_m, gate.enter_m - front_m, gate.exit_m - front_m,
                        gate.control, shown, gate.crossing)  # fmt: skip
        valid[place] = True
        told[0, place], told[1, place] = stopped[row], busy[row]
    return {
        "gate": found, "gate_valid": valid, "gate_stopped": told[0], "gate_busy": told[1],
    }  # fmt: skip


def is_red(state: int) -> bool:
    """Whether a signal forbids to pass its line."""
    return state in (SignalState.RED, SignalState.RED_AMBER)
