"""Which field becomes which LeRobot feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.datasets.export.lerobot.tables import COUNTERS
from fleetloop.datasets.export.lerobot.video import VideoFormat, depth_format, picture_format
from fleetloop.datasets.export.rows import GOAL, Column
from fleetloop.datasets.lineage import Dropped

STATE = "observation.state"
SMALLEST_DEPTH_PX = 32
"""HEVC takes no smaller pictures: smaller depth images are arrays of numbers."""

LARGEST_OF_STATE = 128
"""What has more numbers is a table of the sensor, and no part of the robot's state."""

MOST_AXES = 5
"""Arrays of more axes have no feature type in LeRobot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeRobotOptions:
    """What to put in, and how.

    Attributes:
        fps: Rows a second; 0 for the control rate.
        pictures: `video`, or `png` within the parquet files, without loss.
        codec: `av1` or `h264`.
        crf: Quality of films; 0 for the codec's usual one.
        gop: Frames from one key frame to the next.
        labels: Whether privileged fields go in; of pictures only depth can.
        depth_max_m: Where depth is cut.
        largest: Most numbers in a row of a field that is no picture.
    """

    fps: int = 0
    pictures: str = "video"
    codec: str = "av1"
    crf: int = 0
    gop: int = 2
    labels: bool = False
    depth_max_m: float = 100.0
    largest: int = 4096

    def __post_init__(self) -> None:
        if self.pictures not in ("video", "png"):
            raise ConfigError(f"pictures is {self.pictures!r}: use video or png.")
        if self.fps < 0 or self.crf < 0 or self.gop < 1 or self.largest < 1:
            raise ConfigError(
                f"fps {self.fps}, crf {self.crf}, gop {self.gop}, largest {self.largest}: fps and "
                "crf from 0 on, gop and largest from 1 on."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What goes where.

    Attributes:
        columns: Fields that go in.
        fps: Rows a second.
        features: Of `info.json`.
        state: Columns of `observation.state`, in order.
        alone: Column by feature, for numbers that are features of their own.
        pictures, depths: Column by feature.
        videos: Format by feature.
        depth_max_m: Where depth is cut.
        targets, losses, dropped: For the lineage.
    """

    columns: tuple[Column, ...]
    fps: int
    features: dict[str, dict[str, Any]]
    state: tuple[str, ...]
    alone: Mapping[str, str]
    pictures: Mapping[str, str]
    depths: Mapping[str, str]
    videos: Mapping[str, VideoFormat]
    depth_max_m: float
    targets: Mapping[str, str]
    losses: Mapping[str, str]
    dropped: tuple[Dropped, ...]

    @property
    def in_table(self) -> dict[str, dict[str, Any]]:
        """Features that are columns of the parquet files."""
        return {name: f for name, f in self.features.items() if f["dtype"] != "video"}

    def numbers_of(self, values: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Features of numbers from a row's arrays."""
        told = {feature: values[column] for feature, column in self.alone.items()}
        if self.state:
            parts = [values[column].ravel() for column in self.state]
            told[STATE] = np.concatenate(parts).astype(np.float32)
        return told


def plan_of(
    columns: Sequence[Column], options: LeRobotOptions, fps: int, action_shape: tuple[int, ...]
) -> Plan:
    """Plans a data set.

    Args:
        columns: Fields that may go in.
        options: Of the export.
        fps: Rows a second.
        action_shape: Of one action.

    Raises:
        ConfigError: Pictures that the codec cannot take.
    """
    kept = [c for c in columns if c.kind != "numbers" or _fits(c)]
    pictures = {_picture_key(c, kept): c for c in kept if c.kind == "picture"}
    filmed = [c for c in kept if c.kind == "depth" and min(c.field.shape) >= SMALLEST_DEPTH_PX]
    depths = {_picture_key(c, kept): c for c in filmed}
    numbers = [c for c in kept if c.kind != "picture" and c not in filmed]
    state = [c for c in numbers if _is_state(c)]
    alone = {f"observation.{_plain(c.key)}": c for c in numbers if not _is_state(c)}
    videos = {
        key: depth_format((c.field.shape[0], c.field.shape[1]), fps, options.depth_max_m)
        for key, c in depths.items()
    }
    if options.pictures == "video":
        videos |= {
            key: picture_format(
                key, c.field.shape, fps, codec=options.codec, crf=options.crf, gop=options.gop
            )
            for key, c in pictures.items()
        }
    placed = {**dict.fromkeys((c.key for c in state), STATE)}
    placed |= {c.key: key for key, c in (*alone.items(), *pictures.items(), *depths.items())}
    return Plan(
        columns=tuple(kept),
        fps=fps,
        features=_features(kept, state, alone, pictures | depths, videos, action_shape),
        state=tuple(c.key for c in state),
        alone={key: c.key for key, c in alone.items()},
        pictures={key: c.key for key, c in pictures.items()},
        depths={key: c.key for key, c in depths.items()},
        videos=videos,
        depth_max_m=options.depth_max_m,
        targets=placed,
        losses=_losses(state, pictures, depths, options),
        dropped=tuple(
            Dropped(source=c.key, reason="a mask or an id image; films would spoil it")
            for c in columns
            if c not in kept
        ),
    )


def _fits(column: Column) -> bool:
    """Whether numbers can be a feature: masks and ids as large as pictures cannot."""
    shape = column.field.shape
    picture = len(shape) >= 2 and column.field.privileged and min(shape[:2]) >= 16
    return not picture and len(shape) <= MOST_AXES


def _is_state(column: Column) -> bool:
    real = column.field.dtype.startswith("float")
    small = len(column.field.shape) <= 1 and column.size <= LARGEST_OF_STATE
    return real and small and not column.field.privileged


def _features(
    kept: Sequence[Column],
    state: Sequence[Column],
    alone: Mapping[str, Column],
    images: Mapping[str, Column],
    videos: Mapping[str, VideoFormat],
    action_shape: tuple[int, ...],
) -> dict[str, dict[str, Any]]:
    features: dict[str, dict[str, Any]] = {}
    if state:
        names = [name for column in state for name in _names(column)]
        features[STATE] = {"dtype": "float32", "shape": [len(names)], "names": names}
    for key, column in images.items():
        shape = [*column.field.shape, 1] if column.kind == "depth" else list(column.field.shape)
        features[key] = {
            "dtype": "video" if key in videos else "image",
            "shape": shape,
            "names": ["height", "width", "channels"],
        }
        if key in videos:
            features[key]["info"] = dict(videos[key].info)
    for key, column in alone.items():
        shape = list(column.field.shape) or [1]
        features[key] = {"dtype": column.field.dtype, "shape": shape, "names": None}
    sensors = list(dict.fromkeys(column.sensor for column in kept if column.sensor != GOAL))
    stamps = {"dtype": "float64", "shape": [len(sensors)], "names": sensors}
    features["observation.t_capture_s"] = stamps
    axes = [f"action_{number}" for number in range(int(np.prod(action_shape)))]
    features["action"] = {"dtype": "float32", "shape": list(action_shape), "names": axes}
    features["next.reward"] = {"dtype": "float32", "shape": [1], "names": None}
    features["next.done"] = {"dtype": "bool", "shape": [1], "names": None}
    features["next.success"] = {"dtype": "bool", "shape": [1], "names": None}
    for name, dtype in COUNTERS.items():
        features[name] = {"dtype": dtype, "shape": [1], "names": None}
    return features


def _losses(
    state: Sequence[Column],
    pictures: Mapping[str, Column],
    depths: Mapping[str, Column],
    options: LeRobotOptions,
) -> dict[str, str]:
    losses = {c.key: "rounded to float32" for c in state if c.field.dtype == "float64"}
    if options.pictures == "video":
        losses |= {c.key: f"{options.codec} film, 4:2:0" for c in pictures.values()}
    cut = f"12 bits of a logarithm, cut at {options.depth_max_m:g} m"
    return losses | {c.key: cut for c in depths.values()}


def _picture_key(column: Column, kept: Sequence[Column]) -> str:
    """`observation.images.CAMERA`; with the field's name where a camera has several."""
    same = [c for c in kept if c.sensor == column.sensor and c.kind == column.kind]
    camera = _plain(column.sensor)
    if column.kind == "depth":
        return f"observation.images.{camera}_depth"
    return f"observation.images.{camera}" + (f"_{column.name}" if len(same) > 1 else "")


def _names(column: Column) -> list[str]:
    size = column.size
    return [column.key] if size == 1 else [f"{column.key}.{number}" for number in range(size)]


def _plain(name: str) -> str:
    # LeRobot's names are paths: a slash would be one more folder.
    return name.replace("/", "_")
