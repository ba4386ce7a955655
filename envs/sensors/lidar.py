"""The scanning LiDAR: a sweep that takes time, and what comes back from each beam.

A sweep ends at the reference instant; each group of columns is traced from where the sensor was at
its own time, with objects where they were. So `point_m`, what the moving sensor reports in its own
frame, is distorted by motion as in reality, and `point_true_m` beside it is the same point in the
frame of the reference instant: what a perfect undistortion would give.

Received power follows the LiDAR equation for extended targets, P ~ rho f(i) exp(-2 a r) / r^2
[Wagner et al. 2006, "Gaussian decomposition and calibration of a novel small-footprint
full-waveform digitising airborne laser scanner"]. Power is counted in units of the threshold of
detection, which is set so that a surface of 10 % reflectivity is just seen at the data sheet's
range. Rough surfaces answer by f(i) = cos i + B / A sin^2 i, which is Oren and Nayar's law towards
the source [Oren and Nayar 1994, "Generalization of Lambert's reflectance model"; for LiDAR: Carrea
et al. 2016], scaled to 1 for a surface that faces the beam: that is why a road is seen further than
Lambert's law would let it. Fog and rain: see `beam_weather`. Spots of finite size and several
returns: see `echoes`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.spec import Field, Schema
from fleetloop.envs.sensors.base import Buffers, Capture, Modality, SensorConfig, State
from fleetloop.envs.sensors.beam_weather import extinction_1_m, fog_echoes, rain_echoes
from fleetloop.envs.sensors.beams import BeamTable, beam_table
from fleetloop.envs.sensors.echo_kernels import Optics, Report, surface_power, write_report
from fleetloop.envs.sensors.echoes import (
    RETURN_MODES,
    Echoes,
    ReturnMode,
    choose_echoes,
    group_echoes,
    sub_rays,
)
from fleetloop.envs.trace.layout import LANES
from fleetloop.envs.trace.material import MaterialTable
from fleetloop.envs.trace.raygrid import RayGrid
from fleetloop.envs.trace.view import View

Image = npt.NDArray[np.float32]

POWER_JITTER = 0.15
"""Relative standard deviation of the received power from shot to shot (speckle)."""

FACET_SLOPE_RAD = 0.6
"""Spread of the slopes of a surface's facets at roughness 1; asphalt has 31 degrees (ours)."""

BIAS_JUMP_M = 0.30
"""What a `bias_jump` adds to all ranges at severity 1; its sign is drawn once per episode."""

_NO_SHIFT = np.zeros((1, 3), np.float32)
_NOT_WANTED: dict[str, npt.NDArray[Any]] = {
    "semantic": np.zeros(0, np.uint8),
    "instance": np.zeros(0, np.int32),
    "airborne": np.zeros(0, np.bool_),
    "point_true_m": np.zeros((0, 3), np.float32),
}


