"""The planar laser scanner of safety fields and mobile robots: a LiDAR with one beam.

Optics, noise, weather, sweep and faults are those of `lidar`, with a beam table of one row; what it
reports is a row of ranges, as its real kin do. Angles run counter-clockwise, from right to left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.spec import Schema
from fleetloop.envs.sensors.base import Buffers, Capture, Modality, SensorConfig, State
from fleetloop.envs.sensors.beams import BeamTable, beam_table
from fleetloop.envs.sensors.echoes import ReturnMode
from fleetloop.envs.sensors.lidar import Lidar, LidarConfig
from fleetloop.envs.trace.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner2dConfig(SensorConfig):
    """A planar scanner; the default is a SICK TiM571.

    Its own faults are those of the LiDAR but for dead beams: there is only one.

    Attributes:
        beams: Optics with a single elevation; presets `beam_table("tim571")` and "ust10lx".
        sweep_s: From the first to the last ray. The TiM571's mirror turns at 15 Hz and looks out
            for 270 of 360 degrees.
        housing_m, sub_rays, returns, noise, labels: As in `LidarConfig`.
    """

    KIND: ClassVar[str] = "scanner2d"
    FAULTS: ClassVar[tuple[str, ...]] = ("dirty_window", "bias_jump")

    beams: BeamTable = field(default_factory=lambda: beam_table("tim571"))
    sweep_s: float = 0.05
    housing_m: float = 0.10
    sub_rays: int = 1
    returns: ReturnMode = "strongest"
    noise: bool = True
    labels: bool = True
    rate_hz: float = 15.0

    def __post_init__(self) -> None:
        SensorConfig.__post_init__(self)
        if len(self.beams.elevations_rad) != 1:
            raise ConfigError(
                f"The planar scanner {self.name!r} has a table of "
                f"{len(self.beams.elevations_rad)} beams: use one with a single elevation, or a "
                "lidar."
            )
        _as_lidar(self)


class Scanner2d:
    """See the module."""

    CONFIG: ClassVar[type[SensorConfig]] = Scanner2dConfig
    MODALITY: ClassVar[Modality] = "range"

    def __init__(self, config: Scanner2dConfig) -> None:
        self.config = config
        self._lidar = Lidar(_as_lidar(config))
        self.schema = Schema(
            {
                # All but the times of the columns have a row axis in front.
                name: entry if name == "time_offset_s" else replace(entry, shape=entry.shape[1:])
                for name, entry in self._lidar.schema.items()
            }
        )
        self.scan_s = config.sweep_s

    @property
    def azimuths_rad(self) -> npt.NDArray[np.float64]:
        """Where each ray points, (rays,), from right to left of the sensor's x axis."""
        beams = self.config.beams
        steps = (np.arange(beams.azimuths) + 0.5) / beams.azimuths
        return beams.azimuth_from_rad + (beams.azimuth_to_rad - beams.azimuth_from_rad) * steps

    def initial_state(self, rng: np.random.Generator) -> State:
        """As of a LiDAR."""
        return self._lidar.initial_state(rng)

    def views(self, capture: Capture, state: State, rng: np.random.Generator) -> Sequence[View]:
        """As of a LiDAR."""
        return self._lidar.views(capture, state, rng)

    def measure(
        self,
        capture: Capture,
        traced: Sequence[Buffers],
        state: State,
        rng: np.random.Generator,
    ) -> tuple[dict[str, npt.NDArray[Any]], State]:
        """The LiDAR's only row."""
        data, state = self._lidar.measure(capture, traced, state, rng)
        return {
            name: array if name == "time_offset_s" else array[0] for name, array in data.items()
        }, state


def _as_lidar(config: Scanner2dConfig) -> LidarConfig:
    return LidarConfig(
        name=config.name,
        link=config.link,
        link_T_sensor=config.link_T_sensor,
        rate_hz=config.rate_hz,
        beams=config.beams,
        sweep_s=config.sweep_s,
        housing_m=config.housing_m,
        sub_rays=config.sub_rays,
        returns=config.returns,
        noise=config.noise,
        labels=config.labels,
    )
