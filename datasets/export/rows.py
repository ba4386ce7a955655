"""Episodes as rows of one rate, for formats that know nothing else: LeRobot, Minari and others.

A row is what the robot knew when it chose an action: of each sensor the newest sample that had
arrived by then, as in the observation of the environment. Nothing looks ahead, nothing is mixed.
At the reset every sensor delivers at once, so the first row is complete; where a foreign log has no
sample yet, the first one stands in, and `lineage.json` counts it as missing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fleetloop.core.clock import NS_PER_S
from fleetloop.core.config import to_json
from fleetloop.core.errors import ConfigError
from fleetloop.core.spec import Field
from fleetloop.core.types import Step
from fleetloop.datasets.lineage import Dropped, Signal, stored_loss
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.resample import Alignment, Ints, align, report

Kind = Literal["picture", "depth", "numbers"]

SMALLEST_PICTURE_PX = 16

GOAL = "goal"
"""What the task told the agent stands beside the sensors under this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One field of one sensor.

    Attributes:
        sensor, name: Whose, and which.
        field: What it holds.
        kind: `picture` for sRGB, `depth` for a depth image, `numbers` for all else.
    """

    sensor: str
    name: str
    field: Field
    kind: Kind

    @property
    def key(self) -> str:
        """`sensor.field`, unique in an episode."""
        return f"{self.sensor}.{self.name}"

    @property
    def size(self) -> int:
        """Numbers in one row."""
        return math.prod(self.field.shape)


def columns_of(
    episode: RecordedEpisode, *, labels: bool, largest: int
) -> tuple[tuple[Column, ...], tuple[Dropped, ...]]:
    """Fields that go into rows, in the order of the rig, and those that do not.

    Args:
        episode: The recording.
        labels: Whether privileged fields go in.
        largest: Most numbers of a field that is no picture; point clouds are larger.
    """
    kept, dropped = [], [Dropped(source="step.truth", reason="privileged; it stays in the log")]
    for sensor, schema in episode.schemas.items():
        if not episode.count(sensor):
            dropped.append(Dropped(source=sensor, reason="it never delivered a sample"))
            continue
        for name, field in schema.items():
            column = Column(sensor=sensor, name=name, field=field, kind=kind_of(name, field))
            if field.privileged and not labels:
                dropped.append(Dropped(source=column.key, reason="labels=false"))
            elif column.kind == "numbers" and column.size > largest:
                why = f"{column.size} numbers a row, more than largest={largest}"
                dropped.append(Dropped(source=column.key, reason=why))
            else:
                kept.append(column)
    return (*kept, *_goal_columns(episode)), tuple(dropped)


def kind_of(name: str, field: Field) -> Kind:
    """What a field is, by its shape, type and unit; never by the kind of its sensor."""
    if len(field.shape) >= 2 and min(field.shape[:2]) >= SMALLEST_PICTURE_PX:
        if field.unit == "sRGB" and field.dtype == "uint8" and field.shape[2:] == (3,):
            return "picture"
        if name == "depth_m" and len(field.shape) == 2 and field.dtype == "float32":
            return "depth"
    return "numbers"


def _goal_columns(episode: RecordedEpisode) -> tuple[Column, ...]:
    """What the task told the agent, as columns of a sensor of its own."""
    if len(episode.step_times_ns) == 0:
        return ()
    return tuple(
        Column(
            sensor=GOAL,
            name=name,
            field=Field(shape=array.shape, dtype=array.dtype.name, unit="1"),
            kind="numbers",
        )
        for name, array in episode.step(0).goal.items()
    )


def goal_told(episode: RecordedEpisode, number: int) -> Mapping[str, npt.NDArray[Any]]:
    """What the task told the agent after a step; -1 is the reset.

    Logs that were made before the goal at the reset was recorded give that of their first step.
    """
    first = episode.step(max(number, 0)).goal
    if number >= 0 or not episode.meta.goal:
        return first
    told = episode.meta.goal
    return {name: np.array(told[name], array.dtype) for name, array in first.items()}


def control_hz(episode: RecordedEpisode) -> float:
    """Control steps a second, as the configuration or else the steps say.

    Raises:
        ConfigError: There are no steps.
    """
    told = episode.meta.config.get("control_hz")
    if isinstance(told, int | float) and told > 0:
        return float(told)
    times = episode.step_times_ns
    if len(times) == 0 or times[-1] <= 0:
        raise ConfigError(f"{episode.path} has no steps: nothing acts in it.")
    return len(times) * NS_PER_S / float(times[-1])


def observation_times_ns(episode: RecordedEpisode) -> Ints:
    """Times at which the robot observed, (steps + 1,): at the reset, and after each step."""
    return np.concatenate([np.zeros(1, np.int64), episode.step_times_ns])


class Rows:
    """Values of some columns at some times, one row after another.

    Args:
        episode: The recording.
        columns: Which fields.
        times_ns: When, (n,), never decreasing.
    """

    def __init__(self, episode: RecordedEpisode, columns: Sequence[Column], times_ns: Ints) -> None:
        self.episode = episode
        self.columns = tuple(columns)
        self.times_ns = times_ns
        self._fields: dict[str, list[str]] = {}
        for column in columns:
            if column.sensor != GOAL:
                self._fields.setdefault(column.sensor, []).append(column.name)
        self._goals = [column.name for column in columns if column.sensor == GOAL]
        # Told at the reset (-1) and after each step.
        self._told = np.searchsorted(episode.step_times_ns, times_ns, side="right") - 1
        self._aligned: dict[str, Alignment] = {
            sensor: align(episode.times_ns(sensor, "arrived"), times_ns, "hold")
            for sensor in self._fields
        }
        self._numbers = {s: np.maximum(a.number, 0) for s, a in self._aligned.items()}

    def __len__(self) -> int:
        return len(self.times_ns)

    @property
    def sensors(self) -> tuple[str, ...]:
        """Those that have columns."""
        return tuple(self._fields)

    def captured_ns(self, sensor: str) -> Ints:
        """When what stands in each row was captured, (n,)."""
        return self.episode.times_ns(sensor)[self._numbers[sensor]]

    def number(self, sensor: str, row: int) -> int:
        """Which sample of a sensor stands in a row."""
        return int(self._numbers[sensor][row])

    def __iter__(self) -> Iterator[dict[str, npt.NDArray[Any]]]:
        """Arrays by `sensor.field`; what did not change is the same object as before."""
        held: dict[str, tuple[int, dict[str, npt.NDArray[Any]]]] = {}
        for row in range(len(self)):
            values: dict[str, npt.NDArray[Any]] = {}
            for sensor, fields in self._fields.items():
                number = self.number(sensor, row)
                if sensor not in held or held[sensor][0] != number:
                    data = self.episode.sample(sensor, number, fields).data
                    held[sensor] = number, {f"{sensor}.{name}": data[name] for name in fields}
                values |= held[sensor][1]
            if self._goals:
                goal = goal_told(self.episode, int(self._told[row]))
                values |= {f"{GOAL}.{name}": goal[name] for name in self._goals}
            yield values

    def signals(
        self, targets: Mapping[str, str], losses: Mapping[str, str] | None = None
    ) -> Iterator[Signal]:
        """What came through, for the lineage.

        Args:
            targets: What each `sensor.field` is called in the result.
            losses: What the format did to values, by `sensor.field`.
        """
        for column in self.columns:
            if column.sensor == GOAL:
                old = "the first row has what was told after the first step"
                yield Signal(
                    source=f"step.{column.key}",
                    target=targets[column.key],
                    lossy="" if self.episode.meta.goal else old,
                )
                continue
            told = report(self._aligned[column.sensor], self.episode.count(column.sensor))
            parts = [stored_loss(self.episode, column.sensor, column.name)]
            parts.append((losses or {}).get(column.key, ""))
            yield Signal(
                source=column.key,
                target=targets[column.key],
                resampling=told,
                lossy="; ".join(part for part in parts if part),
            )


def layout(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Columns as plain JSON, to be compared between episodes."""
    return [{"key": c.key, "kind": c.kind, "field": to_json(c.field)} for c in columns]


def check_same_layout(parts: Sequence[Mapping[str, Any]], what: str) -> None:
    """Refuses episodes that do not fit into one table.

    Args:
        parts: Memories with `layout` and `episode_id`.
        what: Name of the format, for the message.

    Raises:
        ConfigError: Two episodes have other columns.
    """
    for part in parts[1:]:
        if part["layout"] != parts[0]["layout"]:
            raise ConfigError(
                f"{part['episode_id']} has other sensors or actions than {parts[0]['episode_id']}: "
                f"a {what} data set holds one robot with one rig. `fleetloop filter` parts them."
            )


def last_step_of(episode: RecordedEpisode) -> Step:
    """The step that ended the episode.

    Raises:
        ConfigError: There is none.
    """
    count = len(episode.step_times_ns)
    if count == 0:
        raise ConfigError(f"{episode.path} has no steps: leave it out by `fleetloop filter`.")
    return episode.step(count - 1)
