"""The scanning LiDAR: a sweep that takes time, and what comes back from each beam.

A sweep ends at the reference instant; each group of columns is traced from where the sensor was at
its own time, with objects where they were. So `point_m`, what the moving sensor reports in its own
frame, is distorted by motion as in reality, and `point_true_m` beside it is the same point in the
frame of the reference instant: what a perfect undistortion would give.

Received power follows the LiDAR equation for extended targets, P ~ rho cos(i) exp(-2 a r) / r^2
[Wagner et al. 2006, "Gaussian decomposition and calibration of a novel small-footprint
full-waveform digitising airborne laser scanner"]. The threshold of detection is set so that a
surface of 10 % reflectivity is just seen at the data sheet's range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.spec import Field, Schema
from fleetloop.envs.sensors.base import Buffers, Capture, Modality, SensorConfig, State
from fleetloop.envs.sensors.beams import BeamTable, beam_table
from fleetloop.envs.trace.raygrid import RayGrid
from fleetloop.envs.trace.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class LidarConfig(SensorConfig):
    """A LiDAR.

    Attributes:
        beams: Optics; presets by `beam_table("hdl32e")`.
        sweep_s: From the first to the last column; 0 takes all at once. Must not exceed the period.
        range_min_m: What is nearer is not reported.
        noise: False gives exact ranges and no dropped beams.
        labels: Whether to record the class and instance of each point, and its true place.
    """

    KIND: ClassVar[str] = "lidar"
    FAULTS: ClassVar[tuple[str, ...]] = ("dead_beams", "dirty_window")

    beams: BeamTable = field(default_factory=lambda: beam_table("generic32"))
    sweep_s: float = 0.1
    range_min_m: float = 0.5
    noise: bool = True
    labels: bool = True
    rate_hz: float = 10.0

    def __post_init__(self) -> None:
        SensorConfig.__post_init__(self)
        if not 0.0 <= self.sweep_s <= 1.0 / self.rate_hz + 1e-9:
            raise ConfigError(
                f"sweep_s of LiDAR {self.name!r} is {self.sweep_s}: use 0 to the period of "
                f"{1.0 / self.rate_hz:.4g} s."
            )
        if not 0.0 <= self.range_min_m < self.beams.range_max_m:
            raise ConfigError(
                f"range_min_m of LiDAR {self.name!r} is {self.range_min_m}: use 0 to below "
                f"{self.beams.range_max_m} m."
            )


class Lidar:
    """See the module."""

    CONFIG: ClassVar[type[SensorConfig]] = LidarConfig
    MODALITY: ClassVar[Modality] = "range"

    def __init__(self, config: LidarConfig) -> None:
        self.config = config
        self._shape = (len(config.beams.elevations_rad), config.beams.azimuths)
        self._directions = _directions(config.beams)
        tile = _tile(self._shape[0])
        self._rays, self._columns_per_slot = _grid(config, self._directions, tile)
        slots = self._rays.n_slots
        # Slot k covers columns k*c to (k+1)*c; it is traced at the middle of its time.
        middle = (np.arange(slots) + 0.5) * self._columns_per_slot / config.beams.azimuths
        self._slot_offset_s = config.sweep_s * (np.minimum(middle, 1.0) - 1.0)
        self.schema = _schema(config, self._shape)
        self.scan_s = config.sweep_s

    def initial_state(self, rng: np.random.Generator) -> State:
        """Which beams die first under a fault."""
        return {"weakness": rng.random(self._shape[0])}

    def views(self, capture: Capture, state: State, rng: np.random.Generator) -> Sequence[View]:
        """One view with a pose and a time for each group of columns."""
        if self.config.sweep_s > 0.0:
            position, rotation = capture.path.at(self._slot_offset_s)
        else:
            pose = capture.world_T_sensor
            position, rotation = pose.position_m[None], pose.rotation[None]
        wanted = {"range", "hit", "incidence", "material"}
        if self.config.labels:
            wanted |= {"semantic", "instance"}
        return [
            View(
                rays=self._rays,
                position_m=position,
                rotation=rotation,
                outputs=frozenset(wanted),
                time_offset_s=self._slot_offset_s,
                t_min_m=self.config.range_min_m,
                t_max_m=self.config.beams.range_max_m,
            )
        ]

    def measure(
        self,
        capture: Capture,
        traced: Sequence[Buffers],
        state: State,
        rng: np.random.Generator,
    ) -> tuple[dict[str, npt.NDArray[Any]], State]:
        """Turns hits into returns."""
        images = traced[0]
        power, intensity = self._response(capture, images)
        true_range = images["range"]
        valid = images["hit"].copy()
        reported = true_range
        if self.config.noise:
            reported, seen = self._noisy(true_range, power, rng)
            valid &= seen
        if "dead_beams" in capture.faults:
            valid &= (state["weakness"] >= capture.faults["dead_beams"].severity)[:, None]
        valid &= (reported >= self.config.range_min_m) & (reported <= self.config.beams.range_max_m)
        reported = np.where(valid, reported, np.float32(0.0)).astype(np.float32)
        data: dict[str, npt.NDArray[Any]] = {
            "range_m": reported,
            "intensity": np.where(valid, intensity, np.float32(0.0)).astype(np.float32),
            "point_m": reported[..., None] * self._directions,
            "valid": valid,
            "time_offset_s": self._column_offset_s(),
        }
        if self.config.labels:
            data["semantic"] = np.where(valid, images["semantic"], np.uint8(0))
            data["instance"] = np.where(valid, images["instance"], np.int32(0))
            data["point_true_m"] = self._undistorted(capture, true_range, valid)
        return data, state

    def _response(
        self, capture: Capture, images: Buffers
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Power over the threshold of detection, and the calibrated intensity, 0 to 1."""
        assert capture.scene is not None
        table = capture.scene.materials
        material = images["material"]
        diffuse = table.column("lidar_reflectivity")[material] * np.maximum(
            images["incidence"], np.float32(0.02)
        )
        retro = table.column("retro")[material]
        through = np.exp(np.float32(-2.0 * extinction_1_m(capture)) * images["range"])
        if "dirty_window" in capture.faults:
            through = through * np.float32(1.0 - 0.9 * capture.faults["dirty_window"].severity)
        returned = (diffuse * (1.0 + retro)) * through
        reach = np.float32(self.config.beams.range_10_m)
        power = returned / np.float32(0.10) * (reach / np.maximum(images["range"], 0.1)) ** 2
        return power.astype(np.float32), np.clip(returned, 0.0, 1.0).astype(np.float32)

    def _noisy(
        self,
        true_range: npt.NDArray[np.float32],
        power: npt.NDArray[np.float32],
        rng: np.random.Generator,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Ranges with noise, and which beams got through the threshold.

        Noise grows as the signal nears the threshold; there the power itself jitters by 15 %.
        """
        beams = self.config.beams
        jitter = rng.standard_normal((2, *self._shape), dtype=np.float32)
        seen = power * (np.float32(1.0) + np.float32(0.15) * jitter[1]) >= 1.0
        spread = np.float32(beams.range_sd_m) * np.sqrt(1.0 + 1.0 / np.maximum(power, 0.05))
        noisy = true_range + spread.astype(np.float32) * jitter[0]
        if beams.resolution_m > 0.0:
            step = np.float32(beams.resolution_m)
            noisy = np.rint(noisy / step) * step
        return noisy.astype(np.float32), seen

    def _column_offset_s(self) -> npt.NDArray[np.float32]:
        slot = np.arange(self._shape[1]) // self._columns_per_slot
        return self._slot_offset_s[np.minimum(slot, self._rays.n_slots - 1)].astype(np.float32)

    def _undistorted(
        self, capture: Capture, true_range: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.float32]:
        """Exact points in the sensor frame of the reference instant."""
        local = np.where(valid, true_range, np.float32(0.0))[..., None] * self._directions
        if self.config.sweep_s == 0.0:
            return local.astype(np.float32)
        position, rotation = capture.path.at(self._column_offset_s().astype(np.float64))
        reference = capture.world_T_sensor
        turn = np.einsum("ij,cjk->cik", reference.rotation.T, rotation).astype(np.float32)
        shift = ((position - reference.position_m) @ reference.rotation).astype(np.float32)
        moved = np.einsum("cij,bcj->bci", turn, local, optimize=True) + shift
        return np.where(valid[..., None], moved, np.float32(0.0)).astype(np.float32)


def extinction_1_m(capture: Capture) -> float:
    """Extinction of fog and rain at 905 nm, per metre.

    Fog by Koschmieder's law, 3.912 / visibility (droplets are larger than the wavelength, so it
    hardly depends on it [Kruse et al. 1962]); rain by 0.01 R^0.6 per km with R in mm/h
    [Lewandowski et al. 2009].
    """
    air = capture.surroundings
    fog = 0.0 if math.isinf(air.fog_visibility_m) else 3.912 / air.fog_visibility_m
    return float(fog + 1e-3 * 0.01 * air.rain_mm_h**0.6)


def _directions(beams: BeamTable) -> npt.NDArray[np.float32]:
    """Unit directions (beams, azimuths, 3), x forward; the sweep turns counter-clockwise."""
    elevation = np.array(beams.elevations_rad)[:, None]
    width = beams.azimuth_to_rad - beams.azimuth_from_rad
    azimuth = beams.azimuth_from_rad + width * (np.arange(beams.azimuths) + 0.5) / beams.azimuths
    x = np.cos(elevation) * np.cos(azimuth)
    y = np.cos(elevation) * np.sin(azimuth)
    z = np.broadcast_to(np.sin(elevation), x.shape)
    return np.stack([x, y, z], axis=-1).astype(np.float32)


def _tile(beams: int) -> tuple[int, int]:
    """As many beams in a tile as the table has, to the next power of two, so columns stay few."""
    rows = min(128, max(8, 2 ** math.ceil(math.log2(beams))))
    return rows, 128 // rows


def _grid(
    config: LidarConfig, directions: npt.NDArray[np.float32], tile: tuple[int, int]
) -> tuple[RayGrid, int]:
    if config.sweep_s == 0.0:
        return RayGrid(directions, tile=tile), directions.shape[1]
    tile_rows = -(-directions.shape[0] // tile[0])
    slots = -(-directions.shape[1] // tile[1])
    slot_of_tile = np.broadcast_to(np.arange(slots), (tile_rows, slots))
    return RayGrid(directions, tile=tile, slot_of_tile=slot_of_tile, n_slots=slots), tile[1]


def _schema(config: LidarConfig, shape: tuple[int, int]) -> Schema:
    reach = config.beams.range_max_m + 1.0
    far = 2.0 * reach
    fields = {
        "range_m": Field(shape=shape, dtype="float32", unit="m", frame="sensor", low=0, high=reach),
        "intensity": Field(shape=shape, dtype="float32", unit="1", low=0.0, high=1.0),
        "point_m": Field(
            shape=(*shape, 3), dtype="float32", unit="m", frame="sensor", low=-reach, high=reach,
            doc="As the moving sensor reports them: each in its own instant's frame.",
        ),
        "valid": Field(shape=shape, dtype="bool", unit="1"),
        "time_offset_s": Field(
            shape=(shape[1],), dtype="float32", unit="s", low=-10.0, high=0.0,
            doc="Time of each column relative to the reference instant.",
        ),
    }  # fmt: skip
    if config.labels:
        fields["semantic"] = Field(shape=shape, dtype="uint8", unit="id", privileged=True)
        fields["instance"] = Field(shape=shape, dtype="int32", unit="id", low=0, privileged=True)
        fields["point_true_m"] = Field(
            shape=(*shape, 3), dtype="float32", unit="m", frame="sensor", low=-far, high=far,
            doc="The same points in the frame of the reference instant, without noise.",
            privileged=True,
        )  # fmt: skip
    return Schema(fields)
