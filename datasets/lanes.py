"""Lanes as a camera sees them: the lines of `LaneLines` in pixels and in the camera's frame.

A line is cut into pieces where it leaves the picture or the reach. Each point is told to be seen or
hidden: hidden is what something that is no ground stands before, or ground that is much nearer,
such as a crest. Without the labels `depth_m` and `semantic` nothing counts as hidden.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray, Pose
from fleetloop.core.lane_lines import MARKS, ROLES, LaneLines
from fleetloop.core.lens import Lens
from fleetloop.core.semantics import SURFACE_CLASSES
from fleetloop.datasets.labels import NEAR_M, project_points
from fleetloop.datasets.recording import RecordedEpisode

REACH_M = 60.0
STEP_M = 1.0
"""Lines are told in points that are no further apart."""

_CREST = 0.6
"""Ground that is nearer than this part of a point's distance hides it."""

_SLACK_M = 0.2
_SLACK = 0.02

Image = npt.NDArray[Any]
_GROUND = np.array([int(c) for c in SURFACE_CLASSES])


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SeenLine:
    """A piece of a line in one picture, n points in the direction of travel.

    Attributes:
        lane: Number of the lane.
        role, mark: Words of `ROLES` and `MARKS`.
        px: Where it is in the picture, (n, 2); the middle of pixel k is at k + 0.5.
        camera_m: The same points in the camera's optical frame, (n, 3).
        seen: Where nothing hides it, (n,).
    """

    lane: int
    role: str
    mark: str
    px: FloatArray
    camera_m: FloatArray
    seen: npt.NDArray[np.bool_]

    def told(self) -> dict[str, Any]:
        """As plain JSON values: pixels to a tenth, metres to a centimetre."""
        return {
            "lane": self.lane, "role": self.role, "mark": self.mark,
            "px": np.round(self.px, 1).tolist(), "camera_m": np.round(self.camera_m, 2).tolist(),
            "seen": self.seen.tolist(),
        }  # fmt: skip


def camera_lanes(
    episode: RecordedEpisode, sensor: str, number: int, *, reach_m: float = REACH_M
) -> list[SeenLine]:
    """Lines of lanes in one picture of a recording.

    Args:
        episode: The recording.
        sensor: A camera.
        number: Of the sample.
        reach_m: Points that are further away are left out.

    Raises:
        ConfigError: The sensor has no lens, or the recording no lanes.
    """
    lens = episode.calibration.sensors[sensor].lens
    if lens is None:
        raise ConfigError(f"{sensor} of {episode.path} is no camera: lanes are seen by cameras.")
    if episode.lanes is None:
        raise ConfigError(
            f"{episode.path} holds no lanes: its task has none, or it is older than that label."
        )
    wanted = [name for name in ("depth_m", "semantic") if name in episode.schemas[sensor]]
    sample = episode.sample(sensor, number, wanted)
    return lanes_in_picture(
        episode.lanes,
        lens,
        sample.world_T_sensor,
        sample.data.get("depth_m"),
        sample.data.get("semantic"),
        reach_m=reach_m,
    )


def lanes_in_picture(
    lanes: LaneLines,
    lens: Lens,
    world_T_camera: Pose,
    depth_m: Image | None,
    semantic: Image | None,
    *,
    reach_m: float = REACH_M,
) -> list[SeenLine]:
    """Lines in one picture.

    Args:
        lanes: Of the world.
        lens: Of the camera.
        world_T_camera: Its pose, optical frame.
        depth_m: (height, width) along the optical axis, or None.
        semantic: (height, width) classes, or None.
        reach_m: Points that are further away are left out.
    """
    camera_T_world = world_T_camera.inverse()
    found = []
    for number in _near(lanes, world_T_camera.position_m, reach_m):
        dense = _dense(lanes.line_m(number).astype(np.float64))
        points = camera_T_world.transform_points(dense)
        pixels, inside = project_points(lens, points)
        inside &= np.linalg.norm(points, axis=1) < reach_m
        if lens.model == "pinhole":
            inside &= points[:, 2] > NEAR_M
        for piece in _runs(inside):
            found.append(
                SeenLine(
                    lane=int(lanes.lane[number]),
                    role=ROLES[lanes.role[number]],
                    mark=MARKS[lanes.mark[number]],
                    px=pixels[piece],
                    camera_m=points[piece],
                    seen=_seen(pixels[piece], points[piece], depth_m, semantic),
                )
            )
    return found


def _near(lanes: LaneLines, place_m: FloatArray, reach_m: float) -> Iterator[int]:
    """Lines whose box comes within the reach."""
    if not len(lanes):
        return
    first = lanes.begin[:-1]
    xy = lanes.point_m[:, :2]
    low, high = np.minimum.reduceat(xy, first, axis=0), np.maximum.reduceat(xy, first, axis=0)
    gap = np.maximum(np.maximum(low - place_m[:2], place_m[:2] - high), 0.0)
    yield from np.flatnonzero(np.linalg.norm(gap, axis=1) < reach_m).tolist()


def _dense(points_m: FloatArray) -> FloatArray:
    """The same line in points that are at most `STEP_M` apart."""
    steps = np.linalg.norm(np.diff(points_m, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.linspace(0.0, along[-1], max(2, int(np.ceil(along[-1] / STEP_M)) + 1))
    return np.stack([np.interp(at, along, points_m[:, k]) for k in range(3)], axis=1)


def _runs(inside: npt.NDArray[np.bool_]) -> Iterator[slice]:
    """Stretches of at least two neighbours that are inside."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(np.int8)))
    for start, stop in edges.reshape(-1, 2).tolist():
        if stop - start >= 2:
            yield slice(start, stop)


def _seen(
    pixels: FloatArray, points_m: FloatArray, depth_m: Image | None, semantic: Image | None
) -> npt.NDArray[np.bool_]:
    if depth_m is None or semantic is None:
        return np.ones(len(pixels), np.bool_)
    columns, rows = np.floor(pixels).astype(int).T
    depth, far = depth_m[rows, columns], points_m[:, 2]
    ground = np.isin(semantic[rows, columns], _GROUND)
    before = depth < far * (1.0 - _SLACK) - _SLACK_M
    return np.asarray(np.where(ground, depth >= _CREST * far, ~before))
