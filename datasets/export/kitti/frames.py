"""Which captures make a KITTI frame, and KITTI's text lines for them: calibration, labels, oxts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray, Pose
from fleetloop.core.lens import Lens
from fleetloop.core.objects import EGO
from fleetloop.core.semantics import SemanticClass
from fleetloop.datasets.labels import CameraLabels
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.resample import Alignment, align

EARTH_M = 6378137.0
"""Radius that pykitti's Mercator projection uses."""

LATITUDE_DEG = 49.0
"""Of each drive's first pose; KITTI's own drives are there."""

TYPES: Mapping[SemanticClass, str] = {
    SemanticClass.CAR: "Car",
    SemanticClass.TRUCK: "Truck",
    SemanticClass.BUS: "Misc",
    SemanticClass.PERSON: "Pedestrian",
    SemanticClass.RIDER: "Cyclist",
    SemanticClass.BICYCLE: "Cyclist",
    SemanticClass.MOTORCYCLE: "Misc",
}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Frames:
    """The frames of one drive.

    Attributes:
        camera, field: The camera that is KITTI's colour camera 2, and its picture.
        lens: Its projection.
        lidar: The LiDAR, or empty.
        reference: Sensor whose captures are the frames.
        aligned: Captures by sensor.
    """

    camera: str
    field: str
    lens: Lens
    lidar: str
    reference: str
    aligned: Mapping[str, Alignment]

    def __len__(self) -> int:
        return len(self.aligned[self.reference].number)

    def number(self, sensor: str, frame: int) -> int:
        """Capture of a sensor in a frame."""
        return int(self.aligned[sensor].number[frame])


def frames_of(episode: RecordedEpisode, camera: str) -> Frames:
    """Chooses camera and LiDAR, and pairs their captures.

    Args:
        episode: The recording.
        camera: Wanted camera; the first with a pinhole lens if empty, labelled ones first.

    Raises:
        ConfigError: No such camera.
    """
    found = {}
    for name, schema in episode.schemas.items():
        lens = episode.calibration.sensors[name].lens
        picture = next((n for n, f in schema.items() if f.unit == "sRGB" and len(f.shape) == 3), "")
        if picture and episode.count(name) and lens is not None and lens.model == "pinhole":
            found[name] = picture, lens
    names = sorted(found, key=lambda name: "instance" not in episode.schemas[name])
    if (camera and camera not in found) or not found:
        raise ConfigError(
            f"{episode.path} has no pinhole camera {camera!r}: it has {', '.join(found) or 'none'}."
        )
    chosen = camera or names[0]
    lidars = [n for n in episode.sensors("point_m", "valid") if episode.count(n)]
    lidar = lidars[0] if lidars else ""
    reference = lidar or chosen
    times = episode.times_ns(reference)
    sensors = [chosen, *([lidar] if lidar else [])]
    return Frames(
        camera=chosen,
        field=found[chosen][0],
        lens=found[chosen][1],
        lidar=lidar,
        reference=reference,
        aligned={n: align(episode.times_ns(n), times, "nearest") for n in sensors},
    )


def label_lines(labels: CameraLabels, kinds: Sequence[int]) -> list[str]:
    """Lines of `label_2`: type, truncation, occlusion, alpha, box, size, place, heading.

    Args:
        labels: Of the picture.
        kinds: Classes to write; those without a type of KITTI's are `Misc`. What is less than a
            pixel wide or high is left out.
    """
    lines = []
    for row in range(len(labels.names)):
        semantic = int(labels.semantic[row])
        if semantic not in kinds or labels.visible_px[row] == 0:
            continue
        left, top, right, below = labels.amodal_px[row].tolist()
        # KITTI's boxes end a pixel earlier: of less than a pixel nothing would be left.
        if right - left < 1.0 or below - top < 1.0:
            continue
        pose = Pose(
            labels.camera_T_object.position_m[row], labels.camera_T_object.quaternion_xyzw[row]
        )
        length, width, height = labels.box_size_m[row].tolist()
        bottom = labels.box_center_m[row] - np.array([0.0, 0.0, 0.5 * height])
        x, y, z = pose.transform_points(bottom).tolist()
        ahead = pose.transform_vectors(np.array([1.0, 0.0, 0.0]))
        # KITTI's heading turns about the camera's y axis, which points down; 0 looks right.
        heading = math.atan2(-ahead[2], ahead[0])
        alpha = _wrapped(heading - math.atan2(x, z))
        occluded = float(labels.occluded[row])
        told = [
            TYPES.get(SemanticClass(semantic), "Misc"), f"{labels.truncated[row]:.2f}",
            str(int(occluded > 0.1) + int(occluded > 0.5)), f"{alpha:.4f}",
            *(f"{v:.2f}" for v in (left, top, right - 1.0, below - 1.0)),
            *(f"{v:.4f}" for v in (height, width, length, x, y, z)), f"{heading:.4f}",
        ]  # fmt: skip
        lines.append(" ".join(told))
    return lines


