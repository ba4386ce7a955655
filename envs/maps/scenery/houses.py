"""Buildings: walls with windows over a footprint, roofs, parapets, shop fronts."""

from __future__ import annotations

import numpy as np

from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.maps.kinds import BuildingKind, RoofKind
from fleetloop.envs.maps.network import Floats, RoadNetwork
from fleetloop.envs.maps.scenery.pile import Pile, Skin
from fleetloop.envs.maps.scenery.skins import (
    AWNINGS,
    FLAT_ROOF,
    ROOFS,
    SHOP_GLASS,
    WALLS,
    skin,
)
from fleetloop.envs.maps.strips import ears, lifted

_PARAPET_M = 0.6
_OVERHANG_M = 0.45
_VARIANTS = 3
_HALL: tuple[tuple[float, float, float], ...] = (
    (0.45, 0.47, 0.49), (0.30, 0.36, 0.42), (0.52, 0.50, 0.45),
)  # fmt: skip


def pile_houses(pile: Pile, network: RoadNetwork) -> None:
    """Adds all buildings."""
    buildings = network.buildings
    for row in range(len(buildings)):
        ring = buildings.footprint_m[buildings.begin[row] : buildings.begin[row + 1]]
        _house(
            pile, ring, float(buildings.base_m[row]), float(buildings.height_m[row]),
            BuildingKind(int(buildings.kind[row])), RoofKind(int(buildings.roof[row])),
            int(buildings.style[row]),
        )  # fmt: skip


