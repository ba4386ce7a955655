"""Ground of a map as meshes: what its surfaces and areas are paved with."""

from __future__ import annotations

import numpy as np

from fleetloop.envs.maps.kinds import AreaKind, SurfaceKind
from fleetloop.envs.maps.network import Floats, RoadNetwork
from fleetloop.envs.maps.scenery.pile import TILE_M, Pile, Skin
from fleetloop.envs.maps.scenery.skins import ASPHALT, KERB, PAVING, PLAZA, VERGE
from fleetloop.envs.maps.strips import ears, lifted

LAWN_M = -0.02
"""Height of the lawn around everything: a little below the asphalt, so that they never meet."""

_SKINS: dict[int, Skin] = {
    SurfaceKind.ROAD: ASPHALT,
    SurfaceKind.JUNCTION: ASPHALT,
    SurfaceKind.PARKING: ASPHALT,
    SurfaceKind.BIKE: ASPHALT,
    SurfaceKind.DRIVEWAY: PLAZA,
    SurfaceKind.KERB: KERB,
    SurfaceKind.SIDEWALK: PAVING,
    SurfaceKind.ISLAND: VERGE,
}
_WORLD_UV = (SurfaceKind.ROAD, SurfaceKind.JUNCTION, SurfaceKind.PARKING, SurfaceKind.BIKE)
_AREAS: dict[int, Skin] = {AreaKind.PAVED: PLAZA, AreaKind.INDUSTRIAL: PLAZA}


def pile_ground(pile: Pile, network: RoadNetwork) -> None:
    """Adds surfaces, triangle pairs each to its tile, and paved areas."""
    surfaces = network.surfaces
    kind_of = np.repeat(surfaces.kind, np.diff(surfaces.triangle_begin))
    for kind in np.unique(kind_of):
        triangles = surfaces.triangles[kind_of == kind]
        corners = surfaces.vertices_m[triangles]
        # Neighbouring pieces of asphalt share one pattern: seams do not show.
        uv = corners[:, :, :2] if kind in _WORLD_UV else surfaces.st_m[triangles]
        _by_tile(pile, _SKINS[int(kind)], corners, uv)
    areas = network.areas
    for row in range(len(areas)):
        paved = _AREAS.get(int(areas.kind[row]))
        if paved is not None:
            ring = areas.outline_m[areas.begin[row] : areas.begin[row + 1]]
            pile.add(paved, lifted(ring, 0.01), ears(ring), ring)


def _by_tile(pile: Pile, skin: Skin, corners: Floats, uv: Floats) -> None:
    """Adds triangles (t, 3, 3) with coordinates (t, 3, 2)."""
    points, places = corners, uv
    tile = np.floor(points[:, :, :2].mean(axis=1) / TILE_M).astype(np.int64)
    for key in np.unique(tile, axis=0):
        mine = (tile == key).all(axis=1)
        flat, index = np.unique(
            np.concatenate([points[mine].reshape(-1, 3), places[mine].reshape(-1, 2)], axis=1),
            axis=0,
            return_inverse=True,
        )
        pile.add_at((int(key[0]), int(key[1])), skin, flat[:, :3],
                    index.reshape(-1, 3).astype(np.int32), flat[:, 3:])  # fmt: skip
