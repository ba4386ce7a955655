"""The ultrasonic distance sensor: a cone of sound, and the first echo that is loud enough.

The cone is sampled by rays of known solid angle. Each brings back energy by the piston's beam
pattern, the surface's absorption, its slope, spreading and absorption in air. What arrives within
one pulse length adds up; the range is where that sum first passes the threshold.

Surfaces are mirrors to sound of 7 mm wavelength but for their roughness: facets whose slopes are
distributed as a Gaussian (rms `FACET_SLOPE`) answer where they face the sensor [Beckmann and
Spizzichino 1963, "The scattering of electromagnetic waves from rough surfaces"], and a share of
`DIFFUSE_SHARE` goes in all directions. So a slanted wall is quiet and a pole is weak at every
angle, as parkers know.

The threshold is set so that a large hard wall that faces the sensor is just heard at `wall_m`, in
air of 20 degrees Celsius. Nothing is heard below `range_min_m`, while the membrane still rings.

Cross-talk is that of neighbours which ping at their own time: their sound reaches us from the same
surfaces on the way emitter - surface - sensor. Way and slopes are exact; whether something stands
between the neighbour and the surface is not traced.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_not_negative, check_positive, check_share
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray, Pose
from fleetloop.core.spec import Field, Schema
from fleetloop.envs.sensors.base import Buffers, Capture, Modality, SensorConfig, State
from fleetloop.envs.sensors.sound import absorption_db_m, speed_of_sound_m_s
from fleetloop.envs.trace.raygrid import RayGrid
from fleetloop.envs.trace.view import View

FACET_SLOPE = 0.35
"""Tangent of the facets' slopes, rms times the root of 2: walls of brick, bumpers, bark (ours)."""

DIFFUSE_SHARE = 0.05
"""Part of the energy that edges and grains send everywhere (ours)."""

BLOCKED_DB = 40.0
"""What mud or ice on the membrane costs under `blocked_membrane` at severity 1."""

BIAS_JUMP_M = 0.15
"""What a `bias_jump` adds at severity 1; its sign is drawn once per episode."""

_COLUMNS, _ROWS = 256, 32


@dataclass(frozen=True, slots=True, kw_only=True)
class UltrasonicConfig(SensorConfig):
    """An ultrasonic sensor; the default is a car's parking sensor.

    Figures follow the product data of Bosch's ultrasonic sensor, sixth generation: 0.15 to 5.5 m,
    field of view +-70 x +-35 degrees at 35 dB loss, around 50 kHz. Its own faults:
    `blocked_membrane` and `bias_jump`.

    Attributes:
        range_min_m, range_max_m: Ringing ends, listening ends.
        wall_m: Where a large hard wall is just heard; see the module.
        half_angles_rad: Half the field of view, horizontal and vertical.
        edge_loss_db: How much weaker an echo from the edges of the field of view is.
        frequency_hz: Of the sound.
        cycles: Length of a ping.
        resolution_m: Step of the reported range.
        range_sd_m: Noise (1 sigma) of a loud echo.
        level_sd_db: Noise of an echo's level.
        assumed_temperature_c: What the sensor takes the air's temperature for; None for the truth
            (the car's thermometer).
        humidity: Of the air, 0 to 1.
        neighbours: Mounts, on the same link, of other sensors that ping at their own times.
        crosstalk_probability: That a given neighbour's ping falls somewhere into a capture.
        noise: False gives exact levels and ranges.
    """

    KIND: ClassVar[str] = "ultrasonic"
    FAULTS: ClassVar[tuple[str, ...]] = ("blocked_membrane", "bias_jump")

    range_min_m: float = 0.15
    range_max_m: float = 5.5
    wall_m: float = 8.0
    half_angles_rad: tuple[float, float] = (math.radians(70.0), math.radians(35.0))
    edge_loss_db: float = 35.0
    frequency_hz: float = 48_000.0
    cycles: int = 16
    resolution_m: float = 0.01
    range_sd_m: float = 0.005
    level_sd_db: float = 1.0
    assumed_temperature_c: float | None = None
    humidity: float = 0.5
    neighbours: tuple[Pose, ...] = ()
    crosstalk_probability: float = 0.0
    noise: bool = True
    rate_hz: float = 20.0

    def __post_init__(self) -> None:
        SensorConfig.__post_init__(self)
        where = f"of ultrasonic sensor {self.name!r}"
        if not 0.0 <= self.range_min_m < self.range_max_m:
            raise ConfigError(
                f"range_min_m {self.range_min_m} and range_max_m {self.range_max_m} {where}: use "
                "0 or more, growing."
            )
        if not all(0.0 < angle < math.pi / 2 for angle in self.half_angles_rad):
            raise ConfigError(f"half_angles_rad {where}: use angles above 0 and below a quarter.")
        check_positive(
            self, where, "wall_m", "edge_loss_db", "frequency_hz", "cycles", infinite=True
        )
        check_not_negative(self, where, "resolution_m", "range_sd_m", "level_sd_db", infinite=True)
        check_share(self, where, "humidity", "crosstalk_probability")


