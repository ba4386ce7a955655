"""Which foot, where to and when: modes of standing and walking, and the pressure point."""

from __future__ import annotations

import numpy as np

from fleetloop.envs.robots.humanoid.gait import after, before, steady_offset
from fleetloop.envs.robots.humanoid.walker_state import (
    B_FOOT_X,
    B_FOOT_Y,
    CALM,
    CLOCK,
    COM,
    COM_V,
    ERROR,
    FEET_YAW,
    G_AW,
    G_AX,
    G_AY,
    G_BACK,
    G_DCM,
    G_DS,
    G_EARLY,
    G_FORWARD,
    G_HALF,
    G_LEAD,
    G_LEARN,
    G_MAX,
    G_MIN,
    G_NARROW,
    G_SHIFT,
    G_STEP,
    G_VW,
    G_VX,
    G_VY,
    G_WIDE,
    LAST_Y,
    LENGTH,
    LIFT,
    MEAN_STEP,
    MODE,
    NUDGE,
    OLD_ZMP,
    PINS,
    SHARE,
    SHIFT,
    STANCE,
    STAND,
    STEP,
    STEPS,
    SWING,
    SWING_FROM_Z,
    SWING_V,
    SWING_YAW,
    SWING_YAW_V,
    TARGET,
    TOUCHED,
    TRIM,
    VELOCITY,
    ZMP,
)
from fleetloop.envs.trace.jit import inline

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

_TOUCH_N = 40.0
_STRUCK_N = 350.0  # so much on a foot that should swing: it stands, whatever was planned
_FREEZE_S = 0.06  # before touchdown the foothold is left alone
_WIDER_M = 0.10  # so much farther apart than in a walk may feet stand
_MARGIN_M = 0.012  # that the pressure point keeps from the sole's edge


@inline
def advance(body, gains, state, feet, command, omega, dt):
    """Follows the command, changes modes, sets foothold and wanted pressure point."""
    _follow(gains, state, command, dt)
    state[CLOCK] += dt
    xi = np.empty(2)
    for a in range(2):
        xi[a] = state[COM + a] + state[COM_V + a] / omega
    if state[MODE] == STEP:
        _step(body, gains, state, feet, xi, omega, dt)
    else:
        _stand(body, gains, state, xi, omega, dt)


@inline
def _follow(gains, state, command, dt):
    limits = (gains[G_VX], gains[G_VY], gains[G_VW])
    rates = (gains[G_AX], gains[G_AY], gains[G_AW])
    for a in range(3):
        wanted = min(max(command[a], -limits[a]), limits[a])
        if a == 0:
            wanted = max(wanted, -0.3)
        gap = wanted - state[VELOCITY + a]
        most = rates[a] * dt
        state[VELOCITY + a] += min(max(gap, -most), most)


@inline
def _wants_to_walk(state):
    v = state[VELOCITY : VELOCITY + 3]
    return abs(v[0]) > 0.02 or abs(v[1]) > 0.02 or abs(v[2]) > 0.03


@inline
def _turned(x, y, yaw, out):
    c, s = np.cos(yaw), np.sin(yaw)
    out[0], out[1] = c * x - s * y, s * x + c * y


