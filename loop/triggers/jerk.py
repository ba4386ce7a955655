"""The acceleration changes abruptly: passengers and plates feel that first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.loop.campaign.signals import Signals
from fleetloop.loop.triggers.base import Trigger


def score(signals: Signals) -> npt.NDArray[np.float64]:
    """Size of the change of acceleration in m/s3, from the true speed."""
    speed = signals.speed_m_s()
    if speed is None or len(signals) < 3:
        return np.zeros(len(signals))
    return np.abs(np.gradient(np.gradient(speed, signals.t_s), signals.t_s))


TRIGGER = Trigger(threshold=15.0, unit="m/s3", score=score)
