"""What a campaign is asked to do: one frozen config, from which the graph of stages follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fleetloop.core.checks import check_counts, check_not_negative, check_share
from fleetloop.core.errors import ConfigError
from fleetloop.core.rng import check_seed, child_seed

ARMS: Mapping[str, str] = {
    "loop": "own frames, chosen by triggers",
    "random": "own frames, chosen at random",
    "expert": "as many more frames of the expert",
}
"""Ways to get more frames. `loop` is what is wanted; the others show what it is worth."""

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """A task of the campaign.

    Attributes:
        task: Registered name.
        env: Further arguments of `make_env`, in all splits.
        splits: Arguments that differ in a split (`train`, `dev`, `test`), such as towns; they are
            laid over `env`, option by option.
        first_episodes: The expert's, before the first training.
        round_episodes: Driven in each round.
        dev_cases: Episodes that promotion is decided by.
        test_cases: Episodes that are reported, and that nothing is decided by.
        round_frames: Frames that each arm may have labelled a round.
        max_steps: Cuts each episode; None lets the task decide.
    """

    task: str
    env: Mapping[str, Any] = field(default_factory=dict)
    splits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    first_episodes: int = 6
    round_episodes: int = 6
    dev_cases: int = 10
    test_cases: int = 20
    round_frames: int = 600
    max_steps: int | None = None

    def __post_init__(self) -> None:
        unknown = sorted(set(self.splits) - set(SPLITS))
        if unknown:
            raise ConfigError(f"The split {unknown[0]!r} is none of: {', '.join(SPLITS)}.")
        check_counts(
            self,
            self.task,
            "first_episodes",
            "round_episodes",
            "dev_cases",
            "test_cases",
            "round_frames",
        )

    def options(self, split: str) -> dict[str, Any]:
        """Arguments of `make_env` in a split."""
        result = dict(self.env)
        for name, value in self.splits.get(split, {}).items():
            if isinstance(value, Mapping) and isinstance(result.get(name), Mapping):
                result[name] = {**result[name], **value}
            else:
                result[name] = value
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipConfig:
    """What is cut out round a moment that a trigger names.

    Attributes:
        pre_s: Before the moment: what led to it.
        post_s: After it.
        cooldown_s: A trigger that has fired is quiet for so long.
        plain_part: Part of the frames that is chosen at random all the same, against forgetting.
        quota_part: The largest part of the frames that one trigger may fill.
        similarity: Frames whose embeddings have a larger cosine count as the same moment.
    """

    pre_s: float = 2.5
    post_s: float = 1.0
    cooldown_s: float = 1.0
    plain_part: float = 0.3
    quota_part: float = 0.5
    similarity: float = 0.995

    def __post_init__(self) -> None:
        check_not_negative(self, "clips", "pre_s", "post_s", "cooldown_s", infinite=True)
        check_share(self, "clips", "plain_part", "quota_part", "similarity")


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnConfig:
    """How brains are trained in a campaign.

    Attributes:
        brain: Name in `BRAINS`.
        first_steps: Batches of the first training.
        next_steps: Batches of each further one.
        batch: Rows in a batch.
        rate, next_rate: Learning rates of both.
        horizon: Length of action chunks.
    """

    brain: str = "cnn"
    first_steps: int = 400
    next_steps: int = 400
    batch: int = 64
    rate: float = 2e-3
    next_rate: float = 2e-3
    horizon: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoteConfig:
    """What a candidate has to show.

    Attributes:
        significance: A candidate is worse if McNemar's test on the dev cases says so at this level.
        scenarios: Failures that are frozen a round and task, and must stay solved once they are.
        may_lose: Solved scenarios that a candidate may fail at; each is listed.
    """

    significance: float = 0.05
    scenarios: int = 4
    may_lose: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignConfig:
    """All of it.

    Attributes:
        tasks: What the one brain learns.
        spec: What the brain is shown, as the JSON of an `InputSpec`.
        seed: Everything random follows from it.
        rounds: After the first training.
        arms: Names in `ARMS`.
        triggers: Threshold by name; a trigger that is not named is not used.
        clips, learn, promote: See there.
        test_rounds: Rounds after which the `loop` arm meets the test cases; the other arms do after
            the last one.
        films: Failures that are filmed for the report.
    """

    tasks: tuple[TaskRow, ...]
    spec: Mapping[str, Any]
    seed: int = 0
    rounds: int = 3
    arms: tuple[str, ...] = ("loop", "random", "expert")
    triggers: Mapping[str, float] = field(default_factory=dict)
    clips: ClipConfig = field(default_factory=ClipConfig)
    learn: LearnConfig = field(default_factory=LearnConfig)
    promote: PromoteConfig = field(default_factory=PromoteConfig)
    test_rounds: tuple[int, ...] = (0, 1, 2, 3)
    films: int = 6

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if not self.tasks or len({row.task for row in self.tasks}) < len(self.tasks):
            raise ConfigError("A campaign needs at least one task, and each once.")
        if self.rounds < 1:
            raise ConfigError(f"rounds is {self.rounds}: use 1 or more.")
        for arm in self.arms:
            if arm not in ARMS:
                raise ConfigError(f"The arm {arm!r} is none of: {', '.join(ARMS)}.")
        if "loop" not in self.arms:
            raise ConfigError("A campaign without the arm 'loop' teaches nobody: add it.")

    def episode_seed(self, split: str, task: str, *path: str | int) -> int:
        """The seed of an episode; those of two splits or purposes never meet by chance."""
        return child_seed(self.seed, "campaign", split, task, *path)
