"""Surfaces that let light through: composites what lies behind them, layer by layer.

Depth and ids know one surface for each ray. A picture needs more where glass is in the way: there
(and only in tiles where a ray meets such a surface before its hit) the tiles are traced on from
each surface to the next, and their colours put over each other from front to back:

    light = sum over layers of color * alpha * product of (1 - alpha) of the layers before
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.layout import (
    BLENDED,
    FLAGS,
    LANES,
    MATERIAL,
    GBuffer,
    InstanceArrays,
    MeshArrays,
    TileArrays,
)
from fleetloop.envs.trace.spots import NO_SPOTS
from fleetloop.envs.trace.visibility import visibility

# Panes behind one another that are told apart; the last one is taken as opaque.
MAX_LAYERS = 6
# A flag of this module alone, above those of `layout`: rows that are left out.
_OPAQUE_HERE = 1 << 16


class Shaded(NamedTuple):
    """Tiles with their light.

    Attributes:
        hdr: (k, 3, LANES) radiance.
        record: (k, albedo.RECORD_FLOATS) the surface in front.
        shadow: (k, LANES) whether it lies in the sun's shadow.
        instance: (k, LANES) its row.
    """

    hdr: npt.NDArray[np.float32]
    record: npt.NDArray[np.float32]
    shadow: npt.NDArray[np.uint8]
    instance: npt.NDArray[np.int32]


Shade = Callable[[TileArrays, GBuffer], Shaded]
"""Light of tiles with what they met."""


def composite(
    tiles: TileArrays,
    instances: InstanceArrays,
    meshes: MeshArrays,
    gbuffer: GBuffer,
    alpha: npt.NDArray[np.float32],
    t_limits: tuple[float, float],
    shade: Shade,
    shaded: Shaded,
) -> None:
    """Replaces the light of tiles that see through something.

    Args:
        tiles, instances, meshes, gbuffer: As in `visibility`, filled.
        alpha: Opacity of each material, (materials,).
        t_limits: t_min_m and t_max_m of the view.
        shade: Shades a list of tiles.
        shaded: What `shade` returned for the tiles; changed.
    """
    chosen = _tiles_with_blended(tiles, instances, meshes, gbuffer, t_limits)
    if len(chosen) == 0:
        return
    part = tiles._replace(tiles=tiles.tiles[chosen], table_of_tile=tiles.table_of_tile[chosen])
    count = len(chosen)
    light = np.zeros((count, 3, LANES), np.float32)
    passing = np.ones((count, LANES), np.float32)
    begin = np.full((count, LANES), t_limits[0], np.float32)
    # Opacity by row, and by -1 that of the sky.
    of_row = np.append(alpha[instances.rows[:, MATERIAL]], np.float32(1.0))
    for layer in range(MAX_LAYERS):
        live = passing > 0.0
        met = _nothing_met(count, np.where(live, np.float32(t_limits[1]), np.float32(0.0)))
        visibility(part, instances, meshes, begin, 0, NO_SPOTS, met)
        opacity = of_row[met.instance]
        if layer == MAX_LAYERS - 1:
            opacity = np.ones_like(opacity)
        weight = np.where(live, passing * opacity, np.float32(0.0))
        there = shade(part, met)
        if layer == 0:
            front = there
        light += weight[:, None] * there.hdr
        passing = np.where(live, passing - weight, np.float32(0.0))
        if not (passing > 0.0).any():
            break
        begin = met.t
    # Edges are looked for on the surface in front.
    shaded.hdr[chosen] = light
    shaded.record[chosen] = front.record
    shaded.shadow[chosen] = front.shadow
    shaded.instance[chosen] = front.instance


def _tiles_with_blended(
    tiles: TileArrays,
    instances: InstanceArrays,
    meshes: MeshArrays,
    gbuffer: GBuffer,
    t_limits: tuple[float, float],
) -> npt.NDArray[np.int64]:
    """Which of the tiles have a see-through surface at or before a hit."""
    rows = instances.rows.copy()
    blended = (rows[:, FLAGS] & BLENDED) != 0
    rows[~blended, FLAGS] |= _OPAQUE_HERE
    # What depth takes for solid (alpha 0.5 and more) is itself the hit.
    solid = blended[gbuffer.instance] & (gbuffer.instance >= 0)
    met = _nothing_met(len(tiles.tiles), gbuffer.t)
    begin = np.full((1, LANES), t_limits[0], np.float32)
    only_blended = InstanceArrays(instances.table, rows)
    visibility(tiles, only_blended, meshes, begin, _OPAQUE_HERE, NO_SPOTS, met)
    return np.flatnonzero(((met.instance >= 0) | solid).any(axis=1))


def _nothing_met(count: int, reach: npt.NDArray[np.float32]) -> GBuffer:
    return GBuffer(
        reach.copy(), np.full((count, LANES), -1, np.int32), np.zeros((count, LANES), np.int32)
    )
