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
from fleetloop.envs.traffic.arrays import Roadway, roadway_of
from fleetloop.envs.traffic.blocks import BODY, STANDS_M_S, find_blocks, no_blocks
from fleetloop.envs.traffic.changing import change_lanes
from fleetloop.envs.traffic.config import TrafficConfig
from fleetloop.envs.traffic.parked import parked_vehicles, without_blocked_cuts
from fleetloop.envs.traffic.places import Places
from fleetloop.envs.traffic.placing import drawn_vehicles, drawn_walkers, no_vehicles
from fleetloop.envs.traffic.poses import vehicle_poses
from fleetloop.envs.traffic.step import step_vehicles, take_off
from fleetloop.envs.traffic.walk_tables import Walkway, walkway_of
from fleetloop.envs.traffic.walkers import (
    WALKER,
    block_for_walkers,
    first_edges,
    step_walkers,
)
from fleetloop.envs.traffic.ways import first_ways

STEP_S = 0.1
"""Longest step; longer times are cut into steps of at most this."""

_FEW_BLOCKS = 256


@lru_cache(maxsize=8)
def _walkway(network: RoadNetwork) -> Walkway:
    return walkway_of(network)


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
        parked: (n,) `BODY`: cars that stand along kerbs for the whole episode.
        walkers: (n,) `WALKER`: people on foot; may be read at any time.
        removed: How many were taken off the road since the reset because they were stuck.
        externals: (n,) `BODY`: vehicles that someone else moves, see `set_externals`.
    """

    def __init__(self, network: RoadNetwork, config: TrafficConfig | None = None) -> None:
        self.network = network
        self.config = TrafficConfig() if config is None else config
        self._roadway = _roadway(network)
        beside = [self._roadway.lanes[side] for side in ("left", "right")]
        self._several = bool((np.maximum(*beside) >= 0).any())
        self.t_s = 0.0
        self.removed = 0
        self._seed = np.uint64(0)
        self.vehicles = no_vehicles(0)
        self._places = _no_places(0, network)
        self._blocks = no_blocks(len(network.lanes), _FEW_BLOCKS)
        self.externals = np.zeros(0, BODY)
        self._walkway = _walkway(network) if self.config.pedestrians else None
        self._walk_seed = np.uint64(0)
        self.walkers = np.zeros(0, WALKER)
        self.parked = np.zeros(0, BODY)

    def reset(self, seed: int) -> None:
        """Puts new vehicles onto free places and lets them drive for the warm-up time.

        External vehicles are gone; set them, and `clear` their places, when they have one.
        """
        rng = child_generator(seed, "traffic", "vehicles")
        self._seed = np.uint64(child_seed(seed, "traffic", "ways"))
        self.t_s, self.removed = 0.0, 0
        self.externals = np.zeros(0, BODY)
        self.vehicles = drawn_vehicles(self.config, self.network, rng)
        self._places = _no_places(len(self.vehicles), self.network)
        self._walk_seed = np.uint64(child_seed(seed, "traffic", "walks"))
        kerbs = child_generator(seed, "traffic", "parked")
        self.parked = parked_vehicles(self.network, self.config.parked, kerbs)
        if self._walkway is not None:
            self._walkway = without_blocked_cuts(_walkway(self.network), self.parked)
            walks = child_generator(seed, "traffic", "walkers")
            self.walkers = drawn_walkers(self.config, self._walkway, walks)
            first_edges(self.walkers, self._roadway, self._walkway, self._walk_seed)
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
            self._step(duration_s / count)

    def _step(self, dt_s: float) -> None:
        bodies = self.externals
        if len(bodies):
            stands = np.abs(bodies["speed_m_s"]) < STANDS_M_S
            bodies["waited_s"] = np.where(stands, bodies["waited_s"] + dt_s, 0.0)
        self._find_blocks()
        states = states_at(self.network.signals, self.t_s)
        self.removed += step_vehicles(
            self.vehicles,
            self._roadway,
            self._places,
            self._blocks,
            bodies,
            states,
            self._seed,
            dt_s,
        )
        if self._several:
            tick = round(self.t_s / STEP_S)
            change_lanes(self.vehicles, self._roadway, self._blocks, self._seed, tick)
        if self._walkway is not None and len(self.walkers):
            step_walkers(
                self.walkers,
                self.poses(),
                self.vehicles,
                bodies,
                self._roadway,
                self._walkway,
                self._blocks,
                states,
                self._walk_seed,
                dt_s,
            )
        self.t_s += dt_s

    def _find_blocks(self) -> None:
        """Finds what bodies and people block, with more room if it does not fit."""
        while True:
            find_blocks(self.externals, self._roadway, self._blocks)
            if self._walkway is not None:
                block_for_walkers(self.walkers, self._roadway, self._walkway, self._blocks)
            count = int(self._blocks.used[0])
            # Those who change their lane add a block each.
            needed = count + len(self.vehicles)
            if needed <= len(self._blocks.rows):
                return
            self._blocks = no_blocks(len(self.network.lanes), 2 * needed)

    def set_externals(
        self, poses: npt.ArrayLike, speed_m_s: npt.ArrayLike, size_m: npt.ArrayLike
    ) -> None:
        """Tells where the vehicles are that someone else moves: the ego, a recording.

        Traffic follows them, yields to them and does not drive into them, on lanes, across lanes
        and off the road. Call it before each step; the rows are theirs for good, since traffic
        remembers for how long each has stood.

        Args:
            poses: x, y, z and heading of the middle of each on the ground, (n, 4).
            speed_m_s: Along the heading, (n,); below 0 in reverse.
            size_m: Length, width and height, (n, 3).

        Raises:
            ConfigError: The shapes do not agree, or a number is not finite or a size not positive.
        """
        pose, size = np.asarray(poses, np.float64), np.asarray(size_m, np.float64)
        speed = np.asarray(speed_m_s, np.float64)
        count = len(pose)
        if pose.shape != (count, 4) or speed.shape != (count,) or size.shape != (count, 3):
            raise ConfigError(
                f"External vehicles need poses (n, 4), speeds (n,) and sizes (n, 3); got "
                f"{pose.shape}, {speed.shape} and {size.shape}."
            )
        if not (np.isfinite(pose).all() and np.isfinite(speed).all() and (size > 0.0).all()):
            raise ConfigError(
                "Poses and speeds of external vehicles must be finite and sizes above 0; got "
                f"{pose.tolist()}, {speed.tolist()} and {size.tolist()}."
            )
        if count != len(self.externals):
            self.externals = np.zeros(count, BODY)
        for column, name in enumerate(("x_m", "y_m", "z_m", "heading_rad")):
            self.externals[name] = pose[:, column]
        for column, name in enumerate(("length_m", "width_m", "height_m")):
            self.externals[name] = size[:, column]
        self.externals["speed_m_s"] = speed
        self.externals["present"] = True

    def clear(self, x_m: float, y_m: float, radius_m: float) -> int:
        """Takes the vehicles around a place off the map; they come in again elsewhere.

        Returns:
            How many.
        """
        poses = self.poses()
        near = np.hypot(poses[:, 0] - x_m, poses[:, 1] - y_m) < radius_m
        gone = near & self.present
        take_off(self.vehicles, np.flatnonzero(gone))
        return int(gone.sum())

    def poses(self) -> npt.NDArray[np.float64]:
        """x, y, z and heading of the middle of each vehicle on the ground, (n, 4)."""
        out = np.empty((len(self.vehicles), 4))
        vehicle_poses(self.vehicles, self._roadway, out)
        return out

    def walker_poses(self) -> npt.NDArray[np.float64]:
        """x, y, z of the ground under each person, and heading, (n, 4)."""
        names = ("x_m", "y_m", "z_m", "heading_rad")
        return np.stack([self.walkers[name] for name in names], axis=1)

    @property
    def present(self) -> npt.NDArray[np.bool_]:
        """Which vehicles are on the map, (n,)."""
        return np.asarray(self.vehicles["lane"] >= 0)

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Copies all that changes."""
        return {
            "vehicles": self.vehicles.copy(),
            "externals": self.externals.copy(),
            "walkers": self.walkers.copy(),
            "parked": self.parked.copy(),
            "order": self._places.order.copy(),
            "clock": np.array([self.t_s, float(self.removed)]),
            "seed": np.array([self._seed, self._walk_seed]),
        }

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back to a snapshot of this network's traffic."""
        self.vehicles = snapshot["vehicles"].copy()
        self.externals = snapshot["externals"].copy()
        self.walkers = snapshot["walkers"].copy()
        same_kerbs = np.array_equal(self.parked, snapshot["parked"])
        self.parked = snapshot["parked"].copy()
        if len(self.walkers) and (self._walkway is None or not same_kerbs):
            self._walkway = without_blocked_cuts(_walkway(self.network), self.parked)
        self._places = _no_places(len(self.vehicles), self.network)
        self._places.order[:] = snapshot["order"]
        self.t_s, self.removed = float(snapshot["clock"][0]), int(snapshot["clock"][1])
        self._seed = np.uint64(snapshot["seed"][0])
        self._walk_seed = np.uint64(snapshot["seed"][1])


def _no_places(count: int, network: RoadNetwork) -> Places:
    lanes, links, rings = len(network.lanes), len(network.links), len(_roadway(network).ring_m)
    return Places(
        order=np.arange(count, dtype=np.int32),
        rank=np.zeros(count, np.int32),
        first=np.zeros(lanes + 1, np.int32),
        holder=np.full(links, -1, np.int32),
        holder_next=np.full(count, -1, np.int32),
        tail=np.full(links, -1, np.int32),
        tail_next=np.full(count, -1, np.int32),
        ring_used=np.zeros(rings),
    )
