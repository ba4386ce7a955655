"""Samples as ROS 2 messages, chosen by what the schema says of the fields.

sRGB uint8 (h, w, 3)            sensor_msgs/CompressedImage (the log's JPEG) or Image rgb8
other pictures                  sensor_msgs/Image: 32FC1 depth, 32SC1 ids, mono8 classes, ...
point_m and its grid            sensor_msgs/PointCloud2
specific force, angular rate    sensor_msgs/Imu
latitude, longitude, altitude   sensor_msgs/NavSatFix
all else                        std_msgs/*MultiArray, a topic a field, shape in the layout
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.clock import NS_PER_S
from fleetloop.core.frames import Pose
from fleetloop.core.lens import Lens
from fleetloop.core.spec import Schema
from fleetloop.core.types import Sample

Message = Any
"""A dataclass of rosbags' type store."""

_ENCODINGS: Mapping[tuple[str, int], str] = {
    ("uint8", 1): "mono8",
    ("uint8", 3): "rgb8",
    ("uint16", 1): "mono16",
    ("int16", 1): "16SC1",
    ("int32", 1): "32SC1",
    ("float32", 1): "32FC1",
    ("float32", 2): "32FC2",
    ("float32", 3): "32FC3",
    ("bool", 1): "mono8",
}
_POINT_TYPES: Mapping[str, int] = {
    "int8": 1, "uint8": 2, "bool": 2, "int16": 3, "uint16": 4, "int32": 5, "float32": 7,
    "float64": 8,
}  # fmt: skip
_ARRAYS: Mapping[str, tuple[str, str]] = {
    "bool": ("UInt8", "uint8"), "uint8": ("UInt8", "uint8"), "uint16": ("UInt16", "uint16"),
    "int16": ("Int16", "int16"), "int32": ("Int32", "int32"), "int64": ("Int64", "int64"),
    "float32": ("Float32", "float32"), "float64": ("Float64", "float64"),
}  # fmt: skip
_IMU = ("specific_force_m_s2", "angular_rate_rad_s")
_FIX = ("latitude_rad", "longitude_rad", "altitude_m")
_SMALLEST_PX = 16


