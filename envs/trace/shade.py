"""Light on surfaces: sun with its exact shadow, sky and ground light, gloss, lamps, fog, the sky.

The second half of shading: from records (`albedo`) and shadows (`occlusion`) to linear radiance,
(k, 3, LANES) float32, in units of a white surface in full sun.

Diffuse light is Lambert's. Ambient light blends sky and ground light by how far the normal looks
up. Gloss is Schlick's Fresnel term over the sky's mirror image, and a Blinn-Phong lobe for the sun
whose exponent follows roughness as 2 / roughness^4 - 2 (Walter et al. 2007 equate it with GGX).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.albedo import ALBEDO, GLOSS, GLOW, NORMAL, ROUGH
from fleetloop.envs.trace.blend import choose
from fleetloop.envs.trace.jit import inline, kernel
from fleetloop.envs.trace.layout import LANES, GBuffer, TileArrays
from fleetloop.envs.trace.light import (
    FOG_PER_M,
    GROUND_LIGHT,
    HORIZON,
    SKY_COLOR,
    SUN_COLOR,
    LightArrays,
)
from fleetloop.envs.trace.sky import SKY_FLOATS, sky_line, sky_radiance, sky_tile

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
# Rougher surfaces than this show neither mirror images nor a highlight worth computing.
_GLOSSY = np.float32(0.6)


@kernel
def light_tiles(
    tiles: TileArrays,
    gbuffer: GBuffer,
    record: npt.NDArray[np.float32],
    shadow: npt.NDArray[np.uint8],
    light: LightArrays,
    hdr: npt.NDArray[np.float32],
) -> None:
    """Turns records into radiance for a list of tiles.

    Args:
        tiles, gbuffer: As in `visibility`, filled.
        record: (k, RECORD_FLOATS) from `surface_records`.
        shadow: (k, LANES) from `sun_shadow`.
        light: In the ray frames of the tables.
        hdr: (k, 3, LANES) written.
    """
    out = np.empty(3, np.float32)
    f = np.empty(SKY_FLOATS, np.float32)
    bits = f.view(np.int32)
    n_lamps = light.lamps.shape[1]
    fog = light.numbers[FOG_PER_M]
    for k in range(len(tiles.tiles)):
        table = tiles.table_of_tile[k]
        d, t, instance = tiles.directions[tiles.tiles[k]], gbuffer.t[k], gbuffer.instance[k]
        r, h = record[k], hdr[k]
        hits, glossy = _count(instance, r)
        if hits > 0:
            _diffuse(r, shadow[k], light, table, h)
        if n_lamps > 0 and hits > 0:
            _lamps(d, t, instance, r, light.lamps[table], h)
        if glossy > 0:
            _gloss(d, instance, r, shadow[k], light, table, out, h)
        if fog > _ZERO and hits > 0:
            _fog(d, t, light.numbers, fog, h)
        if hits < LANES:
            _sky(d, instance, light, table, f, bits, h)


@inline
def _count(instance, r):
    hits = np.int32(0)
    glossy = np.int32(0)
    for k in range(LANES):
        seen = instance[k] >= 0
        hits += np.int32(seen)
        glossy += np.int32(seen & (r[ROUGH + k] < _GLOSSY) & (r[GLOSS + k] > _ZERO))
    return hits, glossy


@inline
def _diffuse(r, shadow, light, table, h):
    """Sun and sky on all lanes; lanes without a hit are overwritten by the sky later."""
    sun, up, n = light.sun[table], light.up[table], light.numbers
    sx, sy, sz, ux, uy, uz = sun[0], sun[1], sun[2], up[0], up[1], up[2]
    for i in range(3):
        direct, above, below = n[SUN_COLOR + i], n[SKY_COLOR + i], n[GROUND_LIGHT + i]
        middle, swing = _HALF * (above + below), _HALF * (above - below)
        albedo, glow, line = ALBEDO + i * LANES, GLOW + i * LANES, h[i]
        for k in range(LANES):
            nx, ny, nz = r[NORMAL + k], r[NORMAL + LANES + k], r[NORMAL + 2 * LANES + k]
            facing = nx * sx + ny * sy + nz * sz
            lit = choose((facing > _ZERO) & (shadow[k] == 0), facing, _ZERO)
            rise = nx * ux + ny * uy + nz * uz
            line[k] = r[albedo + k] * (direct * lit + middle + swing * rise) + r[glow + k]


@inline
def _lamps(d, t, instance, r, lamps, h):
    """Lamps light by the inverse square, faded to nothing at their range; they cast no shadow."""
    for number in range(lamps.shape[0]):
        lamp = lamps[number]
        reach2 = lamp[10] * lamp[10]
        for k in range(LANES):
            if instance[k] < 0:
                continue
            x = lamp[0] - t[k] * d[0, k]
            y = lamp[1] - t[k] * d[1, k]
            z = lamp[2] - t[k] * d[2, k]
            square = x * x + y * y + z * z
            if square > reach2:
                continue
            inverse = _ONE / np.sqrt(square + np.float32(1e-6))
            x, y, z = x * inverse, y * inverse, z * inverse
            facing = r[NORMAL + k] * x + r[NORMAL + LANES + k] * y + r[NORMAL + 2 * LANES + k] * z
            along = -(lamp[3] * x + lamp[4] * y + lamp[5] * z)
            cone = (along - lamp[9]) / (_ONE - lamp[9] + np.float32(1e-6))
            if lamp[9] <= np.float32(-0.999):
                cone = _ONE
            if facing <= _ZERO or cone <= _ZERO:
                continue
            fade = _ONE - square / reach2
            bright = facing * fade * fade * inverse * inverse * cone * cone
            for i in range(3):
                h[i, k] += r[ALBEDO + i * LANES + k] * lamp[6 + i] * bright
            if r[ROUGH + k] < _GLOSSY and r[GLOSS + k] > _ZERO:
                lobe = bright / facing * _lamp_lobe(d, r, x, y, z, k)
                for i in range(3):
                    h[i, k] += lamp[6 + i] * lobe


@inline
def _lamp_lobe(d, r, x, y, z, k):
    """Mirror image of a lamp in direction (x, y, z): Blinn-Phong with Schlick's Fresnel term."""
    dx, dy, dz = d[0, k], d[1, k], d[2, k]
    inverse = _ONE / np.sqrt(dx * dx + dy * dy + dz * dz)
    hx, hy, hz = x - dx * inverse, y - dy * inverse, z - dz * inverse
    half = _ONE / np.sqrt(hx * hx + hy * hy + hz * hz + np.float32(1e-9))
    hx, hy, hz = hx * half, hy * half, hz * half
    spot = hx * r[NORMAL + k] + hy * r[NORMAL + LANES + k] + hz * r[NORMAL + 2 * LANES + k]
    if spot <= _ZERO:
        return _ZERO
    square = max(r[ROUGH + k] * r[ROUGH + k], np.float32(0.02))
    exponent = max(np.float32(2.0) / (square * square) - np.float32(2.0), _ONE)
    grazing = _ONE - min(max(x * hx + y * hy + z * hz, _ZERO), _ONE)
    power = grazing * grazing * grazing * grazing * grazing
    fresnel = r[GLOSS + k] + (_ONE - r[GLOSS + k]) * power
    lobe = np.float32(np.exp(exponent * np.log(spot))) * (exponent + np.float32(8.0))
    return min(fresnel * lobe * np.float32(1.0 / 8.0), np.float32(40.0))


