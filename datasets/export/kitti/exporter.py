"""Recordings as KITTI: a raw drive an episode, and all frames as training data of the benchmark.

    2020_01_DD/2020_01_DD_drive_0001_sync/{image_02, velodyne_points, oxts}     pykitti.raw
    2020_01_DD/calib_*.txt
    training/{image_2, velodyne, calib, label_2}/NNNNNN.*                       object detection

Both share their files by hard links. KITTI has one set of rectified cameras that look the same way:
one camera goes in, as camera 2. LiDAR points of a sweep are taken to its instant.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

import numpy as np

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.datasets.export.base import EpisodePart
from fleetloop.datasets.export.kitti.frames import (
    Frames,
    frames_of,
    label_lines,
    object_calibration,
    oxts_line,
    raw_calibration,
)
from fleetloop.datasets.export.nuscenes.clouds import deskewed, pose_before
from fleetloop.datasets.export.nuscenes.names import ANNOTATED
from fleetloop.datasets.labels import camera_labels
from fleetloop.datasets.lineage import Dropped, Signal, stored_loss
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.resample import report

_ROWS = "rows"
_DAY = datetime(2020, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class KittiOptions:
    """What to put in.

    Attributes:
        camera: KITTI's camera 2; the first one with a pinhole lens if empty, labelled ones first.
    """

    camera: str = ""


class Kitti:
    """See the module."""

    OPTIONS: ClassVar[type[KittiOptions]] = KittiOptions
    NEEDS: ClassVar[tuple[str, ...]] = ()
    EXTRA: ClassVar[str] = ""

    def __init__(self, options: KittiOptions) -> None:
        self.options = options

    def add_episode(self, episode: RecordedEpisode, number: int, staging: Path) -> EpisodePart:
        """Writes a raw drive, and the text files of the benchmark."""
        frames = frames_of(episode, self.options.camera)
        date = (_DAY + timedelta(days=number)).strftime("%Y_%m_%d")
        drive = staging / date / f"{date}_drive_0001_sync"
        rows = staging / _ROWS / f"{number:06d}"
        for folder in (*(drive / f for f in _folders(frames)), rows):
            folder.mkdir(parents=True, exist_ok=True)
        calibration = episode.calibration.sensors
        base_T_lidar = calibration[frames.lidar].link_T_sensor if frames.lidar else Pose.identity()
        nominal = calibration[frames.camera].link_T_sensor.inverse() @ base_T_lidar
        for name, text in raw_calibration(frames.lens, nominal, base_T_lidar.inverse()).items():
            (staging / date / name).write_text(text)
        first_m = _place(episode, int(episode.times_ns(frames.reference)[0]))
        for frame in range(len(frames)):
            _write_frame(episode, frames, frame, drive, first_m)
            calib, labels = _benchmark_texts(episode, frames, frame)
            (rows / f"{frame:06d}.calib").write_text(calib)
            (rows / f"{frame:06d}.label").write_text(labels)
        _write_stamps(episode, frames, drive, number)
        return EpisodePart(
            frames=len(frames),
            signals=tuple(_signals(episode, frames)),
            dropped=tuple(_dropped(episode, frames)),
            memory={"date": date, "lidar": bool(frames.lidar), "frames": len(frames)},
        )

    def finish(self, parts: Sequence[EpisodePart], staging: Path) -> None:
        """Numbers the frames of all drives into `training`."""
        training = staging / "training"
        for folder in ("image_2", "velodyne", "calib", "label_2"):
            (training / folder).mkdir(parents=True, exist_ok=True)
        index = 0
        rows = staging / _ROWS
        for number, part in enumerate(parts):
            date = part.memory["date"]
            drive = staging / date / f"{date}_drive_0001_sync"
            for frame in range(part.memory["frames"]):
                pairs = {
                    drive / "image_02" / "data" / f"{frame:010d}.png": f"image_2/{index:06d}.png",
                    rows / f"{number:06d}" / f"{frame:06d}.calib": f"calib/{index:06d}.txt",
                    rows / f"{number:06d}" / f"{frame:06d}.label": f"label_2/{index:06d}.txt",
                }
                if part.memory["lidar"]:
                    points = drive / "velodyne_points" / "data" / f"{frame:010d}.bin"
                    pairs[points] = f"velodyne/{index:06d}.bin"
                for source, target in pairs.items():
                    _shared(source, training / target)
                index += 1
        sets = staging / "ImageSets"
        sets.mkdir(exist_ok=True)
        (sets / "train.txt").write_text("".join(f"{k:06d}\n" for k in range(index)))
        shutil.rmtree(rows, ignore_errors=True)


def _folders(frames: Frames) -> Iterator[str]:
    yield "image_02/data"
    yield "oxts/data"
    if frames.lidar:
        yield "velodyne_points/data"


def _place(episode: RecordedEpisode, t_ns: int) -> np.ndarray:
    base = episode.base_pose_at(t_ns)
    if base is None or episode.objects_at(t_ns) is None:
        raise ConfigError(f"{episode.path} holds no true objects: record it anew for KITTI.")
    return base.position_m


def _write_frame(
    episode: RecordedEpisode, frames: Frames, frame: int, drive: Path, first_m: np.ndarray
) -> None:
    import cv2

    sample = episode.sample(frames.camera, frames.number(frames.camera, frame), [frames.field])
    picture = cv2.cvtColor(sample.data[frames.field], cv2.COLOR_RGB2BGR)
    if any(frames.lens.distortion):
        picture = cv2.undistort(picture, frames.lens.matrix, np.array(frames.lens.distortion))
    _, png = cv2.imencode(".png", picture)
    (drive / "image_02" / "data" / f"{frame:010d}.png").write_bytes(png.tobytes())
    t_ns = int(episode.times_ns(frames.reference)[frame])
    oxts = oxts_line(episode, t_ns, first_m)
    (drive / "oxts" / "data" / f"{frame:010d}.txt").write_text(oxts + "\n")
    if frames.lidar:
        target = drive / "velodyne_points" / "data" / f"{frame:010d}.bin"
        cloud = _cloud(episode, frames.lidar, frames.number(frames.lidar, frame))
        target.write_bytes(cloud.tobytes())


def _cloud(episode: RecordedEpisode, sensor: str, number: int) -> np.ndarray:
    """Points of a sweep, (n, 4) float32: x, y, z, reflectance 0 to 1."""
    schema = episode.schemas[sensor]
    wanted = [n for n in ("point_m", "valid", "intensity", "time_offset_s") if n in schema]
    sample = episode.sample(sensor, number, wanted)
    points = sample.data["point_m"].astype(np.float64)
    offset = sample.data.get("time_offset_s")
    if offset is not None and offset.shape == points.shape[1:2]:
        points = deskewed(points, offset, pose_before(episode, sensor, sample))
    valid = sample.data["valid"]
    light = sample.data.get("intensity", np.zeros(valid.shape))
    return np.concatenate([points[valid], light[valid][:, None]], axis=1).astype(np.float32)


def _benchmark_texts(episode: RecordedEpisode, frames: Frames, frame: int) -> tuple[str, str]:
    """Calibration and labels of a frame; true at the frame, also where a head turns."""
    number = frames.number(frames.camera, frame)
    camera = episode.sample(frames.camera, number, ()).world_T_sensor
    base = episode.base_pose_at(int(episode.times_ns(frames.camera)[number]))
    lidar = base if base is not None else camera
    if frames.lidar:
        lidar = episode.sample(frames.lidar, frames.number(frames.lidar, frame), ()).world_T_sensor
    lidar_T_base = lidar.inverse() @ (base if base is not None else lidar)
    calib = object_calibration(frames.lens, camera.inverse() @ lidar, lidar_T_base)
    if "instance" not in episode.schemas[frames.camera]:
        return calib, ""
    labels = camera_labels(episode, frames.camera, number)
    lines = label_lines(labels, [int(c) for c in ANNOTATED])
    return calib, "".join(line + "\n" for line in lines)


def _write_stamps(episode: RecordedEpisode, frames: Frames, drive: Path, number: int) -> None:
    """`timestamps.txt` of each folder: true capture times, to the nanosecond."""
    folders = {"image_02": frames.camera, "oxts": frames.reference}
    if frames.lidar:
        folders["velodyne_points"] = frames.lidar
    day = _DAY + timedelta(days=number)
    for folder, sensor in folders.items():
        lines = []
        for frame in range(len(frames)):
            k = frame if folder == "oxts" else frames.number(sensor, frame)
            seconds, rest = divmod(int(episode.times_ns(sensor)[k]), 1_000_000_000)
            stamp = day + timedelta(seconds=seconds)
            lines.append(f"{stamp:%Y-%m-%d %H:%M:%S}.{rest:09d}\n")
        (drive / folder / "timestamps.txt").write_text("".join(lines))


def _shared(source: Path, target: Path) -> None:
    """Gives a file a second name; a copy where the disk knows no links."""
    if target.exists():
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _signals(episode: RecordedEpisode, frames: Frames) -> Iterator[Signal]:
    camera, lidar = frames.camera, frames.lidar
    loss = stored_loss(episode, camera, frames.field)
    if any(frames.lens.distortion):
        loss = "; ".join(part for part in (loss, "undistorted") if part)
    told = report(frames.aligned[camera], episode.count(camera))
    yield Signal(source=f"{camera}.{frames.field}", target="image_2", resampling=told, lossy=loss)
    for label in ("instance", "depth_m"):
        if label in episode.schemas[camera]:
            yield Signal(
                source=f"{camera}.{label}", target="label_2", lossy="only boxes and occlusion"
            )
    if lidar:
        resampled = report(frames.aligned[lidar], episode.count(lidar))
        for name in ("point_m", "valid", "intensity", "time_offset_s"):
            if name in episode.schemas[lidar]:
                yield Signal(
                    source=f"{lidar}.{name}", target="velodyne", resampling=resampled,
                    lossy="motion within the sweep taken out",
                )  # fmt: skip
    yield Signal(
        source="objects",
        target="label_2, oxts",
        lossy="boxes of a pixel or more in one camera; true path",
    )


def _dropped(episode: RecordedEpisode, frames: Frames) -> Iterator[Dropped]:
    kept = {
        frames.camera: {frames.field, "instance", "depth_m"},
        frames.lidar: {"point_m", "valid", "intensity", "time_offset_s"},
    }
    for sensor, schema in episode.schemas.items():
        if sensor not in kept:
            yield Dropped(source=sensor, reason="KITTI has one camera, one LiDAR, one oxts here")
            continue
        for name in schema:
            if name not in kept[sensor]:
                yield Dropped(source=f"{sensor}.{name}", reason="KITTI has no place for it")
    for source in ("step.action", "step.reward_terms", "step.goal", "step.truth", "step.events"):
        yield Dropped(source=source, reason="KITTI has no place for it")
