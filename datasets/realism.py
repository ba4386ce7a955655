"""How like a real drive a simulated one is: its sensors' statistics beside measured ones.

The real figures are percentiles of a full KITTI sweep (Velodyne HDL-64E), a full nuScenes sweep
(HDL-32E) and a comma2k19 drive (phone-class inertial unit, wheel speeds, steering angle, radar
tracks, u-blox GNSS against its fused pose). One drive and one sweep each: they give order of
magnitude and shape, so a figure agrees if it lies within a factor of two of them.

Sensors are known by what they report: two LiDARs by their 64 and 32 rows, the rest by the names of
their fields. A figure that a drive has no sensor for is left out, never guessed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.core.semantics import SemanticClass
from fleetloop.core.spec import Schema
from fleetloop.core.types import Episode, Sample

FACTOR = 2.0
"""How far from the real figures a figure that agrees may be."""

_PERCENTILES = (5, 25, 50, 75, 95, 99)
_GROUND = (
    SemanticClass.ROAD, SemanticClass.SIDEWALK, SemanticClass.TERRAIN, SemanticClass.LANE_MARK,
    SemanticClass.KERB,
)  # fmt: skip

Series = npt.NDArray[np.float64]
Figures = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Real:
    """A measured figure.

    Attributes:
        sensor: `lidar 64`, `lidar 32`, `imu`, `wheels`, `steering`, `radar` or `gnss`.
        what: Name of the figure.
        unit: Its unit.
        low, high: What was measured; a range where axes or stretches differed.
        within: Absolute distance that still agrees, for figures whose ratio says nothing
            (correlations, angles, shares near 0); None for `FACTOR`.
    """

    sensor: str
    what: str
    unit: str
    low: float
    high: float
    within: float | None = None

    def agrees(self, ours: float) -> bool:
        """Whether a figure is as real as one drive can tell."""
        if self.within is not None:
            return self.low - self.within <= ours <= self.high + self.within
        return self.low / FACTOR <= ours <= self.high * FACTOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One line of the table.

    Attributes:
        real: What was measured on the real drive.
        ours: The median over the episodes that have the figure.
        episodes: How many have it.
    """

    real: Real
    ours: float
    episodes: int

    @property
    def agrees(self) -> bool:
        """See `Real.agrees`."""
        return self.real.agrees(self.ours)


def _lidar(
    sensor: str, ranges_m: Sequence[float], more: Sequence[tuple[str, str, float, float | None]]
) -> list[Real]:
    rows = [
        Real(sensor=sensor, what=f"range, {p} %", unit="m", low=value, high=value)
        for p, value in zip(_PERCENTILES, ranges_m, strict=True)
    ]
    return rows + [
        Real(sensor=sensor, what=what, unit=unit, low=value, high=value, within=within)
        for what, unit, value, within in more
    ]


REAL: tuple[Real, ...] = (
    *_lidar(
        "lidar 64",
        (4.9, 6.7, 10.1, 15.9, 37.8, 56.6),
        (
            ("returns a sweep", "1", 124_668, None), ("furthest return", "m", 79.7, None),
            ("lowest beam", "deg", -24.3, 1.0), ("highest return", "deg", 3.1, 1.5),
            ("intensity, 50 %", "1", 0.30, None), ("intensity, 95 %", "1", 0.54, None),
            ("intensity 0", "share", 0.083, 0.083),
            ("range-intensity correlation", "1", -0.23, 0.25),
            ("on the ground", "share", 0.53, None),
        ),
    ),
    *_lidar(
        "lidar 32",
        (4.1, 5.8, 9.1, 18.7, 45.1, 70.6),
        (
            ("returns a sweep", "1", 34_688, None), ("furthest return", "m", 102.9, None),
            ("lowest beam", "deg", -30.7, 1.0), ("highest return", "deg", 10.8, 1.5),
            # Velodyne's calibrated scale: 100 of 255 is a reflectivity of one.
            ("intensity, 50 %", "1", 0.12, None), ("intensity, 75 %", "1", 0.25, None),
            ("intensity, 95 %", "1", 0.65, None), ("intensity, 99 %", "1", 1.0, None),
            ("range-intensity correlation", "1", 0.02, 0.25),
            ("on the ground", "share", 0.43, None),
        ),
    ),
    Real(sensor="imu", what="step of acceleration", unit="m/s²", low=0.00238, high=0.00238),
    Real(sensor="imu", what="step of turning", unit="rad/s", low=0.00121, high=0.00121),
    Real(sensor="imu", what="acceleration, sample to sample", unit="m/s²", low=0.2, high=0.5),
    Real(sensor="imu", what="turning, sample to sample", unit="rad/s", low=0.002, high=0.019),
    Real(sensor="imu", what="acceleration, 1-5 Hz", unit="m/s²/√Hz", low=0.07, high=0.14),
    Real(sensor="imu", what="acceleration, above 5 Hz", unit="m/s²/√Hz", low=0.03, high=0.09),
    Real(sensor="imu", what="turning, 1-5 Hz", unit="rad/s/√Hz", low=0.001, high=0.013),
    Real(sensor="imu", what="turning, above 5 Hz", unit="rad/s/√Hz", low=0.0003, high=0.003),
    Real(sensor="wheels", what="step", unit="m/s", low=0.00278, high=0.00278),
    Real(sensor="wheels", what="apart from their mean", unit="m/s", low=0.045, high=0.045),
    Real(sensor="steering", what="step", unit="deg", low=0.1, high=0.1),
    Real(sensor="radar", what="things a cycle", unit="1", low=8.8, high=8.8),
    Real(sensor="radar", what="furthest", unit="m", low=184.0, high=184.0),
    Real(sensor="gnss", what="offset, horizontal", unit="m", low=1.45, high=1.45),
    Real(sensor="gnss", what="offset, vertical", unit="m", low=1.06, high=1.06),
    Real(sensor="gnss", what="wander, horizontal", unit="m", low=0.08, high=0.27),
    Real(sensor="gnss", what="wander, vertical", unit="m", low=0.41, high=0.41),
    Real(sensor="gnss", what="correlation of neighbours", unit="1", low=0.73, high=1.0, within=0.1),
)  # fmt: skip


