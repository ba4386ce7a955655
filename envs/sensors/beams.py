"""Beam tables: where the beams of well-known LiDARs point, from their published data sheets.

Elevations are listed from the highest beam to the lowest, so that row 0 of a scan is on top.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fleetloop.core.errors import ConfigError, UnknownNameError


@dataclass(frozen=True, slots=True, kw_only=True)
class BeamTable:
    """The optics of one model.

    Attributes:
        elevations_rad: One per beam, from top to bottom.
        azimuth_from_rad, azimuth_to_rad: Field of view, counter-clockwise; 2 pi wide if it spins.
        azimuths: Firings per sweep.
        range_max_m: What is further is never reported.
        range_10_m: Where a surface of 10 % reflectivity is still seen, from the data sheet.
        range_sd_m: Range noise (1 sigma) on a strong target.
        resolution_m: Step of reported ranges.
    """

    elevations_rad: tuple[float, ...]
    azimuth_from_rad: float = -math.pi
    azimuth_to_rad: float = math.pi
    azimuths: int = 1024
    range_max_m: float = 100.0
    range_10_m: float = 60.0
    range_sd_m: float = 0.02
    resolution_m: float = 0.002

    def __post_init__(self) -> None:
        if not self.elevations_rad or self.azimuths < 1:
            raise ConfigError("A beam table needs at least one beam and one azimuth.")
        if any(abs(e) >= math.pi / 2 for e in self.elevations_rad):
            raise ConfigError("Elevations of beams must lie between -90 and 90 degrees.")
        if not self.azimuth_from_rad < self.azimuth_to_rad <= self.azimuth_from_rad + 2 * math.pi:
            raise ConfigError(
                f"The azimuths {self.azimuth_from_rad} to {self.azimuth_to_rad} rad must grow, "
                "by a full turn at most."
            )
        for name in ("range_max_m", "range_10_m"):
            if not getattr(self, name) > 0.0:
                raise ConfigError(f"{name} of a beam table must be positive.")
        for name in ("range_sd_m", "resolution_m"):
            if not getattr(self, name) >= 0.0:
                raise ConfigError(f"{name} of a beam table must be 0 or more.")


def _even(top_deg: float, bottom_deg: float, count: int) -> tuple[float, ...]:
    return tuple(float(e) for e in np.deg2rad(np.linspace(top_deg, bottom_deg, count)))


BEAM_TABLES: dict[str, BeamTable] = {
    # Velodyne VLP-16 data sheet 63-9229: +15 to -15 degrees in steps of 2, 100 m, +-3 cm, 2 mm.
    "vlp16": BeamTable(elevations_rad=_even(15.0, -15.0, 16), azimuths=1800, range_max_m=100.0,
                       range_10_m=50.0, range_sd_m=0.015),
    # Velodyne HDL-32E data sheet 97-0038: +10.67 to -30.67 degrees, 80 to 100 m, +-2 cm, 2 mm.
    "hdl32e": BeamTable(elevations_rad=_even(10.67, -30.67, 32), azimuths=1080, range_max_m=100.0,
                        range_10_m=50.0, range_sd_m=0.01),
    # Velodyne HDL-64E S2 data sheet 63-9194: 32 beams +2 to -8.33, 32 beams -8.83 to -24.33
    # degrees; 120 m for cars, 50 m for pavement (10 %); +-2 cm.
    "hdl64e": BeamTable(elevations_rad=_even(2.0, -8.33, 32) + _even(-8.83, -24.33, 32),
                        azimuths=2083, range_max_m=120.0, range_10_m=50.0, range_sd_m=0.01),
    # Ouster OS1 (Rev 7) data sheet: 128 beams over 42.4 degrees (+21.2 to -21.2), 90 m at 10 %,
    # 200 m at most, 1024 columns, 0.7 to 5 cm precision, 1 mm resolution.
    "os1_128": BeamTable(elevations_rad=_even(21.2, -21.2, 128), azimuths=1024, range_max_m=200.0,
                         range_10_m=90.0, range_sd_m=0.015, resolution_m=0.001),
    # A generic 32-beam automotive roof sensor: the range preset's default.
    "generic32": BeamTable(elevations_rad=_even(10.0, -25.0, 32), azimuths=1024, range_max_m=120.0,
                           range_10_m=60.0),
    # Livox HAP-like solid-state raster: 120 x 25 degrees, 150 m at 10 % (Livox HAP data sheet).
    "solid120": BeamTable(elevations_rad=_even(12.5, -12.5, 64), azimuth_from_rad=-math.pi / 3,
                          azimuth_to_rad=math.pi / 3, azimuths=512, range_max_m=200.0,
                          range_10_m=150.0, range_sd_m=0.01, resolution_m=0.001),
}  # fmt: skip


def beam_table(name: str) -> BeamTable:
    """A preset by name.

    Raises:
        UnknownNameError: No such preset.
    """
    if name not in BEAM_TABLES:
        raise UnknownNameError("beam table", name, BEAM_TABLES)
    return BEAM_TABLES[name]
