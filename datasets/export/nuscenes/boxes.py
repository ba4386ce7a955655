"""Annotations of keyframes: instance and sample_annotation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fleetloop.core.frames import FloatArray, Pose
from fleetloop.core.objects import EGO, Objects
from fleetloop.datasets.export.nuscenes.captures import wxyz
from fleetloop.datasets.export.nuscenes.clouds import (
    LIDAR_T_NUSCENES,
    count_in_box,
    lidar_points,
)
from fleetloop.datasets.export.nuscenes.ground import Ground
from fleetloop.datasets.export.nuscenes.names import (
    ANNOTATED,
    Row,
    attribute_tokens,
    category_name,
    token,
    visibility_token,
)
from fleetloop.datasets.export.nuscenes.scene import Channel, Timeline
from fleetloop.datasets.labels import camera_labels
from fleetloop.datasets.recording import RecordedEpisode


class BoxWriter:
    """Makes the annotations of one scene.

    Args:
        episode: The recording.
        scene: Token.
        samples: Tokens of the keyframes.
        timeline: Their times and captures.
        ground: Where nuScenes' global frame lies.
        channels: Sensors of the scene.
    """

    def __init__(
        self,
        episode: RecordedEpisode,
        scene: str,
        samples: Sequence[str],
        timeline: Timeline,
        ground: Ground,
        channels: Sequence[Channel],
    ) -> None:
        self._episode = episode
        self._scene = scene
        self._samples = samples
        self._timeline = timeline
        self._shift_m = ground.shift_m
        self._channels = channels

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Annotations in the order of time, one behind, so that each knows the next; instances."""
        waiting: dict[int, Row] = {}
        tracks: dict[int, Row] = {}
        for k, sample in enumerate(self._samples):
            for identity, row in self._sample_rows(k, sample):
                category = row.pop("category")
                before = waiting.get(identity)
                if before is not None:
                    row["prev"], before["next"] = before["token"], row["token"]
                    yield "sample_annotation", before
                waiting[identity] = row
                track = tracks.setdefault(identity, {
                    "token": row["instance_token"],
                    "category_token": token("category", category),
                    "nbr_annotations": 0, "first_annotation_token": row["token"],
                    "last_annotation_token": "",
                })  # fmt: skip
                track["nbr_annotations"] += 1
                track["last_annotation_token"] = row["token"]
        for row in waiting.values():
            yield "sample_annotation", row
        for track in tracks.values():
            yield "instance", track

    def _sample_rows(self, k: int, sample: str) -> Iterator[tuple[int, Row]]:
        """Annotations of one keyframe by instance id; a track may pause, as nuScenes' do."""
        t_ns = int(self._timeline.sample_ns[k])
        objects = self._episode.objects_at(t_ns)
        if objects is None:
            return
        keep = np.isin(objects.semantic, [int(c) for c in ANNOTATED])
        keep &= np.array([name != EGO for name in objects.names], dtype=bool)
        chosen = objects.chosen(keep)
        points = self._points(k)
        radar = self._radar_points(k)
        seen = self._seen(k)
        for row in range(len(chosen)):
            identity = int(chosen.instance_id[row])
            pose, size = _box(chosen, row)
            lidar_count = count_in_box(points, pose, size)
            radar_count = count_in_box(radar, pose, size)
            fraction = seen.get(identity, 0.0)
            if lidar_count + radar_count == 0 and fraction <= 0.0:
                continue
            category = category_name(int(chosen.semantic[row]))
            speed = float(np.linalg.norm(chosen.linear_m_s[row]))
            yield (
                identity,
                {
                    "token": token(self._scene, "annotation", sample, identity),
                    "sample_token": sample,
                    "instance_token": token(self._scene, "instance", identity),
                    "visibility_token": visibility_token(fraction),
                    "attribute_tokens": attribute_tokens(category, speed),
                    "translation": (pose.position_m + self._shift_m).tolist(),
                    "size": [float(size[1]), float(size[0]), float(size[2])],
                    "rotation": wxyz(pose),
                    "prev": "",
                    "next": "",
                    "num_lidar_pts": lidar_count,
                    "num_radar_pts": radar_count,
                    "category": category,
                },
            )

    def _points(self, k: int) -> FloatArray:
        """LiDAR points of a keyframe in the log's world, as they stand in the files, (n, 3)."""
        clouds = [np.zeros((0, 3))]
        for channel in self._channels:
            number = int(self._timeline.key[channel.name][k])
            if channel.modality == "lidar" and number >= 0:
                pose = self._episode.sample(channel.sensor, number, ()).world_T_sensor
                points = lidar_points(self._episode, channel.sensor, number)[:, :3]
                world = pose @ LIDAR_T_NUSCENES
                clouds.append(world.transform_points(points.astype(np.float64)))
        return np.concatenate(clouds)

    def _radar_points(self, k: int) -> FloatArray:
        clouds = [np.zeros((0, 3))]
        for channel in self._channels:
            number = int(self._timeline.key[channel.name][k])
            if channel.modality == "radar" and number >= 0:
                wanted = ["range_m", "azimuth_rad", "valid"]
                sample = self._episode.sample(channel.sensor, number, wanted)
                valid = sample.data["valid"]
                reach, turn = sample.data["range_m"][valid], sample.data["azimuth_rad"][valid]
                flat = np.stack([reach * np.cos(turn), reach * np.sin(turn), 0.0 * reach], axis=1)
                clouds.append(sample.world_T_sensor.transform_points(flat))
        return np.concatenate(clouds)

    def _seen(self, k: int) -> dict[int, float]:
        """Visible part of things by instance id: in the camera that shows most of each."""
        best: dict[int, float] = {}
        for channel in self._channels:
            number = int(self._timeline.key[channel.name][k])
            schema = self._episode.schemas[channel.sensor]
            if channel.modality != "camera" or number < 0 or "instance" not in schema:
                continue
            labels = camera_labels(self._episode, channel.sensor, number)
            for identity, pixels, part in zip(
                labels.instance_id.tolist(), labels.visible_px.tolist(),
                labels.visible_fraction.tolist(), strict=True,
            ):  # fmt: skip
                if pixels:
                    best[identity] = max(best.get(identity, 0.0), part, 1e-6)
        return best


def _box(objects: Objects, row: int) -> tuple[Pose, FloatArray]:
    """Pose of a box's centre in the log's world, and its length, width, height."""
    pose = Pose(objects.position_m[row], objects.quaternion_xyzw[row])
    centre = pose.transform_points(objects.box_center_m[row])
    # nuScenes wants boxes with some size in every direction.
    return Pose(centre, pose.quaternion_xyzw), np.maximum(objects.box_size_m[row], 0.01)
