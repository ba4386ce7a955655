"""The pixels of an event camera: each tells on its own when its light has changed by a threshold.

A pixel fires when the logarithm of its light has moved by its threshold since it fired last
[Gallego et al. 2022, "Event-based vision: a survey", IEEE TPAMI 44(1), eq. 1 to 3]. Between
sub-frames the logarithm is taken as linear, so a pixel may fire several times, each at its own
time, as ESIM does [Rebecq, Gehrig and Scaramuzza 2018, "ESIM: an open event camera simulator"].
What real pixels do besides follows v2e [Hu, Liu and Delbruck 2021, "v2e: from video frames to
realistic DVS events"]: thresholds differ, the photoreceptor is slow in the dark, leakage fires
events that brighten, shot noise fires either, most of it in the dark, and a pixel rests after each.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_not_negative
from fleetloop.core.errors import ConfigError
from fleetloop.envs.sensors.pixel_noise import Key, normal_pair, uniform
from fleetloop.envs.trace.jit import kernel

Image = npt.NDArray[np.float32]

LEAST_THRESHOLD = 0.01
"""No pixel is more sensitive, whatever its mismatch."""

_SHOT_IN_LIGHT = 0.25
"""Shot noise rate in full light, relative to that in the dark [v2e, section 4.2]."""

_SLOWEST = 0.1
"""Bandwidth in the dark, relative to that in full light."""

WORKS, DEAD, HOT = 0, 1, 2
"""What a pixel may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelModel:
    """Pixels of an event camera; the defaults are v2e's for a DVS346 in good light.

    Attributes:
        threshold_on, threshold_off: Change of the natural logarithm of light that fires an event.
        mismatch: Standard deviation of the thresholds between pixels, absolute.
        refractory_s: For how long a pixel fires no other event; what it missed is lost.
        dark_light: Light, in units of a white surface in full sun, that dark current is equal to.
        cutoff_hz: Bandwidth of the photoreceptor in full light; 0 is infinitely fast.
        leak_hz: Events per second by leakage.
        shot_hz: Events per second by shot noise in the dark.
    """

    threshold_on: float = 0.2
    threshold_off: float = 0.2
    mismatch: float = 0.03
    refractory_s: float = 5e-4
    dark_light: float = 1e-3
    cutoff_hz: float = 0.0
    leak_hz: float = 0.1
    shot_hz: float = 1.0

    def __post_init__(self) -> None:
        for name in ("threshold_on", "threshold_off"):
            if not LEAST_THRESHOLD <= getattr(self, name) < math.inf:
                raise ConfigError(
                    f"{name} of event pixels is {getattr(self, name)}: use {LEAST_THRESHOLD} or "
                    "more."
                )
        check_not_negative(
            self, "event pixels", "mismatch", "refractory_s", "cutoff_hz", "leak_hz", "shot_hz"
        )
        if not 0.0 < self.dark_light <= 1.0:
            raise ConfigError(
                f"dark_light of event pixels is {self.dark_light}: use above 0 to 1; without it "
                "the logarithm of darkness is infinite."
            )


class Pixels(NamedTuple):
    """What pixels remember, (height, width) float32 each; changed in place by `fire`.

    Attributes:
        level: Logarithm of light behind the photoreceptor.
        reference: That at which a pixel fired last.
        rested_s: When it did, relative to the instant that times count from.
    """

    level: Image
    reference: Image
    rested_s: Image


class Events(NamedTuple):
    """Room for events, filled from the front.

    Attributes:
        x, y: Column and row, (capacity,) uint16.
        time_s: (capacity,) float32.
        polarity: (capacity,) bool, True where it became brighter.
        counts: (2,) int64: stored, and lost for want of room.
        histogram: (height, width, 2) uint16, all events by pixel: darker, brighter.
    """

    x: npt.NDArray[np.uint16]
    y: npt.NDArray[np.uint16]
    time_s: Image
    polarity: npt.NDArray[np.bool_]
    counts: npt.NDArray[np.int64]
    histogram: npt.NDArray[np.uint16]


def empty_events(capacity: int, shape: tuple[int, int]) -> Events:
    """Room for so many events of an image."""
    return Events(
        np.zeros(capacity, np.uint16),
        np.zeros(capacity, np.uint16),
        np.zeros(capacity, np.float32),
        np.zeros(capacity, np.bool_),
        np.zeros(2, np.int64),
        np.zeros((*shape, 2), np.uint16),
    )


def in_order(events: Events) -> Events:
    """The stored events by time; those of one instant stay row by row."""
    count = int(events.counts[0])
    order = np.argsort(events.time_s[:count], kind="stable")
    return Events(
        events.x[order],
        events.y[order],
        events.time_s[order],
        events.polarity[order],
        events.counts,
        events.histogram,
    )


