"""The robot brakes harder than people like to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.loop.campaign.signals import Signals
from fleetloop.loop.triggers.base import Trigger


def score(signals: Signals) -> npt.NDArray[np.float64]:
    """Deceleration in m/s2, from the true speed."""
    speed = signals.speed_m_s()
    if speed is None or len(signals) < 2:
        return np.zeros(len(signals))
    return np.maximum(-np.gradient(speed, signals.t_s), 0.0)


TRIGGER = Trigger(threshold=4.0, unit="m/s2", score=score)
