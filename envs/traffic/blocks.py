"""Bodies that follow no lane, as traffic sees them: the stretches of lanes that they block.

A body is a rectangle at any place, heading and speed: the ego, a person on the road. It blocks a
lane where the strip that vehicles sweep along the lane's line overlaps it. The overlap is exact for
straight pieces of lanes: the rectangle is clipped to the strip, and what is left of it gives the
nearest and the furthest place.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.jit import inline, kernel
from fleetloop.envs.traffic.arrays import Roadway
from fleetloop.envs.traffic.grid import CELL_M, PIECE_M

Ints = npt.NDArray[np.int32]
Table = npt.NDArray[Any]

STRIP_M = 1.8
"""Half width of the widest strip that is looked at: half a bus (1.28 m) and room beside it."""

ROOM_BESIDE_M = 0.35
"""Vehicles pass a body only if this much stays free between them."""

STOREY_M = 2.5
"""Bodies that are further above or below a lane are on another level."""

STANDS_M_S = 0.5
"""Who is slower than this stands."""

BODY = np.dtype(
    [
        ("x_m", np.float64),
        ("y_m", np.float64),
        ("z_m", np.float64),  # of the ground under it
        ("heading_rad", np.float64),
        ("speed_m_s", np.float64),  # along its heading
        ("length_m", np.float64),
        ("width_m", np.float64),
        ("height_m", np.float64),
        ("waited_s", np.float64),  # standing, without a break
        ("kind", np.int32),
        ("present", np.bool_),
    ],
    align=True,
)
"""A body that someone else moves; x and y are its middle."""

BLOCK = np.dtype(
    [
        ("lane", np.int32),
        ("next", np.int32),  # the next block of the same lane, -1
        ("body", np.int32),  # who; -1 for ground that is kept free for people
        ("low_m", np.float64),
        ("high_m", np.float64),
        ("speed_m_s", np.float64),  # along the lane; below 0 against its direction
        ("beside_m", np.float64),  # from the lane's line to the nearest part of the body
        ("waited_s", np.float64),
        ("soft", np.bool_),  # nobody is there yet: who cannot stop any more drives on
    ],
    align=True,
)


class Blocks(NamedTuple):
    """Blocks of one instant, listed by lane."""

    rows: Table  # (capacity,) BLOCK
    first: Ints  # (lanes,) row, -1
    used: Ints  # (1,) how many there are


def no_blocks(lanes: int, capacity: int) -> Blocks:
    """Room for blocks, none there."""
    return Blocks(
        rows=np.zeros(capacity, BLOCK),
        first=np.full(lanes, -1, np.int32),
        used=np.zeros(1, np.int32),
    )


@inline
def clear_blocks(blocks):
    """Forgets all blocks."""
    blocks.first[:] = -1
    blocks.used[0] = 0


@inline
def new_block(lane, blocks):
    """Takes the next free row for a lane; -1 if there is none, which `used` shows."""
    row = blocks.used[0]
    blocks.used[0] += 1
    if row >= len(blocks.rows):
        return -1
    blocks.rows[row].lane = lane
    blocks.rows[row].next = blocks.first[lane]
    blocks.first[lane] = row
    blocks.rows[row].waited_s = 0.0
    blocks.rows[row].soft = False
    return row


@kernel
def find_blocks(
    bodies: Table,
    roadway: Roadway,
    blocks: Blocks,
) -> None:
    """Lists which stretches of which lanes some bodies block.

    Args:
        bodies: (n,) BODY.
        roadway: The network.
        blocks: Written; `used` may be more than fits.
    """
    clear_blocks(blocks)
    for body in range(len(bodies)):
        if bodies[body].present:
            block_lanes(body, bodies, roadway, blocks)


@inline
def block_lanes(body, bodies, roadway, blocks):
    """Adds the blocks of one body."""
    grid, lanes, xyz_m = roadway.grid, roadway.lanes, roadway.xyz_m
    extent = np.empty(3)
    radius = 0.5 * np.hypot(bodies[body].length_m, bodies[body].width_m)
    reach = radius + STRIP_M + PIECE_M
    begin = blocks.used[0]
    x, y = bodies[body].x_m, bodies[body].y_m
    column_0 = max(int(np.floor((x - reach - grid.low_m[0]) / CELL_M)), 0)
    column_1 = min(int(np.floor((x + reach - grid.low_m[0]) / CELL_M)), grid.shape[0] - 1)
    row_0 = max(int(np.floor((y - reach - grid.low_m[1]) / CELL_M)), 0)
    row_1 = min(int(np.floor((y + reach - grid.low_m[1]) / CELL_M)), grid.shape[1] - 1)
    for column in range(column_0, column_1 + 1):
        for row in range(row_0, row_1 + 1):
            cell = column * grid.shape[1] + row
            for piece in range(grid.first[cell], grid.first[cell + 1]):
                point, lane = grid.point[piece], grid.lane[piece]
                dx = 0.5 * (xyz_m[point, 0] + xyz_m[point + 1, 0]) - x
                dy = 0.5 * (xyz_m[point, 1] + xyz_m[point + 1, 1]) - y
                if dx * dx + dy * dy > reach * reach:
                    continue
                if abs(xyz_m[point, 2] - bodies[body].z_m) > STOREY_M:
                    continue
                if _on_piece(body, bodies, point, xyz_m, extent):
                    first = lanes[lane].first_point
                    steps = lanes[lane].last_point - 1 - first
                    s = (point - first) * lanes[lane].length_m / steps
                    _widen(body, bodies, lane, point, s, extent, begin, xyz_m, blocks)


@inline
def _on_piece(body, bodies, point, xyz_m, extent):
    """Clips a body to the strip of one piece: nearest and furthest place, distance to the line."""
    ax, ay = xyz_m[point, 0], xyz_m[point, 1]
    ux, uy = xyz_m[point + 1, 0] - ax, xyz_m[point + 1, 1] - ay
    length = np.hypot(ux, uy)
    if length < 1e-9:
        return False
    ux, uy = ux / length, uy / length
    cosine, sine = np.cos(bodies[body].heading_rad), np.sin(bodies[body].heading_rad)
    half_l, half_w = 0.5 * bodies[body].length_m, 0.5 * bodies[body].width_m
    middle_u = (bodies[body].x_m - ax) * ux + (bodies[body].y_m - ay) * uy
    middle_l = -(bodies[body].x_m - ax) * uy + (bodies[body].y_m - ay) * ux
    # Half sides of the body in the frame of the piece.
    fu, fl = half_l * (cosine * ux + sine * uy), half_l * (sine * ux - cosine * uy)
    wu, wl = half_w * (cosine * uy - sine * ux), half_w * (cosine * ux + sine * uy)
    low, high = 1e9, -1e9
    beside_low, beside_high = 1e9, -1e9
    for corner in range(4):
        p = 1.0 if corner == 0 or corner == 3 else -1.0
        q = 1.0 if corner < 2 else -1.0
        p_next = 1.0 if corner >= 2 else -1.0
        q_next = 1.0 if corner == 0 or corner == 3 else -1.0
        u0, l0 = middle_u + p * fu + q * wu, middle_l + p * fl + q * wl
        u1, l1 = middle_u + p_next * fu + q_next * wu, middle_l + p_next * fl + q_next * wl
        # The part of this side that lies within the strip.
        t0, t1 = 0.0, 1.0
        if abs(l1 - l0) < 1e-12:
            if abs(l0) > STRIP_M:
                continue
        else:
            ta, tb = (-STRIP_M - l0) / (l1 - l0), (STRIP_M - l0) / (l1 - l0)
            t0, t1 = max(t0, min(ta, tb)), min(t1, max(ta, tb))
        if t0 > t1:
            continue
        ua, ub = u0 + t0 * (u1 - u0), u0 + t1 * (u1 - u0)
        la, lb = l0 + t0 * (l1 - l0), l0 + t1 * (l1 - l0)
        low, high = min(low, min(ua, ub)), max(high, max(ua, ub))
        beside_low = min(beside_low, min(la, lb))
        beside_high = max(beside_high, max(la, lb))
    extent[0], extent[1] = max(low, 0.0), min(high, length)
    extent[2] = max(beside_low, -beside_high, 0.0)
    return low <= length and high >= 0.0


@inline
def _widen(body, bodies, lane, point, s, extent, begin, xyz_m, blocks):
    """Adds a stretch to the block that a body already has on a lane, or begins one."""
    row = blocks.first[lane]
    if row < begin:
        # Blocks of a lane are listed newest first: this body has none there yet.
        row = new_block(lane, blocks)
        if row < 0:
            return
        blocks.rows[row].body = body
        blocks.rows[row].low_m, blocks.rows[row].high_m = s + extent[0], s + extent[1]
        blocks.rows[row].beside_m = extent[2]
        blocks.rows[row].waited_s = bodies[body].waited_s
        along = np.arctan2(
            xyz_m[point + 1, 1] - xyz_m[point, 1], xyz_m[point + 1, 0] - xyz_m[point, 0]
        )
        turn = np.cos(along - bodies[body].heading_rad)
        blocks.rows[row].speed_m_s = bodies[body].speed_m_s * turn
        return
    blocks.rows[row].low_m = min(blocks.rows[row].low_m, s + extent[0])
    blocks.rows[row].high_m = max(blocks.rows[row].high_m, s + extent[1])
    blocks.rows[row].beside_m = min(blocks.rows[row].beside_m, extent[2])
