"""Windows for training, straight from the logs: no conversion, random access, any rate.

A window stands at one time t of one episode. Of each observed signal it holds the last `history`
values on a grid of fixed rate, up to t; of each acted signal (the action, the reward) the `horizon`
values from t on. All in NumPy; `torch_dataset` puts a torch `Dataset` around it, and torch is
imported there alone.

By default a window is causal: at each grid time it holds the newest sample that had *arrived*, with
all latency and jitter, which is what the robot knew. Otherwise samples are chosen by when they were
captured, and small numbers are interpolated (see `resample`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_counts
from fleetloop.core.errors import ConfigError, MissingDependencyError, UnknownNameError
from fleetloop.core.rng import child_generator
from fleetloop.datasets.recording import RecordedEpisode, Recording
from fleetloop.datasets.resample import (
    Alignment,
    align,
    fixed_times_ns,
    policy_of,
    resample,
)
from fleetloop.datasets.stats import is_small_number

STEP_SIGNALS = ("step.action", "step.reward")

Window = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowConfig:
    """What a window holds.

    Attributes:
        observe: Signals as `sensor.field`.
        act: `step.action`, `step.reward`, or none.
        rate_hz: Of the grid.
        history: Values of each observed signal, the newest at t.
        horizon: Values of each acted signal, the first at t.
        stride: Grid times between windows.
        causal: See the module.
        open_episodes: Logs kept open at once; bounds memory and file handles.

    Raises:
        ConfigError: A value is not possible.
    """

    observe: tuple[str, ...]
    act: tuple[str, ...] = ("step.action",)
    rate_hz: float = 10.0
    history: int = 1
    horizon: int = 1
    stride: int = 1
    causal: bool = True
    open_episodes: int = 8

    def __post_init__(self) -> None:
        check_counts(self, "a window", "history", "horizon", "stride", "open_episodes")
        for signal in self.observe:
            if signal.count(".") != 1:
                raise ConfigError(f"The signal {signal!r} is not of the form sensor.field.")
        for signal in self.act:
            if signal not in STEP_SIGNALS:
                raise UnknownNameError("acted signal", signal, STEP_SIGNALS)


class _Open:
    """One episode with its grid, alignments, and small signals whole."""

    def __init__(self, episode: RecordedEpisode, config: WindowConfig) -> None:
        self.episode = episode
        self.times_ns = grid_ns(episode, config.rate_hz)
        self.aligned: dict[str, Alignment] = {}
        self.small: dict[str, npt.NDArray[Any]] = {}
        for signal in config.observe:
            sensor, name = signal.split(".")
            if sensor not in episode.schemas:
                raise UnknownNameError("sensor", sensor, episode.schemas)
            schema = episode.schemas[sensor]
            if name not in schema:
                raise UnknownNameError(f"field of {sensor}", name, schema)
            clock = "arrived" if config.causal else "captured"
            policy = policy_of(name, schema[name], causal=config.causal)
            source = episode.times_ns(sensor, clock)  # type: ignore[arg-type]  # a Clock
            self.aligned[signal] = align(source, self.times_ns, policy)
            if is_small_number(schema[name]):
                rows = [s.data[name] for s in episode.samples(sensor, [name])]
                values = np.array(rows, dtype=schema[name].dtype)
                self.small[signal] = values.reshape(-1, *schema[name].shape)
        for signal in config.act:
            self.small[signal] = np.array(
                [
                    step.action if signal == "step.action" else np.float64(step.reward)
                    for step in episode.steps()
                ]
            )


def grid_ns(episode: RecordedEpisode, rate_hz: float) -> npt.NDArray[np.int64]:
    """Grid times of an episode, from the reset to before its end, after which nothing acts."""
    ends = episode.step_times_ns
    last_ns = int(ends[-1]) - 1 if len(ends) else -1
    return fixed_times_ns(0, last_ns, rate_hz)


class Windows:
    """All windows of a recording, by number.

    Args:
        recording: Where from.
        config: What each holds.

    Raises:
        UnknownNameError: A signal that the first episode does not have.
    """

    def __init__(self, recording: Recording, config: WindowConfig) -> None:
        self.recording = recording
        self.config = config
        self._open: OrderedDict[int, _Open] = OrderedDict()
        counts = []
        for episode in recording:
            grid = len(grid_ns(episode, config.rate_hz))
            counts.append(-(-grid // config.stride))
            episode.close()
        self._ends = np.cumsum(counts, dtype=np.int64)
        if len(self):
            self._episode(int(np.flatnonzero(counts)[0]))

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, number: int) -> Window:
        """A window.

        Returns:
            Arrays by signal: (history, ...) or (horizon, ...); `signal.valid` (n,) bool is False
            where an entry lies outside of the episode and repeats its first or last value; `t_ns`
            and `episode`, both ().
        """
        if not -len(self) <= number < len(self):
            # IndexError, not our own: iteration by numbers ends with it.
            raise IndexError(f"There are {len(self)} windows, none is {number}.")
        number %= len(self)
        place = int(np.searchsorted(self._ends, number, side="right"))
        before = int(self._ends[place - 1]) if place else 0
        now = (number - before) * self.config.stride
        found = self._episode(place)
        window: Window = {
            "t_ns": np.array(found.times_ns[now]),
            "episode": np.array(place, dtype=np.int64),
        }
        past = now + 1 - self.config.history + np.arange(self.config.history)
        for signal in self.config.observe:
            window[signal], there = self._observed(found, signal, np.maximum(past, 0))
            window[f"{signal}.valid"] = there & (past >= 0)
        future = found.times_ns[now] + fixed_times_ns(
            0, round(1e9 * self.config.horizon / self.config.rate_hz) - 1, self.config.rate_hz
        )
        for signal in self.config.act:
            steps = np.searchsorted(found.episode.step_times_ns, future, side="right")
            last = len(found.episode.step_times_ns) - 1
            window[signal] = found.small[signal][np.minimum(steps, last)]
            window[f"{signal}.valid"] = steps <= last
        return window

    def __iter__(self) -> Iterator[Window]:
        return (self[number] for number in range(len(self)))

    def __getstate__(self) -> dict[str, Any]:
        # A worker opens its own files.
        return self.__dict__ | {"_open": OrderedDict()}

    def batches(self, size: int, *, seed: int | None = None) -> Iterator[Window]:
        """Windows stacked, `size` at a time; the last batch may be smaller.

        Args:
            size: Windows a batch.
            seed: Of the shuffle; in order if None.

        Raises:
            ConfigError: The size is not positive.
        """
        if size < 1:
            raise ConfigError(f"The size of a batch is {size}: use 1 or more.")
        order = np.arange(len(self))
        if seed is not None:
            child_generator(seed, "batches").shuffle(order)
        for start in range(0, len(order), size):
            yield stacked([self[number] for number in order[start : start + size].tolist()])

    def _episode(self, place: int) -> _Open:
        if place in self._open:
            self._open.move_to_end(place)
            return self._open[place]
        while len(self._open) >= self.config.open_episodes:
            _, oldest = self._open.popitem(last=False)
            oldest.episode.close()
        self._open[place] = _Open(self.recording[place], self.config)
        return self._open[place]

    def _observed(
        self, found: _Open, signal: str, rows: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        sensor, name = signal.split(".")
        whole = found.aligned[signal]
        chosen = Alignment(
            policy=whole.policy,
            number=np.maximum(whole.number[rows], 0),
            following=np.maximum(whole.following[rows], 0),
            weight=whole.weight[rows],
            shift_ns=whole.shift_ns[rows],
        )
        there = whole.number[rows] >= 0
        field = found.episode.schemas[sensor][name]
        if found.episode.count(sensor) == 0:
            return np.zeros((len(rows), *field.shape), field.dtype), there
        if signal in found.small:
            return resample(found.small[signal], chosen, name, field), there
        arrays = {
            number: found.episode.sample(sensor, number, [name]).data[name]
            for number in sorted(set(chosen.number.tolist()))
        }
        return np.stack([arrays[number] for number in chosen.number.tolist()]), there


def stacked(windows: list[Window]) -> Window:
    """Windows as one, with a leading batch dimension."""
    return {name: np.stack([window[name] for window in windows]) for name in windows[0]}


def torch_dataset(windows: Windows) -> Any:  # noqa: ANN401 - a torch class, which is optional
    """A `torch.utils.data.Dataset` of the windows, for a `DataLoader` with any number of workers.

    Raises:
        MissingDependencyError: torch is not installed.
    """
    try:
        import torch
        from torch.utils.data import Dataset
    except ImportError as error:
        raise MissingDependencyError("This needs torch: pip install 'fleetloop[train]'.") from error

    class WindowDataset(Dataset[Mapping[str, torch.Tensor]]):  # type: ignore[misc,unused-ignore]
        def __len__(self) -> int:
            return len(windows)

        def __getitem__(self, number: int) -> Mapping[str, torch.Tensor]:
            window = windows[number]
            return {name: torch.from_numpy(np.array(array)) for name, array in window.items()}

    return WindowDataset()
