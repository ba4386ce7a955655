"""The humanoid as a tree of links: joints, masses, limits and collision shapes from its numbers.

All link frames have x forward, y left, z up when every joint is at zero: arms and legs then hang
straight down. Every link has at most one collision shape, since several contact manifolds between
one pair of bodies come back from a restore in another order (see `fleetloop.envs.world`).

The axes of hip, ankle and shoulder meet in a point, so that legs and arms have inverse kinematics
in closed form or nearly so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleetloop.core.frames import Pose
from fleetloop.envs.robots.humanoid.params import HumanoidParams
from fleetloop.envs.trace.shapes import Box, Capsule, Shape, Sphere

SIDES = ("left", "right")
FINGER_OPEN_M = 0.045
"""How far each of a hand's two fingers slides from closed to open."""

PALM_M = 0.09
"""From the wrist to the roots of the fingers."""

GRIP_M = 0.135
"""From the wrist to the point between the finger pads."""

# Rotor and gear of a joint, seen at its output: what small carriers weigh against the solver.
_ROTOR_KG_M2 = 0.05
_SMALL_ROTOR_KG_M2 = 0.0015


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LinkSpec:
    """One link and the joint that carries it.

    Attributes:
        name: Of the link.
        joint: Of the joint; empty for the base.
        parent: Link that carries it; empty for the base.
        origin_m: The joint in the parent's frame.
        axis: Unit axis, in both frames.
        sliding: Whether the joint slides instead of turning.
        lower, upper: Limits, rad or m.
        effort: Largest torque, N m, or force, N.
        speed: Largest speed, rad/s or m/s.
        mass_kg: Mass.
        com_m: Centre of mass in the link's frame.
        inertia_kg_m2: Diagonal about the centre of mass.
        shape: What collides, or None.
        link_T_shape: Where the shape sits.
        friction: Of the shape.
    """

    name: str
    joint: str = ""
    parent: str = ""
    origin_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)
    sliding: bool = False
    lower: float = 0.0
    upper: float = 0.0
    effort: float = 0.0
    speed: float = 0.0
    mass_kg: float
    com_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    inertia_kg_m2: tuple[float, float, float]
    shape: Shape | None = None
    link_T_shape: Pose
    friction: float = 0.6


@dataclass(frozen=True, slots=True)
class _Drive:
    """Limits of one joint."""

    axis: str
    lower: float
    upper: float
    effort: float
    speed: float


_AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}

# Left side; the right one mirrors turns about x and z. Efforts in N m, speeds in rad/s.
_DRIVES = {
    "waist_yaw": _Drive("z", -1.2, 1.2, 120.0, 5.0),
    "waist_pitch": _Drive("y", -0.4, 1.2, 150.0, 5.0),
    "neck_yaw": _Drive("z", -1.3, 1.3, 15.0, 6.0),
    "neck_pitch": _Drive("y", -0.6, 0.9, 15.0, 6.0),
    "hip_yaw": _Drive("z", -0.8, 0.8, 90.0, 12.0),
    "hip_roll": _Drive("x", -0.5, 0.9, 150.0, 12.0),
    "hip_pitch": _Drive("y", -2.0, 0.8, 180.0, 12.0),
    "knee": _Drive("y", 0.0, 2.3, 200.0, 15.0),
    "ankle_pitch": _Drive("y", -1.2, 0.8, 110.0, 12.0),
    "ankle_roll": _Drive("x", -0.6, 0.6, 70.0, 12.0),
    "shoulder_pitch": _Drive("y", -2.9, 1.2, 70.0, 8.0),
    "shoulder_roll": _Drive("x", -0.15, 2.2, 70.0, 8.0),
    "shoulder_yaw": _Drive("z", -1.5, 1.5, 50.0, 8.0),
    "elbow": _Drive("y", -2.4, 0.0, 50.0, 8.0),
    "forearm_yaw": _Drive("z", -1.8, 1.8, 25.0, 8.0),
    "wrist_pitch": _Drive("y", -1.6, 1.6, 18.0, 8.0),
    "wrist_roll": _Drive("x", -0.9, 0.9, 18.0, 8.0),
}


def humanoid_links(params: HumanoidParams) -> tuple[LinkSpec, ...]:
    """All links, each after its parent; the base first."""
    p = params
    links = [*_trunk(p)]
    for side in SIDES:
        links += _leg(p, side)
    for side in SIDES:
        links += _arm(p, side)
    return tuple(links)


def joint_names(links: tuple[LinkSpec, ...]) -> tuple[str, ...]:
    """Names of all joints in the order of the links."""
    return tuple(link.joint for link in links if link.joint)


