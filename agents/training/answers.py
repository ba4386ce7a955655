"""Right answers to the three lessons' questions, from the simulator's truth in a log.

They use what an episode holds after the moment in question: a label maker may look into the
future of a clip, an agent may not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from fleetloop.agents.lessons import ANSWERS, BEARINGS, GROUPS, HORIZON_S, places
from fleetloop.agents.observe import Moment
from fleetloop.core.frames import FloatArray
from fleetloop.core.objects import EGO, Objects
from fleetloop.core.semantics import SemanticClass
from fleetloop.core.types import Step

Answers = tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]

MOTION_S = 0.5
PROGRESS_S = 1.0
FARTHEST_M = 50.0
NEAREST_M = 0.3
HALF_VIEW_RAD = 0.25 * math.pi

FLAT = (
    SemanticClass.NOTHING,
    SemanticClass.ROAD,
    SemanticClass.SIDEWALK,
    SemanticClass.LANE_MARK,
    SemanticClass.KERB,
    SemanticClass.TERRAIN,
    SemanticClass.WATER,
    SemanticClass.FLOOR,
    SemanticClass.CEILING,
)
"""What one stands on or under, and which is no obstacle."""

_LARGEST_M = 60.0
_BAND_M = (0.2, 2.5)
_STANDS_M_S = 0.3

HEADINGS = ("heading_error_rad",)
OFFSETS = ("lane_offset_m", "t_m")
"""Names under which tasks tell in their truth how the robot stands to its way."""


def answers(moments: Sequence[Moment], *, ended: bool) -> Answers:
    """Answers of one episode.

    Args:
        moments: All of them.
        ended: Whether the episode came to an end by itself; what would have happened after a cut
            is not known.

    Returns:
        Values and whether they are known, both (moments, ANSWERS).
    """
    count = len(moments)
    value = np.zeros((count, ANSWERS), np.float32)
    known = np.zeros((count, ANSWERS), np.bool_)
    steps = [moment.step for moment in moments]
    times_s = np.array([step.t_ns for step in steps]) * 1e-9
    poses = _ego_poses(moments)
    for name, (part, there) in {
        "motion": _motion(times_s, poses),
        "soon": _soon(times_s, poses, steps, ended=ended),
        "way": _way(times_s, steps, ended=ended),
    }.items():
        value[:, places(name)], known[:, places(name)] = part, there
    for row, moment in enumerate(moments):
        if moment.objects is not None and moment.objects.row(EGO) is not None:
            for name, (part, there) in _surroundings(moment.objects).items():
                value[row, places(name)], known[row, places(name)] = part, there
    return value, known


def _ego_poses(moments: Sequence[Moment]) -> FloatArray:
    """x, y (m), yaw (rad) in the world, forward speed (m/s); NaN where no record tells, (n, 4)."""
    rows = np.full((len(moments), 4), np.nan)
    for number, moment in enumerate(moments):
        row = None if moment.objects is None else moment.objects.row(EGO)
        if row is None or moment.objects is None:
            continue
        pose = moment.objects.world_T_object
        yaw = float(np.asarray(pose.yaw_rad)[row])
        x, y = moment.objects.position_m[row, :2]
        speed = moment.objects.linear_m_s[row, :2] @ [math.cos(yaw), math.sin(yaw)]
        rows[number] = x, y, yaw, speed
    return rows


def _motion(times_s: FloatArray, poses: FloatArray) -> Answers:
    later = np.searchsorted(times_s, times_s + MOTION_S - 1e-6)
    there = later < len(times_s)
    after = poses[np.minimum(later, len(times_s) - 1)]
    gap = after[:, :2] - poses[:, :2]
    c, s = np.cos(poses[:, 2]), np.sin(poses[:, 2])
    turn = after[:, 2] - poses[:, 2]
    value = np.stack(
        [
            c * gap[:, 0] + s * gap[:, 1],
            c * gap[:, 1] - s * gap[:, 0],
            np.arctan2(np.sin(turn), np.cos(turn)),
            poses[:, 3],
        ],
        axis=1,
    )
    known = np.isfinite(value)
    known[:, :3] &= there[:, None]
    return np.where(known, value, 0.0).astype(np.float32), known


def _soon(times_s: FloatArray, poses: FloatArray, steps: Sequence[Step], *, ended: bool) -> Answers:
    """Whether it stops, falls or collides within the horizon."""
    value = np.zeros((len(steps), 3), np.float32)
    known = np.zeros((len(steps), 3), np.bool_)
    speed = np.hypot(*np.gradient(poses[:, :2], axis=0).T) if len(steps) > 1 else np.zeros(1)
    speed = speed / np.gradient(times_s) if len(steps) > 1 else speed
    happened = {
        kind: np.array([any(e.kind.startswith(kind) for e in step.events) for step in steps])
        for kind in ("fall", "collision")
    }
    for row, now_s in enumerate(times_s):
        ahead = slice(row + 1, int(np.searchsorted(times_s, now_s + HORIZON_S + 1e-6)))
        whole = ended or times_s[-1] >= now_s + HORIZON_S - 1e-6
        window = speed[ahead]
        if len(window) and np.isfinite(window).all() and speed[row] > 2.0 * _STANDS_M_S:
            value[row, 0] = float((window < _STANDS_M_S).any())
            known[row, 0] = bool(value[row, 0]) or times_s[-1] >= now_s + HORIZON_S - 1e-6
        for column, kind in enumerate(("fall", "collision"), start=1):
            value[row, column] = float(happened[kind][ahead].any())
            known[row, column] = bool(value[row, column]) or whole
    return value, known


def _way(times_s: FloatArray, steps: Sequence[Step], *, ended: bool) -> Answers:
    gained = np.array([step.reward_terms.get("progress", np.nan) for step in steps])
    total = np.concatenate([[0.0], np.cumsum(gained)])
    later = np.searchsorted(times_s, times_s + PROGRESS_S + 1e-6)
    progress = total[later] - total[np.arange(len(steps)) + 1]
    if not ended:
        progress[times_s + PROGRESS_S > times_s[-1] + 1e-6] = np.nan
    value = np.stack(
        [
            progress,
            np.array([_first(step.truth, HEADINGS) for step in steps]),
            np.array([_first(step.truth, OFFSETS) for step in steps]),
        ],
        axis=1,
    )
    known = np.isfinite(value)
    return np.where(known, value, 0.0).astype(np.float32), known


def _first(truth: Mapping[str, npt.NDArray[np.float64]], names: Sequence[str]) -> float:
    for name in names:
        if name in truth and truth[name].size == 1:
            return float(truth[name])
    return math.nan


def _surroundings(objects: Objects) -> dict[str, Answers]:
    boxes, classes = obstacles(objects)
    bearings = HALF_VIEW_RAD * (1.0 - 2.0 * (np.arange(BEARINGS) + 0.5) / BEARINGS)
    distance_m = cast_m(boxes, bearings)
    if len(boxes):
        nearest = distance_m.argmin(axis=0)
        hit = distance_m[nearest, np.arange(BEARINGS)]
        seen = {int(classes[n]) for n, d in zip(nearest, hit, strict=True) if d < FARTHEST_M}
    else:
        hit, seen = np.full(BEARINGS, FARTHEST_M), set()
    log_m = np.log(np.clip(hit, NEAREST_M, FARTHEST_M))
    sees = [float(any(int(member) in seen for member in members)) for members in GROUPS.values()]
    user, there = _road_user(boxes, classes)
    return {
        "distance": (log_m.astype(np.float32), np.ones(BEARINGS, np.bool_)),
        "sees": (np.array(sees, np.float32), np.ones(len(sees), np.bool_)),
        "road_user": (user, np.full(3, there)),
    }


def obstacles(objects: Objects) -> tuple[FloatArray, npt.NDArray[np.uint8]]:
    """Footprints of what stands in the way, in the frame of the robot's base.

    Returns:
        (m, 5): x, y, half length, half width, yaw; and the class of each, (m,).
    """
    ego = objects.row(EGO)
    assert ego is not None
    pose = objects.world_T_object
    yaw = np.asarray(pose.yaw_rad)
    gap = objects.centers_m() - objects.position_m[ego]
    half_height = 0.5 * objects.box_size_m[:, 2]
    keep = ~np.isin(objects.semantic, FLAT)
    keep[ego] = False
    keep &= objects.box_size_m[:, :2].max(axis=1) < _LARGEST_M
    keep &= (gap[:, 2] - half_height < _BAND_M[1]) & (gap[:, 2] + half_height > _BAND_M[0])
    c, s = math.cos(yaw[ego]), math.sin(yaw[ego])
    boxes = np.stack(
        [
            c * gap[:, 0] + s * gap[:, 1],
            c * gap[:, 1] - s * gap[:, 0],
            0.5 * objects.box_size_m[:, 0],
            0.5 * objects.box_size_m[:, 1],
            yaw - yaw[ego],
        ],
        axis=1,
    )
    return boxes[keep], objects.semantic[keep]


def cast_m(boxes: FloatArray, bearings: FloatArray) -> FloatArray:
    """Distances from the origin to upright boxes along bearings, (m, k); infinite where missed.

    The slab test: a ray is inside of a box where it is inside of both of its pairs of sides.
    """
    turned = bearings[None, :] - boxes[:, 4:5]
    c, s = np.cos(boxes[:, 4]), np.sin(boxes[:, 4])
    start = np.stack(
        [-c * boxes[:, 0] - s * boxes[:, 1], s * boxes[:, 0] - c * boxes[:, 1]], axis=1
    )
    enter = np.full(turned.shape, 0.0)
    leave = np.full(turned.shape, np.inf)
    for axis, along in enumerate((np.cos(turned), np.sin(turned))):
        # A ray along the sides: a tiny slope sends both crossings to the right infinities.
        slope = np.where(np.abs(along) < 1e-9, 1e-9, along)
        first = (-boxes[:, 2 + axis, None] - start[:, axis, None]) / slope
        second = (boxes[:, 2 + axis, None] - start[:, axis, None]) / slope
        enter = np.maximum(enter, np.minimum(first, second))
        leave = np.minimum(leave, np.maximum(first, second))
    return np.where(enter <= leave, enter, np.inf)


def _road_user(
    boxes: FloatArray, classes: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.float32], bool]:
    """Bearing, log distance and apparent width of the nearest vehicle or person in view."""
    kinds = [int(member) for name in ("vehicle", "person") for member in GROUPS[name]]
    bearing = np.arctan2(boxes[:, 1], boxes[:, 0])
    away = np.hypot(boxes[:, 0], boxes[:, 1])
    fits = np.isin(classes, kinds) & (np.abs(bearing) < HALF_VIEW_RAD) & (away < FARTHEST_M)
    if not fits.any():
        return np.zeros(3, np.float32), False
    row = int(np.flatnonzero(fits)[away[fits].argmin()])
    turned = boxes[row, 4] - bearing[row]
    half = abs(math.sin(turned)) * boxes[row, 2] + abs(math.cos(turned)) * boxes[row, 3]
    width = 2.0 * math.atan2(half, max(away[row], NEAREST_M))
    return np.array([bearing[row], math.log(max(away[row], NEAREST_M)), width], np.float32), True
