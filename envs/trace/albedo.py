"""What colour each surface point has of itself: material, texture, pattern; where the sun can be.

The first half of shading, per tile and visible instance. It leaves, for every lane, the surface
normal, the diffuse colour, gloss and emission in the tile's record, and marks the lanes that face
the sun, for `occlusion.sun_shadow` to test.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.blend import blend, mark
from fleetloop.envs.trace.jit import inline, kernel
from fleetloop.envs.trace.layout import (
    KIND,
    LANES,
    MATERIAL,
    MESH,
    GBuffer,
    InstanceArrays,
    MeshArrays,
    TileArrays,
)
from fleetloop.envs.trace.light import LightArrays
from fleetloop.envs.trace.material import (
    COLOR,
    EMISSION,
    ROUGHNESS,
    SPECULAR,
    TEXTURE,
    TEXTURE_PER_M,
)
from fleetloop.envs.trace.surface import (
    NX,
    NY,
    NZ,
    SURFACE_FLOATS,
    UV_PER_M,
    U,
    V,
    tile_normals,
    tile_points,
    tile_uv,
    visible_rows,
)
from fleetloop.envs.trace.texture import (
    COLORS,
    TEXTURE_FLOATS,
    TEXTURE_INTEGERS,
    WIDTH_U,
    sample_tile,
)

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

# Offsets of the rows of a tile's record, (k, RECORD_FLOATS) float32; flat, so that loops that write
# many rows vectorise.
NORMAL = 0  # 3, ray frame, unit
ALBEDO = 3 * LANES  # 3, linear
GLOW = 6 * LANES  # 3, emission
GLOSS = 9 * LANES  # reflectance at normal incidence
ROUGH = 10 * LANES
RECORD_FLOATS = 11 * LANES


_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)


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
        record: (k, RECORD_FLOATS) written where a lane hit something.
        wanted: (k, LANES) written: 1 where a lane hit something that faces the sun.
    """
    s = np.zeros(SURFACE_FLOATS, np.float32)
    found = np.empty(LANES, np.int32)
    mine = np.empty(LANES, np.int32)
    width = np.empty(LANES, np.float32)
    f = np.zeros(TEXTURE_FLOATS, np.float32)
    bits = f.view(np.int32)
    i = np.zeros(TEXTURE_INTEGERS, np.int32)
    pixel = np.float32(pixel_rad)
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
            m, look = shading[material], looks[material]
            mark(instance, row, mine)
            tile_points(entry, d, t, mine, s)
            tile_normals(entry, integers, meshes, d, mine, primitive, s)
            _plain(m, mine, s, r)
            if look[TEXTURE] < 0:
                continue
            tile_uv(entry, integers, meshes, mine, primitive, s)
            pixel_widths(d, t, pixel, s, width)
            metric = m[TEXTURE_PER_M] if integers[KIND] != MESH else _ONE
            for lane in range(LANES):
                f[WIDTH_U + lane] = width[lane] * (metric * s[UV_PER_M + lane])
            u, v = s[U : U + LANES], s[V : V + LANES]
            sample_tile(texels, texture_meta, look[TEXTURE], mine, metric, u, v, f, bits, i)
            _tint(mine, f, r)
        _facing_sun(light.sun[table_number], instance, r, wanted[k])


@inline
def _facing_sun(sun, instance, r, wanted):
    """Marks the lanes that the sun would light if nothing stood in between."""
    sx, sy, sz = sun[0], sun[1], sun[2]
    for k in range(LANES):
        facing = r[NORMAL + k] * sx + r[NORMAL + LANES + k] * sy + r[NORMAL + 2 * LANES + k] * sz
        wanted[k] = (instance[k] >= 0) & (facing > _ZERO)


@inline
def _plain(m, mine, s, r):
    """The material's own numbers, the same on all lanes that show the instance."""
    for j in range(3):
        color, glow = m[COLOR + j], m[EMISSION + j]
        for k in range(LANES):
            old_n, old_a = r[NORMAL + j * LANES + k], r[ALBEDO + j * LANES + k]
            old_g = r[GLOW + j * LANES + k]
            r[NORMAL + j * LANES + k] = blend(mine[k], s[NX + j * LANES + k], old_n)
            r[ALBEDO + j * LANES + k] = blend(mine[k], color, old_a)
            r[GLOW + j * LANES + k] = blend(mine[k], glow, old_g)
    gloss, rough = m[SPECULAR], m[ROUGHNESS]
    for k in range(LANES):
        old_s, old_r = r[GLOSS + k], r[ROUGH + k]
        r[GLOSS + k] = blend(mine[k], gloss, old_s)
        r[ROUGH + k] = blend(mine[k], rough, old_r)


@inline
def pixel_widths(d, t, pixel, s, width):
    """Width of each lane's pixel on the surface, metres: the root of its area.

    The longer side of the foot print would never glitter, but blurs more; this is between. With
    directions of z = 1 the product with the normal holds the slant of the pixel on the image plane.
    """
    x, y, z = d[0], d[1], d[2]
    for k in range(LANES):
        length = np.sqrt(x[k] * x[k] + y[k] * y[k] + z[k] * z[k])
        facing = abs(s[NX + k] * x[k] + s[NY + k] * y[k] + s[NZ + k] * z[k])
        least = np.float32(0.05) * length
        facing = facing if facing > least else least
        width[k] = pixel * t[k] / np.sqrt(facing)


@inline
def _tint(mine, f, r):
    """Multiplies the colours of the lanes that show a row by its texture."""
    for k in range(LANES):
        red, green, blue = f[COLORS + 4 * k], f[COLORS + 4 * k + 1], f[COLORS + 4 * k + 2]
        r[ALBEDO + k] *= blend(mine[k], red, _ONE)
        r[ALBEDO + LANES + k] *= blend(mine[k], green, _ONE)
        r[ALBEDO + 2 * LANES + k] *= blend(mine[k], blue, _ONE)
