"""What stands beside a road: houses, trees, lamps, bins, people. Looks and what they collide as.

Each prop is in its own frame: origin on the ground, x towards the road where it has a front.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from fleetloop.core.frames import Pose
from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.bodies import Part
from fleetloop.envs.stage import Look
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.shapes import Box, Capsule, Cylinder, Mesh, Shape, Sphere

Color = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prop:
    """A thing before it has a place.

    Attributes:
        looks: What sensors see.
        parts: What collides; empty for what nothing can reach.
        key_points_m: Named points (3,) for labels; people have those of COCO.
    """

    looks: tuple[Look, ...]
    parts: tuple[Part, ...]
    key_points_m: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)


def house(width_m: float, depth_m: float, storeys: int, color: Color, roof_color: Color) -> Prop:
    """A house with a gabled roof, its facade towards +x.

    Args:
        width_m: Along y, the street front.
        depth_m: Along x.
        storeys: Floors of 3 m.
        color, roof_color: Linear RGB.
    """
    height = 3.0 * storeys + 0.4
    walls = Box((0.5 * depth_m, 0.5 * width_m, 0.5 * height))
    middle = Pose.of(0.0, 0.0, 0.5 * height)
    plaster = replace(MATERIALS.get("facade"), color=color)
    tiles = replace(MATERIALS.get("roof_tile"), color=roof_color)
    roof = _gable(depth_m + 0.6, width_m + 0.4, 0.28 * depth_m)
    return Prop(
        looks=(
            _look(walls, plaster, SemanticClass.BUILDING, middle),
            _look(roof, tiles, SemanticClass.BUILDING, Pose.of(0.0, 0.0, height)),
        ),
        parts=(Part(shape=walls, body_T_part=middle),),
    )


def tree(height_m: float, rng: np.random.Generator) -> Prop:
    """A broad-leaved tree: trunk, and a crown of overlapping balls."""
    trunk_height, radius = 0.4 * height_m, 0.022 * height_m
    trunk = Cylinder(radius, 0.5 * trunk_height)
    stand = Pose.of(0.0, 0.0, 0.5 * trunk_height)
    looks = [_look(trunk, MATERIALS.get("bark"), SemanticClass.VEGETATION, stand)]
    crown = 0.26 * height_m
    leaf = MATERIALS.get("foliage")
    for _ in range(6):
        around, out = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.0, 0.55) * crown
        up = 0.66 * height_m + rng.uniform(-0.5, 0.7) * crown
        size = crown * rng.uniform(0.55, 0.85)
        tint = np.clip(leaf.color * np.array([1.0, rng.uniform(0.85, 1.2), 1.0]), 0.0, 1.0)
        looks.append(
            _look(
                Sphere(size),
                replace(leaf, color=(float(tint[0]), float(tint[1]), float(tint[2]))),
                SemanticClass.VEGETATION,
                Pose.of(out * np.cos(around), out * np.sin(around), up),
            )
        )
    return Prop(looks=tuple(looks), parts=(Part(shape=trunk, body_T_part=stand),))


def street_lamp(height_m: float = 6.0, reach_m: float = 1.4) -> Prop:
    """A lamp post whose arm reaches over the road (+x)."""
    pole, stand = Cylinder(0.07, 0.5 * height_m), Pose.of(0.0, 0.0, 0.5 * height_m)
    arm = Cylinder(0.04, 0.5 * reach_m)
    head = Box((0.30, 0.12, 0.05))
    metal = MATERIALS.get("metal_painted")
    return Prop(
        looks=(
            _look(pole, metal, SemanticClass.POLE, stand),
            _look(arm, metal, SemanticClass.POLE,
                  Pose.of(0.5 * reach_m, 0.0, height_m, pitch_rad=np.pi / 2)),
            _look(head, MATERIALS.get("lamp"), SemanticClass.POLE,
                  Pose.of(reach_m, 0.0, height_m)),
        ),
        parts=(Part(shape=pole, body_T_part=stand),),
    )  # fmt: skip


def sign(color: Color, height_m: float = 2.2) -> Prop:
    """A round traffic sign facing -x, on a pole."""
    pole, stand = Cylinder(0.03, 0.5 * height_m), Pose.of(0.0, 0.0, 0.5 * height_m)
    face = Cylinder(0.32, 0.012)
    plate = replace(MATERIALS.get("sign_retro"), color=color)
    return Prop(
        looks=(
            _look(pole, MATERIALS.get("metal"), SemanticClass.POLE, stand),
            _look(face, plate, SemanticClass.TRAFFIC_SIGN,
                  Pose.of(-0.05, 0.0, height_m, pitch_rad=np.pi / 2)),
        ),
        parts=(Part(shape=pole, body_T_part=stand),),
    )  # fmt: skip


def bin_(color: Color) -> Prop:
    """A wheeled refuse bin."""
    body, stand = Box((0.30, 0.26, 0.50)), Pose.of(0.0, 0.0, 0.52)
    lid = Box((0.33, 0.29, 0.035))
    plastic = replace(MATERIALS.get("plastic"), color=color)
    dark = MATERIALS.get("plastic_black")
    return Prop(
        looks=(
            _look(body, plastic, SemanticClass.OBSTACLE, stand),
            _look(lid, dark, SemanticClass.OBSTACLE, Pose.of(0.0, 0.0, 1.05)),
        ),
        parts=(Part(shape=body, body_T_part=stand),),
    )


def person(height_m: float, shirt: Color, trousers: Color, stride_rad: float) -> Prop:
    """Someone who walks towards +x.

    Args:
        height_m: Of the whole body.
        shirt, trousers: Linear RGB.
        stride_rad: Swing of the legs; arms swing the other way.
    """
    unit = height_m / 1.75
    cloth = replace(MATERIALS.get("cloth"), color=shirt)
    denim = replace(MATERIALS.get("cloth"), color=trousers)
    skin, hair = MATERIALS.get("skin"), MATERIALS.get("hair")
    person_class = SemanticClass.PERSON
    looks = [
        _look(Capsule(0.155 * unit, 0.17 * unit), cloth, person_class, Pose.of(0, 0, 1.19 * unit)),
        _look(Sphere(0.105 * unit), skin, person_class, Pose.of(0.01 * unit, 0, 1.63 * unit)),
        _look(Sphere(0.110 * unit), hair, person_class, Pose.of(-0.02 * unit, 0, 1.655 * unit)),
    ]
    for side in (-1.0, 1.0):
        swing = side * stride_rad
        looks.append(_limb(0.075, 0.40, side * 0.095, 0.93, swing, denim, unit))
        looks.append(_limb(0.048, 0.27, side * 0.215, 1.42, -0.8 * swing, cloth, unit))
    body, stand = Capsule(0.22 * unit, 0.65 * unit), Pose.of(0.0, 0.0, 0.87 * unit)
    return Prop(
        looks=tuple(looks),
        parts=(Part(shape=body, body_T_part=stand),),
        key_points_m=_person_key_points(unit, stride_rad),
    )


def _person_key_points(unit: float, stride_rad: float) -> dict[str, tuple[float, float, float]]:
    """The seventeen key points of COCO [Lin et al. 2014] on the figure of `person`."""
    points = {"nose": (0.11 * unit, 0.0, 1.62 * unit)}
    for name, side in (("left", 1.0), ("right", -1.0)):
        points[f"{name}_eye"] = (0.10 * unit, side * 0.032 * unit, 1.65 * unit)
        points[f"{name}_ear"] = (0.0, side * 0.105 * unit, 1.63 * unit)
        swing = side * stride_rad
        for joint, y, top, down, turn in (
            ("shoulder", 0.215, 1.42, 0.0, -0.8 * swing),
            ("elbow", 0.215, 1.42, 0.27, -0.8 * swing),
            ("wrist", 0.215, 1.42, 0.50, -0.8 * swing),
            ("hip", 0.095, 0.93, 0.0, swing),
            ("knee", 0.095, 0.93, 0.42, swing),
            ("ankle", 0.095, 0.93, 0.76, swing),
        ):
            # As in `_limb`: it hangs from the joint above and swings about y.
            points[f"{name}_{joint}"] = (
                float(-down * np.sin(turn)) * unit,
                side * y * unit,
                float(top - down * np.cos(turn)) * unit,
            )
    return points


def _limb(
    radius: float, half: float, y: float, top: float, swing: float, material: Material, unit: float
) -> Look:
    """A leg or an arm that hangs from (0, y, top) and swings about y."""
    center = Pose.of(0.0, y * unit, top * unit, pitch_rad=swing) @ Pose.of(0, 0, -half * unit)
    shape = Capsule(radius * unit, (half - radius) * unit)
    return _look(shape, material, SemanticClass.PERSON, center)


def _gable(depth_m: float, width_m: float, rise_m: float) -> Mesh:
    """A roof prism whose ridge runs along y."""
    x, y = 0.5 * depth_m, 0.5 * width_m
    corners = [[-x, -y, 0], [x, -y, 0], [0, -y, rise_m], [-x, y, 0], [x, y, 0], [0, y, rise_m]]
    faces = [
        [0, 1, 2], [3, 5, 4], [1, 4, 5], [1, 5, 2], [0, 2, 5], [0, 5, 3], [0, 3, 4], [0, 4, 1],
    ]  # fmt: skip
    return Mesh(np.array(corners, dtype=np.float32), np.array(faces, dtype=np.int32))


def _look(shape: Shape, material: Material, semantic: SemanticClass, place: Pose) -> Look:
    return Look(shape=shape, material=material, semantic=semantic, body_T_look=place)
