"""The brain before this one, which runs in shadow, would do something else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.loop.campaign.signals import Signals
from fleetloop.loop.triggers.base import Trigger


def score(signals: Signals) -> npt.NDArray[np.float64]:
    """Largest difference in any number of the action between the two brains."""
    if signals.brain is None or signals.previous is None:
        return np.zeros(len(signals))
    gap = np.abs(signals.brain - signals.previous).max(axis=1, initial=0.0)
    return np.asarray(gap, np.float64)


TRIGGER = Trigger(threshold=0.4, unit="1", score=score, needs_brain=True)
