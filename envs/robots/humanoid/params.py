"""Numbers of the humanoid's body, and how they may be varied.

Height and mass are those that Tesla told of Optimus at its AI Day of 19 August 2021: 5 feet 8
inches (1.73 m) and 125 pounds (57 kg). The rest is our own: proportions of a slim adult [Winter
2009, "Biomechanics and motor control of human movement", 4th ed., fig. 4.1], torques of the class
that such a body needs to walk.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from fleetloop.core.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanoidParams:
    """A body, the same on both sides.

    Attributes:
        hip_half_width_m: From the middle to the point in which the three hip axes meet.
        thigh_m, shank_m: Hip to knee, knee to ankle.
        ankle_height_m: Ankle axes, which meet, above the sole.
        foot_size_m: Length, width, thickness of the foot's box.
        foot_ahead_m: Middle of the foot before the ankle.
        waist_yaw_m, waist_pitch_m: Waist axes above the hips.
        shoulder_height_m: Shoulder above the waist's pitch axis.
        shoulder_half_width_m: From the middle to the point in which the shoulder axes meet.
        upper_arm_m, forearm_m: Shoulder to elbow, elbow to wrist.
        neck_height_m: Neck axes above the waist's pitch axis.
        head_height_m: Middle of the head above the neck's pitch axis.
        head_radius_m: Half of the head's height.
        pelvis_kg, waist_kg, torso_kg, neck_kg, head_kg: Masses of the trunk.
        thigh_kg, shank_kg, foot_kg, hip_kg, ankle_kg: Of each leg; `hip_kg` counts twice (yaw and
            roll carriers), `ankle_kg` once.
        upper_arm_kg, forearm_kg, hand_kg, finger_kg: Of each arm; the finger's counts twice.
        shoulder_kg, elbow_kg, wrist_kg: Carriers: shoulder's counts twice, the wrist's once.
        torque_share, speed_share: Of the nominal limits of all joints.
        foot_friction, hand_friction, body_friction: Coulomb coefficients. PyBullet multiplies those
            of both bodies.
        joint_damping_nm_s: Viscous friction of every joint.

    Raises:
        ConfigError: A number that is not positive.
    """

    hip_half_width_m: float = 0.095
    thigh_m: float = 0.41
    shank_m: float = 0.40
    ankle_height_m: float = 0.075
    foot_size_m: tuple[float, float, float] = (0.25, 0.12, 0.03)
    foot_ahead_m: float = 0.035
    waist_yaw_m: float = 0.12
    waist_pitch_m: float = 0.14
    shoulder_height_m: float = 0.39
    shoulder_half_width_m: float = 0.22
    upper_arm_m: float = 0.28
    forearm_m: float = 0.25
    neck_height_m: float = 0.455
    head_height_m: float = 0.13
    head_radius_m: float = 0.12
    pelvis_kg: float = 6.5
    waist_kg: float = 0.8
    torso_kg: float = 14.5
    neck_kg: float = 0.5
    head_kg: float = 3.2
    hip_kg: float = 0.9
    thigh_kg: float = 5.2
    shank_kg: float = 2.9
    ankle_kg: float = 0.3
    foot_kg: float = 0.9
    shoulder_kg: float = 0.65
    upper_arm_kg: float = 1.4
    elbow_kg: float = 0.5
    forearm_kg: float = 0.7
    wrist_kg: float = 0.15
    hand_kg: float = 0.35
    finger_kg: float = 0.06
    torque_share: float = 1.0
    speed_share: float = 1.0
    foot_friction: float = 1.0
    hand_friction: float = 1.0
    body_friction: float = 0.6
    joint_damping_nm_s: float = 0.5

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not all(part > 0.0 for part in np.atleast_1d(value)):
                raise ConfigError(f"{item.name} of the humanoid is {value}: it must be positive.")

    @property
    def hip_height_m(self) -> float:
        """Of the hips above the soles, legs straight."""
        return self.thigh_m + self.shank_m + self.ankle_height_m

    @property
    def height_m(self) -> float:
        """Of the standing robot, legs straight, from sole to crown."""
        neck = self.waist_pitch_m + self.neck_height_m
        return self.hip_height_m + neck + self.head_height_m + self.head_radius_m


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanoidSpread:
    """How far bodies differ from one another: each factor is drawn evenly from 1 +- its spread.

    Attributes:
        size: One factor for all lengths.
        mass: One factor for each mass.
        torque: One factor for all torque limits.
        friction: Bounds of the soles' coefficient; both 1 leaves it.
    """

    size: float = 0.0
    mass: float = 0.0
    torque: float = 0.0
    friction: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        for name in ("size", "mass", "torque"):
            if not 0.0 <= getattr(self, name) < 0.5:
                raise ConfigError(
                    f"The spread of {name} is {getattr(self, name)}: use 0 to below 0.5."
                )
        low, high = self.friction
        if not 0.0 < low <= high:
            raise ConfigError(f"The spread of friction is {self.friction}: use 0 < low <= high.")


def vary(
    params: HumanoidParams, spread: HumanoidSpread, rng: np.random.Generator
) -> HumanoidParams:
    """Draws one body about `params`; every number is drawn whether its spread is 0 or not."""
    size, torque = 1.0 + np.array([spread.size, spread.torque]) * rng.uniform(-1.0, 1.0, 2)
    changed: dict[str, object] = {}
    for item in fields(params):
        value = getattr(params, item.name)
        if item.name.endswith("_kg"):
            changed[item.name] = float(value * (1.0 + spread.mass * rng.uniform(-1.0, 1.0)))
        elif item.name == "foot_size_m":
            changed[item.name] = tuple(float(size * part) for part in value)
        elif item.name.endswith("_m"):
            changed[item.name] = float(size * value)
    changed["torque_share"] = float(params.torque_share * torque)
    changed["foot_friction"] = float(params.foot_friction * rng.uniform(*spread.friction))
    return replace(params, **changed)  # type: ignore[arg-type]  # names and types of its own fields