class Arrivals(NamedTuple):
    """Sound that comes back, in any order: when (as a range), how much, from which ray."""

    range_m: FloatArray
    energy: FloatArray
    ray: npt.NDArray[np.int64]
    foreign: npt.NDArray[np.bool_]  # from a neighbour's ping


class Ultrasonic:
    """See the module."""

    CONFIG: ClassVar[type[SensorConfig]] = UltrasonicConfig
    MODALITY: ClassVar[Modality] = "range"

    def __init__(self, config: UltrasonicConfig) -> None:
        self.config = config
        self.scan_s = 0.0
        self.schema = _schema(config)
        self._directions, self._solid_angle = _cone(config.half_angles_rad)
        self._rays = RayGrid(self._directions.reshape(_ROWS, _COLUMNS, 3), depth_axis=0)
        self._gain = _one_way_gain(self._directions.astype(np.float64), config)
        self._pulse_m = 0.5 * config.cycles / config.frequency_hz * speed_of_sound_m_s(20.0)
        self._threshold = _wall_energy(config, self._pulse_m)

    def initial_state(self, rng: np.random.Generator) -> State:
        """Where a bias jumps to."""
        return {"jump_sign": rng.choice([-1.0, 1.0], 1)}

    def views(self, capture: Capture, state: State, rng: np.random.Generator) -> Sequence[View]:
        """One view of the cone."""
        pose = capture.world_T_sensor
        wanted = {"range", "hit", "incidence", "material", "semantic", "instance"}
        if self._hears_neighbours:
            wanted.add("normal")
        return [
            View(
                rays=self._rays,
                position_m=pose.position_m,
                rotation=pose.rotation,
                outputs=frozenset(wanted),
                t_min_m=0.0,
                t_max_m=self.config.range_max_m,
            )
        ]

    def measure(
        self,
        capture: Capture,
        traced: Sequence[Buffers],
        state: State,
        rng: np.random.Generator,
    ) -> tuple[dict[str, npt.NDArray[Any]], State]:
        """The first echo over the threshold."""
        images = {name: image.reshape(-1, *image.shape[2:]) for name, image in traced[0].items()}
        arrivals = self._arrivals(capture, images, rng)
        loss_db = 0.0
        if "blocked_membrane" in capture.faults:
            loss_db = BLOCKED_DB * capture.faults["blocked_membrane"].severity
        if self.config.noise:
            loss_db += self.config.level_sd_db * rng.standard_normal()
        ringing = arrivals.range_m < self.config.range_min_m
        scale = 10.0 ** (-loss_db / 10.0) / self._threshold
        level = np.where(ringing, 0.0, arrivals.energy * scale)
        sorted_m, sums = pulse_sums(arrivals.range_m, level, self._pulse_m)
        loud = np.flatnonzero(sums >= 1.0)
        reported, valid, heard_m, strength = 0.0, False, 0.0, 1.0
        if len(loud):
            heard_m = float(sorted_m[loud[0]])
            until = np.searchsorted(sorted_m, heard_m + self._pulse_m)
            strength = float(sums[loud[0] : max(int(until), int(loud[0]) + 1)].max())
            reported = self._reported(capture, heard_m, strength, rng)
            jump = capture.faults.get("bias_jump")
            if jump is not None:
                reported += BIAS_JUMP_M * jump.severity * float(state["jump_sign"][0])
            valid = self.config.range_min_m <= reported <= self.config.range_max_m
        data: dict[str, npt.NDArray[Any]] = {
            "range_m": np.array(reported if valid else 0.0, np.float32),
            "strength_db": np.array(10.0 * math.log10(strength) if valid else 0.0, np.float32),
            "valid": np.array(valid),
        }
        return data | self._labels(images, arrivals, level, heard_m, valid), state

    @property
    def _hears_neighbours(self) -> bool:
        return bool(self.config.neighbours) and self.config.crosstalk_probability > 0.0

    def _arrivals(self, capture: Capture, images: Buffers, rng: np.random.Generator) -> Arrivals:
        """Own and foreign sound from all rays that hit something."""
        assert capture.scene is not None
        hit = np.flatnonzero(images["hit"])
        range_m = np.maximum(images["range"][hit].astype(np.float64), 1e-3)
        absorbed = capture.scene.materials.column("sound_absorption")[images["material"][hit]]
        kept = self._solid_angle[hit] * (1.0 - absorbed.astype(np.float64)) * self._gain[hit]
        air = self._air_loss_1_m(capture)
        facing = images["incidence"][hit].astype(np.float64)
        own = kept * self._gain[hit] * answer(facing) * np.exp(-2.0 * air * range_m) / range_m**2
        result = Arrivals(range_m, own, hit, np.zeros(len(hit), bool))
        if not self._hears_neighbours:
            return result
        points = range_m[:, None] * self._directions[hit].astype(np.float64)
        normals = images["normal"][hit].astype(np.float64) @ capture.world_T_sensor.rotation
        for mount in self.config.neighbours:
            # Drawn for every neighbour, so that one never shifts another's numbers.
            chance, when = rng.random(2)
            if chance >= self.config.crosstalk_probability:
                continue
            delay_m = (2.0 * when - 1.0) * self.config.range_max_m
            from_emitter = self.config.link_T_sensor.inverse() @ mount
            way, energy = self._foreign(points, range_m, normals, from_emitter, kept, air)
            heard = Arrivals(way + delay_m, energy, hit, np.ones(len(hit), bool))
            late = heard.range_m > 0.0
            result = Arrivals(
                *(np.concatenate([a, b[late]]) for a, b in zip(result, heard, strict=True))
            )
        return result

    def _foreign(
        self,
        points: FloatArray,
        range_m: FloatArray,
        normals: FloatArray,
        sensor_T_emitter: Pose,
        kept: FloatArray,
        air: float,
    ) -> tuple[FloatArray, FloatArray]:
        """Half the way and the energy of a neighbour's sound by each point, (n,)."""
        emitter_T_sensor = sensor_T_emitter.inverse()
        seen = emitter_T_sensor.transform_points(points)
        away_m = np.maximum(np.linalg.norm(seen, axis=1), 1e-3)
        gain = _one_way_gain(seen / away_m[:, None], self.config)
        back = -points / range_m[:, None]
        back = back + (sensor_T_emitter.position_m - points) / away_m[:, None]
        length = np.linalg.norm(back, axis=1)
        facing = np.abs(np.sum(back * normals, axis=1)) / np.maximum(length, 1e-9)
        faded = np.exp(-air * (range_m + away_m)) / away_m**2
        return 0.5 * (range_m + away_m), kept * gain * answer(facing) * faded

    def _air_loss_1_m(self, capture: Capture) -> float:
        air = capture.surroundings
        loss_db_m = absorption_db_m(
            self.config.frequency_hz, air.temperature_c, self.config.humidity, air.pressure_pa
        )
        return loss_db_m * math.log(10.0) / 10.0

    def _reported(
        self, capture: Capture, true_m: float, level: float, rng: np.random.Generator
    ) -> float:
        """Half the time of flight times the speed of sound that the sensor believes in."""
        config, truth_c = self.config, capture.surroundings.temperature_c
        believed_c = (
            truth_c if config.assumed_temperature_c is None else (config.assumed_temperature_c)
        )
        reported = float(true_m) * speed_of_sound_m_s(believed_c) / speed_of_sound_m_s(truth_c)
        if config.noise:
            spread = config.range_sd_m * math.sqrt(1.0 + 1.0 / level)
            reported += spread * rng.standard_normal()
        if config.resolution_m > 0.0:
            reported = round(reported / config.resolution_m) * config.resolution_m
        return reported

    def _labels(
        self,
        images: Buffers,
        arrivals: Arrivals,
        level: FloatArray,
        heard_m: float,
        valid: bool,
    ) -> dict[str, npt.NDArray[Any]]:
        """What gave most of the echo."""
        instance, semantic, foreign = 0, 0, False
        if valid:
            since = arrivals.range_m - heard_m
            part = (since <= 0.0) & (since > -self._pulse_m)
            best = int(np.argmax(np.where(part, level, -1.0)))
            ray, foreign = arrivals.ray[best], bool(arrivals.foreign[best])
            instance, semantic = int(images["instance"][ray]), int(images["semantic"][ray])
        return {
            "instance": np.array(instance, np.int32),
            "semantic": np.array(semantic, np.uint8),
            "crosstalk": np.array(foreign),
        }


