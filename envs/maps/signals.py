"""What signals show at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.network import Signals


def phase_at(signals: Signals, t_s: float) -> npt.NDArray[np.int32]:
    """Row of the phase (n,) that each signal is in at a simulated time."""
    rows = np.zeros(len(signals), dtype=np.int32)
    for row in range(len(signals)):
        first, last = int(signals.begin[row]), int(signals.begin[row + 1])
        ends = np.cumsum(signals.duration_s[first:last])
        inside = (t_s - float(signals.offset_s[row])) % float(ends[-1])
        rows[row] = first + min(int(np.searchsorted(ends, inside, side="right")), last - first - 1)
    return rows


def states_at(signals: Signals, t_s: float) -> npt.NDArray[np.uint8]:
    """`SignalState` of each column of each signal, (n, columns), at a simulated time."""
    return signals.state[phase_at(signals, t_s)]
