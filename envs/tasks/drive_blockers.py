"""Vehicles that stand in the way for good: broken down or unloading, half on the lane."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import Pose
from fleetloop.envs.maps.network import RoadNetwork
from fleetloop.envs.props.merge import shared_looks
from fleetloop.envs.stage import Stage
from fleetloop.envs.tasks.drive_route import STEP_M, DriveRoute
from fleetloop.envs.traffic.arrays import Table
from fleetloop.envs.traffic.recording import RoadUser

Floats = npt.NDArray[np.float64]

FROM_START_M, FROM_GATE_M, FROM_END_M, APART_M = 45.0, 32.0, 40.0, 60.0
GIVEN_UP_S = 8.0
QUEUE_M = 26.0
STRAIGHTEST_1_M = 1.0 / 70.0
NARROWEST_M = 2.9
INTO_LANE_M = (0.6, 1.0)
"""So far they reach into the lane: the car has to leave its middle, and traffic still passes."""


def draw_blockers(
    network: RoadNetwork,
    route: DriveRoute,
    count: int,
    rng: np.random.Generator,
    draws: dict[str, Any],
) -> Floats:
    """Places along a route at which it can be passed, (n, 6): x, y, z, heading, length, width.

    They stand on the outer edge of the route's lane, on straight stretches clear of junctions, and
    only where the lane beside can be used. Fewer where the route has no such places.
    """
    fit = _fitting(network, route)
    rows = np.flatnonzero(fit)
    found: list[list[float]] = []
    taken: list[float] = []
    for _ in range(20 * count):
        if len(found) == count or len(rows) == 0:
            break
        row = int(rows[int(rng.integers(len(rows)))])
        if any(abs(row * STEP_M - other) < APART_M for other in taken):
            continue
        taken.append(row * STEP_M)
        length, width = float(rng.uniform(4.1, 5.6)), 1.9
        lane = int(route.lane[row])
        sample = slice(int(network.lanes.begin[lane]), int(network.lanes.begin[lane + 1]))
        sides = network.lanes.width_left_m[sample], network.lanes.width_right_m[sample]
        outer = float(sides[0 if network.left_hand else 1].mean())
        sign = 1.0 if network.left_hand else -1.0
        aside = sign * (outer + 0.5 * width - float(rng.uniform(*INTO_LANE_M)))
        x, y, z = (float(value) for value in route.xyz_m[row])
        heading = float(route.heading_rad[row])
        found.append([x - aside * np.sin(heading), y + aside * np.cos(heading), z, heading,
                      length, width])  # fmt: skip
    draws["blockers"] = [[round(value, 3) for value in row] for row in found]
    return np.array(found).reshape(-1, 6)


def add_blockers(stage: Stage, blockers: Floats, rng: np.random.Generator) -> None:
    """Puts them on the stage."""
    for row, (x, y, z, heading, length, width) in enumerate(blockers):
        kind, height = (RoadUser.VAN, 2.3) if length > 5.1 else (RoadUser.CAR, 1.5)
        size = (float(length), float(width), height)
        stage.add(
            f"blocker_{row}",
            Pose.of(float(x), float(y), float(z), yaw_rad=float(heading)),
            looks=shared_looks(int(kind), size, int(rng.integers(2**31))),
        )


def behind_blockers(blockers: Floats, vehicles: Table, pose: Floats) -> npt.NDArray[np.bool_]:
    """Which vehicles of traffic have stood behind a blocker for a while: they block as it does.

    Args:
        blockers: From `draw_blockers`.
        vehicles: State of traffic.
        pose: (n, 4) x, y, z, heading of its vehicles.
    """
    found = np.zeros(len(pose), dtype=np.bool_)
    stands = (vehicles["waited_s"] > GIVEN_UP_S) & (vehicles["lane"] >= 0)
    for x, y, _, heading, _, _ in blockers:
        cosine, sine = np.cos(heading), np.sin(heading)
        dx, dy = pose[:, 0] - x, pose[:, 1] - y
        along, aside = cosine * dx + sine * dy, cosine * dy - sine * dx
        same_way = np.cos(pose[:, 3] - heading) > 0.8
        found |= stands & same_way & (along > -QUEUE_M) & (along < -2.0) & (abs(aside) < 3.5)
    return found


def _fitting(network: RoadNetwork, route: DriveRoute) -> npt.NDArray[np.bool_]:
    lanes = network.lanes
    s = STEP_M * np.arange(len(route.lane))
    fit = (s > FROM_START_M) & (s < route.length_m - FROM_END_M)
    lane = route.lane
    width = (np.minimum.reduceat(lanes.width_left_m, lanes.begin[:-1])
             + np.minimum.reduceat(lanes.width_right_m, lanes.begin[:-1]))  # fmt: skip
    beside = lanes.right if network.left_hand else lanes.left
    room = (beside >= 0) | (lanes.opposite >= 0)
    fit &= (lanes.junction[lane] < 0) & room[lane] & (width[lane] > NARROWEST_M)
    for gate in route.gates:
        fit &= (s < gate.line_m - FROM_GATE_M) | (s > gate.exit_m + 0.6 * FROM_GATE_M)
    bent = np.abs(route.curvature_1_m) > STRAIGHTEST_1_M
    reach = int(25.0 / STEP_M)
    near_bend = np.convolve(bent, np.ones(2 * reach + 1), mode="same") > 0.0
    # Where lanes change, the line is not the lane's own.
    changing = np.convolve(np.isin(route.command, (4, 5)), np.ones(2 * reach + 1), mode="same") > 0
    return np.asarray(fit & ~near_bend & ~changing)
