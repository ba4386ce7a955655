"""Curves in the plane as rows of points: even resampling, headings, curvature, offsets, joints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError

Floats = npt.NDArray[np.float64]

STEP_M = 1.0
"""Longest step between samples of a lane."""

_SAME_M = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """An evenly sampled curve.

    Attributes:
        s_m: (p,) from its begin.
        xyz_m: (p, 3).
        heading_rad: (p,), continuous.
        curvature_1_m: (p,), positive to the left.
    """

    s_m: Floats
    xyz_m: Floats
    heading_rad: Floats
    curvature_1_m: Floats

    @property
    def length_m(self) -> float:
        """Length in three dimensions, along the chords of the given points."""
        return float(self.s_m[-1])


def distances(points_m: Floats) -> Floats:
    """Distance of each point (p, k) from the first one along the chords, (p,)."""
    steps = np.sqrt((np.diff(points_m, axis=0) ** 2).sum(axis=1))
    return np.concatenate([[0.0], np.cumsum(steps)])


def as_points(points_m: npt.ArrayLike) -> Floats:
    """Points (p, 2) or (p, 3) as (p, 3), without repeated ones.

    Raises:
        ConfigError: Not of that shape, not finite, or fewer than two different points.
    """
    points = np.asarray(points_m, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] not in (2, 3):
        raise ConfigError(f"A line needs points (p, 2) or (p, 3), got shape {points.shape}.")
    if not np.isfinite(points).all():
        raise ConfigError("A line holds coordinates that are not finite.")
    if points.shape[1] == 2:
        points = np.column_stack([points, np.zeros(len(points))])
    keep = np.concatenate([[True], (np.abs(np.diff(points, axis=0)) > _SAME_M).any(axis=1)])
    points = np.asarray(points[keep])
    if len(points) < 2:
        raise ConfigError("A line needs two different points at least.")
    return points


def resample(
    points_m: npt.ArrayLike,
    step_m: float = STEP_M,
    *,
    heading_rad: npt.ArrayLike | None = None,
) -> Curve:
    """Samples a line of chords evenly.

    Args:
        points_m: (p, 2) or (p, 3).
        step_m: Longest step.
        heading_rad: (p,) at the given points where it is known exactly (clothoids of a file);
            None takes it from the chords, to second order at the ends too.

    Raises:
        ConfigError: As `as_points`.
    """
    raw = np.asarray(points_m, dtype=np.float64)
    points = as_points(raw)
    along = distances(points)
    count = max(int(np.ceil(along[-1] / step_m - 1e-9)), 1) + 1
    s = np.linspace(0.0, along[-1], count)
    xyz = np.column_stack([np.interp(s, along, points[:, i]) for i in range(3)])
    if heading_rad is not None and len(points) == len(raw):
        heading = np.interp(s, along, np.unwrap(np.asarray(heading_rad, dtype=np.float64)))
    else:
        heading = headings(xyz)
    return Curve(s, xyz, heading, curvatures(s, heading))


def headings(xyz_m: Floats) -> Floats:
    """Directions of travel (p,) at evenly spaced points (p, 2) or (p, 3), continuous."""
    steps = np.diff(xyz_m[:, :2], axis=0)
    chords = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    if len(chords) == 1:
        return np.repeat(chords, 2)
    inner = 0.5 * (chords[1:] + chords[:-1])
    first = chords[0] + 0.5 * (chords[0] - chords[1])
    last = chords[-1] + 0.5 * (chords[-1] - chords[-2])
    if len(chords) == 2:
        # Two chords cannot tell a curve from a kink: the ends keep their chord.
        first, last = chords[0], chords[-1]
    return np.concatenate([[first], inner, [last]])


def curvatures(s_m: Floats, heading_rad: Floats) -> Floats:
    """Change of heading per metre, (p,)."""
    if len(s_m) < 2 or s_m[-1] <= 0.0:
        return np.zeros(len(s_m))
    return np.asarray(np.gradient(heading_rad, s_m), dtype=np.float64)


def offset(xyz_m: Floats, heading_rad: Floats, left_m: float | Floats) -> Floats:
    """Points (p, 3) moved to the left of the direction of travel by a distance, or one each."""
    moved = xyz_m.copy()
    moved[:, 0] -= np.sin(heading_rad) * left_m
    moved[:, 1] += np.cos(heading_rad) * left_m
    return moved


def joint(start_m: npt.ArrayLike, start_rad: float, end_m: npt.ArrayLike, end_rad: float) -> Floats:
    """A smooth way between two poses, for connectors through junctions.

    A cubic Bezier curve whose handles make it near to a circular arc where the poses allow one:
    for a turn by angle a over chord c, handles of c / (3 cos^2(a / 4)) [standard approximation of
    arcs by cubics]. Half turns (side by side, opposite) become half circles.

    Args:
        start_m, end_m: (2,) or (3,).
        start_rad, end_rad: Headings.

    Returns:
        (p, 3) points at most about 0.3 m apart.
    """
    start, end = (np.resize(np.asarray(p, float), 3) if len(np.atleast_1d(p)) == 3 else
                  np.array([*np.asarray(p, float), 0.0]) for p in (start_m, end_m))  # fmt: skip
    chord = float(np.hypot(*(end - start)[:2]))
    turn = float(np.arctan2(np.sin(end_rad - start_rad), np.cos(end_rad - start_rad)))
    handle = chord / 3.0 if abs(turn) < 0.001 else chord / (3.0 * np.cos(0.25 * turn) ** 2)
    one, two = (
        np.array([np.cos(start_rad), np.sin(start_rad)]),
        np.array([np.cos(end_rad), np.sin(end_rad)]),
    )
    first, second = start[:2] + handle * one, end[:2] - handle * two
    count = max(int(np.ceil(1.5 * chord / 0.3)), 8) + 1
    u = np.linspace(0.0, 1.0, count)[:, None]
    flat = (
        (1 - u) ** 3 * start[:2]
        + 3 * u * (1 - u) ** 2 * first
        + 3 * u**2 * (1 - u) * second
        + u**3 * end[:2]
    )
    return np.column_stack([flat, (start[2] + u[:, 0] * (end[2] - start[2]))])


def project(points_m: Floats, place_m: npt.ArrayLike) -> tuple[float, float]:
    """Distance along a line of points (p, 2+) to the foot of a place, and the place's distance."""
    flat, place = points_m[:, :2], np.asarray(place_m, dtype=np.float64)[:2]
    step = np.diff(flat, axis=0)
    squared = np.maximum((step**2).sum(axis=1), 1e-12)
    share = np.clip(((place - flat[:-1]) * step).sum(axis=1) / squared, 0.0, 1.0)
    foot = flat[:-1] + share[:, None] * step
    gap = np.sqrt(((foot - place) ** 2).sum(axis=1))
    best = int(np.argmin(gap))
    along = distances(points_m)
    return float(along[best] + share[best] * (along[best + 1] - along[best])), float(gap[best])


def wrap(angle_rad: npt.ArrayLike) -> Floats:
    """Angles in (-pi, pi]."""
    angle = np.asarray(angle_rad, dtype=np.float64)
    return np.asarray(np.arctan2(np.sin(angle), np.cos(angle)))
