"""Four wheels under a rigid body: springs, tyres, motors, brakes and their electronics.

Each wheel stands on the height that the ground has under its hub; that is a ray without a ray cast.
In every physics tick the wheel spins are integrated in substeps of about 0.4 ms, half implicitly,
since slip is stiff at low speed; ABS and traction control act in the substeps, so braking does not
depend on the physics rate. The force on the body is the mean over the substeps.

Tyres follow Pacejka's Magic Formula with the similarity method for combined slip [Pacejka 2012,
"Tire and vehicle dynamics", 3rd ed., sections 4.2 and 4.3]: the magnitude of force follows from the
length of the slip vector, its direction from the slip vector's direction. Below walking pace slip
is regularised, and a standing, braked wheel holds like a spring with friction, so that a parked
car stays where it is.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.robots.car_params import CarParams
from fleetloop.envs.trace.jit import inline

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

# Places in the state array, float64.
SPIN = 0  # 4: rad/s, forward positive
ANGLE = 4  # 4: rad, turned since the start
STEER = 8  # rad, mean of the front wheels
DRIVE = 9  # Nm, motor torque at the wheels after the lag; negative is regeneration
ABS = 10  # 4: share of the brake torque that ABS lets through
HOLD = 14  # 8: deflection of the standing contact, (x, y) per wheel, m
COMPRESSION = 22  # 4: m, for sensors
BRAKE = 26  # 4: Nm, friction brakes, for sensors
ENERGY = 30  # J, drawn from the battery since the start
TOUCH = 32  # 4 x 7: contact from the centre of mass (3), load, force (x, y), friction; for records
TOUCH_SIZE = 7
STATE_SIZE = 60

# Places in the parameter array.
(
    _MASS, _RADIUS, _HALF_BASE, _HALF_TRACK, _COM_X, _COM_Z, _SPRING_F, _SPRING_R, _DAMP_F, _DAMP_R,
    _ROLL_F, _ROLL_R, _TRAVEL, _INERTIA, _POWER, _TORQUE, _REAR, _BRAKES, _FRONT_BRAKE, _REGEN_P,
    _REGEN_T, _MAX_STEER, _STEER_RATE, _STEER_LAG, _TORQUE_LAG, _DRAG, _ROLLING, _B, _C, _E, _MU,
    _LOAD, _ABS_SLIP, _TC_SLIP, _ESC,
) = range(35)  # fmt: skip

GRAVITY_M_S2 = 9.80665
AIR_KG_M3 = 1.2
SUBSTEP_S = 1.0 / 2400.0
_SLOW_M_S = 2.0
_STANDING_M_S = 0.3
_STOP_M = 0.25  # so far a bump stop gives way
_EFFICIENCY = 0.88
_AUXILIARY_W = 350.0


def pack(params: CarParams) -> npt.NDArray[np.float64]:
    """The parameters as the kernel reads them."""
    p = params
    return np.array(
        [
            p.mass_kg, p.wheel_radius_m, 0.5 * p.wheelbase_m, 0.5 * p.track_m, p.com_x_m, p.com_z_m,
            *p.spring_n_m, *p.damper_ns_m, *p.anti_roll_n_m, p.travel_m, p.wheel_inertia_kg_m2,
            p.power_w, p.drive_torque_nm, p.rear_drive_share, p.brake_torque_nm,
            p.front_brake_share, p.regen_power_w, p.regen_torque_nm, p.max_steer_rad,
            p.steer_rate_rad_s, p.steer_lag_s, p.torque_lag_s, p.drag_area_m2,
            p.rolling_resistance, p.tyre_b, p.tyre_c, p.tyre_e, p.tyre_mu, p.tyre_load_sensitivity,
            p.abs_slip, p.traction_slip, float(p.stability_control),
        ]
    )  # fmt: skip


def initial_state() -> npt.NDArray[np.float64]:
    """Wheels at rest."""
    state = np.zeros(STATE_SIZE)
    state[ABS : ABS + 4] = 1.0
    return state


@inline
def wheels_tick(
    p: npt.NDArray[np.float64],
    com_m: npt.NDArray[np.float64],
    rotation: npt.NDArray[np.float64],
    velocity_m_s: npt.NDArray[np.float64],
    angular_rad_s: npt.NDArray[np.float64],
    ground_m: npt.NDArray[np.float64],
    friction: npt.NDArray[np.float64],
    command: npt.NDArray[np.float64],
    dt_s: float,
    state: npt.NDArray[np.float64],
    wrench: npt.NDArray[np.float64],
) -> None:
    """Advances the wheels by one physics tick; for the kernel in `chassis`.

    Args:
        p: From `pack`.
        com_m, rotation: Centre of mass (3,) and world_R_body (3, 3).
        velocity_m_s, angular_rad_s: Of the centre of mass (3,), and turning (3,), world axes.
        ground_m, friction: Height and friction of the ground under each wheel, (4,).
        command: Steering -1 to 1 (left positive), pedal -1 (brake) to 1 (drive), gear: reverse
            below 0.
        dt_s: Length of the tick.
        state: (STATE_SIZE,), advanced in place.
        wrench: (6,) written: force and torque on the body at its centre of mass, world axes.
    """
    wrench[:] = 0.0
    load = np.empty(4)
    arm = np.empty((4, 3))
    axes = np.empty((4, 6))
    slide = np.empty((4, 2))
    brake = np.empty(4)
    drive = np.empty(4)
    _steer(p, command[0], dt_s, state)
    _stand(p, com_m, rotation, velocity_m_s, angular_rad_s, ground_m, dt_s, state, load, arm)
    for w in range(4):
        _wheel_axes(p, rotation, velocity_m_s, angular_rad_s, arm, w, state, axes, slide)
    _torques(
        p, command[1], command[2], dt_s, slide, rotation, angular_rad_s, friction, state, drive,
        brake,
    )  # fmt: skip
    steps = max(1, round(dt_s / SUBSTEP_S))
    for w in range(4):
        fx, fy = _spin(p, w, load[w], friction[w], drive[w], brake[w], slide, dt_s, steps, state)
        for i in range(3):
            force = fx * axes[w, i] + fy * axes[w, 3 + i]
            force += load[w] if i == 2 else 0.0
            wrench[i] += force
        _moment(arm, w, fx, fy, load[w], axes, wrench)
        touch = state[TOUCH + TOUCH_SIZE * w : TOUCH + TOUCH_SIZE * (w + 1)]
        touch[0], touch[1], touch[2], touch[3] = arm[w, 0], arm[w, 1], arm[w, 2], load[w]
        touch[4] = fx * axes[w, 0] + fy * axes[w, 3]
        touch[5] = fx * axes[w, 1] + fy * axes[w, 4]
        touch[6] = _friction(p, load[w], friction[w])
    speed = np.sqrt((velocity_m_s**2).sum())
    for i in range(3):
        wrench[i] -= 0.5 * AIR_KG_M3 * p[_DRAG] * speed * velocity_m_s[i]


@inline
def _steer(p, command, dt, state):
    wanted = p[_MAX_STEER] * command
    rate = (wanted - state[STEER]) / p[_STEER_LAG]
    rate = min(max(rate, -p[_STEER_RATE]), p[_STEER_RATE])
    step = rate * dt
    gap = wanted - state[STEER]
    state[STEER] += step if abs(step) < abs(gap) else gap


@inline
def _stand(p, com, rotation, velocity, angular, ground, dt, state, load, arm):
    """Spring, damper, anti-roll bar and bump stop of each wheel; contact points from the CoM."""
    compression = state[COMPRESSION : COMPRESSION + 4]
    speed = np.empty(4)
    for w in range(4):
        front = w < 2
        x = (p[_HALF_BASE] if front else -p[_HALF_BASE]) - p[_COM_X]
        y = p[_HALF_TRACK] if w % 2 == 0 else -p[_HALF_TRACK]
        z = p[_RADIUS] - p[_COM_Z]
        for i in range(3):
            arm[w, i] = rotation[i, 0] * x + rotation[i, 1] * y + rotation[i, 2] * z
        share = 0.5 + (p[_COM_X] if front else -p[_COM_X]) / (2.0 * p[_HALF_BASE])
        rest = 0.5 * share * p[_MASS] * GRAVITY_M_S2 / (p[_SPRING_F] if front else p[_SPRING_R])
        # Ground that is higher than the bump stop gives way is a wall: the stop gives its most.
        highest = com[2] + arm[w, 2] - p[_RADIUS] + p[_TRAVEL] + _STOP_M
        surface = min(ground[w], highest)
        height = com[2] + arm[w, 2] - surface
        compression[w] = rest + p[_RADIUS] - height
        arm[w, 2] = surface - com[2]
        # Speed of the hub, upwards; compressing while it is negative.
        speed[w] = velocity[2] + angular[0] * arm[w, 1] - angular[1] * arm[w, 0]
    for w in range(4):
        front = w < 2
        c, other = compression[w], compression[w + 1 if w % 2 == 0 else w - 1]
        force = (p[_SPRING_F] if front else p[_SPRING_R]) * c
        force += (p[_ROLL_F] if front else p[_ROLL_R]) * (c - other)
        rest = 0.25 * p[_MASS] * GRAVITY_M_S2 / (p[_SPRING_F] if front else p[_SPRING_R])
        beyond = c - rest - p[_TRAVEL]
        if beyond > 0.0:
            force += 250_000.0 * beyond
        force -= (p[_DAMP_F] if front else p[_DAMP_R]) * speed[w]
        load[w] = force if force > 0.0 and c > 0.0 else 0.0


@inline
def _wheel_axes(p, rotation, velocity, angular, arm, w, state, axes, slide):
    """Directions forward and left of a wheel, level with the ground, and its speed along them."""
    steer = state[STEER]
    turn = 0.0
    if w < 2 and abs(steer) > 1e-6:
        # Ackermann: both front wheels turn about one point on the rear axle's line.
        radius = 2.0 * p[_HALF_BASE] / np.tan(steer)
        turn = np.arctan(
            2.0 * p[_HALF_BASE] / (radius - (p[_HALF_TRACK] if w % 2 == 0 else -p[_HALF_TRACK]))
        )
    cosine, sine = np.cos(turn), np.sin(turn)
    fx = rotation[0, 0] * cosine + rotation[0, 1] * sine
    fy = rotation[1, 0] * cosine + rotation[1, 1] * sine
    # A car that stands on its nose points nowhere.
    length = max(np.sqrt(fx * fx + fy * fy), 1e-9)
    fx, fy = fx / length, fy / length
    axes[w, 0], axes[w, 1], axes[w, 2] = fx, fy, 0.0
    axes[w, 3], axes[w, 4], axes[w, 5] = -fy, fx, 0.0
    vx = velocity[0] + angular[1] * arm[w, 2] - angular[2] * arm[w, 1]
    vy = velocity[1] + angular[2] * arm[w, 0] - angular[0] * arm[w, 2]
    slide[w, 0] = vx * fx + vy * fy
    slide[w, 1] = -vx * fy + vy * fx


_REVERSE_SHARE, _REVERSE_M_S = 0.5, 8.0


@inline
def _torques(p, pedal, gear, dt, slide, rotation, angular, friction, state, drive, brake):
    """Motor and brake torque of each wheel: power limits, regeneration, stability control."""
    spin = 0.5 * (state[SPIN + 2] + state[SPIN + 3])
    if p[_REAR] < 1.0:
        spin = 0.25 * (state[SPIN] + state[SPIN + 1] + state[SPIN + 2] + state[SPIN + 3])
    turning = max(abs(spin), 1.0)
    wanted = 0.0
    friction_part = 0.0
    if pedal > 0.0:
        wanted = min(pedal * p[_TORQUE], p[_POWER] / turning)
        if gear < 0.0:
            # The same motor, backwards; its electronics allow no more than a manoeuvre takes.
            fade = min(max((_REVERSE_M_S + spin * p[_RADIUS]) / 2.0, 0.0), 1.0)
            wanted = -_REVERSE_SHARE * wanted * fade
    elif pedal < 0.0:
        asked = -pedal * p[_BRAKES]
        # The motor takes what it can; near standstill the friction brakes take over.
        fade = min(max((abs(spin) * p[_RADIUS] - 1.0) / 2.0, 0.0), 1.0)
        regen = min(asked, p[_REGEN_T], p[_REGEN_P] / turning) * fade if spin > 0.0 else 0.0
        wanted = -regen
        friction_part = asked - regen
    state[DRIVE] += (wanted - state[DRIVE]) * (1.0 - np.exp(-dt / p[_TORQUE_LAG]))
    for w in range(4):
        share = 0.5 * ((1.0 - p[_REAR]) if w < 2 else p[_REAR])
        drive[w] = state[DRIVE] * share
        brake[w] = friction_part * 0.5 * (p[_FRONT_BRAKE] if w < 2 else 1.0 - p[_FRONT_BRAKE])
    power = state[DRIVE] * spin
    state[ENERGY] += dt * (power / _EFFICIENCY if power > 0.0 else power * _EFFICIENCY)
    state[ENERGY] += dt * _AUXILIARY_W
    if p[_ESC] > 0.5:
        _stabilise(p, slide, rotation, angular, friction, state, brake)
    for w in range(4):
        state[BRAKE + w] = brake[w]


@inline
def _stabilise(p, slide, rotation, angular, friction, state, brake):
    """Brakes the outer front wheel against oversteer, the inner rear one against understeer."""
    speed = 0.5 * (slide[2, 0] + slide[3, 0])
    if speed < 5.0:
        return
    base = 2.0 * p[_HALF_BASE]
    wanted = speed * np.tan(state[STEER]) / (base + 0.0025 * speed * speed * base)
    grip = 0.85 * p[_MU] * 0.25 * friction.sum() * GRAVITY_M_S2 / speed
    wanted = min(max(wanted, -grip), grip)
    yaw = rotation[2, 2] * angular[2]
    error = yaw - wanted
    if abs(error) < 0.06:
        return
    strength = min((abs(error) - 0.06) * 14_000.0, 2_600.0)
    if error * yaw > 0.0:
        # Turning too fast: brake the front wheel on the outside of the turn.
        brake[1 if yaw > 0.0 else 0] += strength
    else:
        brake[2 if wanted > 0.0 else 3] += 0.4 * strength


@inline
def _spin(p, w, load, grip, drive, brake, slide, dt, steps, state):
    """Integrates a wheel's spin over the tick; returns its mean forces, forward and left."""
    h = dt / steps
    radius, inertia = p[_RADIUS], p[_INERTIA]
    u, v = slide[w, 0], slide[w, 1]
    mu = _friction(p, load, grip)
    sum_x, sum_y = 0.0, 0.0
    for _ in range(steps):
        spin = state[SPIN + w]
        rolling = spin * radius
        scale = max(abs(u), abs(rolling), _SLOW_M_S)
        kappa, alpha = (rolling - u) / scale, -v / scale
        slip = np.sqrt(kappa * kappa + alpha * alpha)
        per_slip = _force_per_slip(p, slip) * mu * load
        fx, fy = per_slip * kappa, per_slip * alpha
        braking = brake * _anti_lock(p, w, kappa, u, h, state)
        driving = drive
        if drive * kappa > 0.0 and abs(kappa) > p[_TC_SLIP] and abs(u) + abs(rolling) > 1.0:
            driving = drive * max(1.0 - (abs(kappa) - p[_TC_SLIP]) * 12.0, 0.0)
        resist = p[_ROLLING] * load * radius * min(abs(u) / 0.5, 1.0)
        # Half implicit: the tyre's force falls as the wheel catches up within the substep.
        stiff = per_slip * radius * radius / scale
        torque = driving - fx * radius - np.sign(spin) * resist
        free = spin + h * torque / (inertia + h * stiff)
        stop = h * braking / (inertia + h * stiff)
        state[SPIN + w] = np.sign(free) * (abs(free) - stop) if abs(free) > stop else 0.0
        locked = state[SPIN + w] == 0.0 and braking > 0.0
        fx, fy = _hold(w, u, v, fx, fy, mu * load, locked, h, state)
        sum_x += fx
        sum_y += fy
        state[ANGLE + w] += h * state[SPIN + w]
    return sum_x / steps, sum_y / steps


