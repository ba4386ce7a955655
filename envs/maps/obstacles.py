"""What stands still beside the roads of a map, as flat shapes that a vehicle can run into."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.kinds import PropKind
from fleetloop.envs.maps.network import RoadNetwork

Floats = npt.NDArray[np.float64]

_ROUND_M = {
    PropKind.TREE: 0.18, PropKind.CONIFER: 0.18, PropKind.LAMP: 0.08, PropKind.BOLLARD: 0.08,
    PropKind.HYDRANT: 0.15, PropKind.POLE: 0.08,
}  # fmt: skip
"""Radius of what is round at the height of a bumper: of a tree its trunk."""

_LONG = (PropKind.BENCH, PropKind.BIN, PropKind.CABINET, PropKind.BUS_STOP, PropKind.HEDGE,
         PropKind.FENCE, PropKind.WALL)  # fmt: skip
_POLE_M = 0.08
_WALL_M = 0.10


@lru_cache(maxsize=8)
def obstacles_of(network: RoadNetwork) -> Floats:
    """Rectangles and discs (n, 5): x, y, heading, half length, half width; a disc has radius, 0."""
    rows = [_props(network), _walls(network), _poles(network)]
    return np.concatenate(rows).reshape(-1, 5)


def _props(network: RoadNetwork) -> Floats:
    props = network.props
    found = np.zeros((len(props), 5))
    found[:, :2], found[:, 2] = props.xyz_m[:, :2], props.heading_rad
    keep = np.zeros(len(props), dtype=np.bool_)
    for kind, radius in _ROUND_M.items():
        mine = props.kind == kind
        found[mine, 3] = radius
        keep |= mine
    for kind in _LONG:
        mine = props.kind == kind
        found[mine, 3:] = np.maximum(0.5 * props.size_m[mine, :2], 0.02)
        keep |= mine
    return found[keep]


def _walls(network: RoadNetwork) -> Floats:
    """Each side of each building as a thin rectangle."""
    buildings = network.buildings
    found = []
    for row in range(len(buildings)):
        ring = buildings.footprint_m[buildings.begin[row] : buildings.begin[row + 1]]
        side = np.roll(ring, -1, axis=0) - ring
        half = 0.5 * np.hypot(side[:, 0], side[:, 1])
        middle = ring + 0.5 * side
        heading = np.arctan2(side[:, 1], side[:, 0])
        thick = np.full(len(ring), _WALL_M)
        found.append(np.stack([middle[:, 0], middle[:, 1], heading, half, thick], axis=1))
    return np.concatenate([np.zeros((0, 5)), *found])


def _poles(network: RoadNetwork) -> Floats:
    """Poles of signals and signs."""
    feet = np.concatenate([network.signals.pole_xyz_m, network.signs.xyz_m])[:, :2]
    found = np.zeros((len(feet), 5))
    found[:, :2], found[:, 3] = feet, _POLE_M
    return found
