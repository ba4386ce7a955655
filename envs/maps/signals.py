"""What signals show at a time."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.network import Signals

Floats = npt.NDArray[np.float64]


@lru_cache(maxsize=16)
def _phase_ends(signals: Signals) -> tuple[Floats, Floats]:
    """When each phase of each signal ends in its cycle, (n, most phases), then for ever; cycles."""
    counts = np.diff(signals.begin)
    ends = np.full((len(signals), int(counts.max(initial=1))), np.inf)
    for row, count in enumerate(counts):
        first = int(signals.begin[row])
        ends[row, :count] = np.cumsum(signals.duration_s[first : first + count])
    cycle_s = ends[np.arange(len(ends)), counts - 1]
    # The last one holds to the end of the cycle, which rounding must not pass.
    ends[np.arange(len(ends)), counts - 1] = np.inf
    return ends, cycle_s


def phase_at(signals: Signals, t_s: float) -> npt.NDArray[np.int32]:
    """Row of the phase (n,) that each signal is in at a simulated time."""
    ends, cycle_s = _phase_ends(signals)
    inside = (t_s - signals.offset_s) % cycle_s
    return np.asarray(signals.begin[:-1] + (ends <= inside[:, None]).sum(axis=1), dtype=np.int32)


@lru_cache(maxsize=64)
def states_at(signals: Signals, t_s: float) -> npt.NDArray[np.uint8]:
    """`SignalState` of each column of each signal, (n, columns), at a simulated time; read-only.

    Traffic, truth and lights ask for the same instants, each for itself.
    """
    states = signals.state[phase_at(signals, t_s)]
    states.flags.writeable = False
    return states
