"""Which pieces of lanes lie near a place: a grid of square cells over the map, made once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.kinds import LaneKind
from fleetloop.envs.maps.network import RoadNetwork

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

CELL_M = 8.0
PIECE_M = 1.0
"""Points of lanes are at most this far apart."""


class Grid(NamedTuple):
    """Pieces of lanes by cell; a piece goes from one point of a lane to the next."""

    low_m: Floats  # (2,) corner of the first cell
    shape: Ints  # (2,) cells along x and y
    first: Ints  # (cells + 1,)
    point: Ints  # (pieces,) row of a piece's first point
    lane: Ints  # (pieces,) its lane


def grid_of(network: RoadNetwork) -> Grid:
    """Sorts the pieces of all lanes that vehicles or bicycles use into cells, by their middles."""
    lanes = network.lanes
    used = (lanes.kind == LaneKind.DRIVE) | (lanes.kind == LaneKind.BIKE)
    counts = np.diff(lanes.begin)
    lane = np.repeat(np.arange(len(lanes), dtype=np.int32), counts)
    is_last = np.zeros(len(lane), dtype=bool)
    is_last[lanes.begin[1:] - 1] = True
    point = np.flatnonzero(used[lane] & ~is_last).astype(np.int32)
    if len(point) == 0:
        return Grid(np.zeros(2), np.ones(2, np.int32), np.zeros(2, np.int32), point, point)
    middle = 0.5 * (lanes.xyz_m[point, :2] + lanes.xyz_m[point + 1, :2])
    low = middle.min(axis=0)
    cell = np.floor((middle - low) / CELL_M).astype(np.int64)
    shape = cell.max(axis=0) + 1
    flat = cell[:, 0] * shape[1] + cell[:, 1]
    order = np.argsort(flat, kind="stable")
    first = np.searchsorted(flat[order], np.arange(int(shape.prod()) + 1))
    return Grid(
        low_m=low,
        shape=shape.astype(np.int32),
        first=first.astype(np.int32),
        point=point[order],
        lane=lane[point[order]],
    )
