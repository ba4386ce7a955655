"""Shaking of the mount by road and engine: what an inertial sensor in a car mostly measures.

Simulated roads are smooth and simulated bodies rigid, so the shaking is added to the truth. It is a
sum of modes, each a randomly driven, damped oscillation: the real part of a complex
Gauss-Markov process z with dz = (-lambda + 2 pi i f) z dt + noise. Its autocorrelation is
sd²·exp(-lambda |t|)·cos(2 pi f t), its spectrum a pair of Lorentz peaks of full width
lambda/pi at half height, and it can be sampled exactly at any step; what lies above half the
sample rate is folded back, as in a real sensor without a filter.

A mode's strength follows a power of the speed: 1/2 for road roughness (ISO 8608: the elevation
spectrum falls with the square of the wave number, so the velocity input is white with a density
that is proportional to speed), 2 for an unbalanced wheel, 0 for an idling engine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray

Axes = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class VibrationMode:
    """One oscillation of the mount.

    Attributes:
        frequency_hz: At standstill.
        frequency_per_speed_1_m: How the frequency grows with speed, Hz per m/s; 1/(2 pi r) for
            what turns with a wheel of radius r.
        bandwidth_hz: Full width of the peak at half height.
        specific_force_m_s2: Standard deviation per sensor axis at the reference speed.
        angular_rate_rad_s: Standard deviation per sensor axis at the reference speed.
        reference_speed_m_s: Speed that the strengths are given for.
        speed_exponent: Strengths grow with this power of speed over reference speed.

    Raises:
        ConfigError: A negative value, or no width or reference speed.
    """

    frequency_hz: float
    bandwidth_hz: float
    frequency_per_speed_1_m: float = 0.0
    specific_force_m_s2: Axes = (0.0, 0.0, 0.0)
    angular_rate_rad_s: Axes = (0.0, 0.0, 0.0)
    reference_speed_m_s: float = 10.0
    speed_exponent: float = 0.5

    def __post_init__(self) -> None:
        strengths = (*self.specific_force_m_s2, *self.angular_rate_rad_s)
        rest = (self.frequency_hz, self.frequency_per_speed_1_m, self.speed_exponent)
        if not all(math.isfinite(value) and value >= 0.0 for value in (*strengths, *rest)):
            raise ConfigError(f"A vibration mode holds a negative or infinite value: {self!r}.")
        if not (self.bandwidth_hz > 0.0 and self.reference_speed_m_s > 0.0):
            raise ConfigError(
                f"A vibration mode needs a positive bandwidth_hz and reference_speed_m_s: {self!r}."
            )


class Vibration:
    """All modes of one mount, sampled together. Immutable; state goes in and out.

    Args:
        modes: At least one.
    """

    def __init__(self, modes: tuple[VibrationMode, ...]) -> None:
        self._frequency_hz = np.array([m.frequency_hz for m in modes])
        self._per_speed = np.array([m.frequency_per_speed_1_m for m in modes])
        self._lambda_1_s = math.pi * np.array([m.bandwidth_hz for m in modes])
        self._reference_m_s = np.array([m.reference_speed_m_s for m in modes])
        self._exponent = np.array([m.speed_exponent for m in modes])
        self._strength = np.array([(*m.specific_force_m_s2, *m.angular_rate_rad_s) for m in modes])

    def start(self, rng: np.random.Generator) -> FloatArray:
        """Draws the modes in their stationary state: (modes, 6, 2), real and imaginary parts."""
        return rng.standard_normal((*self._strength.shape, 2))

    def advance(
        self, phasor: FloatArray, speed_m_s: float, dt_s: float, rng: np.random.Generator
    ) -> FloatArray:
        """Steps the modes by `dt_s` seconds; they have unit variance at every speed."""
        frequency = self._frequency_hz + self._per_speed * speed_m_s
        decay = np.exp(-self._lambda_1_s * dt_s)
        angle = 2.0 * math.pi * frequency * dt_s
        cosine = (decay * np.cos(angle))[:, None]
        sine = (decay * np.sin(angle))[:, None]
        kick = np.sqrt(1.0 - decay * decay)[:, None, None]
        result = kick * rng.standard_normal(phasor.shape)
        result[..., 0] += cosine * phasor[..., 0] - sine * phasor[..., 1]
        result[..., 1] += sine * phasor[..., 0] + cosine * phasor[..., 1]
        return result

    def shake(self, phasor: FloatArray, speed_m_s: float) -> FloatArray:
        """Specific force, m/s², and angular rate, rad/s, of the shaking along sensor axes, (6,)."""
        gain = (speed_m_s / self._reference_m_s) ** self._exponent
        return np.asarray(np.einsum("m,ma,ma->a", gain, self._strength, phasor[..., 0]))


CAR_VIBRATION = tuple(
    VibrationMode(
        frequency_hz=frequency_hz,
        bandwidth_hz=bandwidth_hz,
        specific_force_m_s2=force,
        angular_rate_rad_s=rate,
        reference_speed_m_s=18.5,
    )
    for frequency_hz, bandwidth_hz, force, rate in (
        (1.5, 0.6, (0.155, 0.107, 0.245), (0.0115, 0.0160, 0.0027)),
        (2.7, 1.0, (0.170, 0.020, 0.085), (0.0010, 0.0095, 0.0003)),
        (6.5, 4.0, (0.020, 0.155, 0.055), (0.0058, 0.0005, 0.0003)),
        (13.0, 6.0, (0.200, 0.315, 0.355), (0.0003, 0.0020, 0.0017)),
        (22.0, 12.0, (0.096, 0.030, 0.095), (0.0003, 0.0006, 0.0015)),
        (40.0, 12.0, (0.220, 0.134, 0.232), (0.0030, 0.0070, 0.0013)),
        (50.0, 6.0, (0.330, 0.070, 0.105), (0.0027, 0.0126, 0.0009)),
    )
)
"""A phone on a windscreen at city-motorway speed: modes of body, wheels and mount, fitted by band
power to 30 s of the comma2k19 log (8 to 20 m/s). A rigid mount on the chassis shakes less."""
