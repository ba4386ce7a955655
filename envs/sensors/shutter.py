"""When each row of a picture is taken: global and rolling shutters, and the time of exposure.

A rolling shutter reads the first row `readout_s` before the last one; the last one is read at the
reference instant. Each row gathers light for the exposure time up to its own reading, so the
exposure of a row begins where it ends minus that time [Liang, Chang and Chen 2008, "Analysis and
compensation of rolling shutter effect", IEEE TIP 17(8)].
"""

from __future__ import annotations

import numpy as np

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray
from fleetloop.core.lens import Lens
from fleetloop.envs.trace.layout import LANES
from fleetloop.envs.trace.raygrid import RayGrid

ROWS_PER_POSE = (1, 2, 4, 8)
"""Choices of how many rows share a pose: those for which a packet is full."""


def shutter_rays(lens: Lens, readout_s: float, rows_per_pose: int) -> RayGrid:
    """The rays of a lens; with a rolling shutter each group of rows has a time slot of its own.

    Raises:
        ConfigError: Packets cannot hold that many rows.
    """
    if rows_per_pose not in ROWS_PER_POSE:
        raise ConfigError(f"rows_per_pose is {rows_per_pose}: use one of {ROWS_PER_POSE}.")
    directions = lens.directions()
    if readout_s == 0.0:
        return RayGrid(directions, projection=lens.project)
    tile = (rows_per_pose, LANES // rows_per_pose)
    slots = -(-lens.height_px // tile[0])
    columns = -(-lens.width_px // tile[1])
    slot_of_tile = np.repeat(np.arange(slots)[:, None], columns, axis=1)
    return RayGrid(
        directions,
        tile=tile,
        slot_of_tile=slot_of_tile,
        n_slots=slots,
        projection=lens.project,
    )


def row_offsets_s(lens: Lens, readout_s: float, rows_per_pose: int) -> FloatArray:
    """Times (n_slots,) at which groups of rows are read, relative to the reference instant.

    The middle of a group stands for it; a global shutter has one group, at zero.
    """
    if readout_s == 0.0:
        return np.zeros(1)
    first = np.arange(0, lens.height_px, rows_per_pose)
    last = np.minimum(first + rows_per_pose, lens.height_px) - 1
    part = 0.5 * (first + last) / max(lens.height_px - 1, 1)
    return np.asarray(readout_s * (part - 1.0), np.float64)


def exposure_offsets_s(exposure_s: float, samples: int) -> FloatArray:
    """Times (samples,) of sub-frames relative to the reading: middles of equal parts of the time.

    One sample is the instant of the reading itself: a picture without motion blur.
    """
    if samples == 1:
        return np.zeros(1)
    return -exposure_s * (samples - 0.5 - np.arange(samples)) / samples
