"""Rows into HDF5, an episode a file, and those files into one: an HDF5 file that is cut is lost.

So each episode is a file of its own while an export runs, and the file that readers open is made of
them at the end, and gets its name when it is whole.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

PARTS = "episodes"
"""Folder of the episodes' files within the staging folder."""

_BLOCK_BYTES = 1 << 20


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
        with h5py.File(new, "w", libver="v110") as file:
            for number in range(count):
                with h5py.File(part_path(staging, number), "r") as part:
                    place(file, part, number)
        os.replace(new, target)
    shutil.rmtree(staging / PARTS, ignore_errors=True)


def flush_all(sets: Iterable[RowSet]) -> None:
    """Writes what waits in some data sets."""
    for one in sets:
        one.flush()
