"""Whether vehicles overlap, in plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest


def corners(pose, length_m, width_m):
    """Corners (4, 2) of a vehicle's rectangle."""
    cosine, sine = np.cos(pose[3]), np.sin(pose[3])
    turn = np.array([[cosine, -sine], [sine, cosine]])
    box = 0.5 * np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]]) * [length_m, width_m]
    return pose[:2] + box @ turn.T


def apart(one, two) -> bool:
    """Whether two rectangles are apart: some side of one of them separates them."""
    for box in (one, two):
        for edge in (box[0] - box[1], box[1] - box[2]):
            a, b = one @ edge, two @ edge
            if a.max() < b.min() or b.max() < a.min():
                return True
    return False


def overlapping(traffic, slack_m=0.1):
    """Pairs of vehicles whose rectangles, less a slack, overlap."""
    poses, vehicles = traffic.poses(), traffic.vehicles
    here = np.flatnonzero(traffic.present)
    away = np.linalg.norm(poses[here, None, :2] - poses[None, here, :2], axis=2)
    found = []
    for a, b in zip(*np.nonzero(np.triu(away < 14.0, 1)), strict=True):
        i, j = here[a], here[b]
        boxes = [
            corners(poses[k], vehicles["length_m"][k] - slack_m, vehicles["width_m"][k] - slack_m)
            for k in (i, j)
        ]
        if abs(poses[i, 2] - poses[j, 2]) < 2.0 and not apart(*boxes):
            found.append((int(i), int(j)))
    return found


@pytest.fixture(scope="session")
def overlaps():
    """`overlapping`."""
    return overlapping
