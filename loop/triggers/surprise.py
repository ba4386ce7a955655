"""The robot's own motion is not what the brain expected half a second before."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.agents.lessons import places
from fleetloop.loop.campaign.signals import Signals
from fleetloop.loop.triggers.base import Trigger


def score(signals: Signals) -> npt.NDArray[np.float64]:
    """Distance in metres between the place that was expected and the one that it got to."""
    if signals.answer is None:
        return np.zeros(len(signals))
    start = places("motion").start
    part = slice(start, start + 2)
    gap = np.linalg.norm(signals.answer[:, part] - signals.label[:, part], axis=1)
    return np.where(signals.known[:, part].all(axis=1), gap, 0.0).astype(np.float64)


TRIGGER = Trigger(threshold=1.0, unit="m", score=score, needs_brain=True)
