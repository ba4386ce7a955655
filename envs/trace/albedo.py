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
    U,
    V,
    tile_normals,
    tile_points,
    tile_uv,
    visible_rows,
)
from fleetloop.envs.trace.texture import (
    BLUE,
    GREEN,
    RED,
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
            tile_points(entry, row, d, t, instance, s)
            tile_normals(entry, row, integers, meshes, d, instance, primitive, s)
            _plain(row, m, instance, s, r)
            if look[TEXTURE] < 0:
                continue
            tile_uv(entry, row, integers, meshes, instance, primitive, s)
            pixel_widths(d, t, pixel, s, width)
            metric = m[TEXTURE_PER_M] if integers[KIND] != MESH else _ONE
            if integers[KIND] == MESH:
                _mesh_widths(row, meshes, instance, primitive, width, f)
            else:
                for lane in range(LANES):
                    f[WIDTH_U + lane] = width[lane] * metric
            _textured(row, metric, look[TEXTURE], texels, texture_meta, instance, s, f, bits,
                      i, r)  # fmt: skip
        _facing_sun(light.sun[table_number], instance, r, wanted[k])


@inline
def _facing_sun(sun, instance, r, wanted):
    """Marks the lanes that the sun would light if nothing stood in between."""
    sx, sy, sz = sun[0], sun[1], sun[2]
    for k in range(LANES):
        facing = r[NORMAL + k] * sx + r[NORMAL + LANES + k] * sy + r[NORMAL + 2 * LANES + k] * sz
        wanted[k] = 1 if instance[k] >= 0 and facing > _ZERO else 0


@inline
def _plain(row, m, instance, s, r):
    """The material's own numbers, the same on all lanes that show the instance."""
    c0, c1, c2 = m[COLOR], m[COLOR + 1], m[COLOR + 2]
    e0, e1, e2 = m[EMISSION], m[EMISSION + 1], m[EMISSION + 2]
    gloss, rough = m[SPECULAR], m[ROUGHNESS]
    for k in range(LANES):
        if instance[k] == row:
            r[NORMAL + k] = s[NX + k]
            r[NORMAL + LANES + k] = s[NY + k]
            r[NORMAL + 2 * LANES + k] = s[NZ + k]
            r[ALBEDO + k] = c0
            r[ALBEDO + LANES + k] = c1
            r[ALBEDO + 2 * LANES + k] = c2
            r[GLOW + k] = e0
            r[GLOW + LANES + k] = e1
            r[GLOW + 2 * LANES + k] = e2
            r[GLOSS + k] = gloss
            r[ROUGH + k] = rough


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
def _mesh_widths(row, meshes, instance, primitive, width, f):
    """Width of each lane's pixel in the texture coordinates of its triangle."""
    last = np.int32(-1)
    scale = _ONE
    for k in range(LANES):
        if instance[k] != row:
            continue
        if primitive[k] != last:
            last = primitive[k]
            scale = _uv_per_m(meshes, last)
        f[WIDTH_U + k] = width[k] * scale


@inline
def _uv_per_m(meshes, triangle):
    """Root of the ratio of a triangle's areas, in texture coordinates and in metres."""
    c, at, uv = meshes.corners[triangle], meshes.triangles[triangle], meshes.uv
    ux, uy, uz = c[3] - c[0], c[4] - c[1], c[5] - c[2]
    vx, vy, vz = c[6] - c[0], c[7] - c[1], c[8] - c[2]
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    area = np.sqrt(nx * nx + ny * ny + nz * nz)
    a, b = uv[at[1], 0] - uv[at[0], 0], uv[at[1], 1] - uv[at[0], 1]
    e, g = uv[at[2], 0] - uv[at[0], 0], uv[at[2], 1] - uv[at[0], 1]
    return np.sqrt(abs(a * g - b * e) / (area + np.float32(1e-20)))


@inline
def _textured(row, metric, texture, texels, texture_meta, instance, s, f, bits, i, r):
    """Multiplies the colours of the lanes that show a row by its texture."""
    for k in range(LANES):
        s[U + k] *= metric
        s[V + k] *= metric
    u, v = s[U : U + LANES], s[V : V + LANES]
    sample_tile(texels, texture_meta, texture, row, instance, u, v, f, bits, i)
    for k in range(LANES):
        if instance[k] == row:
            r[ALBEDO + k] *= f[RED + k]
            r[ALBEDO + LANES + k] *= f[GREEN + k]
            r[ALBEDO + 2 * LANES + k] *= f[BLUE + k]
    for k in range(LANES):
        s[U + k] /= metric
        s[V + k] /= metric
