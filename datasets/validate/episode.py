"""Does the episode begin, go on and end as it must, and are its bytes what was sensed?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fleetloop.core.clock import NS_PER_S
from fleetloop.core.config import config_hash
from fleetloop.core.digest import EpisodeDigest
from fleetloop.core.objects import Objects
from fleetloop.core.types import Sample, Step
from fleetloop.datasets.log.reader import Record
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.validate.base import Finding, Severity


class EpisodeCheck:
    """See the module. The digest holds only for logs that are lossless throughout."""

    def __init__(self, episode: RecordedEpisode) -> None:
        self._episode = episode
        self._digest = EpisodeDigest()
        self._steps = 0
        self._over_at = -1
        self._reward = 0.0
        self._last_ns = 0
        self._findings: list[Finding] = []

    def add(self, record: Record) -> None:
        """Follows the steps, and digests everything."""
        if isinstance(record, Objects):
            self._digest.add_objects(record)
        elif isinstance(record, Step):
            self._digest.add_step(record)
            self._step(record)
        elif isinstance(record, Sample):
            self._digest.add_sample(record)

    def finish(self) -> Iterator[Finding]:
        """Compares with what the log says of itself."""
        yield from self._findings
        episode = self._episode
        if config_hash(episode.meta.config) != episode.meta.config_hash:
            yield _found("error", "metadata", "the configuration is not the one that was hashed")
        outcome = episode.outcome
        if outcome is None:
            yield _found("warning", "outcome", "there is none: the episode was cut and repaired")
            return
        if outcome.steps != self._steps:
            yield _found(
                "error", "outcome", f"tells {outcome.steps} steps, there are {self._steps}"
            )
        if abs(outcome.duration_s - self._last_ns / NS_PER_S) > 1e-6:
            yield _found(
                "error", "outcome",
                f"tells {outcome.duration_s} s, the last step ends at {self._last_ns / NS_PER_S} s",
            )  # fmt: skip
        if abs(outcome.total_reward - self._reward) > 1e-6 * max(1.0, abs(self._reward)):
            yield _found(
                "error", "outcome",
                f"tells a reward of {outcome.total_reward:g}, the steps sum to {self._reward:g}",
            )  # fmt: skip
        exact = all(episode.is_lossless(s, f) for s, schema in episode.schemas.items()
                    for f in schema)  # fmt: skip
        if exact and outcome.digest != self._digest.hexdigest():
            yield _found(
                "error", "digest", "what was recorded is not what was sensed: the digests differ"
            )

    def measures(self) -> Mapping[str, float]:
        """Length."""
        return {"duration_s": self._last_ns / NS_PER_S, "steps": float(self._steps)}

    def _step(self, step: Step) -> None:
        if step.index != self._steps:
            self._add(f"step {step.index}", f"follows step {self._steps - 1}")
            self._steps = step.index
        if self._over_at >= 0:
            self._add(f"step {step.index}", f"comes after the end at step {self._over_at}")
        if step.terminated or step.truncated:
            self._over_at = step.index
        late = [event.kind for event in step.events if event.t_ns > step.t_ns]
        if late:
            self._add(f"step {step.index}", f"tells of a {late[0]} that comes later")
        self._steps += 1
        self._reward += step.reward
        self._last_ns = step.t_ns

    def _add(self, where: str, message: str) -> None:
        if len(self._findings) < 10:
            self._findings.append(_found("error", where, message))


def _found(severity: Severity, where: str, message: Any) -> Finding:  # noqa: ANN401
    return Finding(severity=severity, check="episode", where=where, message=str(message))
