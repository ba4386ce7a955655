"""A closed road around a seeded, smooth loop: the smallest world with curves that differ.

The centre line is a circle whose radius swells and shrinks by a few harmonics, resampled to even
steps of arc length. Road coordinates are (s, t): s along the centre line in the driving direction,
t to its left, both in metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray, Pose

STEP_M = 0.5
_FINE_SAMPLES = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackConfig:
    """Shape of the loop.

    Attributes:
        radius_m: Mean radius of the loop.
        waviness: Largest swing of the radius, as a part of it.
        harmonics: How many swings there may be around the loop.
        lane_width_m: Width of each of the two lanes.
        shoulder_m: Paved strip outside of each edge line.
        min_turn_radius_m: The tightest curve; the loop is smoothed until it holds.
    """

    radius_m: float = 55.0
    waviness: float = 0.35
    harmonics: int = 5
    lane_width_m: float = 3.5
    shoulder_m: float = 0.6
    min_turn_radius_m: float = 16.0

    def __post_init__(self) -> None:
        if not self.radius_m >= 1.5 * self.min_turn_radius_m > 0.0:
            raise ConfigError(
                f"A track of radius {self.radius_m} m cannot keep curves above "
                f"{self.min_turn_radius_m} m: enlarge radius_m to 1.5 times min_turn_radius_m."
            )
        if not 0.0 <= self.waviness < 1.0:
            raise ConfigError(f"The waviness is {self.waviness}: use 0 to below 1.")
        if self.harmonics < 2:
            raise ConfigError(f"harmonics is {self.harmonics}: use 2 or more.")
        if not 2.2 <= self.lane_width_m <= 6.0:
            raise ConfigError(f"The lane is {self.lane_width_m} m wide: use 2.2 to 6 m.")
        if not 0.0 <= self.shoulder_m <= 5.0:
            raise ConfigError(f"The shoulder is {self.shoulder_m} m wide: use 0 to 5 m.")

    @property
    def half_width_m(self) -> float:
        """From the centre line to the edge of the asphalt."""
        return self.lane_width_m + self.shoulder_m


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A closed centre line, sampled evenly.

    Attributes:
        config: What it was made from.
        center_m: (n, 2), world, counter-clockwise.
        heading_rad: (n,), direction of travel.
        curvature_1_m: (n,), positive to the left.
        step_m: Arc length between samples.
    """

    config: TrackConfig
    center_m: FloatArray
    heading_rad: FloatArray
    curvature_1_m: FloatArray
    step_m: float

    @property
    def length_m(self) -> float:
        """Length of the loop."""
        return self.step_m * len(self.center_m)

    def locate(self, point_m: npt.ArrayLike) -> tuple[float, float]:
        """Road coordinates (s, t) of the nearest place on the centre line.

        Args:
            point_m: (2,) or (3,), world.
        """
        point = np.asarray(point_m, dtype=np.float64)[:2]
        nearest = int(np.argmin(((self.center_m - point) ** 2).sum(axis=1)))
        offset = point - self.center_m[nearest]
        cosine, sine = np.cos(self.heading_rad[nearest]), np.sin(self.heading_rad[nearest])
        along = float(offset[0] * cosine + offset[1] * sine)
        across = float(-offset[0] * sine + offset[1] * cosine)
        return (nearest * self.step_m + along) % self.length_m, across

    def pose(self, s_m: float, t_m: float = 0.0) -> Pose:
        """A pose on the road that looks along it (z = 0)."""
        x, y, heading = self.place(np.array([s_m]), np.array([t_m]))
        return Pose.of(float(x[0]), float(y[0]), yaw_rad=float(heading[0]))

    def place(self, s_m: FloatArray, t_m: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """World x, y (n,) metres and heading (n,) radians of road coordinates (n,)."""
        position = np.mod(s_m, self.length_m) / self.step_m
        lower = np.floor(position).astype(int) % len(self.center_m)
        upper = (lower + 1) % len(self.center_m)
        share = position - np.floor(position)
        center = self.center_m[lower] * (1 - share)[:, None] + self.center_m[upper] * share[:, None]
        turn = _wrapped(self.heading_rad[upper] - self.heading_rad[lower])
        heading = self.heading_rad[lower] + share * turn
        x = center[:, 0] - t_m * np.sin(heading)
        y = center[:, 1] + t_m * np.cos(heading)
        return x, y, heading

    def curvature_at(self, s_m: float) -> float:
        """Curvature at a place, 1/m, positive to the left."""
        return float(self.curvature_1_m[round(s_m / self.step_m) % len(self.curvature_1_m)])


def generate_track(config: TrackConfig, rng: np.random.Generator) -> Track:
    """Draws a loop. Waviness is halved until no curve is tighter than the config allows."""
    orders = np.arange(2, config.harmonics + 1)
    amplitude = rng.normal(size=len(orders)) / orders
    phase = rng.uniform(0.0, 2.0 * np.pi, size=len(orders))
    start = rng.uniform(0.0, 2.0 * np.pi)
    amplitude *= config.waviness / max(float(np.abs(amplitude).sum()), 1e-9)
    for _ in range(20):
        track = _loop(config, orders, amplitude, phase, start)
        if float(np.abs(track.curvature_1_m).max()) <= 1.0 / config.min_turn_radius_m:
            return track
        amplitude = amplitude * 0.8
    return _loop(config, orders, amplitude * 0.0, phase, start)


def ribbon(
    track: Track, t_left_m: float, t_right_m: float, z_m: float
) -> tuple[FloatArray, npt.NDArray[np.int32], FloatArray]:
    """A closed strip of the road as triangles.

    Args:
        track: The loop.
        t_left_m: Left border, t in metres.
        t_right_m: Right border, below `t_left_m`.
        z_m: Height.

    Returns:
        Vertices (2n + 2, 3), triangles (2n, 3) that face up, (s, t) of the vertices (2n + 2, 2).
    """
    count = len(track.center_m)
    s = np.arange(count + 1, dtype=np.float64) * track.step_m
    left = track.place(s, np.full(count + 1, t_left_m, dtype=np.float64))
    right = track.place(s, np.full(count + 1, t_right_m, dtype=np.float64))
    vertices = np.empty((2 * (count + 1), 3))
    vertices[0::2, 0], vertices[0::2, 1] = left[0], left[1]
    vertices[1::2, 0], vertices[1::2, 1] = right[0], right[1]
    vertices[:, 2] = z_m
    road = np.empty((2 * (count + 1), 2))
    road[0::2, 0] = road[1::2, 0] = s
    road[0::2, 1], road[1::2, 1] = t_left_m, t_right_m
    first = 2 * np.arange(count)
    lower = np.stack([first, first + 1, first + 3], axis=1)
    upper = np.stack([first, first + 3, first + 2], axis=1)
    return vertices, np.concatenate([lower, upper]).astype(np.int32), road


def _loop(
    config: TrackConfig,
    orders: npt.NDArray[np.int64],
    amplitude: FloatArray,
    phase: FloatArray,
    start: float,
) -> Track:
    angle = start + np.linspace(0.0, 2.0 * np.pi, _FINE_SAMPLES + 1)
    waves = amplitude[:, None] * np.cos(orders[:, None] * angle + phase[:, None])
    radius = config.radius_m * (1.0 + waves.sum(axis=0))
    fine = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))])
    count = round(along[-1] / STEP_M)
    step = along[-1] / count
    wanted = np.arange(count) * step
    center = np.stack([np.interp(wanted, along, fine[:, i]) for i in range(2)], axis=1)
    ahead, behind = np.roll(center, -1, axis=0), np.roll(center, 1, axis=0)
    heading = np.arctan2(*(ahead - behind).T[::-1])
    turn = _wrapped(np.roll(heading, -1) - np.roll(heading, 1))
    return Track(config, center, heading, turn / (2.0 * step), float(step))


def _wrapped(angle_rad: FloatArray) -> FloatArray:
    return np.asarray(np.arctan2(np.sin(angle_rad), np.cos(angle_rad)))
