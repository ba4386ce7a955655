"""Recordings as ROS 2 bags: one bag an episode, all sensors at their own rates, nothing resampled.

Message stamps are captures, times in the bag are arrivals. `/tf` has the true pose of `base_link`
in `world`, and of sensors on links that move; sensors fixed to the base are in `/tf_static`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from fleetloop.core.config import to_json
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.core.objects import EGO
from fleetloop.datasets.export.base import EpisodePart
from fleetloop.datasets.export.ros2.messages import Messages
from fleetloop.datasets.lineage import Dropped, Signal, stored_loss
from fleetloop.datasets.recording import RecordedEpisode

START_NS = 1_577_836_800_000_000_000
"""2020-01-01: ROS takes a stamp of zero for none."""

_STEP, _OBJECTS = -1, -2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ros2Options:
    """How to store.

    Attributes:
        storage: `mcap` or `sqlite3`.
        labels: Whether privileged fields go in.
    """

    storage: str = "mcap"
    labels: bool = True

    def __post_init__(self) -> None:
        if self.storage not in ("mcap", "sqlite3"):
            raise ConfigError(f"storage is {self.storage!r}: use mcap or sqlite3.")


class Ros2:
    """See the module."""

    OPTIONS: ClassVar[type[Ros2Options]] = Ros2Options
    NEEDS: ClassVar[tuple[str, ...]] = ("rosbags",)
    EXTRA: ClassVar[str] = "ros2"

    def __init__(self, options: Ros2Options) -> None:
        self.options = options

    def add_episode(self, episode: RecordedEpisode, number: int, staging: Path) -> EpisodePart:
        """Writes one bag."""
        from rosbags.rosbag2 import StoragePlugin, Writer

        # A folder's name is a name in ROS's graph too.
        bag = staging / episode.meta.episode_id
        shutil.rmtree(bag, ignore_errors=True)
        plugin = StoragePlugin.MCAP if self.options.storage == "mcap" else StoragePlugin.SQLITE3
        with Writer(bag, version=9, storage_plugin=plugin) as writer:
            writer.set_custom_data("fleetloop.seed", str(episode.meta.seed))
            writer.set_custom_data("fleetloop.task", episode.meta.task)
            count = _Bag(writer, episode, labels=self.options.labels).write()
        return EpisodePart(
            frames=count,
            signals=tuple(_signals(episode, labels=self.options.labels)),
            dropped=tuple(_dropped(episode, labels=self.options.labels)),
            memory={"bag": bag.name},
        )

    def finish(self, parts: Sequence[EpisodePart], staging: Path) -> None:
        """Nothing spans bags."""


class _Bag:
    """Writes an episode in the order in which things arrived."""

    def __init__(self, writer: Any, episode: RecordedEpisode, *, labels: bool) -> None:  # noqa: ANN401
        from rosbags.typesys import Stores, get_typestore

        self._store: Any = get_typestore(Stores.ROS2_JAZZY)
        self._writer = writer
        self._episode = episode
        self._make = Messages(self._store, START_NS)
        self._connections: dict[str, Any] = {}
        self._schemas = {
            name: type(schema)({n: f for n, f in schema.items() if labels or not f.privileged})
            for name, schema in episode.schemas.items()
        }
        self._count = 0

    def write(self) -> int:
        """Writes all; returns how many messages."""
        episode = self._episode
        self._write_static()
        names = list(episode.schemas)
        columns = [
            np.stack([episode.times_ns(n, "arrived"), np.full(episode.count(n), k),
                      np.arange(episode.count(n))])
            for k, n in enumerate(names)
        ]  # fmt: skip
        for code, times in ((_STEP, episode.step_times_ns), (_OBJECTS, episode.objects_times_ns)):
            columns.append(np.stack([times, np.full(len(times), code), np.arange(len(times))]))
        table = np.concatenate(columns, axis=1)
        order = np.lexsort((table[1], table[0]))
        for t_ns, code, number in table[:, order].T.tolist():
            if code == _STEP:
                self._write_step(number)
            elif code == _OBJECTS:
                self._write_pose(number, t_ns)
            else:
                self._write_sample(names[code], number)
        return self._count

    def _write_sample(self, sensor: str, number: int) -> None:
        schema = self._schemas[sensor]
        jpeg = {}
        for name in schema:
            stored = self._episode.encoded(sensor, number, name)
            if stored is not None:
                jpeg[name] = stored[1]
        wanted = [name for name in schema if name not in jpeg]
        sample = self._episode.sample(sensor, number, wanted)
        calibration = self._episode.calibration.sensors[sensor]
        for topic, kind, message in self._make.of_sample(sample, schema, calibration.lens, jpeg):
            self._add(topic, kind, message, sample.t_arrival_ns)
        if calibration.link != "base":
            base = self._episode.base_pose_at(sample.t_capture_ns)
            if base is not None:
                pose = base.inverse() @ sample.world_T_sensor
                told = self._make.transform(sample.t_capture_ns, "base_link", sensor, pose)
                self._add_transforms("/tf", [told], sample.t_arrival_ns)
        if sample.faults:
            text = json.dumps({"sensor": sensor, "faults": list(sample.faults)})
            self._add_text("/faults", text, sample.t_arrival_ns)

    def _write_step(self, number: int) -> None:
        step = self._episode.step(number)
        kind, action = self._make.array(np.atleast_1d(step.action))
        self._add("/action", kind, action, step.t_ns)
        kind, reward = self._make.array(np.array([step.reward]))
        self._add("/reward", kind, reward, step.t_ns)
        for name, values in step.goal.items():
            kind, goal = self._make.array(values)
            self._add(f"/goal/{name}", kind, goal, step.t_ns)
        for event in step.events:
            self._add_text("/events", json.dumps(to_json(event)), step.t_ns)

    def _write_pose(self, number: int, t_ns: int) -> None:
        record = self._episode.objects_record(number)
        row = record.row(EGO)
        if row is not None:
            pose = Pose(record.position_m[row], record.quaternion_xyzw[row])
            told = self._make.transform(t_ns, "world", "base_link", pose)
            self._add_transforms("/tf", [told], t_ns)

    def _write_static(self) -> None:
        told = [
            self._make.transform(0, "base_link", name, sensor.link_T_sensor)
            for name, sensor in self._episode.calibration.sensors.items()
            if sensor.link == "base"
        ]
        if told:
            self._add_transforms("/tf_static", told, 0)

    def _add_transforms(self, topic: str, transforms: list[Any], t_ns: int) -> None:
        kind = "tf2_msgs/msg/TFMessage"
        self._add(topic, kind, self._make.make(kind, transforms=transforms), t_ns)

    def _add_text(self, topic: str, text: str, t_ns: int) -> None:
        kind = "std_msgs/msg/String"
        self._add(topic, kind, self._make.make(kind, data=text), t_ns)

    def _add(self, topic: str, kind: str, message: Any, t_ns: int) -> None:  # noqa: ANN401
        # ROS names know letters, digits and _ alone.
        plain = topic.replace("-", "_").replace(".", "_")
        if plain not in self._connections:
            self._connections[plain] = self._writer.add_connection(
                plain, kind, typestore=self._store
            )
        data = self._store.serialize_cdr(message, kind)
        self._writer.write(self._connections[plain], START_NS + t_ns, data)
        self._count += 1


def _signals(episode: RecordedEpisode, *, labels: bool) -> Iterator[Signal]:
    for sensor, schema in episode.schemas.items():
        for name, field in schema.items():
            if labels or not field.privileged:
                yield Signal(
                    source=f"{sensor}.{name}", target=f"/{sensor}",
                    lossy=stored_loss(episode, sensor, name),
                )  # fmt: skip
    yield Signal(source="step.action", target="/action")
    yield Signal(source="step.reward_terms", target="/reward", lossy="only their sum")
    yield Signal(source="step.goal", target="/goal")
    yield Signal(source="step.events", target="/events")
    yield Signal(source="objects", target="/tf", lossy="only the robot's own pose")


def _dropped(episode: RecordedEpisode, *, labels: bool) -> Iterator[Dropped]:
    if not labels:
        for sensor, schema in episode.schemas.items():
            for name, field in schema.items():
                if field.privileged:
                    yield Dropped(source=f"{sensor}.{name}", reason="labels=false")
    yield Dropped(source="step.truth", reason="privileged; it stays in the log")
