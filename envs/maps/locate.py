"""Where on the roads a point is: nearest lane and Frenet coordinates, by a grid of cells.

Frenet coordinates of a lane are s, the distance along its centre line, and t, the distance to its
left. Each cell of the grid lists the segments of centre lines that touch it; a search looks at
rings of cells until no further ring can hold anything nearer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.kinds import LaneKind
from fleetloop.envs.maps.network import Bools, Floats, Ints, RoadNetwork
from fleetloop.envs.trace.jit import inline, kernel

CELL_M = 8.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """Answers for points, (n,) each.

    Attributes:
        lane: Nearest lane, -1 where none is within reach.
        s_m: Along it.
        t_m: To its left.
        heading_rad: Of the lane there.
        inside: Whether the point is between the lane's borders.
    """

    lane: Ints
    s_m: Floats
    t_m: Floats
    heading_rad: Floats
    inside: Bools


class LaneIndex:
    """Finds lanes near points.

    Args:
        network: The map.
        kinds: Which lanes count.
        cell_m: Size of a cell.
    """

    def __init__(
        self,
        network: RoadNetwork,
        kinds: Sequence[LaneKind] = (LaneKind.DRIVE,),
        *,
        cell_m: float = CELL_M,
    ) -> None:
        lanes = network.lanes
        self._lanes = lanes
        self._cell_m = float(cell_m)
        wanted = np.isin(lanes.kind, [int(kind) for kind in kinds])
        lane_of_row = np.repeat(np.arange(len(lanes), dtype=np.int32), np.diff(lanes.begin))
        last = np.zeros(len(lane_of_row), dtype=np.bool_)
        last[lanes.begin[1:] - 1] = True
        rows = np.flatnonzero(wanted[lane_of_row] & ~last).astype(np.int32)
        self._lane_of_row = lane_of_row
        flat = lanes.xyz_m[:, :2]
        self._origin = flat.min(axis=0) - 1.0
        span = flat.max(axis=0) + 1.0 - self._origin
        self._shape = np.maximum(np.ceil(span / self._cell_m).astype(np.int64), 1)
        self._begin, self._rows = _fill_cells(
            flat, rows, self._origin, self._cell_m, self._shape[0], self._shape[1]
        )

    def nearest(
        self,
        points_m: npt.ArrayLike,
        *,
        heading_rad: npt.ArrayLike | None = None,
        reach_m: float = 30.0,
    ) -> Places:
        """The nearest centre line to each point.

        Args:
            points_m: (n, 2) or (n, 3), world.
            heading_rad: (n,); where given, only lanes that lead within 90 degrees of it count.
            reach_m: How far to look.
        """
        points = np.atleast_2d(np.asarray(points_m, dtype=np.float64))[:, :2]
        headings = np.zeros(len(points))
        if heading_rad is not None:
            headings = np.broadcast_to(np.asarray(heading_rad, float), (len(points),)).copy()
        lanes = self._lanes
        out = np.zeros((len(points), 4))
        lane = np.full(len(points), -1, dtype=np.int32)
        _nearest(
            np.ascontiguousarray(points), headings, heading_rad is not None, float(reach_m),
            lanes.xyz_m, lanes.s_m, lanes.heading_rad, self._lane_of_row, self._begin,
            self._rows, self._origin, self._cell_m, self._shape[0], self._shape[1], lane, out,
        )  # fmt: skip
        row = np.minimum(out[:, 3].astype(np.int64), len(lanes.s_m) - 1)
        t = out[:, 1]
        inside = (lane >= 0) & (t <= lanes.width_left_m[row]) & (t >= -lanes.width_right_m[row])
        return Places(lane=lane, s_m=out[:, 0], t_m=t, heading_rad=out[:, 2], inside=inside)


@kernel
def _fill_cells(
    flat: Floats, rows: Ints, origin: Floats, cell: float, nx: int, ny: int
) -> tuple[Ints, Ints]:
    """Offsets (cells + 1,) and the segments of each cell."""
    begin = np.zeros(nx * ny + 1, np.int32)
    entries = np.zeros(0, np.int32)
    for turn in range(2):
        if turn == 1:
            for index in range(nx * ny):
                begin[index + 1] += begin[index]
            entries = np.zeros(begin[nx * ny], np.int32)
            fill = begin.copy()
        for k in range(len(rows)):
            row = rows[k]
            x0, x1 = _span(flat[row, 0], flat[row + 1, 0], origin[0], cell, nx)
            y0, y1 = _span(flat[row, 1], flat[row + 1, 1], origin[1], cell, ny)
            for i in range(x0, x1 + 1):
                for j in range(y0, y1 + 1):
                    if turn == 0:
                        begin[i * ny + j + 1] += 1
                    else:
                        entries[fill[i * ny + j]] = row
                        fill[i * ny + j] += 1
    return begin, entries


@inline
def _span(one: float, two: float, origin: float, cell: float, count: int) -> tuple[int, int]:
    low = int(np.floor((min(one, two) - origin) / cell))
    high = int(np.floor((max(one, two) - origin) / cell))
    return max(low, 0), min(high, count - 1)


@kernel
def _nearest(
    points: Floats,
    headings: Floats,
    headed: bool,
    reach: float,
    xyz: Floats,
    s_m: Floats,
    heading_of_row: Floats,
    lane_of_row: Ints,
    begin: Ints,
    rows: Ints,
    origin: Floats,
    cell: float,
    nx: int,
    ny: int,
    lane: Ints,
    out: Floats,
) -> None:
    """Writes `lane` (n,) and `out` (n, 4): s, t, heading, row of the segment."""
    rings = int(np.ceil(reach / cell)) + 1
    for k in range(len(points)):
        px, py = points[k, 0], points[k, 1]
        ci = int(np.floor((px - origin[0]) / cell))
        cj = int(np.floor((py - origin[1]) / cell))
        best = reach
        for ring in range(rings + 1):
            if (ring - 1) * cell > best:
                break
            for i in range(max(ci - ring, 0), min(ci + ring, nx - 1) + 1):
                for j in range(max(cj - ring, 0), min(cj + ring, ny - 1) + 1):
                    if max(abs(i - ci), abs(j - cj)) != ring:
                        continue
                    for index in range(begin[i * ny + j], begin[i * ny + j + 1]):
                        row = rows[index]
                        along = np.cos(heading_of_row[row] - headings[k])
                        if headed and along <= 0.0:
                            continue
                        dx, dy = xyz[row + 1, 0] - xyz[row, 0], xyz[row + 1, 1] - xyz[row, 1]
                        ax, ay = px - xyz[row, 0], py - xyz[row, 1]
                        length2 = dx * dx + dy * dy
                        share = (ax * dx + ay * dy) / max(length2, 1e-12)
                        share = min(max(share, 0.0), 1.0)
                        gap = np.hypot(ax - share * dx, ay - share * dy)
                        if gap < best or (gap == best and lane[k] > lane_of_row[row]):
                            best = gap
                            lane[k] = lane_of_row[row]
                            out[k, 0] = s_m[row] + share * (s_m[row + 1] - s_m[row])
                            out[k, 1] = (dx * ay - dy * ax) / np.sqrt(max(length2, 1e-12))
                            turn = heading_of_row[row + 1] - heading_of_row[row]
                            out[k, 2] = heading_of_row[row] + share * turn
                            out[k, 3] = row
