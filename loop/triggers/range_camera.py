"""What the brain makes of its pictures does not fit how far things are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.agents.lessons import places
from fleetloop.loop.campaign.signals import Signals
from fleetloop.loop.triggers.base import Trigger


def score(signals: Signals) -> npt.NDArray[np.float64]:
    """Median over directions of the difference of log distances: 0.7 is a factor of two.

    The distances are those of the labels, which a range sensor would give without the simulator.
    """
    if signals.answer is None:
        return np.zeros(len(signals))
    part = places("distance")
    known = signals.known[:, part]
    gap = np.where(known, np.abs(signals.answer[:, part] - signals.label[:, part]), np.nan)
    there = known.any(axis=1)
    score = np.zeros(len(signals))
    if there.any():
        score[there] = np.nanmedian(gap[there], axis=1)
    return score


TRIGGER = Trigger(threshold=0.7, unit="log(m)", score=score, needs_brain=True)