def _house(
    pile: Pile,
    ring_m: Floats,
    base_m: float,
    height_m: float,
    kind: BuildingKind,
    roof: RoofKind,
    style: int,
) -> None:
    top = base_m + height_m
    wall = _wall_skin(kind, style)
    tall = top + (_PARAPET_M if roof == RoofKind.FLAT else 0.0)
    _walls(pile, wall, ring_m, base_m, tall)
    if kind == BuildingKind.SHOPS:
        _shop_fronts(pile, ring_m, base_m, style)
    if roof == RoofKind.FLAT or len(ring_m) != 4:
        pile.add(FLAT_ROOF, lifted(ring_m, top), ears(ring_m), ring_m)
        return
    tiles = skin("roof_tile", SemanticClass.BUILDING, color=ROOFS[style // 7 % len(ROOFS)])
    _pitched(pile, tiles, wall, ring_m, top, hipped=roof == RoofKind.HIPPED)


def _wall_skin(kind: BuildingKind, style: int) -> Skin:
    variant = style // 64 % _VARIANTS
    if kind in (BuildingKind.INDUSTRIAL, BuildingKind.SHED):
        return skin("plaster", SemanticClass.BUILDING, color=_HALL[style % len(_HALL)])
    return skin("facade", SemanticClass.BUILDING, color=WALLS[style % len(WALLS)],
                variant=variant)  # fmt: skip


def _walls(pile: Pile, wall: Skin, ring_m: Floats, base_m: float, top_m: float) -> None:
    """One quad a wall; its coordinates are along and above the foot."""
    after = np.roll(ring_m, -1, axis=0)
    length = np.sqrt(((after - ring_m) ** 2).sum(axis=1))
    quads = np.empty((len(ring_m), 4, 3))
    quads[:, 0], quads[:, 1] = lifted(ring_m, base_m - 0.3), lifted(after, base_m - 0.3)
    quads[:, 2], quads[:, 3] = lifted(after, top_m), lifted(ring_m, top_m)
    uv = np.zeros((len(ring_m), 4, 2))
    # Windows stand in whole bays from the middle of each wall.
    uv[:, [0, 3], 0], uv[:, [1, 2], 0] = -0.5 * length[:, None], 0.5 * length[:, None]
    uv[:, :2, 1], uv[:, 2:, 1] = -0.3, top_m - base_m
    triangles = _quad_triangles(len(quads))
    # All walls of a building go to one tile.
    pile.add(wall, quads.reshape(-1, 3), triangles, uv.reshape(-1, 2))


def _quad_triangles(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    first = 4 * np.arange(count, dtype=np.int32)[:, None]
    return np.concatenate([first + np.array([0, 1, 2]), first + np.array([0, 2, 3])]).astype(
        np.int32
    )


def _shop_fronts(pile: Pile, ring_m: Floats, base_m: float, style: int) -> None:
    """Glass between piers on the ground floor, and an awning above, on the longer walls."""
    cloth = skin("cloth", SemanticClass.BUILDING, color=AWNINGS[style // 5 % len(AWNINGS)])
    for k in range(len(ring_m)):
        start, end = ring_m[k], ring_m[(k + 1) % len(ring_m)]
        length = float(np.hypot(*(end - start)))
        if length < 8.0:
            continue
        along = (end - start) / length
        out = np.array([along[1], -along[0]])
        bays = int(length / 3.6)
        width = length / bays
        for bay in range(bays):
            low, high = bay * width + 0.3, (bay + 1) * width - 0.3
            one, two = start + low * along + 0.05 * out, start + high * along + 0.05 * out
            _upright(pile, SHOP_GLASS, one, two, base_m + 0.35, base_m + 2.6)
            edge = 0.9 * out
            quad = np.array([[*(one + edge), base_m + 2.55], [*(two + edge), base_m + 2.55],
                             [*two, base_m + 2.95], [*one, base_m + 2.95]])  # fmt: skip
            pile.add(cloth, quad, _quad_triangles(1), quad[:, [0, 2]])


def _upright(pile: Pile, skin_: Skin, one: Floats, two: Floats, low: float, high: float) -> None:
    quad = np.array([[*one, low], [*two, low], [*two, high], [*one, high]])
    width = float(np.hypot(*(two - one)))
    uv = np.array([[0.0, 0.0], [width, 0.0], [width, high - low], [0.0, high - low]])
    pile.add(skin_, quad, _quad_triangles(1), uv)


def _pitched(
    pile: Pile, tiles: Skin, wall: Skin, ring_m: Floats, top_m: float, *, hipped: bool
) -> None:
    """A roof over four corners with its ridge along the longer side."""
    ring = ring_m
    if np.hypot(*(ring[1] - ring[0])) < np.hypot(*(ring[2] - ring[1])):
        ring = np.roll(ring, -1, axis=0)
    a, b, c, d = ring
    along = (b - a) / np.hypot(*(b - a))
    across = (d - a) / np.hypot(*(d - a))
    depth = float(np.hypot(*(d - a)))
    rise = 0.36 * depth
    inset = 0.5 * depth if hipped else 0.0
    over = _OVERHANG_M
    # The eaves hang lower by what the slope falls over the overhang.
    eave = top_m - over * rise / (0.5 * depth)
    end = over if hipped else 0.3
    low = [a - over * across - end * along, b - over * across + end * along,
           c + over * across + end * along, d + over * across - end * along]  # fmt: skip
    e = 0.5 * (a + d) + (inset - (0.0 if hipped else end)) * along
    f = 0.5 * (b + c) - (inset - (0.0 if hipped else end)) * along
    slope = float(np.hypot(0.5 * depth + over, rise + top_m - eave))
    faces = [[low[0], low[1], f, e], [low[2], low[3], e, f]]
    for face in faces:
        quad = np.array([[*face[0], eave], [*face[1], eave], [*face[2], top_m + rise],
                         [*face[3], top_m + rise]])  # fmt: skip
        width = float(np.hypot(*(face[1] - face[0])))
        uv = np.array([[0.0, 0.0], [width, 0.0], [width, slope], [0.0, slope]])
        pile.add(tiles, quad, _quad_triangles(1), uv)
    for one, two, peak, corner_1, corner_2 in ((d, a, e, low[3], low[0]),
                                               (b, c, f, low[1], low[2])):  # fmt: skip
        if hipped:
            points = np.array([[*corner_1, eave], [*corner_2, eave], [*peak, top_m + rise]])
            skin_ = tiles
        else:
            middle = 0.5 * (one + two)
            points = np.array([[*one, top_m], [*two, top_m], [*middle, top_m + rise]])
            skin_ = skin("plaster", SemanticClass.BUILDING, color=wall.material.color)
        uv = np.array([[0.0, 0.0], [depth, 0.0], [0.5 * depth, rise]])
        pile.add(skin_, points, np.array([[0, 1, 2]], dtype=np.int32), uv)