_SLOT_RAYS = 128
"""Rays of a sweep that are traced at one time, and placed shapes anew for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LidarConfig(SensorConfig):
    """A LiDAR.

    Its own faults: `dead_beams` (severity: part of the beams, rounded up), `dirty_window` (0.9 of
    the light is lost at severity 1), `bias_jump` (see `BIAS_JUMP_M`).

    Attributes:
        beams: Optics; presets by `beam_table("hdl32e")`.
        sweep_s: From the first to the last column; 0 takes all at once. Must not exceed the period.
        range_min_m: What is nearer is not reported; the table's if None. It hides what is behind.
        housing_m: Shapes nearer than this are the sensor's own housing: they are looked through.
        sub_rays: Rays that sample each beam's spot: 1, 7, 19 or 37. One is a line without width;
            costs grow with it.
        returns: Which echo of a beam is reported; `dual` adds the `second_` fields.
        noise: False gives exact ranges, and neither lost beams nor returns from fog and rain.
        labels: Whether to record the class and instance of each point, and its true place.
    """

    KIND: ClassVar[str] = "lidar"
    FAULTS: ClassVar[tuple[str, ...]] = ("dead_beams", "dirty_window", "bias_jump")

    beams: BeamTable = field(default_factory=lambda: beam_table("generic32"))
    sweep_s: float = 0.1
    range_min_m: float | None = None
    housing_m: float = 0.10
    sub_rays: int = 1
    returns: ReturnMode = "strongest"
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
        if not 0.0 <= self.nearest_m < self.beams.range_max_m:
            raise ConfigError(
                f"range_min_m of LiDAR {self.name!r} is {self.range_min_m}: use 0 to below "
                f"{self.beams.range_max_m} m."
            )
        if not 0.0 <= self.housing_m < self.beams.range_max_m:
            raise ConfigError(
                f"housing_m of LiDAR {self.name!r} is {self.housing_m}: use 0 to below "
                f"{self.beams.range_max_m} m."
            )
        if self.returns not in RETURN_MODES:
            raise ConfigError(
                f"returns of LiDAR {self.name!r} is {self.returns!r}: use one of "
                f"{', '.join(RETURN_MODES)}."
            )
        sub_rays(self.sub_rays)

    @property
    def nearest_m(self) -> float:
        """What is nearer is not reported."""
        return self.beams.range_min_m if self.range_min_m is None else self.range_min_m


class Lidar:
    """See the module."""

    CONFIG: ClassVar[type[SensorConfig]] = LidarConfig
    MODALITY: ClassVar[Modality] = "range"

    def __init__(self, config: LidarConfig) -> None:
        self.config = config
        self._shape = (len(config.beams.elevations_rad), config.beams.azimuths)
        tile = _tile(self._shape[0], config.sweep_s > 0.0)
        self._directions = beam_directions(config.beams, sweep_s=config.sweep_s)
        self._grids = tuple(
            _grid(config, beam_directions(config.beams, tuple(spot), config.sweep_s), tile)
            for spot in sub_rays(config.sub_rays)
        )
        self._columns_per_slot = _slot_columns(tile) if config.sweep_s > 0.0 else self._shape[1]
        slots = self._grids[0].n_slots
        # Slot k covers columns k*c to (k+1)*c; it is traced at the middle of its time.
        edges = np.minimum(np.arange(slots + 1) * self._columns_per_slot, config.beams.azimuths)
        middle = 0.5 * (edges[1:] + edges[:-1]) / config.beams.azimuths
        self._slot_offset_s = config.sweep_s * (middle - 1.0)
        self._slot_of_column = np.arange(self._shape[1]) // self._columns_per_slot
        self._fields = _return_fields(config, self._shape)
        self.schema = _schema(config, self._fields, self._shape[1])
        self.scan_s = config.sweep_s

    def initial_state(self, rng: np.random.Generator) -> State:
        """Which beams die first under a fault, and where a bias jumps to."""
        return {
            "dies_as": rng.permutation(self._shape[0]),
            "jump_sign": rng.choice([-1.0, 1.0], 1),
        }

    def views(self, capture: Capture, state: State, rng: np.random.Generator) -> Sequence[View]:
        """One view per sub-ray, with a pose and a time for each group of columns."""
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
                rays=rays,
                position_m=position,
                rotation=rotation,
                outputs=frozenset(wanted),
                time_offset_s=self._slot_offset_s,
                t_min_m=self.config.housing_m,
                t_max_m=self.config.beams.range_max_m,
            )
            for rays in self._grids
        ]

    def measure(
        self,
        capture: Capture,
        traced: Sequence[Buffers],
        state: State,
        rng: np.random.Generator,
    ) -> tuple[dict[str, npt.NDArray[Any]], State]:
        """Turns what the rays hit into echoes, and those that are seen into returns."""
        echoes = group_echoes(
            *self._contributions(capture, traced, rng), self.config.beams.separation_m
        )
        light, threshold = echoes.power, 0.0
        if self.config.noise:
            jitter = rng.standard_normal(light.shape, dtype=np.float32)
            light = light * (np.float32(1.0) + np.float32(POWER_JITTER) * jitter)
            threshold = 1.0
        alive = np.repeat(self._alive(capture, state), self._shape[1])
        first, second = choose_echoes(echoes.begin, light, alive, threshold, self.config.returns)
        write = partial(self._report, capture, traced, echoes, light, state, rng)
        data = write(first)
        data["time_offset_s"] = self._column_offset_s()
        if self.config.returns == "dual":
            data |= {f"second_{name}": array for name, array in write(second).items()}
        return data, state

    def _alive(self, capture: Capture, state: State) -> npt.NDArray[np.bool_]:
        """Which beams work, (beams,)."""
        fault = capture.faults.get("dead_beams")
        dead = 0 if fault is None else math.ceil(fault.severity * self._shape[0])
        return np.asarray(state["dies_as"] >= dead)

    def _contributions(
        self, capture: Capture, traced: Sequence[Buffers], rng: np.random.Generator
    ) -> tuple[Image, Image]:
        """Ranges and powers (n, rays) of sub-rays, and of fog and rain before them."""
        air, beams = capture.surroundings, self.config.beams
        ranges = [images["range"].reshape(-1) for images in traced]
        power = [self._surface_power(capture, images, 1.0 / len(traced)) for images in traced]
        if self.config.noise:
            kept = self._window(capture)
            if math.isfinite(air.fog_visibility_m):
                fog_m, fog = fog_echoes(ranges[0], air, beams, rng)
                ranges, power = [*ranges, fog_m], [*power, kept * fog]
            if air.rain_mm_h > 0.0:
                drop_m, drop = rain_echoes(ranges[0], air, beams, rng)
                ranges, power = [*ranges, drop_m], [*power, kept * drop]
        return _stacked(ranges), _stacked(power)

    def _surface_power(self, capture: Capture, images: Buffers, share: float) -> Image:
        """Power of surfaces over the threshold of detection, (rays,)."""
        assert capture.scene is not None
        power = np.empty(images["range"].size, np.float32)
        surface_power(
            *(images[name].reshape(-1) for name in ("hit", "range", "incidence", "material")),
            _surfaces(capture.scene.materials),
            np.float32(share * self._window(capture) / 0.10),
            np.float32(extinction_1_m(capture.surroundings)),
            np.float32(self.config.nearest_m),
            np.float32(self.config.beams.range_10_m),
            power,
        )
        return power

    def _window(self, capture: Capture) -> np.float32:
        """Part of the light that passes the window there and back."""
        dirty = capture.faults.get("dirty_window")
        return np.float32(1.0 if dirty is None else 1.0 - 0.9 * dirty.severity)

    def _report(
        self,
        capture: Capture,
        traced: Sequence[Buffers],
        echoes: Echoes,
        light: Image,
        state: State,
        rng: np.random.Generator,
        chosen: npt.NDArray[np.int64],
    ) -> dict[str, npt.NDArray[Any]]:
        """The fields of one return per beam."""
        noise = np.zeros(0, np.float32)
        if self.config.noise:
            noise = rng.standard_normal(chosen.shape, dtype=np.float32)
        fields = self._fields.items()
        data = {name: np.empty(field.shape, field.dtype) for name, field in fields}
        rays = len(chosen)
        flat = _NOT_WANTED | {n: array.reshape(rays, *array.shape[2:]) for n, array in data.items()}
        labels = [np.zeros((0, rays), dtype) for dtype in (np.uint8, np.int32)]
        if self.config.labels:
            labels = [
                _stacked([images[name].reshape(-1) for images in traced])
                for name in ("semantic", "instance")
            ]
        write_report(
            chosen, echoes, light, noise, self._optics(capture, state),
            self._directions.reshape(rays, 3), tuple(labels), self._motion(capture),
            Report(*(flat[name] for name in Report._fields)),
        )  # fmt: skip
        return data

    def _optics(self, capture: Capture, state: State) -> Optics:
        beams, bias_m = self.config.beams, 0.0
        jump = capture.faults.get("bias_jump")
        if jump is not None:
            bias_m = BIAS_JUMP_M * jump.severity * float(state["jump_sign"][0])
        numbers = (
            self.config.nearest_m, beams.range_max_m, beams.range_10_m, beams.range_sd_m,
            beams.resolution_m, bias_m,
        )  # fmt: skip
        return Optics(*(np.float32(number) for number in numbers))

    def _column_offset_s(self) -> Image:
        return self._slot_offset_s[self._slot_of_column].astype(np.float32)

    def _motion(self, capture: Capture) -> tuple[npt.NDArray[np.int64], Image, Image]:
        """Slots of columns; turn (slots, 3, 3) and shift (slots, 3) to the reference instant."""
        if self.config.sweep_s == 0.0:
            return self._slot_of_column, np.eye(3, dtype=np.float32)[None], _NO_SHIFT
        position, rotation = capture.path.at(self._slot_offset_s)
        reference = capture.world_T_sensor
        turn = np.matmul(reference.rotation.T, rotation).astype(np.float32)
        shift = ((position - reference.position_m) @ reference.rotation).astype(np.float32)
        return self._slot_of_column, turn, shift


def beam_directions(
    beams: BeamTable, spot: tuple[float, ...] = (0.0, 0.0), sweep_s: float = 0.0
) -> npt.NDArray[np.float32]:
    """Unit directions (beams, azimuths, 3), x forward; the sweep turns counter-clockwise.

    Args:
        beams: The table.
        spot: Place in the beam's cross-section, left and up, in the unit disc.
        sweep_s: Duration of the sweep: beams that fire later in a column point further on.
    """
    elevation = np.array(beams.elevations_rad)[:, None]
    width = beams.azimuth_to_rad - beams.azimuth_from_rad
    azimuth = beams.azimuth_from_rad + width * (np.arange(beams.azimuths) + 0.5) / beams.azimuths
    if beams.firing_s and sweep_s > 0.0:
        azimuth = azimuth + width / sweep_s * np.array(beams.firing_s)[:, None]
    azimuth = azimuth + 0.5 * beams.divergence_rad[0] * spot[0] / np.cos(elevation)
    elevation = elevation + 0.5 * beams.divergence_rad[1] * spot[1]
    x = np.cos(elevation) * np.cos(azimuth)
    y = np.cos(elevation) * np.sin(azimuth)
    z = np.broadcast_to(np.sin(elevation), x.shape)
    return np.stack([x, y, z], axis=-1).astype(np.float32)


def _stacked(rows: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """(n, rays), without a copy where there is one row."""
    return rows[0][None] if len(rows) == 1 else np.stack(rows)


def _surfaces(materials: MaterialTable) -> Image:
    """What `surface_power` reads of the materials, (materials, 2)."""
    bright = materials.column("lidar_reflectivity") * (1.0 + materials.column("retro"))
    lean = backscatter_lean(materials.column("roughness"))
    return np.stack([bright, lean], axis=1).astype(np.float32)


def backscatter_lean(roughness: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """B / A of Oren and Nayar's law, by the roughness of materials, 0 to 1."""
    square = np.square(FACET_SLOPE_RAD * np.asarray(roughness, np.float64))
    lambert = 1.0 - 0.5 * square / (square + 0.33)
    return np.asarray(0.45 * square / (square + 0.09) / lambert)


