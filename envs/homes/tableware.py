"""Plates, sponges and a table to put them on: how they look, collide and weigh."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fleetloop.core.frames import FloatArray, Pose
from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.bodies import Part, Substance
from fleetloop.envs.props.loft import loft
from fleetloop.envs.stage import Look, Stage, Thing
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.shapes import Box, Cylinder, Mesh, Sphere

PLATE_THICK_M = 0.012
"""What a plate collides as: a disc of this thickness."""

SPONGE_HALF_M = (0.045, 0.030, 0.030)
SPONGE_GRIP_M = np.array([0.0, 0.0, 0.035])
"""Point of a sponge that is held: above its middle, so that fingers end above its lower face."""

# A kitchen sponge is pressed flat by some 20 N over its area [own trial: 6 mm at 10 N].
_SPONGE_STIFFNESS_N_M = 2000.0
_SPONGE_DAMPING_N_S_M = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table or counter: a solid top on legs that feet pass between.

    Attributes:
        half_m: Half lengths of the top.
        height_m: Of its upper face.
        top_m: Thickness of the top.
    """

    half_m: tuple[float, float]
    height_m: float
    top_m: float = 0.04


def turned(profile_m: Sequence[tuple[float, float]], corners: int = 40) -> Mesh:
    """A body of revolution about z.

    Args:
        profile_m: Radii and heights of circles, from the bottom's middle outwards and up.
        corners: Points of each circle.
    """
    angle = np.linspace(0.0, 2.0 * math.pi, corners, endpoint=False)
    rows = np.array(profile_m)
    ring = np.stack([np.zeros(corners), np.cos(angle), np.sin(angle)], axis=1)
    sections = rows[:, :1, None] * ring[None]
    sections[:, :, 0] = rows[:, 1:]
    mesh = loft(sections)
    # The loft runs along x; x to z, y to x, z to y keeps the sense of turning.
    assert mesh.normals is not None
    return Mesh(mesh.vertices_m[:, [1, 2, 0]], mesh.triangles, normals=mesh.normals[:, [1, 2, 0]])


def build_table(
    stage: Stage, name: str, place: Pose, table: Table, rng: np.random.Generator
) -> Thing:
    """Adds a table that stands where `place` has the middle of its foot print."""
    hx, hy = table.half_m
    wood = replace(MATERIALS.get("wood"), color=tuple(rng.uniform(0.18, 0.42) * np.array(
        [1.0, 0.62, 0.33])))  # fmt: skip
    top = Box((hx, hy, 0.5 * table.top_m))
    middle = Pose.of(0.0, 0.0, table.height_m - 0.5 * table.top_m)
    leg = 0.5 * (table.height_m - table.top_m)
    looks = [Look(shape=top, material=wood, semantic=SemanticClass.TABLE, body_T_look=middle)]
    looks += [
        Look(shape=Box((0.03, 0.03, leg)), material=wood, semantic=SemanticClass.TABLE,
             body_T_look=Pose.of(sx * (hx - 0.06), sy * (hy - 0.06), leg))
        for sx in (1, -1) for sy in (1, -1)
    ]  # fmt: skip
    return stage.add(
        name, place, looks=looks, parts=[Part(shape=top, body_T_part=middle)],
        substance=Substance(friction=0.8),
    )  # fmt: skip


def build_plate(stage: Stage, name: str, place: Pose, radius_m: float, mass_kg: float) -> Thing:
    """Adds a porcelain plate, which may be moved; `place` is the middle of its foot.

    What may be wiped is the flat within `flat_radius_m`.
    """
    flat = flat_radius_m(radius_m)
    thick = PLATE_THICK_M
    mesh = turned([
        (0.55 * radius_m, 0.0), (0.60 * radius_m, 0.003), (0.97 * radius_m, 0.0125),
        (radius_m, 0.0165), (0.985 * radius_m, 0.0185), (flat + 0.012, thick + 0.002),
        (flat + 0.004, thick + 0.0003), (flat, thick),
    ])  # fmt: skip
    look = Look(
        shape=mesh,
        material=MATERIALS.get("porcelain"),
        semantic=SemanticClass.DISH,
        body_T_look=Pose.of(0.0, 0.0, -0.5 * thick),
    )
    disc = Part(shape=Cylinder(flat + 0.01, 0.5 * thick), body_T_part=Pose.identity())
    return stage.add(
        name, place @ Pose.of(0.0, 0.0, 0.5 * thick), looks=[look], parts=[disc],
        substance=Substance(mass_kg=mass_kg, friction=0.7),
    )  # fmt: skip


def flat_radius_m(radius_m: float) -> float:
    """Radius of the flat part of a plate."""
    return radius_m - 0.03


def build_sponge(stage: Stage, name: str, place: Pose, color: tuple[float, float, float]) -> Thing:
    """Adds a sponge that gives way under pressure."""
    hx, hy, hz = SPONGE_HALF_M
    foam = replace(MATERIALS.get("cloth"), color=color)
    pad = replace(MATERIALS.get("cloth"), color=(0.03, 0.12, 0.05))
    looks = [
        Look(shape=Box((hx, hy, hz - 0.006)), material=foam, semantic=SemanticClass.BOX,
             body_T_look=Pose.of(0.0, 0.0, 0.006)),
        Look(shape=Box((hx, hy, 0.006)), material=pad, semantic=SemanticClass.BOX,
             body_T_look=Pose.of(0.0, 0.0, 0.006 - hz)),
    ]  # fmt: skip
    substance = Substance(
        mass_kg=0.03,
        friction=0.35,
        stiffness_n_m=_SPONGE_STIFFNESS_N_M,
        damping_n_s_m=_SPONGE_DAMPING_N_S_M,
    )
    # A ball touches in one point: as a box, one to four springs would come and go as it tilts.
    part = Part(shape=Sphere(SPONGE_HALF_M[2]), body_T_part=Pose.identity())
    return stage.add(name, place, looks=looks, parts=[part], substance=substance)


def spots(radius_m: float, pitch_m: float, rng: np.random.Generator) -> FloatArray:
    """Places and sizes of dirt on a disc: x, y, radius, (n, 3), about `pitch_m` apart."""
    count = int(radius_m / pitch_m) + 1
    at = pitch_m * np.arange(-count, count + 1)
    x, y = (grid.ravel() for grid in np.meshgrid(at, at, indexing="ij"))
    x = x + rng.uniform(-0.25, 0.25, len(x)) * pitch_m
    y = y + rng.uniform(-0.25, 0.25, len(y)) * pitch_m
    size = rng.uniform(0.28, 0.55, len(x)) * pitch_m
    inside = np.hypot(x, y) + size < radius_m
    return np.asarray(np.stack([x, y, size], axis=1)[inside])
