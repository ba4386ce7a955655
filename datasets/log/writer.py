"""Writes one episode into one MCAP file, as it happens.

The file grows under a name that ends in `.part` and gets its own name when it is whole. Chunks of
about 1 MiB are closed and handed to the system as they fill, so memory stays bounded, and whatever
kills the process takes the open chunk at most; `repair` saves the rest.

A message's `publish_time` is the capture and its `log_time` the arrival at the robot's computer,
both in nanoseconds of simulated time since the reset. File order is the order of capture.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from foxglove_schemas_protobuf.FrameTransform_pb2 import FrameTransform
from foxglove_schemas_protobuf.LocationFix_pb2 import LocationFix
from foxglove_schemas_protobuf.Log_pb2 import Log
from mcap.writer import CompressionType, Writer

from fleetloop.core.config import to_json
from fleetloop.core.digest import canonical_json
from fleetloop.core.dynamics import Dynamics
from fleetloop.core.errors import ConfigError, StateError, StorageError
from fleetloop.core.lane_lines import LaneLines
from fleetloop.core.objects import Objects
from fleetloop.core.spec import Schema
from fleetloop.core.types import EpisodeMeta, Outcome, Sample, Step
from fleetloop.datasets.calibration import ATTACHMENT, calibration_of, camera_message
from fleetloop.datasets.log.boxes import BOXES_EVERY_NS, boxes_message
from fleetloop.datasets.log.messages import (
    CaptureMessage,
    DynamicsMessage,
    LanesMessage,
    ObjectsMessage,
    StepMessage,
    descriptor_set,
    put_array,
)
from fleetloop.datasets.log.streams import CODECS, Scratch, plan_streams, stamp

LIBRARY = "fleetloop"
FORMAT_VERSION = 1
SUFFIX = ".mcap"
PART_SUFFIX = ".mcap.part"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_DEGREES_PER_RADIAN = 57.29577951308232


class EpisodeWriter:
    """A sink that records one episode after another, a file each.

    Args:
        folder: Where the files go; made if it is not there.
        lossless: Whether camera pictures stay exact, at about eight times the space.
        chunk_bytes: Size of a chunk before compression: what a killed process loses at most.

    Raises:
        StorageError: The folder cannot be made or written to.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        lossless: bool = False,
        chunk_bytes: int = 1 << 20,
    ) -> None:
        if not isinstance(chunk_bytes, int) or chunk_bytes < 1:
            raise ConfigError(f"chunk_bytes is {chunk_bytes!r}: use 1 or more.")
        self.folder = Path(folder)
        self.lossless = lossless
        self.chunk_bytes = chunk_bytes
        self._open: _OpenEpisode | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _storage_error("make the folder", self.folder, error) from error
        if not os.access(self.folder, os.W_OK):
            raise StorageError(
                f"The folder {self.folder} cannot be written to: choose another one, or change its "
                "permissions."
            )

    def path(self, episode_id: str) -> Path:
        """Where an episode of that name goes.

        Raises:
            ConfigError: The name is no plain file name.
        """
        if not _NAME.fullmatch(episode_id):
            raise ConfigError(
                f"The episode id {episode_id!r} is no file name: use letters, digits, _ . and -."
            )
        return self.folder / (episode_id + SUFFIX)

    def begin(self, meta: EpisodeMeta, schemas: Mapping[str, Schema]) -> None:
        """Opens the file of an episode; one that was left open is abandoned as it is.

        Raises:
            StorageError: The file exists, or cannot be written.
        """
        self.close()
        path = self.path(meta.episode_id)
        if path.exists():
            raise StorageError(f"{path} exists already: delete it, or record into another folder.")
        self._open = _OpenEpisode(path, meta, schemas, self.lossless, self.chunk_bytes)

    def add_sample(self, sample: Sample) -> None:
        """Writes a sample."""
        self._current().add_sample(sample)

    def add_objects(self, objects: Objects) -> None:
        """Writes where the objects truly are."""
        self._current().add_objects(objects)

    def add_dynamics(self, dynamics: Dynamics) -> None:
        """Writes masses, contacts and energies."""
        self._current().add_dynamics(dynamics)

    def add_lanes(self, lanes: LaneLines) -> None:
        """Writes the lanes of the world; once, after `begin`."""
        self._current().add_lanes(lanes)

    def add_step(self, step: Step) -> None:
        """Writes a step."""
        self._current().add_step(step)

    def add(self, record: Sample | Objects | Dynamics | Step) -> None:
        """Writes a record of any kind, such as those of `EpisodeLog.records`."""
        if isinstance(record, Step):
            self.add_step(record)
        elif isinstance(record, Objects):
            self.add_objects(record)
        elif isinstance(record, Dynamics):
            self.add_dynamics(record)
        else:
            self.add_sample(record)

    def end(self, outcome: Outcome) -> None:
        """Closes the file and gives it its name."""
        self._current().finish(outcome)
        self._open = None

    def close(self) -> None:
        """Lets go of an episode that did not end; its `.part` file stays for `repair`."""
        if self._open is not None:
            self._open.abandon()
            self._open = None

    def __enter__(self) -> EpisodeWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _current(self) -> _OpenEpisode:
        if self._open is None:
            raise StateError("No episode is open: call begin before adding to it.")
        return self._open


