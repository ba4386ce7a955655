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


@kernel
def find_on_line(
    xyz: Floats, heading: Floats, first: int, last: int, x: float, y: float
) -> tuple[float, float, int]:
    """Nearest row of a part of a line; how far a place is beyond it, and to its left.

    Args:
        xyz, heading: (n, 3) and (n,) of the line.
        first, last: Rows that are searched.
        x, y: The place.
    """
    row, least = first, np.inf
    for i in range(first, last):
        dx, dy = x - xyz[i, 0], y - xyz[i, 1]
        if dx * dx + dy * dy < least:
            row, least = i, dx * dx + dy * dy
    cosine, sine = np.cos(heading[row]), np.sin(heading[row])
    gap_x, gap_y = x - xyz[row, 0], y - xyz[row, 1]
    return gap_x * cosine + gap_y * sine, -gap_x * sine + gap_y * cosine, row


@kernel
def see_points(
    xyz: Floats, first_m: float, spacing_m: float, step_m: float, x: float, y: float,
    cosine: float, sine: float, out: npt.NDArray[np.float32],
) -> None:  # fmt: skip
    """Writes places of a line (n, 3), evenly apart, as seen from a car.

    Args:
        xyz, step_m: The line, and how far apart its rows are.
        first_m, spacing_m: Along it.
        x, y, cosine, sine: Of the car.
        out: (k, 2) written.
    """
    for k in range(len(out)):
        at = (first_m + spacing_m * k) / step_m
        row = min(max(int(np.rint(at)), 0), len(xyz) - 1)
        dx, dy = xyz[row, 0] - x, xyz[row, 1] - y
        out[k, 0], out[k, 1] = cosine * dx + sine * dy, cosine * dy - sine * dx


@kernel
def find_walker_on(
    line: Floats, s: Floats, begin: float, end: float, wide: float, steps_on: float,
    bodies: Floats, present: npt.NDArray[np.bool_], person: float,
) -> bool:  # fmt: skip
    """Whether somebody on foot is on a crossing between two places, or steps onto it now.

    Args:
        line, s: (p, 2) and (p,) of the crossing.
        begin, end: Where its road is.
        wide: Further aside nobody is on it.
        steps_on: Who walks is counted so far before the kerb; who waits there is not.
        bodies, present: See `drive_truth`.
        person: Their kind.
    """
    for body in range(len(bodies)):
        if not present[body] or bodies[body, 6] != person:
            continue
        near, least = 0, np.inf
        for i in range(len(line)):
            dx, dy = bodies[body, 0] - line[i, 0], bodies[body, 1] - line[i, 1]
            if dx * dx + dy * dy < least:
                near, least = i, dx * dx + dy * dy
        margin = steps_on if bodies[body, 3] > 0.3 else 0.0
        if begin - margin < s[near] < end + margin and least < wide * wide:
            return True
    return False


@kernel
def note_walkers(states: Floats, out: Floats) -> None:
    """Writes x, y, course and speed (n, 4) of people from their states (n, 7).

    Where somebody goes is told by the velocity, not by where the nose points.
    """
    for i in range(len(states)):
        vx, vy = states[i, 3], states[i, 4]
        speed = np.hypot(vx, vy)
        out[i, 0], out[i, 1] = states[i, 0], states[i, 1]
        out[i, 2] = np.arctan2(vy, vx) if speed > 0.05 else states[i, 5]
        out[i, 3] = speed
