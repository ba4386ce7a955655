"""Cars that stand along kerbs: what is seen of them, and what they block."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import Pose
from fleetloop.envs.props.merge import shared_looks
from fleetloop.envs.stage import Stage
from fleetloop.envs.traffic.arrays import Table
from fleetloop.envs.traffic.config import VehicleKind
from fleetloop.envs.traffic.recording import RoadUser

Floats = npt.NDArray[np.float64]


def add_parked(stage: Stage, parked: Table, rng: np.random.Generator) -> None:
    """Puts parked vehicles on the stage.

    Args:
        stage: Where.
        parked: (n,) `BODY` of `Traffic.parked`.
        rng: Of their paint.
    """
    for row, one in enumerate(parked):
        kind = RoadUser.VAN if one["kind"] == VehicleKind.VAN else RoadUser.CAR
        size = (float(one["length_m"]), float(one["width_m"]), float(one["height_m"]))
        stage.add(
            f"parked_{row}",
            Pose.of(*(float(one[axis]) for axis in ("x_m", "y_m", "z_m")),
                    yaw_rad=float(one["heading_rad"])),
            looks=shared_looks(int(kind), size, int(rng.integers(2**31))),
        )  # fmt: skip


def parked_obstacles(parked: Table) -> Floats:
    """Parked vehicles as rectangles (n, 5), see `obstacles_of`."""
    found = np.zeros((len(parked), 5))
    found[:, 0], found[:, 1] = parked["x_m"], parked["y_m"]
    found[:, 2] = parked["heading_rad"]
    found[:, 3], found[:, 4] = 0.5 * parked["length_m"], 0.5 * parked["width_m"]
    return found
