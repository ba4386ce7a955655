"""LeRobot: rows, times and indices that go on without gaps, films as long as their episodes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fleetloop.core.errors import MissingDependencyError
from fleetloop.datasets.lineage import Lineage
from fleetloop.datasets.validate.base import Finding

_TOLERANCE_S = 1e-4
"""LeRobot's own, between the times of rows and of film frames."""


def check(folder: Path, lineage: Lineage) -> Iterator[Finding]:
    """Checks `meta`, `data` and `videos` against each other."""
    try:
        import av
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingDependencyError(
            "Looking into LeRobot's files needs pyarrow and av: pip install 'fleetloop[lerobot]'."
        ) from error
    info = json.loads((folder / "meta" / "info.json").read_text())
    episodes = pq.read_table(folder / "meta" / "episodes").to_pylist()
    if info["codebase_version"] != "v3.0":
        yield _error("info.json", f"is of version {info['codebase_version']}")
    if not info["total_episodes"] == len(episodes) == len(lineage.episodes):
        yield _error("info.json", f"tells {info['total_episodes']} of {len(episodes)} episodes")
    videos = [key for key, f in info["features"].items() if f["dtype"] == "video"]
    done = 0
    for row in episodes:
        number = row["episode_index"]
        place = {"chunk_index": row["data/chunk_index"], "file_index": row["data/file_index"]}
        table = pq.read_table(folder / info["data_path"].format(**place))
        yield from _table(table, row, number, done, info["fps"])
        done += row["length"]
        for key in videos:
            place = {
                part: row[f"videos/{key}/{part}"] for part in ("chunk_index", "file_index")
            } | {"video_key": key}
            opened: Any = av.open(str(folder / info["video_path"].format(**place)))
            with opened as container:
                stream = container.streams.video[0]
                times = [float(p.pts * stream.time_base) for p in container.demux(stream) if p.size]
            wanted = row[f"videos/{key}/from_timestamp"] + np.arange(row["length"]) / info["fps"]
            if len(times) != row["length"]:
                yield _error(f"{key} {number}", f"has {len(times)} frames of {row['length']}")
            elif np.abs(np.sort(times) - wanted).max() > _TOLERANCE_S:
                yield _error(f"{key} {number}", "its frames are not where the rows are")
    if done != info["total_frames"]:
        yield _error("info.json", f"tells {info['total_frames']} frames, there are {done}")


def _table(
    table: Any,  # noqa: ANN401 - an Arrow table
    row: dict[str, Any],
    number: int,
    start: int,
    fps: int,
) -> Iterator[Finding]:
    length = row["length"]
    wanted = {
        "index": np.arange(start, start + length),
        "frame_index": np.arange(length),
        "episode_index": np.full(length, number),
    }
    for name, values in wanted.items():
        if not np.array_equal(table[name].to_numpy(), values):
            yield _error(f"episode {number}", f"its {name} is not what it must be")
    times = table["timestamp"].to_numpy()
    if len(times) == length and np.abs(times - np.arange(length) / fps).max() > _TOLERANCE_S:
        yield _error(f"episode {number}", "its times are not frame_index / fps")
    if not row["dataset_to_index"] - row["dataset_from_index"] == length == len(table):
        yield _error(f"episode {number}", "its length is not that of its rows")


def _error(where: str, message: str) -> Finding:
    return Finding(severity="error", check="lerobot", where=where, message=message)
