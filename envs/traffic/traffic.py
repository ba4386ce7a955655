"""Traffic on one network: who drives there, advanced step by step, kept and restored exactly."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.rng import child_generator, child_seed
from fleetloop.envs.maps.network import RoadNetwork
from fleetloop.envs.maps.signals import states_at
from fleetloop.envs.traffic.arrays import VEHICLE, Roadway, Table, roadway_of
from fleetloop.envs.traffic.config import BUILDS, TrafficConfig, VehicleKind
from fleetloop.envs.traffic.places import Places
from fleetloop.envs.traffic.poses import vehicle_poses
from fleetloop.envs.traffic.step import first_ways, step_vehicles

STEP_S = 0.1
"""Longest step; longer times are cut into steps of at most this."""

NARROWEST_M = 2.4
"""Vehicles of traffic keep to lanes that are at least this wide."""

_CLEARANCE_M = 8.0


@lru_cache(maxsize=8)
def _roadway(network: RoadNetwork) -> Roadway:
    """Worlds of one process share it, as they share the network."""
    return roadway_of(network)


class Traffic:
    """Vehicles on a network.

    Args:
        network: Where they drive.
        config: How many, and who.

    Attributes:
        vehicles: State; may be read at any time.
        t_s: Simulated time.
        removed: How many were taken off the road since the reset because they were stuck.
    """

    def __init__(self, network: RoadNetwork, config: TrafficConfig | None = None) -> None:
        self.network = network
        self.config = TrafficConfig() if config is None else config
        self._roadway = _roadway(network)
        self.t_s = 0.0
        self.removed = 0
        self._seed = np.uint64(0)
        self.vehicles = _empty(0)
        self._places = _no_places(0, network)

    def reset(self, seed: int) -> None:
        """Puts new vehicles onto free places and lets them drive for the warm-up time."""
        rng = child_generator(seed, "traffic", "vehicles")
        self._seed = np.uint64(child_seed(seed, "traffic", "ways"))
        self.t_s, self.removed = 0.0, 0
        self.vehicles = _drawn(self.config, self.network, rng)
        self._places = _no_places(len(self.vehicles), self.network)
        first_ways(self.vehicles, self._roadway, self._seed)
        steps = round(self.config.warm_up_s / STEP_S)
        for _ in range(steps):
            self.step(STEP_S)

    def step(self, duration_s: float) -> None:
        """Advances by a time.

        Raises:
            ConfigError: The time is not positive.
        """
        if not duration_s > 0.0:
            raise ConfigError(f"Traffic cannot be advanced by {duration_s} s: use a positive time.")
        count = max(1, int(np.ceil(duration_s / STEP_S - 1e-9)))
        for _ in range(count):
            states = states_at(self.network.signals, self.t_s)
            self.removed += step_vehicles(
                self.vehicles, self._roadway, self._places, states, self._seed, duration_s / count
            )
            self.t_s += duration_s / count

    def poses(self) -> npt.NDArray[np.float64]:
        """x, y, z and heading of the middle of each vehicle on the ground, (n, 4)."""
        out = np.empty((len(self.vehicles), 4))
        vehicle_poses(self.vehicles, self._roadway, out)
        return out

    @property
    def present(self) -> npt.NDArray[np.bool_]:
        """Which vehicles are on the map, (n,)."""
        return np.asarray(self.vehicles["lane"] >= 0)

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Copies all that changes."""
        return {
            "vehicles": self.vehicles.copy(),
            "order": self._places.order.copy(),
            "clock": np.array([self.t_s, float(self.removed)]),
            "seed": np.array([self._seed]),
        }

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back to a snapshot of this network's traffic."""
        self.vehicles = snapshot["vehicles"].copy()
        self._places = _no_places(len(self.vehicles), self.network)
        self._places.order[:] = snapshot["order"]
        self.t_s, self.removed = float(snapshot["clock"][0]), int(snapshot["clock"][1])
        self._seed = np.uint64(snapshot["seed"][0])


def _drawn(config: TrafficConfig, network: RoadNetwork, rng: np.random.Generator) -> Table:
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
    found = _empty(count)
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


def _empty(count: int) -> Table:
    vehicles = np.zeros(count, VEHICLE)
    for name in ("lane", "link", "tail_link"):
        vehicles[name] = -1
    return vehicles


def _no_places(count: int, network: RoadNetwork) -> Places:
    lanes, links = len(network.lanes), len(network.links)
    return Places(
        order=np.arange(count, dtype=np.int32),
        rank=np.zeros(count, np.int32),
        first=np.zeros(lanes + 1, np.int32),
        holder=np.full(links, -1, np.int32),
        holder_next=np.full(count, -1, np.int32),
        tail=np.full(links, -1, np.int32),
        tail_next=np.full(count, -1, np.int32),
    )