def answer(facing: npt.NDArray[Any]) -> FloatArray:
    """Energy per solid angle that a hard surface sends back, by the cosine of incidence."""
    cosine = np.maximum(np.asarray(facing, np.float64), 1e-3)
    square = cosine * cosine
    tangent = (1.0 - np.minimum(square, 1.0)) / square
    width = FACET_SLOPE * FACET_SLOPE
    facets = np.exp(-tangent / width) / (math.pi * width * square * square)
    return np.asarray((1.0 - DIFFUSE_SHARE) * facets + DIFFUSE_SHARE * cosine / math.pi)


def pulse_sums(
    range_m: FloatArray, level: FloatArray, pulse_m: float
) -> tuple[FloatArray, FloatArray]:
    """Sound that adds up within one pulse length before each arrival.

    Returns:
        Ranges from near to far (n,), and the sum at each of them.
    """
    order = np.argsort(range_m, kind="stable")
    sorted_m = range_m[order]
    total = np.concatenate([[0.0], np.cumsum(level[order])])
    begin = np.searchsorted(sorted_m, sorted_m - pulse_m, side="right")
    return sorted_m, total[1:] - total[begin]


def _cone(half_angles_rad: tuple[float, float]) -> tuple[npt.NDArray[np.float32], FloatArray]:
    """Unit directions (rays, 3) and solid angles (rays,), row by row from the top."""
    wide, tall = half_angles_rad
    azimuth = wide * (2.0 * (np.arange(_COLUMNS) + 0.5) / _COLUMNS - 1.0)
    elevation = tall * (1.0 - 2.0 * (np.arange(_ROWS) + 0.5) / _ROWS)
    az, el = (grid.ravel() for grid in np.meshgrid(azimuth, elevation))
    directions = np.stack([np.cos(el) * np.cos(az), np.cos(el) * np.sin(az), np.sin(el)], axis=1)
    cell = (2.0 * wide / _COLUMNS) * (2.0 * tall / _ROWS)
    return directions.astype(np.float32), cell * np.cos(el)


