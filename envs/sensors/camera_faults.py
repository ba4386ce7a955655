"""What goes wrong with cameras: things on the glass in front, and broken pixels behind it.

Where dirt sits and which pixels break is drawn once per episode; the severity says how much of it
shows. Glass is drawn only if the config has such a fault, and broken pixels are a key of two words.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from fleetloop.envs.sensors.base import Fault, State
from fleetloop.envs.sensors.imager import Defects, Digits
from fleetloop.envs.sensors.pixel_noise import Key, uniform_image

GLASS_FAULTS = ("blocked_lens", "dirty_lens", "water_drops")
"""Severity: the part of the light that is kept out, the splashes' opacity, the part of the drops.

A `blocked_lens` of severity 1 is dark, `dirty_lens` veils, `water_drops` show the world upside
down.
"""

PIXEL_FAULTS = ("dead_pixels", "hot_pixels", "stuck_columns")
"""Severity: part of the pixels or columns, with the greatest parts of `MOST_*` at 1."""

MOST_DEAD, MOST_HOT, MOST_STUCK = 0.02, 0.005, 0.02

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""What the channels of linear sRGB add to brightness (IEC 61966-2-1)."""

_SPLASHES, _DROPS = 24, 40
_COARSE = 4

Light = npt.NDArray[np.float32]
Shape = tuple[int, int]


def draw_glass(kinds: set[str], shape: Shape, rng: np.random.Generator) -> State:
    """Where dirt and drops sit, for those faults that may come, (height, width) each."""
    state: State = {}
    if "dirty_lens" in kinds:
        state["dirt"] = _dirt(shape, rng)
    if "water_drops" in kinds:
        state["drop_source"], state["drop_cover"], state["drop_rank"] = _drops(shape, rng)
    return state


def through_glass(light: Light, faults: Mapping[str, Fault], state: State) -> Light:
    """What passes the glass, (height, width, 3); `light` itself if nothing is on it."""
    if "water_drops" in faults:
        light = _through_drops(light, faults["water_drops"].severity, state)
    if "dirty_lens" in faults:
        # Splashes glow with the light around them.
        cover = np.float32(faults["dirty_lens"].severity) * state["dirt"][..., None]
        veil = np.float32(0.35) * light.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
        light = light + cover * (veil - light)
    if "blocked_lens" in faults:
        # Whatever passed at severity 1, the exposure loop would bring back to a clean picture.
        light = light * np.float32(1.0 - faults["blocked_lens"].severity)
    return light


def glass_transmission(shape: Shape, faults: Mapping[str, Fault], state: State) -> Light | None:
    """Part of the light that passes dirty or blocked glass, (height, width); None if all does."""
    passed = None
    if "dirty_lens" in faults:
        passed = np.float32(1.0) - np.float32(faults["dirty_lens"].severity) * state["dirt"]
    if "blocked_lens" in faults:
        passed = np.ones(shape, np.float32) if passed is None else passed
        passed = passed * np.float32(1.0 - faults["blocked_lens"].severity)
    return passed


def pixel_defects(faults: Mapping[str, Fault], key: Key) -> Defects | None:
    """What puts broken pixels into digits, or None without such a fault.

    Args:
        faults: Those that are active.
        key: Names this piece of silicon.
    """
    active = {kind: faults[kind].severity for kind in PIXEL_FAULTS if kind in faults}
    if not active:
        return None

    def spoil(digits: Digits, top: int) -> Digits:
        spoiled = digits.copy()
        for number, (kind, break_pixels) in enumerate(_BREAKERS.items()):
            if kind in active:
                # Each kind has its own pattern, whatever else is broken.
                own = np.array([key[0], key[1] ^ np.uint32(number + 1)], np.uint32)
                break_pixels(spoiled, top, active[kind], own)
        return spoiled

    return spoil


def _kill_pixels(digits: Digits, top: int, severity: float, key: Key) -> None:
    digits[uniform_image(key, digits.shape[:2]) < MOST_DEAD * severity] = 0


def _heat_pixels(digits: Digits, top: int, severity: float, key: Key) -> None:
    """Hot pixels leak so much that they are half to wholly bright, whatever they see."""
    drawn = uniform_image(key, digits.shape[:2])
    hot = drawn < MOST_HOT * severity
    level = top * (0.5 + 0.5 * drawn[hot] / np.float32(MOST_HOT))
    level = np.rint(level).astype(digits.dtype).reshape(-1, *(1,) * (digits.ndim - 2))
    digits[hot] = np.maximum(digits[hot], level)


