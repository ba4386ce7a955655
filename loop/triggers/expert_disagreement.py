"""The robot does something else than the expert would."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.loop.campaign.signals import Signals
from fleetloop.loop.triggers.base import Trigger


def score(signals: Signals) -> npt.NDArray[np.float64]:
    """Largest difference in any number of the action, whose ranges are from -1 to 1."""
    gap = np.abs(signals.expert - signals.done).max(axis=1, initial=0.0)
    return np.where(signals.acted, gap, 0.0).astype(np.float64)


TRIGGER = Trigger(threshold=0.25, unit="1", score=score)
