"""Radar scans: what well-known automotive radars resolve and reach, from their data sheets.

Continental ARS 408-21, technical data 2017: 77 GHz FMCW with a far and a near scan. Far: 250 m,
+-9 degrees, resolution 1.79 m, 1.6 degrees, 0.37 km/h. Near: 70 m within +-45 and 20 m at +-60
degrees, 0.39 m, 3.2 degrees at the middle and 4.5 at 45, 0.43 km/h. Elevation 14 and 20 degrees,
speeds -400 to +200 km/h (negative approaches), accuracy of speed 0.1 km/h, a cycle of about 72 ms.

The 4.5 degrees at 45 are those of a flat antenna, whose resolution is even in the sine of azimuth.
Sheets do not tell what cross-section is seen where: that a car of 10 dBsm is seen to the end of the
range (far) and well beyond it (near) is ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fleetloop.core.checks import check_positive
from fleetloop.core.errors import ConfigError, UnknownNameError


@dataclass(frozen=True, slots=True, kw_only=True)
class RadarScan:
    """What one scan of a radar resolves and reaches.

    Attributes:
        azimuth_half_rad, elevation_half_rad: Half the field of view; there an echo is `edge_db`
            weaker than in the middle.
        edge_db: See above; there and back.
        range_min_m, range_max_m: Nearest and furthest detection.
        speed_min_m_s, speed_max_m_s: Radial speeds that are measured; negative approaches.
        range_m: Range at which two equal echoes are told apart.
        azimuth_sine: Sine of the azimuth at which they are.
        speed_m_s: Radial speed at which they are.
        reach_10dbsm_m: Where a cross-section of 10 m^2 is just detected in the middle.
        columns, rows: Rays over the field of view.
    """

    azimuth_half_rad: float
    elevation_half_rad: float
    edge_db: float = 6.0
    range_min_m: float = 0.20
    range_max_m: float
    speed_min_m_s: float = -400.0 / 3.6
    speed_max_m_s: float = 200.0 / 3.6
    range_m: float
    azimuth_sine: float
    speed_m_s: float
    reach_10dbsm_m: float
    columns: int = 512
    rows: int = 32

    def __post_init__(self) -> None:
        for name in ("azimuth_half_rad", "elevation_half_rad"):
            if not 0.0 < getattr(self, name) < 0.5 * math.pi:
                raise ConfigError(f"{name} of a radar scan must lie between 0 and a quarter turn.")
        if not 0.0 < self.range_min_m < self.range_max_m:
            raise ConfigError("The ranges of a radar scan must be positive and grow.")
        if not self.speed_min_m_s < self.speed_max_m_s:
            raise ConfigError("The speeds of a radar scan must grow.")
        check_positive(
            self,
            "a radar scan",
            "range_m",
            "azimuth_sine",
            "speed_m_s",
            "reach_10dbsm_m",
            infinite=True,
        )
        if not self.edge_db >= 0.0 or self.columns < 2 or self.rows < 2:
            raise ConfigError("A radar scan needs edge_db of 0 or more, and 2 x 2 rays at least.")


RADAR_SCANS: dict[str, RadarScan] = {
    "ars408_far": RadarScan(
        azimuth_half_rad=math.radians(9.0), elevation_half_rad=math.radians(7.0),
        range_max_m=250.0, range_m=1.79, azimuth_sine=math.sin(math.radians(1.6)),
        speed_m_s=0.37 / 3.6, reach_10dbsm_m=250.0, columns=256, rows=64,
    ),
    "ars408_near": RadarScan(
        azimuth_half_rad=math.radians(60.0), elevation_half_rad=math.radians(10.0),
        range_max_m=70.0, range_m=0.39, azimuth_sine=math.sin(math.radians(3.2)),
        speed_m_s=0.43 / 3.6, reach_10dbsm_m=120.0, columns=768, rows=32, edge_db=12.0,
    ),
}  # fmt: skip


def radar_scan(name: str) -> RadarScan:
    """A preset by name.

    Raises:
        UnknownNameError: No such preset.
    """
    if name not in RADAR_SCANS:
        raise UnknownNameError("radar scan", name, RADAR_SCANS)
    return RADAR_SCANS[name]
