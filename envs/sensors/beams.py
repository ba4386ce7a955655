"""Beam tables: where the beams of well-known LiDARs point, from their published data sheets.

Elevations are listed from the highest beam to the lowest, so that row 0 of a scan is on top. Tables
with a single beam are planar scanners. Where a data sheet is silent (the reach of a 10 % target of
older models, the width of a beam at the window), the number is ours and says so.

A beam is narrow but not a line: `divergence_rad` is the full angle across which its light spreads.
Two echoes of one pulse are told apart if they are `separation_m` apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fleetloop.core.checks import check_not_negative, check_positive
from fleetloop.core.errors import ConfigError, UnknownNameError


@dataclass(frozen=True, slots=True, kw_only=True)
class BeamTable:
    """The optics of one model.

    Attributes:
        elevations_rad: One per beam, from top to bottom.
        azimuth_from_rad, azimuth_to_rad: Field of view, counter-clockwise; 2 pi wide if it spins.
        azimuths: Firings per sweep.
        firing_s: When each beam fires after the first of its column; all at once if empty. A table
            that turns meanwhile points such beams further on.
        range_min_m, range_max_m: What is nearer or further is never reported.
        range_10_m: Where a surface of 10 % reflectivity is still seen, from the data sheet.
        range_sd_m: Range noise (1 sigma) on a strong target.
        resolution_m: Step of reported ranges.
        divergence_rad: Full angles of a beam, horizontal and vertical.
        aperture_m: Width of a beam where it leaves the window.
        separation_m: Distance between two echoes of one pulse that are told apart.
        overlap_m: Where the receiver begins to look into the beam, and where it sees all of it:
            what shines back nearer is dimmed. Data sheets are silent on it; these are ours.
        pulse_m: Effective length of a pulse in range: speed of light times duration over two.
    """

    elevations_rad: tuple[float, ...]
    azimuth_from_rad: float = -math.pi
    azimuth_to_rad: float = math.pi
    azimuths: int = 1024
    firing_s: tuple[float, ...] = ()
    range_min_m: float = 0.5
    range_max_m: float = 100.0
    range_10_m: float = 60.0
    range_sd_m: float = 0.02
    resolution_m: float = 0.002
    divergence_rad: tuple[float, float] = (3.0e-3, 1.5e-3)
    aperture_m: float = 0.01
    separation_m: float = 1.0
    overlap_m: tuple[float, float] = (0.5, 3.0)
    pulse_m: float = 0.9

    def __post_init__(self) -> None:
        if not self.elevations_rad or self.azimuths < 1:
            raise ConfigError("A beam table needs at least one beam and one azimuth.")
        if any(abs(e) >= math.pi / 2 for e in self.elevations_rad):
            raise ConfigError("Elevations of beams must lie between -90 and 90 degrees.")
        if self.firing_s and len(self.firing_s) != len(self.elevations_rad):
            raise ConfigError(
                f"firing_s of a beam table has {len(self.firing_s)} times for "
                f"{len(self.elevations_rad)} beams: use one for each, or none."
            )
        if not all(0.0 <= t < 0.01 for t in self.firing_s):
            raise ConfigError("Times of firing_s of a beam table must lie between 0 and 0.01 s.")
        if not self.azimuth_from_rad < self.azimuth_to_rad <= self.azimuth_from_rad + 2 * math.pi:
            raise ConfigError(
                f"The azimuths {self.azimuth_from_rad} to {self.azimuth_to_rad} rad must grow, "
                "by a full turn at most."
            )
        if not 0.0 <= self.range_min_m < self.range_max_m:
            raise ConfigError(
                f"The ranges {self.range_min_m} to {self.range_max_m} m of a beam table must grow "
                "from 0 or more."
            )
        check_positive(
            self,
            "a beam table",
            "range_max_m",
            "range_10_m",
            "aperture_m",
            "separation_m",
            "pulse_m",
            infinite=True,
        )
        check_not_negative(self, "a beam table", "range_sd_m", "resolution_m", infinite=True)
        if not 0.0 <= self.overlap_m[0] < self.overlap_m[1]:
            raise ConfigError(f"overlap_m of a beam table is {self.overlap_m}: it must grow.")
        if len(self.divergence_rad) != 2 or not all(0.0 < a < 0.2 for a in self.divergence_rad):
            raise ConfigError(
                f"divergence_rad of a beam table is {self.divergence_rad}: use two angles above 0 "
                "and below 0.2 rad."
            )


def _even(top_deg: float, bottom_deg: float, count: int) -> tuple[float, ...]:
    return tuple(float(e) for e in np.deg2rad(np.linspace(top_deg, bottom_deg, count)))


def _half_rad(steps: int, step_deg: float) -> float:
    """Half the field of view in which `steps` beams stand in the middles of their steps."""
    return math.radians(0.5 * steps * step_deg)


def _hopping(order: list[int], step_s: float) -> tuple[float, ...]:
    """Times of beams, from top to bottom, of which `order` tells the place in the firing order."""
    return tuple(step_s * place for place in order)


BEAM_TABLES: dict[str, BeamTable] = {
    # Velodyne VLP-16 data sheet 63-9229 and user manual 63-9243: +15 to -15 degrees in steps of 2,
    # 0.2 degrees at 10 Hz, 100 m, +-3 cm, 2 mm, 3.0 x 1.5 mrad, two returns at least 1 m apart. A
    # beam every 2.304 us, hopping between both halves: -15, 1, -13, 3 ... -1, 15 (table 9-1).
    "vlp16": BeamTable(elevations_rad=_even(15.0, -15.0, 16), azimuths=1800, range_min_m=1.0,
                       firing_s=_hopping([*range(15, 0, -2), *range(14, -1, -2)], 2.304e-6),
                       range_max_m=100.0, range_10_m=50.0, range_sd_m=0.015),
    # Velodyne HDL-32E data sheet 97-0038: +10.67 to -30.67 degrees, 80 to 100 m, +-2 cm, 2 mm. Its
    # manual 63-9113: a beam every 1.152 us, -30.67, -9.33, -29.33, -8.00 ..., a column every 46.08
    # us, which are 1085 in a turn at 20 Hz, as nuScenes spins it (2170 at 10 Hz).
    "hdl32e": BeamTable(elevations_rad=_even(10.67, -30.67, 32), azimuths=1085, range_min_m=1.0,
                        firing_s=_hopping([*range(31, 0, -2), *range(30, -1, -2)], 1.152e-6),
                        range_max_m=100.0, range_10_m=50.0, range_sd_m=0.01),
    # Velodyne HDL-64E S2 data sheet 63-9194: 32 beams +2 to -8.33, 32 beams -8.83 to -24.33
    # degrees; 120 m for cars, 50 m for pavement (10 %); +-2 cm; 2 mrad.
    "hdl64e": BeamTable(elevations_rad=_even(2.0, -8.33, 32) + _even(-8.83, -24.33, 32),
                        azimuths=2083, range_min_m=0.9, range_max_m=120.0, range_10_m=50.0,
                        range_sd_m=0.01, divergence_rad=(2.0e-3, 2.0e-3)),
    # Ouster OS1 (Rev 7) data sheet: 128 beams over 42.4 degrees (+21.2 to -21.2), 90 m at 10 %,
    # 200 m at most, 1024 columns, 0.7 to 5 cm precision, 1 mm resolution; 0.18 degrees and 1 cm
    # beams by the sheet of its first revision.
    "os1_128": BeamTable(elevations_rad=_even(21.2, -21.2, 128), azimuths=1024, range_max_m=200.0,
                         range_10_m=90.0, range_sd_m=0.015, resolution_m=0.001,
                         divergence_rad=(3.1e-3, 3.1e-3)),
    # A generic 32-beam automotive roof sensor: the range preset's default.
    "generic32": BeamTable(elevations_rad=_even(10.0, -25.0, 32), azimuths=1024, range_max_m=120.0,
                           range_10_m=60.0),
    # Livox HAP (TX) user manual 2022: solid state, 120 x 25 degrees, 150 m at 10 %, blind below
    # 0.5 m, below 2 cm (1 sigma at 20 m), 0.03 x 0.28 degrees, 452,000 points/s at 10 Hz. Its
    # rosette that never repeats is not rendered: the same number of points, field of view and
    # period on an even raster of 64 x 706. Its longest range is ours.
    "hap": BeamTable(elevations_rad=_even(12.5, -12.5, 64), azimuth_from_rad=-math.pi / 3,
                     azimuth_to_rad=math.pi / 3, azimuths=706, range_max_m=200.0,
                     range_10_m=150.0, range_sd_m=0.02, resolution_m=0.001,
                     divergence_rad=(0.5e-3, 4.9e-3)),
    # SICK TiM571-2050101 data sheet: planar, 270 degrees in steps of 0.33 at 15 Hz (811
    # points), 0.05 to 25 m, 8 m at 10 %, statistical error 2 cm.
    "tim571": BeamTable(elevations_rad=(0.0,), azimuth_from_rad=-_half_rad(811, 1.0 / 3.0),
                        azimuth_to_rad=_half_rad(811, 1.0 / 3.0), azimuths=811,
                        range_min_m=0.05, range_max_m=25.0, range_10_m=8.0, range_sd_m=0.02,
                        resolution_m=0.001, divergence_rad=(8.0e-3, 8.0e-3), separation_m=0.5),
    # Hokuyo UST-10LX data sheet: planar, 270 degrees in steps of 0.25 at 40 Hz (1081
    # points), 0.06 to 10 m, 4 m at 10 %, repeatability below 3 cm (1 sigma), 1 mm.
    "ust10lx": BeamTable(elevations_rad=(0.0,), azimuth_from_rad=-_half_rad(1081, 0.25),
                         azimuth_to_rad=_half_rad(1081, 0.25), azimuths=1081,
                         range_min_m=0.06, range_max_m=10.0, range_10_m=4.0, range_sd_m=0.03,
                         resolution_m=0.001, divergence_rad=(7.0e-3, 7.0e-3), separation_m=0.5),
}  # fmt: skip


def beam_table(name: str) -> BeamTable:
    """A preset by name.

    Raises:
        UnknownNameError: No such preset.
    """
    if name not in BEAM_TABLES:
        raise UnknownNameError("beam table", name, BEAM_TABLES)
    return BEAM_TABLES[name]
