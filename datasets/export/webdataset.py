"""WebDataset: one tar file an episode, one group of files a frame, for streaming into training.

A frame is one capture of the reference camera. Beside its picture stand what the other sensors had
at that time, as `.npy`, and a `.json` with times, poses, action and reward. Pictures are the log's
own JPEG bytes, never encoded again [WebDataset documentation, "The WebDataset Format": files of a
sample are adjacent and share the name up to the first dot].
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.config import to_json
from fleetloop.core.errors import ConfigError
from fleetloop.datasets.export.base import EpisodePart
from fleetloop.datasets.lanes import REACH_M, camera_lanes
from fleetloop.datasets.lineage import Dropped, Signal, stored_loss
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.resample import Alignment, Policy, align, report


@dataclass(frozen=True, slots=True, kw_only=True)
class WebDatasetOptions:
    """What to put in.

    Attributes:
        reference: Camera whose captures are the frames; the first one if empty.
        causal: Take what had been captured at each frame, never what came after it.
        labels: Whether privileged fields (depth, masks, true points) go in.
    """

    reference: str = ""
    causal: bool = False
    labels: bool = True


class WebDataset:
    """See the module."""

    OPTIONS: ClassVar[type[WebDatasetOptions]] = WebDatasetOptions
    NEEDS: ClassVar[tuple[str, ...]] = ()
    EXTRA: ClassVar[str] = ""

    def __init__(self, options: WebDatasetOptions) -> None:
        self.options = options

    def add_episode(self, episode: RecordedEpisode, number: int, staging: Path) -> EpisodePart:
        """Writes one shard."""
        reference = self._reference(episode)
        times = episode.times_ns(reference)
        policy: Policy = "hold" if self.options.causal else "nearest"
        aligned = {
            name: align(episode.times_ns(name), times, policy)
            for name in episode.schemas
            if episode.count(name)
        }
        # WebDataset ends a sample's name at the first dot.
        stem = episode.meta.episode_id.replace(".", "_")
        with tarfile.open(staging / f"{number:06d}.tar", "w", format=tarfile.PAX_FORMAT) as tar:
            for frame in range(len(times)):
                key = f"{stem}-{frame:06d}"
                for name, contents in self._files(episode, aligned, frame):
                    entry = tarfile.TarInfo(f"{key}.{name}")
                    entry.size = len(contents)
                    tar.addfile(entry, io.BytesIO(contents))
        return EpisodePart(
            frames=len(times),
            signals=tuple(self._signals(episode, aligned)),
            dropped=tuple(self._dropped(episode, aligned)),
            memory={"episode_id": episode.meta.episode_id, "schemas": {
                name: schema.to_json() for name, schema in episode.schemas.items()
            }},
        )  # fmt: skip

    def finish(self, parts: Sequence[EpisodePart], staging: Path) -> None:
        """Lists the shards, and says what the fields mean."""
        shards = [
            {"shard": f"{n:06d}.tar", "frames": p.frames, "episode_id": p.memory["episode_id"]}
            for n, p in enumerate(parts)
        ]
        index = {"shards": shards, "schemas": [part.memory["schemas"] for part in parts]}
        (staging / "index.json").write_text(json.dumps(index, indent=1))

    def _reference(self, episode: RecordedEpisode) -> str:
        cameras = episode.sensors("rgb")
        if self.options.reference:
            if self.options.reference not in cameras:
                raise ConfigError(
                    f"The reference {self.options.reference!r} is no camera of {episode.path}: it "
                    f"has {', '.join(cameras) or 'none'}."
                )
            return self.options.reference
        if not cameras:
            raise ConfigError(f"{episode.path} has no camera: WebDataset frames need one.")
        return cameras[0]

    def _has_lanes(self, episode: RecordedEpisode, sensor: str) -> bool:
        lens = episode.calibration.sensors[sensor].lens
        return self.options.labels and lens is not None and episode.lanes is not None

    def _fields(self, episode: RecordedEpisode, sensor: str) -> list[str]:
        schema = episode.schemas[sensor]
        return [n for n, field in schema.items() if self.options.labels or not field.privileged]

    def _files(
        self, episode: RecordedEpisode, aligned: dict[str, Alignment], frame: int
    ) -> Iterator[tuple[str, bytes]]:
        sensors: dict[str, Any] = {}
        for sensor, alignment in aligned.items():
            number = int(alignment.number[frame])
            if number < 0:
                continue
            fields = self._fields(episode, sensor)
            encoded = {name: episode.encoded(sensor, number, name) for name in fields}
            plain = [name for name in fields if encoded[name] is None]
            sample = episode.sample(sensor, number, plain)
            for name, picture in encoded.items():
                if picture is not None:
                    yield f"{sensor}.{name}.jpg", picture[1]
            for name in plain:
                yield f"{sensor}.{name}.npy", _npy(sample.data[name])
            if self._has_lanes(episode, sensor):
                lines = [line.told() for line in camera_lanes(episode, sensor, number)]
                yield f"{sensor}.lanes.json", json.dumps(lines).encode()
            sensors[sensor] = {
                "seq": sample.seq,
                "t_capture_start_ns": sample.t_capture_start_ns,
                "t_capture_ns": sample.t_capture_ns,
                "t_arrival_ns": sample.t_arrival_ns,
                "world_T_sensor": to_json(sample.world_T_sensor),
                "faults": list(sample.faults),
            }
        told = _told(episode, frame, sensors, sensors[self._reference(episode)]["t_capture_ns"])
        yield "json", json.dumps(told).encode()

    def _signals(self, episode: RecordedEpisode, aligned: dict[str, Alignment]) -> Iterator[Signal]:
        for sensor, alignment in aligned.items():
            resampling = report(alignment, episode.count(sensor))
            for name in self._fields(episode, sensor):
                jpeg = episode.encoded(sensor, 0, name) is not None
                yield Signal(
                    source=f"{sensor}.{name}",
                    target=f"{sensor}.{name}.{'jpg' if jpeg else 'npy'}",
                    resampling=resampling,
                    lossy=stored_loss(episode, sensor, name),
                )
        for sensor in aligned:
            if self._has_lanes(episode, sensor):
                near = f"within {REACH_M:g} m, rounded to a tenth of a pixel"
                yield Signal(source="lanes", target=f"{sensor}.lanes.json", lossy=near)
        yield Signal(source="step.action", target="json: action")
        yield Signal(source="step.reward_terms", target="json: reward_terms")

    def _dropped(
        self, episode: RecordedEpisode, aligned: dict[str, Alignment]
    ) -> Iterator[Dropped]:
        for sensor in episode.schemas:
            if sensor not in aligned:
                yield Dropped(source=sensor, reason="it never delivered a sample")
        if not self.options.labels:
            for sensor, schema in episode.schemas.items():
                for name, field in schema.items():
                    if field.privileged:
                        yield Dropped(source=f"{sensor}.{name}", reason="labels=false")
        yield Dropped(source="step.truth", reason="privileged; it stays in the log")
        yield Dropped(source="step.goal", reason="it stays in the log")


def _told(
    episode: RecordedEpisode, frame: int, sensors: dict[str, Any], t_ns: int
) -> dict[str, Any]:
    """What the frame's JSON says; the action is the one that acts from its time on."""
    meta = episode.meta
    told: dict[str, Any] = {
        "episode_id": meta.episode_id,
        "task": meta.task,
        "seed": meta.seed,
        "frame": frame,
        "t_ns": t_ns,
        "sensors": sensors,
        "action": None,
    }
    number = episode.step_after(t_ns)
    if number is not None:
        step = episode.step(number)
        told |= {
            "step": step.index,
            "action": step.action.tolist(),
            "reward_terms": dict(step.reward_terms),
            "terminated": step.terminated,
            "truncated": step.truncated,
        }
    return told


def _npy(array: npt.NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()
