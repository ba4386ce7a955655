"""How the humanoid looks: light shells, dark joints, a dark face plate; apart from what collides.

Shells are lofts along the bones, joints are balls and drums. Sizes follow the body's numbers, so
that a varied body is drawn as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fleetloop.core.frames import Pose
from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.props.loft import loft, superellipse_sections
from fleetloop.envs.robots.humanoid.links import PALM_M, SIDES
from fleetloop.envs.robots.humanoid.params import HumanoidParams
from fleetloop.envs.stage import Look
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.shapes import Box, Capsule, Cylinder, Mesh, Shape, Sphere

_UPRIGHT = Pose.of(pitch_rad=-0.5 * math.pi)
_ACROSS = Pose.of(roll_rad=0.5 * math.pi)

Row = tuple[float, float, float, float]
"""A section of a shell: height, half width, how far it reaches back and forward."""


def humanoid_looks(params: HumanoidParams) -> dict[str, list[Look]]:
    """Looks of each link that is seen, by link name."""
    p = params
    looks = {"base": _pelvis(p), "waist": _waist(), "torso": _torso(p), "neck": _neck(),
             "head": _head(p)}  # fmt: skip
    for side in SIDES:
        sign = 1.0 if side == "left" else -1.0
        looks |= {f"{side}_{name}": found for name, found in _leg(p).items()}
        looks |= {f"{side}_{name}": found for name, found in _arm(p, sign).items()}
    return looks


def _shell() -> Material:
    return replace(MATERIALS.get("plastic"), color=(0.46, 0.47, 0.49), specular=0.05,
                   roughness=0.28)  # fmt: skip


def _dark() -> Material:
    return replace(MATERIALS.get("plastic_black"), color=(0.022, 0.022, 0.025), roughness=0.38)


def _joint() -> Material:
    return replace(MATERIALS.get("metal"), color=(0.06, 0.06, 0.065), specular=0.15, roughness=0.3)


def _pelvis(p: HumanoidParams) -> list[Look]:
    rows = [
        (-0.075, 0.055, 0.045, 0.050), (-0.05, 0.085, 0.07, 0.075), (0.0, 0.125, 0.09, 0.085),
        (0.05, 0.135, 0.09, 0.085), (0.09, 0.115, 0.08, 0.075), (0.10, 0.10, 0.07, 0.065),
    ]  # fmt: skip
    belt = [
        (0.055, 0.139, 0.094, 0.089),
        (0.062, 0.141, 0.096, 0.091),
        (0.086, 0.122, 0.086, 0.081),
    ]
    hips = [_look(Sphere(0.066), _joint(), Pose.of(0.0, y * p.hip_half_width_m, -0.005))
            for y in (1.06, -1.06)]  # fmt: skip
    return [_column(rows, _shell()), _column(belt, _dark()), *hips]


def _waist() -> list[Look]:
    return [_look(Cylinder(0.072, 0.055), _joint(), Pose.of(0.0, 0.0, 0.0))]


def _torso(p: HumanoidParams) -> list[Look]:
    top, reach = p.shoulder_height_m, p.shoulder_half_width_m
    wide = reach - 0.055
    rows = [
        (0.02, 0.092, 0.075, 0.075), (0.05, 0.105, 0.088, 0.085), (0.13, 0.122, 0.10, 0.098),
        (0.62 * top, 0.148, 0.112, 0.118), (0.82 * top, wide, 0.115, 0.120),
        (0.97 * top, 0.97 * wide, 0.105, 0.105), (1.05 * top, 0.78 * wide, 0.085, 0.080),
        (1.10 * top, 0.45 * wide, 0.062, 0.056), (1.115 * top, 0.28 * wide, 0.05, 0.045),
    ]  # fmt: skip
    belly = [(0.0, 0.088, 0.07, 0.07), (0.03, 0.1, 0.083, 0.08), (0.045, 0.098, 0.08, 0.078)]
    chest = Pose.of(0.112, -0.06, 0.80 * top)
    looks = [_column(rows, _shell(), exponent=2.8), _column(belly, _dark())]
    # A small dark panel on the breast and a pack on the back.
    looks.append(_look(Box((0.009, 0.030, 0.012)), _dark(), chest))
    pack = [(0.30 * top, 0.075, 0.128, 0.0), (0.45 * top, 0.095, 0.135, 0.0),
            (0.80 * top, 0.10, 0.137, 0.0), (0.92 * top, 0.08, 0.125, 0.0)]  # fmt: skip
    looks.append(_column(pack, _dark(), exponent=4.0))
    looks += [
        _look(Capsule(0.052, 0.03), _joint(), Pose.of(0.0, y * (reach - 0.05), top) @ _ACROSS)
        for y in (1.0, -1.0)
    ]
    return looks


def _neck() -> list[Look]:
    return [
        _look(Cylinder(0.047, 0.05), _dark(), Pose.of(0.0, 0.0, 0.0)),
        _look(Sphere(0.05), _joint(), Pose.of(0.0, 0.0, 0.03)),
    ]


def _head(p: HumanoidParams) -> list[Look]:
    r, z = p.head_radius_m, p.head_height_m
    skull = [
        (z - 0.94 * r, 0.036, 0.02, 0.07), (z - 0.80 * r, 0.055, 0.045, 0.088),
        (z - 0.40 * r, 0.071, 0.078, 0.098), (z, 0.077, 0.098, 0.100),
        (z + 0.40 * r, 0.073, 0.096, 0.092), (z + 0.74 * r, 0.056, 0.075, 0.068),
        (z + 0.93 * r, 0.031, 0.042, 0.036), (z + r, 0.008, 0.012, 0.012),
    ]  # fmt: skip
    # The face plate stands a little before the skull and ends where the cheeks turn away.
    face = [
        (z - 0.86 * r, 0.028, -0.03, 0.082), (z - 0.70 * r, 0.047, -0.02, 0.101),
        (z - 0.35 * r, 0.063, -0.015, 0.112), (z + 0.05 * r, 0.069, -0.01, 0.114),
        (z + 0.42 * r, 0.065, -0.01, 0.105), (z + 0.68 * r, 0.048, -0.01, 0.085),
        (z + 0.80 * r, 0.022, -0.01, 0.062),
    ]  # fmt: skip
    ears = [
        _look(Cylinder(0.028, 0.006), _dark(), Pose.of(-0.01, y, z - 0.05 * r) @ _ACROSS)
        for y in (0.076, -0.076)
    ]
    plate = replace(MATERIALS.get("glass_dark"), color=(0.008, 0.008, 0.01))
    return [_column(skull, _shell()), _column(face, plate), *ears]


def _leg(p: HumanoidParams) -> dict[str, list[Look]]:
    t, s = p.thigh_m, p.shank_m
    thigh = [
        (-t + 0.045, 0.040, 0.045, 0.050), (-0.80 * t, 0.049, 0.055, 0.060),
        (-0.50 * t, 0.061, 0.068, 0.074), (-0.25 * t, 0.069, 0.078, 0.078),
        (-0.10 * t, 0.066, 0.076, 0.070), (-0.03, 0.050, 0.055, 0.052),
    ]  # fmt: skip
    shank = [
        (-s + 0.055, 0.032, 0.036, 0.034), (-0.72 * s, 0.039, 0.052, 0.038),
        (-0.42 * s, 0.051, 0.072, 0.046), (-0.22 * s, 0.053, 0.070, 0.050),
        (-0.08 * s, 0.047, 0.052, 0.052), (0.005, 0.036, 0.034, 0.044),
    ]  # fmt: skip
    kneecap = [(-0.055, 0.028, -0.02, 0.060), (0.0, 0.036, -0.02, 0.070),
               (0.05, 0.030, -0.02, 0.062)]  # fmt: skip
    return {
        "thigh": [_column(thigh, _shell())],
        "shank": [
            _look(Cylinder(0.047, 0.047), _joint(), _ACROSS),
            _column(kneecap, _dark()),
            _column(shank, _shell()),
        ],
        "ankle": [_look(Sphere(0.042), _joint(), Pose.of(0.0, 0.0, 0.0))],
        "foot": _foot(p),
    }


def _foot(p: HumanoidParams) -> list[Look]:
    length, width, _ = p.foot_size_m
    heel, toe, half = p.foot_ahead_m - 0.5 * length, p.foot_ahead_m + 0.5 * length, 0.5 * width
    sole = -p.ankle_height_m
    x = np.array([heel, heel + 0.015, heel + 0.08, heel + 0.15, toe - 0.05, toe - 0.012, toe])
    widths = half * np.array([0.50, 0.68, 0.78, 0.92, 1.0, 0.80, 0.50])
    tops = sole + np.array([0.035, 0.058, 0.080, 0.066, 0.045, 0.034, 0.026])
    upper = loft(superellipse_sections(x, widths, np.full(7, sole + 0.018), tops, exponent=2.8))
    base = loft(superellipse_sections(x, 1.02 * widths, np.full(7, sole), np.full(7, sole + 0.022),
                                      exponent=4.0))  # fmt: skip
    return [_look(upper, _shell()), _look(base, _dark())]


def _arm(p: HumanoidParams, sign: float) -> dict[str, list[Look]]:
    u, f = p.upper_arm_m, p.forearm_m
    upper = [
        (-u + 0.035, 0.034, 0.036, 0.036), (-0.70 * u, 0.042, 0.045, 0.045),
        (-0.40 * u, 0.047, 0.052, 0.052), (-0.12 * u, 0.046, 0.050, 0.050),
    ]  # fmt: skip
    fore = [
        (-f + 0.02, 0.026, 0.027, 0.027), (-0.70 * f, 0.033, 0.034, 0.034),
        (-0.35 * f, 0.042, 0.044, 0.042), (-0.12 * f, 0.038, 0.040, 0.038),
    ]  # fmt: skip
    cap = [(-0.055, 0.050, 0.052, 0.052), (0.0, 0.064, 0.066, 0.066), (0.045, 0.054, 0.054, 0.054),
           (0.068, 0.022, 0.024, 0.024)]  # fmt: skip
    return {
        "shoulder": [_look(Sphere(0.05), _joint())],
        "shoulder_roll": [_column(cap, _shell(), y_m=sign * 0.012)],
        "upper_arm": [_look(Sphere(0.042), _joint(), Pose.of(0.0, 0.0, -0.085)),
                      _column(upper, _shell())],
        "elbow": [_look(Cylinder(0.037, 0.04), _joint(), _ACROSS)],
        "forearm": [_column(fore, _shell())],
        "wrist": [_look(Sphere(0.03), _joint())],
        "hand": _palm(),
        "finger": _fingers(sign),
        "thumb": _thumb(-sign),
    }  # fmt: skip


def _palm() -> list[Look]:
    rows = [(-PALM_M - 0.006, 0.017, 0.040, 0.040), (-0.07, 0.026, 0.043, 0.043),
            (-0.03, 0.026, 0.036, 0.036), (-0.012, 0.020, 0.026, 0.026)]  # fmt: skip
    return [_column(rows, _dark())]


def _fingers(sign: float) -> list[Look]:
    """Four fingers side by side, whose inner faces lie where the pad is."""
    looks = []
    places = ((-0.028, 0.036), (-0.0095, 0.044), (0.009, 0.046), (0.027, 0.041))
    for number, (x, reach) in enumerate(places):
        tip = Pose.of(x, sign * 0.009, -reach)
        looks.append(_look(Capsule(0.0085, reach), _dark(), tip))
        knuckle = Pose.of(x, sign * 0.011, -0.004 if number in (1, 2) else -0.002)
        looks.append(_look(Sphere(0.0105), _joint(), knuckle))
    return looks


def _thumb(sign: float) -> list[Look]:
    return [
        _look(Capsule(0.011, 0.030), _dark(), Pose.of(0.008, sign * 0.011, -0.045)),
        _look(Capsule(0.013, 0.015), _joint(), Pose.of(0.006, sign * 0.014, -0.012)),
    ]


def _column(rows: Sequence[Row], material: Material, *, exponent: float = 2.4,
            y_m: float = 0.0) -> Look:  # fmt: skip
    """A closed shell along z through sections, smooth between them."""
    return _look(_column_mesh(tuple(rows), exponent), material, Pose.of(0.0, y_m) @ _UPRIGHT)


def _column_mesh(rows: Sequence[Row], exponent: float) -> Mesh:
    table = np.array(sorted(rows))
    fine = np.linspace(table[0, 0], table[-1, 0], 4 * (len(table) - 1) + 1)
    z, half, back, front = (_smooth(fine, table[:, 0], table[:, k]) for k in range(4))
    # The loft runs along x and is then set upright, which takes its z to -x.
    return loft(superellipse_sections(z, half, -front, back, exponent=exponent, corners=20))


def _smooth(x: np.ndarray[tuple[int], np.dtype[np.float64]],
            knots: np.ndarray[tuple[int], np.dtype[np.float64]],
            values: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:  # fmt: skip
    """Cubic Hermite curve through the knots with slopes of the neighbours' chord."""
    slope = np.gradient(values, knots)
    place = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, len(knots) - 2)
    span = knots[place + 1] - knots[place]
    t = (x - knots[place]) / span
    a, b = values[place], values[place + 1]
    lift = t * t * (3.0 - 2.0 * t)
    bow = t * (1.0 - t) * span
    return np.asarray(a + (b - a) * lift + bow * ((1.0 - t) * slope[place] - t * slope[place + 1]))


def _look(shape: Shape, material: Material, place: Pose | None = None) -> Look:
    return Look(
        shape=shape,
        material=material,
        semantic=SemanticClass.ROBOT,
        body_T_look=place or Pose.identity(),
    )
