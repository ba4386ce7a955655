"""The paved outline of a junction: mouths of its streets, and corners between them."""

from __future__ import annotations

import numpy as np

from fleetloop.envs.maps.osm.legs import Leg, Site
from fleetloop.envs.maps.polyline import Floats, distances, joint


def around(site: Site) -> list[Leg]:
    """Legs counter-clockwise around the junction, by where their streets begin."""
    places = np.array([mouth(leg, 0.0)[0][:2] for leg in site.legs])
    middle = places.mean(axis=0)
    angle = np.arctan2(*(places - middle).T[::-1])
    if len(site.legs) == 2 or float(np.hypot(*(places - middle).T).min()) < 1.0:
        angle = np.array([leg.direction_rad() for leg in site.legs])
    return [site.legs[k] for k in np.argsort(angle, kind="stable")]


def mouth(leg: Leg, left_m: float) -> tuple[Floats, float]:
    """A place (3,) where a street begins, beside the middle of its kerbs, and its heading."""
    along = distances(leg.line_m[:, :2])
    at = min(leg.cut_m, float(along[-1]))
    place = np.array([np.interp(at, along, leg.axis_m[:, k]) for k in range(3)])
    heading = float(np.interp(at, along, leg.heading_rad))
    place[:2] += left_m * np.array([-np.sin(heading), np.cos(heading)])
    return place, heading


def corner(leg: Leg, other: Leg, outside_m: float) -> Floats:
    """The kerb (n, 3) from the left side of a leg to the right side of the next one.

    Args:
        leg, other: Neighbours, counter-clockwise.
        outside_m: How far outside of the kerbs.
    """
    start, heading = mouth(leg, leg.half_m + outside_m)
    goal, onward = mouth(other, -other.half_m - outside_m)
    return joint(start, heading + np.pi, goal, onward)


def site_outline(site: Site) -> Floats:
    """The outline (p, 2), counter-clockwise; empty where corners would cross each other."""
    legs = around(site)
    if len(legs) < 2:
        return np.zeros((0, 2))
    parts = []
    for k, leg in enumerate(legs):
        other = legs[(k + 1) % len(legs)]
        parts.append(mouth(leg, -leg.half_m)[0][None])
        parts.append(corner(leg, other, 0.0)[::2])
    ring = np.concatenate(parts)[:, :2]
    gap = np.sqrt(((ring - np.roll(ring, 1, axis=0)) ** 2).sum(axis=1))
    ring = ring[gap > 0.05]
    if len(ring) < 3 or crosses_itself(ring) or _area(ring) <= 0.0:
        # The ways through it are paved all the same, and such shapes have islands between them.
        return np.zeros((0, 2))
    return np.asarray(ring)


def crosses_itself(ring_m: Floats) -> bool:
    """Whether two sides of a polygon (p, 2) cross."""
    a, b = ring_m, np.roll(ring_m, -1, axis=0)
    one = _side(a[:, None], b[:, None], a[None]) * _side(a[:, None], b[:, None], b[None])
    crossing = (one < 0.0) & (one.T < 0.0)
    return bool(crossing.any())


def _side(a: Floats, b: Floats, p: Floats) -> Floats:
    return np.asarray(
        (b[..., 0] - a[..., 0]) * (p[..., 1] - a[..., 1])
        - (b[..., 1] - a[..., 1]) * (p[..., 0] - a[..., 0])
    )


def _area(ring: Floats) -> float:
    x, y = ring.T
    return 0.5 * float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