def _stick_columns(digits: Digits, top: int, severity: float, key: Key) -> None:
    """Stuck columns show full scale; one at least is stuck as soon as there is any severity."""
    drawn = uniform_image(key, (digits.shape[1],))
    limit = max(MOST_STUCK * severity, float(drawn.min())) if severity > 0.0 else -1.0
    digits[:, drawn <= limit] = top


_BREAKERS = dict(zip(PIXEL_FAULTS, (_kill_pixels, _heat_pixels, _stick_columns), strict=True))


def _window(row: float, column: float, radius: float, shape: Shape) -> tuple[slice, slice]:
    """The part of the image that a round thing can touch."""
    rows = slice(max(int(row - radius), 0), min(int(row + radius) + 2, shape[0]))
    columns = slice(max(int(column - radius), 0), min(int(column + radius) + 2, shape[1]))
    return rows, columns


def _dirt(shape: Shape, rng: np.random.Generator) -> Light:
    """Blurred splashes on the front glass: 0 clean, 1 opaque, (height, width)."""
    dirt = np.zeros(shape, np.float32)
    size = max(shape)
    for row, column, size_drawn in rng.random((_SPLASHES, 3)) * (*shape, 1.0):
        radius = (0.01 + 0.05 * size_drawn) * size
        window = _window(row, column, 2.5 * radius, shape)
        rows, columns = np.ogrid[window]
        square = ((rows - row) ** 2 + (columns - column) ** 2) / radius**2
        dirt[window] = np.maximum(dirt[window], np.exp(-(square**1.5)).astype(np.float32))
    return dirt


def _drops(shape: Shape, rng: np.random.Generator) -> tuple[npt.NDArray[np.int32], Light, Light]:
    """Drops on the front glass: where each pixel looks instead, how much of it, and their rank.

    A drop is a short lens out of focus: it shows a wide piece of the world upside down, blurred
    and darker to its rim [Roser and Geiger 2009, "Video-based raindrop detection for improved image
    registration"]. Sources are flat indices into the picture shrunk by `_COARSE`.
    """
    coarse = (-(-shape[0] // _COARSE), -(-shape[1] // _COARSE))
    source = np.zeros(shape, np.int32)
    cover, rank = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    for number, (row, column, drawn) in enumerate(rng.random((_DROPS, 3)) * (*shape, 1.0)):
        radius = (0.015 + 0.035 * drawn) * max(shape)
        window = _window(row, column, radius, shape)
        rows, columns = np.ogrid[window]
        square = ((rows - row) ** 2 + (columns - column) ** 2) / radius**2
        inside = square < 1.0
        reach = 6.0
        seen_row = np.clip((row - reach * (rows - row)) // _COARSE, 0, coarse[0] - 1)
        seen_column = np.clip((column - reach * (columns - column)) // _COARSE, 0, coarse[1] - 1)
        index = (seen_row * coarse[1] + seen_column).astype(np.int32)
        source[window] = np.where(inside, index, source[window])
        fading = np.minimum(4.0 * (1.0 - square), 1.0).astype(np.float32)
        cover[window] = np.where(inside, fading, cover[window])
        rank[window] = np.where(inside, np.float32((number + 0.5) / _DROPS), rank[window])
    return source, cover, rank


def _through_drops(light: Light, severity: float, state: State) -> Light:
    height, width = light.shape[:2]
    padded = np.pad(light, ((0, -height % _COARSE), (0, -width % _COARSE), (0, 0)), mode="edge")
    blocks = padded.reshape(
        padded.shape[0] // _COARSE, _COARSE, padded.shape[1] // _COARSE, _COARSE, 3
    )
    blurred = blocks.mean(axis=(1, 3), dtype=np.float64).astype(np.float32)
    # A fifth of the light is lost at the two surfaces and in the drop.
    seen = np.float32(0.8) * blurred.reshape(-1, 3)[state["drop_source"]]
    cover = np.where(state["drop_rank"] < severity, state["drop_cover"], np.float32(0.0))
    return np.asarray(light + cover[..., None] * (seen - light), np.float32)
