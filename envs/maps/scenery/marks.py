"""Paint on the road as thin meshes: lines, stop lines, teeth, crossings, arrows, parking bays.

Marks are shapes of their own, 6 mm above the asphalt, so that all sensors agree about them: the
camera sees paint, the LiDAR its retro-reflection, and labels have the class LANE_MARK.

Sizes: lines 0.12 to 0.15 m wide, broken ones 3 m long every 9 m, stop lines 0.4 m, crossing bars
0.5 m wide (MUTCD 2009, part 3; RMS-1, where they are much alike).
"""

from __future__ import annotations

import numpy as np

from fleetloop.envs.maps.kinds import Control, CrossingKind, LaneKind, MarkColor, MarkKind, Turn
from fleetloop.envs.maps.network import Floats, RoadNetwork
from fleetloop.envs.maps.polyline import distances, offset
from fleetloop.envs.maps.scenery.pile import Pile, Skin
from fleetloop.envs.maps.scenery.skins import WHITE, YELLOW

HEIGHT_M = 0.006
_LINE_M = 0.13
_DASH_M, _PERIOD_M = 3.0, 9.0
_BAY_M = 6.0
_ARROW_BACK_M = 9.0

_FIRST = {MarkKind.SOLID: "solid", MarkKind.BROKEN: "broken", MarkKind.SOLID_SOLID: "solid",
          MarkKind.SOLID_BROKEN: "solid", MarkKind.BROKEN_SOLID: "broken",
          MarkKind.BROKEN_BROKEN: "broken", MarkKind.DOTS: "broken"}  # fmt: skip
_SECOND = {MarkKind.SOLID_SOLID: "solid", MarkKind.SOLID_BROKEN: "broken",
           MarkKind.BROKEN_SOLID: "solid", MarkKind.BROKEN_BROKEN: "broken"}  # fmt: skip


def pile_marks(pile: Pile, network: RoadNetwork) -> None:
    """Adds all paint of a map."""
    for lane in range(len(network.lanes)):
        _lane_lines(pile, network, lane)
        if network.lanes.kind[lane] == LaneKind.PARKING:
            _parking_bays(pile, network, lane)
    _stop_lines(pile, network)
    _crossings(pile, network)
    _arrows(pile, network)


def _lane_lines(pile: Pile, network: RoadNetwork, lane: int) -> None:
    lanes = network.lanes
    if lanes.junction[lane] >= 0:
        return
    rows = lanes.rows(lane)
    xyz, heading = lanes.xyz_m[rows], lanes.heading_rad[rows]
    # A border that two lanes share is painted once: from the right lane, from the lower opposite.
    mate = int(lanes.opposite[lane])
    if not 0 <= mate < lane:
        border = offset(xyz, heading, lanes.width_left_m[rows])
        shared = lanes.left[lane] >= 0 or mate >= 0
        _line(pile, border, heading, int(lanes.left_mark[lane]), int(lanes.left_color[lane]),
              inward=-1.0, middle=shared)  # fmt: skip
    if lanes.right[lane] < 0:
        border = offset(xyz, heading, -lanes.width_right_m[rows])
        _line(pile, border, heading, int(lanes.right_mark[lane]), int(lanes.right_color[lane]),
              inward=1.0, middle=False)  # fmt: skip


def _line(
    pile: Pile,
    border_m: Floats,
    heading_rad: Floats,
    kind: int,
    color: int,
    *,
    inward: float,
    middle: bool,
) -> None:
    """One border's line; `inward` is +1 where the lane is to the left of it, -1 to the right."""
    if kind not in _FIRST:
        return
    skin = YELLOW if color == MarkColor.YELLOW else WHITE
    if kind in _SECOND:
        near = offset(border_m, heading_rad, 0.5 * inward * 2.0 * _LINE_M)
        far = offset(border_m, heading_rad, -0.5 * inward * 2.0 * _LINE_M)
        _stroke(pile, skin, near, heading_rad, _FIRST[MarkKind(kind)])
        _stroke(pile, skin, far, heading_rad, _SECOND[MarkKind(kind)])
        return
    # Edge lines lie within their lane, shared ones in the middle.
    shift = 0.0 if middle else 0.5 * inward * _LINE_M
    _stroke(pile, skin, offset(border_m, heading_rad, shift), heading_rad, _FIRST[MarkKind(kind)])