def compare(episodes: Iterable[Episode]) -> list[Comparison]:
    """The table: every real figure that the episodes have sensors for, in the order of `REAL`.

    Args:
        episodes: Simulated or recorded; taken one at a time.
    """
    found: dict[tuple[str, str], list[float]] = {}
    for episode in episodes:
        for name, schema in episode.schemas.items():
            sensor = kind_of(schema)
            samples = episode.samples[name]
            # One sample has neither steps nor a spectrum.
            if sensor is None or len(samples) < 2:
                continue
            for what, value in _MEASURES[sensor](samples).items():
                if math.isfinite(value):
                    found.setdefault((sensor, what), []).append(value)
    return [
        Comparison(real=real, ours=float(np.median(values)), episodes=len(values))
        for real in REAL
        if (values := found.get((real.sensor, real.what)))
    ]


def kind_of(schema: Schema) -> str | None:
    """Which of the real sensors a schema is like, None for all others."""
    points = schema.get("point_m")
    if points is not None and len(points.shape) == 3 and points.shape[0] in (32, 64):
        return f"lidar {points.shape[0]}"
    for field, sensor in _BY_FIELD.items():
        if field in schema:
            return sensor
    return None


def _stacked(samples: Sequence[Sample], field: str) -> Series:
    return np.stack([sample.data[field] for sample in samples]).astype(np.float64)


def _rate_hz(samples: Sequence[Sample]) -> float:
    times_s = np.array([sample.t_capture_ns for sample in samples]) * 1e-9
    return 1.0 / float(np.median(np.diff(times_s)))


def _step(series: Series) -> float:
    """Smallest distance between values that occur."""
    steps = np.diff(np.unique(series))
    steps = steps[steps > 1e-7]
    return float(steps.min()) if len(steps) else math.nan


def _lidar_figures(samples: Sequence[Sample]) -> Figures:
    """Percentiles over all points; counts are medians over sweeps."""
    valid = [sample.data["valid"] for sample in samples]
    range_m, intensity = (
        np.concatenate([s.data[name][v] for s, v in zip(samples, valid, strict=True)])
        for name in ("range_m", "intensity")
    )
    points = np.concatenate([s.data["point_m"][v] for s, v in zip(samples, valid, strict=True)])
    if len(range_m) < 100:
        return {}
    elevation = np.degrees(np.arcsin(points[:, 2] / range_m))
    figures = {
        "returns a sweep": float(np.median([v.sum() for v in valid])),
        "furthest return": float(range_m.max()),
        "lowest beam": float(elevation.min()),
        "highest return": float(elevation.max()),
        "intensity 0": float((intensity < 0.005).mean()),
        "range-intensity correlation": float(np.corrcoef(range_m, intensity)[0, 1]),
    }
    for p in _PERCENTILES:
        figures[f"range, {p} %"] = float(np.percentile(range_m, p))
        figures[f"intensity, {p} %"] = float(np.percentile(intensity, p))
    if "semantic" in samples[0].data:
        classes = np.concatenate(
            [s.data["semantic"][v] for s, v in zip(samples, valid, strict=True)]
        )
        figures["on the ground"] = float(np.isin(classes, _GROUND).mean())
    return figures


