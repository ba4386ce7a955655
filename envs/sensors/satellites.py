"""Satellites of GPS and Galileo: where they are, which are seen, what geometry makes of a fix.

Each system is a Walker constellation on circular orbits: enough for numbers, directions and
dilutions of precision like the real ones; it is no almanac of a date. A range error of each
satellite wanders on its own, and the fix is the least-squares solution from those in view,

    e_i = -u_i . dx + c   =>   (dx, c) = (HᵀH)⁻¹ Hᵀ e,   covariance = sd² (HᵀH)⁻¹

[Misra & Enge, "Global Positioning System", 2nd ed., 6.1], so losing one makes it jump. Houses hide
satellites: the sky over the antenna is looked at in 512 directions, four packets of rays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_positive
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray
from fleetloop.envs.sensors.base import State
from fleetloop.envs.sensors.geodesy import TangentPlane
from fleetloop.envs.sensors.noise import advance_gauss_markov

if TYPE_CHECKING:
    from fleetloop.envs.trace.raygrid import RayGrid

MU_M3_S2 = 3.986004418e14
EARTH_RATE_RAD_S = 7.2921151467e-5
"""Gravity and turning of the Earth (IS-GPS-200, table 20-IV, and WGS 84)."""

SIDEREAL_DAY_S = 2.0 * math.pi / EARTH_RATE_RAD_S

SKY_ROWS, SKY_COLUMNS = 16, 32
"""Cells of the sky in elevation (from the horizon up) and azimuth (from x towards y)."""

WORST_PDOP = 99.99
"""What receivers report when there is no solution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walker:
    """A constellation i: t/p/f [Walker 1984, "Satellite constellations"].

    Attributes:
        satellites: t, in all.
        planes: p, evenly spread in longitude.
        phasing: f, how far neighbouring planes are ahead, in t-ths of a turn.
        inclination_rad: i.
        radius_m: Of the orbit, from the Earth's centre.
    """

    satellites: int
    planes: int
    phasing: int
    inclination_rad: float
    radius_m: float

    def __post_init__(self) -> None:
        if self.planes < 1 or self.satellites < 1 or self.satellites % self.planes:
            raise ConfigError(
                f"A constellation of {self.satellites} satellites in {self.planes} planes is not "
                "even: use a multiple."
            )
        if not self.radius_m > 6.5e6:
            raise ConfigError(f"An orbit of radius {self.radius_m!r} m is inside the Earth.")


GPS = Walker(
    satellites=24, planes=6, phasing=1, inclination_rad=math.radians(55.0), radius_m=26_559_700.0
)
"""GPS standard positioning service, performance standard 2020: six planes, half a sidereal day. The
real slots are uneven; even ones with this phasing keep 9,500 km apart and no bad hours."""

