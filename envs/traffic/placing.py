"""Who drives and where, at the begin of an episode."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.network import RoadNetwork
from fleetloop.envs.traffic.arrays import NARROWEST_M, VEHICLE, Table
from fleetloop.envs.traffic.config import BUILDS, TrafficConfig, VehicleKind
from fleetloop.envs.traffic.walk_tables import Walkway
from fleetloop.envs.traffic.walkers import WALKER

KEEP_ASIDE_M = 0.8
"""Cyclists ride so far from the middle of the lane, on the side of the kerb."""

METRES_EACH = 2.0
"""Sidewalk that each person has, at least."""

_CLEARANCE_M = 8.0


def drawn_vehicles(config: TrafficConfig, network: RoadNetwork, rng: np.random.Generator) -> Table:
    """Vehicles at places that leave them room; as many as fit."""
    riders = config.cyclists + config.motorcyclists
    count = config.vehicles + riders
    kinds = rng.choice(len(config.shares), size=count, p=_shares(config)).astype(np.uint8)
    kinds[config.vehicles :] = VehicleKind.BICYCLE
    kinds[count - config.motorcyclists :] = VehicleKind.MOTORCYCLE
    builds = [BUILDS[VehicleKind(kind)] for kind in kinds]
    length = np.array([rng.uniform(*build.length_m) for build in builds])
    order = rng.permutation(len(network.spawns))
    taken: dict[int, list[tuple[float, float]]] = {}
    rows: list[int] = []
    places: list[float] = []
    for place in order:
        if len(rows) == count:
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
    found["top_m_s"] = [rng.uniform(*build.top_m_s) for build in builds[:count]]
    side = 1.0 if network.left_hand else -1.0
    found["keep_m"] = np.where(found["kind"] == VehicleKind.BICYCLE, side * KEEP_ASIDE_M, 0.0)
    found["headway_s"] = rng.uniform(*config.headway_s, size=count)
    found["gentle_m_s2"] = [build.accel_m_s2 for build in builds[:count]]
    found["brake_m_s2"] = [build.brake_m_s2 for build in builds[:count]]
    found["pushy"] = rng.uniform(size=count) < config.pushy
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


def drawn_walkers(config: TrafficConfig, walkway: Walkway, rng: np.random.Generator) -> Table:
    """People on sidewalks, as many as there are metres for; sizes after Moussaïd et al. 2009."""
    edges = walkway.edges
    length = np.where((edges["lane"] >= 0) & (edges["crossing"] < 0), edges["length_m"], 0.0)
    count = min(config.pedestrians, int(length.sum() / METRES_EACH))
    walkers = np.zeros(count, WALKER)
    if count == 0:
        return walkers
    walkers["edge"] = rng.choice(len(edges), size=count, p=length / length.sum())
    walkers["s_m"] = rng.uniform(0.0, 1.0, count) * edges["length_m"][walkers["edge"]]
    walkers["forward"] = rng.uniform(size=count) < 0.5
    walkers["cut"] = -1
    walkers["hasty"] = rng.uniform(size=count) < config.hasty
    walkers["wish_m_s"] = np.clip(rng.normal(1.29, 0.19, count), 0.7, 2.0)
    walkers["height_m"] = np.clip(rng.normal(1.70, 0.10, count), 1.45, 2.0)
    widest = np.maximum(edges["half_m"][walkers["edge"]] - 0.4, 0.05)
    walkers["side_m"] = rng.uniform(-0.3, 1.0, count) * np.minimum(widest, 0.9)
    walkers["phase_rad"] = rng.uniform(0.0, 2.0 * np.pi, count)
    walkers["style"] = rng.integers(0, 2**31 - 1, count)
    return walkers


def no_vehicles(count: int) -> Table:
    """Vehicles that are not on the map."""
    vehicles = np.zeros(count, VEHICLE)
    for name in ("lane", "link", "tail_link", "old_lane"):
        vehicles[name] = -1
    return vehicles