def _stroke(pile: Pile, skin: Skin, line_m: Floats, heading_rad: Floats, form: str) -> None:
    along = distances(line_m)
    if form == "solid":
        stations = along[:: max(len(along) // max(int(along[-1] / 3.0), 1), 1)]
        stations = np.append(stations[stations < along[-1] - 1e-6], along[-1])
        starts, ends = stations[:-1], stations[1:]
    else:
        starts = np.arange(1.0, max(along[-1] - 1.0, 1.0), _PERIOD_M)
        ends = np.minimum(starts + _DASH_M, along[-1])
    if len(starts) == 0:
        return
    quads = np.empty((len(starts), 4, 3))
    for corner, (stations, side) in enumerate(
        ((starts, -0.5), (ends, -0.5), (ends, 0.5), (starts, 0.5))
    ):
        points = np.column_stack([np.interp(stations, along, line_m[:, i]) for i in range(3)])
        heading = np.interp(stations, along, heading_rad)
        quads[:, corner] = offset(points, heading, side * _LINE_M)
    _paint(pile, skin, quads)


def _paint(pile: Pile, skin: Skin, quads_m: Floats) -> None:
    raised = quads_m.copy()
    raised[:, :, 2] += HEIGHT_M
    pile.add_quads(skin, raised, raised[:, :, :2])


def _bar(start_m: Floats, end_m: Floats, width_m: float) -> Floats:
    """A quad (4, 3) along a segment."""
    heading = np.full(1, np.arctan2(*(end_m - start_m)[1::-1]))
    one, two = start_m[None], end_m[None]
    half = 0.5 * width_m
    return np.concatenate([offset(one, heading, -half), offset(two, heading, -half),
                           offset(two, heading, half), offset(one, heading, half)])  # fmt: skip


def _stop_lines(pile: Pile, network: RoadNetwork) -> None:
    lines = network.stop_lines
    quads, teeth = [], []
    for row in range(len(lines)):
        left, right = lines.left_xyz_m[row], lines.right_xyz_m[row]
        if lines.control[row] == Control.YIELD:
            teeth += _teeth(left, right)
        else:
            quads.append(_bar(left, right, 0.4))
    if quads:
        _paint(pile, WHITE, np.array(quads))
    for tooth in teeth:
        raised = tooth + np.array([0.0, 0.0, HEIGHT_M])
        pile.add(WHITE, raised, np.array([[0, 1, 2]], dtype=np.int32), raised[:, :2])


def _teeth(left_m: Floats, right_m: Floats) -> list[Floats]:
    """Triangles that point at who yields (against the lane)."""
    across = right_m - left_m
    width = float(np.linalg.norm(across))
    across = across / width
    back = np.array([across[1], -across[0], 0.0])
    found = []
    for k in range(max(int(width / 0.8), 1)):
        base = left_m + (0.8 * k + 0.15) * across
        found.append(np.array([base, base + 0.25 * across + 0.7 * back, base + 0.5 * across]))
    return found


def _crossings(pile: Pile, network: RoadNetwork) -> None:
    lanes, crossings = network.lanes, network.crossings
    for row in range(len(crossings)):
        if crossings.kind[row] == CrossingKind.UNMARKED:
            continue
        rows = lanes.rows(int(crossings.lane[row]))
        start, end = lanes.xyz_m[rows][0], lanes.xyz_m[rows][-1]
        length = float(np.linalg.norm(end - start))
        along = (end - start) / length
        across = np.array([-along[1], along[0], 0.0]) * 0.5 * float(crossings.width_m[row])
        bars = []
        for s in np.arange(0.5, length - 0.4, 1.0):
            middle = start + s * along
            bars.append(_bar(middle - across, middle + across, 0.5))
        if bars:
            _paint(pile, WHITE, np.array(bars))


def _parking_bays(pile: Pile, network: RoadNetwork, lane: int) -> None:
    lanes = network.lanes
    rows = lanes.rows(lane)
    s = lanes.s_m[rows]
    bars = []
    for station in np.arange(0.0, float(s[-1]) + 0.1, _BAY_M):
        point = np.array([[np.interp(station, s, lanes.xyz_m[rows, i]) for i in range(3)]])
        heading = np.array([np.interp(station, s, lanes.heading_rad[rows])])
        half = float(lanes.width_left_m[rows][0])
        bars.append(_bar(offset(point, heading, half)[0], offset(point, heading, -half)[0], 0.1))
    _paint(pile, WHITE, np.array(bars))


def _arrows(pile: Pile, network: RoadNetwork) -> None:
    """Arrows before junctions, on streets with more than one lane for a direction."""
    lanes, links = network.lanes, network.links
    for lane in range(len(lanes)):
        alone = lanes.left[lane] < 0 and lanes.right[lane] < 0
        away = lanes.length_m[lane] - _ARROW_BACK_M
        if alone or lanes.kind[lane] != LaneKind.DRIVE or lanes.junction[lane] >= 0 or away < 6.0:
            continue
        turns = sorted({int(links.turn[k]) for k in np.flatnonzero(links.from_lane == lane)
                        if links.connector[k] >= 0})  # fmt: skip
        for turn in turns:
            _arrow(pile, lanes.pose_at(lane, float(away)), turn)


def _arrow(pile: Pile, pose: tuple[float, float, float, float], turn: int) -> None:
    shapes = [[[-2.0, -0.08], [0.6, -0.08], [0.6, 0.08], [-2.0, 0.08]]]
    tip = [[0.6, -0.32], [1.9, 0.0], [0.6, 0.32], [0.6, 0.0]]
    if turn != Turn.STRAIGHT:
        side = -1.0 if turn == Turn.RIGHT else 1.0
        shapes = [[[-2.0, -0.08], [0.0, -0.08], [0.0, 0.08], [-2.0, 0.08]],
                  [[-0.1, 0.0], [0.1, 0.0], [0.55, side * 0.5], [0.35, side * 0.5]]]  # fmt: skip
        tip = [[0.15, side * 0.42], [0.45, side * 1.1], [0.85, side * 0.42],
               [0.45, side * 0.45]]  # fmt: skip
    x, y, z, heading = pose
    turned = np.array([[np.cos(heading), -np.sin(heading)], [np.sin(heading), np.cos(heading)]])
    quads = []
    for shape in [*shapes, tip]:
        flat = np.array(shape) @ turned.T + [x, y]
        quads.append(np.column_stack([flat, np.full(4, z)]))
    _paint(pile, WHITE, np.array(quads))
