"""Things with names that a hand can take: cups, cans, bottles and boxes in colours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fleetloop.core.frames import FloatArray, Pose
from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.bodies import Part, Substance
from fleetloop.envs.homes.tableware import turned
from fleetloop.envs.stage import Look, Stage, Thing
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.shapes import Box, Cylinder

KINDS = ("cup", "can", "bottle", "box")

COLORS = {
    "red": (0.55, 0.04, 0.03),
    "blue": (0.03, 0.10, 0.50),
    "green": (0.04, 0.30, 0.07),
    "yellow": (0.70, 0.50, 0.03),
    "white": (0.75, 0.74, 0.70),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GroceryKind:
    """Sizes of one kind.

    Attributes:
        half_m: Half lengths of the box around it; of a round thing the first is its radius.
        grip_m: How high above its foot it is taken.
        mass_kg: Smallest and largest mass.
        round: Whether it is round.
    """

    half_m: tuple[float, float, float]
    grip_m: float
    mass_kg: tuple[float, float]
    round: bool = True


SIZES = {
    "cup": GroceryKind(half_m=(0.036, 0.036, 0.048), grip_m=0.062, mass_kg=(0.20, 0.35)),
    "can": GroceryKind(half_m=(0.033, 0.033, 0.050), grip_m=0.062, mass_kg=(0.15, 0.40)),
    "bottle": GroceryKind(half_m=(0.031, 0.031, 0.055), grip_m=0.066, mass_kg=(0.15, 0.40)),
    "box": GroceryKind(half_m=(0.030, 0.028, 0.045), grip_m=0.058, mass_kg=(0.10, 0.30),
                       round=False),
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Grocery:
    """One thing on the stage.

    Attributes:
        thing: It, its frame in its middle.
        kind, color: What a request calls it by.
        size: Its sizes.
        mass_kg: Its mass.
    """

    thing: Thing
    kind: str
    color: str
    size: GroceryKind
    mass_kg: float

    @property
    def name(self) -> str:
        """As a request says it, such as `the blue cup` without its article."""
        return f"{self.color} {self.kind}"

    @property
    def grip_m(self) -> FloatArray:
        """Where it is taken, in its own frame, (3,)."""
        return np.array([0.0, 0.0, self.size.grip_m - self.size.half_m[2]])


def build_grocery(
    stage: Stage, kind: str, color: str, foot: Pose, rng: np.random.Generator
) -> Grocery:
    """Adds a thing that stands where `foot` is."""
    size = SIZES[kind]
    hx, hy, hz = size.half_m
    mass_kg = float(rng.uniform(*size.mass_kg))
    shape = Cylinder(hx, hz) if size.round else Box((hx, hy, hz))
    thing = stage.add(
        f"{color}_{kind}",
        foot @ Pose.of(0.0, 0.0, hz),
        looks=_LOOKS[kind](size, COLORS[color]),
        parts=[Part(shape=shape, body_T_part=Pose.identity())],
        substance=Substance(mass_kg=mass_kg, friction=0.8, linear_damping=0.02,
                            angular_damping=0.05),
    )  # fmt: skip
    return Grocery(thing=thing, kind=kind, color=color, size=size, mass_kg=mass_kg)


def _cup(size: GroceryKind, color: tuple[float, float, float]) -> list[Look]:
    radius, _, half = size.half_m
    glaze = replace(MATERIALS.get("porcelain"), color=color)
    wall = turned([
        (0.72 * radius, -half), (0.92 * radius, -0.6 * half), (radius, half),
        (0.92 * radius, half), (0.84 * radius, -0.5 * half), (0.0005, -0.75 * half),
    ])  # fmt: skip
    dark = replace(MATERIALS.get("plastic"), color=(0.05, 0.025, 0.012))
    drink = Cylinder(0.86 * radius, 0.002)
    return [
        Look(shape=wall, material=glaze, semantic=SemanticClass.DISH),
        Look(shape=drink, material=dark, semantic=SemanticClass.DISH,
             body_T_look=Pose.of(0.0, 0.0, 0.55 * half)),
    ]  # fmt: skip


def _can(size: GroceryKind, color: tuple[float, float, float]) -> list[Look]:
    radius, _, half = size.half_m
    paint = replace(MATERIALS.get("plastic"), color=color)
    steel = MATERIALS.get("metal")
    return [
        _band(radius, 0.86 * half, paint, 0.0),
        _band(0.95 * radius, 0.07 * half, steel, 0.93 * half),
        _band(0.95 * radius, 0.07 * half, steel, -0.93 * half),
    ]


def _bottle(size: GroceryKind, color: tuple[float, float, float]) -> list[Look]:
    radius, _, half = size.half_m
    glass = replace(MATERIALS.get("plastic"), color=color)
    body = turned([
        (0.9 * radius, -half), (radius, -0.94 * half), (radius, 0.35 * half),
        (0.55 * radius, 0.68 * half), (0.42 * radius, 0.74 * half), (0.42 * radius, 0.88 * half),
        (0.0005, 0.88 * half),
    ])  # fmt: skip
    label = replace(MATERIALS.get("cloth"), color=(0.72, 0.70, 0.62))
    return [
        Look(shape=body, material=glass, semantic=SemanticClass.BOTTLE),
        _band(1.01 * radius, 0.28 * half, label, -0.25 * half, SemanticClass.BOTTLE),
        _band(0.48 * radius, 0.06 * half, MATERIALS.get("metal"), 0.94 * half,
              SemanticClass.BOTTLE),
    ]  # fmt: skip


def _box(size: GroceryKind, color: tuple[float, float, float]) -> list[Look]:
    hx, hy, hz = size.half_m
    card = replace(MATERIALS.get("cloth"), color=color)
    strip = replace(MATERIALS.get("cloth"), color=(0.72, 0.70, 0.62))
    return [
        Look(shape=Box((hx, hy, hz)), material=card, semantic=SemanticClass.BOX),
        Look(shape=Box((1.01 * hx, 1.01 * hy, 0.22 * hz)), material=strip,
             semantic=SemanticClass.BOX, body_T_look=Pose.of(0.0, 0.0, 0.35 * hz)),
    ]  # fmt: skip


def _band(
    radius: float, half: float, material: Material, z: float,
    semantic: SemanticClass = SemanticClass.BOX,
) -> Look:  # fmt: skip
    return Look(shape=Cylinder(radius, half), material=material, semantic=semantic,
                body_T_look=Pose.of(0.0, 0.0, z))  # fmt: skip


_LOOKS = {"cup": _cup, "can": _can, "bottle": _bottle, "box": _box}