def _trunk(p: HumanoidParams) -> list[LinkSpec]:
    rise = p.waist_pitch_m - p.waist_yaw_m
    torso = Box((0.09, 0.13, 0.5 * p.shoulder_height_m - 0.015))
    head = Sphere(p.head_radius_m)
    return [
        _link(p, "base", "", "", (0, 0, 0), p.pelvis_kg, Box((0.075, 0.12, 0.045)),
              Pose.of(0.0, 0.0, 0.055), com=(0.0, 0.0, 0.0)),
        _link(p, "waist", "waist_yaw", "base", (0, 0, p.waist_yaw_m), p.waist_kg),
        _link(p, "torso", "waist_pitch", "waist", (0, 0, rise), p.torso_kg, torso,
              Pose.of(0.0, 0.0, 0.5 * p.shoulder_height_m + 0.02)),
        _link(p, "neck", "neck_yaw", "torso", (0, 0, p.neck_height_m), p.neck_kg),
        _link(p, "head", "neck_pitch", "neck", (0, 0, 0), p.head_kg, head,
              Pose.of(0.0, 0.0, p.head_height_m)),
    ]  # fmt: skip


def _leg(p: HumanoidParams, side: str) -> list[LinkSpec]:
    y = p.hip_half_width_m if side == "left" else -p.hip_half_width_m
    length, width, thick = p.foot_size_m
    foot = Box((0.5 * length, 0.5 * width, 0.5 * thick))
    foot_place = Pose.of(p.foot_ahead_m, 0.0, 0.5 * thick - p.ankle_height_m)
    thigh_half, shank_half = 0.5 * p.thigh_m - 0.12, 0.5 * p.shank_m - 0.095
    return [
        _link(p, f"{side}_hip_yaw", f"{side}_hip_yaw", "base", (0, y, 0), p.hip_kg),
        _link(p, f"{side}_hip_roll", f"{side}_hip_roll", f"{side}_hip_yaw", (0, 0, 0), p.hip_kg),
        _link(p, f"{side}_thigh", f"{side}_hip_pitch", f"{side}_hip_roll", (0, 0, 0), p.thigh_kg,
              Capsule(0.06, thigh_half), Pose.of(0.0, 0.0, -0.5 * p.thigh_m - 0.01)),
        _link(p, f"{side}_shank", f"{side}_knee", f"{side}_thigh", (0, 0, -p.thigh_m), p.shank_kg,
              Capsule(0.05, shank_half), Pose.of(0.0, 0.0, -0.5 * p.shank_m + 0.02)),
        _link(p, f"{side}_ankle", f"{side}_ankle_pitch", f"{side}_shank", (0, 0, -p.shank_m),
              p.ankle_kg),
        _link(p, f"{side}_foot", f"{side}_ankle_roll", f"{side}_ankle", (0, 0, 0), p.foot_kg,
              foot, foot_place, friction=p.foot_friction),
    ]  # fmt: skip


def _arm(p: HumanoidParams, side: str) -> list[LinkSpec]:
    y = p.shoulder_half_width_m if side == "left" else -p.shoulder_half_width_m
    # The upper arm's shape stops short of the shoulder, so that it never meets the torso's box, and
    # the forearm's short of the wrist, so that the hand can be bent to the end.
    upper_half, fore_half = 0.5 * p.upper_arm_m - 0.075, 0.5 * p.forearm_m - 0.085
    links = [
        _link(p, f"{side}_shoulder", f"{side}_shoulder_pitch", "torso",
              (0, y, p.shoulder_height_m), p.shoulder_kg),
        _link(p, f"{side}_shoulder_roll", f"{side}_shoulder_roll", f"{side}_shoulder", (0, 0, 0),
              p.shoulder_kg),
        _link(p, f"{side}_upper_arm", f"{side}_shoulder_yaw", f"{side}_shoulder_roll", (0, 0, 0),
              p.upper_arm_kg, Capsule(0.04, upper_half), Pose.of(0.0, 0.0, -0.5 * p.upper_arm_m)),
        _link(p, f"{side}_elbow", f"{side}_elbow", f"{side}_upper_arm", (0, 0, -p.upper_arm_m),
              p.elbow_kg),
        _link(p, f"{side}_forearm", f"{side}_forearm_yaw", f"{side}_elbow", (0, 0, 0),
              p.forearm_kg, Capsule(0.036, fore_half), Pose.of(0.0, 0.0, -0.5 * p.forearm_m)),
        _link(p, f"{side}_wrist", f"{side}_wrist_pitch", f"{side}_forearm", (0, 0, -p.forearm_m),
              p.wrist_kg, small=True),
        _link(p, f"{side}_hand", f"{side}_wrist_roll", f"{side}_wrist", (0, 0, 0), p.hand_kg,
              Box((0.038, 0.03, 0.035)), Pose.of(0.0, 0.0, -0.05), small=True),
    ]  # fmt: skip
    for name, sign in (("finger", 1.0), ("thumb", -1.0)):
        links.append(_finger(p, side, name, sign if side == "left" else -sign))
    return links


