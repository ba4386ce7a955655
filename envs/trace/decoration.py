"""Patterns and weather on surfaces: the part of shading that plain scenes do without.

It changes the records that `albedo` left. As a kernel of its own it is compiled by those alone who
have patterns, rain or snow: the patterns are most of what there is to compile in shading.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.albedo import ALBEDO, GLOSS, GLOW, NORMAL, ROUGH, pixel_widths
from fleetloop.envs.trace.blend import mark
from fleetloop.envs.trace.jit import inline, kernel
from fleetloop.envs.trace.layout import (
    BOX,
    CYLINDER,
    DIMS,
    INSTANCE_ID,
    KIND,
    LANES,
    MATERIAL,
    MESH,
    GBuffer,
    InstanceArrays,
    MeshArrays,
    TileArrays,
)
from fleetloop.envs.trace.light import NIGHT, SNOW, WETNESS, LightArrays
from fleetloop.envs.trace.material import PATTERN, PATTERN_SCALE, PATTERNS
from fleetloop.envs.trace.noise import value_noise
from fleetloop.envs.trace.procedural import pattern_color
from fleetloop.envs.trace.surface import (
    NX,
    NY,
    NZ,
    PZ,
    SURFACE_FLOATS,
    U,
    V,
    tile_points,
    tile_uv,
    visible_rows,
)

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

FACADE = PATTERNS.index("facade")
PLAIN = PATTERNS.index("plain")

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_WINDOW_GLOSS = np.float32(0.10)
_LIT_WINDOW = (np.float32(0.10), np.float32(0.062), np.float32(0.026))
_SNOW_COLOR = np.float32(0.82)


def is_decorated(looks: npt.NDArray[np.int32], numbers: npt.NDArray[np.float32]) -> bool:
    """Whether any material has a pattern, or the weather lies on surfaces."""
    return bool((looks[:, PATTERN] != PLAIN).any() or numbers[WETNESS] > 0 or numbers[SNOW] > 0)


@kernel
def decorate(
    tiles: TileArrays,
    instances: InstanceArrays,
    meshes: MeshArrays,
    gbuffer: GBuffer,
    shading: npt.NDArray[np.float32],
    looks: npt.NDArray[np.int32],
    light: LightArrays,
    pixel_rad: float,
    record: npt.NDArray[np.float32],
) -> None:
    """Puts patterns, wetness and snow into the records of a list of tiles.

    Args:
        tiles, instances, meshes, gbuffer, shading, looks, light, pixel_rad: As in
            `albedo.surface_records`.
        record: (k, RECORD_FLOATS) from it, changed.
    """
    s = np.zeros(SURFACE_FLOATS, np.float32)
    found = np.empty(LANES, np.int32)
    mine = np.empty(LANES, np.int32)
    out = np.empty(4, np.float32)
    width = np.empty(LANES, np.float32)
    pixel = np.float32(pixel_rad)
    changed = light.numbers[WETNESS] > _ZERO or light.numbers[SNOW] > _ZERO
    for k in range(len(tiles.tiles)):
        table_number = tiles.table_of_tile[k]
        table = instances.table[table_number]
        d, t = tiles.directions[tiles.tiles[k]], gbuffer.t[k]
        instance, primitive = gbuffer.instance[k], gbuffer.primitive[k]
        r = record[k]
        for index in range(visible_rows(instance, found)):
            row = found[index]
            entry, integers = table[row], instances.rows[row]
            material = integers[MATERIAL]
            pattern = looks[material, PATTERN]
            if pattern == PLAIN:
                continue
            mark(instance, row, mine)
            tile_points(entry, d, t, mine, s)
            for lane in range(LANES):
                s[NX + lane] = r[NORMAL + lane]
                s[NY + lane] = r[NORMAL + LANES + lane]
                s[NZ + lane] = r[NORMAL + 2 * LANES + lane]
            tile_uv(entry, integers, meshes, mine, primitive, s)
            pixel_widths(d, t, pixel, s, width)
            _patterned(entry, row, integers, shading[material], pattern, light, instance, width,
                       s, out, r)  # fmt: skip
        if changed:
            _weathered(light, table_number, d, t, instance, r)


@inline
def _patterned(entry, row, integers, m, pattern, light, instance, width, s, out, r):
    """Pattern, lane by lane."""
    kind, seed = integers[KIND], integers[INSTANCE_ID]
    foot = entry[DIMS + 2] if kind == BOX else (entry[DIMS + 1] if kind == CYLINDER else _ZERO)
    night = light.numbers[NIGHT]
    for k in range(LANES):
        if instance[k] != row:
            continue
        out[0], out[1], out[2] = r[ALBEDO + k], r[ALBEDO + LANES + k], r[ALBEDO + 2 * LANES + k]
        if pattern == FACADE and _is_top(kind, foot, s[PZ + k]):
            continue
        u, v = s[U + k], s[V + k]
        if kind != MESH:
            u, v = _surface_place(kind, pattern, foot, s, k)
        pattern_color(pattern, u, v, width[k], m[PATTERN_SCALE], seed, out)
        if pattern == FACADE and out[3] > _ZERO:
            r[GLOSS + k] += min(out[3] * np.float32(2.0), _ONE) * _WINDOW_GLOSS
            r[ROUGH + k] = np.float32(0.05)
            if night > _ZERO and out[3] > np.float32(0.62):
                r[GLOW + k] += night * _LIT_WINDOW[0] * out[3]
                r[GLOW + LANES + k] += night * _LIT_WINDOW[1] * out[3]
                r[GLOW + 2 * LANES + k] += night * _LIT_WINDOW[2] * out[3]
        r[ALBEDO + k] = min(max(out[0], _ZERO), _ONE)
        r[ALBEDO + LANES + k] = min(max(out[1], _ZERO), _ONE)
        r[ALBEDO + 2 * LANES + k] = min(max(out[2], _ZERO), _ONE)


@inline
def _is_top(kind, foot, z):
    return kind == BOX and abs(abs(z) - foot) < np.float32(1e-3)


@inline
def _surface_place(kind, pattern, foot, s, k):
    """Place on an analytic shape; walls count their height from the shape's foot."""
    u, v = s[U + k], s[V + k]
    if (kind == BOX and abs(abs(s[PZ + k]) - foot) >= np.float32(1e-3)) or kind == CYLINDER:
        v = s[PZ + k] + foot
    return u, v


