"""LeRobot's parquet and JSON files: one row a frame, one row an episode, one row a task."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.datasets.export.base import write_safely
from fleetloop.datasets.export.lerobot.running import Stats

Feature = Mapping[str, Any]

CODEBASE_VERSION = "v3.0"
CHUNK_FILES = 1000
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES_PATH = "meta/episodes/chunk-000/file-000.parquet"

_GROUP_ROWS = 256

COUNTERS: Mapping[str, str] = {
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}
"""Features that every LeRobot data set has."""


def place_of(number: int) -> dict[str, int]:
    """Chunk and file of an episode: one file each, so what is written stays as it is."""
    return {"chunk_index": number // CHUNK_FILES, "file_index": number % CHUNK_FILES}


class FrameTable:
    """Rows of one episode into a parquet file, a group at a time.

    Args:
        path: The file.
        features: Of `info.json`, without those that are films.
    """

    def __init__(self, path: Path, features: Mapping[str, Feature]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path.parent.mkdir(parents=True, exist_ok=True)
        self._features = features
        self._schema = pa.schema([(name, _type(feature)) for name, feature in features.items()])
        self._writer = pq.ParquetWriter(path, self._schema, compression="snappy")
        self._rows: dict[str, list[Any]] = {name: [] for name in features}

    def add(self, row: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]] | None:
        """Adds one row; returns the group's arrays when one was written."""
        for name, values in self._rows.items():
            values.append(row[name])
        full = len(self._rows["index"]) == _GROUP_ROWS
        return self._flush() if full else None

    def close(self) -> dict[str, npt.NDArray[Any]] | None:
        """Ends the file; returns the arrays of what was left, if any."""
        left = self._flush() if self._rows["index"] else None
        self._writer.close()
        return left

    def __enter__(self) -> FrameTable:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._writer.close()

    def _flush(self) -> dict[str, npt.NDArray[Any]]:
        import pyarrow as pa

        arrays, stacked = [], {}
        for name, feature in self._features.items():
            values = self._rows[name]
            if feature["dtype"] == "image":
                pictures = [{"bytes": value, "path": None} for value in values]
                arrays.append(pa.array(pictures, self._schema.field(name).type))
                continue
            stack = np.asarray(values, dtype=feature["dtype"])
            stacked[name] = stack.reshape(len(values), *feature["shape"])
            arrays.append(_column(stacked[name]))
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._rows = {name: [] for name in self._features}
        return stacked


def write_tasks(folder: Path, tasks: Sequence[str]) -> None:
    """`meta/tasks.parquet`: task_index, with the text as pandas' index."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [
        {"name": name, "field_name": name, "pandas_type": pandas, "numpy_type": kind,
         "metadata": None}
        for name, pandas, kind in (("task_index", "int64", "int64"), ("task", "unicode", "object"))
    ]  # fmt: skip
    names = {"name": None, "field_name": None, "pandas_type": "unicode", "numpy_type": "object",
             "metadata": {"encoding": "UTF-8"}}  # fmt: skip
    meaning = {
        "index_columns": ["task"],
        "column_indexes": [names],
        "columns": columns,
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.0.0",
    }
    table = pa.table({"task_index": np.arange(len(tasks)), "task": list(tasks)})
    table = table.replace_schema_metadata({"pandas": json.dumps(meaning)})
    path = folder / "meta" / "tasks.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def write_episodes(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """`meta/episodes`: one row an episode, statistics included."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / EPISODES_PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path)


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - any JSON
    """Writes JSON as LeRobot lays it out."""
    write_safely(path, json.dumps(value, indent=4, allow_nan=False) + "\n")


def flat_stats(stats: Mapping[str, Stats]) -> dict[str, Any]:
    """Statistics as columns `stats/FEATURE/NAME`."""
    return {
        f"stats/{feature}/{name}": value
        for feature, told in stats.items()
        for name, value in told.items()
    }


def _type(feature: Feature) -> Any:  # noqa: ANN401 - an Arrow type
    import pyarrow as pa

    if feature["dtype"] == "image":
        return pa.struct({"bytes": pa.binary(), "path": pa.string()})
    kind = pa.from_numpy_dtype(np.dtype(feature["dtype"]))
    shape = feature["shape"]
    if shape == [1]:
        return kind
    if len(shape) == 1:
        return pa.list_(kind, shape[0])
    for _ in shape:
        kind = pa.list_(kind)
    return kind


def _column(stack: npt.NDArray[Any]) -> Any:  # noqa: ANN401 - an Arrow array
    import pyarrow as pa

    shape = list(stack.shape[1:])
    array = pa.array(stack.ravel())
    if shape == [1]:
        return array
    if len(shape) == 1:
        return pa.FixedSizeListArray.from_arrays(array, shape[0])
    outer = stack.size
    for size in reversed(shape):
        outer //= size
        offsets = pa.array(np.arange(outer + 1, dtype=np.int32) * np.int32(size))
        array = pa.ListArray.from_arrays(offsets, array)
    return array
