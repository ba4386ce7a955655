"""Which of many bounding spheres touch a pyramid: columns of numbers, tested by whole vectors.

Tables keep a shape's numbers together, so going through the spheres of a town would fetch a cache
line for each. Here they are gathered into columns once for each table; a test of one block of
tiles then costs about a nanosecond a shape. A tree over the shapes would be less for tens of
thousands of them, but would have to be built or mended whenever something moves.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np

from fleetloop.envs.trace.jit import inline
from fleetloop.envs.trace.layout import CENTER, FAR, FLAGS, RADIUS

_YES = np.int32(1)
_NO = np.int32(0)


@inline
def gather_spheres(table, rows, skip_flags, columns):
    """Bounding spheres of a table as (4, rows): x, y, z, radius; rows to skip touch nothing."""
    x, y, z, radius = columns[0], columns[1], columns[2], columns[3]
    for row in range(len(rows)):
        entry = table[row]
        x[row] = entry[CENTER]
        y[row] = entry[CENTER + 1]
        z[row] = entry[CENTER + 2]
        radius[row] = entry[RADIUS] if (rows[row, FLAGS] & skip_flags) == 0 else -FAR


@inline
def gather_discs(discs, rows, skip_flags, columns):
    """As `gather_spheres`, from (rows, 4) places in sun coordinates and radii."""
    for row in range(len(rows)):
        for k in range(3):
            columns[k, row] = discs[row, k]
        columns[3, row] = discs[row, 3] if (rows[row, FLAGS] & skip_flags) == 0 else -FAR


@inline
def touching(columns, bounds, inside, kept):
    """Rows whose bounding sphere touches a pyramid, in their order; returns how many."""
    x, y, z, radius = columns[0], columns[1], columns[2], columns[3]
    ax, ay, az = bounds[0], bounds[1], bounds[2]
    bx, by, bz = bounds[3], bounds[4], bounds[5]
    cx, cy, cz = bounds[6], bounds[7], bounds[8]
    dx, dy, dz = bounds[9], bounds[10], bounds[11]
    for row in range(len(x)):
        px, py, pz, r = x[row], y[row], z[row], radius[row]
        touches = (
            (ax * px + ay * py + az * pz <= r)
            & (bx * px + by * py + bz * pz <= r)
            & (cx * px + cy * py + cz * pz <= r)
            & (dx * px + dy * py + dz * pz <= r)
        )
        inside[row] = _YES if touches else _NO
    return _listed(inside, kept)


@inline
def shading(columns, box, inside, kept):
    """Discs across the sun that may shade a box of points, in their order; returns how many.

    Args:
        columns: (4, rows) bounding spheres in sun coordinates: across, across, along, radius.
        box: Ranges of the points across the sun, and their lowest place along it.
        inside: Scratch, (rows,) int32.
        kept: (rows,) int32, written.
    """
    across, other, along, radius = columns[0], columns[1], columns[2], columns[3]
    low0, high0, low1, high1, low = box[0], box[1], box[2], box[3], box[4]
    for row in range(len(across)):
        r = radius[row]
        shades = (
            (across[row] + r >= low0)
            & (across[row] - r <= high0)
            & (other[row] + r >= low1)
            & (other[row] - r <= high1)
            & (along[row] + r >= low)
        )
        inside[row] = _YES if shades else _NO
    return _listed(inside, kept)


@inline
def _listed(inside, kept):
    count = 0
    for row in range(len(inside)):
        # Written always, counted if it holds: no branch to guess.
        kept[np.uint32(count)] = row
        count += inside[row]
    return count
