"""The robot stands although the expert would go on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.loop.campaign.signals import Signals
from fleetloop.loop.triggers.base import Trigger

_STANDS_M_S = 0.1
_WANTS = 0.15


def score(signals: Signals) -> npt.NDArray[np.float64]:
    """Seconds for which it has stood by now while the expert wanted to move."""
    speed = signals.speed_m_s()
    if speed is None:
        return np.zeros(len(signals))
    wants = np.abs(signals.expert).max(axis=1, initial=0.0) > _WANTS
    stands = (np.abs(speed) < _STANDS_M_S) & wants
    score = np.zeros(len(signals))
    since_s = 0.0
    for row in range(1, len(signals)):
        since_s = since_s + float(signals.t_s[row] - signals.t_s[row - 1]) if stands[row] else 0.0
        score[row] = since_s
    return score


TRIGGER = Trigger(threshold=3.0, unit="s", score=score)