@inline
def _stand(body, gains, state, xi, omega, dt):
    left, right = state[PINS : PINS + 3], state[PINS + 3 : PINS + 6]
    middle = np.empty(2)
    for a in range(2):
        middle[a] = 0.5 * (left[a] + right[a])
    yaw = _mean_yaw(state)
    goal = middle.copy()
    if state[MODE] == SHIFT:
        _shift_goal(gains, state, omega, goal)
    error = np.empty(2)
    for a in range(2):
        error[a] = xi[a] - goal[a]
        state[ERROR + a] = error[a]
        state[ZMP + a] = goal[a] + (1.0 + gains[G_DCM] / omega) * error[a]
    local = np.empty(2)
    _turned(xi[0] - middle[0], xi[1] - middle[1], -yaw, local)
    spread = np.empty(2)
    _turned(left[0] - right[0], left[1] - right[1], -yaw, spread)
    outside = (
        abs(local[0]) > body[B_FOOT_X] - 0.015 + 0.5 * abs(spread[0])
        or abs(local[1]) > 0.5 * spread[1] + body[B_FOOT_Y] + 0.02
    )
    calm = np.sqrt(error[0] ** 2 + error[1] ** 2) < 0.025
    state[CALM] = state[CALM] + dt if calm else 0.0
    if outside:
        _begin_step(gains, state, xi, middle, yaw)
    elif state[MODE] == STAND and state[CALM] > 0.2:
        wider = spread[1] - 2.0 * gains[G_HALF]
        uneven = abs(spread[0]) > 0.04 or wider < -0.05 or wider > _WIDER_M
        if _wants_to_walk(state) or (uneven and state[CALM] > 1.0):
            # The outer leg of a turn or side step goes first, so that feet never cross.
            side = state[VELOCITY + 1] + 0.1 * state[VELOCITY + 2]
            state[STANCE] = 1.0 if side >= 0.0 else 0.0
            state[MODE], state[CLOCK] = SHIFT, 0.0
    elif state[MODE] == SHIFT and state[CLOCK] >= gains[G_SHIFT]:
        near = np.sqrt(error[0] ** 2 + error[1] ** 2) < 0.03
        if near:
            state[STEPS] = 0.0
            _lift_off(gains, state, state[ZMP], state[ZMP + 1])
        elif state[CLOCK] > 3.0 * gains[G_SHIFT]:
            state[MODE], state[CLOCK] = STAND, 0.0


@inline
def _mean_yaw(state):
    gap = state[FEET_YAW] - state[FEET_YAW + 1]
    return state[FEET_YAW + 1] + 0.5 * np.arctan2(np.sin(gap), np.cos(gap))


@inline
def _shift_goal(gains, state, omega, goal):
    """Between the middle and where a steady walk in place would begin its step."""
    stance = int(state[STANCE])
    foot, other = PINS + 3 * stance, PINS + 3 * (1 - stance)
    part = min(state[CLOCK] / gains[G_SHIFT], 1.0)
    part = part * part * (3.0 - 2.0 * part)
    grown = np.exp(omega * gains[G_STEP])
    inward = 1.0 / (1.0 + grown)
    for a in range(2):
        end = state[foot + a] + inward * (state[other + a] - state[foot + a])
        goal[a] += part * (end - goal[a])


@inline
def _begin_step(gains, state, xi, middle, yaw):
    """A step out of a push: the foot farther from the fall stands... the nearer one carries."""
    local = np.empty(2)
    _turned(xi[0] - middle[0], xi[1] - middle[1], -yaw, local)
    state[STANCE] = 0.0 if local[1] > 0.0 else 1.0
    state[STEPS] = 0.0
    foot = PINS + 3 * int(state[STANCE])
    _lift_off(gains, state, state[foot], state[foot + 1])


@inline
def _lift_off(gains, state, zmp_x, zmp_y):
    """Begins a step on the present stance foot."""
    state[MODE], state[CLOCK] = STEP, 0.0
    state[LENGTH] = gains[G_STEP]
    state[OLD_ZMP], state[OLD_ZMP + 1] = zmp_x, zmp_y
    swing = 1 - int(state[STANCE])
    for a in range(3):
        state[SWING + a] = state[PINS + 3 * swing + a]
        state[SWING_V + a] = 0.0
    state[SWING_FROM_Z] = state[PINS + 3 * swing + 2]
    state[LIFT] = state[PINS + 3 * int(state[STANCE]) + 2]
    state[SWING_YAW] = state[FEET_YAW + swing]
    state[SWING_YAW_V] = 0.0
    state[TOUCHED] = 0.0


