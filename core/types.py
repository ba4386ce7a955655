"""The records that flow: from a sensor's capture to the log, the learner and back.

A `Sample` is what one sensor measured once. A `Step` is what one control step did. Samples are
multi-rate: they are kept beside the steps, not inside them, so a log loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.dynamics import Dynamics
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.core.objects import Objects
from fleetloop.core.spec import Schema

AnyArray = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Sample:
    """What one sensor measured once.

    Attributes:
        sensor: Name of the sensor in its rig.
        seq: Number of the capture, from 0; a gap says that captures were dropped.
        t_capture_start_ns: Simulated time at which the capture began (first row, first column).
        t_capture_ns: Time at which it was complete: the reference instant of the sample.
        t_arrival_ns: Time at which the robot's computer had it: capture + latency + jitter.
        world_T_sensor: True pose of the sensor at `t_capture_ns`. Privileged: it is recorded, and
            never part of an observation.
        data: Arrays by field name, as the sensor's `Schema` says.
        faults: Labels of the faults that were active, such as `"dead_pixels"`.
    """

    sensor: str
    seq: int
    t_capture_start_ns: int
    t_capture_ns: int
    t_arrival_ns: int
    world_T_sensor: Pose
    data: Mapping[str, AnyArray]
    faults: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.t_capture_start_ns <= self.t_capture_ns <= self.t_arrival_ns:
            raise ConfigError(
                f"The times of a sample of {self.sensor!r} must not decrease: start "
                f"{self.t_capture_start_ns}, capture {self.t_capture_ns}, arrival "
                f"{self.t_arrival_ns} ns."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something worth finding again, such as a collision or a left lane.

    Attributes:
        t_ns: Simulated time.
        kind: Short name, such as `"collision"`.
        detail: Plain values that say more (strings, numbers, booleans).
    """

    t_ns: int
    kind: str
    detail: Mapping[str, str | float | int | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Step:
    """What one control step did.

    Attributes:
        index: Number of the step, from 0.
        t_ns: Simulated time after the step.
        action: The action as it was applied, after clipping to its bounds.
        reward_terms: Reward by named term; the reward is their sum.
        terminated: The task ended the episode.
        truncated: A limit of time or place ended it.
        events: What happened during the step.
        truth: Privileged state for experts, labels and metrics; never part of an observation.
        goal: What the task told the agent after the step, by field of its goal schema.
    """

    index: int
    t_ns: int
    action: AnyArray
    reward_terms: Mapping[str, float]
    terminated: bool
    truncated: bool
    events: tuple[Event, ...]
    truth: Mapping[str, AnyArray]
    goal: Mapping[str, AnyArray] = field(default_factory=dict)

    @property
    def reward(self) -> float:
        """Sum of the reward terms."""
        return float(sum(self.reward_terms.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeMeta:
    """What is needed to make an episode again, bit for bit, and to know where it came from.

    Attributes:
        episode_id: Unique name.
        seed: The one seed of all randomness.
        task: Registered task, such as `"fleetloop/LaneFollow-v0"`.
        robot: Registered robot.
        config: The whole configuration as plain JSON values.
        config_hash: SHA-256 of its canonical JSON.
        policy: Name of what acted.
        versions: Versions of this library and of the packages that results depend on.
        draws: Every random draw of the world (friction, colours, weather ...), by name.
        goal: What the task told the agent at the reset, before the first step: plain lists by field
            of its goal schema. Empty in older logs.
    """

    episode_id: str
    seed: int
    task: str
    robot: str
    config: Mapping[str, Any]
    config_hash: str
    policy: str
    versions: Mapping[str, str]
    draws: Mapping[str, Any] = field(default_factory=dict)
    goal: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an episode ended.

    Attributes:
        steps: Number of control steps.
        duration_s: Simulated time.
        total_reward: Sum of rewards.
        success: Whether the task was done.
        cause: Why it ended, such as `"off_road"`; `"time"` when it was cut.
        digest: SHA-256 over everything sensed and done, see `EpisodeDigest`.
    """

    steps: int
    duration_s: float
    total_reward: float
    success: bool
    cause: str
    digest: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Episode:
    """A whole episode in memory.

    Attributes:
        meta: How to make it again.
        schemas: Schema by sensor name.
        steps: Control steps, in order.
        samples: Samples by sensor name, each at the sensor's own rate, in order of capture.
        outcome: How it ended; None for one that was cut.
        objects: Where things truly were, at each instant at which a sensor looked.
        dynamics: Masses, contacts and energies, in order; empty in older logs.
    """

    meta: EpisodeMeta
    schemas: Mapping[str, Schema]
    steps: tuple[Step, ...]
    samples: Mapping[str, tuple[Sample, ...]]
    outcome: Outcome | None
    objects: tuple[Objects, ...] = ()
    dynamics: tuple[Dynamics, ...] = ()


def frozen_array(array: npt.ArrayLike, dtype: npt.DTypeLike | None = None) -> AnyArray:
    """Copies to a C-contiguous array that cannot be written to."""
    result = np.array(array, dtype=dtype, order="C", copy=True)
    result.setflags(write=False)
    return result
