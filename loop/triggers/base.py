"""What a trigger is, and when it fires."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.loop.campaign.signals import Signals

_TINY_S = 1e-9
"""Against the last bits of times that are sums."""

Score = Callable[[Signals], npt.NDArray[np.float64]]
"""Signals of n rows in, (n,) scores out; zeros where the trigger does not apply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One reason to look closer.

    Attributes:
        threshold: The usual one.
        unit: Of score and threshold.
        score: See `Score`.
        needs_brain: Whether it compares with a brain: it is silent where an expert drove.
    """

    threshold: float
    unit: str
    score: Score
    needs_brain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A trigger that fired.

    Attributes:
        trigger: Its name.
        row: The row with the highest score of those in a cool-down.
        score: There.
    """

    trigger: str
    row: int
    score: float


def hits(
    name: str, trigger: Trigger, signals: Signals, threshold: float, cooldown_s: float
) -> list[Hit]:
    """Where a trigger fires in an episode.

    After the first row above the threshold it is quiet for the cool-down; of the rows within, the
    one with the highest score is told.

    Raises:
        ConfigError: The trigger's scores are not one finite number a row.
    """
    score = np.asarray(trigger.score(signals), np.float64)
    if score.shape != (len(signals),) or not np.isfinite(score).all():
        raise ConfigError(
            f"The trigger {name!r} gives scores of shape {score.shape} for {len(signals)} rows, or "
            "some that are not finite: give each row one number."
        )
    found: list[Hit] = []
    row = 0
    while row < len(score):
        if score[row] <= threshold:
            row += 1
            continue
        stop = int(np.searchsorted(signals.t_s, signals.t_s[row] + cooldown_s, side="left"))
        stop = max(stop, row + 1)
        best = row + int(score[row:stop].argmax())
        found.append(Hit(trigger=name, row=best, score=float(score[best])))
        row = stop
    return found


def windows(
    rows: Sequence[int], t_s: npt.NDArray[np.float64], pre_s: float, post_s: float
) -> list[tuple[int, int]]:
    """First row and row after the last of the clip round each of these rows."""
    return [
        (
            int(np.searchsorted(t_s, t_s[row] - pre_s - _TINY_S, side="left")),
            int(np.searchsorted(t_s, t_s[row] + post_s + _TINY_S, side="right")),
        )
        for row in rows
    ]
