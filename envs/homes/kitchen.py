"""A kitchen's counter with sink, cupboards and fridge; a front door; a shopping bag."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from fleetloop.core.frames import FloatArray, Pose
from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.bodies import Part, Substance
from fleetloop.envs.stage import Look, Stage, Thing
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.shapes import Box, Capsule, Cylinder

COUNTER_M = (0.6, 2.4, 0.9)
"""Depth, length and height of the counter with its fridge."""

BAG_HALF_M = (0.15, 0.075, 0.17)
BAG_GRIP_M = np.array([0.0, 0.0, 0.30])
"""Where a bag is held, above its middle."""

_FRIDGE_M = 0.6


def build_counter(stage: Stage, place: Pose, rng: np.random.Generator) -> FloatArray:
    """Adds a counter whose back is at `place`, x pointing away from the wall.

    Returns:
        It as an obstacle row: x, y, half x, half y, yaw.
    """
    depth, length, height = COUNTER_M
    red, green, blue = rng.uniform(0.35, 0.65, 3).tolist()
    white = replace(MATERIALS.get("plastic"), color=(red, green, blue))
    stone = replace(MATERIALS.get("tile"), color=(0.16, 0.16, 0.17), roughness=0.2)
    steel = MATERIALS.get("metal")
    work = length - _FRIDGE_M
    middle = 0.5 * depth
    fridge = -0.5 * length + 0.5 * _FRIDGE_M
    bench = fridge + 0.5 * length
    looks = [
        _look(Box((0.5 * depth - 0.01, 0.5 * work, 0.5 * height - 0.06)), white,
              SemanticClass.CABINET, middle - 0.01, bench, 0.5 * height + 0.02),
        _look(Box((0.5 * depth, 0.5 * work, 0.02)), stone, SemanticClass.COUNTER, middle, bench,
              height - 0.02),
        _look(Box((0.16, 0.24, 0.004)), steel, SemanticClass.COUNTER, middle, bench,
              height + 0.001),
        _look(Capsule(0.012, 0.10), steel, SemanticClass.COUNTER, 0.10, bench, height + 0.10),
        _look(Box((0.17, 0.5 * work, 0.30)), white, SemanticClass.CABINET, 0.17, bench, 1.75),
        _look(Box((0.5 * depth, 0.5 * _FRIDGE_M - 0.01, 0.92)), steel, SemanticClass.APPLIANCE,
              middle, fridge, 0.93),
        _look(Capsule(0.012, 0.25), MATERIALS.get("plastic_black"), SemanticClass.APPLIANCE,
              depth + 0.02, fridge + 0.2, 1.1),
    ]  # fmt: skip
    for k in range(3):
        y = bench + (k - 1) * work / 3.0
        looks.append(_look(Box((0.008, 0.5 * work / 3.0 - 0.008, 0.5 * height - 0.09)), white,
                           SemanticClass.CABINET, depth - 0.012, y, 0.5 * height))  # fmt: skip
        looks.append(_look(Box((0.012, 0.08, 0.006)), steel, SemanticClass.CABINET, depth + 0.006,
                           y, height - 0.16))  # fmt: skip
    solid = Part(shape=Box((0.5 * depth, 0.5 * length, 0.5 * height)),
                 body_T_part=Pose.of(middle, 0.0, 0.5 * height))  # fmt: skip
    stage.add("kitchen", place, looks=looks, parts=[solid])
    centre = place.transform_points(np.array([middle, 0.0, 0.0]))
    yaw = float(place.yaw_rad)
    return np.array([centre[0], centre[1], 0.5 * depth, 0.5 * length, yaw])


def build_door(stage: Stage, place: Pose) -> Thing:
    """Adds a closed front door in a wall; `place` is on the floor, x pointing into the room."""
    leaf = replace(MATERIALS.get("wood"), color=(0.20, 0.09, 0.045))
    frame = replace(MATERIALS.get("wood"), color=(0.55, 0.50, 0.44))
    looks = [
        _look(Box((0.02, 0.44, 1.0)), leaf, SemanticClass.DOOR, 0.0, 0.0, 1.0),
        _look(Box((0.03, 0.04, 1.04)), frame, SemanticClass.DOOR, 0.0, 0.48, 1.04),
        _look(Box((0.03, 0.04, 1.04)), frame, SemanticClass.DOOR, 0.0, -0.48, 1.04),
        _look(Box((0.03, 0.52, 0.04)), frame, SemanticClass.DOOR, 0.0, 0.0, 2.06),
        _look(Cylinder(0.02, 0.03), MATERIALS.get("metal"), SemanticClass.DOOR, 0.045, 0.36, 1.02,
              pitch_rad=0.5 * math.pi),
    ]  # fmt: skip
    return stage.add("front_door", place, looks=looks)


def build_bag(
    stage: Stage, name: str, place: Pose, mass_kg: float, rng: np.random.Generator
) -> Thing:
    """Adds a shopping bag with something in it and two handles that meet at its grip."""
    hx, hy, hz = BAG_HALF_M
    papers = ((0.42, 0.27, 0.14), (0.08, 0.25, 0.12), (0.45, 0.08, 0.06))
    paper = replace(MATERIALS.get("cloth"), color=papers[int(rng.integers(3))])
    looks = [_look(Box((hx, hy, hz)), paper, SemanticClass.BAG, 0.0, 0.0, 0.0)]
    rise = float(BAG_GRIP_M[2]) - hz
    for side in (1.0, -1.0):
        reach, tilt = 0.5 * math.hypot(0.07, rise), math.atan2(0.07, rise)
        looks.append(Look(
            shape=Capsule(0.007, reach), material=paper, semantic=SemanticClass.BAG,
            body_T_look=Pose.of(side * 0.035, 0.0, hz + 0.5 * rise, pitch_rad=-side * tilt),
        ))  # fmt: skip
    for number in range(3):
        x, y = float(rng.uniform(-0.09, 0.09)), float(rng.uniform(-0.03, 0.03))
        red, green, blue = rng.uniform(0.05, 0.6, 3).tolist()
        thing = replace(MATERIALS.get("plastic"), color=(red, green, blue))
        tall = 0.02 + 0.015 * number
        looks.append(_look(Cylinder(0.03, tall), thing, SemanticClass.BOTTLE, x, y, hz + tall))
    inertia = mass_kg / 3.0 * np.array([hy * hy + hz * hz, hx * hx + hz * hz, hx * hx + hy * hy])
    part = Part(shape=Box((hx, hy, hz)), body_T_part=Pose.identity())
    substance = Substance(
        mass_kg=mass_kg, inertia_kg_m2=tuple(inertia.tolist()), friction=0.4,
        linear_damping=0.02, angular_damping=0.3,
    )  # fmt: skip
    return stage.add(name, place, looks=looks, parts=[part], substance=substance)


def _look(
    shape: Box | Capsule | Cylinder, material: Material, semantic: SemanticClass,
    x: float, y: float, z: float, *, pitch_rad: float = 0.0,
) -> Look:  # fmt: skip
    return Look(
        shape=shape,
        material=material,
        semantic=semantic,
        body_T_look=Pose.of(x, y, z, pitch_rad=pitch_rad),
    )
