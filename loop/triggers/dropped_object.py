"""Something that was held is held no more."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.loop.campaign.signals import Signals
from fleetloop.loop.triggers.base import Trigger

KINDS = ("dropped", "drop", "tilted")


def score(signals: Signals) -> npt.NDArray[np.float64]:
    """1 where it happened."""
    return signals.happened(*KINDS)


TRIGGER = Trigger(threshold=0.5, unit="1", score=score)
