"""Walks round furniture to a place: a shortest path on a grid, followed by a point ahead on it."""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.agents.experts.humanoid_stand import ACTION_SIZE
from fleetloop.agents.policy import Action, Observation

_CELL_M = 0.1

Path = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanoidWalkExpert:
    """The teacher of `fleetloop/HumanoidWalk-v0`.

    Attributes:
        clearance_m: From furniture and walls to the middle of the robot.
        ahead_m: How far on the path the point lies that it walks to.
        speed: Part of full forward speed on a straight.
        turn_gain: Turning command per radian that the point lies off.
    """

    clearance_m: float = 0.45
    ahead_m: float = 0.6
    speed: float = 0.7
    turn_gain: float = 1.2

    @property
    def name(self) -> str:
        """`expert`."""
        return "expert"

    @property
    def privileged(self) -> bool:
        """It is given the truth."""
        return True

    def init(self, seed: int) -> Path:
        """No path yet."""
        return np.zeros((0, 2))

    def act(self, observation: Observation, state: Path) -> tuple[Action, Path]:
        """Turns to the path, then walks along it.

        Args:
            observation: Truth of the task: places of robot, goal, walls and furniture.
            state: The path that was found at the start.
        """
        here = np.asarray(observation["position_m"])
        path = state if len(state) else self._plan(observation)
        near = int(np.linalg.norm(path - here, axis=1).argmin())
        ahead = path[min(near + round(self.ahead_m / _CELL_M), len(path) - 1)]
        bearing = math.atan2(ahead[1] - here[1], ahead[0] - here[0])
        off = bearing - float(observation["heading_rad"])
        off = math.atan2(math.sin(off), math.cos(off))
        action = np.zeros(ACTION_SIZE, np.float32)
        action[2] = np.clip(self.turn_gain * off, -1.0, 1.0)
        # A large turn is made on the spot, and near furniture it goes slowly.
        action[0] = self.speed * max(0.0, 1.0 - abs(off) / 0.5)
        return action, path

    def _plan(self, observation: Observation) -> Path:
        half = np.asarray(observation["room_half_m"])
        shape = (2.0 * half / _CELL_M).astype(int) + 1
        x = -half[0] + _CELL_M * np.arange(shape[0])
        y = -half[1] + _CELL_M * np.arange(shape[1])
        grid_x, grid_y = np.meshgrid(x, y, indexing="ij")
        room = np.minimum(half[0] - np.abs(grid_x), half[1] - np.abs(grid_y))
        for px, py, hx, hy, yaw in np.asarray(observation["obstacles"]):
            if hx > 0.0:
                room = np.minimum(room, _gap(grid_x - px, grid_y - py, hx, hy, yaw))
        # Narrow places cost more, and what is too narrow costs so much that any other way is taken.
        cost = 1.0 + 4.0 * np.clip(0.8 - room, 0.0, 0.8)
        cost[room < self.clearance_m] = 60.0
        ends = [
            tuple(np.clip(((np.asarray(observation[name]) + half) / _CELL_M).round().astype(int),
                          0, shape - 1).tolist())
            for name in ("position_m", "goal_m")
        ]  # fmt: skip
        cells = _shortest(cost, ends[0], ends[1])
        found = np.array([[x[i], y[j]] for i, j in cells])
        found[-1] = observation["goal_m"]
        return found


def _gap(x: Path, y: Path, half_x: float, half_y: float, yaw: float) -> Path:
    """Distance to an upright box, zero inside."""
    c, s = math.cos(yaw), math.sin(yaw)
    along, across = np.abs(c * x + s * y) - half_x, np.abs(c * y - s * x) - half_y
    return np.asarray(np.hypot(np.maximum(along, 0.0), np.maximum(across, 0.0)))


def _shortest(cost: Path, start: tuple[int, ...], goal: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Dijkstra's over eight neighbours; ties go by order, so that it is the same each time."""
    best = np.full(cost.shape, np.inf)
    best[start] = 0.0
    came: dict[tuple[int, ...], tuple[int, ...]] = {}
    order = itertools.count()
    heap: list[tuple[float, int, tuple[int, ...]]] = [(0.0, next(order), start)]
    moves = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
    while heap:
        reached, _, cell = heapq.heappop(heap)
        if cell == goal:
            break
        if reached > best[cell]:
            continue
        for i, j in moves:
            beside = (cell[0] + i, cell[1] + j)
            if not (0 <= beside[0] < cost.shape[0] and 0 <= beside[1] < cost.shape[1]):
                continue
            total = reached + math.hypot(i, j) * float(cost[beside])
            if total < best[beside]:
                best[beside] = total
                came[beside] = cell
                heapq.heappush(heap, (total, next(order), beside))
    cells = [goal]
    while cells[-1] != start:
        cells.append(came[cells[-1]])
    return cells[::-1]
