"""Lanes that go on into each other without a junction, as one: a road is cut where pockets begin.

On a chain places of different lanes compare: the begin of its first lane is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.kinds import LaneKind
from fleetloop.envs.maps.network import RoadNetwork

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

_ABREAST_M = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Chains:
    """Of each lane, (lanes,).

    Attributes:
        chain: The row of its first lane.
        begin_m: Where it begins on its chain.
        follows: The lane that it goes on into, -1 at the end of the chain.
        last: The last lane of its chain.
    """

    chain: Ints
    begin_m: Floats
    follows: Ints
    last: Ints


def find_chains(network: RoadNetwork) -> Chains:
    """Joins each lane with the one that follows it alone, and that it alone leads to."""
    links, count = network.links, len(network.lanes)
    ways = np.bincount(links.from_lane, minlength=count)
    sources = np.bincount(links.to_lane, minlength=count)
    plain = (links.connector < 0) & (ways[links.from_lane] == 1) & (sources[links.to_lane] == 1)
    follows = np.full(count, -1, np.int32)
    follows[links.from_lane[plain]] = links.to_lane[plain]
    first = np.ones(count, dtype=bool)
    first[follows[follows >= 0]] = False
    chain, last = np.full(count, -1, np.int32), np.arange(count, dtype=np.int32)
    begin_m = np.zeros(count)
    # Circles have no first lane: they are cut at their lowest row.
    for start in (*np.flatnonzero(first), *range(count)):
        if chain[start] >= 0:
            continue
        lane, away, members = int(start), 0.0, []
        while True:
            chain[lane], begin_m[lane] = start, away
            members.append(lane)
            away += float(network.lanes.length_m[lane])
            after = int(follows[lane])
            if after < 0 or chain[after] >= 0:
                break
            lane = after
        follows[lane] = -1
        last[members] = lane
    return Chains(chain=chain, begin_m=begin_m, follows=follows, last=last)


def lanes_beside(network: RoadNetwork, side: str) -> Ints:
    """The lane to the `left` or `right` of each to which one may change, -1 without one.

    Both begin and end abreast; a source that joins lanes otherwise is not followed.
    """
    lanes = network.lanes
    beside = getattr(lanes, side)
    drives = lanes.kind == LaneKind.DRIVE
    may = getattr(lanes, f"{side}_change") & (beside >= 0) & drives & drives[beside]
    may &= lanes.main[beside] & (lanes.junction < 0)
    width = lanes.width_left_m + lanes.width_right_m
    for ends in (lanes.begin[:-1], lanes.begin[1:] - 1):
        away = lanes.xyz_m[ends[beside], :2] - lanes.xyz_m[ends, :2]
        heading = lanes.heading_rad[ends]
        ahead = away[:, 0] * np.cos(heading) + away[:, 1] * np.sin(heading)
        aside = away[:, 1] * np.cos(heading) - away[:, 0] * np.sin(heading)
        spacing = 0.5 * (width[ends] + width[ends[beside]])
        right_side = (aside > 0.0) == (side == "left")
        may &= (np.abs(ahead) < _ABREAST_M) & right_side
        may &= np.abs(np.abs(aside) - spacing) < _ABREAST_M
    return np.where(may, beside, -1).astype(np.int32)
