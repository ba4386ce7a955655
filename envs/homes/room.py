"""One seeded room: floor, walls with a window, and furniture that leaves ways between.

Pieces stand on a floor free of one another by `gap_m`, so that a robot of less width can pass
between any two, and the room is always connected.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray, Pose
from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.bodies import Part, Substance
from fleetloop.envs.stage import FlatGround, Look, Stage
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.shapes import Box, Cylinder, Plane, Shape

GROUND = "ground"
_TRIES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomConfig:
    """A room.

    Attributes:
        size_m: Smallest and largest length of a side.
        furniture: How many pieces are tried for; a full room takes fewer.
        gap_m: Free floor between pieces, and between them and the places of start and goal.
        friction: Bounds of the floor's friction.
        wall_height_m: Of the walls; there is no ceiling, the sky lights the room.
    """

    size_m: tuple[float, float] = (6.0, 8.0)
    furniture: int = 5
    gap_m: float = 1.1
    friction: tuple[float, float] = (0.8, 1.1)
    wall_height_m: float = 2.5

    def __post_init__(self) -> None:
        if not 3.0 <= self.size_m[0] <= self.size_m[1] <= 30.0:
            raise ConfigError(f"size_m of a room is {self.size_m}: use 3 to 30 m, in order.")
        if not 0 <= self.furniture <= 40:
            raise ConfigError(f"furniture of a room is {self.furniture}: use 0 to 40.")
        if not 0.6 <= self.gap_m <= 3.0:
            raise ConfigError(f"gap_m of a room is {self.gap_m}: use 0.6 to 3 m.")
        if not 0.0 < self.friction[0] <= self.friction[1]:
            raise ConfigError(f"friction of a room is {self.friction}: use 0 < low <= high.")


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """What was built.

    Attributes:
        half_m: Half lengths along x and y; the room's middle is the world's origin.
        obstacles: Upright boxes in the way: x, y, half x, half y, yaw, (n, 5).
    """

    half_m: tuple[float, float]
    obstacles: FloatArray


def build_floor(stage: Stage, friction: float, floor: str = "wood") -> None:
    """Lays a level floor without end.

    Args:
        stage: An empty stage.
        friction: Of the floor.
        floor: Its material.
    """
    stage.add(
        GROUND,
        Pose.identity(),
        looks=[_look(Plane(), MATERIALS.get(floor), SemanticClass.FLOOR)],
        parts=[Part(shape=Plane(), body_T_part=Pose.identity())],
        substance=Substance(friction=friction),
    )
    stage.ground = FlatGround(friction=friction)


def build_room(
    stage: Stage,
    config: RoomConfig,
    rng: np.random.Generator,
    draws: dict[str, Any],
    keep_free_m: FloatArray,
    half_m: tuple[float, float],
) -> Room:
    """Builds floor, walls and furniture.

    Args:
        stage: An empty stage.
        config: The room.
        rng: Draws it.
        draws: Gets what was drawn.
        keep_free_m: Places (n, 2) that stay free.
        half_m: Half lengths of the sides.
    """
    friction = float(rng.uniform(*config.friction))
    build_floor(stage, friction)
    _walls(stage, half_m, config.wall_height_m, rng)
    pieces: list[tuple[float, float, float, float, float]] = []
    kinds: list[str] = []
    for number in range(config.furniture):
        kind = ("table", "shelf", "sofa", "plant")[int(rng.integers(4))]
        half_x, half_y = _FOOTPRINTS[kind] * rng.uniform(0.9, 1.1, 2)
        placed = _place(pieces, keep_free_m, half_m, (half_x, half_y), config.gap_m, rng)
        if placed is None:
            continue
        pieces.append((*placed[:2], half_x, half_y, placed[2]))
        kinds.append(kind)
        _furnish(stage, f"{kind}_{number}", kind, pieces[-1], rng)
    draws |= {
        "floor_friction": friction,
        "room_half_m": list(half_m),
        "furniture": [{"kind": kind, "x_y_hx_hy_yaw": [round(v, 4) for v in piece]}
                      for kind, piece in zip(kinds, pieces, strict=True)],
    }  # fmt: skip
    return Room(half_m, np.array(pieces).reshape(-1, 5))


_FOOTPRINTS = {
    "table": np.array([0.70, 0.42]),
    "shelf": np.array([0.55, 0.20]),
    "sofa": np.array([0.90, 0.42]),
    "plant": np.array([0.20, 0.20]),
}


def _place(
    pieces: list[tuple[float, float, float, float, float]],
    keep_free_m: FloatArray,
    half_m: tuple[float, float],
    size: tuple[float, float],
    gap_m: float,
    rng: np.random.Generator,
) -> tuple[float, float, float] | None:
    """A free place, by circles about the pieces; None if none was found."""
    radius = math.hypot(*size)
    for _ in range(_TRIES):
        x = float(rng.uniform(-1.0, 1.0) * (half_m[0] - radius))
        y = float(rng.uniform(-1.0, 1.0) * (half_m[1] - radius))
        yaw = float(rng.integers(4)) * 0.5 * math.pi
        near = np.hypot(keep_free_m[:, 0] - x, keep_free_m[:, 1] - y)
        if (near < radius + 0.6 * gap_m).any():
            continue
        if any(math.hypot(px - x, py - y) < radius + math.hypot(hx, hy) + gap_m
               for px, py, hx, hy, _ in pieces):  # fmt: skip
            continue
        return x, y, yaw
    return None


def _walls(
    stage: Stage, half_m: tuple[float, float], height_m: float, rng: np.random.Generator
) -> None:
    paint = replace(MATERIALS.get("wall_paint"), color=tuple(rng.uniform(0.45, 0.72, 3).tolist()))
    skirting = MATERIALS.get("wood")
    thick = 0.1
    for name, x, y, yaw in (
        ("wall_east", half_m[0], 0.0, 0.0), ("wall_west", -half_m[0], 0.0, math.pi),
        ("wall_north", 0.0, half_m[1], 0.5 * math.pi),
        ("wall_south", 0.0, -half_m[1], -0.5 * math.pi),
    ):  # fmt: skip
        along = half_m[1] if x else half_m[0]
        box = Box((0.5 * thick, along + thick, 0.5 * height_m))
        place = Pose.of(x, y, 0.0, yaw_rad=yaw)
        middle = Pose.of(0.5 * thick, 0.0, 0.5 * height_m)
        board = Box((0.012, along, 0.05))
        window = Box((0.02, 0.6, 0.5))
        looks = [
            _look(box, paint, SemanticClass.WALL, middle),
            _look(board, skirting, SemanticClass.WALL, Pose.of(-0.012, 0.0, 0.05)),
        ]
        if name in ("wall_east", "wall_north"):
            at = Pose.of(0.0, float(rng.uniform(-0.5, 0.5) * along), 1.5)
            looks.append(_look(window, MATERIALS.get("glass_dark"), SemanticClass.WINDOW, at))
        part = Part(shape=box, body_T_part=middle)
        stage.add(name, place, looks=looks, parts=[part])


def _furnish(
    stage: Stage,
    name: str,
    kind: str,
    piece: tuple[float, float, float, float, float],
    rng: np.random.Generator,
) -> None:
    x, y, half_x, half_y, yaw = piece
    build = {"table": _table, "shelf": _shelf, "sofa": _sofa, "plant": _plant}[kind]
    looks = build(half_x, half_y, rng)
    height = {"table": 0.75, "shelf": 1.5, "sofa": 0.75, "plant": 1.1}[kind]
    # One box a piece: a robot must not step under a table.
    solid = Box((half_x, half_y, 0.5 * height))
    part = Part(shape=solid, body_T_part=Pose.of(0.0, 0.0, 0.5 * height))
    stage.add(name, Pose.of(x, y, yaw_rad=yaw), looks=looks, parts=[part])


def _table(half_x: float, half_y: float, rng: np.random.Generator) -> list[Look]:
    wood = MATERIALS.get("wood")
    top = _look(Box((half_x, half_y, 0.02)), wood, SemanticClass.TABLE, Pose.of(0, 0, 0.73))
    legs = [
        _look(Box((0.03, 0.03, 0.355)), wood, SemanticClass.TABLE,
              Pose.of(sx * (half_x - 0.06), sy * (half_y - 0.06), 0.355))
        for sx in (1, -1) for sy in (1, -1)
    ]  # fmt: skip
    return [top, *legs]


def _shelf(half_x: float, half_y: float, rng: np.random.Generator) -> list[Look]:
    wood = replace(MATERIALS.get("wood"), color=(0.45, 0.36, 0.26))
    boards = [
        _look(Box((half_x, half_y, 0.012)), wood, SemanticClass.CABINET, Pose.of(0, 0, z))
        for z in (0.06, 0.42, 0.78, 1.14, 1.49)
    ]
    sides = [
        _look(Box((0.012, half_y, 0.75)), wood, SemanticClass.CABINET,
              Pose.of(s * (half_x - 0.012), 0, 0.75)) for s in (1, -1)
    ]  # fmt: skip
    books = []
    for z in (0.06, 0.42, 0.78, 1.14):
        at = -half_x + 0.05
        while at < half_x - 0.15:
            wide, tall = rng.uniform(0.015, 0.035), rng.uniform(0.10, 0.14)
            color = tuple(rng.uniform(0.03, 0.5, 3).tolist())
            cover = replace(MATERIALS.get("plastic"), color=color)
            place = Pose.of(at + wide, 0.0, z + 0.012 + tall)
            books.append(_look(Box((wide, 0.7 * half_y, tall)), cover, SemanticClass.BOX, place))
            at += 2.0 * wide + rng.uniform(0.001, 0.12)
    return [*boards, *sides, *books]


def _sofa(half_x: float, half_y: float, rng: np.random.Generator) -> list[Look]:
    cloth = replace(MATERIALS.get("cloth"), color=tuple(rng.uniform(0.08, 0.4, 3).tolist()))
    seat = _look(Box((half_x, half_y, 0.21)), cloth, SemanticClass.SOFA, Pose.of(0, 0, 0.21))
    back = _look(Box((half_x, 0.10, 0.37)), cloth, SemanticClass.SOFA,
                 Pose.of(0, half_y - 0.10, 0.38))  # fmt: skip
    arms = [
        _look(Box((0.09, half_y, 0.29)), cloth, SemanticClass.SOFA,
              Pose.of(s * (half_x - 0.09), 0, 0.30)) for s in (1, -1)
    ]  # fmt: skip
    return [seat, back, *arms]


def _plant(half_x: float, half_y: float, rng: np.random.Generator) -> list[Look]:
    pot = _look(Cylinder(0.8 * half_x, 0.16), MATERIALS.get("roof_tile"), SemanticClass.PLANT,
                Pose.of(0, 0, 0.16))  # fmt: skip
    leaves = []
    for _ in range(9):
        tilt, turn = rng.uniform(0.1, 0.5), rng.uniform(0.0, 2.0 * math.pi)
        place = Pose.of(0, 0, 0.34, yaw_rad=turn) @ Pose.of(pitch_rad=tilt) @ Pose.of(0, 0, 0.34)
        leaves.append(_look(Box((0.035, 0.006, 0.34)), MATERIALS.get("foliage"),
                            SemanticClass.PLANT, place))  # fmt: skip
    return [pot, *leaves]


def _look(
    shape: Shape, material: Material, semantic: SemanticClass, at: Pose | None = None
) -> Look:
    return Look(
        shape=shape, material=material, semantic=semantic, body_T_look=at or Pose.identity()
    )
