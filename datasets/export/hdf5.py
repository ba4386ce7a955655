"""Rows into HDF5, an episode a file, and those files into one: an HDF5 file that is cut is lost.

So each episode is a file of its own while an export runs, and the file that readers open is made of
them at the end, and gets its name when it is whole.

HDF5's library does not survive a disk that fills up: it tries again while it closes, and takes the
process with it. So it writes through `new_file`, which tells it that all went well and raises
afterwards.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

PARTS = "episodes"
"""Folder of the episodes' files within the staging folder."""

_BLOCK_BYTES = 1 << 20


class _Backing:
    """A file for HDF5 that keeps the first error to itself; what comes after is not written."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._at = self._end = 0
        self.error: OSError | None = None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Moves, also to beyond what could be written."""
        self._at = offset + (0, self._at, self._end)[whence]
        return self._at

    def tell(self) -> int:
        """Where it is."""
        return self._at

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        """Writes all of it, or nothing from an error on."""
        view = memoryview(data).cast("B")
        self._try(lambda: self._write_at(self._at, view))
        self._at += len(view)
        self._end = max(self._end, self._at)
        return len(view)

    def read(self, size: int) -> bytes:
        """As `readinto`; h5py takes what has this for a file."""
        data = bytearray(size)
        self.readinto(data)
        return bytes(data)

    def readinto(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        """Reads back; zeros where nothing could be written."""
        view = memoryview(data).cast("B")
        self._raw.seek(self._at)
        found = self._raw.read(len(view))
        view[:] = found + bytes(len(view) - len(found))
        self._at += len(view)
        return len(view)

    def truncate(self, size: int) -> int:
        """Sets the length."""
        self._try(lambda: self._raw.truncate(size))
        self._end = size
        return size

    def flush(self) -> None:
        """Hands on what is buffered."""
        self._try(self._raw.flush)

    def _write_at(self, place: int, view: memoryview) -> None:
        self._raw.seek(place)
        self._raw.write(view)
        # At once: what fails later would no longer be known to belong here.
        self._raw.flush()

    def _try(self, work: Callable[[], object]) -> None:
        if self.error is None:
            try:
                work()
            except OSError as error:
                self.error = error


@contextmanager
def new_file(path: Path) -> Iterator[Any]:
    """A new HDF5 file to write.

    Raises:
        OSError: The disk is full, or the like.
    """
    import h5py

    with open(path, "w+b", buffering=0) as raw:
        backing = _Backing(raw)
        try:
            with h5py.File(backing, "w", libver="v110") as file:
                yield file
        finally:
            if backing.error is not None:
                raise backing.error


class RowSet:
    """One data set of rows, written in blocks.

    Args:
        group: HDF5 group.
        name: Of the data set; may be a path.
        rows: How many there will be.
        shape: Of one row.
        dtype: Of its numbers.
    """

    def __init__(
        self,
        group: Any,  # noqa: ANN401 - h5py has no types
        name: str,
        rows: int,
        shape: Sequence[int],
        dtype: str,
    ) -> None:
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        self._block = max(1, min(rows, _BLOCK_BYTES // max(size, 1)))
        packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
        self._data = group.create_dataset(
            name,
            (rows, *shape),
            dtype=dtype,
            chunks=(self._block, *shape) if rows else None,
            **(packed if size > 256 and rows else {}),
        )
        self._waiting: list[npt.NDArray[Any]] = []
        self._done = 0

    def add(self, row: npt.ArrayLike) -> None:
        """Adds one row."""
        self._waiting.append(np.asarray(row))
        if len(self._waiting) == self._block:
            self.flush()

    def flush(self) -> None:
        """Writes what waits."""
        if self._waiting:
            end = self._done + len(self._waiting)
            self._data[self._done : end] = np.stack(self._waiting)
            self._done, self._waiting = end, []


def part_path(staging: Path, number: int) -> Path:
    """Where an episode's own file is."""
    path = staging / PARTS / f"{number:06d}.hdf5"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def join_parts(
    staging: Path, target: Path, count: int, place: Callable[[Any, Any, int], None]
) -> None:
    """Makes one file of all episodes, and lets go of theirs.

    Args:
        staging: Folder of the export.
        target: The file to make.
        count: Number of episodes.
        place: Called with the new file, an episode's file and its number.
    """
    import h5py

    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(target.name + ".tmp")
        with new_file(new) as file:
            for number in range(count):
                with h5py.File(part_path(staging, number), "r") as part:
                    place(file, part, number)
        os.replace(new, target)
    shutil.rmtree(staging / PARTS, ignore_errors=True)


def flush_all(sets: Iterable[RowSet]) -> None:
    """Writes what waits in some data sets."""
    for one in sets:
        one.flush()
