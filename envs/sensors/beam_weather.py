"""What fog and rain do to a LiDAR's beam: light that is lost, and light that comes back too early.

Powers are in units of the threshold of detection: 1 is what a surface of 10 % reflectivity that
faces the beam returns from `range_10_m` through clear air.

Lost light. Fog by Koschmieder's law, 3.912 / visibility (droplets are larger than the wavelength,
so it hardly depends on it [Kruse et al. 1962]). Rain by 1.076 R^0.67 dB/km, R in mm/h [ITU-R
P.1814, eq. 5, after Carbonneau and Wisely 1998].

Fog that shines back is a soft target of backscatter 0.046 / visibility per metre and steradian
[Rasshofer et al. 2011, "Influences of weather phenomena on automotive laser radar systems"], of
which a pulse lights `pulse_m` at a time, so that its echo falls as exp(-2 a r) / r^2 [Hahner et al.
2021, "Fog simulation on real LiDAR point clouds for 3D object detection in adverse weather"], and
is dimmed near the sensor, where the receiver does not see the whole beam yet: the same papers'
overlap, a ramp. (Surfaces so near are far over the threshold anyway, and intensity is calibrated.)
The range of a return is drawn from that same law: where a photon from fog was scattered.

Rain that shines back is single drops, whose sizes follow Marshall and Palmer 1948, N(D) = 8000
exp(-4.1 R^-0.21 D) per m^3 and mm. As in Kilic et al. 2021, "Lidar light scattering augmentation
(LISA)", a drop returns 2 % (Fresnel at normal incidence) of what falls on it. Where LISA throws
dice for every drop in the beam, we use that the drops bright enough to be seen are a Poisson
process along the beam: its rate has a closed form, so the first of them is one draw, and the excess
of its size over the smallest that is seen there is exponential again.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import FloatArray
from fleetloop.envs.sensors.base import Surroundings
from fleetloop.envs.sensors.beams import BeamTable
from fleetloop.envs.trace import light

Image = npt.NDArray[np.float32]

DROP_REFLECTIVITY = 0.02
"""Of a drop of water, of the light that falls on it [Kilic et al. 2021]."""

FOG_BACKSCATTER = 0.046
"""Backscatter of fog times its visibility, 1/sr [Rasshofer et al. 2011]."""

MARSHALL_PALMER_N0 = 8000.0
"""Drops per m^3 and mm of diameter, towards diameter 0."""

FAINTEST = 0.6
"""Drops that return less than this part of the threshold are left out: they are never seen."""

_TABLE = 512


def extinction_1_m(air: Surroundings) -> float:
    """Extinction of fog and rain near 905 nm, per metre, one way."""
    return light.extinction_1_m(air.fog_visibility_m, air.rain_mm_h)


def fog_power(range_m: FloatArray, air: Surroundings, beams: BeamTable) -> FloatArray:
    """Echo of fog at some ranges over the threshold of detection."""
    backscatter = FOG_BACKSCATTER / air.fog_visibility_m
    # A diffuse surface of reflectivity rho returns rho / pi per steradian.
    layer = backscatter * beams.pulse_m * math.pi / 0.10
    faded = np.exp(-2.0 * extinction_1_m(air) * range_m)
    spread = (beams.range_10_m / range_m) ** 2
    return np.asarray(layer * spread * faded * overlap(range_m, beams))


def overlap(range_m: FloatArray, beams: BeamTable) -> FloatArray:
    """Part of the beam that the receiver sees, by range."""
    begin, end = beams.overlap_m
    return np.clip((range_m - begin) / (end - begin), 0.0, 1.0)


def smallest_drop_mm(range_m: FloatArray, air: Surroundings, beams: BeamTable) -> FloatArray:
    """Diameter of the drops that just return the threshold's power, by range."""
    width_m = np.sqrt(_beam_area_m2(range_m, beams) * 4.0 / math.pi)
    needed = math.sqrt(0.10 / DROP_REFLECTIVITY) * range_m / beams.range_10_m
    needed = needed / np.sqrt(np.maximum(overlap(range_m, beams), 1e-9))
    return np.asarray(1e3 * width_m * needed * np.exp(extinction_1_m(air) * range_m))


def drops_per_m(
    range_m: FloatArray, air: Surroundings, beams: BeamTable, power: float = 1.0
) -> FloatArray:
    """Drops per metre of beam that return at least `power`, by range."""
    slope = _slope_1_mm(air)
    smallest = smallest_drop_mm(range_m, air, beams) * math.sqrt(power)
    # No drop returns more than the whole beam: where it would have to, there is none.
    possible = smallest < 1e3 * np.sqrt(_beam_area_m2(range_m, beams) * 4.0 / math.pi)
    density = MARSHALL_PALMER_N0 / slope * np.exp(-slope * smallest)
    return np.asarray(np.where(possible, density * _beam_area_m2(range_m, beams), 0.0))


def fog_echoes(
    surface_m: Image, air: Surroundings, beams: BeamTable, rng: np.random.Generator
) -> tuple[Image, Image]:
    """Range and power of the fog's echo before the surface, for each beam."""
    grid = _grid(beams)
    density = fog_power(grid, air, beams)
    cumulative = _integral(density, grid)
    reach = np.interp(surface_m, grid, cumulative)
    drawn = _inverse(rng.random(surface_m.shape) * reach, cumulative, grid)
    power = np.where(reach > 0.0, fog_power(drawn, air, beams), 0.0)
    return drawn.astype(np.float32), power.astype(np.float32)


def rain_echoes(
    surface_m: Image, air: Surroundings, beams: BeamTable, rng: np.random.Generator
) -> tuple[Image, Image]:
    """Range and power of the first drop that is seen before the surface; power 0 where none is."""
    grid = _grid(beams)
    expected = _integral(drops_per_m(grid, air, beams, FAINTEST), grid)
    waited = rng.exponential(size=surface_m.shape)
    excess_mm = rng.exponential(1.0 / _slope_1_mm(air), size=surface_m.shape)
    met = waited < np.interp(surface_m, grid, expected)
    range_m = _inverse(waited, expected, grid)
    seen_mm = smallest_drop_mm(range_m, air, beams)
    size = math.sqrt(FAINTEST) * seen_mm + excess_mm
    power = np.where(met, np.square(size / seen_mm), 0.0)
    return range_m.astype(np.float32), power.astype(np.float32)


def _slope_1_mm(air: Surroundings) -> float:
    return float(4.1 * max(air.rain_mm_h, 1e-6) ** -0.21)


def _beam_area_m2(range_m: FloatArray, beams: BeamTable) -> FloatArray:
    wide, tall = beams.divergence_rad
    area = (beams.aperture_m + wide * range_m) * (beams.aperture_m + tall * range_m)
    return np.asarray(math.pi / 4.0 * area)


def _grid(beams: BeamTable) -> FloatArray:
    return np.geomspace(max(beams.range_min_m, 0.05), beams.range_max_m, _TABLE)


def _integral(density: FloatArray, grid: FloatArray) -> FloatArray:
    """Trapezium rule from the first point on."""
    steps = 0.5 * (density[1:] + density[:-1]) * np.diff(grid)
    return np.concatenate([[0.0], np.cumsum(steps)])


def _inverse(wanted: FloatArray, cumulative: FloatArray, grid: FloatArray) -> FloatArray:
    """Where an integral reaches the wanted values."""
    # Where the density is 0 the integral stands still: of such points only the last may stay.
    last = np.append(np.diff(cumulative) > 0.0, True)
    return np.asarray(np.interp(wanted, cumulative[last], grid[last]))
