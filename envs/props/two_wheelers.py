"""Bicycles and motorcycles with who rides them, in the frame of their rectangle (see `fleet`)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import Pose
from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.props.loft import loft, superellipse_sections
from fleetloop.envs.props.people import FIGURE, outfit_of, person_looks, poses_of_joints
from fleetloop.envs.stage import Look
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.shapes import Box, Capsule, Cylinder, Mesh, Shape, Sphere

Floats = npt.NDArray[np.float64]
Color = tuple[float, float, float]

_HEAD, _HAIR = FIGURE - 4, FIGURE - 3
"""Rows of `person_looks`."""

_FOREARMS = (2, 4)
_HELMETS: tuple[Color, ...] = (
    (0.70, 0.70, 0.68), (0.02, 0.02, 0.025), (0.50, 0.04, 0.03), (0.60, 0.50, 0.03),
    (0.03, 0.12, 0.40),
)  # fmt: skip
_JACKETS: tuple[Color, ...] = ((0.02, 0.02, 0.022), (0.07, 0.05, 0.04), (0.30, 0.03, 0.03))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """How somebody sits: x and z of places, m.

    Attributes:
        hip, hand: x, z.
        hand_y: Half the width of the grip.
        feet: x, z of the left and the right one.
        foot_y: Half their distance.
        lean_rad: Of the trunk, forward.
    """

    hip: tuple[float, float]
    hand: tuple[float, float]
    hand_y: float
    feet: tuple[tuple[float, float], tuple[float, float]]
    foot_y: float
    lean_rad: float


def bicycle_looks(length_m: float, color: Color, style: int) -> list[Look]:
    """A bicycle with its rider; every other one wears a helmet.

    Args:
        length_m: From tyre to tyre; 28 inch wheels.
        color: Of the frame.
        style: Number from which clothes follow.
    """
    kind, radius = SemanticClass.BICYCLE, 0.345
    tyre, frame, dark = MATERIALS.get("tyre"), _painted(color), MATERIALS.get("plastic_black")
    metal = _metal()
    reach = 0.5 * length_m - radius
    rear, front = (-reach, radius), (reach, radius)
    crank, saddle, head = (-0.06, 0.29), (-0.24, 0.88), (reach - 0.19, 0.86)
    grip = (reach - 0.25, 1.03)
    looks = []
    for x, _ in (rear, front):
        place = Pose.of(x, 0.0, radius)
        looks.append(_look(ring(radius - 0.02, 0.020), tyre, kind, place))
        looks.append(_look(spokes(radius - 0.03, 0.035, 14), metal, kind, place))
    for start, end, thick in (
        (rear, crank, 0.011), (crank, saddle, 0.017), (crank, head, 0.020),
        ((-0.22, 0.80), head, 0.017), (rear, (-0.21, 0.78), 0.010), (front, head, 0.015),
        (head, grip, 0.014),
    ):  # fmt: skip
        looks.append(_tube(start, end, thick, frame, kind))
    across = Pose.of(roll_rad=np.pi / 2)
    looks += [
        _look(Capsule(0.016, 0.27), dark, kind, Pose.of(grip[0], 0.0, grip[1]) @ across),
        _look(loft(_saddle()), dark, kind, Pose.of(saddle[0], 0.0, saddle[1] + 0.03)),
        _look(Cylinder(0.09, 0.006), metal, kind, Pose.of(crank[0], -0.05, crank[1]) @ across),
        _look(Sphere(0.035), MATERIALS.get("headlamp"), kind,
              Pose.of(head[0] + 0.07, 0.0, head[1] + 0.04)),
        _look(Box((0.015, 0.03, 0.025)), MATERIALS.get("taillamp"), kind,
              Pose.of(-0.36, 0.0, 0.74)),
    ]  # fmt: skip
    pedals = ((crank[0] + 0.06, crank[1] + 0.16), (crank[0] - 0.06, crank[1] - 0.16))
    for (x, z), y in zip(pedals, (0.10, -0.10), strict=True):
        looks.append(_tube(crank, (x, z), 0.010, metal, kind, y=0.65 * y))
        looks.append(_look(Box((0.05, 0.045, 0.012)), dark, kind, Pose.of(x, 1.2 * y, z)))
    feet = tuple((x - 0.04, z + 0.09) for x, z in pedals)
    seat = Seat(
        hip=(saddle[0] + 0.02, saddle[1] + 0.13), hand=(grip[0] - 0.01, grip[1] + 0.03),
        hand_y=0.23, feet=(feet[0], feet[1]), foot_y=0.12, lean_rad=0.42,
    )  # fmt: skip
    return looks + _rider(1.70, style, seat, helmet=style % 2 == 0)


def motorcycle_looks(length_m: float, color: Color, style: int) -> list[Look]:
    """A motorcycle with its rider, in jacket and helmet.

    Args:
        length_m: From tyre to tyre.
        color: Of tank and tail.
        style: Number from which clothes follow.
    """
    kind, radius, fat = SemanticClass.MOTORCYCLE, 0.31, 0.062
    dark, metal, paint = MATERIALS.get("plastic_black"), _metal(), _painted(color)
    reach = 0.5 * length_m - radius
    head, across = (reach - 0.27, 0.90), Pose.of(roll_rad=np.pi / 2)
    looks = []
    for x in (-reach, reach):
        place = Pose.of(x, 0.0, radius)
        looks.append(_look(ring(radius - fat, fat), MATERIALS.get("tyre"), kind, place))
        looks.append(_look(spokes(radius - fat, 0.06, 5, thick_m=0.022), metal, kind, place))
        looks.append(_look(Cylinder(0.13, 0.008), metal, kind,
                           Pose.of(x, 0.075, radius) @ across))  # fmt: skip
    for y in (-0.085, 0.085):
        looks.append(_tube((reach, radius), head, 0.028, metal, kind, y=y))
        looks.append(_tube((-reach, radius), (-0.12, 0.40), 0.028, dark, kind, y=y))
        looks.append(_tube((-reach + 0.12, 0.40), (-reach + 0.30, 0.72), 0.022, metal, kind, y=y))
    looks += [
        _look(loft(_tank(head[0])), paint, kind),
        _look(loft(_bench(-reach)), dark, kind),
        _look(loft(_tail(-reach)), paint, kind),
        _look(Box((0.19, 0.13, 0.12)), dark, kind, Pose.of(0.06, 0.0, 0.38)),
        _look(Cylinder(0.10, 0.19), metal, kind, Pose.of(0.0, 0.0, 0.38) @ across),
        _look(Box((0.09, 0.13, 0.12)), metal, kind, Pose.of(0.16, 0.0, 0.56, pitch_rad=0.3)),
        _look(Capsule(0.05, 0.26), metal, kind,
              Pose.of(-0.50, -0.18, 0.36, pitch_rad=np.pi / 2 - 0.12)),
        _look(Capsule(0.018, 0.33), dark, kind, Pose.of(head[0] - 0.06, 0.0, 1.02) @ across),
        _look(Sphere(0.095), dark, kind, Pose.of(head[0] + 0.10, 0.0, 0.86)),
        _look(Sphere(0.085), MATERIALS.get("headlamp"), kind, Pose.of(head[0] + 0.125, 0.0, 0.86)),
        _look(Box((0.02, 0.08, 0.03)), MATERIALS.get("taillamp"), kind,
              Pose.of(-reach - 0.17, 0.0, 0.83)),
        _look(Box((0.006, 0.10, 0.07)), MATERIALS.get("licence_plate"), kind,
              Pose.of(-reach - 0.22, 0.0, 0.62, pitch_rad=-0.2)),
    ]  # fmt: skip
    for y in (-0.30, 0.30):
        looks.append(_look(Box((0.012, 0.05, 0.035)), dark, kind,
                           Pose.of(head[0] - 0.01, y, 1.15)))  # fmt: skip
    seat = Seat(
        hip=(-0.22, 0.88), hand=(head[0] - 0.07, 1.05), hand_y=0.27,
        feet=((-0.10, 0.33), (-0.10, 0.33)), foot_y=0.19, lean_rad=0.20,
    )  # fmt: skip
    return looks + _rider(1.74, style, seat, helmet=True, leather=True)


def ring(radius_m: float, tube_m: float, *, around: int = 22, across: int = 6) -> Mesh:
    """A tyre that stands: a torus around y.

    Args:
        radius_m: Of its middle line.
        tube_m: Of its cross-section.
        around, across: Corners.
    """
    turn = 2.0 * np.pi * np.arange(around) / around
    roll = 2.0 * np.pi * np.arange(across) / across
    out = np.stack([np.cos(turn), np.zeros(around), np.sin(turn)], axis=1)[:, None]
    side = np.array([0.0, 1.0, 0.0])
    normals = np.cos(roll)[:, None] * out + np.sin(roll)[:, None] * side
    points = radius_m * out + tube_m * normals
    i, j = (rows.ravel() for rows in np.meshgrid(np.arange(around), np.arange(across),
                                                 indexing="ij"))  # fmt: skip
    corner = i * across + j
    on = ((i + 1) % around) * across + j
    beside = i * across + (j + 1) % across
    both = ((i + 1) % around) * across + (j + 1) % across
    triangles = np.concatenate(
        [np.stack([corner, beside, both], 1), np.stack([corner, both, on], 1)]
    )
    return Mesh(
        points.reshape(-1, 3).astype(np.float32),
        triangles.astype(np.int32),
        normals=normals.reshape(-1, 3).astype(np.float32),
    )


def spokes(radius_m: float, hub_m: float, count: int, *, thick_m: float = 0.003) -> Mesh:
    """Spokes of a wheel that stands, and its hub: thin wedges from the hub outwards."""
    parts, faces = [], []
    for k in range(count):
        angle = 2.0 * np.pi * k / count
        along = np.array([np.cos(angle), 0.0, np.sin(angle)])
        beside = np.array([-np.sin(angle), 0.0, np.cos(angle)])
        side = np.array([0.0, 1.0, 0.0])
        inner = [thick_m * beside + hub_m * side, -thick_m * beside + hub_m * side,
                 -thick_m * beside - hub_m * side, thick_m * beside - hub_m * side]  # fmt: skip
        thin = min(0.4 * hub_m, 1.5 * thick_m)
        outer = [radius_m * along + sign * thick_m * beside + low * thin * side
                 for sign, low in ((1, 1), (-1, 1), (-1, -1), (1, -1))]  # fmt: skip
        parts.append(np.array(inner + outer))
        quads = ((0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7), (3, 2, 1, 0), (4, 5, 6, 7))
        faces += [[8 * k + a, 8 * k + b, 8 * k + c] for q in quads
                  for a, b, c in ((q[0], q[2], q[1]), (q[0], q[3], q[2]))]  # fmt: skip
    return Mesh(np.concatenate(parts).astype(np.float32), np.array(faces, np.int32))


def _saddle() -> Floats:
    x, half = np.array([-0.13, -0.10, 0.0, 0.13]), np.array([0.06, 0.075, 0.045, 0.018])
    return superellipse_sections(x, half, np.full(4, -0.03), np.full(4, 0.025), corners=10)


def _tank(head_x: float) -> Floats:
    share = np.array([0.0, 0.08, 0.35, 0.75, 0.95, 1.0])
    half = np.array([0.09, 0.12, 0.15, 0.16, 0.11, 0.06])
    top = np.array([0.80, 0.86, 0.95, 0.98, 0.93, 0.86])
    low = np.array([0.74, 0.70, 0.68, 0.69, 0.72, 0.78])
    return superellipse_sections(-0.08 + share * head_x, half, low, top, exponent=3.0, corners=16)


def _bench(rear_x: float) -> Floats:
    x = np.array([rear_x + 0.05, rear_x + 0.12, -0.25, -0.10, -0.03])
    half, top = np.array([0.06, 0.11, 0.13, 0.10, 0.07]), np.array([0.87, 0.89, 0.81, 0.81, 0.83])
    return superellipse_sections(x, half, top - 0.10, top, exponent=3.0, corners=12)


def _tail(rear_x: float) -> Floats:
    x = np.array([rear_x - 0.17, rear_x - 0.08, rear_x + 0.20, -0.22])
    half, top = np.array([0.05, 0.08, 0.12, 0.12]), np.array([0.87, 0.87, 0.82, 0.76])
    return superellipse_sections(x, half, top - 0.10, top, exponent=3.0, corners=12)


def _rider(
    height_m: float, style: int, seat: Seat, *, helmet: bool, leather: bool = False
) -> list[Look]:
    """Somebody who sits, hands on the handlebar, feet on the pedals or pegs."""
    looks = person_looks(height_m, outfit_of(style))
    unit = height_m / 1.75
    joints = np.zeros((1, 15, 3))
    hip = np.array([seat.hip[0], 0.0, seat.hip[1]])
    up = np.array([np.sin(seat.lean_rad), 0.0, np.cos(seat.lean_rad)])
    joints[0, 2] = hip
    joints[0, 0] = hip + 0.49 * unit * up
    joints[0, 1] = joints[0, 0] + 0.21 * unit * (0.6 * up + np.array([0.0, 0.0, 0.4]))
    for side, first, (x, z) in ((1.0, 3, seat.feet[0]), (-1.0, 9, seat.feet[1])):
        shoulder = joints[0, 0] + np.array([0.0, side * 0.19 * unit, 0.0])
        hand = np.array([seat.hand[0], side * seat.hand_y, seat.hand[1]])
        joints[0, first], joints[0, first + 2] = shoulder, hand
        joints[0, first + 1] = _bent(shoulder, hand, 0.30 * unit, 0.36 * unit, down=True)
        root = hip + np.array([0.0, side * 0.10, 0.0])
        foot = np.array([x, side * seat.foot_y, z])
        joints[0, first + 3], joints[0, first + 5] = root, foot
        joints[0, first + 4] = _bent(root, foot, 0.43 * unit, 0.43 * unit, down=False)
    position, quaternion = poses_of_joints(joints, np.array([unit]))
    dressed = _with_helmet(looks, style, unit, full=leather) if helmet else looks
    if leather:
        jacket = replace(MATERIALS.get("cloth"), color=_JACKETS[style % len(_JACKETS)])
        for row in (0, 1, 3, *_FOREARMS):
            dressed[row] = replace(dressed[row], material=jacket)
    return [
        replace(look, semantic=SemanticClass.RIDER,
                body_T_look=Pose(position[0, row], quaternion[0, row]))
        for row, look in enumerate(dressed)
    ]  # fmt: skip


def _with_helmet(looks: list[Look], style: int, unit: float, *, full: bool) -> list[Look]:
    """A helmet instead of hair; with a dark visor in the place of the face if it is `full`."""
    found = list(looks)
    shell = _painted(_HELMETS[(style // 2) % len(_HELMETS)])
    found[_HAIR] = replace(
        looks[_HAIR], shape=Sphere((0.135 if full else 0.122) * unit), material=shell
    )
    if full:
        visor = MATERIALS.get("glass_dark")
        found[_HEAD] = replace(looks[_HEAD], shape=Sphere(0.125 * unit), material=visor)
    return found


def _bent(root: Floats, tip: Floats, upper_m: float, lower_m: float, *, down: bool) -> Floats:
    """Elbow or knee between two places, in the plane of x and z through them."""
    away = tip - root
    length = min(float(np.linalg.norm(away)), 0.999 * (upper_m + lower_m))
    along = (upper_m**2 - lower_m**2 + length**2) / (2.0 * length)
    out = np.sqrt(max(upper_m**2 - along**2, 0.0))
    unit = away / np.linalg.norm(away)
    aside = np.array([-unit[2], 0.0, unit[0]])
    # Elbows hang, knees point forward.
    sign = -np.sign(aside[2]) if down else np.sign(aside[0])
    return np.asarray(root + along * unit + out * sign * aside)


def _tube(
    start: tuple[float, float], end: tuple[float, float], radius: float, material: Material,
    semantic: SemanticClass, *, y: float = 0.0,
) -> Look:  # fmt: skip
    """A straight tube between two places in a plane of x and z."""
    dx, dz = end[0] - start[0], end[1] - start[1]
    middle = Pose.of(0.5 * (start[0] + end[0]), y, 0.5 * (start[1] + end[1]),
                     pitch_rad=float(np.arctan2(dx, dz)))  # fmt: skip
    return _look(Cylinder(radius, 0.5 * float(np.hypot(dx, dz))), material, semantic, middle)


def _metal() -> Material:
    """Brushed and dull: not as bright as a wheel trim."""
    return replace(MATERIALS.get("metal"), color=(0.13, 0.13, 0.135), specular=0.12)


def _painted(color: Color) -> Material:
    return replace(MATERIALS.get("car_paint"), color=color)


def _look(
    shape: Shape, material: Material, semantic: SemanticClass, place: Pose | None = None
) -> Look:
    return Look(
        shape=shape, material=material, semantic=semantic, body_T_look=place or Pose.identity()
    )