@inline
def _step(body, gains, state, feet, xi, omega, dt):
    stance = int(state[STANCE])
    swing = 1 - stance
    foot = PINS + 3 * stance
    wanted = np.empty(3)
    offset = np.empty(2)
    yaw = state[FEET_YAW + stance]
    _wanted_step(gains, state, omega, wanted, offset)
    p0, p1 = state[foot], state[foot + 1]
    left = state[LENGTH] - state[CLOCK]
    if left > _FREEZE_S and state[CLOCK] > 0.5 * gains[G_DS]:
        left = _choose(gains, state, xi, omega, yaw, p0, p1, wanted, offset, dt)
    elif state[CLOCK] <= 0.5 * gains[G_DS]:
        place = np.empty(2)
        _turned(wanted[0], wanted[1], yaw, place)
        state[TARGET], state[TARGET + 1] = p0 + place[0], p1 + place[1]
        state[TARGET + 2] = yaw + wanted[2]
    turned = np.empty(2)
    _turned(offset[0], offset[1], yaw, turned)
    rest = max(left, 0.0)
    for a in range(2):
        end = state[TARGET + a] + turned[a]
        old, new = state[OLD_ZMP + a], state[foot + a]
        ref = before(end, old, new, state[CLOCK], rest, omega, gains[G_DS])
        part = min(state[CLOCK] / gains[G_DS], 1.0)
        state[ERROR + a] = xi[a] - ref
        state[ZMP + a] = old + part * (new - old) + (1.0 + gains[G_DCM] / omega) * (xi[a] - ref)
    touching = feet[swing, 0] > _TOUCH_N and state[CLOCK] > 0.6 * state[LENGTH]
    if touching:
        state[TOUCHED] = 1.0
    # Early ground is waited on, or the pendulum would be switched over before its time.
    due = state[CLOCK] > state[LENGTH] - gains[G_EARLY] or feet[swing, 0] > _STRUCK_N
    if (touching and due) or state[CLOCK] > state[LENGTH] + 0.3:
        _touch_down(gains, state, swing)


@inline
def _wanted_step(gains, state, omega, wanted, offset):
    """Displacement of the next foothold in axes of the stance foot, and the offset r there."""
    stance = int(state[STANCE])
    side = 1.0 if stance == 1 else -1.0  # the swinging foot is left (+) or right
    step_s = state[MEAN_STEP]
    vx, vy, vw = state[VELOCITY], state[VELOCITY + 1], state[VELOCITY + 2]
    outer = 2.0 * max(side * vy, 0.0) * step_s
    turn = 2.0 * max(side * vw, 0.0) * step_s
    wanted[0] = vx * step_s
    wanted[1] = side * (2.0 * gains[G_HALF] + outer)
    wanted[2] = side * turn
    if side * vw < 0.0 or side * vy < 0.0:
        wanted[2] = 0.0
    # The foot is set parallel to the stance foot but for the turn that is asked for. Sideways the
    # body goes on with the mean speed over both steps.
    width = side * (2.0 * gains[G_HALF] + state[TRIM + 2])
    steady_offset(vx * step_s, width, omega, step_s, gains[G_DS], offset)
    offset[0] += state[TRIM] + gains[G_LEAD] * vx
    offset[1] += (vy + state[TRIM + 1]) * step_s / (np.exp(omega * step_s) - 1.0)


@inline
def _choose(gains, state, xi, omega, yaw, p0, p1, wanted, offset, dt):
    """Chooses the step's remaining time and foothold; returns the time."""
    side = 1.0 if int(state[STANCE]) == 1 else -1.0
    t = state[CLOCK]
    best, best_left = 1e9, state[LENGTH] - t
    place = np.empty(2)
    chosen = np.empty(2)
    shortest = max(gains[G_MIN] - t, _FREEZE_S)
    longest = max(gains[G_MAX] - t, shortest)
    for number in range(16):
        left = shortest + (longest - shortest) * number / 15.0
        if number == 15:
            left = max(state[LENGTH] - t, shortest)
        ax = after(xi[0], state[OLD_ZMP], p0, t, left, omega, gains[G_DS]) - p0
        ay = after(xi[1], state[OLD_ZMP + 1], p1, t, left, omega, gains[G_DS]) - p1
        _turned(ax, ay, -yaw, place)
        x, y = place[0] - offset[0], place[1] - offset[1]
        held_x = min(max(x, -gains[G_BACK]), gains[G_FORWARD])
        held_y = side * min(max(side * y, gains[G_NARROW]), gains[G_WIDE])
        miss = (x - held_x) ** 2 + (y - held_y) ** 2
        stray = (held_x - wanted[0]) ** 2 + (held_y - wanted[1]) ** 2
        late = (t + left - gains[G_STEP]) ** 2
        jump = (t + left - state[LENGTH]) ** 2
        cost = 40.0 * miss + 0.5 * stray + 1.5 * late + 0.2 * jump
        if cost < best:
            best, best_left = cost, left
            chosen[0], chosen[1] = held_x + state[NUDGE], held_y + state[NUDGE + 1]
    state[LENGTH] = t + best_left
    _turned(chosen[0], chosen[1], yaw, place)
    follow = min(dt / 0.03, 1.0)
    state[TARGET] += follow * (p0 + place[0] - state[TARGET])
    state[TARGET + 1] += follow * (p1 + place[1] - state[TARGET + 1])
    state[TARGET + 2] = yaw + wanted[2]
    return best_left


