"""An episode failed: somewhere in the pre-roll of its last moment it could still be saved."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.loop.campaign.signals import Signals
from fleetloop.loop.triggers.base import Trigger


def score(signals: Signals) -> npt.NDArray[np.float64]:
    """1 at the last row of a failed episode."""
    score = np.zeros(len(signals))
    if signals.failed and len(signals):
        score[-1] = 1.0
    return score


TRIGGER = Trigger(threshold=0.5, unit="1", score=score)
