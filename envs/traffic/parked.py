"""Cars that stand along the kerb, on lanes for parking, where the network has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.kinds import LaneKind
from fleetloop.envs.maps.network import RoadNetwork
from fleetloop.envs.traffic.blocks import BODY
from fleetloop.envs.traffic.config import BUILDS, VehicleKind
from fleetloop.envs.traffic.walk_tables import Walkway

Table = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

SPACE_M = 6.0
"""Length of a place along the kerb: 5.7 m in EAR 05, "Empfehlungen für Anlagen des ruhenden
Verkehrs", for cars that park one behind the other; 6.1 m in the MUTCD's figure 3B-21."""

NARROWEST_M = 1.9
BESIDE_M = 1.2
"""People who cross at a run keep this far from parked cars: they do not quite go straight."""

FREE_BEFORE_CROSSING_M = 5.0
"""Nobody parks within 5 m of a crossing (StVO § 26 with sign 293 in Germany; 20 feet in the Uniform
Vehicle Code, § 11-1003)."""

_END_M = 1.0
_ACROSS_M = 4.0
_SHARE_OF_VANS = 0.12


def parked_vehicles(network: RoadNetwork, share: float, rng: np.random.Generator) -> Table:
    """Draws the cars that stand along kerbs, (n,) BODY.

    Args:
        network: Where; only its lanes of kind PARKING are used.
        share: Part of the places that are taken.
        rng: Of places, sizes and how well they are parked.
    """
    lanes, rows = network.lanes, []
    crossings_m = _crossing_points(network)
    for lane in np.flatnonzero(lanes.kind == LaneKind.PARKING):
        points = lanes.rows(int(lane))
        s, width = lanes.s_m[points], lanes.width_left_m[points] + lanes.width_right_m[points]
        for place in range(int((lanes.length_m[lane] - 2.0 * _END_M) / SPACE_M)):
            # Drawn for every place, so that the share changes who is there and nothing else.
            taken, kind, length = rng.uniform(), rng.uniform(), rng.uniform()
            shift, aside, turn = rng.normal(0.0, (0.15, 0.05, 0.015))
            middle = _END_M + (place + 0.5) * SPACE_M
            inside = (s > middle - 0.5 * SPACE_M) & (s < middle + 0.5 * SPACE_M)
            if taken >= share or not inside.any() or width[inside].min() < NARROWEST_M:
                continue
            chosen = VehicleKind.VAN if kind < _SHARE_OF_VANS else VehicleKind.CAR
            build = BUILDS[chosen]
            low, high = build.length_m
            x, y, z, heading = lanes.pose_at(int(lane), middle + float(np.clip(shift, -0.2, 0.2)))
            if _near_crossing(crossings_m, x, y, heading):
                continue
            free = 0.5 * (float(width[inside].min()) - build.width_m)
            aside = float(np.clip(aside, -max(free, 0.0), max(free, 0.0)))
            heading += float(np.clip(turn, -0.03, 0.03))
            size = (min(low + length * (high - low), SPACE_M - 0.6), build.width_m, build.height_m)
            place_m = (x - aside * np.sin(heading), y + aside * np.cos(heading), z)
            rows.append((*place_m, heading, 0.0, *size, 0.0, int(chosen), True))
    return np.array(rows, dtype=BODY)


def _crossing_points(network: RoadNetwork) -> Floats:
    """Points along the middle of all crossings, with half their width, (p, 3)."""
    crossings, lanes = network.crossings, network.lanes
    rows = [np.zeros((0, 3))]
    for lane, width in zip(crossings.lane, crossings.width_m, strict=True):
        line = lanes.xyz_m[lanes.rows(int(lane)), :2]
        rows.append(np.column_stack([line, np.full(len(line), 0.5 * width)]))
    return np.concatenate(rows)


def _near_crossing(points: Floats, x: float, y: float, heading: float) -> bool:
    """Whether a place on the kerb is too near to a crossing."""
    dx, dy = points[:, 0] - x, points[:, 1] - y
    along = np.abs(dx * np.cos(heading) + dy * np.sin(heading))
    across = np.abs(dy * np.cos(heading) - dx * np.sin(heading))
    reach = 0.5 * SPACE_M + FREE_BEFORE_CROSSING_M + points[:, 2]
    return bool(((along < reach) & (across < _ACROSS_M)).any())


def without_blocked_cuts(walkway: Walkway, parked: Table) -> Walkway:
    """A walkway without the short cuts that lead past a parked vehicle: their edge is -1."""
    if len(parked) == 0 or len(walkway.cuts) == 0:
        return walkway
    cuts = walkway.cuts.copy()
    share = np.linspace(0.0, 1.0, 25)[:, None]
    cosine, sine = np.cos(parked["heading_rad"]), np.sin(parked["heading_rad"])
    for cut in cuts:
        x = cut["from_x_m"] + share * (cut["x_m"] - cut["from_x_m"]) - parked["x_m"]
        y = cut["from_y_m"] + share * (cut["y_m"] - cut["from_y_m"]) - parked["y_m"]
        along, across = np.abs(x * cosine + y * sine), np.abs(y * cosine - x * sine)
        near = along < 0.5 * parked["length_m"] + BESIDE_M
        if (near & (across < 0.5 * parked["width_m"] + BESIDE_M)).any():
            cut["edge"] = -1
    return walkway._replace(cuts=cuts)