@inline
def _friction(p, load, grip):
    """Coefficient of a tyre, which falls with its load."""
    rest = 0.25 * p[_MASS] * GRAVITY_M_S2
    return p[_MU] * grip * max(1.0 - p[_LOAD] * (load / rest - 1.0), 0.3)


@inline
def _force_per_slip(p, slip):
    """Magic Formula divided by slip: its limit at zero is the slip stiffness B C."""
    if slip < 1e-6:
        return p[_B] * p[_C]
    x = p[_B] * slip
    curve = x - p[_E] * (x - np.arctan(x))
    return np.sin(p[_C] * np.arctan(curve)) / slip


@inline
def _anti_lock(p, w, kappa, u, h, state):
    """Share of the brake torque that passes: falls fast beyond the slip limit, recovers slower."""
    share = state[ABS + w]
    if u > 1.5 and kappa < -p[_ABS_SLIP]:
        share = max(share - 30.0 * h, 0.05)
    else:
        share = min(share + 12.0 * h, 1.0)
    state[ABS + w] = share
    return share if u > 1.5 else 1.0


@inline
def _hold(w, u, v, fx, fy, limit, locked, h, state):
    """A standing contact is a stiff spring with damping, until friction gives way."""
    x, y = state[HOLD + 2 * w], state[HOLD + 2 * w + 1]
    speed = np.sqrt(u * u + v * v)
    if speed > _STANDING_M_S or not locked:
        state[HOLD + 2 * w] = 0.0
        state[HOLD + 2 * w + 1] = 0.0
        return fx, fy
    stiffness, damping = 250_000.0, 9_000.0
    x, y = x + h * u, y + h * v
    hx, hy = -stiffness * x - damping * u, -stiffness * y - damping * v
    size = np.sqrt(hx * hx + hy * hy)
    if size > limit:
        hx, hy = hx * limit / size, hy * limit / size
        x, y = -(hx + damping * u) / stiffness, -(hy + damping * v) / stiffness
    state[HOLD + 2 * w] = x
    state[HOLD + 2 * w + 1] = y
    return hx, hy


@inline
def _moment(arm, w, fx, fy, load, axes, wrench):
    f0 = fx * axes[w, 0] + fy * axes[w, 3]
    f1 = fx * axes[w, 1] + fy * axes[w, 4]
    wrench[3] += arm[w, 1] * load - arm[w, 2] * f1
    wrench[4] += arm[w, 2] * f0 - arm[w, 0] * load
    wrench[5] += arm[w, 0] * f1 - arm[w, 1] * f0
