"""The reference line of an OpenDRIVE road: lines, arcs, spirals, cubics, in arc length.

Formulas: ASAM OpenDRIVE 1.8, chapter 9 (geometries). A spiral's curvature changes evenly with arc
length, so its heading is a quadratic and its position the integral of the unit vector along it
(Fresnel integrals), which Gauss-Legendre quadrature gives to rounding error. The cubics are given
over a parameter that is not arc length; they are tabled finely and inverted by interpolation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import FloatArray

Kind = Literal["line", "arc", "spiral", "poly3", "paramPoly3"]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_TURN_PER_PANEL_RAD = 0.5
_CUBIC_STEP_M = 0.05
_BATCH = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """One piece of a reference line.

    Attributes:
        kind: Which curve.
        s_m: Where it starts along the road.
        x_m, y_m, heading_rad: Pose of its start.
        length_m: Arc length.
        curvature_1_m: At its start and end; equal for an arc, zeros for a line.
        u, v: Cubic coefficients a, b, c, d of the local coordinates over the parameter p; for
            `poly3` u is p itself.
        normalised: Whether p runs from 0 to 1 instead of over the length in metres.
    """

    kind: Kind
    s_m: float
    x_m: float
    y_m: float
    heading_rad: float
    length_m: float
    curvature_1_m: tuple[float, float] = (0.0, 0.0)
    u: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 0.0)
    v: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    normalised: bool = False


class Places(NamedTuple):
    """Points of a reference line, (n,) each."""

    x_m: FloatArray
    y_m: FloatArray
    heading_rad: FloatArray
    curvature_1_m: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class PlanView:
    """A whole reference line.

    Attributes:
        pieces: By rising start.
    """

    pieces: tuple[Geometry, ...]

    @classmethod
    def of(cls, pieces: Sequence[Geometry]) -> PlanView:
        """Sorts the pieces."""
        return cls(tuple(sorted(pieces, key=lambda piece: piece.s_m)))

    @property
    def length_m(self) -> float:
        """Arc length at the end of the last piece."""
        return self.pieces[-1].s_m + self.pieces[-1].length_m

    def at(self, s_m: npt.ArrayLike) -> Places:
        """Points at arc lengths (n,); the ends are extended by their piece's own curve."""
        s = np.atleast_1d(np.asarray(s_m, dtype=np.float64))
        starts = np.array([piece.s_m for piece in self.pieces])
        which = np.maximum(np.searchsorted(starts, s, side="right") - 1, 0)
        out = Places(*(np.empty(len(s)) for _ in range(4)))
        for number in np.unique(which):
            mine = which == number
            piece = self.pieces[number]
            found = _evaluate(piece, s[mine] - piece.s_m)
            for target, values in zip(out, found, strict=True):
                target[mine] = values
        return out

    def largest_gap(self) -> tuple[float, float]:
        """Largest step in position (m) and heading (rad) where one piece ends and the next begins.

        A road that is drawn well has none; what it has tells how far to trust the file.
        """
        gap_m = turn_rad = 0.0
        for piece, following in zip(self.pieces, self.pieces[1:], strict=False):
            end = _evaluate(piece, np.array([piece.length_m]))
            gap_m = max(gap_m, math.hypot(end.x_m[0] - following.x_m, end.y_m[0] - following.y_m))
            turn = end.heading_rad[0] - following.heading_rad
            turn_rad = max(turn_rad, abs(math.atan2(math.sin(turn), math.cos(turn))))
        return gap_m, turn_rad


def _evaluate(piece: Geometry, ds: FloatArray) -> Places:
    """Points of one piece in the world."""
    if piece.kind in ("line", "arc", "spiral"):
        u, v, turn, curvature = _constant_rate(piece, ds)
    else:
        u, v, turn, curvature = _cubic(piece, ds)
    cosine, sine = math.cos(piece.heading_rad), math.sin(piece.heading_rad)
    return Places(
        piece.x_m + cosine * u - sine * v,
        piece.y_m + sine * u + cosine * v,
        piece.heading_rad + turn,
        curvature,
    )


