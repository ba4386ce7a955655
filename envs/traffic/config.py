"""How much traffic there is, and who drives."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from fleetloop.core.checks import check_share
from fleetloop.core.errors import ConfigError


class VehicleKind(enum.IntEnum):
    """What drives."""

    CAR = 0
    VAN = 1
    TRUCK = 2
    BUS = 3
    EXTERNAL = 4
    BICYCLE = 5
    MOTORCYCLE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """Size and temper of a kind of vehicle; lengths are drawn between two values.

    Attributes:
        length_m: Shortest and longest.
        width_m, height_m: Size.
        accel_m_s2: Of the Intelligent Driver Model.
        brake_m_s2: Comfortable deceleration.
        top_m_s: Lowest and highest speed that it never exceeds.
    """

    length_m: tuple[float, float]
    width_m: float
    height_m: float
    accel_m_s2: float
    brake_m_s2: float
    top_m_s: tuple[float, float] = (60.0, 60.0)


BUILDS: dict[VehicleKind, Build] = {
    VehicleKind.CAR: Build(
        length_m=(4.0, 5.0), width_m=1.85, height_m=1.5, accel_m_s2=1.6, brake_m_s2=2.0
    ),
    VehicleKind.VAN: Build(
        length_m=(5.2, 6.0), width_m=2.0, height_m=2.4, accel_m_s2=1.3, brake_m_s2=1.8
    ),
    VehicleKind.TRUCK: Build(
        length_m=(7.5, 9.0), width_m=2.4, height_m=3.2, accel_m_s2=0.8, brake_m_s2=1.5
    ),
    VehicleKind.BUS: Build(
        length_m=(11.5, 12.0),
        width_m=2.5,
        height_m=3.0,
        accel_m_s2=0.9,
        brake_m_s2=1.5,
        top_m_s=(22.0, 25.0),
    ),
    VehicleKind.BICYCLE: Build(
        length_m=(1.7, 1.85),
        width_m=0.6,
        height_m=1.75,
        accel_m_s2=0.8,
        brake_m_s2=1.5,
        top_m_s=(3.8, 6.5),
    ),
    VehicleKind.MOTORCYCLE: Build(
        length_m=(2.0, 2.25), width_m=0.8, height_m=1.75, accel_m_s2=2.2, brake_m_s2=2.2
    ),
}
"""Model parameters after Treiber and Kesting 2013, "Traffic Flow Dynamics", table 11.2; speeds of
bicycles after Schleinitz et al. 2017, "The German Naturalistic Cycling Study": mean 15.3 km/h, most
between 12 and 23."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficConfig:
    """Traffic on a network.

    Attributes:
        vehicles: How many at the most; fewer fit on a small map.
        shares: Parts of cars, vans, trucks and buses.
        speed_factor: Smallest and largest part of the limit that drivers like.
        headway_s: Shortest and longest time gap that they keep.
        warm_up_s: Time that passes before an episode begins.
        cyclists: How many people ride bicycles on the lanes, beside the vehicles.
        motorcyclists: How many ride motorcycles.
        pushy: Part of the drivers who cut in: they change into gaps that make others brake, and
            rather right in front of an external vehicle than elsewhere.
        parked: Part of the places along kerbs, on parking lanes, that are taken.
        pedestrians: How many people walk; none where a map has no sidewalks.
        hasty: Part of them who cross where there is no crossing.
    """

    vehicles: int = 30
    shares: tuple[float, float, float, float] = (0.82, 0.10, 0.05, 0.03)
    speed_factor: tuple[float, float] = (0.88, 1.12)
    headway_s: tuple[float, float] = (1.1, 1.9)
    warm_up_s: float = 20.0
    cyclists: int = 0
    motorcyclists: int = 0
    pushy: float = 0.0
    parked: float = 0.0
    pedestrians: int = 0
    hasty: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.vehicles <= 5000:
            raise ConfigError(f"vehicles of a traffic is {self.vehicles}: use 0 to 5000.")
        for name in ("cyclists", "motorcyclists", "pedestrians"):
            if not 0 <= getattr(self, name) <= 2000:
                raise ConfigError(f"{name} of a traffic is {getattr(self, name)}: use 0 to 2000.")
        check_share(self, "a traffic", "pushy", "parked", "hasty")
        if min(self.shares) < 0.0 or sum(self.shares) <= 0.0:
            raise ConfigError(f"shares of a traffic are {self.shares}: use parts of 0 or more.")
        for name in ("speed_factor", "headway_s"):
            low, high = getattr(self, name)
            if not 0.0 < low <= high:
                raise ConfigError(f"{name} of a traffic is {(low, high)}: use 0 < low <= high.")
        if not 0.0 <= self.warm_up_s <= 600.0:
            raise ConfigError(f"warm_up_s of a traffic is {self.warm_up_s}: use 0 to 600 s.")