def projection(lens: Lens) -> FloatArray:
    """KITTI's P, (3, 4), of the camera itself."""
    return np.concatenate([lens.matrix, np.zeros((3, 1))], axis=1)


def object_calibration(lens: Lens, camera_T_lidar: Pose, lidar_T_base: Pose) -> str:
    """A file of `training/calib`: all four cameras are the one that there is."""
    p = _numbers(projection(lens))
    rows = [f"P{number}: {p}" for number in range(4)]
    rows.append("R0_rect: " + _numbers(np.eye(3)))
    rows.append("Tr_velo_to_cam: " + _numbers(camera_T_lidar.matrix[:3]))
    rows.append("Tr_imu_to_velo: " + _numbers(lidar_T_base.matrix[:3]))
    return "\n".join(rows) + "\n"


def raw_calibration(lens: Lens, camera_T_lidar: Pose, lidar_T_base: Pose) -> dict[str, str]:
    """The three calibration files of a raw date, by name."""
    lines = ["calib_time: 01-Jan-2020 00:00:00", "corner_dist: 9.950000e-02"]
    size = _numbers(np.array([lens.width_px, lens.height_px], dtype=np.float64))
    distortion = [*lens.distortion, *(0.0,) * 5][:5]
    for number in range(4):
        lines += [
            f"S_{number:02d}: {size}",
            f"K_{number:02d}: {_numbers(lens.matrix)}",
            f"D_{number:02d}: {_numbers(np.array(distortion))}",
            f"R_{number:02d}: {_numbers(np.eye(3))}",
            f"T_{number:02d}: {_numbers(np.zeros(3))}",
            f"S_rect_{number:02d}: {size}",
            f"R_rect_{number:02d}: {_numbers(np.eye(3))}",
            f"P_rect_{number:02d}: {_numbers(projection(lens))}",
        ]

    def pose(told: Pose) -> str:
        return (
            "calib_time: 01-Jan-2020 00:00:00\n"
            f"R: {_numbers(told.rotation)}\nT: {_numbers(told.position_m)}\n"
        )

    return {
        "calib_cam_to_cam.txt": "\n".join(lines) + "\n",
        "calib_velo_to_cam.txt": pose(camera_T_lidar),
        "calib_imu_to_velo.txt": pose(lidar_T_base),
    }


def oxts_line(episode: RecordedEpisode, t_ns: int, first_m: FloatArray) -> str:
    """The 30 numbers of an oxts packet: the true pose and motion of the robot's base.

    Latitude and longitude are chosen so that pykitti's Mercator gives the true path back.
    """
    objects = episode.objects_at(t_ns)
    row = None if objects is None else objects.row(EGO)
    if objects is None or row is None:
        raise ConfigError(f"Nothing tells where the robot is in {episode.path}.")
    base = Pose(objects.position_m[row], objects.quaternion_xyzw[row])
    rotation = base.rotation
    roll = math.atan2(rotation[2, 1], rotation[2, 2])
    pitch = -math.asin(max(-1.0, min(1.0, float(rotation[2, 0]))))
    yaw = math.atan2(rotation[1, 0], rotation[0, 0])
    away = base.position_m - first_m
    scale = math.cos(math.radians(LATITUDE_DEG))
    start = math.log(math.tan(math.radians(90.0 + LATITUDE_DEG) / 2.0))
    north = start + float(away[1]) / (scale * EARTH_M)
    latitude = math.degrees(2.0 * math.atan(math.exp(north))) - 90.0
    longitude = math.degrees(float(away[0]) / (scale * EARTH_M))
    east_m_s, north_m_s, _ = objects.linear_m_s[row].tolist()
    body = base.inverse().transform_vectors(objects.linear_m_s[row])
    turn = objects.angular_rad_s[row]
    turn_body = base.inverse().transform_vectors(turn)
    told = [
        latitude, longitude, float(base.position_m[2]), roll, pitch, yaw, north_m_s, east_m_s,
        *body.tolist(), *(0.0,) * 6, *turn_body.tolist(), *turn_body.tolist(), 0.0, 0.0,
    ]  # fmt: skip
    # Status words of the receiver: as good as it gets, nothing received.
    return " ".join([*(repr(float(v)) for v in told), "4", "0", "0", "0", "0"])


def _wrapped(angle: float) -> float:
    return math.atan2(math.sin(angle), math.cos(angle))


def _numbers(array: FloatArray) -> str:
    return " ".join(f"{value:.12e}" for value in np.ravel(array).tolist())
