"""Which fields of a sensor travel in a message type of their own, so that other tools show them.

A sample is one `Capture` message with its times, pose and small arrays. Big arrays leave it for a
stream beside it, chosen by what the schema says of them, never by the kind of sensor:

    points   `point_m` (..., 3) and all arrays over the same grid     foxglove.PointCloud
    jpeg     uint8 (height, width, 3) in sRGB, unless lossless        foxglove.CompressedImage
    raw      pictures of uint8, uint16 or float32                     foxglove.RawImage

Only `jpeg` loses anything. A stream's name and fields are kept in the metadata of its MCAP channel,
so a log stays readable when these rules change.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage
from foxglove_schemas_protobuf.PackedElementField_pb2 import PackedElementField
from foxglove_schemas_protobuf.PointCloud_pb2 import PointCloud
from foxglove_schemas_protobuf.RawImage_pb2 import RawImage

from fleetloop.core.clock import NS_PER_S
from fleetloop.core.errors import DamagedFileError, SchemaError
from fleetloop.core.spec import Field, Schema
from fleetloop.core.types import Sample

Arrays = dict[str, npt.NDArray[Any]]

JPEG_QUALITY = 92
"""As the project's format study chose: 66 KiB for 640x480, visually without loss."""

_SMALLEST_PICTURE = 16
_NO_FIELDS: Mapping[str, Any] = {}

_RAW_ENCODINGS: Mapping[tuple[str, int], str] = {
    ("uint8", 3): "rgb8",
    ("uint8", 1): "mono8",
    ("uint16", 1): "mono16",
    ("float32", 1): "32FC1",
}

_PACKED: Mapping[str, tuple[str, int]] = {
    "bool": ("u1", PackedElementField.UINT8),
    "uint8": ("u1", PackedElementField.UINT8),
    "uint16": ("<u2", PackedElementField.UINT16),
    "int16": ("<i2", PackedElementField.INT16),
    "int32": ("<i4", PackedElementField.INT32),
    "float32": ("<f4", PackedElementField.FLOAT32),
    "float64": ("<f8", PackedElementField.FLOAT64),
}