def _imu_figures(samples: Sequence[Sample]) -> Figures:
    """Medians over the three axes."""
    rate_hz, figures = _rate_hz(samples), {}
    for name, field in (
        ("acceleration", "specific_force_m_s2"),
        ("turning", "angular_rate_rad_s"),
    ):
        series = _stacked(samples, field)
        figures[f"step of {name}"] = _step(series[:, 0])
        noise = np.diff(series, axis=0).std(axis=0) / math.sqrt(2.0)
        figures[f"{name}, sample to sample"] = float(np.median(noise))
        for label, low_hz, high_hz in (("1-5 Hz", 1.0, 5.0), ("above 5 Hz", 5.0, math.inf)):
            densities = [band_density(axis, rate_hz, low_hz, high_hz) for axis in series.T]
            figures[f"{name}, {label}"] = float(np.median(densities))
    return figures


def band_density(series: Series, rate_hz: float, low_hz: float, high_hz: float) -> float:
    """Root of the mean one-sided power spectral density in a band, Welch with a Hann window.

    Returns:
        In units of the series per √Hz; NaN if the series is shorter than a window of 256 samples.
    """
    count = 256
    if len(series) < count:
        return math.nan
    window = np.hanning(count)
    begins = range(0, len(series) - count + 1, count // 2)
    pieces = np.stack([series[begin : begin + count] for begin in begins])
    pieces = pieces - pieces.mean(axis=1, keepdims=True)
    power = np.mean(np.abs(np.fft.rfft(window * pieces, axis=1)) ** 2, axis=0)
    power *= 2.0 / (rate_hz * np.square(window).sum())
    frequency = np.fft.rfftfreq(count, 1.0 / rate_hz)
    band = (frequency >= low_hz) & (frequency < high_hz)
    return float(np.sqrt(power[band].mean())) if band.any() else math.nan


def _wheel_figures(samples: Sequence[Sample]) -> Figures:
    speed = _stacked(samples, "speed_m_s")
    apart = speed - speed.mean(axis=1, keepdims=True)
    return {"step": _step(speed[:, 0]), "apart from their mean": float(apart.std())}


def _steering_figures(samples: Sequence[Sample]) -> Figures:
    return {"step": math.degrees(_step(_stacked(samples, "angle_rad")))}


def _radar_figures(samples: Sequence[Sample]) -> Figures:
    """Separate things, as a tracker would count them; what the radar itself lists is more."""
    things, furthest = [], 0.0
    for sample in samples:
        valid = sample.data["valid"]
        if "instance" in sample.data:
            things.append(len(np.unique(sample.data["instance"][valid])))
        furthest = max(furthest, float(sample.data["range_m"][valid].max(initial=0.0)))
    figures = {"furthest": furthest}
    if things:
        figures["things a cycle"] = float(np.mean(things))
    return figures


def _gnss_figures(samples: Sequence[Sample]) -> Figures:
    """Errors against the true place of the antenna."""
    seen = [sample for sample in samples if sample.data["valid"].all()]
    if len(seen) < 20:
        return {}
    truth = np.stack([sample.world_T_sensor.position_m for sample in seen])
    error = _stacked(seen, "position_world_m") - truth
    sideways = error[:, :2]
    neighbours = [
        float(np.corrcoef(axis[1:], axis[:-1])[0, 1]) for axis in error.T if axis.std() > 0.0
    ]
    return {
        "offset, horizontal": float(np.linalg.norm(sideways.mean(axis=0))),
        "offset, vertical": abs(float(error[:, 2].mean())),
        "wander, horizontal": float(np.median(sideways.std(axis=0))),
        "wander, vertical": float(error[:, 2].std()),
        "correlation of neighbours": float(np.median(neighbours)) if neighbours else math.nan,
    }


_BY_FIELD: Mapping[str, str] = {
    "specific_force_m_s2": "imu",
    "pulses": "wheels",
    "angle_rad": "steering",
    "radial_speed_m_s": "radar",
    "position_world_m": "gnss",
}

_MEASURES: Mapping[str, Callable[[Sequence[Sample]], Figures]] = {
    "lidar 64": _lidar_figures,
    "lidar 32": _lidar_figures,
    "imu": _imu_figures,
    "wheels": _wheel_figures,
    "steering": _steering_figures,
    "radar": _radar_figures,
    "gnss": _gnss_figures,
}
