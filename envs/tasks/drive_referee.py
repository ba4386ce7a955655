"""The referee of a drive: what went wrong, as the driving community counts it.

Infractions follow the CARLA Autonomous Driving Leaderboard 2.0 (leaderboard.carla.org, "Evaluation
and metrics"): collisions with people, vehicles and static things, red lights, stop signs, leaving
the route, blocked. Comfort and time to collision follow nuPlan (Caesar et al. 2021, "NuPlan: A
closed-loop ML-based planning benchmark", metrics `ego_is_comfortable` and
`time_to_collision_within_bound`), with its bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.types import Event
from fleetloop.envs.maps.kinds import Control, SignalState
from fleetloop.envs.overlap import depths
from fleetloop.envs.tasks.drive_route import DriveRoute
from fleetloop.envs.tasks.drive_truth import CYCLIST, PERSON

Floats = npt.NDArray[np.float64]

OFF_ROUTE_M = 15.0
ARRIVED_M = 2.0
STANDING_M_S = 0.1
STOP_WITHIN_M = 4.0
HELD_UP_M = 12.0
"""Whoever is nearer ahead, and a signal nearer ahead that is not green, is a reason to stand."""

WRONG_WAY_M = 40.0
"""Going around who stands in the way takes less of the other side."""

ACCEL_M_S2 = (-4.05, 2.40)
LATERAL_M_S2 = 4.89
JERK_M_S3 = 8.37
YAW_RATE_RAD_S = 0.95
"""nuPlan's bounds of comfort."""

_NOT_GREEN = (SignalState.RED, SignalState.RED_AMBER, SignalState.AMBER)

BAD = ("collision_vehicle", "collision_person", "collision_static", "red_light", "stop_sign",
       "off_road", "wrong_way", "off_route", "stuck")  # fmt: skip
