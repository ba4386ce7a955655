"""Which brain, how long, and from how many frames: what was measured to work, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fleetloop.agents.brain.config import brain_preset
from fleetloop.agents.brain.inputs import InputSpec
from fleetloop.agents.training.config import TrainConfig
from fleetloop.core.errors import UnknownNameError


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainPreset:
    """A training without its inputs.

    Attributes:
        brain: Name in `BRAINS`.
        first_steps: Batches when the weights are new.
        next_steps: Batches when a brain is trained further on more data.
        batch, rate: As in `TrainConfig`.
        next_rate: Learning rate of the latter.
        horizon: Length of action chunks.
        replan: Actions taken of each.
    """

    brain: str
    first_steps: int
    next_steps: int
    batch: int = 64
    rate: float = 1e-3
    next_rate: float = 7e-4
    horizon: int = 4
    replan: int = 1

    def config(self, spec: InputSpec, *, first: bool) -> TrainConfig:
        """The config of a first training, or of one that goes on from a brain."""
        return TrainConfig(
            spec=spec,
            brain=brain_preset(self.brain),
            steps=self.first_steps if first else self.next_steps,
            batch=self.batch,
            rate=self.rate if first else self.next_rate,
        )


PRESETS: Mapping[str, TrainPreset] = {
    "smoke": TrainPreset(brain="cnn", first_steps=40, next_steps=20),
    "laptop": TrainPreset(brain="cnn", first_steps=1000, next_steps=700),
    "small": TrainPreset(brain="small", first_steps=4000, next_steps=2500, batch=128),
    "gpu": TrainPreset(brain="gpu", first_steps=50_000, next_steps=20_000, batch=512, rate=3e-4),
}
"""By name. `smoke` shows that it runs, `laptop` learns in a minute or two."""


def train_preset(name: str) -> TrainPreset:
    """A preset.

    Raises:
        UnknownNameError: There is none of that name.
    """
    if name not in PRESETS:
        raise UnknownNameError("training preset", name, PRESETS)
    return PRESETS[name]
