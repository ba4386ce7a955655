"""Error classes of satellite receivers: ordinary and corrected, by data sheets and a real drive."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fleetloop.core.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class GnssErrors:
    """Errors of one class of receivers; east and north have the horizontal figures each.

    Attributes:
        wander_horizontal_m: Standard deviation of the slow offset, per axis.
        wander_vertical_m: The same for altitude.
        wander_s: Time constant of the slow offset.
        white_horizontal_m: Standard deviation from fix to fix, per axis.
        white_vertical_m: The same for altitude.
        velocity_horizontal_m_s: Standard deviation of velocity, per axis.
        velocity_vertical_m_s: The same for the vertical.
        multipath_m: Standard deviation, per axis, of the extra offset under reflections; twice
            that for altitude.
        multipath_s: Time constant of the extra offset.
    """

    wander_horizontal_m: float = 0.0
    wander_vertical_m: float = 0.0
    wander_s: float = 600.0
    white_horizontal_m: float = 0.0
    white_vertical_m: float = 0.0
    velocity_horizontal_m_s: float = 0.0
    velocity_vertical_m_s: float = 0.0
    multipath_m: float = 0.0
    multipath_s: float = 10.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            least = "positive" if name in ("wander_s", "multipath_s") else "0 or more"
            if not (math.isfinite(value) and value >= 0.0) or (least == "positive" and value == 0):
                raise ConfigError(f"The GNSS error {name} is {value!r}: use {least}.")


IDEAL = GnssErrors()
"""Truth."""

SINGLE_POINT = GnssErrors(
    # Wander and white noise fitted to a u-blox M8 against the fused pose of the comma2k19 log
    # (offsets of 0.4, 1.5 and 1.4 m, steps between fixes of 0.013 to 0.028 m, sd over 30 s of
    # 0.09 to 0.2 m). Velocity: u-blox NEO-M8, UBX-13003366, 0.05 m/s. Multipath: tens of metres
    # in street canyons, Groves, "Principles of GNSS", 2nd ed., 9.4.
    wander_horizontal_m=1.2,
    wander_vertical_m=1.6,
    wander_s=1000.0,
    white_horizontal_m=0.005,
    white_vertical_m=0.01,
    velocity_horizontal_m_s=0.05,
    velocity_vertical_m_s=0.1,
    multipath_m=8.0,
    multipath_s=10.0,
)
"""An ordinary receiver of cars and phones: the default."""

RTK = GnssErrors(
    # u-blox ZED-F9P, UBX-17051259: 0.01 m + 1 ppm CEP with a fixed ambiguity, velocity 0.05 m/s.
    # CEP of 0.01 m is 0.0085 m per axis (division by 1.177); vertical twice that.
    wander_horizontal_m=0.007,
    wander_vertical_m=0.014,
    wander_s=60.0,
    white_horizontal_m=0.005,
    white_vertical_m=0.01,
    velocity_horizontal_m_s=0.05,
    velocity_vertical_m_s=0.05,
    multipath_m=0.5,
    multipath_s=10.0,
)
"""A receiver with corrections from a near base station."""
