"""Drives through traffic from truth: the teacher of `fleetloop/Drive-v0` and its relatives.

A pure function of the truth of one instant (see `envs/tasks/drive_truth`), so that labels can be
computed from a log. Steering is pure pursuit [Coulter 1992]. The acceleration is the smallest of
several laws: the Intelligent Driver Model towards the limit, curves, whoever is ahead and lines to
stop at [Treiber, Hennecke and Helbing 2000]; and the first of a few constant accelerations whose
way, rolled out against everybody's known future, touches nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fleetloop.agents.experts.drive_around import PASS_M_S, Detour, detour
from fleetloop.agents.experts.drive_forecast import Forecast
from fleetloop.agents.experts.teacher import Teacher
from fleetloop.agents.policy import Action, Observation
from fleetloop.envs.maps.kinds import Control, SignalState
from fleetloop.envs.tasks.drive_truth import lead_truth

Floats = npt.NDArray[np.float64]

_RED = (int(SignalState.RED), int(SignalState.RED_AMBER))
_STOPS = (int(Control.STOP), int(Control.ALL_WAY_STOP))
_FAR_M = 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class DriveStyle:
    """How the expert likes to drive.

    Attributes:
        accel_m_s2, brake_m_s2: Of the driver model: wanted acceleration, comfortable braking.
        hardest_m_s2: Braking in need.
        headway_s, standstill_m: Kept to who is ahead.
        lateral_m_s2: In curves.
        preview_s, preview_m: The goal point of steering lies so far ahead, at the least so far.
        limit_share: Of the speed limit that is driven.
        wheelbase_m, max_steer_rad: Of the car.
        drive_m_s2, brake_pedal_m_s2: Acceleration of a full pedal, either way.
    """

    accel_m_s2: float = 1.8
    brake_m_s2: float = 2.0
    hardest_m_s2: float = 7.0
    headway_s: float = 1.3
    standstill_m: float = 2.5
    lateral_m_s2: float = 2.2
    preview_s: float = 0.75
    preview_m: float = 4.5
    limit_share: float = 0.95
    wheelbase_m: float = 2.875
    max_steer_rad: float = 0.6
    drive_m_s2: float = 5.3
    brake_pedal_m_s2: float = 13.2


@dataclass(frozen=True, slots=True, kw_only=True)
class DriveExpert(Teacher):
    """The teacher of `fleetloop/Drive-v0`.

    Attributes:
        style: How it drives.
    """

    style: DriveStyle = field(default_factory=DriveStyle)

    def act(self, observation: Observation, state: None) -> tuple[Action, None]:
        """Steers along the route at a safe speed.

        Args:
            observation: The truth of the task.
            state: None.
        """
        around = detour(observation)
        accel = wanted_accel(self.style, observation, around)
        steer = wanted_steer(self.style, observation, around.path_m)
        pedal = pedal_of(self.style, accel, float(observation["speed_m_s"]))
        action = np.array([steer / self.style.max_steer_rad, pedal], dtype=np.float32)
        return np.clip(action, -1.0, 1.0), None


def wanted_steer(style: DriveStyle, truth: Observation, path: Floats) -> float:
    """Road wheel angle of pure pursuit along a path (p, 2) in the base frame."""
    speed = float(truth["speed_m_s"])
    preview = max(style.preview_m, style.preview_s * speed)
    along = np.hypot(path[:, 0], path[:, 1])
    ahead = np.flatnonzero((along >= preview) & (path[:, 0] > 0.0))
    goal = path[int(ahead[0])] if len(ahead) else path[-1]
    # The base lies between the axles, pursuit turns about the rear one.
    x, y = float(goal[0]) + 0.5 * style.wheelbase_m, float(goal[1])
    return float(np.arctan(2.0 * style.wheelbase_m * y / max(x * x + y * y, 1.0)))


def wanted_accel(style: DriveStyle, truth: Observation, around: Detour) -> float:
    """The acceleration of the most careful of all laws, m/s2."""
    speed = float(truth["speed_m_s"])
    wanted = wanted_speed(style, truth, around)
    accel = driver_model(style, speed, wanted, _FAR_M, speed)
    nose, _, half = (float(value) for value in truth["outline_m"])
    lead = lead_truth(around.drive_m, truth["actor"], truth["actor_valid"], nose, half)
    if lead[2]:
        accel = min(accel, driver_model(style, speed, wanted, lead[0], max(lead[1], 0.0)))
    forecast = Forecast.of(truth, around.drive_m)
    go = max(accel, 0.6) if speed < 2.0 else accel
    # The way past those who stand in it has room by its making.
    moving = Forecast.of(truth, around.drive_m, blockers=False)
    clash_m = moving.first_clash_m(go, speed, wanted, patient=True)
    lines = _lines(style, truth, speed, clash_m, lead)
    lines += [wait for wait, end in around.waits_m if wait > -0.4 and wait - 3.0 < clash_m < end]
    for line_m in lines:
        accel = min(accel, driver_model(style, speed, wanted, line_m + 1.2, 0.0))
    return _untouched(style, forecast, accel, speed, wanted)


def wanted_speed(style: DriveStyle, truth: Observation, around: Detour) -> float:
    """Speed that the limit, the curves and the blockers ahead allow."""
    path, front = truth["path_m"], float(truth["outline_m"][0])
    gap = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    grip = min(float(truth["grip"]), 1.0)
    curve = np.sqrt(style.lateral_m_s2 * grip / np.maximum(np.abs(truth["path_curvature_1_m"]),
                                                           1e-4))  # fmt: skip
    allowed = np.minimum(style.limit_share * truth["path_limit_m_s"], curve)
    for begin, end in around.slow_m:
        allowed = np.where((gap >= begin) & (gap <= end), np.minimum(allowed, PASS_M_S), allowed)
    room = np.maximum(gap - front, 0.0)
    brake = 0.75 * style.brake_m_s2 * grip
    wanted = float(np.sqrt(allowed**2 + 2.0 * brake * room).min())
    # Far off the line, or askew: slowly back.
    lost = max(abs(float(truth["lane_offset_m"]) - float(around.shift_m[0])) - 1.0, 0.0)
    lost += 2.0 * max(abs(float(truth["heading_error_rad"])) - 0.35, 0.0)
    return max(wanted / (1.0 + lost), 1.5)


def driver_model(
    style: DriveStyle, speed: float, wanted: float, gap_m: float, ahead_m_s: float
) -> float:
    """Intelligent Driver Model, with a bounded correction above the wanted speed."""
    free = 1.0 - (speed / max(wanted, 0.1)) ** 4
    if speed > wanted:
        free = -style.brake_m_s2 / style.accel_m_s2 * min(2.0 * (speed / max(wanted, 0.1) - 1), 1)
    closing = speed * (speed - ahead_m_s) / (2.0 * np.sqrt(style.accel_m_s2 * style.brake_m_s2))
    desired = style.standstill_m + max(speed * style.headway_s + closing, 0.0)
    desired = desired if gap_m < _FAR_M else 0.0
    accel = style.accel_m_s2 * (free - (desired / max(gap_m, 0.1)) ** 2)
    return float(max(accel, -style.hardest_m_s2))


def _lines(
    style: DriveStyle,
    truth: Observation,
    speed: float,
    clash_m: float,
    lead: tuple[float, float, bool],
) -> list[float]:
    """Distances from the front to lines at which it has to stop."""
    found = []
    for row in np.flatnonzero(truth["gate_valid"]):
        line, enter, leave, control, shown, crossing = (float(v) for v in truth["gate"][row])
        if line < -0.4:
            continue
        need = speed * speed / (2.0 * style.hardest_m_s2)
        gentle = speed * speed / (2.0 * 3.0)
        if need > line + 1.0:
            continue
        stop = int(shown) in _RED or (int(shown) == SignalState.AMBER and gentle < line + 0.5)
        if crossing:
            stop = bool(truth["gate_busy"][row]) and gentle < line + 0.5
        elif shown < 0.0 and int(control) in _STOPS:
            stop = not bool(truth["gate_stopped"][row])
        if not crossing and not stop and line < gentle + 12.0:
            stop = _walked_over(truth, enter, leave) or _full_beyond(truth, leave, lead)
            stop = stop or enter - 1.0 < clash_m < leave + 6.0
        if stop:
            found.append(line)
    return found


def _walked_over(truth: Observation, enter_m: float, leave_m: float) -> bool:
    """Whether people are on a crossing in or just behind a junction: one would stop inside."""
    gate = truth["gate"]
    inside = (gate[:, 1] > enter_m + 4.0) & (gate[:, 1] < leave_m + 6.0) & (gate[:, 5] == 1.0)
    return bool((inside & truth["gate_valid"] & truth["gate_busy"]).any())


def _full_beyond(truth: Observation, leave_m: float, lead: tuple[float, float, bool]) -> bool:
    """Whether there is no room behind a junction that ends at a distance from the front."""
    length = float(truth["outline_m"][0] - truth["outline_m"][1])
    gap_m, lead_m_s, there = lead
    return there and lead_m_s < 2.0 and gap_m < leave_m + length + 1.0


def _untouched(
    style: DriveStyle, forecast: Forecast, accel: float, speed: float, wanted: float
) -> float:
    """The acceleration, or the first gentler one whose way touches nobody.

    Gentle ones count too: with none between all and nothing it would creep up to a queue.
    """
    tried = [accel] + [step for step in (0.9, 0.45, 0.0, -1.5, -3.0, -5.0, -style.hardest_m_s2)
                       if step < accel]  # fmt: skip
    best, latest = tried[-1], -1.0
    for option in tried:
        clash_s = forecast.first_clash_s(option, speed, wanted)
        if clash_s == np.inf:
            return option
        if clash_s > latest:
            best, latest = option, clash_s
    return best


def pedal_of(style: DriveStyle, accel: float, speed: float) -> float:
    """Pedal that gives an acceleration on level ground: rolling and air resistance made up for."""
    if accel < 0.0 and speed < 0.4:
        return -0.3
    resistance = 0.1 + 0.00017 * speed * speed
    force = accel + resistance
    return force / style.drive_m_s2 if force > 0.0 else force / style.brake_pedal_m_s2
