"""Drive where it is hard: dense traffic, hasty people, vehicles in the way, every weather."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from fleetloop.envs.tasks.drive import Drive
from fleetloop.envs.tasks.drive_config import DriveConfig
from fleetloop.envs.traffic.config import TrafficConfig
from fleetloop.envs.weather import KINDS, WeatherConfig


def _crowd() -> TrafficConfig:
    return TrafficConfig(
        vehicles=70,
        pedestrians=60,
        hasty=0.35,
        headway_s=(0.8, 1.5),
        speed_factor=(0.85, 1.2),
        # Trucks and buses would not pass who stands in the way.
        shares=(0.88, 0.12, 0.0, 0.0),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DriveDenseConfig(DriveConfig):
    """As `DriveConfig`, with other defaults."""

    traffic: TrafficConfig = field(default_factory=_crowd)
    blockers: int = 3
    weather: WeatherConfig = field(default_factory=lambda: WeatherConfig(kinds=tuple(KINDS)))
    route_m: tuple[float, float] = (200.0, 500.0)
    max_duration_s: float = 300.0


class DriveDense(Drive):
    """See the module."""

    CONFIG: ClassVar[type[Any]] = DriveDenseConfig
