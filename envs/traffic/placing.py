"""Who drives and where, at the begin of an episode."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.network import RoadNetwork
from fleetloop.envs.traffic.arrays import VEHICLE, Table
from fleetloop.envs.traffic.config import BUILDS, TrafficConfig, VehicleKind

NARROWEST_M = 2.4
"""Vehicles of traffic keep to lanes that are at least this wide."""

_CLEARANCE_M = 8.0


def drawn_vehicles(config: TrafficConfig, network: RoadNetwork, rng: np.random.Generator) -> Table:
    """Vehicles at places that leave them room; as many as fit."""
    kinds = rng.choice(len(BUILDS), size=config.vehicles, p=_shares(config)).astype(np.uint8)
    builds = [BUILDS[VehicleKind(kind)] for kind in kinds]
    length = np.array([rng.uniform(*build.length_m) for build in builds])
    order = rng.permutation(len(network.spawns))
    taken: dict[int, list[tuple[float, float]]] = {}
    rows: list[int] = []
    places: list[float] = []
    for place in order:
        if len(rows) == config.vehicles:
            break
        lane, s = int(network.spawns.lane[place]), float(network.spawns.s_m[place])
        half = 0.5 * float(length[len(rows)])
        inside = half + 1.0 < s < float(network.lanes.length_m[lane]) - half - 2.0
        near = any(abs(s - other) < half + other_half + _CLEARANCE_M
                   for other, other_half in taken.get(lane, ()))  # fmt: skip
        if inside and not near and _is_wide(network, lane, s):
            taken.setdefault(lane, []).append((s, half))
            rows.append(lane)
            places.append(s)
    count = len(rows)
    found = no_vehicles(count)
    found["lane"], found["s_m"], found["length_m"] = rows, places, length[:count]
    found["kind"] = kinds[:count]
    found["width_m"] = [build.width_m for build in builds[:count]]
    found["height_m"] = [build.height_m for build in builds[:count]]
    found["factor"] = rng.uniform(*config.speed_factor, size=count)
    found["headway_s"] = rng.uniform(*config.headway_s, size=count)
    found["gentle_m_s2"] = [build.accel_m_s2 for build in builds[:count]]
    found["brake_m_s2"] = [build.brake_m_s2 for build in builds[:count]]
    return found


def _is_wide(network: RoadNetwork, lane: int, s_m: float) -> bool:
    """Whether a lane stays wide enough to drive on from a place to its end.

    Lanes that open or close are entered and left by changing, not at their ends.
    """
    rows = network.lanes.rows(lane)
    width = network.lanes.width_left_m[rows] + network.lanes.width_right_m[rows]
    return bool(width[network.lanes.s_m[rows] >= s_m - 6.0].min() >= NARROWEST_M)


def _shares(config: TrafficConfig) -> npt.NDArray[np.float64]:
    shares = np.array(config.shares, dtype=np.float64)
    return np.asarray(shares / shares.sum())


def no_vehicles(count: int) -> Table:
    """Vehicles that are not on the map."""
    vehicles = np.zeros(count, VEHICLE)
    for name in ("lane", "link", "tail_link"):
        vehicles[name] = -1
    return vehicles
