"""Do range sensor and camera agree about the world? LiDAR points against the depth label.

Each point is taken through the world into the picture. Where its depth and the depth label agree
but for a little, the remaining differences are explained by one shift of the picture: with depth
gradient g, a shift d makes a difference of g . d. The shift that explains them best, by least
squares with the larger differences left out, is the error of re-projection in pixels.

Range noise is in the depth differences too, so a bias in depth is solved for beside the shift.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from fleetloop.core.frames import FloatArray, Pose
from fleetloop.core.lens import Lens
from fleetloop.datasets.labels import Image
from fleetloop.datasets.log.reader import Record
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.validate.base import Finding
from fleetloop.datasets.validate.boxes import spread

TOLERANCE_PX = 0.5
FEWEST_AGREE = 0.5
"""Less of the points that agree in depth means that the two do not see the same world."""

PAIRS = 10
_FEWEST_POINTS = 200
_ROUNDS = 6


class ReprojectionCheck:
    """See the module. Needs samples of both that were captured at the same instant."""

    def __init__(self, episode: RecordedEpisode) -> None:
        self._episode = episode
        self._shifts: list[FloatArray] = []
        self._depth_errors: list[float] = []
        self._agreeing: list[float] = []

    def add(self, record: Record) -> None:
        """Waits: pairs are chosen at the end."""

    def finish(self) -> Iterator[Finding]:
        """Compares pairs, and judges the sensors by the median over them."""
        episode = self._episode
        for camera in episode.sensors("depth_m"):
            lens = episode.calibration.sensors[camera].lens
            for lidar in episode.sensors("point_true_m", "valid"):
                if lens is not None and lens.model != "panorama":
                    yield from self._pair(camera, lidar, lens)

    def measures(self) -> Mapping[str, float]:
        """Medians over all pairs."""
        if not self._shifts:
            return {}
        shift = np.linalg.norm(np.median(self._shifts, axis=0))
        return {
            "reprojection_error_px": float(shift),
            "reprojection_depth_error_m": float(np.median(self._depth_errors)),
            "reprojection_agreeing_pct": 100.0 * float(np.median(self._agreeing)),
        }

    def _pair(self, camera: str, lidar: str, lens: Lens) -> Iterator[Finding]:
        episode = self._episode
        shared = sorted(
            set(episode.times_ns(camera).tolist()) & set(episode.times_ns(lidar).tolist())
        )
        shifts, agreeing, where = [], [], f"{lidar} in {camera}"
        for place in spread(len(shared), PAIRS) if shared else []:
            t_ns = shared[place]
            picture = episode.sample(camera, episode.number_at(camera, t_ns), ["depth_m"])
            cloud = episode.sample(lidar, episode.number_at(lidar, t_ns), ["point_true_m", "valid"])
            if {*picture.faults, *cloud.faults} & {"frozen", "time_offset", "bias_jump"}:
                continue
            points = cloud.world_T_sensor.transform_points(
                cloud.data["point_true_m"][cloud.data["valid"]]
            )
            found = compare(lens, picture.world_T_sensor, picture.data["depth_m"], points)
            if found is not None:
                shift, error_m, part = found
                shifts.append(shift)
                agreeing.append(part)
                self._depth_errors.append(error_m)
        self._shifts += shifts
        self._agreeing += agreeing
        if not shifts:
            return
        if np.median(agreeing) < FEWEST_AGREE:
            yield _error(where, f"only {np.median(agreeing):.0%} of the points agree in depth")
            return
        shift = np.median(shifts, axis=0)
        if np.linalg.norm(shift) > TOLERANCE_PX:
            yield _error(where, f"off by ({shift[0]:+.2f}, {shift[1]:+.2f}) px")


def compare(
    lens: Lens, world_T_camera: Pose, depth_m: Image, points_m: FloatArray
) -> tuple[FloatArray, float, float] | None:
    """Holds points against a depth image.

    Args:
        lens: Of the camera.
        world_T_camera: Its pose.
        depth_m: (height, width) along the optical axis.
        points_m: (n, 3), world.

    Returns:
        Shift (2,) in pixels, median difference in metres, and the part of the points that agree;
        None if too few points fall on smooth surfaces.
    """
    local = world_T_camera.inverse().transform_points(points_m)
    pixels, seen = lens.project(local)
    seen &= (local[:, 2] > 0.1) & np.all(pixels >= 1.0, axis=1)
    seen &= np.all(pixels <= [lens.width_px - 2.0, lens.height_px - 2.0], axis=1)
    pixels, depth = pixels[seen], local[seen, 2]
    label, gradient, smooth = _sampled(depth_m.astype(np.float64), pixels)
    difference = (label - depth)[smooth]
    if len(difference) < _FEWEST_POINTS:
        return None
    agree = np.abs(difference) < 0.2 + 0.03 * depth[smooth]
    part = float(agree.mean())
    if agree.sum() < _FEWEST_POINTS:
        return np.zeros(2), float(np.median(np.abs(difference))), part
    # Noise of ranges grows little with distance; gradients grow much: weights keep them in balance.
    weight = 1.0 / (0.03 + 0.003 * depth[smooth])
    columns = np.column_stack([gradient[smooth], np.ones(len(difference))])
    kept = agree
    solution = np.zeros(3)
    for _ in range(_ROUNDS):
        rows = columns[kept] * weight[kept, None]
        solution, *_ = np.linalg.lstsq(rows, difference[kept] * weight[kept], rcond=None)
        residual = np.abs(difference - columns @ solution) * weight
        kept = agree & (residual < 3.0 * max(float(np.median(residual[agree])), 1e-3))
    return -solution[:2], float(np.median(np.abs(difference[agree]))), part


def _sampled(depth_m: FloatArray, pixels: FloatArray) -> tuple[FloatArray, FloatArray, np.ndarray]:
    """Depth (n,) and its gradient (n, 2) at pixels by bilinear interpolation of inverse depth.

    Planes have an inverse depth that is linear over the picture, so the interpolation is exact on
    them. Also whether the four pixels around lie on one surface.
    """
    column, row = np.floor(pixels).astype(int).T
    u, v = (pixels - np.floor(pixels)).T
    corners = np.stack(
        [depth_m[row, column], depth_m[row, column + 1],
         depth_m[row + 1, column], depth_m[row + 1, column + 1]]
    )  # fmt: skip
    near = np.maximum(corners.min(axis=0), 1e-6)
    smooth = (corners.max(axis=0) / near < 1.15) & (corners.max(axis=0) < 900.0)
    a, b, c, d = 1.0 / np.maximum(corners, 1e-6)
    inverse = (1 - v) * ((1 - u) * a + u * b) + v * ((1 - u) * c + u * d)
    across = (1 - v) * (b - a) + v * (d - c)
    down = (1 - u) * (c - a) + u * (d - b)
    depth = 1.0 / inverse
    gradient = -np.stack([across, down], axis=1) * (depth**2)[:, None]
    return depth, gradient, smooth


def _error(where: str, message: str) -> Finding:
    return Finding(severity="error", check="reprojection", where=where, message=message)