def start_pixels(model: PixelModel, light: Image, silicon: Key, key: Key | None) -> Pixels:
    """Pixels that have looked at some light for long.

    Args:
        model: The pixels.
        light: What they look at, (height, width).
        silicon: Names the thresholds' mismatch.
        key: Puts each pixel somewhere on its way to the next event; None puts all at its begin.
    """
    level = np.log(light + np.float32(model.dark_light)).astype(np.float32)
    reference = level.copy()
    if key is not None:
        _stagger(reference, model.threshold_on, model.mismatch, silicon, key)
    return Pixels(level, reference, np.full(level.shape, -1e6, np.float32))


def fire(
    model: PixelModel,
    light: Image,
    interval_s: tuple[float, float],
    pixels: Pixels,
    kinds: npt.NDArray[np.uint8],
    silicon: Key,
    noise: Key,
    events: Events,
) -> None:
    """Adds the events of one sub-interval.

    Args:
        model: The pixels.
        light: At its end, (height, width), in units of a white surface in full sun.
        interval_s: Begin and end.
        pixels: Changed in place.
        kinds: WORKS, DEAD or HOT, (height, width).
        silicon: Names the thresholds' mismatch.
        noise: Names the noise of this sub-interval.
        events: Room.
    """
    numbers = np.array(
        [
            model.threshold_on,
            model.threshold_off,
            model.mismatch,
            model.refractory_s,
            model.dark_light,
            2.0 * math.pi * model.cutoff_hz,
            model.leak_hz,
            model.shot_hz,
            *interval_s,
        ]
    )
    _fire(light, numbers, pixels, kinds, silicon, noise, events)


@kernel
def _stagger(reference, threshold_on, mismatch, silicon, key):
    """Puts references evenly below the level, so that leakage does not fire all at once."""
    height, width = reference.shape
    for r in range(height):
        for c in range(width):
            counter = r * width + c
            unlike, _ = normal_pair(counter, silicon[0], silicon[1])
            on = max(threshold_on + mismatch * unlike, LEAST_THRESHOLD)
            reference[r, c] -= uniform(counter, key[0], key[1]) * on


@kernel
def _store(events, row, column, time_s, brighter):
    events.histogram[row, column, 1 if brighter else 0] += 1
    stored = events.counts[0]
    if stored == len(events.x):
        events.counts[1] += 1
        return
    events.x[stored] = column
    events.y[stored] = row
    events.time_s[stored] = time_s
    events.polarity[stored] = brighter
    events.counts[0] = stored + 1


@kernel
def _fire(light, numbers, pixels, kinds, silicon, noise, events):
    threshold_on, threshold_off, mismatch = numbers[0], numbers[1], numbers[2]
    refractory_s, dark, cutoff_rad_s = numbers[3], numbers[4], numbers[5]
    leak_hz, shot_hz, begin_s, end_s = numbers[6], numbers[7], numbers[8], numbers[9]
    step_s = end_s - begin_s
    height, width = light.shape
    for r in range(height):
        for c in range(width):
            counter = r * width + c
            unlike_on, unlike_off = normal_pair(counter, silicon[0], silicon[1])
            on = max(threshold_on + mismatch * unlike_on, LEAST_THRESHOLD)
            off = max(threshold_off + mismatch * unlike_off, LEAST_THRESHOLD)
            here = np.float64(light[r, c])
            bright = min(here, 1.0)
            before = np.float64(pixels.level[r, c])
            after = np.log(here + dark)
            if cutoff_rad_s > 0.0:
                rate = cutoff_rad_s * max(bright, _SLOWEST)
                after = before + (after - before) * (1.0 - np.exp(-rate * step_s))
            pixels.level[r, c] = after
            if kinds[r, c] == DEAD:
                pixels.reference[r, c] = after
                continue
            reference = np.float64(pixels.reference[r, c])
            rested_s = np.float64(pixels.rested_s[r, c])
            # Leakage pulls the reference down evenly: the same as a level that rises.
            leak = leak_hz * on * step_s
            first, last = before - reference, after + leak - reference
            slope = last - first
            while last >= on or last <= -off:
                brighter = last > 0.0
                change = on if brighter else -off
                part = (change - first) / slope if slope != 0.0 else 0.0
                time_s = begin_s + step_s * min(max(part, 0.0), 1.0)
                reference += change
                first -= change
                last -= change
                if time_s - rested_s >= refractory_s:
                    _store(events, r, c, time_s, brighter)
                    rested_s = time_s
            reference -= leak
            chance = 0.0
            if kinds[r, c] == HOT:
                chance = 2.0
            elif shot_hz > 0.0:
                chance = shot_hz * step_s * (1.0 - (1.0 - _SHOT_IN_LIGHT) * bright)
            if chance > 0.0:
                drawn = uniform(3 * counter, noise[0], noise[1])
                if drawn < chance:
                    part = uniform(3 * counter + 1, noise[0], noise[1])
                    side = uniform(3 * counter + 2, noise[0], noise[1])
                    time_s = begin_s + step_s * part
                    if time_s - rested_s >= refractory_s:
                        _store(events, r, c, time_s, chance > 1.0 or side < 0.5)
                        rested_s = time_s
                        reference = after
            pixels.reference[r, c] = reference
            pixels.rested_s[r, c] = rested_s
