"""Parts of a town: what is built where."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.kinds import BuildingKind, RoofKind
from fleetloop.envs.maps.town.layout import Plan

Floats = npt.NDArray[np.float64]

STOREY_M = 3.0


class District(enum.Enum):
    """Kind of a part of town."""

    CENTER = "center"
    MIXED = "mixed"
    RESIDENTIAL = "residential"
    INDUSTRIAL = "industrial"
    PARK = "park"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """One building site, seen from the street.

    Attributes:
        kind, roof: Of the building.
        front_m, depth_m: Of the building.
        setback_m: From the property line to its front.
        gap_m: To the next one.
        storeys: Floors.
        hedge: Whether a hedge or fence runs along the property line.
        paved: Whether the ground in front is paved.
    """

    kind: BuildingKind
    roof: RoofKind
    front_m: float
    depth_m: float
    setback_m: float
    gap_m: float
    storeys: int
    hedge: bool
    paved: bool

    @property
    def height_m(self) -> float:
        """To the eaves."""
        return STOREY_M * self.storeys + 0.4


class Districts:
    """Which district a place is in: rings around the middle, one industrial side, parks.

    Args:
        plan: Of the town.
        rng: Draws the places.
    """

    def __init__(self, plan: Plan, rng: np.random.Generator) -> None:
        self._center = plan.center_m
        self._reach = max(plan.reach_m, 1.0)
        self._industrial_rad = float(rng.uniform(0.0, 2.0 * np.pi))
        self._parks = []
        for _ in range(2):
            angle, share = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.35, 0.8)
            away = share * self._reach * np.array([np.cos(angle), np.sin(angle)])
            self._parks.append((self._center + away, float(rng.uniform(38.0, 60.0))))

    @property
    def parks(self) -> list[tuple[Floats, float]]:
        """Middles and radii."""
        return self._parks

    def at(self, place_m: Floats) -> District:
        """The district of a place (2,)."""
        for middle, radius in self._parks:
            if float(np.hypot(*(place_m - middle))) < radius:
                return District.PARK
        away = place_m - self._center
        distance = float(np.hypot(*away)) / self._reach
        angle = float(np.arctan2(away[1], away[0])) - self._industrial_rad
        if distance > 0.5 and np.cos(angle) > 0.75:
            return District.INDUSTRIAL
        if distance < 0.36:
            return District.CENTER
        return District.MIXED if distance < 0.55 else District.RESIDENTIAL


def draw_lot(district: District, rng: np.random.Generator) -> Lot:
    """Draws a building site for a district (not for parks)."""
    u = rng.uniform(size=6)
    if district == District.CENTER:
        kind = (BuildingKind.SHOPS, BuildingKind.OFFICE, BuildingKind.APARTMENTS)[int(3 * u[0])]
        return Lot(kind=kind, roof=RoofKind.FLAT, front_m=13.0 + 12.0 * u[1],
                   depth_m=12.0 + 4.0 * u[2], setback_m=0.3 + 0.8 * u[3],
                   gap_m=0.0 if u[4] < 0.6 else 3.5, storeys=3 + int(5 * u[5]), hedge=False,
                   paved=True)  # fmt: skip
    if district == District.INDUSTRIAL:
        return Lot(kind=BuildingKind.INDUSTRIAL, roof=RoofKind.FLAT, front_m=24.0 + 18.0 * u[1],
                   depth_m=18.0 + 10.0 * u[2], setback_m=7.0 + 4.0 * u[3], gap_m=8.0 + 6.0 * u[4],
                   storeys=2 + int(2 * u[5]), hedge=u[0] < 0.6, paved=True)  # fmt: skip
    if district == District.MIXED and u[0] < 0.55:
        return Lot(kind=BuildingKind.APARTMENTS, roof=RoofKind.HIPPED if u[4] < 0.5 else
                   RoofKind.FLAT, front_m=14.0 + 8.0 * u[1], depth_m=11.0 + 2.0 * u[2],
                   setback_m=2.5 + 2.0 * u[3], gap_m=5.0 + 3.0 * u[4], storeys=3 + int(2 * u[5]),
                   hedge=u[4] < 0.6, paved=False)  # fmt: skip
    if u[0] > 0.82:
        return Lot(kind=BuildingKind.ROW_HOUSE, roof=RoofKind.GABLED, front_m=6.5,
                   depth_m=9.5, setback_m=3.5, gap_m=0.0 if u[4] < 0.75 else 5.0, storeys=2,
                   hedge=u[3] < 0.7, paved=False)  # fmt: skip
    return Lot(kind=BuildingKind.HOUSE, roof=RoofKind.GABLED if u[4] < 0.7 else RoofKind.HIPPED,
               front_m=9.0 + 4.0 * u[1], depth_m=8.5 + 2.5 * u[2], setback_m=4.0 + 3.0 * u[3],
               gap_m=4.0 + 4.0 * u[4], storeys=1 + int(2 * u[5]), hedge=u[3] < 0.75,
               paved=False)  # fmt: skip
