"""The automotive radar: detections by range, azimuth and Doppler, with cross-section and noise.

Rays over the field of view find surfaces. Each scatters like a rough plate, so that its monostatic
cross-section is 4 rho cos(i)^2 times its area, rho being the material's radar reflectivity: a car's
rear gives about 10 dBsm and a pedestrian -8, as measured ones do. Power follows the radar equation,
sigma / r^4 [Skolnik 2008, "Radar handbook", 3rd ed., 1.5]. Radial speed is the surface's velocity
less the sensor's, along the ray: the Doppler effect to first order, exact for what moves rigidly.

`radar_cells` says what is told apart. A detection needs 13 dB over the noise: 0.9 of steady targets
are found at one false alarm in a million [Skolnik 2008, 7.5]. Errors shrink with the root of the
signal: resolution / (1.6 sqrt(2 SNR)) [Skolnik 2008, 7.10; Barton 1988, "Modern radar system
analysis", 8.2]. Rain costs 1.13 R^0.72 dB/km at 77 GHz [ITU-R P.838-3, interpolated].

The reported cross-section is what the radar concludes from signal and range, by the gain of its
antenna in azimuth; it cannot know a target's height or the rain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray, rotate
from fleetloop.core.spec import Field, Schema
from fleetloop.envs.sensors.base import Buffers, Capture, Modality, SensorConfig, State
from fleetloop.envs.sensors.radar_cells import Resolution, Scatterers, empty_scatterers, resolve
from fleetloop.envs.sensors.radar_ghosts import Surfaces, mirror
from fleetloop.envs.sensors.radar_kernels import scatter
from fleetloop.envs.sensors.radar_scans import RadarScan, radar_scan
from fleetloop.envs.trace.raygrid import RayGrid
from fleetloop.envs.trace.view import View

DETECTION = 10.0**1.3
"""Signal over noise that a detection needs: 13 dB."""

REFERENCE_M2 = 10.0
"""Cross-section that is just detected at the scan's `reach_10dbsm_m`."""

BLOCKED_DB = 30.0
"""What mud or ice on the radome costs under `blocked` at severity 1, there and back."""

INTERFERENCE_DB = 20.0
"""How much the noise rises under `interference` at severity 1."""

INTERFERENCE_ALARMS = 30.0
"""False detections per scan that come with it."""

_MIRRORED = 16
"""Strongest echoes that walls may mirror."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RadarConfig(SensorConfig):
    """A radar. Its own faults: `blocked`, `interference`.

    Attributes:
        scan: Resolution and reach; presets by `radar_scan("ars408_far")`. A radar with two scans
            is two of these on one mount.
        max_detections: Of one scan, strongest first; the ARS 408-21 reports up to 250 clusters.
        rcs_min_dbsm: Smaller cross-sections are not reported, however near: what keeps the road
            before the bumper out of the list (ours).
        clutter_per_scan: False detections, on average, evenly over all that is measured.
        ghosts: Whether walls mirror strong targets; see `radar_ghosts`.
        noise: False gives exact values of what passes the threshold, and no clutter.
        rate_hz: The ARS 408-21 takes 72 ms; 15 Hz is the nearest rate that divides 240.
    """

    KIND: ClassVar[str] = "radar"
    FAULTS: ClassVar[tuple[str, ...]] = ("blocked", "interference")

    scan: RadarScan = field(default_factory=lambda: radar_scan("ars408_near"))
    max_detections: int = 250
    rcs_min_dbsm: float = -25.0
    clutter_per_scan: float = 0.0
    ghosts: bool = False
    noise: bool = True
    rate_hz: float = 15.0

    def __post_init__(self) -> None:
        SensorConfig.__post_init__(self)
        if self.max_detections < 1:
            raise ConfigError(f"max_detections of radar {self.name!r} must be 1 or more.")
        if not 0.0 <= self.clutter_per_scan < math.inf:
            raise ConfigError(f"clutter_per_scan of radar {self.name!r} must be 0 or more.")


@dataclass(frozen=True, slots=True, eq=False)
class _Rays:
    """What a radar's rays are, flat: (n, 3) and (n,)."""

    direction: FloatArray
    azimuth_sine: FloatArray
    gain: FloatArray
    solid_angle: FloatArray


