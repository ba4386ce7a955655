"""The brain expects to be wrong: the spread that it gives its own action is large."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.loop.campaign.signals import Signals
from fleetloop.loop.triggers.base import Trigger


def score(signals: Signals) -> npt.NDArray[np.float64]:
    """Largest expected standard deviation of a number of the action."""
    if signals.spread is None:
        return np.zeros(len(signals))
    return np.asarray(signals.spread, np.float64)


TRIGGER = Trigger(threshold=0.3, unit="1", score=score, needs_brain=True)
