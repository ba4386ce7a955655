"""From light to digital numbers: exposure, photon noise, read noise, fixed pattern, bits.

The chain follows EMVA Standard 1288 (release 4.0, section 2): photons arrive at random (Poisson),
electrons are read with noise, multiplied by a gain, and cut to bits. Pixels differ a little in
sensitivity (PRNU) and offset (DSNU), the same way in every frame of one sensor.

A surface of albedo 1 in full sun fills `full_well_e` at exposure 1 and gain 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagerConfig:
    """Noise and digits of an image sensor; the defaults are a clean small automotive imager.

    Attributes:
        full_well_e: Electrons that a pixel holds.
        read_noise_e: Standard deviation.
        prnu: Standard deviation of the pixels' sensitivities.
        dsnu_e: Standard deviation of their offsets.
        noise: False gives the exact picture.
        gamma: Whether the output is sRGB-encoded; False gives linear digits.
    """

    full_well_e: float = 10_000.0
    read_noise_e: float = 3.0
    prnu: float = 0.004
    dsnu_e: float = 0.8
    noise: bool = True
    gamma: bool = True

    def __post_init__(self) -> None:
        if not self.full_well_e > 0.0:
            raise ConfigError(f"full_well_e is {self.full_well_e}: it must be positive.")
        for name in ("read_noise_e", "prnu", "dsnu_e"):
            if not getattr(self, name) >= 0.0:
                raise ConfigError(f"{name} of an imager is {getattr(self, name)}: use 0 or more.")


def fixed_pattern(
    config: ImagerConfig, shape: tuple[int, int], rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Sensitivity (height, width, 3), about 1, and offset in electrons, of one piece of silicon."""
    sensitivity = 1.0 + config.prnu * rng.standard_normal((*shape, 3), dtype=np.float32)
    offset = config.dsnu_e * rng.standard_normal((*shape, 3), dtype=np.float32)
    return sensitivity.astype(np.float32), offset.astype(np.float32)


def expose(
    config: ImagerConfig,
    radiance: npt.NDArray[np.float32],
    gain: float,
    pattern: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]],
    rng: np.random.Generator,
) -> npt.NDArray[np.uint8]:
    """Digits (height, width, 3) uint8 of linear radiance (height, width, 3).

    Args:
        config: The imager.
        radiance: In units of a white surface in full sun.
        gain: Exposure times gain.
        pattern: From `fixed_pattern`.
        rng: Photon and read noise.
    """
    electrons = radiance * np.float32(gain * config.full_well_e)
    if config.noise:
        # Poisson of many photons is normal with the mean as its variance: exact enough above ten
        # electrons, and below that the read noise hides the difference.
        electrons = electrons * pattern[0]
        spread = np.sqrt(np.maximum(electrons, 0.0) + np.float32(config.read_noise_e**2))
        drawn = rng.standard_normal(radiance.shape, dtype=np.float32)
        electrons = electrons + spread * drawn + pattern[1]
    part = np.clip(electrons * np.float32(1.0 / config.full_well_e), 0.0, 1.0)
    if not config.gamma:
        return np.asarray(np.rint(part * np.float32(255.0))).astype(np.uint8)
    index = (np.sqrt(part) * np.float32(_CURVE_SIZE - 1) + np.float32(0.5)).astype(np.int32)
    return np.asarray(np.take(_SRGB, index))


_CURVE_SIZE = 4096


def _srgb_of_square_root() -> npt.NDArray[np.uint8]:
    """SRGB bytes of linear light, tabled over its square root (IEC 61966-2-1)."""
    light = (np.arange(_CURVE_SIZE) / (_CURVE_SIZE - 1)) ** 2
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    curve = np.rint(255.0 * encoded).astype(np.uint8)
    curve.setflags(write=False)
    return curve


_SRGB = _srgb_of_square_root()
