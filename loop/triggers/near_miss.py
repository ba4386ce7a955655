"""At this speed something would be hit within moments."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.loop.campaign.signals import Signals
from fleetloop.loop.triggers.base import Trigger


def score(signals: Signals) -> npt.NDArray[np.float64]:
    """One over the time to collision [Hayward 1972], in 1/s; 0 where nothing is in the way."""
    if len(signals.near) != len(signals):
        return np.zeros(len(signals))
    return np.asarray(1.0 / np.maximum(signals.near, 0.05), np.float64)


TRIGGER = Trigger(threshold=1.0 / 1.5, unit="1/s", score=score)
