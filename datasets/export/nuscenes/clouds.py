"""LiDAR and radar files of nuScenes.

LiDAR is turned: nuScenes' frame has x right, y forward, z up. Its clouds are compensated for the
motion of the car within a sweep, so ours are too: each column is taken from the instant at which it
was fired to the instant of the sweep, along the poses of this and the last capture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.clock import NS_PER_S
from fleetloop.core.frames import FloatArray, Pose, slerp
from fleetloop.core.types import Sample
from fleetloop.datasets.recording import RecordedEpisode

Arrays = Mapping[str, npt.NDArray[Any]]

LIDAR_T_NUSCENES = Pose.of(yaw_rad=-math.pi / 2)
"""Takes nuScenes' LiDAR axes (x right, y forward) to ours (x forward, y left)."""

_RADAR_FIELDS = (
    ("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("dyn_prop", "i1"), ("id", "<i2"), ("rcs", "<f4"),
    ("vx", "<f4"), ("vy", "<f4"), ("vx_comp", "<f4"), ("vy_comp", "<f4"),
    ("is_quality_valid", "i1"), ("ambig_state", "i1"), ("x_rms", "i1"), ("y_rms", "i1"),
    ("invalid_state", "i1"), ("pdh0", "i1"), ("vx_rms", "i1"), ("vy_rms", "i1"),
)  # fmt: skip

_MOVING, _STATIONARY = 0, 1
_UNAMBIGUOUS = 3


def lidar_points(episode: RecordedEpisode, sensor: str, number: int) -> npt.NDArray[np.float32]:
    """A sweep in nuScenes' LiDAR frame, (n, 5): x, y, z, intensity 0 to 255, ring."""
    schema = episode.schemas[sensor]
    wanted = [n for n in ("point_m", "valid", "intensity", "ring", "time_offset_s") if n in schema]
    sample = episode.sample(sensor, number, wanted)
    data = sample.data
    points = data["point_m"].astype(np.float64)
    if "time_offset_s" in data and data["time_offset_s"].shape == points.shape[1:2]:
        points = deskewed(points, data["time_offset_s"], pose_before(episode, sensor, sample))
    valid = data["valid"] if "valid" in data else np.ones(points.shape[:-1], bool)
    rows = np.arange(points.shape[0]) if points.ndim == 3 else np.zeros(1, int)
    told = data.get("ring", rows)
    ring = told if told.shape == rows.shape else rows
    shape = points.shape[:-1]
    rings = np.broadcast_to(ring.reshape(-1, *(1,) * (len(shape) - 1)), shape)
    intensity = data["intensity"] if "intensity" in data else np.zeros(shape)
    turned = LIDAR_T_NUSCENES.inverse().transform_points(points[valid])
    columns = [turned, 255.0 * intensity[valid][:, None], rings[valid][:, None]]
    return np.concatenate(columns, axis=1).astype(np.float32)


def pose_before(
    episode: RecordedEpisode, sensor: str, sample: Sample
) -> tuple[Pose, Pose, float] | None:
    """Poses at the last capture and at this one, and the seconds between; None for the first."""
    number = episode.number_at(sensor, sample.t_capture_ns - 1)
    if number < 0:
        return None
    before = episode.sample(sensor, number, ())
    gap_s = (sample.t_capture_ns - before.t_capture_ns) / NS_PER_S
    return before.world_T_sensor, sample.world_T_sensor, gap_s


def deskewed(
    points_m: FloatArray,
    offset_s: npt.NDArray[Any],
    path: tuple[Pose, Pose, float] | None,
) -> FloatArray:
    """Points of each column in the frame of the capture.

    Args:
        points_m: (rows, columns, 3), each column in the frame of its own instant.
        offset_s: When each column was fired, (columns,), 0 or before the capture.
        path: As `pose_before` tells; between its ends the sensor moves evenly.
    """
    if path is None:
        return points_m
    before, after, gap_s = path
    part = np.clip(1.0 + offset_s.astype(np.float64) / gap_s, 0.0, 1.0)
    turn = slerp(before.quaternion_xyzw, after.quaternion_xyzw, part)
    place = before.position_m + part[:, None] * (after.position_m - before.position_m)
    world = Pose(place, turn).transform_points(points_m)
    return after.inverse().transform_points(world)


def radar_bytes(sample: Sample, velocity_m_s: FloatArray) -> bytes:
    """A radar scan as a PCD file.

    Args:
        sample: Of a radar: range, azimuth, radial speed and cross-section of its detections.
        velocity_m_s: Of the sensor over ground, in its own axes, (3,).
    """
    data = sample.data
    valid = data["valid"]
    count = int(valid.sum())
    # The devkit takes a cloud whose first point is not a number for an empty one.
    rows = np.zeros(max(count, 1), np.dtype(list(_RADAR_FIELDS)))
    azimuth = data["azimuth_rad"][valid]
    ahead, left = np.cos(azimuth), np.sin(azimuth)
    speed = data["radial_speed_m_s"][valid]
    # A thing at rest comes nearer by the sensor's own motion along the ray.
    ground = speed + ahead * velocity_m_s[0] + left * velocity_m_s[1]
    filled = rows[:count]
    filled["x"], filled["y"] = data["range_m"][valid] * ahead, data["range_m"][valid] * left
    filled["id"] = np.arange(count)
    filled["rcs"] = data["rcs_dbsm"][valid]
    filled["vx"], filled["vy"] = speed * ahead, speed * left
    filled["vx_comp"], filled["vy_comp"] = ground * ahead, ground * left
    filled["dyn_prop"] = np.where(np.abs(ground) > 0.5, _MOVING, _STATIONARY)
    filled["is_quality_valid"] = 1
    filled["ambig_state"] = _UNAMBIGUOUS
    if count == 0:
        rows["x"] = rows["y"] = rows["z"] = np.nan
    # The devkit wants at least one byte after the last point.
    return _radar_header(len(rows)).encode() + rows.tobytes() + b"\n"


def _radar_header(count: int) -> str:
    kinds = [np.dtype(code) for _, code in _RADAR_FIELDS]
    return "\n".join(
        (
            "# .PCD v0.7 - Point Cloud Data file format",
            "VERSION 0.7",
            "FIELDS " + " ".join(name for name, _ in _RADAR_FIELDS),
            "SIZE " + " ".join(str(kind.itemsize) for kind in kinds),
            "TYPE " + " ".join("F" if kind.kind == "f" else "I" for kind in kinds),
            "COUNT " + " ".join("1" for _ in kinds),
            f"WIDTH {count}",
            "HEIGHT 1",
            "VIEWPOINT 0 0 0 1 0 0 0",
            f"POINTS {count}",
            "DATA binary",
            "",
        )
    )


def count_in_box(points_m: FloatArray, world_T_box: Pose, size_m: FloatArray) -> int:
    """Points (n, 3) in a box around the origin of its pose, its faces included."""
    local = world_T_box.inverse().transform_points(points_m)
    return int(np.count_nonzero(np.all(np.abs(local) <= 0.5 * size_m, axis=-1)))