def _tile(beams: int, sweeps: bool) -> tuple[int, int]:
    """As many beams in a tile as the table has, to the next power of two, so columns stay few.

    A tile has one time: few beams that sweep leave most of theirs empty, so as not to be coarse.
    """
    fewest = 16 if sweeps else 1
    rows = min(LANES, max(fewest, 2 ** math.ceil(math.log2(beams))))
    return rows, LANES // rows


def _slot_columns(tile: tuple[int, int]) -> int:
    """Columns that share a time: of so many beams, that a slot has enough rays for its set-up."""
    return max(tile[1], _SLOT_RAYS // tile[0])


def _grid(
    config: LidarConfig, directions: npt.NDArray[np.float32], tile: tuple[int, int]
) -> RayGrid:
    if config.sweep_s == 0.0:
        return RayGrid(directions, tile=tile, depth_axis=0)
    tile_rows = -(-directions.shape[0] // tile[0])
    columns = -(-directions.shape[1] // tile[1])
    slot = np.arange(columns) * tile[1] // _slot_columns(tile)
    slot_of_tile, slots = np.broadcast_to(slot, (tile_rows, columns)), int(slot[-1]) + 1
    return RayGrid(directions, tile=tile, slot_of_tile=slot_of_tile, n_slots=slots, depth_axis=0)


def _schema(config: LidarConfig, one_return: Mapping[str, Field], columns: int) -> Schema:
    fields = dict(one_return)
    fields["time_offset_s"] = Field(
        shape=(columns,), dtype="float32", unit="s", low=-10.0, high=0.0,
        doc="Time of each column relative to the reference instant; see `BeamTable.firing_s`.",
    )  # fmt: skip
    if config.returns == "dual":
        fields |= {f"second_{name}": entry for name, entry in one_return.items()}
    return Schema(fields)


def _return_fields(config: LidarConfig, shape: tuple[int, int]) -> dict[str, Field]:
    reach = config.beams.range_max_m + 1.0
    far = 2.0 * reach
    fields = {
        "range_m": Field(shape=shape, dtype="float32", unit="m", frame="sensor", low=0, high=reach),
        "intensity": Field(
            shape=shape, dtype="float32", unit="1", low=0.0, high=1.0,
            doc="Reflectivity of a surface that faces the beam in clear air; retro is cut at 1.",
        ),
        "point_m": Field(
            shape=(*shape, 3), dtype="float32", unit="m", frame="sensor", low=-reach, high=reach,
            doc="As the moving sensor reports them: each in its own instant's frame.",
        ),
        "valid": Field(shape=shape, dtype="bool", unit="1"),
    }  # fmt: skip
    if config.labels:
        fields["semantic"] = Field(shape=shape, dtype="uint8", unit="id", privileged=True)
        fields["instance"] = Field(shape=shape, dtype="int32", unit="id", low=0, privileged=True)
        fields["airborne"] = Field(
            shape=shape, dtype="bool", unit="1", doc="Returned by fog or rain.", privileged=True
        )
        fields["point_true_m"] = Field(
            shape=(*shape, 3), dtype="float32", unit="m", frame="sensor", low=-far, high=far,
            doc="The same points in the frame of the reference instant, without noise.",
            privileged=True,
        )  # fmt: skip
    return fields
