"""Checks of traffic from outside, in plain NumPy: who overlaps whom, who is in whose way."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.traffic.traffic import Traffic
from fleetloop.envs.traffic.walkers import BODY_M

Floats = npt.NDArray[np.float64]

LEVEL_M = 2.0
"""What is further apart in height does not touch."""


def rectangles(poses: Floats, length_m: Floats, width_m: Floats) -> Floats:
    """Corners (n, 4, 2) of rectangles around poses (n, 4)."""
    cosine, sine = np.cos(poses[:, 3]), np.sin(poses[:, 3])
    ahead = 0.5 * length_m[:, None] * np.stack([cosine, sine], axis=1)
    aside = 0.5 * width_m[:, None] * np.stack([-sine, cosine], axis=1)
    middle = poses[:, :2]
    corners = [middle + p * ahead + q * aside for p, q in ((1, 1), (1, -1), (-1, -1), (-1, 1))]
    return np.stack(corners, axis=1)


def are_apart(one: Floats, two: Floats) -> npt.NDArray[np.bool_]:
    """Whether rectangles (n, 4, 2) are apart from others, (n,): a side of one separates them."""
    apart = np.zeros(len(one), dtype=bool)
    for box in (one, two):
        for side in (box[:, 0] - box[:, 1], box[:, 1] - box[:, 2]):
            a, b = np.einsum("nij,nj->ni", one, side), np.einsum("nij,nj->ni", two, side)
            apart |= (a.max(axis=1) < b.min(axis=1)) | (b.max(axis=1) < a.min(axis=1))
    return apart


def overlapping_vehicles(traffic: Traffic, slack_m: float = 0.1) -> list[tuple[int, int]]:
    """Pairs of vehicles whose rectangles, less a slack, overlap.

    Parked cars count as rows after those of the vehicles.
    """
    poses, present, size = _vehicles_and_parked(traffic)
    here = np.flatnonzero(present)
    length, width = size[:, 0] - slack_m, size[:, 1] - slack_m
    away = poses[here, None, :2] - poses[None, here, :2]
    reach = 0.5 * np.hypot(length[here], width[here])
    near = np.hypot(away[..., 0], away[..., 1]) < reach[:, None] + reach[None, :]
    near &= np.abs(poses[here, None, 2] - poses[None, here, 2]) < LEVEL_M
    first, second = (here[rows] for rows in np.nonzero(np.triu(near, 1)))
    if len(first) == 0:
        return []
    boxes = rectangles(poses, length, width)
    hit = ~are_apart(boxes[first], boxes[second])
    return [(int(a), int(b)) for a, b in zip(first[hit], second[hit], strict=True)]


def people_in_vehicles(traffic: Traffic) -> list[tuple[int, int]]:
    """Pairs (person, vehicle) where the middle half of a person is within a vehicle.

    Parked cars count as rows after those of the vehicles.
    """
    people = traffic.walker_poses()
    poses, present, size = _vehicles_and_parked(traffic)
    away = people[:, None, :2] - poses[None, :, :2]
    cosine, sine = np.cos(poses[:, 3]), np.sin(poses[:, 3])
    along = np.abs(away[..., 0] * cosine + away[..., 1] * sine)
    across = np.abs(away[..., 1] * cosine - away[..., 0] * sine)
    inside = (along < 0.5 * size[:, 0] + 0.5 * BODY_M) & present
    inside &= across < 0.5 * size[:, 1] + 0.5 * BODY_M
    inside &= np.abs(people[:, None, 2] - poses[None, :, 2]) < LEVEL_M
    return [
        (int(person), int(vehicle)) for person, vehicle in zip(*np.nonzero(inside), strict=True)
    ]


def _vehicles_and_parked(traffic: Traffic) -> tuple[Floats, npt.NDArray[np.bool_], Floats]:
    """Poses (n, 4), who is there (n,), length and width (n, 2)."""
    vehicles, parked = traffic.vehicles, traffic.parked
    places = [parked[name] for name in ("x_m", "y_m", "z_m", "heading_rad")]
    poses = np.concatenate([traffic.poses(), np.stack(places, axis=1)])
    present = np.concatenate([traffic.present, np.ones(len(parked), dtype=np.bool_)])
    size = [np.concatenate([vehicles[name], parked[name]]) for name in ("length_m", "width_m")]
    return poses, present, np.stack(size, axis=1)
