"""TFRecord files and `tf.train.Example` messages, written as they stream by.

A record is: length (uint64), masked CRC of the length, data, masked CRC of the data, all little
endian [TensorFlow, "TFRecord and tf.train.Example"]. An episode is one message, whose lengths stand
before what they count: each feature waits in a temporary file until the episode is over.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["bytes", "float", "int"]

_LISTS: Mapping[str, int] = {"bytes": 1, "float": 2, "int": 3}
"""Field of each list in `tf.train.Feature`."""

_IN_MEMORY = 1 << 18
_AT_ONCE = 1 << 20
_MASK_DELTA = 0xA282EAD8


class FeatureSpool:
    """Values of one feature of an episode, in order.

    Args:
        kind: `bytes`, `float` (32 bits) or `int` (64 bits).
        folder: For the temporary file.
    """

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.kind = kind
        self.size = 0
        # Closed by the episode that owns it.
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(folder))  # noqa: SIM115

    def add(self, value: bytes | npt.NDArray[np.generic]) -> None:
        """Adds one text of bytes, or all numbers of an array."""
        if isinstance(value, bytes):
            data = b"\x0a" + varint(len(value)) + value
        elif self.kind == "float":
            data = value.astype("<f4").tobytes()
        else:
            data = b"".join(varint(number) for number in value.astype(np.int64).ravel().tolist())
        self._file.write(data)
        self.size += len(data)

    def parts(self, head: bytes) -> Iterator[bytes]:
        """The feature as it stands in the message, after `head`."""
        yield head
        self._file.seek(0)
        while block := self._file.read(_AT_ONCE):
            yield block

    def close(self) -> None:
        """Lets go of the temporary file."""
        self._file.close()


class EpisodeSpool:
    """All features of one episode.

    Args:
        kinds: By name.
        folder: For temporary files.
    """

    def __init__(self, kinds: Mapping[str, Kind], folder: Path) -> None:
        self._spools = {name: FeatureSpool(kind, folder) for name, kind in kinds.items()}

    def add(self, name: str, value: bytes | npt.NDArray[np.generic]) -> None:
        """Adds to a feature."""
        self._spools[name].add(value)

    def write(self, path: Path) -> int:
        """Writes one record; returns its length."""
        heads = {name: _heads(name, spool) for name, spool in sorted(self._spools.items())}
        inside = sum(len(head) + self._spools[name].size for name, head in heads.items())
        lead = b"\x0a" + varint(inside)
        length = len(lead) + inside

        def message() -> Iterator[bytes]:
            yield lead
            for name, head in heads.items():
                yield from self._spools[name].parts(head)

        with path.open("wb") as file:
            write_record(file, length, message())
        return length

    def __enter__(self) -> EpisodeSpool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for spool in self._spools.values():
            spool.close()


def write_record(file: IO[bytes], length: int, parts: Iterable[bytes]) -> None:
    """Frames one record."""
    import google_crc32c

    told = struct.pack("<Q", length)
    file.write(told + struct.pack("<I", masked(google_crc32c.value(told))))
    crc = 0
    for part in parts:
        file.write(part)
        crc = google_crc32c.extend(crc, part)
    file.write(struct.pack("<I", masked(crc)))


def read_records(path: Path) -> Iterator[bytes]:
    """The records of a file, checksums compared.

    Raises:
        ValueError: It is cut, or a checksum does not hold.
    """
    import google_crc32c

    size = path.stat().st_size
    with path.open("rb") as file:
        while head := file.read(12):
            length, length_crc = struct.unpack("<QI", head) if len(head) == 12 else (size, 0)
            if length > size or masked(google_crc32c.value(head[:8])) != length_crc:
                raise ValueError(f"a record of {path.name} is cut or its length is damaged")
            data = file.read(length)
            tail = file.read(4)
            if len(tail) < 4 or masked(google_crc32c.value(data)) != struct.unpack("<I", tail)[0]:
                raise ValueError(f"a record of {path.name} is cut or damaged")
            yield data


def masked(crc: int) -> int:
    """A CRC-32C as TFRecord keeps it: turned, with a constant added."""
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def varint(value: int) -> bytes:
    """A number of protobuf: seven bits a byte, the low ones first; 64 bits of two's complement."""
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _heads(name: str, spool: FeatureSpool) -> bytes:
    """All that stands before a feature's values: map entry, key, feature, list."""
    packed = b"" if spool.kind == "bytes" else b"\x0a" + varint(spool.size)
    listed = len(packed) + spool.size
    list_head = bytes([_LISTS[spool.kind] << 3 | 2]) + varint(listed)
    feature = len(list_head) + listed
    text = name.encode()
    key = b"\x0a" + varint(len(text)) + text
    value_head = b"\x12" + varint(feature)
    entry = len(key) + len(value_head) + feature
    return b"\x0a" + varint(entry) + key + value_head + list_head + packed
