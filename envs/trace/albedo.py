"""What colour each surface point has of itself: material, texture, pattern; where the sun can be.

The first half of shading, per tile and visible instance. It leaves, for every lane, the surface
normal, the diffuse colour, gloss and emission in the tile's record, and marks the lanes that face
the sun, for `occlusion.sun_shadow` to test.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

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
from fleetloop.envs.trace.material import (
    COLOR,
    EMISSION,
    PATTERN,
    PATTERN_SCALE,
    PATTERNS,
    ROUGHNESS,
    SPECULAR,
    TEXTURE,
    TEXTURE_PER_M,
)
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
    tile_normals,
    tile_points,
    tile_uv,
    visible_rows,
)
from fleetloop.envs.trace.texture import sample_texture

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

# Rows of a tile's record, (k, RECORD_ROWS, LANES) float32.
NORMAL = 0  # 3, ray frame, unit
ALBEDO = 3  # 3, linear
GLOW = 6  # 3, emission
GLOSS = 9  # reflectance at normal incidence
ROUGH = 10
RECORD_ROWS = 11

FACADE = PATTERNS.index("facade")
PLAIN = PATTERNS.index("plain")

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_WINDOW_GLOSS = np.float32(0.10)
_LIT_WINDOW = (np.float32(0.10), np.float32(0.062), np.float32(0.026))
_SNOW_COLOR = np.float32(0.82)


@kernel
def surface_records(
    tiles: TileArrays,
    instances: InstanceArrays,
    meshes: MeshArrays,
    gbuffer: GBuffer,
    shading: npt.NDArray[np.float32],
    looks: npt.NDArray[np.int32],
    texels: npt.NDArray[np.float32],
    texture_meta: npt.NDArray[np.int32],
    light: LightArrays,
    pixel_rad: float,
    record: npt.NDArray[np.float32],
    wanted: npt.NDArray[np.uint8],
) -> None:
    """Fills the records of a list of tiles.

    Args:
        tiles, instances, meshes, gbuffer: As in `visibility`, filled.
        shading, looks: Of the material table.
        texels, texture_meta: Of its texture pool.
        light: In the ray frames of the tables.
        pixel_rad: Angle between neighbouring rays.
        record: (k, RECORD_ROWS, LANES) written where a lane hit something.
        wanted: (k, LANES) written: 1 where a lane hit something that faces the sun.
    """
    s = np.zeros(SURFACE_FLOATS, np.float32)
    found = np.empty(LANES, np.int32)
    out = np.empty(4, np.float32)
    pixel = np.float32(pixel_rad)
    changed = light.numbers[WETNESS] > _ZERO or light.numbers[SNOW] > _ZERO
    for k in range(len(tiles.tiles)):
        table_number = tiles.table_of_tile[k]
        table = instances.table[table_number]
        d, t = tiles.directions[tiles.tiles[k]], gbuffer.t[k]
        instance, primitive = gbuffer.instance[k], gbuffer.primitive[k]
        r = record[k]
        wanted[k, :] = 0
        for index in range(visible_rows(instance, found)):
            row = found[index]
            entry, integers = table[row], instances.rows[row]
            material = integers[MATERIAL]
            m, look = shading[material], looks[material]
            tile_points(entry, row, d, t, instance, s)
            tile_normals(entry, row, integers, meshes, d, instance, primitive, s)
            _plain(row, m, instance, s, r)
            if look[PATTERN] != PLAIN or look[TEXTURE] >= 0:
                tile_uv(entry, row, integers, meshes, instance, primitive, s)
                _patterned(entry, row, integers, m, look, texels, texture_meta, light, pixel,
                           d, t, instance, s, out, r)  # fmt: skip
        if changed:
            _weathered(light, table_number, d, t, instance, r)
        sun = light.sun[table_number]
        sx, sy, sz = sun[0], sun[1], sun[2]
        for lane in range(LANES):
            facing = r[NORMAL, lane] * sx + r[NORMAL + 1, lane] * sy + r[NORMAL + 2, lane] * sz
            wanted[k, lane] = 1 if instance[lane] >= 0 and facing > _ZERO else 0


@inline
def _plain(row, m, instance, s, r):
    """The material's own numbers, the same on all lanes that show the instance."""
    c0, c1, c2 = m[COLOR], m[COLOR + 1], m[COLOR + 2]
    e0, e1, e2 = m[EMISSION], m[EMISSION + 1], m[EMISSION + 2]
    gloss, rough = m[SPECULAR], m[ROUGHNESS]
    nx, ny, nz = r[NORMAL], r[NORMAL + 1], r[NORMAL + 2]
    a0, a1, a2 = r[ALBEDO], r[ALBEDO + 1], r[ALBEDO + 2]
    g0, g1, g2 = r[GLOW], r[GLOW + 1], r[GLOW + 2]
    g, w = r[GLOSS], r[ROUGH]
    for k in range(LANES):
        if instance[k] == row:
            nx[k] = s[NX + k]
            ny[k] = s[NY + k]
            nz[k] = s[NZ + k]
            a0[k] = c0
            a1[k] = c1
            a2[k] = c2
            g0[k] = e0
            g1[k] = e1
            g2[k] = e2
            g[k] = gloss
            w[k] = rough


