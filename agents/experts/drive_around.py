"""Around vehicles that stand in the way: the route's line bent past them, and where to wait."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.agents.policy import Observation
from fleetloop.envs.tasks.drive_truth import BLOCKER, VEHICLE

Floats = npt.NDArray[np.float64]

CLEAR_M = 0.6
"""Room that is left between the car and who stands there."""

TIGHT_M = 0.4
PATIENCE_S = 4.0
"""After so long face to face with one who stands too, the car goes around it, if only just."""

OUT_M, IN_M = 13.0, 11.0
"""Length of the way out before, and of the way back behind."""

BESIDE_M = 3.5
"""The line is fully out from so far before to so far behind."""

WAIT_M = 9.0
"""Before the way out begins, who waits for others stands so far before the blocker."""

PASS_M_S = 5.5

RETURN_M = 6.0
"""Off the line, the car comes back to it by a factor of e over such a way."""


@dataclass(frozen=True, slots=True, eq=False)
class Detour:
    """The way around.

    Attributes:
        path_m: (p, 2) the route's line, bent.
        drive_m: (p, 2) the same, but from where the car is now: how it will really drive.
        shift_m: (p,) how far it was moved to the left.
        waits_m: From the front to where one waits before each blocker, and to where it is passed.
        slow_m: From the base: between these places the car goes no faster than `PASS_M_S`.
    """

    path_m: Floats
    drive_m: Floats
    shift_m: Floats
    waits_m: tuple[tuple[float, float], ...]
    slow_m: tuple[tuple[float, float], ...]


def detour(truth: Observation) -> Detour:
    """Bends the route's line around all blockers that reach into its corridor."""
    path = truth["path_m"]
    front, _, half = (float(value) for value in truth["outline_m"])
    ahead = np.gradient(path, axis=0)
    length = np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-9)
    normal = np.stack([-ahead[:, 1], ahead[:, 0]], axis=1) / length[:, None]
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    shift = np.zeros(len(path))
    waits, slow = [], []
    for actor in truth["actor"][truth["actor_valid"]]:
        if not (actor[6] == BLOCKER or _faces_us(actor, float(truth["stood_s"]))):
            continue
        room = CLEAR_M if actor[6] == BLOCKER else TIGHT_M
        place, aside = _on_path(path, along, normal, actor[:2])
        half_long, half_wide = 0.5 * float(actor[4]), 0.5 * float(actor[5])
        if abs(aside) > half_wide + half + 0.35 or place < -half_long - BESIDE_M - IN_M:
            continue
        left = aside + half_wide + half + room
        right = aside - half_wide - half - room
        if actor[6] == BLOCKER:
            wanted = right if truth["left_hand"] else left
        else:
            wanted = left if abs(left) < abs(right) else right
        begin, end = place - half_long - BESIDE_M, place + half_long + BESIDE_M
        out = _ramp((along - (begin - OUT_M)) / OUT_M)
        back = 1.0 - _ramp((along - end) / IN_M)
        bent = wanted * out * back
        shift = np.where(np.abs(bent) > np.abs(shift), bent, shift)
        if actor[6] != BLOCKER:
            continue
        waits.append((place - half_long - WAIT_M - front, end - front))
        slow.append((begin - OUT_M, end))
    off = float(truth["lane_offset_m"]) - shift[0]
    drive = shift + off * np.exp(-along / RETURN_M)
    return Detour(
        path_m=path + shift[:, None] * normal,
        drive_m=path + drive[:, None] * normal,
        shift_m=shift,
        waits_m=tuple(waits),
        slow_m=tuple(slow),
    )


def _faces_us(actor: Floats, stood_s: float) -> bool:
    """Whether a vehicle and the car stand face to face, and have for a while."""
    near = 0.0 < actor[0] < 14.0 and abs(actor[2]) > 1.9 and actor[3] < 0.1
    return bool(near and actor[6] == VEHICLE and stood_s > PATIENCE_S)


def _on_path(path: Floats, along: Floats, normal: Floats, point_m: Floats) -> tuple[float, float]:
    """Distance along a path, and to its left, of a point; before its begin it goes straight on."""
    gap = point_m - path
    row = int((gap * gap).sum(axis=1).argmin())
    forward = np.array([normal[row, 1], -normal[row, 0]])
    return float(along[row] + gap[row] @ forward), float(gap[row] @ normal[row])


def _ramp(share: Floats) -> Floats:
    part = np.clip(share, 0.0, 1.0)
    return np.asarray(part * part * (3.0 - 2.0 * part))
