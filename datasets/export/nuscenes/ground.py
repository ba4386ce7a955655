"""The map mask of a scene: where one can drive, as 8-bit PNG of 0 and 255 at 0.1 m.

nuScenes' maps begin at (0, 0), and all poses lie inside them: so each scene's world is shifted.
White is where LiDAR points of class road or lane mark fell, and where the robot itself stood; a
recording without such labels has the second alone. It is drawn, not surveyed: unseen road is black.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray
from fleetloop.core.objects import EGO
from fleetloop.core.semantics import SemanticClass
from fleetloop.datasets.recording import RecordedEpisode

RESOLUTION_M = 0.1
"""The devkit reads every mask so."""

_MARGIN_M = 60.0
_REACH_M = 40.0
_ROBOT_M = 1.0
_LONGEST_M = 3000.0
_ROAD = (SemanticClass.ROAD, SemanticClass.LANE_MARK, SemanticClass.FLOOR)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Ground:
    """Where a scene lies.

    Attributes:
        shift_m: From the log's world to nuScenes' global frame, (3,).
        size_m: East and north, (2,), whole metres.
        path_m: Where the robot was, global, (n, 2).
    """

    shift_m: FloatArray
    size_m: npt.NDArray[np.int64]
    path_m: FloatArray


def ground_of(episode: RecordedEpisode) -> Ground:
    """Finds room for all poses of the robot.

    Raises:
        ConfigError: It was never seen, or went too far for one map.
    """
    path = []
    for number in range(len(episode.objects_times_ns)):
        record = episode.objects_record(number)
        row = record.row(EGO)
        if row is not None:
            path.append(record.position_m[row])
    if not path:
        raise ConfigError(f"{episode.path} holds no true objects: record it anew for nuScenes.")
    places = np.array(path)
    low = np.floor(places[:, :2].min(axis=0)) - _MARGIN_M
    size = np.ceil(places[:, :2].max(axis=0)) + _MARGIN_M - low
    if size.max() > _LONGEST_M:
        raise ConfigError(
            f"{episode.path} spans {size.max():.0f} m: a map mask takes {_LONGEST_M:.0f} m at most."
        )
    shift = np.array([-low[0], -low[1], 0.0])
    return Ground(shift_m=shift, size_m=size.astype(np.int64), path_m=places[:, :2] + shift[:2])


def write_mask(episode: RecordedEpisode, ground: Ground, path: Path) -> None:
    """Draws the mask of a scene."""
    import cv2

    width, height = (round(float(size) / RESOLUTION_M) for size in ground.size_m)
    with tempfile.TemporaryFile(dir=path.parent) as file:
        # In a file: a mask of three kilometres is a gigabyte.
        mask = np.memmap(file, np.uint8, "w+", shape=(height, width))
        for sensor in episode.sensors("point_true_m", "semantic", "valid"):
            for sample in episode.samples(sensor, ["point_true_m", "semantic", "valid"]):
                road = sample.data["valid"] & np.isin(sample.data["semantic"], _ROAD)
                local = sample.data["point_true_m"][road]
                near = np.linalg.norm(local[:, :2], axis=1) < _REACH_M
                world = sample.world_T_sensor.transform_points(local[near]) + ground.shift_m
                _paint(mask, world[:, :2], 0.2)
        _paint(mask, ground.path_m, _ROBOT_M)
        cv2.imwrite(str(path), mask)


def _paint(mask: npt.NDArray[np.uint8], places_m: FloatArray, radius_m: float) -> None:
    """Whitens squares around places; rows count from the north."""
    height, width = mask.shape
    column = np.floor(places_m[:, 0] / RESOLUTION_M).astype(int)
    row = height - 1 - np.floor(places_m[:, 1] / RESOLUTION_M).astype(int)
    reach = round(radius_m / RESOLUTION_M)
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            r, c = row + down, column + right
            inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
            mask[r[inside], c[inside]] = 255
