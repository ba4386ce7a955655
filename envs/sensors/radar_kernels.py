"""Loops over a radar's rays: what each scatters, sums by cell, and echoes that swallow others."""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np

from fleetloop.envs.trace.jit import inline, kernel

_EMPTY = np.int64(-1)


@kernel
def scatter(images, rays, motion, numbers, out):
    """Signal over noise of each ray's surface, where it lies and how fast it comes.

    Args:
        images: hit, range, incidence (rays,), velocity (rays, 3) in world axes.
        rays: direction (rays, 3), sine of azimuth, gain, solid angle (rays,), sensor frame; and
            reflectivity (rays,).
        motion: world_R_sensor (3, 3) and the sensor's velocity in world axes (3,).
        numbers: Signal of 1 m^2 at 1 m, loss of the air (1/m, there and back), other losses
            (factor), smallest and largest speed.
        out: Range, sine, speed, snr (rays,) and ray, written from the front.

    Returns:
        How many rays scattered.
    """
    hit, range_m, incidence, velocity = images
    direction, azimuth_sine, gain, solid_angle, reflectivity = rays
    rotation, own = motion
    signal, loss_1_m, kept, slowest, fastest = numbers
    out_range, out_sine, out_speed, out_snr, out_ray = out
    count = 0
    for i in range(len(hit)):
        if not hit[i]:
            continue
        away = float(range_m[i])
        # 4 rho cos^2 times the area r^2 dOmega / cos.
        section = 4.0 * reflectivity[i] * incidence[i] * away * away * solid_angle[i]
        snr = signal * section * gain[i] / (away * away * away * away)
        snr *= kept * np.exp(-loss_1_m * away)
        speed = 0.0
        for j in range(3):
            toward = 0.0
            for k in range(3):
                toward += rotation[j, k] * direction[i, k]
            speed += (velocity[i, j] - own[j]) * toward
        if snr > 0.0 and slowest <= speed <= fastest:
            out_range[count], out_sine[count] = away, azimuth_sine[i]
            out_speed[count], out_snr[count], out_ray[count] = speed, snr, i
            count += 1
    return count


@kernel
def sum_cells(echoes, size, out):
    """Sums of echoes over boxes, in the order in which the boxes first occur.

    Args:
        echoes: Range, sine, speed, snr (n,) and ray.
        size: Of a box, (3,).
        out: As `echoes`: means by energy, energy, ray of the strongest; written from the front.

    Returns:
        How many boxes hold something.
    """
    range_m, sine, speed, snr, ray = echoes
    out_range, out_sine, out_speed, out_snr, out_ray = out
    slots = 1
    while slots < 2 * len(snr) + 1:
        slots *= 2
    where = np.full(slots, _EMPTY)
    keys = np.empty((len(snr), 3), np.int64)
    strongest = np.zeros(len(snr))
    count = 0
    for i in range(len(snr)):
        a, b, c = _box(range_m[i], size[0]), _box(sine[i], size[1]), _box(speed[i], size[2])
        slot = (a * 73856093 ^ b * 19349663 ^ c * 83492791) & (slots - 1)
        while where[slot] >= 0:
            cell = where[slot]
            if keys[cell, 0] == a and keys[cell, 1] == b and keys[cell, 2] == c:
                break
            slot = (slot + 1) & (slots - 1)
        if where[slot] < 0:
            where[slot] = count
            keys[count, 0], keys[count, 1], keys[count, 2] = a, b, c
            out_range[count] = out_sine[count] = out_speed[count] = out_snr[count] = 0.0
            out_ray[count] = ray[i]
            count += 1
        cell = where[slot]
        out_range[cell] += range_m[i] * snr[i]
        out_sine[cell] += sine[i] * snr[i]
        out_speed[cell] += speed[i] * snr[i]
        out_snr[cell] += snr[i]
        if snr[i] >= strongest[cell]:
            strongest[cell], out_ray[cell] = snr[i], ray[i]
    for cell in range(count):
        out_range[cell] /= out_snr[cell]
        out_sine[cell] /= out_snr[cell]
        out_speed[cell] /= out_snr[cell]
    return count


@inline
def _box(value, size):
    return np.int64(np.floor(value / size))


@kernel
def swallow(cells, resolution, limit, out):
    """Echoes by CLEAN: each seed swallows what lies within one resolution of it in all three.

    Args:
        cells: Range, sine, speed, snr (n,) and ray, the strongest first.
        resolution: (3,).
        limit: Largest number of echoes.
        out: As `cells`, written from the front.

    Returns:
        How many echoes there are.
    """
    range_m, sine, speed, snr, ray = cells
    out_range, out_sine, out_speed, out_snr, out_ray = out
    left = np.ones(len(snr), np.bool_)
    count = 0
    for seed in range(len(snr)):
        if not left[seed]:
            continue
        if count == limit:
            break
        energy, far, side, fast = 0.0, 0.0, 0.0, 0.0
        for i in range(seed, len(snr)):
            near = abs(range_m[i] - range_m[seed]) < resolution[0]
            near = near and abs(sine[i] - sine[seed]) < resolution[1]
            if left[i] and near and abs(speed[i] - speed[seed]) < resolution[2]:
                left[i] = False
                energy += snr[i]
                far += range_m[i] * snr[i]
                side += sine[i] * snr[i]
                fast += speed[i] * snr[i]
        out_range[count], out_sine[count] = far / energy, side / energy
        out_speed[count], out_snr[count], out_ray[count] = fast / energy, energy, ray[seed]
        count += 1
    return count