class _OpenEpisode:
    """The file that grows."""

    def __init__(
        self,
        path: Path,
        meta: EpisodeMeta,
        schemas: Mapping[str, Schema],
        lossless: bool,
        chunk_bytes: int,
    ) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._schemas = dict(schemas)
        self._streams = {
            name: plan_streams(name, schema, lossless=lossless) for name, schema in schemas.items()
        }
        try:
            self._file: IO[bytes] = open(self._part, "wb")  # noqa: SIM115 - it outlives this call
        except OSError as error:
            raise _storage_error("open", self._part, error) from error
        self._mcap = Writer(
            self._file, chunk_size=chunk_bytes, compression=CompressionType.ZSTD, enable_crcs=True
        )
        self._channels: dict[str, int] = {}
        self._message_schemas: dict[str, int] = {}
        self._boxes_ns = 0
        self._scratch: Scratch = {}
        self._guarded(lambda: self._start(meta, lossless))

    def add_sample(self, sample: Sample) -> None:
        if sample.sensor not in self._schemas:
            raise StateError(
                f"The sensor {sample.sensor!r} was not announced: the episode has "
                f"{', '.join(self._schemas) or 'none'}."
            )
        self._schemas[sample.sensor].check(sample.data, sample.sensor)
        self._guarded(lambda: self._write_sample(sample))

    def add_objects(self, objects: Objects) -> None:
        self._guarded(lambda: self._write_objects(objects))

    def add_dynamics(self, dynamics: Dynamics) -> None:
        self._guarded(lambda: self._write_dynamics(dynamics))

    def add_lanes(self, lanes: LaneLines) -> None:
        self._guarded(lambda: self._write_lanes(lanes))

    def add_step(self, step: Step) -> None:
        self._guarded(lambda: self._write_step(step))

    def finish(self, outcome: Outcome) -> None:
        self._guarded(lambda: self._finish(outcome))

    def abandon(self) -> None:
        """Leaves what was written so far, without an end."""
        try:
            # What is buffered goes to the file; the open chunk and the index never do.
            self._file.close()
        except OSError as error:
            raise _storage_error("close", self._part, error) from error

    def _guarded(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            with suppress(OSError):
                self._file.close()
            raise _storage_error("write", self._part, error) from error

    def _start(self, meta: EpisodeMeta, lossless: bool) -> None:
        self._mcap.start(profile="", library=LIBRARY)
        self._mcap.add_metadata(
            "fleetloop.episode",
            {
                "format_version": str(FORMAT_VERSION),
                "lossless": str(lossless).lower(),
                "meta": canonical_json(to_json(meta)),
                # Not canonical: the order of sensors and fields is part of what they say.
                "schemas": _ordered_json(self._schemas),
            },
        )
        calibration = calibration_of(meta.config, self._schemas)
        text = json.dumps(to_json(calibration), indent=1, allow_nan=False).encode()
        self._mcap.add_attachment(0, 0, ATTACHMENT, "application/json", text)
        for name, streams in self._streams.items():
            self._channel(f"/sensor/{name}", CaptureMessage, {"stream": "capture", "sensor": name})
            for stream in streams:
                self._channel(stream.topic, CODECS[stream.kind].message, stream.metadata())
        self._channel("/step", StepMessage, {"stream": "step"})
        self._channel("/objects", ObjectsMessage, {"stream": "objects"})
        for name, sensor in calibration.sensors.items():
            message = camera_message(sensor)
            if message is not None:
                self._mirrored(f"/sensor/{name}/calibration", message, 0, 0)

    def _write_sample(self, sample: Sample) -> None:
        streams = self._streams[sample.sensor]
        apart = {field for stream in streams for field in stream.fields}
        message = CaptureMessage(
            sensor=sample.sensor,
            seq=sample.seq,
            t_capture_start_ns=sample.t_capture_start_ns,
            t_capture_ns=sample.t_capture_ns,
            t_arrival_ns=sample.t_arrival_ns,
            position_m=sample.world_T_sensor.position_m.tolist(),
            quaternion_xyzw=sample.world_T_sensor.quaternion_xyzw.tolist(),
            faults=sample.faults,
        )
        for name, array in sample.data.items():
            if name not in apart:
                put_array(message.arrays.add(), name, array)
        self._add(f"/sensor/{sample.sensor}", message, sample)
        schema = self._schemas[sample.sensor]
        for stream in streams:
            message = CODECS[stream.kind].encode(stream, schema, sample, self._scratch)
            self._add(stream.topic, message, sample)
        self._mirror(sample)

    def _write_step(self, step: Step) -> None:
        message = StepMessage(
            index=step.index, t_ns=step.t_ns, terminated=step.terminated, truncated=step.truncated
        )
        put_array(message.action, "action", step.action)
        for name, value in step.reward_terms.items():
            message.reward.add(name=name, value=value)
        for event in step.events:
            detail = canonical_json(to_json(event.detail))
            message.events.add(t_ns=event.t_ns, kind=event.kind, detail_json=detail)
        for name, array in step.truth.items():
            put_array(message.truth.add(), name, array)
        for name, array in step.goal.items():
            put_array(message.goal.add(), name, array)
        self._add_at("/step", message, step.t_ns, step.t_ns, step.index)
        for event in step.events:
            line = Log(level=Log.INFO, message=f"{event.kind} {to_json(event.detail)}", name="task")
            stamp(line.timestamp, event.t_ns)
            self._mirrored("/events", line, event.t_ns, event.t_ns)

    def _write_lanes(self, lanes: LaneLines) -> None:
        message = LanesMessage()
        for name, array in lanes.arrays().items():
            put_array(message.arrays.add(), name, array)
        self._channel("/lanes", LanesMessage, {"stream": "lanes"})
        self._add_at("/lanes", message, 0, 0, 0)

    def _write_dynamics(self, dynamics: Dynamics) -> None:
        message = DynamicsMessage(
            t_ns=dynamics.t_ns,
            complete=dynamics.complete,
            contacts_found=dynamics.contacts_found,
            names=dynamics.names,
            contact_parts=dynamics.contact_parts,
        )
        for name, array in dynamics.arrays().items():
            put_array(message.arrays.add(), name, array)
        if "/dynamics" not in self._channels:
            self._channel("/dynamics", DynamicsMessage, {"stream": "dynamics"})
        self._add_at("/dynamics", message, dynamics.t_ns, dynamics.t_ns, 0)

    def _write_objects(self, objects: Objects) -> None:
        message = ObjectsMessage(
            t_ns=objects.t_ns,
            complete=objects.complete,
            names=objects.names,
            key_point_names=objects.key_point_names,
        )
        for name, array in objects.arrays().items():
            put_array(message.arrays.add(), name, array)
        self._add_at("/objects", message, objects.t_ns, objects.t_ns, 0)
        if objects.complete or objects.t_ns - self._boxes_ns >= BOXES_EVERY_NS:
            self._boxes_ns = objects.t_ns
            self._mirrored("/boxes", boxes_message(objects), objects.t_ns, objects.t_ns)

    def _mirror(self, sample: Sample) -> None:
        """The same again in messages that viewers know; the reader passes them by."""
        pose = sample.world_T_sensor
        frame = FrameTransform(parent_frame_id="world", child_frame_id=sample.sensor)
        stamp(frame.timestamp, sample.t_capture_ns)
        frame.translation.x, frame.translation.y, frame.translation.z = pose.position_m.tolist()
        x, y, z, w = pose.quaternion_xyzw.tolist()
        frame.rotation.x, frame.rotation.y, frame.rotation.z, frame.rotation.w = x, y, z, w
        self._mirrored("/tf", frame, sample.t_capture_ns, sample.t_arrival_ns)
        if {"latitude_rad", "longitude_rad", "altitude_m"} <= set(sample.data):
            fix = LocationFix(
                frame_id=sample.sensor,
                latitude=float(sample.data["latitude_rad"]) * _DEGREES_PER_RADIAN,
                longitude=float(sample.data["longitude_rad"]) * _DEGREES_PER_RADIAN,
                altitude=float(sample.data["altitude_m"]),
            )
            stamp(fix.timestamp, sample.t_capture_ns)
            fix.color.r = fix.color.g = fix.color.b = fix.color.a = 1.0
            topic = f"/sensor/{sample.sensor}/fix"
            self._mirrored(topic, fix, sample.t_capture_ns, sample.t_arrival_ns)

    def _mirrored(self, topic: str, message: Any, captured_ns: int, arrived_ns: int) -> None:  # noqa: ANN401
        if topic not in self._channels:
            self._channel(topic, type(message), {"stream": "mirror"})
        self._add_at(topic, message, captured_ns, arrived_ns, 0)

    def _add(self, topic: str, message: Any, sample: Sample) -> None:  # noqa: ANN401
        self._add_at(topic, message, sample.t_capture_ns, sample.t_arrival_ns, sample.seq)

    def _add_at(
        self,
        topic: str,
        message: Any,  # noqa: ANN401
        captured_ns: int,
        arrived_ns: int,
        number: int,
    ) -> None:
        self._mcap.add_message(
            self._channels[topic],
            log_time=arrived_ns,
            publish_time=captured_ns,
            sequence=number,
            data=message.SerializeToString(deterministic=True),
        )

    def _channel(self, topic: str, message: Any, metadata: dict[str, str]) -> None:  # noqa: ANN401
        descriptor = message.DESCRIPTOR
        name = descriptor.full_name
        if name not in self._message_schemas:
            self._message_schemas[name] = self._mcap.register_schema(
                name, "protobuf", descriptor_set(descriptor)
            )
        self._channels[topic] = self._mcap.register_channel(
            topic, "protobuf", self._message_schemas[name], metadata
        )

    def _finish(self, outcome: Outcome) -> None:
        self._mcap.add_metadata("fleetloop.outcome", {"outcome": canonical_json(to_json(outcome))})
        self._mcap.finish()  # type: ignore[no-untyped-call]
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._part, self._path)


def _ordered_json(schemas: Mapping[str, Schema]) -> str:
    return json.dumps({name: schema.to_json() for name, schema in schemas.items()})


def _storage_error(verb: str, path: Path, error: OSError) -> StorageError:
    reason = error.strerror or str(error)
    return StorageError(
        f"Cannot {verb} {path}: {reason}. Free space or choose another folder; finished episodes "
        "are safe, and `fleetloop repair` saves what a .part file holds."
    )
