"""What the balance controller senses: gyroscope, accelerometer, encoders, soles, all with noise.

These are the robot's built-in senses, which work whatever rig an environment records. Noise is a
function of an episode's key and of the tick alone, so that nothing has to be kept in a snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray

_CHUNK = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class SenseNoise:
    """Standard deviations of white noise at each control tick, and of what stays for an episode.

    Attributes:
        gyro_rad_s, accel_m_s2: Of the inertial unit in the pelvis.
        gyro_bias_rad_s, accel_bias_m_s2: What calibration leaves, drawn once.
        encoder_rad, speed_rad_s: Of joint angles and of the drives' speeds.
        force_n, pressure_m: Of a sole's vertical force and pressure point.
        wrist_n: Of the force that a wrist feels.
    """

    gyro_rad_s: float = 0.01
    accel_m_s2: float = 0.1
    gyro_bias_rad_s: float = 0.0001
    accel_bias_m_s2: float = 0.02
    encoder_rad: float = 0.001
    speed_rad_s: float = 0.02
    force_n: float = 2.0
    pressure_m: float = 0.001
    wrist_n: float = 0.2

    def __post_init__(self) -> None:
        for item in fields(self):
            if not getattr(self, item.name) >= 0.0:
                raise ConfigError(
                    f"The {item.name} of the humanoid's senses is {getattr(self, item.name)}: use "
                    "0 or more."
                )


class NoiseTable:
    """Unit noise by tick.

    Args:
        key: Two 64-bit numbers of the episode.
        width: Numbers per tick.
    """

    def __init__(self, key: np.ndarray[tuple[int], np.dtype[np.uint64]], width: int) -> None:
        self._key = key
        self._width = width
        self._chunk = -1
        self._table = np.zeros((_CHUNK, width))

    def at(self, tick: int) -> FloatArray:
        """Noise (width,) of one control tick; the same whenever it is asked for."""
        chunk, row = divmod(tick, _CHUNK)
        if chunk != self._chunk:
            stream = np.random.Philox(key=self._key, counter=[0, 0, 0, chunk])
            self._table = np.random.Generator(stream).standard_normal((_CHUNK, self._width))
            self._chunk = chunk
        row_values: FloatArray = self._table[row]
        return row_values
