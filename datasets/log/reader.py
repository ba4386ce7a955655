"""Reads what `EpisodeWriter` wrote: samples and steps in the order in which they happened.

Foreign files are met with bounds: records of at most `LARGEST_RECORD_BYTES`, arrays only of the
size that their schema promises, checksums on, and nothing that runs code.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from google.protobuf.message import DecodeError
from mcap.exceptions import McapError
from mcap.reader import SeekingReader
from mcap.records import Channel, McapRecord, Message
from mcap.stream_reader import StreamReader

from fleetloop.core.config import from_json
from fleetloop.core.dynamics import Dynamics
from fleetloop.core.errors import DamagedFileError, FleetloopError, StorageError
from fleetloop.core.frames import Pose
from fleetloop.core.objects import Objects
from fleetloop.core.spec import Schema
from fleetloop.core.types import Episode, EpisodeMeta, Event, Outcome, Sample, Step
from fleetloop.datasets.log.messages import (
    CaptureMessage,
    DynamicsMessage,
    ObjectsMessage,
    StepMessage,
    get_array,
    get_arrays,
)
from fleetloop.datasets.log.streams import CODECS, Stream
from fleetloop.datasets.log.writer import FORMAT_VERSION

Record = Sample | Objects | Dynamics | Step

LARGEST_RECORD_BYTES = 1 << 30
"""A picture of 16384 x 16384 pixels passes; a length field full of rubbish does not."""


class EpisodeLog:
    """One recorded episode on disk.

    Attributes:
        path: The file.
        meta: How to make the episode again.
        schemas: Schema by sensor name.
        lossless: Whether pictures are exact.
        outcome: How it ended; None for an episode that was cut and repaired.
        tells_dynamics: Whether it holds masses, contacts and energies; older logs do not.

    Raises:
        StorageError: The file cannot be opened.
        DamagedFileError: It is cut, corrupt, or no log of fleetloop.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        with opened(self.path) as stream, damage_told(self.path):
            reader = SeekingReader(stream, record_size_limit=LARGEST_RECORD_BYTES)
            found = {record.name: record.metadata for record in reader.iter_metadata()}
            summary = reader.get_summary()
        channels = () if summary is None else summary.channels.values()
        self.tells_dynamics = any(c.metadata.get("stream") == "dynamics" for c in channels)
        with damage_told(self.path):
            self.meta, self.schemas, self.lossless = _episode_metadata(found, self.path)
            self.outcome = _outcome(found)

    def records(self) -> Iterator[Record]:
        """All samples, objects, dynamics and steps, in the order in which they happened.

        Raises:
            DamagedFileError: Checksums or contents do not hold.
        """
        assembler = _Assembler(self.schemas)
        with opened(self.path) as stream, damage_told(self.path):
            for record in stream_records(stream):
                yield from assembler.add(record)
        if assembler.waiting:
            raise DamagedFileError(
                f"{self.path} ends within a sample of {', '.join(assembler.waiting)}: "
                "use `fleetloop repair`."
            )

    def samples(self, sensor: str) -> Iterator[Sample]:
        """All samples of one sensor."""
        return (r for r in self.records() if isinstance(r, Sample) and r.sensor == sensor)

    def steps(self) -> Iterator[Step]:
        """All steps."""
        return (r for r in self.records() if isinstance(r, Step))

    def episode(self) -> Episode:
        """The whole episode in memory."""
        steps: list[Step] = []
        samples: dict[str, list[Sample]] = {name: [] for name in self.schemas}
        objects: list[Objects] = []
        dynamics: list[Dynamics] = []
        for record in self.records():
            if isinstance(record, Step):
                steps.append(record)
            elif isinstance(record, Objects):
                objects.append(record)
            elif isinstance(record, Dynamics):
                dynamics.append(record)
            else:
                samples[record.sensor].append(record)
        return Episode(
            meta=self.meta,
            schemas=self.schemas,
            steps=tuple(steps),
            samples={name: tuple(row) for name, row in samples.items()},
            outcome=self.outcome,
            objects=tuple(objects),
            dynamics=tuple(dynamics),
        )


def stream_records(stream: Any) -> Iterator[McapRecord]:  # noqa: ANN401 - any binary file
    """Raw records one after another, checksums on; raises at the first damage."""
    reader = StreamReader(stream, validate_crcs=True, record_size_limit=LARGEST_RECORD_BYTES)
    yield from reader.records


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Opens a file to read.

    Raises:
        StorageError: It is not there, or cannot be read.
    """
    try:
        stream = open(path, "rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise StorageError(
            f"Cannot read {path}: {error.strerror or error}. Give the path of an .mcap file."
        ) from error
    with stream:
        yield stream


@contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Turns what readers raise over foreign bytes into one kind of error."""
    try:
        yield
    except StorageError:
        raise
    except (*DAMAGE, FleetloopError, OSError) as error:
        raise DamagedFileError(
            f"{path} is cut or corrupt ({type(error).__name__}: {error}): `fleetloop repair` saves "
            "what can be read."
        ) from error


DAMAGE = (
    McapError,
    DecodeError,
    zstandard.ZstdError,
    struct.error,
    ValueError,
    LookupError,
    OverflowError,
    EOFError,
    MemoryError,
)
"""What the libraries raise over bytes that are not what they should be."""


