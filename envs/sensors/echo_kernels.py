"""Loops over the echoes of a LiDAR: power of surfaces, grouping, choice, and what is reported.

Plain NumPy forms of the same stand in the tests.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.jit import inline, kernel

STRONGEST, FIRST, LAST, DUAL = range(4)
"""In the order of `echoes.RETURN_MODES`."""

GRAZING = np.float32(0.02)
"""Cosines of incidence below this count as this: rough surfaces answer even then."""

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_TENTH, _STEPS = np.float32(0.1), np.float32(255.0)


class Optics(NamedTuple):
    """Numbers of the sensor that the report needs, all float32."""

    nearest_m: np.float32
    furthest_m: np.float32
    range_10_m: np.float32
    range_sd_m: np.float32
    resolution_m: np.float32
    bias_m: np.float32


class Report(NamedTuple):
    """What is written, (rays, ...); labels are empty where they are not asked for."""

    range_m: npt.NDArray[np.float32]
    intensity: npt.NDArray[np.float32]
    point_m: npt.NDArray[np.float32]
    valid: npt.NDArray[np.bool_]
    semantic: npt.NDArray[np.uint8]
    instance: npt.NDArray[np.int32]
    airborne: npt.NDArray[np.bool_]
    point_true_m: npt.NDArray[np.float32]


@kernel
def surface_power(
    hit, range_m, incidence, material, surfaces, scale, extinction_1_m, nearest_m, range_10_m, out
):
    """Power of one sub-ray's surfaces over the threshold of detection, by the LiDAR equation.

    Args:
        hit, range_m, incidence, material: (rays,) as traced.
        surfaces: (materials, 2) reflectivity with retro-reflection, and Oren and Nayar's B / A.
        scale: Share of the spot, window and 1 / 0.10, all in one.
        extinction_1_m: Of the air, one way.
        nearest_m: What is nearer is blind.
        range_10_m: Where power is 1 for a facing surface of 0.10.
        out: (rays,) written.
    """
    for i in range(len(out)):
        out[i] = _ZERO
        if not hit[i] or range_m[i] < nearest_m:
            continue
        facing = max(incidence[i], GRAZING)
        spread = range_10_m / max(range_m[i], _TENTH)
        kind = material[i]
        answer = facing + surfaces[kind, 1] * (_ONE - facing * facing)
        power = surfaces[kind, 0] * answer * scale * spread * spread
        if extinction_1_m > _ZERO:
            power *= np.exp(np.float32(-2.0) * extinction_1_m * range_m[i])
        out[i] = power


@kernel
def separate(range_m, power, separation_m, begin, echo_m, echo_power, source):
    """Sorts the contributions of each ray by range and joins what is too near to be told apart.

    Args:
        range_m, power: (n, rays); power 0 where there is nothing.
        separation_m: See `echoes.group_echoes`.
        begin: (rays + 1,) written.
        echo_m, echo_power, source: Written end to end.

    Returns:
        How many echoes there are.
    """
    count, rays = power.shape
    order = np.empty(count, np.int32)
    total = 0
    for i in range(rays):
        begin[i] = total
        found = 0
        for k in range(count):
            if power[k, i] > _ZERO:
                place = found
                while place > 0 and range_m[order[place - 1], i] > range_m[k, i]:
                    order[place] = order[place - 1]
                    place -= 1
                order[place] = k
                found += 1
        at = 0
        while at < found:
            at = _join(i, at, found, order, range_m, power, separation_m, total, echo_m,
                       echo_power, source)  # fmt: skip
            total += 1
    begin[rays] = total
    return total


@inline
def _join(i, at, found, order, range_m, power, separation_m, total, echo_m, echo_power, source):
    """Writes the echo that begins with the contribution `at`; returns where the next begins."""
    k = order[at]
    light, moment = power[k, i], power[k, i] * range_m[k, i]
    strongest, most = k, light
    while at + 1 < found and range_m[order[at + 1], i] - range_m[k, i] <= separation_m:
        at += 1
        k = order[at]
        light += power[k, i]
        moment += power[k, i] * range_m[k, i]
        if power[k, i] > most:
            strongest, most = k, power[k, i]
    # A single contribution keeps its range to the last bit.
    echo_m[total] = range_m[strongest, i] if most == light else moment / light
    echo_power[total] = light
    source[total] = strongest
    return at + 1


@kernel
def pick(begin, light, alive, threshold, mode, first, second):
    """Chooses the echoes that are reported, see `echoes.choose_echoes`."""
    for i in range(len(first)):
        nearest, last, strongest = -1, -1, -1
        if alive[i]:
            for e in range(begin[i], begin[i + 1]):
                if light[e] >= threshold:
                    nearest = e if nearest < 0 else nearest
                    last = e
                    if strongest < 0 or light[e] > light[strongest]:
                        strongest = e
        second[i] = -1
        if mode == FIRST:
            first[i] = nearest
        elif mode == LAST:
            first[i] = last
        else:
            first[i] = strongest
            if mode == DUAL and strongest >= 0:
                second[i] = _second(begin[i], begin[i + 1], light, threshold, strongest, last)


@inline
def _second(begin, end, light, threshold, strongest, last):
    """The last echo, or the second strongest if the last is the strongest; -1 if there is none."""
    if last != strongest:
        return last
    best = -1
    for e in range(begin, end):
        seen = e != strongest and light[e] >= threshold
        if seen and (best < 0 or light[e] > light[best]):
            best = e
    return best


@kernel
def write_report(chosen, echoes, light, noise, optics, directions, labels, motion, report):
    """Writes the fields of one return per ray.

    Args:
        chosen: (rays,) place among the echoes, or -1.
        echoes: `echoes.Echoes`.
        light: (echoes,) power with speckle.
        noise: (rays,) standard normal, or empty for exact ranges.
        optics: See `Optics`.
        directions: (rays, 3) unit.
        labels: Semantic and instance images of all sub-rays, (n, rays) each.
        motion: Slot of each ray's column (columns,), and per slot the turn (slots, 3, 3) and shift
            (slots, 3) into the frame of the reference instant.
        report: Written.
    """
    slot_of_column, turn, shift = motion
    semantic, instance = labels
    wants_labels = report.semantic.size > 0
    columns = len(slot_of_column)
    for i in range(len(chosen)):
        e = chosen[i]
        true_m = echoes.range_m[e] if e >= 0 else _ZERO
        found_m = true_m + optics.bias_m
        if e >= 0 and noise.size > 0:
            found_m = _noisy(true_m, echoes.power[e], noise[i], optics) + optics.bias_m
        valid = e >= 0 and found_m >= optics.nearest_m and found_m <= optics.furthest_m
        found_m = found_m if valid else _ZERO
        report.valid[i] = valid
        report.range_m[i] = found_m
        report.intensity[i] = _intensity(light[e], true_m, optics) if valid else _ZERO
        for j in range(3):
            report.point_m[i, j] = found_m * directions[i, j]
        if not wants_labels:
            continue
        source = echoes.source[e] if valid else 0
        solid = valid and source < len(semantic)
        report.airborne[i] = valid and not solid
        report.semantic[i] = semantic[source, i] if solid else 0
        report.instance[i] = instance[source, i] if solid else 0
        slot = slot_of_column[i % columns]
        x = true_m * directions[i, 0]
        y = true_m * directions[i, 1]
        z = true_m * directions[i, 2]
        for j in range(3):
            moved = turn[slot, j, 0] * x + turn[slot, j, 1] * y + turn[slot, j, 2] * z
            report.point_true_m[i, j] = moved + shift[slot, j] if valid else _ZERO


@inline
def _noisy(true_m, power, noise, optics):
    """A range with noise, which grows as the signal nears the threshold, in whole steps."""
    spread = optics.range_sd_m * np.sqrt(_ONE + _ONE / max(power, np.float32(0.05)))
    noisy = true_m + spread * noise
    if optics.resolution_m > _ZERO:
        noisy = np.rint(noisy / optics.resolution_m) * optics.resolution_m
    return noisy


@inline
def _intensity(light, true_m, optics):
    """What a surface of that power and range would reflect if it faced the beam in clear air."""
    share = true_m / optics.range_10_m
    reflectivity = _TENTH * light * share * share
    return np.rint(min(max(reflectivity, _ZERO), _ONE) * _STEPS) / _STEPS
