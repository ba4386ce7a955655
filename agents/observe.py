"""Observations made again from a log, exactly as the robot had them at each of its decisions.

The environment hands its agent the newest samples that have arrived; a log keeps all samples with
their times of arrival. So what a policy saw, or a new one would have seen, needs no simulator. The
decision before the first step is left out: a log holds truth and goal from the first step on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.objects import Objects
from fleetloop.core.types import Sample, Step
from fleetloop.datasets.log.reader import EpisodeLog
from fleetloop.envs.spaces import SEPARATOR, as_observed, observable

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Moment:
    """The end of one control step, when the next decision is taken.

    Attributes:
        step: The step that is over; its truth and goal are those of now.
        observation: By key, such as `front/rgb`, as the environment gave it.
        objects: Where all things truly are, at the last instant at which a sensor looked; None if
            none has.
    """

    step: Step
    observation: Arrays
    objects: Objects | None


def moments(log: EpisodeLog) -> Iterator[Moment]:
    """All moments of an episode, in order.

    Raises:
        DamagedFileError: As `EpisodeLog.records`.
    """
    histories = {
        entry["name"]: int(entry.get("history", 1)) for entry in log.meta.config["sensors"]
    }
    flying: dict[str, deque[Sample]] = {name: deque() for name in log.schemas}
    arrived: dict[str, deque[Sample]] = {
        name: deque(maxlen=histories[name]) for name in log.schemas
    }
    objects: Objects | None = None
    for record in log.records():
        if isinstance(record, Sample):
            flying[record.sensor].append(record)
        elif isinstance(record, Objects):
            objects = record if objects is None or record.complete else record.after(objects)
        elif isinstance(record, Step):
            for name, waiting in flying.items():
                while waiting and waiting[0].t_arrival_ns <= record.t_ns:
                    arrived[name].append(waiting.popleft())
            yield Moment(
                step=record, observation=_observation(log, arrived, record), objects=objects
            )


def _observation(
    log: EpisodeLog, arrived: Mapping[str, deque[Sample]], step: Step
) -> dict[str, npt.NDArray[Any]]:
    result: dict[str, npt.NDArray[Any]] = {}
    for sensor, samples in arrived.items():
        history = samples.maxlen or 1
        # As the environment does: the first sample stands in for those before it.
        padded = [samples[0]] * (history - len(samples)) + list(samples)
        for name in observable(log.schemas[sensor]):
            arrays = [sample.data[name] for sample in padded]
            stacked = arrays[-1] if history == 1 else np.stack(arrays)
            result[f"{sensor}{SEPARATOR}{name}"] = as_observed(stacked)
    for name, array in step.goal.items():
        result[f"goal{SEPARATOR}{name}"] = as_observed(array)
    return result
