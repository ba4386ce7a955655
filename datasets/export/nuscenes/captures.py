"""Files and rows of captures: sample_data, ego_pose, calibrated_sensor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray, Pose
from fleetloop.core.lens import Lens
from fleetloop.core.objects import EGO
from fleetloop.core.types import Sample
from fleetloop.datasets.export.nuscenes.clouds import (
    LIDAR_T_NUSCENES,
    lidar_points,
    radar_bytes,
)
from fleetloop.datasets.export.nuscenes.ground import Ground
from fleetloop.datasets.export.nuscenes.names import Row, token
from fleetloop.datasets.export.nuscenes.scene import Channel, Timeline, data_token, stamp_us
from fleetloop.datasets.recording import RecordedEpisode

_SAME = 1e-7
"""Calibrations that differ by less, metres and quaternion entries, share a row."""


class CaptureWriter:
    """Writes the captures of one scene.

    Args:
        episode: The recording.
        scene: Token.
        number: Of the episode.
        samples: Tokens of the keyframes.
        timeline: Which capture belongs to which.
        ground: Where nuScenes' global frame lies.
        staging: Folder of the data set.
    """

    def __init__(
        self,
        episode: RecordedEpisode,
        scene: str,
        number: int,
        samples: list[str],
        timeline: Timeline,
        ground: Ground,
        staging: Path,
    ) -> None:
        self._episode = episode
        self._scene = scene
        self._number = number
        self._samples = samples
        self._timeline = timeline
        self._ground = ground
        self._staging = staging

    def rows(self, channel: Channel) -> Iterator[tuple[str, Row]]:
        """Writes all files of a channel, and gives their rows."""
        count = self._episode.count(channel.sensor)
        tokens = [data_token(self._scene, channel.name, k) for k in range(count)]
        keys = set(self._timeline.key[channel.name].tolist())
        last: tuple[str, FloatArray] | None = None
        lens = self._episode.calibration.sensors[channel.sensor].lens
        for k in range(count):
            sample = self._episode.sample(channel.sensor, k, ())
            base = self._episode.base_pose_at(sample.t_capture_ns)
            if base is None:
                raise ConfigError(f"Nothing tells where the robot is in {self._episode.path}.")
            mount = base.inverse() @ sample.world_T_sensor
            if channel.modality == "lidar":
                mount = mount @ LIDAR_T_NUSCENES
            told = np.concatenate([mount.position_m, mount.quaternion_xyzw])
            if last is None or np.abs(told - last[1]).max() > _SAME:
                last = token(self._scene, channel.name, "calibration", k), told
                yield "calibrated_sensor", self._calibration(last[0], channel, mount, lens)
            yield (
                "ego_pose",
                {
                    "token": tokens[k],
                    "timestamp": stamp_us(self._number, sample.t_capture_ns),
                    "rotation": wxyz(base),
                    "translation": (base.position_m + self._ground.shift_m).tolist(),
                },
            )
            is_key = k in keys
            name, form = self._file(channel, sample, k, is_key, lens)
            yield (
                "sample_data",
                {
                    "token": tokens[k],
                    "sample_token": self._samples[int(self._timeline.sample_of[channel.name][k])],
                    "ego_pose_token": tokens[k],
                    "calibrated_sensor_token": last[0],
                    "timestamp": stamp_us(self._number, sample.t_capture_ns),
                    "fileformat": form,
                    "is_key_frame": is_key,
                    "height": lens.height_px if lens is not None and channel.field else 0,
                    "width": lens.width_px if lens is not None and channel.field else 0,
                    "filename": name,
                    "prev": tokens[k - 1] if k else "",
                    "next": tokens[k + 1] if k + 1 < count else "",
                },
            )

    def _calibration(self, name: str, channel: Channel, mount: Pose, lens: Lens | None) -> Row:
        camera = channel.modality == "camera" and lens is not None
        return {
            "token": name,
            "sensor_token": token("sensor", channel.name),
            "translation": mount.position_m.tolist(),
            "rotation": wxyz(mount),
            "camera_intrinsic": lens.matrix.tolist() if camera and lens is not None else [],
        }

    def _file(
        self, channel: Channel, sample: Sample, k: int, is_key: bool, lens: Lens | None
    ) -> tuple[str, str]:
        stamp = stamp_us(self._number, sample.t_capture_ns)
        stem = f"{self._scene[:12]}__{channel.name}__{stamp}"
        folder = Path("samples" if is_key else "sweeps") / channel.name
        (self._staging / folder).mkdir(parents=True, exist_ok=True)
        if channel.modality == "lidar":
            name, form = folder / f"{stem}.pcd.bin", "pcd"
            data = lidar_points(self._episode, channel.sensor, k).tobytes()
        elif channel.modality == "radar":
            name, form = folder / f"{stem}.pcd", "pcd"
            data = radar_bytes(self._episode.sample(channel.sensor, k), self._velocity(sample))
        else:
            suffix, data = picture_bytes(self._episode, channel.sensor, k, channel.field, lens)
            name, form = folder / f"{stem}.{suffix}", suffix
        (self._staging / name).write_bytes(data)
        return name.as_posix(), form

    def _velocity(self, sample: Sample) -> FloatArray:
        """Of a sensor over ground, in its own axes, (3,)."""
        objects = self._episode.objects_at(sample.t_capture_ns)
        row = None if objects is None else objects.row(EGO)
        if objects is None or row is None:
            return np.zeros(3)
        arm = sample.world_T_sensor.position_m - objects.position_m[row]
        velocity = objects.linear_m_s[row] + np.cross(objects.angular_rad_s[row], arm)
        return sample.world_T_sensor.inverse().transform_vectors(velocity)


def picture_bytes(
    episode: RecordedEpisode, sensor: str, number: int, field: str, lens: Lens | None
) -> tuple[str, bytes]:
    """A picture as a pinhole camera without distortion sees it: file suffix, and contents.

    The log's own JPEG where nothing is to be straightened.
    """
    import cv2

    bent = lens is not None and any(lens.distortion)
    stored = episode.encoded(sensor, number, field)
    if stored is not None and not bent:
        return "jpg", stored[1]
    picture = cv2.cvtColor(episode.sample(sensor, number, [field]).data[field], cv2.COLOR_RGB2BGR)
    if lens is not None and bent:
        picture = cv2.undistort(picture, lens.matrix, np.array(lens.distortion))
    form, options = (".jpg", [cv2.IMWRITE_JPEG_QUALITY, 95]) if bent else (".png", [])
    done, data = cv2.imencode(form, picture, options)
    if not done:
        raise ConfigError(f"OpenCV cannot encode a picture of {sensor} {picture.shape}.")
    return form[1:], data.tobytes()


def wxyz(pose: Pose) -> list[float]:
    """A quaternion in nuScenes' order."""
    x, y, z, w = pose.quaternion_xyzw.tolist()
    return [w, x, y, z]
