"""Wheels turn faster or slower than the ground passes by."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.loop.campaign.signals import Signals
from fleetloop.loop.triggers.base import Trigger

_SLOW_M_S = 2.0


def score(signals: Signals) -> npt.NDArray[np.float64]:
    """Largest slip of a wheel over the mean of all, in parts of the speed (2 m/s at the least)."""
    wheels = next(
        (array for key, array in signals.sensed.items() if key.endswith("/speed_m_s")), None
    )
    speed = signals.speed_m_s()
    if wheels is None or speed is None or wheels.ndim != 2:
        return np.zeros(len(signals))
    # In a curve the outer wheels turn faster: the mean of all is that of the middle of the axles.
    slip = np.abs(wheels.mean(axis=1) - np.abs(speed)) / np.maximum(np.abs(speed), _SLOW_M_S)
    return np.asarray(slip, np.float64)


TRIGGER = Trigger(threshold=0.15, unit="1", score=score)