@inline
def _weathered(light, table_number, d, t, instance, r):
    """Rain darkens and glazes what faces up; snow lies on it."""
    up, turn = light.up[table_number], light.world_R_sensor[table_number]
    wet, snow = light.numbers[WETNESS], light.numbers[SNOW]
    for k in range(LANES):
        if instance[k] < 0:
            continue
        above = (
            r[NORMAL + k] * up[0]
            + r[NORMAL + LANES + k] * up[1]
            + r[NORMAL + 2 * LANES + k] * up[2]
        )
        if above <= np.float32(0.3):
            continue
        x = t[k] * (turn[0, 0] * d[0, k] + turn[0, 1] * d[1, k] + turn[0, 2] * d[2, k])
        y = t[k] * (turn[1, 0] * d[0, k] + turn[1, 1] * d[1, k] + turn[1, 2] * d[2, k])
        x, y = x + light.numbers[23], y + light.numbers[24]
        if wet > _ZERO:
            pool = value_noise(x * np.float32(0.35), y * np.float32(0.35), 91)
            film = wet * min(
                max((pool - np.float32(0.25)) * np.float32(2.2), np.float32(0.25)), _ONE
            )
            for i in range(3):
                r[ALBEDO + i * LANES + k] *= _ONE - np.float32(0.5) * wet
            r[GLOSS + k] += film * np.float32(0.02)
            smooth = np.float32(0.30) - np.float32(0.26) * film
            r[ROUGH + k] = min(r[ROUGH + k], smooth)
        if snow > _ZERO:
            lie = value_noise(x * np.float32(0.8), y * np.float32(0.8), 92)
            cover = (snow * np.float32(1.6) - lie) * np.float32(2.5) * above
            cover = min(max(cover, _ZERO), _ONE)
            for i in range(3):
                r[ALBEDO + i * LANES + k] += cover * (_SNOW_COLOR - r[ALBEDO + i * LANES + k])
            r[ROUGH + k] += cover * (_ONE - r[ROUGH + k])
