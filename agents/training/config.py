"""How a brain is trained: one frozen config, which each checkpoint carries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fleetloop.agents.brain.config import BrainConfig
from fleetloop.agents.brain.inputs import InputSpec
from fleetloop.core.checks import check_counts, check_not_negative, check_positive
from fleetloop.core.errors import ConfigError

Precision = Literal["fp32", "bf16", "auto"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Behaviour cloning of experts, with the three lessons beside it.

    Attributes:
        spec: What the brain is shown.
        brain: Its sizes.
        steps: Batches that are shown.
        batch: Rows in each, shared evenly among the tasks.
        rate: Largest learning rate; it rises over `warmup` steps and falls along half a cosine to
            a twentieth.
        warmup: Steps.
        decay: Weight decay of AdamW [Loshchilov and Hutter 2019].
        clip: Largest norm of a gradient.
        average: The weights that are kept are a running mean with this decay a step.
        lessons: Weight of each lesson's loss beside that of the actions.
        spread: Weight of the loss of the predicted spread.
        later: Whether later actions of a chunk count; else only the first does.
        augment: Strength of changes of light and colour.
        blind_body: Part of rows whose own senses are hidden, against policies that do what they
            did [de Haan et al. 2019, "Causal confusion in imitation learning"].
        precision: Of the sums: `fp32`, `bf16`, or `auto`, which tries both for some steps. What
            was taken is recorded, since it changes the result.
        device: `cpu`, `cuda`, or `auto`, which takes CUDA where it is.
        save_every: Steps between two states to go on from.

    Raises:
        ConfigError: A number is out of range.
    """

    spec: InputSpec
    brain: BrainConfig = field(default_factory=BrainConfig)
    steps: int = 1000
    batch: int = 64
    rate: float = 1e-3
    warmup: int = 50
    decay: float = 1e-3
    clip: float = 1.0
    average: float = 0.99
    lessons: float = 0.1
    spread: float = 0.05
    later: bool = True
    augment: float = 0.2
    blind_body: float = 0.2
    precision: Precision = "fp32"
    device: Literal["cpu", "cuda", "auto"] = "cpu"
    save_every: int = 200

    def __post_init__(self) -> None:
        check_counts(self, "a training", "steps", "batch", "save_every")
        if self.batch < len(self.spec.tasks):
            raise ConfigError(
                f"A batch of {self.batch} rows is too small for {len(self.spec.tasks)} tasks."
            )
        check_positive(self, "a training", "rate", "clip", infinite=True)
        for name in ("average", "blind_body", "augment"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ConfigError(
                    f"{name} of a training is {getattr(self, name)}: use 0 or more, less than 1."
                )
        check_not_negative(
            self, "a training", "decay", "lessons", "spread", "warmup", infinite=True
        )
