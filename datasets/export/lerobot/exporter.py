"""Recordings as a LeRobotDataset v3.0, one robot and one rig each, one file an episode.

Row k of an episode is what the robot knew when it chose action k, at k / fps; true stamps of the
captures stand beside it in `observation.t_capture_s`. Small real numbers of all sensors make
`observation.state`; what else fits is a feature of its own. Written by pyarrow and PyAV, without
LeRobot, PyTorch or pandas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from fleetloop.core.clock import NS_PER_S
from fleetloop.core.config import to_json
from fleetloop.core.errors import ConfigError
from fleetloop.datasets.export.base import EpisodePart
from fleetloop.datasets.export.lerobot.features import LeRobotOptions, Plan, plan_of
from fleetloop.datasets.export.lerobot.running import PictureStats, RunningStats, Stats, merged
from fleetloop.datasets.export.lerobot.tables import (
    CHUNK_FILES,
    CODEBASE_VERSION,
    DATA_PATH,
    VIDEO_PATH,
    FrameTable,
    flat_stats,
    place_of,
    write_episodes,
    write_json,
    write_tasks,
)
from fleetloop.datasets.export.lerobot.video import VideoWriter, quantized
from fleetloop.datasets.export.rows import (
    Rows,
    check_same_layout,
    columns_of,
    control_hz,
    layout,
    observation_times_ns,
)
from fleetloop.datasets.lineage import Dropped, Signal
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.resample import Ints, fixed_times_ns


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Acts:
    """What was done at each row: actions (n, ...), rewards (n,), and whether it went well."""

    action: np.ndarray
    reward: np.ndarray
    success: bool


class LeRobot:
    """See the module."""

    OPTIONS: ClassVar[type[LeRobotOptions]] = LeRobotOptions
    NEEDS: ClassVar[tuple[str, ...]] = ("pyarrow", "av")
    EXTRA: ClassVar[str] = "lerobot"

    def __init__(self, options: LeRobotOptions) -> None:
        self.options = options

    def add_episode(self, episode: RecordedEpisode, number: int, staging: Path) -> EpisodePart:
        """Writes one parquet file, and one film a camera."""
        columns, dropped = columns_of(
            episode, labels=self.options.labels, largest=self.options.largest
        )
        fps, times_ns = row_times(episode, self.options.fps)
        plan = plan_of(columns, self.options, fps, action_shape=_first_action(episode))
        rows = Rows(episode, plan.columns, times_ns)
        stats = _write(rows, plan, _acts_of(episode, times_ns), number, staging)
        meta = episode.meta
        return EpisodePart(
            frames=len(rows),
            signals=(*rows.signals(plan.targets, plan.losses), *_step_signals()),
            dropped=(*dropped, *plan.dropped, *_never_dropped(episode)),
            memory={
                "episode_id": meta.episode_id,
                "task": meta.task,
                "robot": meta.robot,
                "fps": fps,
                "layout": [layout(plan.columns), plan.features],
                "features": plan.features,
                "stats": stats,
                "calibration": to_json(episode.calibration),
            },
        )

    def finish(self, parts: Sequence[EpisodePart], staging: Path) -> None:
        """Writes `meta/`; `info.json` last, since its presence says that all is there."""
        memories = [part.memory for part in parts]
        check_same_layout(memories, "LeRobot")
        first = memories[0]
        tasks = list(dict.fromkeys(memory["task"] for memory in memories))
        _number_rows(parts, tasks, staging)
        write_tasks(staging, tasks)
        write_episodes(staging, list(_episode_rows(parts, first["features"])))
        stats = {name: merged([m["stats"][name] for m in memories]) for name in first["stats"]}
        write_json(staging / "meta" / "stats.json", stats)
        beside = staging / "meta" / "sim"
        beside.mkdir(exist_ok=True)
        write_json(beside / "calibration.json", first["calibration"])
        videos = any(feature["dtype"] == "video" for feature in first["features"].values())
        info = {
            "codebase_version": CODEBASE_VERSION,
            "robot_type": first["robot"],
            "total_episodes": len(parts),
            "total_frames": sum(part.frames for part in parts),
            "total_tasks": len(tasks),
            "chunks_size": CHUNK_FILES,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": first["fps"],
            "splits": {"train": f"0:{len(parts)}"},
            "data_path": DATA_PATH,
            "video_path": VIDEO_PATH if videos else None,
            "features": first["features"],
        }
        write_json(staging / "meta" / "info.json", info)


def row_times(episode: RecordedEpisode, fps: int) -> tuple[int, Ints]:
    """Frames a second, and the times of the rows; the control rate if `fps` is 0.

    Raises:
        ConfigError: The control rate is no whole number, or there are no steps.
    """
    rate = control_hz(episode)
    whole = round(rate)
    observed = observation_times_ns(episode)
    if len(observed) < 2:
        raise ConfigError(f"{episode.path} has no steps: leave it out by `fleetloop filter`.")
    if fps in (0, whole) and abs(rate - whole) < 1e-9:
        return whole, observed[:-1]
    if fps == 0:
        raise ConfigError(f"The control rate is {rate} Hz, LeRobot takes whole ones: --set fps=N.")
    return fps, fixed_times_ns(0, int(observed[-1]) - 1, fps)


def _first_action(episode: RecordedEpisode) -> tuple[int, ...]:
    return np.atleast_1d(episode.step(0).action).shape


def _acts_of(episode: RecordedEpisode, times_ns: Ints) -> _Acts:
    """The action that acts from each row on, and the reward until the next."""
    ends = episode.step_times_ns
    acting = np.minimum(np.searchsorted(ends, times_ns, side="right"), len(ends) - 1)
    row_of = np.searchsorted(times_ns, ends, side="left") - 1
    actions = np.zeros((len(ends), *_first_action(episode)), np.float32)
    reward = np.zeros(len(times_ns))
    for step, row in zip(episode.steps(), row_of.tolist(), strict=True):
        actions[step.index] = np.atleast_1d(step.action)
        reward[row] += step.reward
    outcome = episode.outcome
    return _Acts(
        action=actions[acting], reward=reward, success=outcome is not None and outcome.success
    )


def _write(rows: Rows, plan: Plan, acts: _Acts, number: int, staging: Path) -> dict[str, Stats]:
    """Writes one episode, and gathers its statistics on the way."""
    place = place_of(number)
    numbers = {k: f for k, f in plan.features.items() if f["dtype"] not in ("video", "image")}
    running = {name: RunningStats(feature["shape"]) for name, feature in numbers.items()}
    looked = {key: PictureStats(len(rows)) for key in plan.pictures}
    depth_stats = {key: RunningStats((1, 1, 1)) for key in plan.depths}
    captured_s = np.stack([rows.captured_ns(s) / NS_PER_S for s in rows.sensors], axis=1)
    with ExitStack() as stack:
        table = stack.enter_context(FrameTable(staging / DATA_PATH.format(**place), plan.in_table))
        films = {
            key: stack.enter_context(
                VideoWriter(staging / VIDEO_PATH.format(video_key=key, **place), video)
            )
            for key, video in plan.videos.items()
        }
        for row, values in enumerate(rows):
            told = plan.numbers_of(values) | {
                "observation.t_capture_s": captured_s[row],
                "action": acts.action[row],
                "next.reward": acts.reward[row],
                "next.done": row == len(rows) - 1,
                "next.success": acts.success and row == len(rows) - 1,
                "timestamp": row / plan.fps,
                "frame_index": row,
                "episode_index": number,
                # Known when all episodes are; `finish` puts it right.
                "index": row,
                "task_index": 0,
            }
            told |= _pictures(rows, row, values, plan, films, looked)
            for key, source in plan.depths.items():
                levels = quantized(values[source], plan.depth_max_m)
                films[key].add_levels(levels)
                depth_stats[key].add(values[source].reshape(-1)[::97, None, None, None])
            _count(table.add(told), running)
        _count(table.close(), running)
    stats = {name: one.result() for name, one in running.items()}
    stats |= {name: one.result() for name, one in looked.items()}
    return stats | {name: one.result() for name, one in depth_stats.items()}


def _pictures(
    rows: Rows,
    row: int,
    values: Mapping[str, Any],
    plan: Plan,
    films: Mapping[str, VideoWriter],
    looked: Mapping[str, PictureStats],
) -> dict[str, bytes]:
    """Films what is filmed; returns what goes into the table as PNG."""
    import cv2

    encoded = {}
    for key, source in plan.pictures.items():
        picture = values[source]
        if looked[key].wants_next():
            looked[key].add(picture)
        if key in films:
            films[key].add_picture(picture)
        else:
            done, png = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
            if not done:
                raise ConfigError(f"OpenCV cannot encode {source} {picture.shape} as PNG.")
            encoded[key] = png.tobytes()
    return encoded


def _count(group: Mapping[str, np.ndarray] | None, running: Mapping[str, RunningStats]) -> None:
    for name, stack in (group or {}).items():
        running[name].add(stack)


def _number_rows(parts: Sequence[EpisodePart], tasks: Sequence[str], staging: Path) -> None:
    """Puts `index` and `task_index` right, which need all episodes; a file at a time."""
    import os

    import pyarrow as pa
    import pyarrow.parquet as pq

    start = 0
    for number, part in enumerate(parts):
        path = staging / DATA_PATH.format(**place_of(number))
        task = tasks.index(part.memory["task"])
        new = path.with_name(path.name + ".tmp")
        source = pq.ParquetFile(path)
        with pq.ParquetWriter(new, source.schema_arrow, compression="snappy") as writer:
            done = start
            for group in range(source.num_row_groups):
                table = source.read_row_group(group)
                index = pa.array(np.arange(done, done + len(table), dtype=np.int64))
                tasked = pa.array(np.full(len(table), task, dtype=np.int64))
                for name, column in (("index", index), ("task_index", tasked)):
                    table = table.set_column(table.schema.get_field_index(name), name, column)
                writer.write_table(table.cast(source.schema_arrow))
                done += len(table)
        source.close()
        os.replace(new, path)
        start = done
        told = part.memory["stats"]
        _shift_stats(told["index"], start - part.frames)
        _shift_stats(told["task_index"], task)


def _shift_stats(stats: Stats, by: int) -> None:
    """Statistics of a feature that began at 0 and now begins at `by`."""
    first = stats["min"][0]
    for name, value in stats.items():
        if name not in ("std", "count"):
            stats[name] = [value[0] - first + by]


def _episode_rows(
    parts: Sequence[EpisodePart], features: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    start = 0
    for number, part in enumerate(parts):
        place = place_of(number)
        row: dict[str, Any] = {
            "episode_index": number,
            "tasks": [part.memory["task"]],
            "length": part.frames,
            "data/chunk_index": place["chunk_index"],
            "data/file_index": place["file_index"],
            "dataset_from_index": start,
            "dataset_to_index": start + part.frames,
        }
        for key, feature in features.items():
            if feature["dtype"] == "video":
                row |= {
                    f"videos/{key}/chunk_index": place["chunk_index"],
                    f"videos/{key}/file_index": place["file_index"],
                    f"videos/{key}/from_timestamp": 0.0,
                    f"videos/{key}/to_timestamp": part.frames / part.memory["fps"],
                }
        row |= flat_stats(part.memory["stats"])
        row |= {"meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0}
        start += part.frames
        yield row


def _step_signals() -> Iterator[Signal]:
    yield Signal(source="step.action", target="action")
    yield Signal(source="step.reward_terms", target="next.reward", lossy="only their sum")


def _never_dropped(episode: RecordedEpisode) -> Iterator[Dropped]:
    yield Dropped(source="step.events", reason="no place for them")
    if len(episode.objects_times_ns):
        yield Dropped(source="objects", reason="no place for boxes and tracks")
