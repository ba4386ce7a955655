"""Barometer: air pressure at its height, and the altitude that a standard atmosphere gives for it.

In the troposphere temperature falls evenly with height, T = T0 - L h, so that

    p = p0 (1 - L h / T0)^(g0 M / (R L))

[ISO 2533:1975, "Standard Atmosphere", 2.6]. The world gives T0 and p0 at its own origin; the
altitude that is reported assumes the standard 15 °C and 1013.25 hPa at sea level, as an altimeter
does, so weather shows in it as an offset.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.spec import Field, Schema
from fleetloop.envs.sensors.base import Buffers, Capture, Modality, SensorConfig, State
from fleetloop.envs.sensors.kinematics import lever_arm, velocity_at
from fleetloop.envs.sensors.noise import (
    ChannelErrors,
    Channels,
    captured_at,
    elapsed_s,
    no_capture_yet,
    white_from_rms,
)

if TYPE_CHECKING:
    from fleetloop.envs.trace.view import View

LAPSE_K_M = 0.0065
GAS_CONSTANT_J_KG_K = 287.05287
GRAVITY_M_S2 = 9.80665
EXPONENT = GRAVITY_M_S2 / (GAS_CONSTANT_J_KG_K * LAPSE_K_M)
"""g0 M / (R L) = 5.25588, with R/M = 287.05287 J/(kg K) (ISO 2533, table 1)."""

STANDARD_PRESSURE_PA = 101_325.0
STANDARD_TEMPERATURE_K = 288.15
ZERO_CELSIUS_K = 273.15

LOWEST_M, HIGHEST_M = -5_000.0, 11_000.0
"""Heights that the formula is defined for: the troposphere."""

BMP388 = ChannelErrors(
    # Bosch BMP388, BST-BMP388-DS001, table 2: absolute accuracy ±50 Pa, relative ±8 Pa (taken as
    # two and as the floor of slow drift), noise 1.2 Pa rms at 25 Hz, steps of 0.016 Pa,
    # 300 to 1250 hPa.
    white_u_rt_s=white_from_rms(1.2, 25.0),
    instability_u=2.0,
    flicker_s=(10.0, 3600.0),
    turn_on_u=25.0,
    lsb_u=0.016,
    limit_u=125_000.0,
    jump_u=100.0,
)
"""A consumer part; u is pascal."""


def pressure_at(
    height_m: float, temperature_k: float = STANDARD_TEMPERATURE_K,
    pressure_pa: float = STANDARD_PRESSURE_PA,
) -> float:  # fmt: skip
    """Pressure, Pa, `height_m` above the place of the given temperature and pressure.

    Raises:
        ConfigError: The height lies outside of the troposphere.
    """
    if not LOWEST_M <= height_m <= HIGHEST_M:
        raise ConfigError(
            f"The height {height_m:g} m is outside of {LOWEST_M:g} to {HIGHEST_M:g} m, where the "
            "barometer's atmosphere is defined: remove the barometer, or keep the robot lower."
        )
    return float(pressure_pa * (1.0 - LAPSE_K_M * height_m / temperature_k) ** EXPONENT)


def altitude_from(pressure_pa: float) -> float:
    """Altitude, m, above sea level at which the standard atmosphere has this pressure."""
    ratio = pressure_pa / STANDARD_PRESSURE_PA
    return float(STANDARD_TEMPERATURE_K / LAPSE_K_M * (1.0 - ratio ** (1.0 / EXPONENT)))


@dataclass(frozen=True, slots=True, kw_only=True)
class BarometerConfig(SensorConfig):
    """A barometer with a thermometer.

    Attributes:
        errors: Of the pressure; u is pascal. Its `limit_u` is the upper end of the range.
        lowest_pa: Lower end of the range.
        dynamic_pressure: Part of the dynamic pressure of the robot's own speed that reaches the
            port: 0 for a perfect static port; open windows and vents of a car reach -0.2.
        temperature_sd_c: Standard deviation of the thermometer's offset, drawn per episode.

    The fault `bias_jump` adds `errors.jump_u` times its severity.
    """

    KIND: ClassVar[str] = "barometer"
    LOOKS: ClassVar[bool] = False
    FAULTS: ClassVar[tuple[str, ...]] = ("bias_jump",)

    errors: ChannelErrors = BMP388
    lowest_pa: float = 30_000.0
    dynamic_pressure: float = 0.0
    temperature_sd_c: float = 0.5

    def __post_init__(self) -> None:
        SensorConfig.__post_init__(self)
        highest = self.errors.limit_u
        if not (self.lowest_pa > 0.0 and (highest is None or self.lowest_pa < highest)):
            raise ConfigError(
                f"The lowest_pa of sensor {self.name!r} is {self.lowest_pa!r}: use a positive "
                f"pressure below its limit of {highest!r} Pa."
            )
        if not math.isfinite(self.dynamic_pressure) or not 0.0 <= self.temperature_sd_c < math.inf:
            raise ConfigError(
                f"The sensor {self.name!r} has dynamic_pressure {self.dynamic_pressure!r} and "
                f"temperature_sd_c {self.temperature_sd_c!r}: use finite ones, the second >= 0."
            )


class Barometer:
    """See the module."""

    CONFIG: ClassVar[type[SensorConfig]] = BarometerConfig
    MODALITY: ClassVar[Modality] = "state"
    scan_s: float = 0.0

    def __init__(self, config: BarometerConfig) -> None:
        self.config = config
        self._channel = Channels("pressure", 1, config.errors, config.rate_hz)
        self._lowest_pa = float(np.float32(config.lowest_pa))
        self.schema = Schema(
            {
                "pressure_pa": Field(
                    shape=(),
                    dtype="float32",
                    unit="Pa",
                    low=self._lowest_pa,
                    high=self._channel.limit,
                    doc="Static air pressure.",
                ),
                "altitude_m": Field(
                    shape=(),
                    dtype="float32",
                    unit="m",
                    doc="Above sea level in the standard atmosphere.",
                ),
                "temperature_c": Field(
                    shape=(), dtype="float32", unit="degC", doc="Of the air around the robot."
                ),
            }
        )

    def initial_state(self, rng: np.random.Generator) -> State:
        """Draws the offsets."""
        return {
            **no_capture_yet(),
            **self._channel.start(rng),
            "temperature_offset_c": self.config.temperature_sd_c * rng.standard_normal(1),
        }

    def views(self, capture: Capture, state: State, rng: np.random.Generator) -> Sequence[View]:
        """No rays."""
        return ()

    def measure(
        self,
        capture: Capture,
        traced: Sequence[Buffers],
        state: State,
        rng: np.random.Generator,
    ) -> tuple[dict[str, npt.NDArray[Any]], State]:
        """Reads pressure and temperature.

        Raises:
            ConfigError: The robot is outside of the troposphere.
        """
        air = capture.surroundings
        height_m = float(capture.world_T_sensor.position_m[2])
        ground_k = air.temperature_c + ZERO_CELSIUS_K
        true_pa = pressure_at(height_m, ground_k, air.pressure_pa)
        local_k = ground_k - LAPSE_K_M * height_m
        if self.config.dynamic_pressure:
            velocity = velocity_at(capture.link, lever_arm(capture))
            density = true_pa / (GAS_CONSTANT_J_KG_K * local_k)
            true_pa += self.config.dynamic_pressure * 0.5 * density * float(velocity @ velocity)
        severity = capture.severity("bias_jump")
        dt_s = elapsed_s(capture.t_ns, state)
        reading, changed = self._channel.sample(np.array([true_pa]), state, dt_s, rng, severity)
        pressure_pa = max(float(reading[0]), self._lowest_pa)
        temperature_c = local_k - ZERO_CELSIUS_K + float(state["temperature_offset_c"][0])
        data = {
            "pressure_pa": np.array(pressure_pa, np.float32),
            "altitude_m": np.array(altitude_from(pressure_pa), np.float32),
            "temperature_c": np.array(temperature_c, np.float32),
        }
        return data, {**state, **captured_at(capture.t_ns), **changed}
