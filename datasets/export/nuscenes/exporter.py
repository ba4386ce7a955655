"""Recordings as a nuScenes v1.0 data set, one scene an episode; any robots and rigs together.

Calibration is true at each capture (nuScenes has a row of it for every one that differs), ego poses
and calibrations chain to the true pose of the sensor. Boxes are of things that can move or be
moved, if a LiDAR or radar point lies on them or a camera sees them. Tables grow in files of their
own, a line a row, and are joined at the end, so memory stays bounded.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from fleetloop.core.errors import ConfigError
from fleetloop.datasets.export.base import EpisodePart, write_safely
from fleetloop.datasets.export.nuscenes.boxes import BoxWriter
from fleetloop.datasets.export.nuscenes.captures import CaptureWriter
from fleetloop.datasets.export.nuscenes.ground import ground_of, write_mask
from fleetloop.datasets.export.nuscenes.names import (
    VERSION,
    Row,
    attribute_rows,
    category_rows,
    token,
    visibility_rows,
)
from fleetloop.datasets.export.nuscenes.scene import (
    Channel,
    channels_of,
    stamp_us,
    timeline_of,
)
from fleetloop.datasets.lineage import Dropped, Signal, stored_loss
from fleetloop.datasets.recording import RecordedEpisode

_ROWS = "rows"
_GROWING = ("sample", "sample_data", "ego_pose", "calibrated_sensor", "instance",
            "sample_annotation", "scene", "log", "map")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class NuScenesOptions:
    """What to put in.

    Attributes:
        keyframe_hz: Annotated samples a second; nuScenes has 2.
        split: Name of the one split, in `splits.json`.
    """

    keyframe_hz: float = 2.0
    split: str = "fleetloop"

    def __post_init__(self) -> None:
        if not self.keyframe_hz > 0.0:
            raise ConfigError(f"keyframe_hz is {self.keyframe_hz}: use a number > 0.")
        if not self.split.isidentifier():
            raise ConfigError(f"split is {self.split!r}: use letters, digits and _.")


class NuScenes:
    """See the module."""

    OPTIONS: ClassVar[type[NuScenesOptions]] = NuScenesOptions
    NEEDS: ClassVar[tuple[str, ...]] = ()
    EXTRA: ClassVar[str] = ""

    def __init__(self, options: NuScenesOptions) -> None:
        self.options = options

    def add_episode(self, episode: RecordedEpisode, number: int, staging: Path) -> EpisodePart:
        """Writes one scene: its files, and its rows of all tables."""
        channels, dropped = channels_of(episode)
        timeline = timeline_of(episode, channels, self.options.keyframe_hz)
        ground = ground_of(episode)
        name = f"scene-{number + 1:04d}"
        scene = token("scene", name, episode.sha256)
        rows = staging / _ROWS / f"{number:06d}"
        with _Tables(rows) as tables:
            samples = [token(scene, "sample", k) for k in range(len(timeline.sample_ns))]
            for k, (one, t_ns) in enumerate(zip(samples, timeline.sample_ns.tolist(), strict=True)):
                tables.add("sample", {
                    "token": one, "timestamp": stamp_us(number, t_ns), "scene_token": scene,
                    "prev": samples[k - 1] if k else "",
                    "next": samples[k + 1] if k + 1 < len(samples) else "",
                })  # fmt: skip
            writer = CaptureWriter(episode, scene, number, samples, timeline, ground, staging)
            for channel in channels:
                for table, row in writer.rows(channel):
                    tables.add(table, row)
            boxes = BoxWriter(episode, scene, samples, timeline, ground, channels)
            for table, row in boxes.rows():
                tables.add(table, row)
            self._describe(tables, episode, name, scene, samples)
        (staging / "maps").mkdir(exist_ok=True)
        write_mask(episode, ground, staging / "maps" / f"{token(scene, 'map')}.png")
        return EpisodePart(
            frames=len(samples),
            signals=tuple(_signals(episode, channels)),
            dropped=(*dropped, *_dropped()),
            memory={
                "scene": name,
                "channels": {c.name: c.modality for c in channels},
                "sensors": {c.name: c.sensor for c in channels},
                "shift_m": ground.shift_m.tolist(),
                "episode_id": episode.meta.episode_id,
            },
        )

    def finish(self, parts: Sequence[EpisodePart], staging: Path) -> None:
        """Joins the tables, and writes those that are the same in every set."""
        folder = staging / VERSION
        folder.mkdir(exist_ok=True)
        rows = staging / _ROWS
        if rows.exists():
            for table in _GROWING:
                _join([rows / f"{k:06d}" for k in range(len(parts))], table, folder)
        channels = {k: v for part in parts for k, v in part.memory["channels"].items()}
        fixed: dict[str, Any] = {
            "category": category_rows(),
            "attribute": attribute_rows(),
            "visibility": visibility_rows(),
            "sensor": [
                {"token": token("sensor", name), "channel": name, "modality": modality}
                for name, modality in channels.items()
            ],
        }
        for table, content in fixed.items():
            write_safely(folder / f"{table}.json", json.dumps(content, indent=0))
        scenes = [part.memory["scene"] for part in parts]
        write_safely(folder / "splits.json", json.dumps({self.options.split: scenes}, indent=0))
        told = [dict(part.memory) for part in parts]
        write_safely(staging / "scenes.json", json.dumps(told, indent=1) + "\n")
        for folder_name in ("samples", "sweeps", "maps"):
            (staging / folder_name).mkdir(exist_ok=True)
        shutil.rmtree(rows, ignore_errors=True)

    def _describe(
        self, tables: _Tables, episode: RecordedEpisode, name: str, scene: str, samples: list[str]
    ) -> None:
        meta = episode.meta
        outcome = episode.outcome
        log, area = token(scene, "log"), token(scene, "map")
        tables.add("scene", {
            "token": scene, "log_token": log, "nbr_samples": len(samples),
            "first_sample_token": samples[0], "last_sample_token": samples[-1], "name": name,
            "description": f"{meta.task}, {meta.policy}, seed {meta.seed}, "
                           f"{outcome.cause if outcome else 'cut'}",
        })  # fmt: skip
        tables.add("log", {
            "token": log, "logfile": meta.episode_id, "vehicle": meta.robot,
            "date_captured": "2020-01-01", "location": f"fleetloop-{name}",
        })  # fmt: skip
        tables.add("map", {
            "token": area, "category": "semantic_prior", "filename": f"maps/{area}.png",
            "log_tokens": [log],
        })  # fmt: skip


class _Tables:
    """Rows of one scene, a line each, a file a table."""

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._stack = ExitStack()
        self._files = {
            name: self._stack.enter_context((folder / f"{name}.jsonl").open("w"))
            for name in _GROWING
        }

    def add(self, table: str, row: Row) -> None:
        """Adds a row."""
        self._files[table].write(json.dumps(row, allow_nan=False) + "\n")

    def __enter__(self) -> _Tables:
        return self

    def __exit__(self, *told: object) -> None:
        # All of them, also where the first cannot write what it held.
        self._stack.close()


def _join(folders: Sequence[Path], table: str, target: Path) -> None:
    """Makes one JSON list of many files of lines."""
    new = target / f"{table}.json.tmp"
    with new.open("w") as out:
        lead = "[\n"
        for folder in folders:
            with (folder / f"{table}.jsonl").open() as lines:
                for line in lines:
                    out.write(lead + line.rstrip("\n"))
                    lead = ",\n"
        out.write("\n]\n" if lead != "[\n" else "[]\n")
    os.replace(new, target / f"{table}.json")


def _signals(episode: RecordedEpisode, channels: Sequence[Channel]) -> Iterator[Signal]:
    what: Mapping[str, str] = {
        "camera": "", "lidar": "turned by -90 deg; motion within the sweep taken out",
        "radar": "in Cartesian axes",
    }  # fmt: skip
    for channel in channels:
        schema = episode.schemas[channel.sensor]
        fields = [channel.field] if channel.field else [
            n for n in ("point_m", "valid", "intensity", "ring", "time_offset_s", "range_m",
                        "azimuth_rad", "radial_speed_m_s", "rcs_dbsm") if n in schema
        ]  # fmt: skip
        if channel.modality == "lidar":
            fields = [n for n in fields if n not in ("range_m", "azimuth_rad", "rcs_dbsm")]
        for field in fields:
            parts = [stored_loss(episode, channel.sensor, field), what[channel.modality]]
            lens = episode.calibration.sensors[channel.sensor].lens
            if channel.modality == "camera" and lens is not None and any(lens.distortion):
                parts.append("undistorted, encoded anew")
            yield Signal(
                source=f"{channel.sensor}.{field}",
                target=channel.name,
                lossy="; ".join(part for part in parts if part),
            )
    yield Signal(source="objects", target="sample_annotation", lossy="keyframes only")
    yield Signal(source="times", target="timestamp", lossy="whole microseconds")


def _dropped() -> Iterator[Dropped]:
    for source in ("step.action", "step.reward_terms", "step.goal", "step.truth", "step.events"):
        yield Dropped(source=source, reason="nuScenes has no table for it")
