"""What stands around the robot, from above: a grid of classes and instances from the true boxes.

Row 0 is farthest ahead, column 0 farthest left; the base's frame is level, so the grid turns with
the robot and does not tilt. A cell belongs to the thing whose box covers its middle; of several, to
the one that stands highest. Surfaces that one drives or stands on are no things, and leave their
cells free.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray, Pose
from fleetloop.core.objects import EGO, Objects
from fleetloop.core.semantics import SURFACE_CLASSES


@dataclass(frozen=True, slots=True, kw_only=True)
class BirdsEyeConfig:
    """How much is looked at.

    Attributes:
        ahead_m, behind_m, aside_m: From the base, to the front, to the back, to either side.
        cell_m: Side of a cell.
        low_m, high_m: Boxes that lie wholly below or above these heights over the base are no
            obstacles: kerbs, lamps.

    Raises:
        ConfigError: There is no cell, or more than 16 million.
    """

    ahead_m: float = 40.0
    behind_m: float = 20.0
    aside_m: float = 20.0
    cell_m: float = 0.25
    low_m: float = 0.1
    high_m: float = 2.5

    def __post_init__(self) -> None:
        if not self.cell_m > 0.0:
            raise ConfigError(f"cell_m is {self.cell_m}: use a number > 0.")
        rows, columns = self.shape
        if not 1 <= rows * columns <= 1 << 24:
            raise ConfigError(
                f"A grid of {rows} x {columns} cells is not possible: change cell_m or the lengths."
            )
        if not self.low_m < self.high_m:
            raise ConfigError(f"low_m {self.low_m} is not below high_m {self.high_m}.")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows = round((self.ahead_m + self.behind_m) / self.cell_m)
        return rows, round(2.0 * self.aside_m / self.cell_m)

    def centers_m(self) -> FloatArray:
        """Middles of the cells in the base frame, (rows, columns, 2): forward, left."""
        rows, columns = self.shape
        x = self.ahead_m - (np.arange(rows) + 0.5) * self.cell_m
        y = self.aside_m - (np.arange(columns) + 0.5) * self.cell_m
        return np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class BirdsEye:
    """A grid.

    Attributes:
        semantic: `SemanticClass`, (rows, columns) uint8; 0 is free.
        instance: Ids, (rows, columns) int32; 0 is free.
    """

    semantic: npt.NDArray[np.uint8]
    instance: npt.NDArray[np.int32]

    @property
    def occupied(self) -> npt.NDArray[np.bool_]:
        """Where something stands, (rows, columns)."""
        return np.asarray(self.instance != 0)


def birds_eye(
    objects: Objects, world_T_base: Pose, config: BirdsEyeConfig | None = None
) -> BirdsEye:
    """Draws the true boxes from above, without the robot itself.

    Args:
        objects: At one instant, as `RecordedEpisode.objects_at` gives them.
        world_T_base: The robot's base at that instant; only place and heading count.
        config: How much; the defaults if None.
    """
    config = config or BirdsEyeConfig()
    semantic = np.zeros(config.shape, np.uint8)
    instance = np.zeros(config.shape, np.int32)
    level = Pose.of(*world_T_base.position_m.tolist(), yaw_rad=float(world_T_base.yaw_rad))
    centers = level.inverse().transform_points(objects.centers_m())
    things = ~np.isin(objects.semantic, [int(c) for c in SURFACE_CLASSES])
    things &= np.array([name != EGO for name in objects.names], dtype=bool)
    base_z = float(world_T_base.position_m[2])
    heights = objects.corners_m()[..., 2] - base_z
    low, high = heights.min(axis=1, initial=np.inf), heights.max(axis=1, initial=-np.inf)
    things &= (high > config.low_m) & (low < config.high_m)
    cells = config.centers_m()
    # What stands higher is drawn later: it hides what is below it.
    for row in sorted(np.flatnonzero(things).tolist(), key=lambda row: (high[row], row)):
        covered = _covered(objects, row, level, cells, float(centers[row, 2]))
        semantic[covered] = objects.semantic[row]
        instance[covered] = objects.instance_id[row]
    return BirdsEye(semantic=semantic, instance=instance)


def _covered(
    objects: Objects, row: int, level: Pose, cells: FloatArray, height_m: float
) -> npt.NDArray[Any]:
    """Cells whose middle lies in a box, seen at the height of the box's own middle."""
    heights = np.full((*cells.shape[:2], 1), height_m)
    points = np.concatenate([cells, heights], axis=-1)
    pose = Pose(objects.position_m[row], objects.quaternion_xyzw[row])
    local = pose.inverse().transform_points(level.transform_points(points))
    inside = np.abs(local - objects.box_center_m[row]) <= 0.5 * objects.box_size_m[row]
    return np.asarray(inside.all(axis=-1))
