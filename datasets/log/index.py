"""Where each message of a log lies, so that any sample is found without reading those before it.

A chunk is read by one `pread` and unpacked, and checked against its CRC when the log is opened; the
last few stay in memory.
`pread` shares no position, so one index serves forked processes and threads.
"""

from __future__ import annotations

import os
import struct
import zlib
from array import array
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zstandard
from mcap.reader import SeekingReader
from mcap.records import Attachment, Channel

from fleetloop.core.errors import DamagedFileError, StorageError
from fleetloop.datasets.log.reader import LARGEST_RECORD_BYTES, damage_told, opened

KEPT_CHUNKS = 6
"""Unpacked chunks in memory: bounded, and enough for the streams of a sample and its neighbours."""

_RECORD = struct.Struct("<BQ")
_MESSAGE = struct.Struct("<HIQQ")
_CHUNK = struct.Struct("<QQQI")
_MESSAGE_OPCODE = 0x05
_CHUNK_OPCODE = 0x06

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """The messages of one channel in file order; all (n,) int64.

    Attributes:
        chunk: Number of the chunk.
        start, stop: Where the message's own bytes lie in the unpacked chunk.
        captured_ns, arrived_ns: The message's `publish_time` and `log_time`.
        sequence: Its number.
    """

    chunk: Ints
    start: Ints
    stop: Ints
    captured_ns: Ints
    arrived_ns: Ints
    sequence: Ints

    def __len__(self) -> int:
        return len(self.chunk)


class LogIndex:
    """Random access to the messages of one log.

    Args:
        path: The log; whole, or repaired.

    Attributes:
        channels: By topic.
        placed: Messages by topic.

    Raises:
        StorageError: It cannot be read.
        DamagedFileError: It is cut or corrupt.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None
        self._chunks: OrderedDict[int, bytes] = OrderedDict()
        self._verified: set[int] = set()
        with opened(path) as stream, damage_told(path):
            reader = SeekingReader(stream, record_size_limit=LARGEST_RECORD_BYTES)
            summary = reader.get_summary()
            if summary is None:
                raise DamagedFileError(f"{path} has no summary: use `fleetloop repair`.")
            self.channels: Mapping[str, Channel] = {
                channel.topic: channel for channel in summary.channels.values()
            }
            places = sorted((c.chunk_start_offset, c.chunk_length) for c in summary.chunk_indexes)
            self._places = tuple(places)
            self._attachments = {a.name: (a.offset, a.length) for a in summary.attachment_indexes}
            self.placed = self._walk()

    def message(self, topic: str, number: int) -> memoryview:
        """The bytes of a channel's message number `number`, in file order.

        Raises:
            DamagedFileError: The chunk's checksum does not hold.
        """
        placed = self.placed[topic]
        chunk = self._chunk(int(placed.chunk[number]))
        return memoryview(chunk)[int(placed.start[number]) : int(placed.stop[number])]

    def attachment(self, name: str) -> bytes | None:
        """An attachment's bytes; None if the log has none of that name."""
        if name not in self._attachments:
            return None
        with opened(self.path) as stream, damage_told(self.path):
            reader = SeekingReader(stream, record_size_limit=LARGEST_RECORD_BYTES)
            found: Attachment
            for found in reader.iter_attachments():
                if found.name == name:
                    return bytes(found.data)
        return None

    def close(self) -> None:
        """Lets go of the file; the next access opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._chunks.clear()

    def __del__(self) -> None:
        if getattr(self, "_descriptor", None) is not None:
            self.close()

    def __getstate__(self) -> dict[str, Any]:
        # A worker process opens the file itself.
        return self.__dict__ | {"_descriptor": None, "_chunks": OrderedDict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def _walk(self) -> dict[str, Placed]:
        # Six plain integers a message: lists of tuples would take five times as much.
        rows = {channel.id: array("q") for channel in self.channels.values()}
        for number in range(len(self._places)):
            chunk = self._chunk(number)
            position = 0
            while position < len(chunk):
                opcode, length = _RECORD.unpack_from(chunk, position)
                position += _RECORD.size
                if opcode == _MESSAGE_OPCODE:
                    channel, sequence, arrived, captured = _MESSAGE.unpack_from(chunk, position)
                    start = position + _MESSAGE.size
                    stop = position + length
                    rows[channel].extend((number, start, stop, captured, arrived, sequence))
                position += length
            if position != len(chunk):
                raise DamagedFileError(f"A record of {self.path} reaches beyond its chunk.")
        return {
            topic: Placed(*np.array(rows[channel.id], dtype=np.int64).reshape(-1, 6).T.copy())
            for topic, channel in self.channels.items()
        }

    def _chunk(self, number: int) -> bytes:
        if number in self._chunks:
            self._chunks.move_to_end(number)
            return self._chunks[number]
        with damage_told(self.path):
            checked = number in self._verified
            unpacked = _unpacked(self._read(*self._places[number]), self.path, checked=checked)
        self._verified.add(number)
        self._chunks[number] = unpacked
        while len(self._chunks) > KEPT_CHUNKS:
            self._chunks.popitem(last=False)
        return unpacked

    def _read(self, offset: int, length: int) -> bytes:
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
            return os.pread(self._descriptor, length, offset)
        except OSError as error:
            raise StorageError(f"Cannot read {self.path}: {error.strerror or error}.") from error


def _unpacked(record: bytes, path: Path, *, checked: bool) -> bytes:
    """The records in a chunk record; its checksum is held once, when the log is opened."""
    opcode, length = _RECORD.unpack_from(record)
    if opcode != _CHUNK_OPCODE or length != len(record) - _RECORD.size:
        raise DamagedFileError(f"The index of {path} points to no chunk: use `fleetloop repair`.")
    position = _RECORD.size
    _, _, size, crc = _CHUNK.unpack_from(record, position)
    position += _CHUNK.size
    (name_length,) = struct.unpack_from("<I", record, position)
    compression = record[position + 4 : position + 4 + name_length].decode("ascii")
    # Past the name stands the length of the packed bytes, then these.
    packed = memoryview(record)[position + 4 + name_length + 8 :]
    if size > LARGEST_RECORD_BYTES:
        raise DamagedFileError(f"A chunk of {path} claims {size} bytes.")
    if compression == "zstd":
        unpacked = zstandard.ZstdDecompressor().decompress(packed, max_output_size=size)
    elif compression == "":
        unpacked = bytes(packed)
    else:
        raise DamagedFileError(f"{path} has chunks packed by {compression!r}, expected zstd.")
    if len(unpacked) != size or (not checked and crc != 0 and zlib.crc32(unpacked) != crc):
        raise DamagedFileError(f"The checksum of a chunk of {path} does not hold.")
    return bytes(unpacked)
