"""The log's own protobuf messages, for what Foxglove's schemas have no place for.

    message Array   { string name = 1; string dtype = 2; repeated int64 shape = 3; bytes data = 4; }
    message Capture { string sensor = 1; int64 seq = 2; int64 t_capture_start_ns = 3;
                      int64 t_capture_ns = 4; int64 t_arrival_ns = 5;
                      repeated double position_m = 6; repeated double quaternion_xyzw = 7;
                      repeated string faults = 8; repeated Array arrays = 9; }
    message Term    { string name = 1; double value = 2; }
    message Event   { int64 t_ns = 1; string kind = 2; string detail_json = 3; }
    message Step    { int64 index = 1; int64 t_ns = 2; Array action = 3; repeated Term reward = 4;
                      bool terminated = 5; bool truncated = 6; repeated Event events = 7;
                      repeated Array truth = 8; repeated Array goal = 9; }
    message Objects { int64 t_ns = 1; bool complete = 2; repeated string names = 3;
                      repeated string key_point_names = 4; repeated Array arrays = 5; }
    message Lanes   { repeated Array arrays = 1; }
    message Dynamics { int64 t_ns = 1; bool complete = 2; int64 contacts_found = 3;
                       repeated string names = 4; repeated string contact_parts = 5;
                       repeated Array arrays = 6; }

The descriptors are built here instead of by a compiler, so no generated file has to fit the
installed version of protobuf. Bytes of arrays are little-endian and C-contiguous.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FileDescriptor
from google.protobuf.message import Message

from fleetloop.core.errors import DamagedFileError, SchemaError
from fleetloop.core.spec import DTYPES

PACKAGE = "fleetloop"

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "int64": _Field.TYPE_INT64,
    "double": _Field.TYPE_DOUBLE,
    "bool": _Field.TYPE_BOOL,
}

# Fields in order of their numbers; a star says repeated.
_MESSAGES: Mapping[str, Mapping[str, str]] = {
    "Array": {"name": "string", "dtype": "string", "shape": "int64*", "data": "bytes"},
    "Capture": {
        "sensor": "string",
        "seq": "int64",
        "t_capture_start_ns": "int64",
        "t_capture_ns": "int64",
        "t_arrival_ns": "int64",
        "position_m": "double*",
        "quaternion_xyzw": "double*",
        "faults": "string*",
        "arrays": "Array*",
    },
    "Term": {"name": "string", "value": "double"},
    "Event": {"t_ns": "int64", "kind": "string", "detail_json": "string"},
    "Step": {
        "index": "int64",
        "t_ns": "int64",
        "action": "Array",
        "reward": "Term*",
        "terminated": "bool",
        "truncated": "bool",
        "events": "Event*",
        "truth": "Array*",
        "goal": "Array*",
    },
    "Objects": {
        "t_ns": "int64",
        "complete": "bool",
        "names": "string*",
        "key_point_names": "string*",
        "arrays": "Array*",
    },
    "Lanes": {"arrays": "Array*"},
    "Dynamics": {
        "t_ns": "int64",
        "complete": "bool",
        "contacts_found": "int64",
        "names": "string*",
        "contact_parts": "string*",
        "arrays": "Array*",
    },
}


def _classes() -> dict[str, type[Message]]:
    file = descriptor_pb2.FileDescriptorProto(
        name="fleetloop/log.proto", package=PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields.items(), start=1):
            base = kind.rstrip("*")
            entry = message.field.add(name=field, number=number)
            entry.label = _Field.LABEL_REPEATED if kind.endswith("*") else _Field.LABEL_OPTIONAL
            entry.type = _SCALARS.get(base, _Field.TYPE_MESSAGE)
            if base not in _SCALARS:
                entry.type_name = f".{PACKAGE}.{base}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
        for name in _MESSAGES
    }


_CLASSES = _classes()
# Any: the classes are made at run time, so their fields are not known to a type checker.
CaptureMessage: Any = _CLASSES["Capture"]
StepMessage: Any = _CLASSES["Step"]
ObjectsMessage: Any = _CLASSES["Objects"]
LanesMessage: Any = _CLASSES["Lanes"]
DynamicsMessage: Any = _CLASSES["Dynamics"]


@lru_cache(maxsize=64)
def descriptor_set(descriptor: Descriptor) -> bytes:
    """A serialised FileDescriptorSet of a message and all that it imports, for an MCAP schema."""
    files: dict[str, FileDescriptor] = {}
    waiting = [descriptor.file]
    while waiting:
        file = waiting.pop()
        if file.name not in files:
            files[file.name] = file
            waiting.extend(file.dependencies)
    result = descriptor_pb2.FileDescriptorSet()
    for name in sorted(files):
        files[name].CopyToProto(result.file.add())
    return bytes(result.SerializeToString(deterministic=True))


@lru_cache(maxsize=64)
def _name_of(dtype: np.dtype[Any]) -> str:
    """NumPy works the name out anew each time, which costs more than a small array's bytes."""
    return str(dtype)


def put_array(message: Any, name: str, array: npt.NDArray[Any]) -> None:  # noqa: ANN401
    """Writes an array into an `Array` message.

    Raises:
        SchemaError: The dtype is none that a log can hold.
    """
    dtype = _name_of(array.dtype)
    if dtype not in DTYPES:
        raise SchemaError(
            f"The array {name!r} is of {array.dtype}, which no log holds: use one of "
            f"{', '.join(DTYPES)}."
        )
    message.name = name
    message.dtype = dtype
    message.shape.extend(array.shape)
    message.data = np.ascontiguousarray(array).tobytes()


def get_array(message: Any) -> npt.NDArray[Any]:  # noqa: ANN401
    """Reads an `Array` message; the result cannot be written to.

    Raises:
        DamagedFileError: An unknown dtype, or another number of bytes than the shape asks for.
    """
    if message.dtype not in DTYPES:
        raise DamagedFileError(f"The array {message.name!r} has the unknown dtype {message.dtype}.")
    dtype, shape = np.dtype(message.dtype), tuple(message.shape)
    count = 1
    for length in shape:
        count *= length
    if any(length < 0 for length in shape) or count * dtype.itemsize != len(message.data):
        raise DamagedFileError(
            f"The array {message.name!r} holds {len(message.data)} bytes, but {dtype}{shape} was "
            "promised."
        )
    return np.frombuffer(message.data, dtype=dtype).reshape(shape)


def get_arrays(messages: Iterable[Any]) -> dict[str, npt.NDArray[Any]]:
    """Reads `Array` messages by name."""
    return {message.name: get_array(message) for message in messages}