@inline
def _touch_down(gains, state, swing):
    """The swinging foot stands: the next step begins, or the body stands still."""
    stance = 1 - swing
    old = PINS + 3 * stance
    x, y = state[old], state[old + 1]
    state[STEPS] += 1.0
    yaw = state[FEET_YAW + swing]
    apart = np.empty(2)
    _turned(state[PINS + 3 * swing] - x, state[PINS + 3 * swing + 1] - y, -yaw, apart)
    even = abs(apart[0]) < 0.05 and abs(abs(apart[1]) - 2.0 * gains[G_HALF]) < 0.08
    small = np.sqrt(state[ERROR] ** 2 + state[ERROR + 1] ** 2) < 0.04
    straight = abs(np.sin(state[FEET_YAW] - state[FEET_YAW + 1])) < 0.1
    _learn(gains, state, apart)
    state[STANCE] = float(swing)
    if not _wants_to_walk(state) and even and small and straight and state[STEPS] >= 2.0:
        state[MODE], state[CLOCK], state[CALM] = STAND, 0.0, 0.0
        return
    _lift_off(gains, state, x, y)


@inline
def _learn(gains, state, apart):
    """Corrects, step by step, what the pendulum gets wrong of speed and width.

    The body has heavy legs that swing, so that its steps differ a little from the pendulum's; what
    differs is learnt from the steps that were really made.
    """
    took = min(max(state[CLOCK], gains[G_MIN]), gains[G_MAX])
    sideways = apart[1]
    if state[STEPS] >= 3.0:
        state[MEAN_STEP] += 0.2 * (took - state[MEAN_STEP])
        slow = state[VELOCITY] - apart[0] / took
        state[TRIM] = min(max(state[TRIM] + gains[G_LEARN] * slow, -0.05), 0.05)
        drift = state[VELOCITY + 1] - 0.5 * (sideways + state[LAST_Y]) / state[MEAN_STEP]
        state[TRIM + 1] = min(max(state[TRIM + 1] + 0.1 * drift, -0.1), 0.1)
        excess = 0.5 * abs(sideways - state[LAST_Y])
        wanted = 2.0 * gains[G_HALF] + abs(state[VELOCITY + 1]) * state[MEAN_STEP]
        state[TRIM + 2] = min(max(state[TRIM + 2] + 0.15 * (wanted - excess), -0.15), 0.15)
    state[LAST_Y] = sideways


@inline
def share_of_left(gains, state):
    """Part of the weight that the left foot shall carry."""
    if state[MODE] == STEP:
        part = min(state[CLOCK] / gains[G_DS], 1.0)
        on_stance = max(part, 0.02)
        return on_stance if int(state[STANCE]) == 0 else 1.0 - on_stance
    dx, dy = state[PINS] - state[PINS + 3], state[PINS + 1] - state[PINS + 4]
    along = (state[ZMP] - state[PINS + 3]) * dx + (state[ZMP + 1] - state[PINS + 4]) * dy
    return min(max(along / max(dx * dx + dy * dy, 1e-4), 0.0), 1.0)


@inline
def held_in_foot(body, state, foot, x, y, out):
    """The point of a standing sole that is nearest to (x, y), in walker's axes; written."""
    pin, yaw = PINS + 3 * foot, state[FEET_YAW + foot]
    local = np.empty(2)
    _turned(x - state[pin], y - state[pin + 1], -yaw, local)
    reach_x, reach_y = body[B_FOOT_X] - _MARGIN_M, body[B_FOOT_Y] - _MARGIN_M
    local[0] = min(max(local[0], -reach_x), reach_x)
    local[1] = min(max(local[1], -reach_y), reach_y)
    _turned(local[0], local[1], yaw, out)
    out[0] += state[pin]
    out[1] += state[pin + 1]
    state[SHARE] += 0.0
