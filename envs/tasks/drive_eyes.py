"""The loops behind `drive_truth`: the route and the road users as the car has them around it."""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.jit import inline, kernel

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@inline
def _wrapped(angle):
    """An angle from -pi to below pi."""
    return (angle + np.pi) % (2.0 * np.pi) - np.pi


@kernel
def trace_path(
    xyz: Floats, heading: Floats, curvature: Floats, limit: Floats, row: int, every: int,
    x: float, y: float, yaw: float, cosine: float, sine: float, path: Floats, told: Floats,
) -> None:  # fmt: skip
    """Writes each `every`-th point of a route from a row on, as seen from a car.

    Args:
        xyz, heading, curvature, limit: Of the route.
        row, every: Which points; those beyond the end are the last.
        x, y, yaw, cosine, sine: Of the car.
        path: (p, 2) written.
        told: (3, p) written: heading, curvature, limit.
    """
    for k in range(len(path)):
        at = min(row + every * k, len(xyz) - 1)
        dx, dy = xyz[at, 0] - x, xyz[at, 1] - y
        path[k, 0], path[k, 1] = cosine * dx + sine * dy, cosine * dy - sine * dx
        told[0, k] = _wrapped(heading[at] - yaw)
        told[1, k], told[2, k] = curvature[at], limit[at]


@kernel
def find_nearest(
    bodies: Floats, present: npt.NDArray[np.bool_], x: float, y: float, reach: float, rows: Rows
) -> None:
    """Writes the rows of the nearest bodies, nearest first; the lower row of two as near.

    Args:
        bodies: (n, 7) x, y and more.
        present: (n,) who counts.
        x, y: From where.
        reach: Those further away are not near.
        rows: (k,) filled with -1 before.
    """
    away = np.empty(len(rows))
    count = 0
    for body in range(len(bodies)):
        if not present[body]:
            continue
        gap = np.hypot(bodies[body, 0] - x, bodies[body, 1] - y)
        if gap >= reach or (count == len(rows) and gap >= away[count - 1]):
            continue
        place = min(count, len(rows) - 1)
        while place > 0 and away[place - 1] > gap:
            away[place], rows[place] = away[place - 1], rows[place - 1]
            place -= 1
        away[place], rows[place] = gap, body
        count = min(count + 1, len(rows))


@kernel
def place_actors(
    bodies: Floats, rows: Rows, future_world: Floats, x: float, y: float, yaw: float,
    cosine: float, sine: float, actor: Floats, future: Floats,
) -> None:  # fmt: skip
    """Writes bodies and where they will be as seen from a car; see `drive_truth.actor_truth`."""
    for k in range(len(rows)):
        if rows[k] < 0:
            continue
        for c in range(2, 7):
            actor[k, c] = bodies[rows[k], c]
        dx, dy = bodies[rows[k], 0] - x, bodies[rows[k], 1] - y
        actor[k, 0], actor[k, 1] = cosine * dx + sine * dy, cosine * dy - sine * dx
        actor[k, 2] = _wrapped(bodies[rows[k], 2] - yaw)
        for step in range(future.shape[1]):
            dx, dy = future_world[k, step, 0] - x, future_world[k, step, 1] - y
            future[k, step, 0] = cosine * dx + sine * dy
            future[k, step, 1] = cosine * dy - sine * dx
            future[k, step, 2] = _wrapped(future_world[k, step, 2] - yaw)


@kernel
def find_lead(
    path: Floats, step_m: float, actor: Floats, valid: npt.NDArray[np.bool_], front: float,
    half_width: float,
) -> tuple[float, float, bool]:  # fmt: skip
    """Gap to the first actor on a path, its speed along it, whether there is one."""
    best, speed, there = np.inf, 0.0, False
    last = len(path) - 1
    for k in range(len(actor)):
        if not valid[k]:
            continue
        near, least = 0, np.inf
        for i in range(len(path)):
            dx, dy = actor[k, 0] - path[i, 0], actor[k, 1] - path[i, 1]
            if dx * dx + dy * dy < least:
                near, least = i, dx * dx + dy * dy
        # Beyond both ends of the path the distance is no distance aside.
        if near == 0 or near == last:
            continue
        along_x = path[near + 1, 0] - path[near - 1, 0]
        along_y = path[near + 1, 1] - path[near - 1, 1]
        turn = actor[k, 2] - np.arctan2(along_y, along_x)
        cosine, sine = abs(np.cos(turn)), abs(np.sin(turn))
        half_long = 0.5 * (actor[k, 4] * cosine + actor[k, 5] * sine)
        half_wide = 0.5 * (actor[k, 4] * sine + actor[k, 5] * cosine)
        if np.sqrt(least) >= half_wide + half_width + 0.2:
            continue
        gap = near * step_m - half_long - front
        if gap < best:
            best, speed, there = gap, actor[k, 3] * np.cos(turn), True
    return best, speed, there
