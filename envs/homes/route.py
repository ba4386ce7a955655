"""Ways round furniture: the cheapest path on a grid, where narrow places cost more."""

from __future__ import annotations

import heapq
import itertools
import math

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import FloatArray

CELL_M = 0.1
_ROOMY_M = 0.8
_NARROW_COST = 4.0
_BLOCKED_COST = 60.0

Cell = tuple[int, int]


def find_route(
    half_m: npt.ArrayLike,
    obstacles: FloatArray,
    start_m: npt.ArrayLike,
    goal_m: npt.ArrayLike,
    clearance_m: float,
) -> FloatArray:
    """A path in a room about the world's origin.

    Args:
        half_m: Half lengths of the room.
        obstacles: Upright boxes, (n, 5): x, y, half x, half y, yaw; rows without size are nothing.
        start_m, goal_m: (2,).
        clearance_m: From walls and boxes to the path; what is narrower is taken only if there is
            no other way.

    Returns:
        Points (k, 2), about 0.1 m apart, from the start to the goal.
    """
    half = np.asarray(half_m, dtype=np.float64)
    shape = (2.0 * half / CELL_M).astype(int) + 1
    x = -half[0] + CELL_M * np.arange(shape[0])
    y = -half[1] + CELL_M * np.arange(shape[1])
    grid_x, grid_y = np.meshgrid(x, y, indexing="ij")
    room = np.minimum(half[0] - np.abs(grid_x), half[1] - np.abs(grid_y))
    for px, py, hx, hy, yaw in obstacles:
        if hx > 0.0:
            room = np.minimum(room, _gap(grid_x - px, grid_y - py, hx, hy, yaw))
    cost = 1.0 + _NARROW_COST * np.clip(_ROOMY_M - room, 0.0, _ROOMY_M)
    cost[room < clearance_m] = _BLOCKED_COST
    ends = []
    for end in (start_m, goal_m):
        cell = ((np.asarray(end) + half) / CELL_M).round().astype(int)
        i, j = np.clip(cell, 0, shape - 1).tolist()
        ends.append((i, j))
    found = np.array([[x[i], y[j]] for i, j in _shortest(cost, ends[0], ends[1])])
    found[-1] = goal_m
    return found


def ahead_on(route_m: FloatArray, here_m: FloatArray, ahead_m: float) -> FloatArray:
    """The point (2,) of a route that lies so far ahead of its point nearest to `here_m`."""
    near = int(np.linalg.norm(route_m - here_m, axis=1).argmin())
    return np.asarray(route_m[min(near + round(ahead_m / CELL_M), len(route_m) - 1)])


def _gap(x: FloatArray, y: FloatArray, half_x: float, half_y: float, yaw: float) -> FloatArray:
    """Distance to an upright box, zero inside."""
    c, s = math.cos(yaw), math.sin(yaw)
    along, across = np.abs(c * x + s * y) - half_x, np.abs(c * y - s * x) - half_y
    return np.asarray(np.hypot(np.maximum(along, 0.0), np.maximum(across, 0.0)))


def _shortest(cost: FloatArray, start: Cell, goal: Cell) -> list[Cell]:
    """Dijkstra's over eight neighbours; ties go by order, so that it is the same each time."""
    table = cost.tolist()
    best: dict[Cell, float] = {start: 0.0}
    came: dict[Cell, Cell] = {}
    order = itertools.count()
    heap: list[tuple[float, int, Cell]] = [(0.0, next(order), start)]
    moves = [(i, j, math.hypot(i, j)) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
    while heap:
        reached, _, cell = heapq.heappop(heap)
        if cell == goal:
            break
        if reached > best[cell]:
            continue
        for i, j, far in moves:
            beside = (cell[0] + i, cell[1] + j)
            if not (0 <= beside[0] < cost.shape[0] and 0 <= beside[1] < cost.shape[1]):
                continue
            total = reached + far * table[beside[0]][beside[1]]
            if total < best.get(beside, math.inf):
                best[beside] = total
                came[beside] = cell
                heapq.heappush(heap, (total, next(order), beside))
    cells = [goal]
    while cells[-1] != start:
        cells.append(came[cells[-1]])
    return cells[::-1]
