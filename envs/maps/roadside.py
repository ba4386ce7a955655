"""Builds the world around a track: ground, asphalt, kerbs, pavements, and what stands beside.

The ground is flat. Everything random follows from the generator that is handed in, and each draw
that shapes what sensors see is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fleetloop.core.checks import check_not_negative
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.bodies import Part, Substance
from fleetloop.envs.maps.track import Track, ribbon
from fleetloop.envs.props import street
from fleetloop.envs.props.vehicle import CarShape, standing_car_looks
from fleetloop.envs.stage import FlatGround, Look, Stage
from fleetloop.envs.trace.material import Color
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.shapes import Box, Mesh, Plane

KERB_HEIGHT_M = 0.12
PAVEMENT_M = 2.2

CAR_COLORS = (
    (0.62, 0.62, 0.62), (0.02, 0.02, 0.022), (0.72, 0.02, 0.02), (0.03, 0.08, 0.28),
    (0.75, 0.75, 0.73), (0.10, 0.11, 0.12), (0.28, 0.24, 0.18), (0.04, 0.16, 0.09),
)  # fmt: skip
HOUSE_COLORS = (
    (0.68, 0.60, 0.46), (0.55, 0.22, 0.14), (0.72, 0.70, 0.65), (0.40, 0.44, 0.48),
    (0.70, 0.52, 0.28), (0.50, 0.56, 0.44), (0.62, 0.40, 0.32),
)  # fmt: skip
ROOF_COLORS = ((0.24, 0.07, 0.04), (0.07, 0.07, 0.08), (0.16, 0.10, 0.07))
CLOTH_COLORS = (
    (0.03, 0.03, 0.04), (0.55, 0.05, 0.04), (0.05, 0.12, 0.40), (0.60, 0.55, 0.20),
    (0.10, 0.30, 0.12), (0.55, 0.55, 0.56), (0.30, 0.10, 0.35), (0.02, 0.04, 0.10),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadsideConfig:
    """How much stands beside the road.

    Attributes:
        house_spacing_m: Street front of a house and its garden, on average; 0 for none.
        tree_spacing_m, lamp_spacing_m: Along each side; 0 for none.
        parked_share: Part of the kerb's length with parked cars, 0 to 1.
        people: How many stand and walk on the pavements.
        friction: Of the road, dry asphalt 0.9 to 1.1.
    """

    house_spacing_m: float = 17.0
    tree_spacing_m: float = 13.0
    lamp_spacing_m: float = 30.0
    parked_share: float = 0.3
    people: int = 12
    friction: float = 1.0

    def __post_init__(self) -> None:
        check_not_negative(
            self,
            "the roadside",
            "house_spacing_m",
            "tree_spacing_m",
            "lamp_spacing_m",
            "friction",
            infinite=True,
        )
        if not 0.0 <= self.parked_share <= 1.0:
            raise ConfigError(f"parked_share is {self.parked_share}: use 0 to 1.")
        if self.people < 0:
            raise ConfigError(f"people is {self.people}: use 0 or more.")


def build_roadside(
    stage: Stage,
    track: Track,
    config: RoadsideConfig,
    rng: np.random.Generator,
    draws: dict[str, Any],
) -> None:
    """Fills an empty stage.

    Args:
        stage: Gets ground, road and props.
        track: The loop.
        config: How much of everything.
        rng: Draws places, sizes and colours.
        draws: Gets what was drawn, as plain values.
    """
    stage.ground = FlatGround(friction=config.friction)
    _add_ground(stage, track, config)
    houses = _add_houses(stage, track, config, rng)
    trees = _add_row(stage, track, config.tree_spacing_m, 1.4, rng, "tree",
                     lambda: street.tree(float(rng.uniform(5.0, 8.5)), rng))  # fmt: skip
    lamps = _add_row(stage, track, config.lamp_spacing_m, 0.5, rng, "lamp", street.street_lamp)
    cars = _add_parked_cars(stage, track, config, rng)
    people = _add_people(stage, track, config, rng)
    draws["roadside"] = {
        "houses": houses, "trees": trees, "lamps": lamps, "parked": cars, "people": people,
        "friction": config.friction,
    }  # fmt: skip


def _add_ground(stage: Stage, track: Track, config: RoadsideConfig) -> None:
    grass = Look(shape=Plane(), material=MATERIALS.get("grass"), semantic=SemanticClass.TERRAIN)
    stage.add(
        "ground",
        Pose.identity(),
        looks=[_lowered(grass)],
        parts=[Part(shape=Plane(), body_T_part=Pose.identity())],
        substance=Substance(friction=config.friction),
    )
    half = track.config.half_width_m
    looks = [_strip(track, half, -half, 0.0, "road_two_lanes", SemanticClass.ROAD)]
    for side in (1.0, -1.0):
        inner, middle, outer = side * half, side * (half + 0.15), side * (half + PAVEMENT_M)
        looks.append(_kerb_face(track, inner, side))
        looks.append(_strip_between(track, inner, middle, "kerb", SemanticClass.KERB))
        looks.append(_strip_between(track, middle, outer, "paving", SemanticClass.SIDEWALK))
    stage.add("road", Pose.identity(), looks=looks)


def _lowered(look: Look) -> Look:
    # The meadow lies a little below the asphalt, so that the two never share a depth.
    return Look(
        shape=look.shape, material=look.material, semantic=look.semantic,
        body_T_look=Pose.of(0.0, 0.0, -0.02),
    )  # fmt: skip


def _strip_between(
    track: Track, one_t_m: float, other_t_m: float, material: str, semantic: SemanticClass
) -> Look:
    left, right = max(one_t_m, other_t_m), min(one_t_m, other_t_m)
    return _strip(track, left, right, KERB_HEIGHT_M, material, semantic)


def _strip(
    track: Track, left_m: float, right_m: float, z_m: float, material: str, semantic: SemanticClass
) -> Look:
    vertices, triangles, road = ribbon(track, left_m, right_m, z_m)
    mesh = Mesh(vertices.astype(np.float32), triangles, uv=road.astype(np.float32))
    return Look(shape=mesh, material=MATERIALS.get(material), semantic=semantic)


def _kerb_face(track: Track, t_m: float, side: float) -> Look:
    """The upright side of a kerb, facing the road."""
    vertices, triangles, road = ribbon(track, t_m, t_m, 0.0)
    top, bottom = (slice(0, None, 2), slice(1, None, 2)) if side < 0 else (
        slice(1, None, 2), slice(0, None, 2))  # fmt: skip
    vertices[top, 2], vertices[bottom, 2] = KERB_HEIGHT_M, 0.0
    road[top, 1], road[bottom, 1] = KERB_HEIGHT_M, 0.0
    mesh = Mesh(vertices.astype(np.float32), triangles, uv=road.astype(np.float32))
    return Look(shape=mesh, material=MATERIALS.get("kerb"), semantic=SemanticClass.KERB)


def _add_houses(
    stage: Stage, track: Track, config: RoadsideConfig, rng: np.random.Generator
) -> int:
    if config.house_spacing_m <= 0.0:
        return 0
    count = 0
    front = track.config.half_width_m + PAVEMENT_M
    for side in (1.0, -1.0):
        s = 0.0
        while s < track.length_m - 0.7 * config.house_spacing_m:
            width = float(rng.uniform(0.55, 0.85) * config.house_spacing_m)
            depth, garden = float(rng.uniform(8.0, 11.0)), float(rng.uniform(2.5, 6.0))
            storeys = int(rng.integers(1, 4))
            wall, roof = _pick(HOUSE_COLORS, rng), _pick(ROOF_COLORS, rng)
            t = side * (front + garden + 0.5 * depth)
            middle = s + 0.5 * width
            s += width + float(rng.uniform(0.15, 0.5) * config.house_spacing_m)
            if not _is_free(track, middle, t, 0.5 * max(width, depth), front):
                continue
            prop = street.house(width, depth, storeys, wall, roof)
            place = track.pose(middle, t) @ Pose.of(yaw_rad=-side * np.pi / 2)
            stage.add(f"house_{count}", place, looks=prop.looks, parts=prop.parts)
            count += 1
    return count


def _add_row(
    stage: Stage,
    track: Track,
    spacing_m: float,
    setback_m: float,
    rng: np.random.Generator,
    kind: str,
    make: Callable[[], street.Prop],
) -> int:
    """A row of props along both kerbs."""
    if spacing_m <= 0.0:
        return 0
    per_side = int(track.length_m / spacing_m)
    t = track.config.half_width_m + setback_m
    for number in range(2 * per_side):
        side = 1.0 if number % 2 == 0 else -1.0
        s = (number // 2 + 0.5 * (number % 2) + float(rng.uniform(0.2, 0.4))) * spacing_m
        place = track.pose(s, side * t) @ Pose.of(0, 0, KERB_HEIGHT_M, yaw_rad=-side * np.pi / 2)
        prop = make()
        stage.add(f"{kind}_{number}", place, looks=prop.looks, parts=prop.parts)
    return 2 * per_side


def _add_parked_cars(
    stage: Stage, track: Track, config: RoadsideConfig, rng: np.random.Generator
) -> int:
    """Cars with two wheels on the left pavement, clear of both lanes' middles."""
    slot_m, count = 7.5, 0
    t = track.config.half_width_m + 0.55
    for slot in range(int(track.length_m / slot_m)):
        taken = rng.uniform() < config.parked_share
        shape = CarShape(
            length_m=float(rng.uniform(4.1, 4.95)), height_m=float(rng.uniform(1.40, 1.62))
        )
        color = _pick(CAR_COLORS, rng)
        turned = np.pi if rng.uniform() < 0.7 else 0.0
        if not taken:
            continue
        place = track.pose((slot + 0.5) * slot_m, t) @ Pose.of(0, 0, 0.06, yaw_rad=turned)
        hull = Box((0.5 * shape.length_m, 0.5 * shape.width_m, 0.5 * shape.height_m))
        middle = Pose.of(0.5 * (shape.nose_x_m + shape.tail_x_m), 0.0, 0.5 * shape.height_m)
        stage.add(
            f"parked_{count}", place, looks=standing_car_looks(shape, color),
            parts=[Part(shape=hull, body_T_part=middle)],
        )  # fmt: skip
        count += 1
    return count


