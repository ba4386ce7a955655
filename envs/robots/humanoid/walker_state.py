"""Places in the walker's arrays: what it remembers, what it knows of its body, and its gains."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray
from fleetloop.envs.robots.humanoid.params import HumanoidParams

STAND, SHIFT, STEP, FALLEN = 0.0, 1.0, 2.0, 3.0
"""Modes: both feet, weight going to one foot, on one foot, no more torque."""

# State, float64. World here is the walker's own: level, from where it started, by its own senses.
ROTATION = 0  # 9: world_R_base by gyroscope and accelerometer
PINS = 9  # 6: middles of both soles
BASE = 15  # 3: position of the base
COM = 18  # 3: observed centre of mass
COM_V = 21  # 3: its velocity
MODE = 24
STANCE = 25  # 0 left, 1 right
CLOCK = 26  # s since the step (or the mode) began
LENGTH = 27  # s, planned length of the step
SWING = 28  # 3: reference of the swinging sole
SWING_V = 31  # 3
SWING_YAW = 34
SWING_YAW_V = 35
TARGET = 36  # 3: foothold x, y, yaw
OLD_ZMP = 39  # 2: pressure point at the step's start
VELOCITY = 41  # 3: smoothed command, m/s, m/s, rad/s
FEET_YAW = 44  # 2
LEG_REF = 46  # 12: last references of both legs
CALM = 58  # s that the body has stood calmly
SHARE = 59  # weight on the left foot, 0 to 1, as commanded
ERROR = 60  # 2: of the divergent component, for falls and tests
ZMP = 62  # 2: wanted pressure point
STEPS = 64  # since the start
SWING_FROM_Z = 65
CAUSE = 66  # why it fell: 0 not, 1 tilt, 2 height, 3 component
LIFT = 67  # m, height of the ground under the stance foot at the step's start
NUDGE = 68  # 2: residual shift of the foothold, m
TOUCHED = 70  # whether the swinging foot met the ground before its time
TRIM = 71  # 3: learnt corrections: start of a step forward, m, sideways speed, m/s, width, m
MEAN_STEP = 74  # s, smoothed length of the steps
LAST_Y = 75  # m, sideways displacement of the last step
SLOPE = 76  # 2: rise of the ground along x and y, by how the foot that carries stands
STATE_SIZE = 78


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkGains:
    """How the walker walks. Numbers were found by trial on the benchmark's pushes and drives.

    Attributes:
        step_s: Length of a step.
        min_step_s, max_step_s: Between which it may be changed.
        double_support_s: Part of it on both feet.
        shift_s: Time to bring the weight over one foot at the start.
        half_width_m: Half the distance of the feet.
        lift_m: How high the swinging foot goes.
        com_height_m: Of the centre of mass over the soles.
        dcm_gain: Of the pressure point over the error of the divergent component.
        height_gain, height_damping: 1/s2, 1/s.
        tilt_gain, tilt_damping: N m/rad, N m s/rad, of the trunk.
        yaw_gain, yaw_damping: Likewise.
        hip_limit_nm: Largest moment that the trunk is thrown with when the feet are used up.
        forward_m, back_m: Longest steps.
        narrow_m, wide_m: Sideways distance of the feet.
        accel: m/s2, m/s2, rad/s2 by which the command is followed.
        max_speed: m/s, m/s, rad/s: commands are clipped to it.
        early_s: So much before its planned end a step may be ended by the ground.
        speed_trust: 1/s by which the centre of mass' speed follows what joints and gyroscope say.
        place_trust: 1/s2, likewise by its place.
        lead_s: By so much times its speed the body is farther ahead at the start of a step than the
            pendulum's: heavy legs that brake hold it back.
        learn_s: Metres by which that is corrected, step by step, for each m/s that is missing.
        leg_kg: What a swinging leg seems to weigh at its foot.
        rest_s: So long before it lands the swinging foot is over its place.
    """

    step_s: float = 0.5
    min_step_s: float = 0.34
    max_step_s: float = 0.7
    double_support_s: float = 0.08
    shift_s: float = 0.5
    half_width_m: float = 0.10
    lift_m: float = 0.06
    com_height_m: float = 0.86
    dcm_gain: float = 2.0
    height_gain: float = 120.0
    height_damping: float = 22.0
    tilt_gain: float = 700.0
    tilt_damping: float = 70.0
    yaw_gain: float = 120.0
    yaw_damping: float = 12.0
    hip_limit_nm: float = 140.0
    forward_m: float = 0.50
    back_m: float = 0.40
    narrow_m: float = 0.16
    wide_m: float = 0.52
    accel_x: float = 0.5
    accel_y: float = 0.3
    accel_yaw: float = 0.8
    max_x: float = 0.7
    max_y: float = 0.2
    max_yaw: float = 0.6
    early_s: float = 0.0
    speed_trust: float = 30.0
    place_trust: float = 121.0
    rest_s: float = 0.1
    lead_s: float = 0.06
    learn_s: float = 0.02
    leg_kg: float = 3.0

    def __post_init__(self) -> None:
        if not 0.0 < self.min_step_s <= self.step_s <= self.max_step_s:
            raise ConfigError(
                f"step_s is {self.step_s}: it must lie from min_step_s {self.min_step_s} to "
                f"max_step_s {self.max_step_s}."
            )


(
    G_STEP, G_MIN, G_MAX, G_DS, G_SHIFT, G_HALF, G_LIFT, G_HEIGHT, G_DCM, G_KZ, G_DZ, G_KT, G_DT,
    G_KY, G_DY, G_HIP, G_FORWARD, G_BACK, G_NARROW, G_WIDE, G_AX, G_AY, G_AW, G_VX, G_VY, G_VW,
    G_EARLY, G_TRUST, G_PLACE, G_REST,
    G_LEAD, G_LEARN, G_LEG,
) = range(33)  # fmt: skip

(
    B_HIP, B_THIGH, B_SHANK, B_ANKLE, B_AHEAD, B_FOOT_X, B_FOOT_Y, B_LEFT, B_RIGHT, B_LEFT_Q,
    B_RIGHT_Q, B_MASS,
) = range(12)  # fmt: skip


def pack_gains(gains: WalkGains) -> FloatArray:
    """Gains as the kernel reads them."""
    return np.array(astuple(gains), dtype=np.float64)


def pack_body(
    params: HumanoidParams, feet: tuple[int, int], legs: tuple[int, int], mass_kg: float
) -> FloatArray:
    """What the kernel knows of the body: lengths, rows of the feet, first joints of the legs."""
    p = params
    return np.array(
        [
            p.hip_half_width_m, p.thigh_m, p.shank_m, p.ankle_height_m, p.foot_ahead_m,
            0.5 * p.foot_size_m[0], 0.5 * p.foot_size_m[1], *feet, *legs, mass_kg,
        ]
    )  # fmt: skip
