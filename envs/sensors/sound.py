"""Sound in air: how fast it is and how much of it is lost on the way."""

from __future__ import annotations

import math

from fleetloop.core.errors import ConfigError

_REFERENCE_PA = 101_325.0
_REFERENCE_K = 293.15
_TRIPLE_POINT_K = 273.16
_ZERO_C_K = 273.15


def speed_of_sound_m_s(temperature_c: float) -> float:
    """Of dry air, 331.3 sqrt(1 + T / 273.15), as an ideal gas; humidity adds 0.3 % at most.

    Raises:
        ConfigError: The air would be frozen solid.
    """
    kelvin = temperature_c + _ZERO_C_K
    if not kelvin > 0.0:
        raise ConfigError(f"Air of {temperature_c} degrees Celsius is not possible.")
    return 331.3 * math.sqrt(kelvin / _ZERO_C_K)


def absorption_db_m(
    frequency_hz: float,
    temperature_c: float,
    humidity: float = 0.5,
    pressure_pa: float = _REFERENCE_PA,
) -> float:
    """Absorption of a pure tone in air, decibels per metre [ISO 9613-1:1993, eq. 3 to 5, B.3].

    Args:
        frequency_hz: Of the tone.
        temperature_c: Of the air.
        humidity: Relative, 0 to 1.
        pressure_pa: Of the air.
    """
    kelvin = temperature_c + _ZERO_C_K
    warm = kelvin / _REFERENCE_K
    pressure = pressure_pa / _REFERENCE_PA
    saturation = 10.0 ** (4.6151 - 6.8346 * (_TRIPLE_POINT_K / kelvin) ** 1.261)
    vapour = 100.0 * humidity * saturation / pressure
    oxygen_hz = pressure * (24.0 + 4.04e4 * vapour * (0.02 + vapour) / (0.391 + vapour))
    turned = math.exp(-4.170 * (warm ** (-1.0 / 3.0) - 1.0))
    nitrogen_hz = pressure / math.sqrt(warm) * (9.0 + 280.0 * vapour * turned)
    square = frequency_hz * frequency_hz
    classical = 1.84e-11 * math.sqrt(warm) / pressure
    oxygen = 0.01275 * math.exp(-2239.1 / kelvin) / (oxygen_hz + square / oxygen_hz)
    nitrogen = 0.1068 * math.exp(-3352.0 / kelvin) / (nitrogen_hz + square / nitrogen_hz)
    loss_db_m: float = 8.686 * square * (classical + warm**-2.5 * (oxygen + nitrogen))
    return loss_db_m
