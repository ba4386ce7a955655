"""Roundabouts: which lanes are the circle, so that traffic can keep it from filling up."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.kinds import Control, JunctionKind, LaneKind
from fleetloop.envs.maps.network import RoadNetwork

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


def find_rings(network: RoadNetwork) -> tuple[Ints, Floats]:
    """Finds the circles of all roundabouts.

    A lane belongs to one if all that leads to it and from it are roundabout junctions, and nobody
    has to yield at its end: those on the circle go first.

    Returns:
        For each lane the row of its circle or -1, (lanes,), connectors on the circle included; and
        the length of each circle, (rings,).
    """
    lanes, links, junctions = network.lanes, network.links, network.junctions
    around = np.zeros(len(links), dtype=bool)
    if len(junctions):
        around = (links.junction >= 0) & (junctions.kind[links.junction] == JunctionKind.ROUNDABOUT)
    on_ring = (lanes.kind == LaneKind.DRIVE) & (lanes.junction < 0)
    leads = np.zeros((len(lanes), 2), dtype=bool)
    for link in range(len(links)):
        start, end = links.from_lane[link], links.to_lane[link]
        leads[start, 0] = leads[end, 1] = True
        if not around[link] or links.control[link] != Control.FREE:
            on_ring[start] = False
        if not around[link]:
            on_ring[end] = False
    on_ring &= leads.all(axis=1)
    circling = around & on_ring[links.from_lane] & on_ring[links.to_lane]
    root = np.arange(len(lanes))
    for at in np.flatnonzero(circling):
        one, two = (_root(root, int(lane)) for lane in (links.from_lane[at], links.to_lane[at]))
        root[max(one, two)] = min(one, two)
    ring = np.full(len(lanes), -1, dtype=np.int32)
    rows: dict[int, int] = {}
    for lane in np.unique(links.from_lane[circling]):
        ring[lane] = rows.setdefault(_root(root, int(lane)), len(rows))
    crossing = circling & (links.connector >= 0)
    ring[links.connector[crossing]] = ring[links.from_lane[crossing]]
    length_m = np.zeros(len(rows))
    np.add.at(length_m, ring[ring >= 0], lanes.length_m[ring >= 0])
    return ring, length_m


def _root(root: npt.NDArray[np.int64], lane: int) -> int:
    while root[lane] != lane:
        lane = int(root[lane])
    return lane