GALILEO = Walker(
    satellites=24, planes=3, phasing=1, inclination_rad=math.radians(56.0), radius_m=29_599_800.0
)
"""Galileo open service definition: Walker 24/3/1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SatelliteConfig:
    """A fix from satellites in place of a wandering offset.

    Attributes:
        systems: Constellations that the receiver uses.
        range_error_m: Standard deviation of the wandering error of each range.
        range_error_s: Its time constant.
        lowest_rad: Elevation below which satellites are not used.
        largest_pdop: A worse geometry gives no fix.
        hidden_by_scene: Whether the shapes of the world hide satellites; it needs a scene.
    """

    systems: tuple[Walker, ...] = (GPS, GALILEO)
    range_error_m: float = 1.5
    range_error_s: float = 1000.0
    lowest_rad: float = math.radians(10.0)
    largest_pdop: float = 10.0
    hidden_by_scene: bool = True

    def __post_init__(self) -> None:
        if not self.systems:
            raise ConfigError("A receiver needs a constellation in `systems`, such as GPS.")
        check_positive(self, "satellites", "range_error_s", "largest_pdop")
        if not 0.0 <= self.range_error_m < math.inf:
            raise ConfigError(f"The range_error_m is {self.range_error_m!r}: use 0 or more.")
        if not 0.0 <= self.lowest_rad < math.pi / 2:
            raise ConfigError(f"The lowest_rad is {self.lowest_rad!r}: use 0 to below pi/2.")


class Solution(NamedTuple):
    """What the satellites in view make of the place.

    Attributes:
        offset_m: Error of the fix in world axes, (3,).
        spread_m: Its standard deviation per axis, (3,).
        used: Number of satellites.
        pdop: Dilution of precision; `WORST_PDOP` without a solution.
        hidden: Part of the satellites above the lowest elevation that shapes hide.
        ok: Whether it is a fix.
    """

    offset_m: FloatArray
    spread_m: FloatArray
    used: int
    pdop: float
    hidden: float
    ok: bool


class Satellites:
    """The satellites of one receiver. Immutable; state goes in and out."""

    def __init__(self, config: SatelliteConfig) -> None:
        self.config = config
        self.count = sum(system.satellites for system in config.systems)

    def start(self, rng: np.random.Generator) -> State:
        """Draws the time of the sidereal day and the range errors."""
        return {
            "epoch_s": rng.uniform(0.0, SIDEREAL_DAY_S, 1),
            "range_error_m": self.config.range_error_m * rng.standard_normal(self.count),
        }

    def advance(self, state: State, dt_s: float, rng: np.random.Generator) -> State:
        """Lets the range errors wander for `dt_s` seconds."""
        config = self.config
        return {
            "range_error_m": advance_gauss_markov(
                state["range_error_m"], config.range_error_m, config.range_error_s, dt_s, rng
            )
        }

    def directions(
        self, state: State, t_s: float, plane: TangentPlane, at_m: FloatArray
    ) -> FloatArray:
        """Unit vectors to all satellites, also those below the horizon, in world axes, (n, 3).

        Args:
            state: The receiver's.
            t_s: Time since the episode's begin.
            plane: Where the world is on the Earth.
            at_m: The antenna in the world, (3,).
        """
        time_s = float(state["epoch_s"][0]) + t_s
        ecef_m = np.concatenate([positions(system, time_s) for system in self.config.systems])
        here_m = plane.origin_m + plane.ecef_R_world @ at_m
        sight = (ecef_m - here_m) @ plane.ecef_R_world
        return np.asarray(sight / np.linalg.norm(sight, axis=1, keepdims=True))

    def solve(
        self, state: State, sight: FloatArray, open_sky: npt.NDArray[np.bool_] | None
    ) -> Solution:
        """Solves for the place from the satellites in view.

        Args:
            state: The receiver's.
            sight: What `directions` returned.
            open_sky: Which cells of the sky are free, (SKY_ROWS, SKY_COLUMNS); None if all are.
        """
        risen = sight[:, 2] > math.sin(self.config.lowest_rad)
        seen = risen if open_sky is None else risen & open_sky[sky_cells(sight)]
        used = int(np.count_nonzero(seen))
        hidden = 1.0 - used / max(int(np.count_nonzero(risen)), 1)
        worst_m = np.full(3, self.config.range_error_m * WORST_PDOP)
        nothing = Solution(np.zeros(3), worst_m, used, WORST_PDOP, hidden, ok=False)
        if used < 4:
            return nothing
        design = np.concatenate([-sight[seen], np.ones((used, 1))], axis=1)
        normal = design.T @ design
        if np.linalg.cond(normal) > 1e10:
            return nothing
        inverse = np.linalg.inv(normal)
        offset = inverse @ design.T @ state["range_error_m"][seen]
        variance = np.diag(inverse)[:3]
        pdop = min(math.sqrt(float(variance.sum())), WORST_PDOP)
        spread = self.config.range_error_m * np.sqrt(variance)
        return Solution(offset[:3], spread, used, pdop, hidden, ok=pdop <= self.config.largest_pdop)


def positions(system: Walker, time_s: float) -> FloatArray:
    """Earth-centred, Earth-fixed positions of all satellites, (t, 3) metres."""
    number = np.arange(system.satellites)
    per_plane = system.satellites // system.planes
    plane, slot = number // per_plane, number % per_plane
    rate = math.sqrt(MU_M3_S2 / system.radius_m**3)
    turn = 2.0 * math.pi
    along = turn * (slot / per_plane + plane * system.phasing / system.satellites) + rate * time_s
    node = turn * plane / system.planes - EARTH_RATE_RAD_S * time_s
    x, y = np.cos(along), np.sin(along) * math.cos(system.inclination_rad)
    z = np.sin(along) * math.sin(system.inclination_rad)
    return system.radius_m * np.stack(
        [x * np.cos(node) - y * np.sin(node), x * np.sin(node) + y * np.cos(node), z], axis=1
    )


def sky_cells(sight: FloatArray) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Row and column of the sky cell of unit vectors (n, 3); those below the horizon get row 0."""
    elevation = np.arcsin(np.clip(sight[:, 2], 0.0, 1.0)) / (math.pi / 2)
    azimuth = np.arctan2(sight[:, 1], sight[:, 0]) / (2.0 * math.pi) % 1.0
    row = np.minimum((elevation * SKY_ROWS).astype(np.intp), SKY_ROWS - 1)
    return row, np.minimum((azimuth * SKY_COLUMNS).astype(np.intp), SKY_COLUMNS - 1)


def sky_rays() -> RayGrid:
    """Rays to the centres of all sky cells, in world axes."""
    # Here, since a receiver that looks at no scene must not load the tracer.
    from fleetloop.envs.trace.raygrid import RayGrid

    elevation = (np.arange(SKY_ROWS) + 0.5) / SKY_ROWS * (math.pi / 2)
    azimuth = (np.arange(SKY_COLUMNS) + 0.5) / SKY_COLUMNS * (2.0 * math.pi)
    flat = np.cos(elevation)[:, None]
    return RayGrid(
        np.stack(
            [
                flat * np.cos(azimuth),
                flat * np.sin(azimuth),
                np.broadcast_to(np.sin(elevation)[:, None], (SKY_ROWS, SKY_COLUMNS)),
            ],
            axis=-1,
        ),
        depth_axis=0,
    )