@inline
def _patterned(entry, row, integers, m, look, texels, texture_meta, light, pixel, d, t, instance,
               s, out, r):  # fmt: skip
    """Texture and pattern, lane by lane."""
    kind, seed = integers[KIND], integers[INSTANCE_ID]
    foot = entry[DIMS + 2] if kind == BOX else (entry[DIMS + 1] if kind == CYLINDER else _ZERO)
    night = light.numbers[NIGHT]
    pattern = look[PATTERN]
    metric = m[TEXTURE_PER_M] if kind != MESH else _ONE
    for k in range(LANES):
        if instance[k] != row:
            continue
        dx, dy, dz = d[0, k], d[1, k], d[2, k]
        length = np.sqrt(dx * dx + dy * dy + dz * dz)
        facing = abs(s[NX + k] * dx + s[NY + k] * dy + s[NZ + k] * dz) / length
        facing = facing if facing > np.float32(0.05) else np.float32(0.05)
        # The longer side of the pixel's foot print, tempered: a little blur beats a little glitter.
        width = pixel * t[k] * length / np.sqrt(facing)
        out[0], out[1], out[2] = r[ALBEDO, k], r[ALBEDO + 1, k], r[ALBEDO + 2, k]
        if look[TEXTURE] >= 0:
            b0, b1, b2 = out[0], out[1], out[2]
            u, v = s[U + k] * metric, s[V + k] * metric
            sample_texture(texels, texture_meta, look[TEXTURE], u, v, width * metric, out)
            out[0] *= b0
            out[1] *= b1
            out[2] *= b2
        if pattern != PLAIN:
            u, v = s[U + k], s[V + k]
            flat = pattern == FACADE and _is_top(kind, foot, s[PZ + k])
            if not flat:
                if kind != MESH:
                    u, v = _surface_place(kind, pattern, foot, s, k)
                pattern_color(pattern, u, v, width, m[PATTERN_SCALE], seed, out)
                if pattern == FACADE and out[3] > _ZERO:
                    r[GLOSS, k] += min(out[3] * np.float32(2.0), _ONE) * _WINDOW_GLOSS
                    r[ROUGH, k] = np.float32(0.05)
                    if night > _ZERO and out[3] > np.float32(0.62):
                        r[GLOW, k] += night * _LIT_WINDOW[0] * out[3]
                        r[GLOW + 1, k] += night * _LIT_WINDOW[1] * out[3]
                        r[GLOW + 2, k] += night * _LIT_WINDOW[2] * out[3]
        r[ALBEDO, k] = min(max(out[0], _ZERO), _ONE)
        r[ALBEDO + 1, k] = min(max(out[1], _ZERO), _ONE)
        r[ALBEDO + 2, k] = min(max(out[2], _ZERO), _ONE)


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
        above = r[NORMAL, k] * up[0] + r[NORMAL + 1, k] * up[1] + r[NORMAL + 2, k] * up[2]
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
                r[ALBEDO + i, k] *= _ONE - np.float32(0.5) * wet
            r[GLOSS, k] += film * np.float32(0.02)
            smooth = np.float32(0.30) - np.float32(0.26) * film
            r[ROUGH, k] = min(r[ROUGH, k], smooth)
        if snow > _ZERO:
            lie = value_noise(x * np.float32(0.8), y * np.float32(0.8), 92)
            cover = (snow * np.float32(1.6) - lie) * np.float32(2.5) * above
            cover = min(max(cover, _ZERO), _ONE)
            for i in range(3):
                r[ALBEDO + i, k] += cover * (_SNOW_COLOR - r[ALBEDO + i, k])
            r[ROUGH, k] += cover * (_ONE - r[ROUGH, k])