def _finger(p: HumanoidParams, side: str, name: str, sign: float) -> LinkSpec:
    """One of two sliding fingers; the outer one is drawn as four fingers, the inner as a thumb."""
    pad = Box((0.03, 0.007, 0.04))
    return LinkSpec(
        name=f"{side}_{name}",
        joint=f"{side}_{name}",
        parent=f"{side}_hand",
        origin_m=(0.0, 0.0, -PALM_M),
        axis=(0.0, sign, 0.0),
        sliding=True,
        lower=0.0,
        upper=FINGER_OPEN_M,
        effort=60.0 * p.torque_share,
        speed=0.2 * p.speed_share,
        mass_kg=p.finger_kg,
        com_m=(0.0, 0.008 * sign, PALM_M - GRIP_M),
        inertia_kg_m2=(2e-4, 2e-4, 2e-4),
        shape=pad,
        link_T_shape=Pose.of(0.0, 0.008 * sign, PALM_M - GRIP_M),
        friction=p.hand_friction,
    )


def _link(
    p: HumanoidParams,
    name: str,
    joint: str,
    parent: str,
    origin: tuple[float, float, float],
    mass_kg: float,
    shape: Shape | None = None,
    place: Pose | None = None,
    *,
    com: tuple[float, float, float] | None = None,
    friction: float | None = None,
    small: bool = False,
) -> LinkSpec:
    drive = _drive(joint or name)
    place = place or Pose.identity()
    centre = tuple(float(v) for v in place.position_m) if com is None else com
    rotor = _SMALL_ROTOR_KG_M2 if small else _ROTOR_KG_M2
    inertia = solid_inertia(shape, mass_kg) if shape is not None else np.zeros(3)
    return LinkSpec(
        name=name,
        joint=joint,
        parent=parent,
        origin_m=tuple(float(v) for v in origin),  # type: ignore[arg-type]  # of length 3
        axis=_AXES[drive.axis],
        lower=drive.lower,
        upper=drive.upper,
        effort=drive.effort * p.torque_share,
        speed=drive.speed * p.speed_share,
        mass_kg=mass_kg,
        com_m=centre,  # type: ignore[arg-type]  # of length 3
        inertia_kg_m2=tuple((inertia + rotor).tolist()),
        shape=shape,
        link_T_shape=place,
        friction=p.body_friction if friction is None else friction,
    )


def _drive(joint: str) -> _Drive:
    if joint == "base":
        return _Drive("z", 0.0, 0.0, 0.0, 0.0)
    side, _, rest = joint.partition("_")
    if side not in SIDES:
        return _DRIVES[joint]
    drive = _DRIVES[rest]
    if side == "left" or drive.axis == "y":
        return drive
    return _Drive(drive.axis, -drive.upper, -drive.lower, drive.effort, drive.speed)


def solid_inertia(shape: Shape, mass_kg: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Diagonal inertia (3,), kg m2, of an even solid about its middle."""
    if isinstance(shape, Box):
        a, b, c = (half * half for half in shape.half_extents_m)
        return mass_kg / 3.0 * np.array([b + c, a + c, a + b])
    if isinstance(shape, Sphere):
        return np.full(3, 0.4 * mass_kg * shape.radius_m**2)
    if isinstance(shape, Capsule):
        # A cylinder with two half balls [Eberly 2003, "Polyhedral mass properties"; textbook sums].
        r, h = shape.radius_m, 2.0 * shape.half_length_m
        cylinder, ball = r * r * h, 4.0 / 3.0 * r**3
        density = mass_kg / (cylinder + ball)
        along = density * (cylinder * r * r / 2.0 + ball * 0.4 * r * r)
        shift = h * h / 4.0 + 3.0 * h * r / 8.0
        across = density * (cylinder * (h * h / 12.0 + r * r / 4.0) + ball * (0.4 * r * r + shift))
        return np.array([across, across, along])
    raise TypeError(f"There is no inertia for {type(shape).__name__}.")
