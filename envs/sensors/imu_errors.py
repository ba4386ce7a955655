"""Error classes of inertial sensors, consumer to tactical, by published data sheets."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from fleetloop.core.checks import check_not_negative
from fleetloop.envs.sensors.noise import ChannelErrors, white_from_noise_density

G0_M_S2 = 9.80665
"""Standard gravity, the "g" of data sheets."""

_DEG = math.pi / 180.0
_PER_RT_H = 1.0 / 60.0  # from u/√h to u/√s
_PER_H = 1.0 / 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class InertialErrors:
    """Errors of one class of inertial sensors.

    Attributes:
        accelerometer: Per axis; u is m/s².
        gyroscope: Per axis; u is rad/s.
        misalignment_rad: Standard deviation of each of the six angles by which the three axes of
            a triad lean, drawn once per episode for each triad.
        g_sensitivity_rad_s_per_m_s2: Standard deviation of each element of the gyroscope's
            response to specific force, drawn once per episode.
    """

    accelerometer: ChannelErrors = field(default_factory=ChannelErrors)
    gyroscope: ChannelErrors = field(default_factory=ChannelErrors)
    misalignment_rad: float = 0.0
    g_sensitivity_rad_s_per_m_s2: float = 0.0

    def __post_init__(self) -> None:
        check_not_negative(
            self, "inertial errors", "misalignment_rad", "g_sensitivity_rad_s_per_m_s2"
        )


IDEAL = InertialErrors()
"""Truth, for tests and for telling what an error costs."""

PHONE = InertialErrors(
    # ST LSM6DS3, DocID026899 Rev 8, tables 3 and 4, as set in the phones of the comma2k19 log
    # (steps of 0.00239 m/s² and 0.00122 rad/s, 104 Hz): ±8 g at 0.244 mg, ±2000 °/s at 70 m°/s,
    # 110 µg/√Hz, 7 m°/s/√Hz, zero level ±40 mg and ±10 °/s, scale ±1 %. Of the zero levels a third
    # is taken as one standard deviation. Not in the sheet: instability, from Allan plots of such
    # parts in the literature; leaning axes and g-sensitivity, of the usual size.
    accelerometer=ChannelErrors(
        white_u_rt_s=white_from_noise_density(110e-6 * G0_M_S2),
        instability_u=60e-6 * G0_M_S2,
        walk_u_rt_hz=2e-5,
        turn_on_u=13e-3 * G0_M_S2,
        scale=0.004,
        lsb_u=0.244e-3 * G0_M_S2,
        limit_u=8.0 * G0_M_S2,
        jump_u=0.5,
    ),
    gyroscope=ChannelErrors(
        white_u_rt_s=white_from_noise_density(0.007 * _DEG),
        instability_u=12.0 * _DEG * _PER_H,
        walk_u_rt_hz=2e-6,
        turn_on_u=3.3 * _DEG,
        scale=0.004,
        lsb_u=0.07 * _DEG,
        limit_u=2000.0 * _DEG,
        jump_u=0.05,
    ),
    misalignment_rad=0.009,
    g_sensitivity_rad_s_per_m_s2=0.1 * _DEG / G0_M_S2,
)
"""Consumer part, uncalibrated, as in a phone behind the windscreen."""

AUTOMOTIVE = InertialErrors(
    # ST ASM330LHH, DocID031239 Rev 3, table 2: 60 µg/√Hz and 5 m°/s/√Hz (N of 0.21 °/√h), bias
    # instability 40 µg and 3 °/h; ±4 g at 0.122 mg, ±250 °/s at 8.75 m°/s. The zero levels are
    # those left by an end-of-line calibration.
    accelerometer=ChannelErrors(
        white_u_rt_s=white_from_noise_density(60e-6 * G0_M_S2),
        instability_u=40e-6 * G0_M_S2,
        walk_u_rt_hz=5e-6,
        turn_on_u=5e-3 * G0_M_S2,
        scale=0.002,
        lsb_u=0.122e-3 * G0_M_S2,
        limit_u=4.0 * G0_M_S2,
        jump_u=0.5,
    ),
    gyroscope=ChannelErrors(
        white_u_rt_s=white_from_noise_density(0.005 * _DEG),
        instability_u=3.0 * _DEG * _PER_H,
        walk_u_rt_hz=3e-7,
        turn_on_u=0.2 * _DEG,
        scale=0.002,
        lsb_u=8.75e-3 * _DEG,
        limit_u=250.0 * _DEG,
        jump_u=0.05,
    ),
    misalignment_rad=0.005,
    g_sensitivity_rad_s_per_m_s2=0.01 * _DEG / G0_M_S2,
)
"""Automotive part, calibrated once: the default."""

TACTICAL = InertialErrors(
    # Sensonor STIM300, TS1524 r9, 10 g version: N 0.15 °/√h and 0.06 m/s/√h, instability 0.5 °/h
    # and 0.05 mg, on/off repeatability 4 °/h and 0.75 mg, scale 500 and 300 ppm, axes 1 mrad,
    # 1 °/h/g with compensation, ±400 °/s at 24 bits of 2**-14 °/s and ±10 g at 2**-19 g.
    accelerometer=ChannelErrors(
        white_u_rt_s=0.06 * _PER_RT_H,
        instability_u=0.05e-3 * G0_M_S2,
        turn_on_u=0.75e-3 * G0_M_S2,
        scale=300e-6,
        lsb_u=G0_M_S2 / 2**19,
        limit_u=10.0 * G0_M_S2,
        jump_u=0.5,
    ),
    gyroscope=ChannelErrors(
        white_u_rt_s=0.15 * _DEG * _PER_RT_H,
        instability_u=0.5 * _DEG * _PER_H,
        turn_on_u=4.0 * _DEG * _PER_H,
        scale=500e-6,
        lsb_u=_DEG / 2**14,
        limit_u=400.0 * _DEG,
        jump_u=0.05,
    ),
    misalignment_rad=0.001,
    g_sensitivity_rad_s_per_m_s2=1.0 * _DEG * _PER_H / G0_M_S2,
)
"""Tactical grade, factory-calibrated."""
