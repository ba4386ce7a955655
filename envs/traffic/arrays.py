"""What the traffic kernels read and write: the network as tables, and the state of vehicles.

A vehicle is told by its row. Its place is its middle, along the centre line of a lane; connectors
are lanes. While its rear has not left a connector it is still known there (`tail_link`), at a
distance that goes on beyond the connector's end.

Tables are arrays of records: a kernel that takes dozens of single arrays compiles for many seconds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.kinds import LaneKind, Turn
from fleetloop.envs.maps.network import RoadNetwork
from fleetloop.envs.traffic.chains import find_chains, lanes_beside
from fleetloop.envs.traffic.grid import Grid, grid_of
from fleetloop.envs.traffic.rings import find_rings
from fleetloop.envs.traffic.wide import WideConflict, wide_conflicts

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Table = npt.NDArray[Any]

COMFORT_LATERAL_M_S2 = 2.5
"""Sideways acceleration at which drivers take curves (AASHTO's Green Book: 0.2 to 0.3 g)."""

SLOWEST_CURVE_M_S = 3.0

LINE_M = 1.0
"""Those who wait keep at least this distance between their front and the end of their lane."""

SWEEP_M = 2.9
"""Distance between the lines of one who waits and one who turns past, at which both have room:
two half widths of 1.25 m and what the rear of a long vehicle cuts in."""

_FURTHEST_LINE_M = 9.0

NARROWEST_M = 2.4
"""Vehicles of traffic keep to lanes that are at least this wide."""

LONG_M = 7.0
"""Vehicles that are longer than this swing out and cut corners."""

WIDE = 100
"""Kind of a conflict that concerns long vehicles alone, beside those of `ConflictKind`."""

VEHICLE = np.dtype(
    [
        ("lane", np.int32),  # of the middle; -1 for one that waits outside of the map
        ("link", np.int32),  # the way at the end of its lane, or the one it is on; -1 without
        ("tail_link", np.int32),  # the connector that its rear has not left, -1 without
        ("kind", np.int32),
        ("old_lane", np.int32),  # that it is leaving to the side, -1
        ("wants", np.int32),  # the lane to the left (1) or right (-1) for its way, or none (0)
        ("s_m", np.float64),
        ("speed_m_s", np.float64),
        ("accel_m_s2", np.float64),
        ("tail_m", np.float64),  # place of the middle on that connector, beyond its end
        ("waited_s", np.float64),  # standing, without a break
        ("length_m", np.float64),
        ("width_m", np.float64),
        ("height_m", np.float64),
        ("factor", np.float64),  # of the limit: what it would like to drive
        ("top_m_s", np.float64),  # never faster
        ("aside_m", np.float64),  # left of the middle of its lane, while it changes
        ("lean", np.float64),  # sideways for each metre ahead, to the left
        ("spacing_m", np.float64),  # from the middle of the lane that it left to that of its own
        ("keep_m", np.float64),  # left of the middle of its lane, always: bicycles keep aside
        ("headway_s", np.float64),
        ("gentle_m_s2", np.float64),  # acceleration
        ("brake_m_s2", np.float64),  # comfortable deceleration
        ("count", np.uint64),  # random numbers drawn so far
        ("go", np.bool_),  # whether it may enter its way
        ("stopped", np.bool_),  # whether it has stopped at the line before it
        ("pushy", np.bool_),  # cuts in
        ("fixed", np.bool_),  # moved by someone else: the ego, a recording
    ],
    align=True,
)
"""One vehicle; copying the array is a snapshot."""

LANE = np.dtype(
    [
        ("length_m", np.float64),
        ("line_m", np.float64),  # where fronts wait
        ("speed_m_s", np.float64),  # limit, or less in curves
        ("connector_link", np.int32),  # the link of a connector, -1 for ordinary lanes
        ("left", np.int32),  # lanes to which one may change, -1
        ("right", np.int32),
        ("too_narrow", np.bool_),  # somewhere: it opens or ends
        ("follows", np.int32),  # see `Chains`
        ("chain", np.int32),
        ("chain_m", np.float64),  # where it begins on its chain
        ("chain_line_m", np.float64),  # where fronts wait at the end of the chain
        ("ring", np.int32),  # the roundabout whose circle it is part of, -1
        ("first_way", np.int32),
        ("last_way", np.int32),  # exclusive, as all `last_`
        ("first_point", np.int32),
        ("last_point", np.int32),
    ],
    align=True,
)
LINK = np.dtype(
    [
        ("from_lane", np.int32),
        ("to_lane", np.int32),
        ("connector", np.int32),
        ("control", np.int32),
        ("signal", np.int32),
        ("signal_index", np.int32),
        ("first_conflict", np.int32),
        ("last_conflict", np.int32),
    ],
    align=True,
)
CONFLICT = np.dtype(
    [
        ("link", np.int32),
        ("kind", np.int32),
        ("exit_m", np.float64),
        ("other_enter_m", np.float64),
        ("other_exit_m", np.float64),
        ("yields", np.bool_),
    ],
    align=True,
)
WAY = np.dtype(
    [
        ("link", np.int32),
        ("weight", np.float64),
        ("radius_m", np.float64),  # of its sharpest curve
    ],
    align=True,
)


ENTRY = np.dtype(
    [
        ("lane", np.int32),
        ("s_m", np.float64),  # of the middle; below 0: as near to the lane's begin as it may be
    ],
    align=True,
)


class Roadway(NamedTuple):
    """A network as the kernels read it; rows as in `RoadNetwork`."""

    lanes: Table  # (lanes,) LANE
    links: Table  # (links,) LINK
    conflicts: Table  # (c,) CONFLICT
    ways: Table  # (w,) WAY: what follows each lane, and how often it is taken
    entries: Table  # (e,) ENTRY: where who has left the map may come in again
    grid: Grid
    ring_m: Floats  # (rings,) length of the circle of each roundabout
    xyz_m: Floats  # (p, 3) points of the lanes
    heading_rad: Floats  # (p,)


def roadway_of(network: RoadNetwork) -> Roadway:
    """Puts what traffic needs of a network into tables."""
    lanes, links = network.lanes, network.links
    connector_link = np.full(len(lanes), -1, dtype=np.int32)
    with_connector = links.connector >= 0
    connector_link[links.connector[with_connector]] = np.flatnonzero(with_connector)
    lane_table = np.zeros(len(lanes), LANE)
    lane_table["length_m"] = lanes.length_m
    lane_table["line_m"] = _lines(network)
    lane_table["speed_m_s"] = _curve_speed(network)
    lane_table["connector_link"] = connector_link
    chains = find_chains(network)
    lane_table["follows"], lane_table["chain"] = chains.follows, chains.chain
    lane_table["chain_m"] = chains.begin_m
    lane_table["chain_line_m"] = (chains.begin_m + lane_table["line_m"])[chains.last]
    lane_table["left"], lane_table["right"] = (
        lanes_beside(network, side) for side in ("left", "right")
    )
    width = lanes.width_left_m + lanes.width_right_m
    lane_table["too_narrow"] = np.minimum.reduceat(width, lanes.begin[:-1]) < NARROWEST_M
    lane_table["ring"], ring_m = find_rings(network)
    lane_table["first_way"], lane_table["last_way"] = lanes.next_begin[:-1], lanes.next_begin[1:]
    lane_table["first_point"], lane_table["last_point"] = lanes.begin[:-1], lanes.begin[1:]
    link_table = np.zeros(len(links), LINK)
    for name in ("from_lane", "to_lane", "connector", "control", "signal", "signal_index"):
        link_table[name] = getattr(links, name)
    conflicts, begin = _conflicts(network)
    link_table["first_conflict"], link_table["last_conflict"] = begin[:-1], begin[1:]
    ways = np.zeros(len(lanes.next_link), WAY)
    ways["link"], ways["weight"] = lanes.next_link, _weights(network)
    ways["radius_m"] = _radii(network)
    return Roadway(
        lanes=lane_table,
        links=link_table,
        conflicts=conflicts,
        ways=ways,
        entries=_entries(network),
        grid=grid_of(network),
        ring_m=ring_m,
        xyz_m=lanes.xyz_m,
        heading_rad=lanes.heading_rad,
    )


def _conflicts(network: RoadNetwork) -> tuple[Table, Ints]:
    """Conflicts sorted by link, those of long vehicles included, and where each link's begin."""
    links = network.links
    wide: list[WideConflict] = wide_conflicts(network)
    known = len(links.conflict_link)
    table = np.zeros(known + len(wide), CONFLICT)
    for name in ("link", "kind", "exit_m", "other_enter_m", "other_exit_m", "yields"):
        table[name][:known] = getattr(links, f"conflict_{name}")
    owner = np.repeat(np.arange(len(links)), np.diff(links.conflict_begin))
    owner = np.concatenate([owner, np.array([row.link for row in wide], dtype=owner.dtype)])
    for at, row in enumerate(wide, start=known):
        table["link"][at], table["kind"][at] = row.other, WIDE
        table["exit_m"][at], table["other_exit_m"][at] = row.exit_m, row.other_exit_m
    order = np.argsort(owner, kind="stable")
    begin = np.searchsorted(owner[order], np.arange(len(links) + 1)).astype(np.int32)
    return table[order], begin


def _entries(network: RoadNetwork) -> Table:
    """The border of the map; where it has none, all places at which vehicles may start."""
    lanes = network.lanes
    drives = (lanes.kind == LaneKind.DRIVE) & (lanes.junction < 0)
    portals = np.flatnonzero(lanes.portal_in & lanes.main & drives)
    closed = len(portals) == 0
    entries = np.zeros(len(network.spawns) if closed else len(portals), ENTRY)
    entries["lane"] = network.spawns.lane if closed else portals
    entries["s_m"] = network.spawns.s_m if closed else -1.0
    return entries


def _sharpest_1_m(network: RoadNetwork) -> Floats:
    """Largest curvature of each lane."""
    return np.asarray(
        np.maximum.reduceat(np.abs(network.lanes.curvature_1_m), network.lanes.begin[:-1])
    )


def _radii(network: RoadNetwork) -> Floats:
    """Radius of the sharpest curve of the connector of each way; a kilometre without one."""
    links = network.links
    radius_m = 1.0 / np.maximum(_sharpest_1_m(network), 1e-3)
    connector = links.connector[network.lanes.next_link]
    return np.where(connector >= 0, radius_m[connector], 1e3)


def _curve_speed(network: RoadNetwork) -> Floats:
    """Limits, lowered to what sharp curves allow; 0 where nobody drives."""
    lanes = network.lanes
    curve = np.sqrt(COMFORT_LATERAL_M_S2 / np.maximum(_sharpest_1_m(network), 1e-6))
    return np.minimum(lanes.speed_limit_m_s, np.maximum(curve, SLOWEST_CURVE_M_S))


def _weights(network: RoadNetwork) -> Floats:
    """How often each way is taken: straight on more than turns, never where nobody is sent."""
    lanes, links = network.lanes, network.links
    by_turn = {Turn.STRAIGHT: 3.0, Turn.LEFT: 1.0, Turn.RIGHT: 1.0, Turn.U_TURN: 0.05}
    turn = np.array([by_turn[Turn(kind)] for kind in links.turn])
    if len(turn) == 0:
        return np.zeros(len(lanes.next_link))
    follows = links.to_lane[lanes.next_link]
    useful = lanes.main[follows] & (lanes.kind[follows] == LaneKind.DRIVE)
    return np.where(useful, turn[lanes.next_link], 0.0)


def _lines(network: RoadNetwork) -> Floats:
    """Where fronts wait on each lane: clear of all who pass its end on other ways."""
    lanes, links = network.lanes, network.links
    line_m = lanes.length_m - LINE_M
    for junction in range(len(network.junctions)):
        inside = np.flatnonzero((links.junction == junction) & (links.connector >= 0))
        for lane in np.unique(links.from_lane[inside]):
            others = inside[links.from_lane[inside] != lane]
            points = [lanes.xyz_m[lanes.rows(int(row)), :2] for row in links.connector[others]]
            if points:
                clear = _clear_m(network, int(lane), np.concatenate(points))
                line_m[lane] = min(line_m[lane], clear)
    return np.asarray(np.maximum(line_m, 0.5 * lanes.length_m))


def _clear_m(network: RoadNetwork, lane: int, points_m: Floats) -> float:
    """The furthest place on a lane's last metres that keeps its distance from some points."""
    rows = network.lanes.rows(lane)
    s, line = network.lanes.s_m[rows], network.lanes.xyz_m[rows, :2]
    near = s >= s[-1] - _FURTHEST_LINE_M
    gap = np.linalg.norm(line[near][:, None] - points_m[None], axis=2).min(axis=1)
    blocked = np.flatnonzero(gap < SWEEP_M)
    return float(s[near][blocked[0]] - LINE_M) if len(blocked) else float(s[-1])
