"""Where long vehicles get into the way of others in tight turns, beyond the strip of their lane.

With axles on the line of a curve of radius r and half their distance c, the middle of a vehicle is
r - sqrt(r^2 - c^2) inside of it, and the outer corner of an overhang that ends h before the middle
is sqrt((sqrt(r^2 - c^2) + w / 2)^2 + h^2) from the middle of the curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleetloop.envs.maps.conflicts import overlap
from fleetloop.envs.maps.network import Floats, RoadNetwork
from fleetloop.envs.maps.polyline import Curve, resample

LONGEST_M = 12.0
WIDEST_M = 2.5
AXLES = 0.62
TIGHT_M = 30.0
"""In wider curves the swing is less than 0.3 m."""

_APART_M = 0.2
_STEP_M = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WideConflict:
    """One pair of ways, from the first one's side; places are on their connectors."""

    link: int
    other: int
    exit_m: float
    other_exit_m: float


def swing_m(radius_m: float) -> float:
    """How far the outer or the inner side of the longest vehicle is from the line of a curve."""
    half = 0.5 * AXLES * LONGEST_M
    radius = max(radius_m, 1.05 * half)
    middle = float(np.sqrt(radius**2 - half**2))
    outer = float(np.hypot(middle + 0.5 * WIDEST_M, 0.5 * LONGEST_M)) - radius
    return max(outer, radius - middle + 0.5 * WIDEST_M)


def wide_conflicts(network: RoadNetwork) -> list[WideConflict]:
    """Pairs of ways of a junction that only a long vehicle's turn brings together, both sides."""
    links, lanes = network.links, network.lanes
    found: list[WideConflict] = []
    for junction in range(len(network.junctions)):
        inside = np.flatnonzero((links.junction == junction) & (links.connector >= 0))
        curves = {
            int(link): resample(lanes.xyz_m[lanes.rows(int(links.connector[link]))], _STEP_M)
            for link in inside
        }
        reach = {link: _swing_of(curve) for link, curve in curves.items()}
        for one in curves:
            first, last = links.conflict_begin[one], links.conflict_begin[one + 1]
            known = set(links.conflict_link[first:last].tolist())
            for two in curves:
                apart = links.from_lane[one] != links.from_lane[two] and two not in known
                if two > one and apart:
                    found += _pair(one, two, curves, reach[one], reach[two])
    return found


def _swing_of(curve: Curve) -> float:
    """Swing on the sharpest part of a curve; 0 where it is not tight."""
    turn = np.abs(np.diff(np.unwrap(curve.heading_rad)))
    # Over the length between the axles: sharper bends than that are not followed.
    window = max(round(AXLES * LONGEST_M / _STEP_M), 1)
    total = np.convolve(turn, np.ones(min(window, len(turn))), mode="valid").max()
    radius = AXLES * LONGEST_M / max(float(total), 1e-6)
    return swing_m(radius) if radius < TIGHT_M else 0.0


def _pair(
    one: int, two: int, curves: dict[int, Curve], swing: float, other_swing: float
) -> list[WideConflict]:
    if max(swing, other_swing) == 0.0:
        return []
    # Both may be long.
    reach = max(swing, 0.5 * WIDEST_M) + max(other_swing, 0.5 * WIDEST_M) + _APART_M
    if _apart(curves[one].xyz_m, curves[two].xyz_m, reach):
        return []
    ours, theirs = (
        overlap(curves[one], curves[two], reach),
        overlap(curves[two], curves[one], reach),
    )
    if ours is None or theirs is None:
        return []
    return [
        WideConflict(link=one, other=two, exit_m=ours[1], other_exit_m=theirs[1]),
        WideConflict(link=two, other=one, exit_m=theirs[1], other_exit_m=ours[1]),
    ]


def _apart(one: Floats, two: Floats, reach_m: float) -> bool:
    """Whether the boxes around two lines are further apart than a reach."""
    low = np.maximum(one[:, :2].min(axis=0), two[:, :2].min(axis=0))
    high = np.minimum(one[:, :2].max(axis=0), two[:, :2].max(axis=0))
    return bool((low - high > reach_m).any())
