"""Procedural looks: what a material's pattern makes of its colour at a place on the surface.

Each pattern takes a place in metres (u, v) and the width of the pixel there, and fades details that
are finer than the pixel into their mean, so that far surfaces neither glitter nor crawl.

Coordinates: roads (s, t); walls (along, height above the shape's foot); others as `surface.py`.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np

from fleetloop.envs.trace.jit import inline
from fleetloop.envs.trace.material import PATTERNS
from fleetloop.envs.trace.noise import box_step, filtered_noise, hash_cell, value_noise

CHECKER = PATTERNS.index("checker")
ASPHALT = PATTERNS.index("asphalt")
ROAD = PATTERNS.index("road_two_lanes")
PAVING = PATTERNS.index("paving")
KERB = PATTERNS.index("kerb")
BRICK = PATTERNS.index("brick")
FACADE = PATTERNS.index("facade")
ROOF = PATTERNS.index("roof_tile")
GRASS = PATTERNS.index("grass")
FOLIAGE = PATTERNS.index("foliage")
BARK = PATTERNS.index("bark")
WOOD = PATTERNS.index("wood")
CLOTH = PATTERNS.index("cloth")
TILE = PATTERNS.index("tile")
PLASTER = PATTERNS.index("plaster")
SKIN = PATTERNS.index("skin")

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_TWO = np.float32(2.0)


@inline
def pattern_color(pattern, u, v, footprint, inverse_scale, seed, out):
    """Multiplies `out[0:3]`, the material's colour, by its pattern; `out[3]` becomes glassiness.

    Args:
        pattern: Number in `material.PATTERNS`.
        u, v: Place, metres.
        footprint: Width of the pixel on the surface, metres.
        inverse_scale: 1 / the material's `pattern_scale_m`.
        seed: Of the instance, so that two houses differ.
        out: (4,) float32.
    """
    out[3] = _ZERO
    if pattern == ASPHALT:
        _gray(out, _asphalt(u, v, footprint, seed))
    elif pattern == ROAD:
        _road(u, v, footprint, inverse_scale, seed, out)
    elif pattern == GRASS:
        _grass(u, v, footprint, out)
    elif pattern == FACADE:
        _facade(u, v, footprint, seed, out)
    elif pattern == FOLIAGE:
        _foliage(u, v, footprint, seed, out)
    elif pattern == CHECKER:
        _gray(out, _checker(u * inverse_scale, v * inverse_scale, footprint * inverse_scale))
    elif pattern == BRICK:
        _brick(u, v, footprint, seed, out)
    elif pattern in (PAVING, TILE, KERB):
        _slabs(pattern, u, v, footprint, inverse_scale, seed, out)
    else:
        _gray(out, _soft(pattern, u, v, footprint, inverse_scale, seed))


@inline
def _gray(out, factor):
    for i in range(3):
        out[i] *= factor


@inline
def _asphalt(u, v, footprint, seed):
    fine = filtered_noise(u * 55.0, v * 55.0, footprint * np.float32(55.0), 11)
    grain = filtered_noise(u * 14.0, v * 14.0, footprint * np.float32(14.0), 12)
    stain = filtered_noise(u * 0.45, v * 0.45, footprint * np.float32(0.45), 13 + seed)
    return _ONE + np.float32(0.55) * fine + np.float32(0.28) * grain + np.float32(0.35) * stain


@inline
def _road(s, t, footprint, inverse_width, seed, out):
    """A two-lane road in (s, t): asphalt, wheel tracks, gutters, dashed middle, solid edges."""
    lane = _ONE / inverse_width
    tone = _asphalt(s, t, footprint, seed)
    across = abs(abs(t) - _HALF * lane)
    track = abs(across - np.float32(0.78))
    if track < np.float32(0.45):
        tone -= np.float32(0.16) * (_ONE - track / np.float32(0.45))
    beyond = abs(t) - lane
    if beyond > _ZERO:
        tone += np.float32(0.25) * filtered_noise(s * 1.3, t * 3.0, footprint * np.float32(3.0), 15)
        tone += np.float32(0.10)
    _gray(out, tone)
    phase = s - np.float32(9.0) * np.float32(np.floor(s / np.float32(9.0)))
    along = abs(phase - np.float32(1.5))
    paint = box_step(abs(t), np.float32(0.06), footprint)
    paint *= box_step(along, np.float32(1.5), footprint)
    edge = box_step(abs(abs(t) - lane + np.float32(0.09)), np.float32(0.06), footprint)
    paint = paint if paint > edge else edge
    if paint > _ZERO:
        worn = value_noise(s * 2.3, t * 31.0, 16) * value_noise(s * 19.0, t * 23.0, 17)
        paint *= np.float32(0.94) - np.float32(0.55) * worn
        for i in range(3):
            out[i] += paint * (np.float32(0.74) - out[i])


@inline
def _grass(u, v, footprint, out):
    broad = filtered_noise(u * 0.11, v * 0.11, footprint * np.float32(0.11), 21)
    patch = filtered_noise(u * 0.9, v * 0.9, footprint * np.float32(0.9), 22)
    blade = filtered_noise(u * 23.0, v * 23.0, footprint * np.float32(23.0), 23)
    tone = _ONE + np.float32(0.5) * broad + np.float32(0.45) * patch + np.float32(0.9) * blade
    dry = np.float32(0.5) * (broad + patch)
    out[0] *= tone * (_ONE + np.float32(0.9) * dry)
    out[1] *= tone
    out[2] *= tone * (_ONE - np.float32(0.3) * dry)


@inline
def _foliage(u, v, footprint, seed, out):
    clump = filtered_noise(u * 2.1, v * 2.1, footprint * np.float32(2.1), 31 + seed)
    leaf = filtered_noise(u * 9.0, v * 9.0, footprint * np.float32(9.0), 32 + seed)
    fine = filtered_noise(u * 27.0, v * 27.0, footprint * np.float32(27.0), 33)
    tone = _ONE + np.float32(0.9) * clump + np.float32(1.0) * leaf + np.float32(0.7) * fine
    tone = tone if tone > np.float32(0.15) else np.float32(0.15)
    out[0] *= tone * (_ONE + np.float32(0.5) * leaf)
    out[1] *= tone
    out[2] *= tone


@inline
def _checker(u, v, footprint):
    """White and black squares, mean 0.5; the black ones keep a tenth."""
    x, y = _square_wave(u, footprint), _square_wave(v, footprint)
    return np.float32(0.55) + np.float32(0.45) * x * y


@inline
def _square_wave(x, footprint):
    """+1 and -1 in turn, box-filtered over the pixel (exact integral of the wave)."""
    width = footprint if footprint > np.float32(1e-4) else np.float32(1e-4)
    high, low = _triangle(x + _HALF * width), _triangle(x - _HALF * width)
    return (high - low) / width


@inline
def _triangle(x):
    phase = x - _TWO * np.float32(np.floor(_HALF * x))
    return phase if phase < _ONE else _TWO - phase


@inline
def _brick(u, v, footprint, seed, out):
    row = np.floor(v / np.float32(0.075))
    shifted = u + (np.float32(0.125) if int(row) % 2 else _ZERO)
    column = np.floor(shifted / np.float32(0.25))
    tint = hash_cell(int(column), int(row), 41 + seed)
    keep = min(max(_ONE - footprint * np.float32(7.0), _ZERO), _ONE)
    tone = _ONE + keep * (np.float32(0.5) * tint - np.float32(0.25))
    bed = abs(v / np.float32(0.075) - np.float32(row) - _HALF) * np.float32(0.075)
    head = abs(shifted / np.float32(0.25) - np.float32(column) - _HALF) * np.float32(0.25)
    mortar = box_step(np.float32(0.0375) - bed, np.float32(0.005), footprint)
    upright = box_step(np.float32(0.125) - head, np.float32(0.005), footprint)
    mortar = mortar if mortar > upright else upright
    for i in range(3):
        out[i] = out[i] * tone + mortar * (np.float32(0.5) - out[i] * tone)


@inline
def _facade(along, height, footprint, seed, out):
    """Plaster with a plinth, storeys of 3 m, and windows with frames and sills."""
    tone = _ONE + np.float32(0.16) * filtered_noise(
        along * 0.6, height * 0.6, footprint * np.float32(0.6), 51 + seed
    )
    tone += np.float32(0.12) * filtered_noise(
        along * 9.0, height * 9.0, footprint * np.float32(9.0), 52
    )
    _gray(out, tone)
    if height < np.float32(0.45):
        _gray(out, np.float32(0.55))
        return
    bay = np.float32(2.2) + np.float32(0.9) * hash_cell(seed, 3, 53)
    storey = np.float32(3.0)
    level, column = np.floor(height / storey), np.floor(along / bay)
    x = along - (np.float32(column) + _HALF) * bay
    y = height - np.float32(level) * storey
    half = np.float32(0.42) + np.float32(0.25) * hash_cell(seed, 4, 54)
    bottom, top = np.float32(0.95), np.float32(2.35)
    door = int(level) == 0 and hash_cell(int(column), seed, 55) < np.float32(0.22)
    if door:
        bottom, top, half = np.float32(0.2), np.float32(2.25), np.float32(0.48)
    middle, reach = _HALF * (bottom + top), _HALF * (top - bottom)
    frame = box_step(abs(x), half + np.float32(0.09), footprint)
    frame *= box_step(abs(y - middle), reach + np.float32(0.09), footprint)
    pane = box_step(abs(x), half, footprint) * box_step(abs(y - middle), reach, footprint)
    bar = box_step(abs(x), np.float32(0.03), footprint)
    pane *= _ONE - bar
    sill = box_step(abs(x), half + np.float32(0.18), footprint)
    sill *= box_step(abs(y - bottom + np.float32(0.13)), np.float32(0.05), footprint)
    cornice = box_step(abs(y - np.float32(2.93)), np.float32(0.05), footprint)
    light = max(sill, np.float32(0.6) * cornice)
    for i in range(3):
        out[i] += light * (np.float32(0.62) - out[i])
        out[i] += frame * (np.float32(0.70) - out[i])
        glass = np.float32(0.13) if door else np.float32(0.035)
        out[i] += pane * (glass - out[i])
    # Glassiness: whole part, which window (for the lights at night), and how much of the pixel.
    lit = hash_cell(int(column) + 57 * int(level), seed, 56)
    out[3] = _ZERO if door else pane * (np.float32(0.25) + np.float32(0.75) * lit)


@inline
def _slabs(pattern, u, v, footprint, inverse_scale, seed, out):
    """Square slabs, tiles, or kerb stones, with joints between them."""
    size = _ONE / inverse_scale
    x, y = u * inverse_scale, v * inverse_scale
    column, row = np.floor(x), np.floor(y)
    if pattern == KERB:
        row = np.float32(0.0)
    tint = hash_cell(int(column), int(row), 61 + seed)
    keep = min(max(_ONE - _TWO * footprint * inverse_scale, _ZERO), _ONE)
    tone = _ONE + keep * (np.float32(0.24) * tint - np.float32(0.12))
    tone += np.float32(0.22) * filtered_noise(u * 18.0, v * 18.0, footprint * np.float32(18.0), 62)
    joint = np.float32(0.006) if pattern != TILE else np.float32(0.003)
    beside = (_HALF - abs(x - np.float32(column) - _HALF)) * size
    gap = box_step(beside, joint, footprint)
    if pattern != KERB:
        below = (_HALF - abs(y - np.float32(row) - _HALF)) * size
        other = box_step(below, joint, footprint)
        gap = gap if gap > other else other
    _gray(out, tone * (_ONE - np.float32(0.55) * gap))


@inline
def _soft(pattern, u, v, footprint, inverse_scale, seed):
    """Patterns that only vary in tone: bark, wood, cloth, roof tiles, plaster, skin."""
    if pattern == ROOF:
        course = v / np.float32(0.33)
        phase = course - np.float32(np.floor(course))
        keep = min(max(_ONE - footprint * np.float32(3.0), _ZERO), _ONE)
        tint = hash_cell(int(np.floor(u / np.float32(0.25))), int(np.floor(course)), 71 + seed)
        return _ONE + keep * (np.float32(0.35) * phase - np.float32(0.25) + np.float32(0.3) * tint)
    if pattern == BARK:
        return _ONE + np.float32(0.9) * filtered_noise(
            u * 30.0, v * 4.0, footprint * np.float32(30.0), 72
        )
    if pattern == WOOD:
        wave = filtered_noise(u * 2.0, v * 28.0, footprint * np.float32(28.0), 73)
        fine = filtered_noise(u * 6.0, v * 120.0, footprint * np.float32(120.0), 74)
        return _ONE + np.float32(0.55) * wave + np.float32(0.35) * fine
    if pattern == CLOTH:
        weave = filtered_noise(u * 160.0, v * 160.0, footprint * np.float32(160.0), 75)
        fold = filtered_noise(u * 5.0, v * 3.0, footprint * np.float32(5.0), 76 + seed)
        return _ONE + np.float32(0.3) * weave + np.float32(0.35) * fold
    strength = np.float32(0.10) if pattern == SKIN else np.float32(0.22)
    grain = filtered_noise(u * 7.0, v * 7.0, footprint * np.float32(7.0), 77 + seed)
    return _ONE + strength * grain
