"""What a drive is: which map, how far, how much traffic, which weather, what counts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from fleetloop.core.checks import check_positive
from fleetloop.core.errors import ConfigError
from fleetloop.envs.maps.load import open_map
from fleetloop.envs.maps.network import RoadNetwork
from fleetloop.envs.maps.sources import config_of_file
from fleetloop.envs.maps.town.config import TownConfig
from fleetloop.envs.traffic.config import TrafficConfig
from fleetloop.envs.weather import WeatherConfig

TOWN = "town"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriveMapConfig:
    """Where to drive.

    Attributes:
        source: `town`, or the path of a map file (OpenDRIVE, OpenStreetMap, ...).
        town: What kind of town; its seed is drawn.
        town_seeds: First seed and the one after the last: towns outside are never seen, so that
            they can be held out. A process keeps eight maps ready; more are read from the cache.
    """

    source: str = TOWN
    town: TownConfig = field(default_factory=TownConfig)
    town_seeds: tuple[int, int] = (0, 8)

    def __post_init__(self) -> None:
        first, last = self.town_seeds
        if not 0 <= first < last:
            raise ConfigError(
                f"town_seeds of a drive are {self.town_seeds}: use the first seed and the one "
                "after the last, such as (0, 8)."
            )

    def opened(self, rng: np.random.Generator) -> RoadNetwork:
        """The map of an episode; draws the town's seed always, so that streams stay in step."""
        seed = int(rng.integers(*self.town_seeds))
        if self.source == TOWN:
            return open_map(TOWN, replace(self.town, seed=seed))
        source, config = config_of_file(Path(self.source))
        return open_map(source, config)


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardConfig:
    """Weights of the reward's terms.

    Attributes:
        progress: Per metre along the route.
        arrived: At the destination.
        collision, infraction: For each; negative.
        off_lane: Per metre off the route's line and second.
        too_fast: Per m/s above the limit and second.
        jerk: Per m/s3 above what is comfortable and second.
    """

    progress: float = 0.1
    arrived: float = 10.0
    collision: float = -10.0
    infraction: float = -5.0
    off_lane: float = -0.1
    too_fast: float = -0.1
    jerk: float = -0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class DriveConfig:
    """A drive through traffic to a destination.

    Attributes:
        map: Where.
        route_m: Shortest and longest route; the nearest that the map has otherwise.
        traffic: Other vehicles.
        blockers: How many vehicles stand in the way at the most, half on the route's lane.
        weather: Sun, clouds, rain, fog, snow: what may be drawn.
        reward: Weights.
        speed_m_s: For the time that a route may take: this mean speed, see `max_duration_s`.
        max_duration_s: Longest episode.
        stuck_s: Standing for so long without a red light or anybody ahead ends an episode.
        start_offset_m, start_heading_rad: Largest errors of the first pose.
        disturbance: Strength of bursts that push the steering, 0 to 1, so that recoveries are seen.
        waypoint_spacing_m: Between the way-points that the agent is told.
        end_on_infraction: Whether a red light or a stop sign that was run ends the episode.
    """

    map: DriveMapConfig = field(default_factory=DriveMapConfig)
    route_m: tuple[float, float] = (150.0, 400.0)
    traffic: TrafficConfig = field(
        default_factory=lambda: TrafficConfig(vehicles=30, pedestrians=20)
    )
    blockers: int = 0
    weather: WeatherConfig = field(default_factory=WeatherConfig)
    reward: RewardConfig = field(default_factory=RewardConfig)
    speed_m_s: float = 2.5
    max_duration_s: float = 240.0
    stuck_s: float = 60.0
    start_offset_m: float = 0.2
    start_heading_rad: float = 0.03
    disturbance: float = 0.0
    waypoint_spacing_m: float = 4.0
    end_on_infraction: bool = True

    def __post_init__(self) -> None:
        low, high = self.route_m
        if not 30.0 <= low <= high:
            raise ConfigError(f"route_m of a drive is {self.route_m}: use 30 m <= low <= high.")
        check_positive(
            self,
            "a drive",
            "speed_m_s",
            "max_duration_s",
            "stuck_s",
            "waypoint_spacing_m",
            infinite=True,
        )
        if not 0 <= self.blockers <= 20:
            raise ConfigError(f"blockers of a drive is {self.blockers}: use 0 to 20.")
        if not 0.0 <= self.disturbance <= 1.0:
            raise ConfigError(f"disturbance of a drive is {self.disturbance}: use 0 to 1.")
        if not (0.0 <= self.start_offset_m <= 1.0 and 0.0 <= self.start_heading_rad <= 0.5):
            raise ConfigError(
                f"A drive starts {self.start_offset_m} m and {self.start_heading_rad} rad off at "
                "the most: use 0 to 1 m and 0 to 0.5 rad."
            )