class Messages:
    """Makes messages of one type store.

    Args:
        typestore: Of rosbags.
        start_ns: ROS time of the reset.
    """

    def __init__(self, typestore: Any, start_ns: int) -> None:  # noqa: ANN401
        self._types = typestore.types
        self._start_ns = start_ns

    def make(self, name: str, /, **fields: Any) -> Message:  # noqa: ANN401
        """A message by its type, such as `std_msgs/msg/String`."""
        return self._types[name](**fields)

    def time(self, t_ns: int) -> Message:
        """An instant of the episode."""
        seconds, rest = divmod(self._start_ns + t_ns, NS_PER_S)
        return self.make("builtin_interfaces/msg/Time", sec=seconds, nanosec=rest)

    def header(self, t_ns: int, frame: str) -> Message:
        """Stamp and frame."""
        return self.make("std_msgs/msg/Header", stamp=self.time(t_ns), frame_id=frame)

    def of_sample(
        self, sample: Sample, schema: Schema, lens: Lens | None, jpeg: Mapping[str, bytes]
    ) -> Iterator[tuple[str, str, Message]]:
        """Topic, type and message of everything in a sample.

        Args:
            sample: Its arrays; what is in `jpeg` may be left out.
            schema: Of the sensor.
            lens: Of a camera.
            jpeg: Encoded pictures by field.
        """
        lead = f"/{sample.sensor}"
        header = self.header(sample.t_capture_ns, sample.sensor)
        for name, data in jpeg.items():
            picture = np.frombuffer(data, np.uint8)
            kind = "sensor_msgs/msg/CompressedImage"
            told = self.make(kind, header=header, format="jpeg", data=picture)
            yield f"{lead}/{name}/compressed", kind, told
        if lens is not None and lens.model != "panorama":
            kind = "sensor_msgs/msg/CameraInfo"
            yield f"{lead}/camera_info", kind, self._camera(header, lens)
        grid = schema["point_m"].shape[:-1] if "point_m" in schema else None
        joined = set(jpeg)
        if grid is not None:
            names = [n for n, f in schema.items() if f.shape in (grid, (*grid, 3))]
            joined |= set(names)
            yield (
                f"{lead}/points",
                "sensor_msgs/msg/PointCloud2",
                self._cloud(header, sample, names),
            )
        if all(name in schema and schema[name].shape == (3,) for name in _IMU):
            joined |= set(_IMU)
            yield f"{lead}/data", "sensor_msgs/msg/Imu", self._imu(header, sample)
        if all(name in schema and math.prod(schema[name].shape) == 1 for name in _FIX):
            joined |= set(_FIX)
            yield f"{lead}/fix", "sensor_msgs/msg/NavSatFix", self._fix(header, sample)
        for name in schema:
            if name not in joined:
                yield self._field(f"{lead}/{name}", header, sample.data[name])

    def transform(self, t_ns: int, parent: str, child: str, pose: Pose) -> Message:
        """One `geometry_msgs/TransformStamped`."""
        return self.make(
            "geometry_msgs/msg/TransformStamped",
            header=self.header(t_ns, parent),
            child_frame_id=child,
            transform=self.make(
                "geometry_msgs/msg/Transform",
                translation=self._vector(pose.position_m),
                rotation=self._quaternion(pose.quaternion_xyzw),
            ),
        )

    def array(self, values: npt.NDArray[Any]) -> tuple[str, Message]:
        """Numbers of any shape as `std_msgs/*MultiArray`: type and message."""
        stem, dtype = _ARRAYS[values.dtype.name]
        sizes = values.shape or (1,)
        layout = self.make(
            "std_msgs/msg/MultiArrayLayout",
            dim=[
                self.make(
                    "std_msgs/msg/MultiArrayDimension",
                    label=f"axis{axis}", size=size, stride=int(np.prod(sizes[axis:])),
                )
                for axis, size in enumerate(sizes)
            ],
            data_offset=0,
        )  # fmt: skip
        kind = f"std_msgs/msg/{stem}MultiArray"
        flat = np.ascontiguousarray(values).astype(dtype).ravel()
        return kind, self.make(kind, layout=layout, data=flat)

    def _field(
        self, topic: str, header: Message, values: npt.NDArray[Any]
    ) -> tuple[str, str, Message]:
        channels = values.shape[2] if values.ndim == 3 else 1
        code = _ENCODINGS.get((values.dtype.name, channels))
        picture = values.ndim in (2, 3) and min(values.shape[:2]) >= _SMALLEST_PX
        if not picture or code is None:
            kind, told = self.array(values)
            return topic, kind, told
        kind = "sensor_msgs/msg/Image"
        told = self.make(
            kind, header=header, height=values.shape[0], width=values.shape[1], encoding=code,
            is_bigendian=0, step=values.shape[1] * channels * values.itemsize, data=_bytes(values),
        )  # fmt: skip
        return topic, kind, told

    def _camera(self, header: Message, lens: Lens) -> Message:
        matrix = lens.matrix
        if lens.model == "fisheye":
            model, numbers = "equidistant", [*lens.distortion, *(0.0,) * 4][:4]
        elif len(lens.distortion) == 8:
            model, numbers = "rational_polynomial", list(lens.distortion)
        else:
            model, numbers = "plumb_bob", [*lens.distortion, *(0.0,) * 5][:5]
        region = self.make(
            "sensor_msgs/msg/RegionOfInterest",
            x_offset=0, y_offset=0, height=0, width=0, do_rectify=False,
        )  # fmt: skip
        return self.make(
            "sensor_msgs/msg/CameraInfo", header=header, height=lens.height_px,
            width=lens.width_px, distortion_model=model, d=np.array(numbers), k=matrix.ravel(),
            r=np.eye(3).ravel(), p=np.concatenate([matrix, np.zeros((3, 1))], axis=1).ravel(),
            binning_x=0, binning_y=0, roi=region,
        )  # fmt: skip

    def _cloud(self, header: Message, sample: Sample, names: list[str]) -> Message:
        columns: list[tuple[str, npt.NDArray[Any]]] = []
        for name in sorted(names, key=lambda name: name != "point_m"):
            values = sample.data[name]
            if values.ndim == sample.data["point_m"].ndim:
                ends = "xyz" if name == "point_m" else [f"{name}_{axis}" for axis in "xyz"]
                columns += [(end, values[..., axis]) for axis, end in enumerate(ends)]
            else:
                columns.append((name, values))
        dtype = np.dtype([(name, _plain(values.dtype)) for name, values in columns])
        packed = np.empty(columns[0][1].shape, dtype)
        for name, values in columns:
            packed[name] = values
        places: Mapping[str, Any] = dtype.fields or {}
        offsets = {name: int(places[name][1]) for name, _ in columns}
        fields = [
            self.make(
                "sensor_msgs/msg/PointField", name=name, offset=offsets[name],
                datatype=_POINT_TYPES[values.dtype.name], count=1,
            )
            for name, values in columns
        ]  # fmt: skip
        height = len(packed) if packed.ndim == 2 else 1
        width = packed.size // max(height, 1)
        return self.make(
            "sensor_msgs/msg/PointCloud2", header=header, height=height, width=width,
            fields=fields, is_bigendian=False, point_step=dtype.itemsize,
            row_step=width * dtype.itemsize, data=_bytes(packed), is_dense=True,
        )  # fmt: skip

    def _imu(self, header: Message, sample: Sample) -> Message:
        unknown = np.zeros(9)
        # ROS has no other way to say that there is no orientation.
        absent = np.array([-1.0, *(0.0,) * 8])
        return self.make(
            "sensor_msgs/msg/Imu", header=header,
            orientation=self._quaternion(np.array([0.0, 0.0, 0.0, 1.0])),
            orientation_covariance=absent,
            angular_velocity=self._vector(sample.data["angular_rate_rad_s"]),
            angular_velocity_covariance=unknown,
            linear_acceleration=self._vector(sample.data["specific_force_m_s2"]),
            linear_acceleration_covariance=unknown,
        )  # fmt: skip

    def _fix(self, header: Message, sample: Sample) -> Message:
        valid = bool(sample.data.get("valid", np.array(True)).all())
        status = self.make("sensor_msgs/msg/NavSatStatus", status=0 if valid else -1, service=1)
        latitude, longitude, altitude = (float(sample.data[name].ravel()[0]) for name in _FIX)
        return self.make(
            "sensor_msgs/msg/NavSatFix", header=header, status=status,
            latitude=math.degrees(latitude), longitude=math.degrees(longitude), altitude=altitude,
            position_covariance=np.zeros(9), position_covariance_type=0,
        )  # fmt: skip

    def _vector(self, values: npt.NDArray[Any]) -> Message:
        x, y, z = (float(value) for value in values)
        return self.make("geometry_msgs/msg/Vector3", x=x, y=y, z=z)

    def _quaternion(self, values: npt.NDArray[Any]) -> Message:
        x, y, z, w = (float(value) for value in values)
        return self.make("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w)


def _plain(dtype: np.dtype[Any]) -> str:
    return "u1" if dtype == np.bool_ else dtype.newbyteorder("<").str


def _bytes(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
