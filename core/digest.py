"""Digests: same seed, same bytes, told in one line of text.

The digest of an episode covers what was sensed, done and true: every sample with its time stamps,
pose and pixels, every step with action, reward terms, events and truth, and the true objects. It is
fed in the order in which things happened, so two runs can be compared while they run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import Pose
from fleetloop.core.objects import Objects
from fleetloop.core.types import Sample, Step


class EpisodeDigest:
    """A running SHA-256 over samples and steps."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add_sample(self, sample: Sample) -> None:
        """Adds a sample, all of it."""
        times = (sample.t_capture_start_ns, sample.t_capture_ns, sample.t_arrival_ns)
        self._add_text(f"sample {sample.sensor} {sample.seq} {times} {sample.faults}")
        self._add_pose(sample.world_T_sensor)
        self._add_arrays(sample.data)

    def add_step(self, step: Step) -> None:
        """Adds a step, all of it."""
        self._add_text(f"step {step.index} {step.t_ns} {step.terminated} {step.truncated}")
        self._add_array(step.action)
        for name in sorted(step.reward_terms):
            # repr of a float is exact: it reads back to the same bits.
            self._add_text(f"{name}={float(step.reward_terms[name])!r}")
        for event in step.events:
            self._add_text(f"event {event.t_ns} {event.kind} {canonical_json(event.detail)}")
        self._add_arrays(step.truth)
        self._add_text("goal")
        self._add_arrays(step.goal)

    def add_objects(self, objects: Objects) -> None:
        """Adds the true objects of one instant, all of them."""
        self._add_text(f"objects {objects.t_ns} {objects.complete}")
        self._add_text(canonical_json([objects.names, objects.key_point_names]))
        self._add_arrays(objects.arrays())

    def hexdigest(self) -> str:
        """The digest of all that was added so far."""
        return self._hash.hexdigest()

    def copy(self) -> EpisodeDigest:
        """An independent digest of all that was added so far."""
        twin = EpisodeDigest()
        twin._hash = self._hash.copy()
        return twin

    def _add_text(self, text: str) -> None:
        encoded = text.encode()
        self._hash.update(len(encoded).to_bytes(8, "little") + encoded)

    def _add_pose(self, pose: Pose) -> None:
        self._add_array(pose.position_m)
        self._add_array(pose.quaternion_xyzw)

    def _add_arrays(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        for name in sorted(arrays):
            self._add_text(name)
            self._add_array(arrays[name])

    def _add_array(self, array: npt.NDArray[Any]) -> None:
        # Not `ascontiguousarray`: it makes () into (1,), and the two would be told as one.
        array = np.asarray(array, order="C")
        self._add_text(f"{array.dtype.str}{array.shape}")
        self._hash.update(array.data)


def digest_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """SHA-256 of named arrays: names, types, shapes and bytes."""
    digest = EpisodeDigest()
    digest._add_arrays(arrays)
    return digest.hexdigest()


def canonical_json(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """JSON text that is equal for equal values: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
