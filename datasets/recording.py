"""Recorded episodes as everyone reads them: exporters, validator, viewer, loader.

A `Recording` is a folder of logs, opened one by one as they are asked for. A `RecordedEpisode`
gives samples per sensor at their own rates, by number or by time, decoding only what is asked
for; memory stays bounded however long the episode is.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fleetloop.core.config import from_json
from fleetloop.core.dynamics import Dynamics
from fleetloop.core.errors import ConfigError, DamagedFileError, StorageError, UnknownNameError
from fleetloop.core.frames import Pose
from fleetloop.core.lane_lines import LaneLines
from fleetloop.core.objects import EGO, Objects, no_objects
from fleetloop.core.spec import Schema
from fleetloop.core.types import EpisodeMeta, Event, Outcome, Sample, Step
from fleetloop.datasets.calibration import ATTACHMENT, Calibration, calibration_of
from fleetloop.datasets.log.index import LogIndex, Placed
from fleetloop.datasets.log.messages import (
    CaptureMessage,
    DynamicsMessage,
    LanesMessage,
    ObjectsMessage,
    StepMessage,
    get_arrays,
)
from fleetloop.datasets.log.reader import (
    EpisodeLog,
    damage_told,
    dynamics_of,
    objects_of,
    sample_of,
    step_of,
)
from fleetloop.datasets.log.streams import CODECS, Stream
from fleetloop.datasets.log.writer import SUFFIX

Clock = Literal["captured", "arrived"]

_HASHED_AT_ONCE = 1 << 20


class RecordedEpisode:
    """One log, with random access.

    Args:
        path: The log; whole, or repaired.

    Raises:
        StorageError: It cannot be read.
        DamagedFileError: It is cut, corrupt, or no log of fleetloop.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.log = EpisodeLog(path)
        self.path = self.log.path
        self._whole: tuple[int, Objects] | None = None

    @property
    def meta(self) -> EpisodeMeta:
        """How to make the episode again."""
        return self.log.meta

    @property
    def schemas(self) -> Mapping[str, Schema]:
        """Schema by sensor name."""
        return self.log.schemas

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None for one that was cut and repaired."""
        return self.log.outcome

    @cached_property
    def calibration(self) -> Calibration:
        """Where the sensors sit and how they see; from the configuration in logs without it."""
        stored = self._index.attachment(ATTACHMENT)
        if stored is None:
            return calibration_of(self.meta.config, self.schemas)
        with damage_told(self.path):
            return from_json(Calibration, json.loads(stored))

    @cached_property
    def sha256(self) -> str:
        """Hash of the file."""
        return file_sha256(self.path)

    @property
    def t_first_ns(self) -> int:
        """Time of the first capture."""
        starts = [self.times_ns(name)[0] for name in self.schemas if self.count(name)]
        return int(min(starts, default=0))

    @property
    def t_last_ns(self) -> int:
        """Time of the last capture or step, whichever is later."""
        ends = [int(self.times_ns(name)[-1]) for name in self.schemas if self.count(name)]
        steps = self.step_times_ns
        return max([*ends, int(steps[-1]) if len(steps) else 0])

    def sensors(self, *fields: str) -> tuple[str, ...]:
        """Names of the sensors that have all these fields, in the order of the rig."""
        return tuple(n for n, schema in self.schemas.items() if all(f in schema for f in fields))

    def count(self, sensor: str) -> int:
        """Number of samples of a sensor."""
        return len(self._placed(sensor))

    def times_ns(self, sensor: str, clock: Clock = "captured") -> npt.NDArray[np.int64]:
        """Times of all samples of a sensor, (n,), never decreasing."""
        placed = self._placed(sensor)
        return placed.captured_ns if clock == "captured" else placed.arrived_ns

    def sequence(self, sensor: str) -> npt.NDArray[np.int64]:
        """Capture numbers of all samples of a sensor, (n,); gaps are dropped samples."""
        return self._placed(sensor).sequence

    def number_at(self, sensor: str, t_ns: int, clock: Clock = "captured") -> int:
        """Number of the newest sample at or before a time; -1 if there is none yet."""
        return int(np.searchsorted(self.times_ns(sensor, clock), t_ns, side="right")) - 1

    def sample(self, sensor: str, number: int, fields: Collection[str] | None = None) -> Sample:
        """A sample by its place in the log.

        Args:
            sensor: Name.
            number: From 0; negative counts from the end.
            fields: Which fields to decode; all if None. Pictures that are not asked for cost
                nothing.

        Raises:
            UnknownNameError: No such sensor or field.
            ConfigError: There is no sample of that number.
            DamagedFileError: The bytes are not what was written.
        """
        number = self._checked(sensor, number)
        schema = self.schemas[sensor]
        for name in fields or ():
            if name not in schema:
                raise UnknownNameError(f"field of {sensor}", name, schema)
        wanted = set(schema if fields is None else fields)
        with damage_told(self.path):
            message = self._index.message(f"/sensor/{sensor}", number)
            capture = CaptureMessage.FromString(bytes(message))
            data = {n: a for n, a in get_arrays(capture.arrays).items() if n in wanted}
            for stream in self._streams[sensor]:
                if wanted.intersection(stream.fields):
                    decoded = self._decoded(stream, number)
                    data |= {n: a for n, a in decoded.items() if n in wanted}
            return sample_of(capture, {name: data[name] for name in schema if name in wanted})

    def encoded(self, sensor: str, number: int, field: str) -> tuple[str, bytes] | None:
        """A picture as it was stored, such as `("jpeg", ...)`; None if it is stored as numbers."""
        number = self._checked(sensor, number)
        for stream in self._streams[sensor]:
            if field in stream.fields and stream.kind == "jpeg":
                with damage_told(self.path):
                    message = CODECS["jpeg"].message.FromString(
                        bytes(self._index.message(stream.topic, number))
                    )
                return str(message.format), bytes(message.data)
        return None

    def is_lossless(self, sensor: str, field: str) -> bool:
        """Whether a field is stored bit for bit."""
        streams = [s for s in self._streams[sensor] if field in s.fields]
        return all(CODECS[stream.kind].lossless for stream in streams)

    def samples(self, sensor: str, fields: Collection[str] | None = None) -> Iterator[Sample]:
        """All samples of one sensor in order."""
        return (self.sample(sensor, number, fields) for number in range(self.count(sensor)))

    @property
    def step_times_ns(self) -> npt.NDArray[np.int64]:
        """Time after each control step, (n,)."""
        return self._index.placed["/step"].captured_ns

    def step(self, number: int) -> Step:
        """A step by its number."""
        with damage_told(self.path):
            return step_of(StepMessage.FromString(bytes(self._index.message("/step", number))))

    def steps(self) -> Iterator[Step]:
        """All steps in order."""
        return (self.step(number) for number in range(len(self.step_times_ns)))

    def step_after(self, t_ns: int) -> int | None:
        """Number of the step that acts from a time on: the first that ends after it."""
        number = int(np.searchsorted(self.step_times_ns, t_ns, side="right"))
        return number if number < len(self.step_times_ns) else None

    def events(self) -> Iterator[Event]:
        """All events in order."""
        return (event for step in self.steps() for event in step.events)

    @property
    def objects_times_ns(self) -> npt.NDArray[np.int64]:
        """Times at which the true objects were recorded, (n,); empty in logs without them."""
        placed = self._index.placed.get("/objects")
        return np.zeros(0, dtype=np.int64) if placed is None else placed.captured_ns

    def objects_record(self, number: int) -> Objects:
        """A record of true objects as it was written: what may have moved, or everything."""
        with damage_told(self.path):
            return objects_of(
                ObjectsMessage.FromString(bytes(self._index.message("/objects", number)))
            )

    def objects_at(self, t_ns: int) -> Objects | None:
        """All objects at the newest instant at or before a time; None if none was recorded.

        Cameras and range sensors capture at instants at which the objects are recorded, so for the
        `t_capture_ns` of their samples the answer is of exactly that instant.
        """
        number = int(np.searchsorted(self.objects_times_ns, t_ns, side="right")) - 1
        if number < 0:
            return None
        newest = self.objects_record(number)
        if newest.complete:
            return newest
        older = [n for n in self._complete_objects if n < number]
        base = self._whole_objects(older[-1]) if older else no_objects(complete=False)
        return newest.after(base)

    @property
    def dynamics_times_ns(self) -> npt.NDArray[np.int64]:
        """Times of the records of masses, contacts and energies, (n,); empty in older logs."""
        placed = self._index.placed.get("/dynamics")
        return np.zeros(0, dtype=np.int64) if placed is None else placed.captured_ns

    def dynamics_record(self, number: int) -> Dynamics:
        """A record of masses, contacts and energies as it was written."""
        with damage_told(self.path):
            return dynamics_of(
                DynamicsMessage.FromString(bytes(self._index.message("/dynamics", number)))
            )

    @cached_property
    def lanes(self) -> LaneLines | None:
        """Lines of the world's lanes; None where it has none, and in logs without them."""
        if not len(self._index.placed.get("/lanes", ())):
            return None
        with damage_told(self.path):
            message = LanesMessage.FromString(bytes(self._index.message("/lanes", 0)))
            return LaneLines(**get_arrays(message.arrays))

    def base_pose_at(self, t_ns: int) -> Pose | None:
        """True pose of the robot's base, world_T_base, at the newest instant at or before a time.

        None where neither objects nor samples of a sensor on the base tell it.
        """
        objects = self.objects_at(t_ns)
        row = None if objects is None else objects.row(EGO)
        if objects is not None and row is not None:
            return Pose(objects.position_m[row], objects.quaternion_xyzw[row])
        for name, sensor in self.calibration.sensors.items():
            number = self.number_at(name, t_ns)
            if sensor.link == "base" and number >= 0:
                sample = self.sample(name, number, ())
                return sample.world_T_sensor @ sensor.link_T_sensor.inverse()
        return None

    def close(self) -> None:
        """Lets go of the file; the next access opens it again."""
        if "_index" in self.__dict__:
            self._index.close()

    @cached_property
    def _index(self) -> LogIndex:
        return LogIndex(self.path)

    @cached_property
    def _complete_objects(self) -> tuple[int, ...]:
        return tuple(
            number
            for number in range(len(self.objects_times_ns))
            if ObjectsMessage.FromString(bytes(self._index.message("/objects", number))).complete
        )

    def _whole_objects(self, number: int) -> Objects:
        if self._whole is None or self._whole[0] != number:
            self._whole = (number, self.objects_record(number))
        return self._whole[1]

    @cached_property
    def _streams(self) -> dict[str, tuple[Stream, ...]]:
        found: dict[str, list[Stream]] = {name: [] for name in self.schemas}
        for channel in self._index.channels.values():
            if channel.metadata.get("stream") in CODECS:
                stream = Stream.from_metadata(channel.metadata)
                if stream.sensor not in found:
                    raise DamagedFileError(f"{self.path} has a stream of no sensor: {stream.topic}")
                found[stream.sensor].append(stream)
        return {name: tuple(streams) for name, streams in found.items()}

    def _decoded(self, stream: Stream, number: int) -> dict[str, Any]:
        codec = CODECS[stream.kind]
        message = codec.message.FromString(bytes(self._index.message(stream.topic, number)))
        arrays = codec.decode(stream, self.schemas[stream.sensor], message)
        for array in arrays.values():
            array.setflags(write=False)
        return arrays

    def _placed(self, sensor: str) -> Placed:
        if sensor not in self.schemas:
            raise UnknownNameError("sensor", sensor, self.schemas)
        return self._index.placed[f"/sensor/{sensor}"]

    def _checked(self, sensor: str, number: int) -> int:
        count = self.count(sensor)
        if not -count <= number < count:
            raise ConfigError(f"{sensor} has {count} samples in {self.path}, none is {number}.")
        return number % count