@inline
def _gloss(d, instance, r, shadow, light, table, out, h):
    """The sky's mirror image and the sun's highlight on smooth surfaces."""
    sun, turn, n = light.sun[table], light.world_R_sensor[table], light.numbers
    for k in range(LANES):
        rough = r[ROUGH + k]
        if instance[k] < 0 or rough >= _GLOSSY:
            continue
        x, y, z = d[0, k], d[1, k], d[2, k]
        inverse = _ONE / np.sqrt(x * x + y * y + z * z)
        x, y, z = x * inverse, y * inverse, z * inverse
        nx, ny, nz = r[NORMAL + k], r[NORMAL + LANES + k], r[NORMAL + 2 * LANES + k]
        cosine = -(x * nx + y * ny + z * nz)
        cosine = min(max(cosine, _ZERO), _ONE)
        mx, my, mz = x + _two(cosine) * nx, y + _two(cosine) * ny, z + _two(cosine) * nz
        wx = turn[0, 0] * mx + turn[0, 1] * my + turn[0, 2] * mz
        wy = turn[1, 0] * mx + turn[1, 1] * my + turn[1, 2] * mz
        wz = turn[2, 0] * mx + turn[2, 1] * my + turn[2, 2] * mz
        base = r[GLOSS + k]
        grazing = _ONE - cosine
        power = grazing * grazing * grazing * grazing * grazing
        smooth = _ONE - rough / _GLOSSY
        fresnel = (base + (max(_ONE - rough, base) - base) * power) * smooth
        if wz > np.float32(-0.05):
            sky_radiance(wx, wy, max(wz, np.float32(0.0)), n, out)
        else:
            for i in range(3):
                out[i] = n[GROUND_LIGHT + i]
        for i in range(3):
            bounded = min(out[i], np.float32(4.0))
            h[i, k] += fresnel * (bounded - h[i, k] * _HALF)
        if shadow[k] == 0:
            hx, hy, hz = sun[0] - x, sun[1] - y, sun[2] - z
            half = _ONE / np.sqrt(hx * hx + hy * hy + hz * hz + np.float32(1e-9))
            spot = (hx * nx + hy * ny + hz * nz) * half
            if spot > _ZERO and sun[0] * nx + sun[1] * ny + sun[2] * nz > _ZERO:
                square = max(rough * rough, np.float32(0.02))
                exponent = np.float32(2.0) / (square * square) - np.float32(2.0)
                exponent = max(exponent, _ONE)
                lobe = np.float32(np.exp(exponent * np.log(spot)))
                lobe *= base * (exponent + np.float32(8.0)) * np.float32(1.0 / 8.0)
                lobe = min(lobe, np.float32(12.0))
                for i in range(3):
                    h[i, k] += lobe * n[SUN_COLOR + i]


@inline
def _two(value):
    return np.float32(2.0) * value


@inline
def _fog(d, t, numbers, fog, h):
    """Beer's law towards the horizon's colour."""
    f0, f1, f2 = numbers[HORIZON], numbers[HORIZON + 1], numbers[HORIZON + 2]
    for k in range(LANES):
        x, y, z = d[0, k], d[1, k], d[2, k]
        away = t[k] * np.sqrt(x * x + y * y + z * z)
        keep = np.float32(np.exp(-fog * away))
        h[0, k] = f0 + keep * (h[0, k] - f0)
        h[1, k] = f1 + keep * (h[1, k] - f1)
        h[2, k] = f2 + keep * (h[2, k] - f2)


@inline
def _sky(d, instance, light, table, f, bits, h):
    n = light.numbers
    # Fog fills the sky as well: what is left of it shines through from above.
    veil = min(n[FOG_PER_M] * np.float32(150.0), _ONE)
    sky_tile(d, light.world_R_sensor[table], n, f, bits)
    for i in range(3):
        sky_line(i, n, veil, instance, f, h[i])