"""What is counted, in the order of the counts."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the referee remembers; all of it is kept in snapshots.

    Attributes:
        best_m: Furthest place reached along the route.
        here_m: Present place.
        offset_m: To the left of the route.
        stood_s: Standing without a break and without a reason.
        counts: (len(BAD),).
        passed, stopped: (gates,) lines that were passed, and at which the car had stopped.
        wrong_m: How far it has driven on the wrong side, without a break.
        off: Whether it is off the road at present.
        min_ttc_s: Smallest time to collision with who is ahead; 20 if there was none.
        worst: (4,) largest deceleration, acceleration, lateral acceleration, jerk.
        before: (2,) the last accelerations along and across.
        uncomfortable: Steps beyond a bound of comfort.
    """

    best_m: float
    here_m: float
    offset_m: float
    stood_s: float
    counts: npt.NDArray[np.int64]
    passed: npt.NDArray[np.bool_]
    stopped: npt.NDArray[np.bool_]
    wrong_m: float
    off: bool
    min_ttc_s: float
    worst: Floats
    before: Floats
    uncomfortable: int

    @classmethod
    def begin(cls, gates: int) -> Tally:
        """Before the first step."""
        return cls(
            best_m=0.0, here_m=0.0, offset_m=0.0, stood_s=0.0,
            counts=np.zeros(len(BAD), dtype=np.int64), passed=np.zeros(gates, dtype=np.bool_),
            stopped=np.zeros(gates, dtype=np.bool_), wrong_m=0.0, off=False, min_ttc_s=20.0,
            worst=np.zeros(4), before=np.zeros(2), uncomfortable=0,
        )  # fmt: skip

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Copies all of it."""
        return {f"tally_{f.name}": np.array(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def restored(cls, snapshot: Mapping[str, npt.NDArray[Any]]) -> Tally:
        """From a snapshot."""
        values: dict[str, Any] = {}
        for f in fields(cls):
            value = np.array(snapshot[f"tally_{f.name}"])
            values[f.name] = value if value.ndim else value.item()
        return cls(**values)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Scene2d:
    """What the referee sees of an instant.

    Attributes:
        ego: (5,) x, y, heading, half length, half width of the car.
        front_m: From its base to its front.
        speed_m_s: Along its heading.
        accel: (2,) along and across, m/s2.
        yaw_rate_rad_s: Turning.
        bodies: (n, 7) x, y, heading, speed, length, width, kind; see `drive_truth`.
        present: (n,).
        fixed: (m, 5) rectangles and discs that stand near.
        on_road: Whether the base is on a road's surface.
        against: Whether it is on a lane that leads the other way.
        states: What signals show.
        lead: Gap, and its speed; whether there is somebody.
    """

    ego: Floats
    front_m: float
    speed_m_s: float
    accel: Floats
    yaw_rate_rad_s: float
    bodies: Floats
    present: npt.NDArray[np.bool_]
    fixed: Floats
    on_road: bool
    against: bool
    states: npt.NDArray[np.uint8]
    lead: tuple[float, float, bool]


def collisions(scene: Scene2d) -> list[str]:
    """Kinds of things that the car overlaps with."""
    found = []
    bodies = scene.bodies
    near = scene.present & (
        np.hypot(bodies[:, 0] - scene.ego[0], bodies[:, 1] - scene.ego[1]) < 14.0
    )
    if near.any():
        chosen = bodies[near]
        shapes = np.concatenate([chosen[:, :3], 0.5 * chosen[:, 4:6]], axis=1)
        shapes[chosen[:, 6] == PERSON, 4] = 0.0
        hit = depths(scene.ego, shapes) > 0.0
        on_foot = np.isin(chosen[:, 6], (PERSON, CYCLIST))
        if (hit & ~on_foot).any():
            found.append("collision_vehicle")
        if (hit & on_foot).any():
            found.append("collision_person")
    if len(scene.fixed) and (depths(scene.ego, scene.fixed) > 0.0).any():
        found.append("collision_static")
    return found


def judge_instant(
    tally: Tally, route: DriveRoute, scene: Scene2d, t_ns: int, dt_s: float, stuck_s: float
) -> tuple[Event, ...]:
    """Updates the tally after a control step and returns what happened in it.

    `tally.here_m` and `tally.offset_m` are those of this instant already.
    """
    kinds = collisions(scene)
    kinds += _lines(tally, route, scene)
    off = not scene.on_road and abs(tally.offset_m) > 1.6
    if off and not tally.off:
        kinds.append("off_road")
    before_m = tally.wrong_m
    tally.wrong_m = before_m + abs(scene.speed_m_s) * dt_s if scene.against else 0.0
    if before_m <= WRONG_WAY_M < tally.wrong_m:
        kinds.append("wrong_way")
    tally.off = off
    if abs(tally.offset_m) > OFF_ROUTE_M:
        kinds.append("off_route")
    stands = abs(scene.speed_m_s) < STANDING_M_S and not _held_up(tally, route, scene)
    tally.stood_s = tally.stood_s + dt_s if stands else 0.0
    if tally.stood_s > stuck_s:
        kinds.append("stuck")
    for kind in kinds:
        tally.counts[BAD.index(kind)] += 1
    _comfort(tally, scene, dt_s)
    gap, lead_m_s, there = scene.lead
    if there and scene.speed_m_s - lead_m_s > 0.2:
        tally.min_ttc_s = min(tally.min_ttc_s, max(gap, 0.0) / (scene.speed_m_s - lead_m_s))
    return tuple(
        Event(t_ns=t_ns, kind=kind, detail={"route_m": round(tally.here_m, 2)}) for kind in kinds
    )


def _held_up(tally: Tally, route: DriveRoute, scene: Scene2d) -> bool:
    """Whether there is a reason to stand: somebody close ahead, or a signal that is not green."""
    gap_m, _, there = scene.lead
    if there and gap_m < HELD_UP_M:
        return True
    front = tally.here_m + scene.front_m
    for row, gate in enumerate(route.gates):
        if gate.signal < 0 or tally.passed[row] or not -0.5 < gate.line_m - front < HELD_UP_M:
            continue
        if int(scene.states[gate.signal, gate.signal_index]) in _NOT_GREEN:
            return True
    return False


def _lines(tally: Tally, route: DriveRoute, scene: Scene2d) -> list[str]:
    """Lines passed in this step that should not have been."""
    front = tally.here_m + scene.front_m
    bad = []
    for row, gate in enumerate(route.gates):
        if tally.passed[row]:
            continue
        away = gate.line_m - front
        if abs(scene.speed_m_s) < STANDING_M_S and -0.5 < away < STOP_WITHIN_M:
            tally.stopped[row] = True
        # The line itself may be touched.
        if away > -0.5:
            continue
        tally.passed[row] = True
        if gate.crossing or front > gate.exit_m:
            continue
        if gate.signal >= 0:
            shown = int(scene.states[gate.signal, gate.signal_index])
            if shown in (SignalState.RED, SignalState.RED_AMBER):
                bad.append("red_light")
        elif gate.control in (Control.STOP, Control.ALL_WAY_STOP) and not tally.stopped[row]:
            bad.append("stop_sign")
    return bad


def _comfort(tally: Tally, scene: Scene2d, dt_s: float) -> None:
    jerk = float(np.hypot(*(scene.accel - tally.before))) / dt_s
    tally.before = scene.accel.copy()
    along, across = (float(value) for value in scene.accel)
    tally.worst = np.maximum(tally.worst, [-along, along, abs(across), jerk])
    beyond = not ACCEL_M_S2[0] <= along <= ACCEL_M_S2[1]
    beyond |= abs(across) > LATERAL_M_S2 or abs(scene.yaw_rate_rad_s) > YAW_RATE_RAD_S
    tally.uncomfortable += int(beyond or jerk > JERK_M_S3)