@dataclass(frozen=True, slots=True)
class Stream:
    """Some fields of one sensor that share a message.

    Attributes:
        kind: A key of `CODECS`.
        sensor: Its name.
        fields: Names in the sensor's schema.
    """

    kind: str
    sensor: str
    fields: tuple[str, ...]

    @property
    def topic(self) -> str:
        """Where it is in the log."""
        return f"/sensor/{self.sensor}/{self.fields[0]}"

    def metadata(self) -> dict[str, str]:
        """What its MCAP channel says of it."""
        return {"stream": self.kind, "sensor": self.sensor, "fields": json.dumps(self.fields)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Stream:
        """Reads what `metadata` wrote.

        Raises:
            DamagedFileError: It is not of that form.
        """
        try:
            fields = tuple(str(name) for name in json.loads(metadata["fields"]))
            stream = cls(metadata["stream"], metadata["sensor"], fields)
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedFileError(f"A channel's metadata cannot be read: {error}.") from error
        if stream.kind not in CODECS or not fields:
            raise DamagedFileError(
                f"The stream {stream.topic if fields else '?'} is of the unknown kind "
                f"{stream.kind!r}: a newer fleetloop may read it."
            )
        return stream


Scratch = dict[tuple[int, ...], npt.NDArray[np.uint8]]
"""Room for a picture, by shape, that the next one overwrites: touching fresh memory for each costs
more than what is done in it. Whoever encodes keeps one; it is not for several threads."""


@dataclass(frozen=True, slots=True)
class Codec:
    """How a kind of stream becomes a message and back.

    Attributes:
        message: Protobuf class.
        lossless: Whether the arrays come back bit for bit.
        encode: Fields of a sample to a message, with room to work in.
        decode: A message to arrays.
    """

    message: Any
    lossless: bool
    encode: Callable[[Stream, Schema, Sample, Scratch], Any]
    decode: Callable[[Stream, Schema, Any], Arrays]


def plan_streams(sensor: str, schema: Schema, *, lossless: bool) -> tuple[Stream, ...]:
    """Streams for one sensor; fields that are in none stay in its `Capture` messages."""
    points = _point_fields(schema)
    streams = [Stream("points", sensor, points)] if points else []
    for name, field in schema.items():
        if name in points or not _is_picture(field):
            continue
        colored = len(field.shape) == 3 and field.unit == "sRGB"
        streams.append(Stream("jpeg" if colored and not lossless else "raw", sensor, (name,)))
    return tuple(streams)


def stamp(message: Any, t_ns: int) -> None:  # noqa: ANN401 - a protobuf Timestamp
    """Writes simulated time into a `google.protobuf.Timestamp`."""
    message.seconds, message.nanos = divmod(t_ns, NS_PER_S)


def _point_fields(schema: Schema) -> tuple[str, ...]:
    points = schema.get("point_m")
    if points is None or points.dtype != "float32" or points.shape[-1:] != (3,):
        return ()
    grid = points.shape[:-1]
    same = [
        name
        for name, field in schema.items()
        if field.dtype in _PACKED and field.shape in (grid, (*grid, 3)) and name != "point_m"
    ]
    return ("point_m", *same)


def _is_picture(field: Field) -> bool:
    channels = field.shape[2] if len(field.shape) == 3 else 1
    return (
        len(field.shape) in (2, 3)
        and min(field.shape[:2]) >= _SMALLEST_PICTURE
        and (field.dtype, channels) in _RAW_ENCODINGS
        and (len(field.shape) == 2 or channels > 1)
    )


def _point_dtype(stream: Stream, schema: Schema) -> np.dtype[Any]:
    """One column per number, named as other tools look for it: x, y, z, intensity."""
    columns = []
    for name in stream.fields:
        field = schema[name]
        code = _PACKED[field.dtype][0]
        if name == "point_m":
            columns += [(axis, code) for axis in "xyz"]
        elif field.shape == schema["point_m"].shape:
            columns += [(f"{name}_{axis}", code) for axis in "xyz"]
        else:
            columns.append((name, code))
    return np.dtype(columns)


def _columns(dtype: np.dtype[Any], stream: Stream, schema: Schema) -> dict[str, list[str]]:
    """Names of the columns of each field."""
    names = iter(dtype.names or ())
    wide = schema["point_m"].shape
    return {
        name: [next(names) for _ in range(3 if schema[name].shape == wide else 1)]
        for name in stream.fields
    }


def _encode_points(stream: Stream, schema: Schema, sample: Sample, scratch: Scratch) -> PointCloud:
    dtype = _point_dtype(stream, schema)
    grid = schema["point_m"].shape[:-1]
    packed = np.empty(grid, dtype)
    for name, columns in _columns(dtype, stream, schema).items():
        array = sample.data[name]
        for number, column in enumerate(columns):
            packed[column] = array[..., number] if len(columns) == 3 else array
    message = PointCloud(frame_id=sample.sensor, point_stride=dtype.itemsize)
    stamp(message.timestamp, sample.t_capture_ns)
    # Rerun refuses a cloud whose pose is left out.
    message.pose.position.x = message.pose.position.y = message.pose.position.z = 0.0
    message.pose.orientation.w = 1.0
    kinds = dict(_PACKED.values())
    for column in dtype.names or ():
        kind, offset = (dtype.fields or _NO_FIELDS)[column][:2]
        code = kind.str if kind.itemsize > 1 else "u1"
        message.fields.add(name=column, offset=offset, type=kinds[code])
    message.data = packed.tobytes()
    return message


def _decode_points(stream: Stream, schema: Schema, message: Any) -> Arrays:  # noqa: ANN401
    dtype = _point_dtype(stream, schema)
    grid = schema["point_m"].shape[:-1]
    _check_size(stream, len(message.data), int(np.prod(grid)) * dtype.itemsize)
    packed = np.frombuffer(message.data, dtype).reshape(grid)
    arrays: Arrays = {}
    for name, columns in _columns(dtype, stream, schema).items():
        wide = len(columns) == 3
        array = np.stack([packed[c] for c in columns], axis=-1) if wide else packed[columns[0]]
        arrays[name] = np.ascontiguousarray(array).astype(schema[name].dtype)
    return arrays


def _encode_jpeg(
    stream: Stream, schema: Schema, sample: Sample, scratch: Scratch
) -> CompressedImage:
    picture = sample.data[stream.fields[0]]
    swapped = scratch.get(picture.shape)
    if swapped is None:
        swapped = scratch[picture.shape] = np.empty(picture.shape, np.uint8)
    cv2.cvtColor(picture, cv2.COLOR_RGB2BGR, dst=swapped)
    done, encoded = cv2.imencode(".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise SchemaError(f"OpenCV cannot encode {stream.topic} {picture.shape} as JPEG.")
    message = CompressedImage(frame_id=sample.sensor, format="jpeg", data=encoded.tobytes())
    stamp(message.timestamp, sample.t_capture_ns)
    return message


def _decode_jpeg(stream: Stream, schema: Schema, message: Any) -> Arrays:  # noqa: ANN401
    name = stream.fields[0]
    picture = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if picture is None or picture.shape != schema[name].shape:
        shape = None if picture is None else picture.shape
        raise DamagedFileError(f"The picture {stream.topic} decodes to {shape}.")
    return {name: picture}


def _encode_raw(stream: Stream, schema: Schema, sample: Sample, scratch: Scratch) -> RawImage:
    name = stream.fields[0]
    array, field = sample.data[name], schema[name]
    channels = field.shape[2] if len(field.shape) == 3 else 1
    message = RawImage(
        frame_id=sample.sensor,
        height=field.shape[0],
        width=field.shape[1],
        encoding=_RAW_ENCODINGS[field.dtype, channels],
        step=field.shape[1] * channels * array.itemsize,
        data=np.ascontiguousarray(array).tobytes(),
    )
    stamp(message.timestamp, sample.t_capture_ns)
    return message


def _decode_raw(stream: Stream, schema: Schema, message: Any) -> Arrays:  # noqa: ANN401
    name = stream.fields[0]
    field = schema[name]
    dtype = np.dtype(field.dtype)
    _check_size(stream, len(message.data), int(np.prod(field.shape)) * dtype.itemsize)
    return {name: np.frombuffer(message.data, dtype).reshape(field.shape)}


def _check_size(stream: Stream, size: int, wanted: int) -> None:
    if size != wanted:
        raise DamagedFileError(f"{stream.topic} holds {size} bytes, {wanted} were promised.")


CODECS: Mapping[str, Codec] = {
    "points": Codec(PointCloud, True, _encode_points, _decode_points),
    "jpeg": Codec(CompressedImage, False, _encode_jpeg, _decode_jpeg),
    "raw": Codec(RawImage, True, _encode_raw, _decode_raw),
}