def _constant_rate(
    piece: Geometry, ds: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Local u, v, heading and curvature where curvature is linear in arc length."""
    begin, end = piece.curvature_1_m
    rate = (end - begin) / piece.length_m if piece.length_m > 0.0 else 0.0
    turn = ds * (begin + 0.5 * rate * ds)
    curvature = begin + rate * ds
    if begin == 0.0 and rate == 0.0:
        return ds, np.zeros_like(ds), turn, curvature
    if rate == 0.0:
        return np.sin(turn) / begin, (1.0 - np.cos(turn)) / begin, turn, curvature
    # Panels so short that the integrand turns little in each: then 16 nodes are exact.
    reach = float(np.abs(ds).max(initial=0.0))
    turned = reach * (abs(begin) + abs(rate) * reach)
    panels = max(1, math.ceil(turned / _TURN_PER_PANEL_RAD))
    edges = np.linspace(0.0, 1.0, panels + 1)
    half = 0.5 / panels
    share = (0.5 * (edges[:-1] + edges[1:])[:, None] + half * _NODES).ravel()
    weight = np.tile(half * _WEIGHTS, panels)
    u, v = np.empty_like(ds), np.empty_like(ds)
    for first in range(0, len(ds), _BATCH):
        part = ds[first : first + _BATCH]
        at = part[:, None] * share
        angle = at * (begin + 0.5 * rate * at)
        u[first : first + _BATCH] = part * (np.cos(angle) @ weight)
        v[first : first + _BATCH] = part * (np.sin(angle) @ weight)
    return u, v, turn, curvature


def _cubic(
    piece: Geometry, ds: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """The same for `poly3` and `paramPoly3`."""
    p = _parameter(piece, ds)
    u, du, ddu = _polynomial(piece.u, p)
    v, dv, ddv = _polynomial(piece.v, p)
    speed = np.maximum(np.hypot(du, dv), 1e-12)
    return u, v, np.arctan2(dv, du), (du * ddv - dv * ddu) / speed**3


def _parameter(piece: Geometry, ds: FloatArray) -> FloatArray:
    """The cubics' parameter at arc lengths from the start of the piece.

    The length that a file states rarely equals the curve's own exactly: arc length is scaled so
    that the piece ends where its parameter does, as all writers mean it.
    """
    last = 1.0 if piece.normalised else piece.length_m
    if piece.kind == "poly3":
        last = _poly3_end(piece)
    count = max(8, math.ceil(piece.length_m / _CUBIC_STEP_M)) + 1
    grid = np.linspace(0.0, last, count)
    middle = 0.5 * (grid[1:] + grid[:-1])
    step = last / (count - 1)
    _, du, _ = _polynomial(piece.u, grid)
    _, dv, _ = _polynomial(piece.v, grid)
    _, du_middle, _ = _polynomial(piece.u, middle)
    _, dv_middle, _ = _polynomial(piece.v, middle)
    speed, speed_middle = np.hypot(du, dv), np.hypot(du_middle, dv_middle)
    panels = step / 6.0 * (speed[:-1] + 4.0 * speed_middle + speed[1:])
    along = np.concatenate([[0.0], np.cumsum(panels)])
    scaled = ds * (along[-1] / piece.length_m) if piece.length_m > 0.0 else ds
    inside = np.interp(scaled, along, grid)
    beyond = np.maximum(scaled - along[-1], 0.0) / max(speed[-1], 1e-12)
    before = np.minimum(scaled, 0.0) / max(speed[0], 1e-12)
    return np.asarray(inside + beyond + before)


def _poly3_end(piece: Geometry) -> float:
    """Local u at which a `poly3` has its stated arc length, by bisection."""
    low, high = 0.0, piece.length_m
    nodes = 0.5 * (_NODES + 1.0)
    for _ in range(60):
        middle = 0.5 * (low + high)
        _, slope, _ = _polynomial(piece.v, middle * nodes)
        length = 0.5 * middle * float(np.sqrt(1.0 + slope**2) @ _WEIGHTS)
        low, high = (middle, high) if length < piece.length_m else (low, middle)
    return high


def _polynomial(
    k: tuple[float, float, float, float], p: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Value, slope and second derivative of a cubic."""
    a, b, c, d = k
    value = a + p * (b + p * (c + p * d))
    return value, b + p * (2.0 * c + 3.0 * p * d), 2.0 * c + 6.0 * d * p