@dataclass(slots=True)
class _Started:
    """A sample whose streams have not all come yet."""

    capture: Any
    data: dict[str, Any] = field(default_factory=dict)


class _Assembler:
    """Puts the messages of a sample together again."""

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self._schemas = schemas
        self._channels: dict[int, Channel] = {}
        self._streams: dict[int, Stream] = {}
        self.waiting: dict[str, _Started] = {}

    def add(self, record: McapRecord) -> Iterator[Record]:
        """Takes one record and yields what it completed."""
        if isinstance(record, Channel):
            self._channels[record.id] = record
            if record.metadata.get("stream") in CODECS:
                self._streams[record.id] = Stream.from_metadata(record.metadata)
        elif isinstance(record, Message):
            yield from self._message(record)

    def _message(self, record: Message) -> Iterator[Record]:
        kind = self._channels[record.channel_id].metadata.get("stream")
        if kind == "objects":
            yield objects_of(ObjectsMessage.FromString(record.data))
        elif kind == "dynamics":
            yield dynamics_of(DynamicsMessage.FromString(record.data))
        elif kind == "step":
            yield step_of(StepMessage.FromString(record.data))
        elif kind == "capture":
            capture = CaptureMessage.FromString(record.data)
            if capture.sensor in self.waiting or capture.sensor not in self._schemas:
                raise DamagedFileError(f"A sample of {capture.sensor!r} is out of place.")
            self.waiting[capture.sensor] = _Started(capture, get_arrays(capture.arrays))
            yield from self._completed(capture.sensor)
        elif record.channel_id in self._streams:
            stream = self._streams[record.channel_id]
            if stream.sensor not in self.waiting:
                raise DamagedFileError(f"A message of {stream.topic} belongs to no sample.")
            codec = CODECS[stream.kind]
            message = codec.message.FromString(record.data)
            decoded = codec.decode(stream, self._schemas[stream.sensor], message)
            self.waiting[stream.sensor].data.update(decoded)
            yield from self._completed(stream.sensor)

    def _completed(self, sensor: str) -> Iterator[Sample]:
        started, schema = self.waiting[sensor], self._schemas[sensor]
        if len(started.data) < len(schema):
            return
        del self.waiting[sensor]
        for array in started.data.values():
            array.setflags(write=False)
        data = {name: started.data[name] for name in schema}
        schema.check(data, sensor)
        yield sample_of(started.capture, data)


def sample_of(capture: Any, data: Mapping[str, Any]) -> Sample:  # noqa: ANN401 - a protobuf class
    """A sample from its `Capture` message and its arrays."""
    return Sample(
        sensor=capture.sensor,
        seq=capture.seq,
        t_capture_start_ns=capture.t_capture_start_ns,
        t_capture_ns=capture.t_capture_ns,
        t_arrival_ns=capture.t_arrival_ns,
        world_T_sensor=Pose(np.array(capture.position_m), np.array(capture.quaternion_xyzw)),
        data=data,
        faults=tuple(capture.faults),
    )


def step_of(message: Any) -> Step:  # noqa: ANN401 - a protobuf class made at run time
    """A step from its message."""
    events = tuple(
        Event(t_ns=e.t_ns, kind=e.kind, detail=json.loads(e.detail_json)) for e in message.events
    )
    return Step(
        index=message.index,
        t_ns=message.t_ns,
        action=get_array(message.action),
        reward_terms={term.name: term.value for term in message.reward},
        terminated=message.terminated,
        truncated=message.truncated,
        events=events,
        truth=get_arrays(message.truth),
        goal=get_arrays(message.goal),
    )


def objects_of(message: Any) -> Objects:  # noqa: ANN401 - a protobuf class made at run time
    """True objects from their message."""
    return Objects(
        t_ns=message.t_ns,
        complete=message.complete,
        names=tuple(message.names),
        key_point_names=tuple(message.key_point_names),
        **get_arrays(message.arrays),
    )


def dynamics_of(message: Any) -> Dynamics:  # noqa: ANN401 - a protobuf class made at run time
    """Masses, contacts and energies from their message."""
    return Dynamics(
        t_ns=message.t_ns,
        complete=message.complete,
        contacts_found=message.contacts_found,
        names=tuple(message.names),
        contact_parts=tuple(message.contact_parts),
        **get_arrays(message.arrays),
    )


def _episode_metadata(
    found: Mapping[str, Mapping[str, str]], path: Path
) -> tuple[EpisodeMeta, dict[str, Schema], bool]:
    if "fleetloop.episode" not in found:
        raise DamagedFileError(f"{path} is an MCAP file, but no log of fleetloop.")
    entry = found["fleetloop.episode"]
    version = int(entry["format_version"])
    if version > FORMAT_VERSION:
        raise DamagedFileError(
            f"{path} is of format version {version}; this fleetloop reads up to {FORMAT_VERSION}: "
            "install a newer one."
        )
    schemas = json.loads(entry["schemas"])
    return (
        from_json(EpisodeMeta, json.loads(entry["meta"])),
        {name: Schema.from_json(schema) for name, schema in schemas.items()},
        entry["lossless"] == "true",
    )


def _outcome(found: Mapping[str, Mapping[str, str]]) -> Outcome | None:
    if "fleetloop.outcome" not in found:
        return None
    return from_json(Outcome, json.loads(found["fleetloop.outcome"]["outcome"]))
