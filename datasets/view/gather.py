"""What a viewer shows of an episode, as plain JSON values: pictures, clouds, boxes, plots, events.

Clouds are in the frame of the robot's base at their own time, so that the robot stands still in the
middle. Long episodes are thinned evenly, and the page says so.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_counts
from fleetloop.core.clock import NS_PER_S
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.core.objects import EGO, Objects
from fleetloop.core.semantics import DYNAMIC_CLASSES, SemanticClass
from fleetloop.core.spec import Field
from fleetloop.datasets.labels import camera_labels
from fleetloop.datasets.lanes import camera_lanes
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.view.dynamics import dynamics_series

POINT_STEP_M = 0.01
"""Points travel as int16 in centimetres: up to 327 m."""

_JPEG_QUALITY = 85
_FEWEST_VISIBLE_PX = 12
_BOX_RANGE_M = 80.0
_LANE_RANGE_M = 40.0
_LANE_STEP_PX = 3.0
_WIDEST_PLOT = 8
_ANGLES = {"rad": (180.0 / math.pi, "deg"), "rad/s": (180.0 / math.pi, "deg/s")}


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewOptions:
    """How much goes into a page.

    Attributes:
        frames: Most pictures of a camera, and clouds of a sensor.
        width_px: Pictures that are wider are made smaller.
        points: Most points of a cloud.
        samples: Most samples of a plot.
    """

    frames: int = 200
    width_px: int = 640
    points: int = 6000
    samples: int = 1500

    def __post_init__(self) -> None:
        check_counts(self, "a view", "frames", "width_px", "points", "samples")


def gather(
    episode: RecordedEpisode,
    options: ViewOptions,
    on_part: Callable[[str], None] = lambda name: None,
) -> dict[str, Any]:
    """Collects everything for a page; `on_part` is told the name of each sensor as it is read."""
    meta, outcome = episode.meta, episode.outcome
    cameras, clouds, plots = [], [], []
    for name, schema in episode.schemas.items():
        if not episode.count(name):
            continue
        on_part(name)
        if "rgb" in schema:
            cameras.append(_camera(episode, name, options))
        if "point_m" in schema and schema["point_m"].shape[-1:] == (3,):
            clouds.append(_cloud(episode, name, options))
        plots += _plots(episode, name, options)
    plots += _step_plots(episode, options)
    times = chosen(len(episode.dynamics_times_ns), options.samples)
    plots += [_plot(*series) for series in dynamics_series(episode, times)]
    return {
        "title": meta.episode_id,
        "about": {
            "task": meta.task,
            "robot": meta.robot,
            "policy": meta.policy,
            "seed": meta.seed,
            "steps": len(episode.step_times_ns),
            "ended": "cut" if outcome is None else outcome.cause,
            "reward": 0.0 if outcome is None else round(outcome.total_reward, 3),
            "digest": "" if outcome is None else outcome.digest[:16],
        },
        "end_s": episode.t_last_ns / NS_PER_S,
        "cameras": cameras,
        "clouds": clouds,
        "plots": plots,
        "events": [
            {"t": event.t_ns / NS_PER_S, "kind": event.kind, "detail": dict(event.detail)}
            for event in episode.events()
        ],
    }


def chosen(count: int, most: int) -> list[int]:
    """Up to `most` of the numbers below `count`, evenly spread, the last among them."""
    if count <= most:
        return list(range(count))
    return sorted({int(n) for n in np.linspace(0, count - 1, most)})


def small_picture(
    episode: RecordedEpisode, name: str, number: int, width_px: int
) -> npt.NDArray[np.uint8]:
    """A picture (height, width, 3) RGB, no wider than asked."""
    picture = episode.sample(name, number, ["rgb"]).data["rgb"]
    height, width = picture.shape[:2]
    if width > width_px:
        size = (width_px, max(1, round(height * width_px / width)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(picture, dtype=np.uint8)


def _camera(episode: RecordedEpisode, name: str, options: ViewOptions) -> dict[str, Any]:
    numbers = chosen(episode.count(name), options.frames)
    times = episode.times_ns(name)
    height, width = episode.schemas[name]["rgb"].shape[:2]
    pictures, boxes, lanes = [], [], []
    for number in numbers:
        stored = episode.encoded(name, number, "rgb") if width <= options.width_px else None
        if stored is not None and stored[0] == "jpeg":
            data = stored[1]
        else:
            picture = small_picture(episode, name, number, options.width_px)
            quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
            swapped = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
            data = cv2.imencode(".jpg", swapped, quality)[1].tobytes()
        pictures.append(base64.b64encode(data).decode())
        boxes.append(_picture_boxes(episode, name, number))
        lanes.append(_picture_lanes(episode, name, number))
    return {
        "name": name,
        "width": width,
        "height": height,
        "of": episode.count(name),
        "t": [float(times[number]) / NS_PER_S for number in numbers],
        "pictures": pictures,
        "boxes": boxes,
        "lanes": lanes,
    }


def _picture_lanes(episode: RecordedEpisode, name: str, number: int) -> list[list[Any]]:
    """Stretches of lines that can be seen as [role, x, y, x, y ...]; none without lanes."""
    try:
        lines = camera_lanes(episode, name, number, reach_m=_LANE_RANGE_M)
    except ConfigError:
        return []
    found: list[list[Any]] = []
    for line in lines:
        last: npt.NDArray[Any] | None = None
        for place, seen in zip(line.px, line.seen, strict=True):
            if not seen:
                last = None
            elif last is None or np.abs(place - last).max() >= _LANE_STEP_PX:
                if last is None:
                    found.append([line.role])
                found[-1] += np.round(place, 1).tolist()
                last = place
    return [stretch for stretch in found if len(stretch) > 3]


def _picture_boxes(episode: RecordedEpisode, name: str, number: int) -> list[list[Any]]:
    """Tight boxes as [left, top, right, bottom, text, moves]; none without labels."""
    try:
        labels = camera_labels(episode, name, number)
    except ConfigError:
        return []
    return [
        [*labels.box_px[row].tolist(), f"{labels.names[row]} {labels.distance_m[row]:.0f} m",
         int(labels.semantic[row]) in DYNAMIC_CLASSES]
        for row in range(len(labels.names))
        if labels.visible_px[row] >= _FEWEST_VISIBLE_PX
    ]  # fmt: skip


def _cloud(episode: RecordedEpisode, name: str, options: ViewOptions) -> dict[str, Any]:
    numbers = chosen(episode.count(name), options.frames)
    times = episode.times_ns(name)
    clouds, boxes = [], []
    for number in numbers:
        t_ns = int(times[number])
        fields = [f for f in ("point_m", "valid") if f in episode.schemas[name]]
        sample = episode.sample(name, number, fields)
        points = sample.data["point_m"].reshape(-1, 3)
        if "valid" in sample.data:
            points = points[sample.data["valid"].reshape(-1)]
        points = points[:: max(1, -(-len(points) // options.points))]
        base = episode.base_pose_at(t_ns) or sample.world_T_sensor
        local = (base.inverse() @ sample.world_T_sensor).transform_points(points)
        whole = np.clip(np.round(local / POINT_STEP_M), -32768, 32767).astype("<i2")
        clouds.append(base64.b64encode(whole.tobytes()).decode())
        boxes.append(_space_boxes(episode.objects_at(t_ns), base))
    return {
        "name": name,
        "step": POINT_STEP_M,
        "of": episode.count(name),
        "t": [float(times[number]) / NS_PER_S for number in numbers],
        "points": clouds,
        "boxes": boxes,
    }


def _space_boxes(objects: Objects | None, base: Pose) -> list[list[Any]]:
    """Boxes near the robot as [24 numbers of the corners, text, moves], base frame, metres."""
    if objects is None:
        return []
    corners = base.inverse().transform_points(objects.corners_m())
    near = np.linalg.norm(corners.mean(axis=1), axis=1) < _BOX_RANGE_M
    return [
        [np.round(corners[row], 2).ravel().tolist(), objects.names[row],
         int(objects.semantic[row]) in DYNAMIC_CLASSES or objects.names[row] == EGO]
        for row in np.flatnonzero(near).tolist()
        if objects.semantic[row] != SemanticClass.BUILDING
    ]  # fmt: skip


def _plots(episode: RecordedEpisode, name: str, options: ViewOptions) -> list[dict[str, Any]]:
    schema = episode.schemas[name]
    wanted = [n for n, field in schema.items() if _is_plot(field)]
    if not wanted:
        return []
    numbers = chosen(episode.count(name), options.samples)
    times = episode.times_ns(name)
    rows: dict[str, list[npt.NDArray[Any]]] = {field: [] for field in wanted}
    for number in numbers:
        data = episode.sample(name, number, wanted).data
        for field in wanted:
            rows[field].append(data[field].reshape(-1))
    t_s = [float(times[number]) / NS_PER_S for number in numbers]
    return [
        _plot(f"{name}.{field}", schema[field].unit, t_s, np.array(rows[field])) for field in wanted
    ]


def _is_plot(field: Field) -> bool:
    return field.dtype.startswith("float") and math.prod(field.shape) <= _WIDEST_PLOT


def _step_plots(episode: RecordedEpisode, options: ViewOptions) -> list[dict[str, Any]]:
    numbers = chosen(len(episode.step_times_ns), options.samples)
    if not numbers:
        return []
    steps = [episode.step(number) for number in numbers]
    t_s = [step.t_ns / NS_PER_S for step in steps]
    actions = np.array([step.action.reshape(-1) for step in steps])
    rewards = np.array([[step.reward] for step in steps])
    plots = [_plot("step.reward", "1", t_s, rewards)]
    if actions.shape[1] <= 32:
        plots.insert(0, _plot("step.action", "1", t_s, actions))
    return plots


def _plot(name: str, unit: str, t_s: list[float], values: npt.NDArray[Any]) -> dict[str, Any]:
    factor, shown = _ANGLES.get(unit, (1.0, unit))
    columns = (values.astype(np.float64) * factor).T
    # Nine digits keep a latitude to a centimetre, at half of the size of all of them.
    series = [[float(f"{value:.9g}") for value in column] for column in columns]
    called = name if factor == 1.0 else name.replace("_rad_s", "").replace("_rad", "")
    return {"name": called, "unit": shown, "t": t_s, "series": series}
