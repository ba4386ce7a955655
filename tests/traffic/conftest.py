"""Whether vehicles overlap, in plain NumPy; and a straight road."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.kinds import JunctionKind, LaneKind, RoadClass


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


def touching(traffic, slack_m=0.1):
    """Pairs (vehicle, external vehicle) whose rectangles, less a slack, overlap."""
    poses, vehicles, externals = traffic.poses(), traffic.vehicles, traffic.externals
    found = []
    for row, body in enumerate(externals):
        pose = np.array([body["x_m"], body["y_m"], body["z_m"], body["heading_rad"]])
        box = corners(pose, body["length_m"] - slack_m, body["width_m"] - slack_m)
        for i in np.flatnonzero(traffic.present):
            if np.linalg.norm(poses[i, :2] - pose[:2]) < 14.0:
                size = vehicles["length_m"][i] - slack_m, vehicles["width_m"][i] - slack_m
                if not apart(corners(poses[i], *size), box):
                    found.append((int(i), row))
    return found


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


@pytest.fixture(scope="session")
def touches():
    """`touching`."""
    return touching


@pytest.fixture(scope="session")
def straight():
    """Makes a road to the east; its lanes, from right to left, lead back to their begin."""

    def make(length_m=300.0, lanes=1):
        builder = NetworkBuilder(name="straight", source="test", licence="none", left_hand=False)
        road = builder.add_road("straight", RoadClass.ARTERIAL)
        back = builder.add_junction(JunctionKind.DEAD_END, (0.0, 50.0))
        for lane in range(lanes):
            ends = [(0.0, 3.5 * lane), (length_m, 3.5 * lane)]
            builder.add_lane(LaneKind.DRIVE, ends, width_m=3.5, road=road, speed_limit_m_s=14.0)
        for lane in range(1, lanes):
            builder.set_neighbours(left=lane, right=lane - 1)
        for lane in range(lanes):
            builder.connect(lane, lane, junction=back)
        return builder

    return make