def _one_way_gain(directions: FloatArray, config: UltrasonicConfig) -> FloatArray:
    """Gaussian beam pattern of sending or hearing, unit directions (n, 3); 0 backwards."""
    x, y, z = directions[:, 0], directions[:, 1], directions[:, 2]
    azimuth, elevation = np.arctan2(y, x), np.arcsin(np.clip(z, -1.0, 1.0))
    wide, tall = config.half_angles_rad
    loss_db = 0.5 * config.edge_loss_db * ((azimuth / wide) ** 2 + (elevation / tall) ** 2)
    return np.asarray(np.where(x > 0.0, 10.0 ** (-loss_db / 10.0), 0.0))


def _wall_energy(config: UltrasonicConfig, pulse_m: float) -> float:
    """Energy from a large hard wall at `wall_m`, within one pulse length, 20 degrees Celsius."""
    # Rays of an own, fine grid: only those within a pulse length of the nearest count.
    widest = math.acos(config.wall_m / (config.wall_m + pulse_m))
    angle = (np.arange(400) + 0.5) / 400.0 * widest
    turn = (np.arange(64) + 0.5) / 64.0 * 2.0 * math.pi
    angle, turn = (grid.ravel() for grid in np.meshgrid(angle, turn))
    directions = np.stack(
        [np.cos(angle), np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn)], axis=1
    )
    gain = _one_way_gain(directions, config) ** 2
    solid_angle = np.sin(angle) * (widest / 400.0) * (2.0 * math.pi / 64.0)
    range_m = config.wall_m / np.cos(angle)
    loss_1_m = absorption_db_m(config.frequency_hz, 20.0, 0.5) * math.log(10.0) / 10.0
    faded = np.exp(-2.0 * loss_1_m * range_m) / range_m**2
    return float(np.sum(solid_angle * gain * answer(np.cos(angle)) * faded))


def _schema(config: UltrasonicConfig) -> Schema:
    return Schema(
        {
            "range_m": Field(
                shape=(), dtype="float32", unit="m", frame="sensor", low=0.0,
                high=config.range_max_m, doc="Of the first echo that is loud enough.",
            ),
            "strength_db": Field(
                shape=(), dtype="float32", unit="dB", low=-1.0, high=300.0,
                doc="Of that echo over the threshold.",
            ),
            "valid": Field(shape=(), dtype="bool", unit="1", doc="Whether there is an echo."),
            "instance": Field(shape=(), dtype="int32", unit="id", low=0, privileged=True),
            "semantic": Field(shape=(), dtype="uint8", unit="id", privileged=True),
            "crosstalk": Field(
                shape=(), dtype="bool", unit="1", doc="The echo of a neighbour's ping.",
                privileged=True,
            ),
        }
    )  # fmt: skip