class Radar:
    """See the module."""

    CONFIG: ClassVar[type[SensorConfig]] = RadarConfig
    MODALITY: ClassVar[Modality] = "range"

    def __init__(self, config: RadarConfig) -> None:
        self.config = config
        self.scan_s = 0.0
        self.schema = _schema(config)
        scan = config.scan
        self._of_ray = _rays(scan)
        shape = (scan.rows, scan.columns, 3)
        self._grid = RayGrid(self._of_ray.direction.reshape(shape), depth_axis=0)
        self._resolution = Resolution(scan.range_m, scan.azimuth_sine, scan.speed_m_s)
        self._signal = DETECTION / REFERENCE_M2 * scan.reach_10dbsm_m**4

    def initial_state(self, rng: np.random.Generator) -> State:
        """A radar remembers nothing."""
        return {}

    def views(self, capture: Capture, state: State, rng: np.random.Generator) -> Sequence[View]:
        """One view of the field of view."""
        pose = capture.world_T_sensor
        wanted = {"range", "hit", "incidence", "material", "velocity", "semantic", "instance"}
        if self.config.ghosts:
            wanted.add("normal")
        return [
            View(
                rays=self._grid,
                position_m=pose.position_m,
                rotation=pose.rotation,
                outputs=frozenset(wanted),
                t_min_m=self.config.scan.range_min_m,
                t_max_m=self.config.scan.range_max_m,
            )
        ]

    def measure(
        self,
        capture: Capture,
        traced: Sequence[Buffers],
        state: State,
        rng: np.random.Generator,
    ) -> tuple[dict[str, npt.NDArray[Any]], State]:
        """Turns surfaces into detections."""
        images = {name: image.reshape(-1, *image.shape[2:]) for name, image in traced[0].items()}
        echoes = self._scatterers(capture, images)
        limit = 2 * self.config.max_detections
        found = resolve(echoes, self._resolution, self._needed, limit)
        ghost = np.zeros(len(found.snr), bool)
        if self.config.ghosts:
            images_behind = self._ghosts(capture, images, found)
            found = _joined(found, images_behind)
            ghost = np.append(ghost, np.ones(len(images_behind.snr), bool))
        if self.config.noise:
            found = self._noisy(found, rng)
            alarms = self._alarms(capture, rng)
            found = _joined(found, alarms)
            ghost = np.append(ghost, np.zeros(len(alarms.snr), bool))
        return self._reported(images, found, ghost), state

    def _needed(self, range_m: FloatArray, azimuth_sine: FloatArray) -> FloatArray:
        """Signal over noise that a detection needs: over the noise, and not too small a target."""
        smallest = 10.0 ** (self.config.rcs_min_dbsm / 10.0) * self._signal
        gain = _azimuth_gain(self.config.scan, azimuth_sine)
        return np.asarray(np.maximum(DETECTION, smallest * gain / range_m**4))

    def _scatterers(self, capture: Capture, images: Buffers) -> Scatterers:
        """Signal over noise of each ray's surface, and where it lies."""
        assert capture.scene is not None
        scan, rays = self.config.scan, self._of_ray
        radar = capture.scene.materials.column("radar").astype(np.float64)
        loss_1_m, kept = self._air(capture)
        everything = empty_scatterers(len(rays.gain))
        count = scatter(
            tuple(images[name] for name in ("hit", "range", "incidence", "velocity")),
            (rays.direction, rays.azimuth_sine, rays.gain, rays.solid_angle,
             radar[images["material"]]),
            (capture.world_T_sensor.rotation, sensor_velocity(capture)),
            (self._signal, loss_1_m, kept, scan.speed_min_m_s, scan.speed_max_m_s),
            everything,
        )  # fmt: skip
        return Scatterers._make(values[:count] for values in everything)

    def _air(self, capture: Capture) -> tuple[float, float]:
        """Loss in rain there and back, 1/m; part that a blocked radome and interference leave."""
        rain_db_km = 1.13 * capture.surroundings.rain_mm_h**0.72
        loss_db = 0.0
        for kind, cost_db in (("blocked", BLOCKED_DB), ("interference", INTERFERENCE_DB)):
            if kind in capture.faults:
                loss_db += cost_db * capture.faults[kind].severity
        return 2.0e-3 * rain_db_km * math.log(10.0) / 10.0, 10.0 ** (-loss_db / 10.0)

    def _ghosts(self, capture: Capture, images: Buffers, found: Scatterers) -> Scatterers:
        """Echoes by way of a wall."""
        assert capture.scene is not None
        scan = self.config.scan
        strong = np.argsort(-found.snr, kind="stable")[:_MIRRORED]
        middle = np.arange(scan.columns) + (scan.rows // 2) * scan.columns
        targets = self._surfaces(capture, images, found.ray[strong])
        walls = self._surfaces(capture, images, middle[images["hit"][middle]])
        seen = mirror(targets, walls, 2.0 * scan.azimuth_half_rad / scan.columns)
        of = strong[seen.target]
        range_m = np.linalg.norm(seen.point_m, axis=1)
        toward = seen.point_m / range_m[:, None]
        own = rotate(_conjugate(capture), sensor_velocity(capture))
        speed = np.sum((seen.velocity_m_s - own) * toward, axis=1)
        sine = toward[:, 1] / np.hypot(toward[:, 0], toward[:, 1])
        gain = _azimuth_gain(scan, sine) / _azimuth_gain(scan, found.azimuth_sine[of])
        snr = found.snr[of] * seen.kept * gain * (found.range_m[of] / range_m) ** 4
        ghosts = Scatterers(range_m, sine, speed, snr, found.ray[of])
        fits = (range_m <= scan.range_max_m) & (np.abs(sine) <= math.sin(scan.azimuth_half_rad))
        fits &= (speed >= scan.speed_min_m_s) & (speed <= scan.speed_max_m_s)
        return Scatterers._make(values[fits] for values in ghosts)

    def _surfaces(self, capture: Capture, images: Buffers, rays: npt.NDArray[np.int64]) -> Surfaces:
        assert capture.scene is not None
        rotation = capture.world_T_sensor.rotation
        radar = capture.scene.materials.column("radar")
        return Surfaces(
            images["range"][rays, None].astype(np.float64) * self._of_ray.direction[rays],
            images["normal"][rays].astype(np.float64) @ rotation,
            images["velocity"][rays].astype(np.float64) @ rotation,
            radar[images["material"][rays]].astype(np.float64),
            images["instance"][rays].astype(np.int64),
        )

    def _noisy(self, found: Scatterers, rng: np.random.Generator) -> Scatterers:
        """Thermal noise on the signal, and the errors that follow from it."""
        draws = rng.standard_normal((5, len(found.snr)))
        # A steady signal and complex noise of unit power.
        inphase = np.sqrt(found.snr) + math.sqrt(0.5) * draws[0]
        snr = inphase**2 + 0.5 * draws[1] ** 2
        error = 1.0 / (1.6 * np.sqrt(2.0 * np.maximum(snr, 1.0)))
        return Scatterers(
            found.range_m + self._resolution.range_m * error * draws[2],
            found.azimuth_sine + self._resolution.azimuth_sine * error * draws[3],
            found.speed_m_s + self._resolution.speed_m_s * error * draws[4],
            snr,
            found.ray,
        )

    def _alarms(self, capture: Capture, rng: np.random.Generator) -> Scatterers:
        """False detections; noise that passed what is needed exceeds it exponentially."""
        mean = self.config.clutter_per_scan
        if "interference" in capture.faults:
            mean += INTERFERENCE_ALARMS * capture.faults["interference"].severity
        count = int(rng.poisson(mean)) if mean > 0.0 else 0
        scan = self.config.scan
        widest = math.sin(scan.azimuth_half_rad)
        range_m = rng.uniform(scan.range_min_m, scan.range_max_m, count)
        azimuth_sine = rng.uniform(-widest, widest, count)
        return Scatterers(
            range_m,
            azimuth_sine,
            rng.uniform(scan.speed_min_m_s, scan.speed_max_m_s, count),
            self._needed(range_m, azimuth_sine) + rng.exponential(size=count),
            np.full(count, -1, np.int64),
        )

    def _reported(
        self, images: Buffers, found: Scatterers, ghost: npt.NDArray[np.bool_]
    ) -> dict[str, npt.NDArray[Any]]:
        """Fields of fixed size, strongest first."""
        scan, size = self.config.scan, self.config.max_detections
        fits = (found.range_m >= scan.range_min_m) & (found.range_m <= scan.range_max_m)
        nearest = np.maximum(found.range_m, scan.range_min_m)
        fits &= found.snr >= self._needed(nearest, found.azimuth_sine)
        seen = np.flatnonzero(fits)
        seen = seen[np.argsort(-found.snr[seen], kind="stable")][:size]
        range_m, snr, ray = found.range_m[seen], found.snr[seen], found.ray[seen]
        sine = np.clip(found.azimuth_sine[seen], -1.0, 1.0)
        section = snr * range_m**4 / (self._signal * _azimuth_gain(scan, sine))
        real = ray >= 0
        label = np.maximum(ray, 0)
        columns: dict[str, npt.NDArray[Any]] = {
            "range_m": range_m.astype(np.float32),
            "azimuth_rad": np.arcsin(sine).astype(np.float32),
            "radial_speed_m_s": np.clip(
                found.speed_m_s[seen], scan.speed_min_m_s, scan.speed_max_m_s
            ).astype(np.float32),
            "rcs_dbsm": (10.0 * np.log10(section)).astype(np.float32),
            "snr_db": (10.0 * np.log10(snr)).astype(np.float32),
            "valid": np.ones(len(seen), bool),
            "instance": np.where(real, images["instance"][label], np.int32(0)),
            "semantic": np.where(real, images["semantic"][label], np.uint8(0)),
            "ghost": ghost[seen],
        }
        return {name: _padded(column, size) for name, column in columns.items()}


def sensor_velocity(capture: Capture) -> FloatArray:
    """Velocity of the sensor's origin, world axes, (3,) m/s."""
    link = capture.link
    offset = link.world_T_link.transform_vectors(capture.link_T_sensor.position_m)
    return link.twist.at_offset(offset).linear_m_s


def _conjugate(capture: Capture) -> FloatArray:
    return capture.world_T_sensor.inverse().quaternion_xyzw


def _rays(scan: RadarScan) -> _Rays:
    """Rays in rows from the top, columns from right to left."""
    wide, tall = scan.azimuth_half_rad, scan.elevation_half_rad
    azimuth = wide * (2.0 * (np.arange(scan.columns) + 0.5) / scan.columns - 1.0)
    elevation = tall * (1.0 - 2.0 * (np.arange(scan.rows) + 0.5) / scan.rows)
    az, el = (grid.ravel() for grid in np.meshgrid(azimuth, elevation))
    direction = np.stack([np.cos(el) * np.cos(az), np.cos(el) * np.sin(az), np.sin(el)], axis=1)
    # The grid is float32: what is computed with these must be the same rays.
    direction = direction.astype(np.float32).astype(np.float64)
    height_gain = 10.0 ** (-scan.edge_db / 10.0 * (el / tall) ** 2)
    cell = (2.0 * wide / scan.columns) * (2.0 * tall / scan.rows)
    gain = _azimuth_gain(scan, np.sin(az)) * height_gain
    return _Rays(direction, np.sin(az), gain, cell * np.cos(el))


def _azimuth_gain(scan: RadarScan, azimuth_sine: FloatArray) -> FloatArray:
    """There and back, a Gaussian in azimuth."""
    azimuth = np.arcsin(np.clip(azimuth_sine, -1.0, 1.0))
    return np.asarray(10.0 ** (-scan.edge_db / 10.0 * (azimuth / scan.azimuth_half_rad) ** 2))


def _joined(first: Scatterers, second: Scatterers) -> Scatterers:
    return Scatterers._make(np.concatenate(pair) for pair in zip(first, second, strict=True))


def _padded(column: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    result = np.zeros(size, column.dtype)
    result[: len(column)] = column
    return result


def _schema(config: RadarConfig) -> Schema:
    scan, shape = config.scan, (config.max_detections,)
    fields = {
        "range_m": Field(
            shape=shape, dtype="float32", unit="m", frame="sensor", low=0.0, high=scan.range_max_m
        ),
        "azimuth_rad": Field(
            shape=shape, dtype="float32", unit="rad", frame="sensor", low=-math.pi / 2,
            high=math.pi / 2, doc="Left positive.",
        ),
        "radial_speed_m_s": Field(
            shape=shape, dtype="float32", unit="m/s", frame="sensor", low=scan.speed_min_m_s,
            high=scan.speed_max_m_s, doc="Relative to the moving sensor; negative approaches.",
        ),
        "rcs_dbsm": Field(
            shape=shape, dtype="float32", unit="dBsm", low=-200.0, high=200.0,
            doc="Cross-section over one square metre.",
        ),
        "snr_db": Field(shape=shape, dtype="float32", unit="dB", low=0.0, high=300.0),
        "valid": Field(
            shape=shape, dtype="bool", unit="1", doc="Detections come first, strongest first."
        ),
        "instance": Field(shape=shape, dtype="int32", unit="id", low=0, privileged=True),
        "semantic": Field(shape=shape, dtype="uint8", unit="id", privileged=True),
        "ghost": Field(
            shape=shape, dtype="bool", unit="1", doc="Mirrored by a wall.", privileged=True
        ),
    }  # fmt: skip
    return Schema(fields)
