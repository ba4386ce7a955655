"""Who would be touched on the way ahead: a roll-out along the route against known futures.

Bodies are rows of discs. Times are steps of the futures' own; a body counts where it is a step
before and after as well, since nobody is exactly on time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.agents.policy import Observation
from fleetloop.envs.tasks.drive_truth import BLOCKER, PERSON

Floats = npt.NDArray[np.float64]

STEP_S = 0.5
MARGIN_M = 0.25
PATIENT_MARGIN_M = 0.45
_EGO_DISCS = 4
_ACTOR_DISCS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Everybody's future as discs.

    Attributes:
        path_m: (p, 2) route ahead in the base frame, 1 m apart.
        discs_m: (n, steps + 1, d, 2) middles of the discs of those who count.
        radius_m: (n,).
        nose_m, tail_m, half_width_m: Of the car.
    """

    path_m: Floats
    discs_m: Floats
    radius_m: Floats
    nose_m: float
    tail_m: float
    half_width_m: float

    @classmethod
    def of(cls, truth: Observation, path_m: Floats, *, blockers: bool = True) -> Forecast:
        """From the truth of a drive, along a path (p, 2), with or without who stands for good."""
        nose, tail, half = (float(value) for value in truth["outline_m"])
        actor = truth["actor"]
        keep = truth["actor_valid"] & ~_follows(actor, tail)
        keep &= (actor[:, 6] != BLOCKER) | blockers
        actor, future = actor[keep], truth["actor_future"][keep]
        now = actor[:, None, :3]
        poses = np.concatenate([now, future], axis=1)
        radius = 0.5 * actor[:, 5] * 1.08
        reach = np.maximum(0.5 * actor[:, 4] - 0.5 * actor[:, 5], 0.0)
        along = np.linspace(-1.0, 1.0, _ACTOR_DISCS)
        offset = reach[:, None, None] * along
        discs = np.stack(
            [poses[..., 0, None] + offset * np.cos(poses[..., 2, None]),
             poses[..., 1, None] + offset * np.sin(poses[..., 2, None])], axis=-1
        )  # fmt: skip
        return cls(path_m, discs, radius, nose, tail, half)

    def first_clash_s(self, accel: float, speed: float, wanted: float) -> float:
        """Time of the first touch at a constant acceleration up to a speed; infinity without."""
        touch, _ = self._touches(accel, speed, wanted, patient=False)
        return float((touch.argmax() + 1) * STEP_S) if touch.any() else np.inf

    def first_clash_m(self, accel: float, speed: float, wanted: float, *, patient: bool) -> float:
        """As `first_clash_s`, but how far the front would have come by then."""
        touch, gone = self._touches(accel, speed, wanted, patient=patient)
        return float(gone[touch.argmax()]) if touch.any() else np.inf

    def _touches(
        self, accel: float, speed: float, wanted: float, *, patient: bool
    ) -> tuple[npt.NDArray[np.bool_], Floats]:
        """Whether somebody is touched at each step (steps,), and the distance gone (steps,)."""
        steps = self.discs_m.shape[1] - 1
        times = STEP_S * (1.0 + np.arange(steps))
        gone = _gone_m(accel, speed, wanted, times)
        if len(self.discs_m) == 0:
            return np.zeros(steps, dtype=np.bool_), gone
        ego = self._ego_discs(gone)
        reach = self.radius_m + 1.04 * self.half_width_m
        reach = reach + (PATIENT_MARGIN_M if patient else MARGIN_M)
        touch = np.zeros(steps, dtype=np.bool_)
        for late in (-1, 0, 1, 2) if patient else (0,):
            at = np.clip(np.arange(1, steps + 1) + late, 0, steps)
            gap = self.discs_m[:, at, :, None, :] - ego[None, :, None, :, :]
            away = (gap * gap).sum(axis=-1).min(axis=(2, 3))
            touch |= (away < (reach * reach)[:, None]).any(axis=0)
        return touch, gone

    def _ego_discs(self, gone_m: Floats) -> Floats:
        """Middles of the car's discs (steps, discs, 2) after it went some way along the route."""
        path = self.path_m
        gap = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
        half = self.half_width_m
        along = np.linspace(self.tail_m + half, self.nose_m - half, _EGO_DISCS)
        # Behind the base the car covers where it has been: straight back from the path's begin.
        place = gone_m[:, None] + along[None]
        x = np.interp(place, gap, path[:, 0])
        y = np.interp(place, gap, path[:, 1])
        back = np.minimum(place, 0.0)
        return np.stack([x + back, y], axis=-1)


def _gone_m(accel: float, speed: float, wanted: float, times_s: Floats) -> Floats:
    """Distance at a constant acceleration that ends at a standstill or at a wanted speed."""
    top = max(wanted, speed)
    end = 0.0 if accel < 0.0 else top
    reach_s = abs(end - speed) / abs(accel) if abs(accel) > 1e-6 else np.inf
    part = np.minimum(times_s, reach_s)
    return speed * part + 0.5 * accel * part**2 + end * (times_s - part)


def _follows(actor: Floats, tail_m: float) -> npt.NDArray[np.bool_]:
    """Who comes from behind in our own direction and lane: it looks after itself."""
    behind = actor[:, 0] + 0.5 * actor[:, 4] < tail_m + 1.0
    same_way = np.abs(actor[:, 2]) < 1.0
    own_lane = np.abs(actor[:, 1]) < 1.6 + np.abs(0.15 * actor[:, 0])
    vehicle = actor[:, 6] != PERSON
    return np.asarray(behind & same_way & own_lane & vehicle)