def _add_people(
    stage: Stage, track: Track, config: RoadsideConfig, rng: np.random.Generator
) -> int:
    for number in range(config.people):
        side = 1.0 if rng.uniform() < 0.35 else -1.0
        t = side * (track.config.half_width_m + float(rng.uniform(1.3, PAVEMENT_M - 0.3)))
        yaw = 0.0 if rng.uniform() < 0.5 else np.pi
        place = track.pose(float(rng.uniform(0.0, track.length_m)), t)
        prop = street.person(
            float(rng.uniform(1.55, 1.92)),
            _pick(CLOTH_COLORS, rng),
            _pick(CLOTH_COLORS, rng),
            float(rng.uniform(-0.5, 0.5)),
        )
        place = place @ Pose.of(0, 0, KERB_HEIGHT_M, yaw_rad=yaw)
        stage.add(
            f"person_{number}", place, looks=prop.looks, parts=prop.parts,
            key_points_m=prop.key_points_m,
        )  # fmt: skip
    return config.people


def _is_free(track: Track, s_m: float, t_m: float, reach_m: float, front_m: float) -> bool:
    """Whether a place stays clear of the road everywhere: inner curves fold back on themselves."""
    place = track.pose(s_m, t_m).position_m[:2]
    nearest = float(np.sqrt(((track.center_m - place) ** 2).sum(axis=1)).min())
    return nearest > front_m + reach_m


def _pick(colors: Sequence[Color], rng: np.random.Generator) -> Color:
    return colors[int(rng.integers(len(colors)))]