class Recording:
    """Recorded episodes in a folder, or one log.

    Args:
        place: A log, or a folder of logs; logs are taken in the order of their names.

    Attributes:
        place: See above.
        paths: The logs.

    Raises:
        StorageError: There is none.
    """

    def __init__(self, place: str | os.PathLike[str]) -> None:
        self.place = Path(place)
        self.paths = tuple(logs_in(self.place))

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[RecordedEpisode]:
        """Opens one episode after another."""
        return (RecordedEpisode(path) for path in self.paths)

    def __getitem__(self, number: int) -> RecordedEpisode:
        return RecordedEpisode(self.paths[number])


def logs_in(place: Path) -> list[Path]:
    """The log that a path names, or all logs in a folder, sorted by name.

    Raises:
        StorageError: There is none.
    """
    if place.is_file():
        return [place]
    found = sorted(place.glob("*" + SUFFIX))
    if not found:
        raise StorageError(f"There is no {SUFFIX} file at {place}: record some first.")
    return found


def file_sha256(path: Path) -> str:
    """SHA-256 of a file as hexadecimal text.

    Raises:
        StorageError: It cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(_HASHED_AT_ONCE):
                digest.update(block)
    except OSError as error:
        raise StorageError(f"Cannot read {path}: {error.strerror or error}.") from error
    return digest.hexdigest()
