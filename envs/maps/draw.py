"""A picture of a map from above: lanes by kind, ways through junctions, signals, houses, trees."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError, StorageError
from fleetloop.envs.maps.kinds import (
    AreaKind,
    Control,
    LaneKind,
    MarkColor,
    MarkKind,
    PropKind,
)
from fleetloop.envs.maps.network import Floats, RoadNetwork
from fleetloop.envs.maps.polyline import offset

Image = npt.NDArray[np.uint8]
Color = tuple[int, int, int]

_SHIFT = 4
_LANE_COLORS: dict[int, Color] = {
    LaneKind.DRIVE: (96, 96, 100),
    LaneKind.BIKE: (150, 96, 84),
    LaneKind.PARKING: (112, 112, 132),
    LaneKind.SIDEWALK: (205, 200, 190),
    LaneKind.SHOULDER: (120, 118, 112),
    LaneKind.CROSSING: (236, 232, 220),
    LaneKind.MEDIAN: (126, 166, 106),
}
_AREA_COLORS: dict[int, Color] = {
    AreaKind.GRASS: (186, 206, 160),
    AreaKind.PARK: (160, 200, 140),
    AreaKind.PAVED: (214, 210, 202),
    AreaKind.GARDEN: (190, 212, 168),
    AreaKind.INDUSTRIAL: (206, 202, 206),
    AreaKind.WATER: (150, 190, 220),
    AreaKind.FOREST: (140, 180, 122),
    AreaKind.FARMLAND: (220, 212, 170),
}
_CONTROL_COLORS: dict[int, Color] = {
    Control.FREE: (70, 120, 220),
    Control.YIELD: (230, 160, 40),
    Control.STOP: (210, 50, 50),
    Control.ALL_WAY_STOP: (210, 50, 150),
    Control.SIGNAL: (40, 150, 70),
}
_GROUND: Color = (198, 214, 176)
_BUILDING: Color = (188, 150, 126)
_TREE: Color = (92, 146, 80)


@dataclass(frozen=True, slots=True)
class _Canvas:
    image: Image
    left_m: float
    top_m: float
    scale: float

    def px(self, points_m: Floats) -> npt.NDArray[np.int32]:
        """Pixels with `_SHIFT` bits of fraction."""
        flat = np.stack([points_m[:, 0] - self.left_m, self.top_m - points_m[:, 1]], axis=1)
        return np.round(flat * self.scale * (1 << _SHIFT)).astype(np.int32)

    def fill(self, points_m: Floats, color: Color) -> None:
        """Fills a polygon."""
        cv2.fillPoly(self.image, [self.px(points_m)], color, cv2.LINE_AA, _SHIFT)

    def line(self, points_m: Floats, color: Color, width_m: float) -> None:
        """Draws a line of at least one pixel."""
        width = max(round(width_m * self.scale), 1)
        cv2.polylines(self.image, [self.px(points_m)], False, color, width, cv2.LINE_AA, _SHIFT)

    def disc(self, point_m: Floats, radius_m: float, color: Color) -> None:
        """Draws a disc of at least one pixel."""
        x, y = self.px(point_m[None, :2])[0]
        radius = max(int(radius_m * self.scale * (1 << _SHIFT)), 1 << _SHIFT)
        cv2.circle(self.image, (int(x), int(y)), radius, color, -1, cv2.LINE_AA, _SHIFT)


def draw_network(network: RoadNetwork, *, largest_px: int = 1600, links: bool = True) -> Image:
    """Draws a map, north up.

    Args:
        network: The map.
        largest_px: Longer side of the picture.
        links: Whether to draw the ways through junctions, coloured by what rules them.

    Returns:
        (height, width, 3) RGB.

    Raises:
        ConfigError: The size is not possible.
    """
    if not 64 <= largest_px <= 16384:
        raise ConfigError(f"A picture of {largest_px} pixels is not possible: use 64 to 16384.")
    low_x, low_y, high_x, high_y = network.bounds_m
    margin = 15.0
    width, height = high_x - low_x + 2 * margin, high_y - low_y + 2 * margin
    scale = largest_px / max(width, height)
    size = (max(round(height * scale), 1), max(round(width * scale), 1), 3)
    image = np.empty(size, dtype=np.uint8)
    image[:] = _GROUND
    canvas = _Canvas(image, low_x - margin, high_y + margin, scale)
    _ground(canvas, network)
    _lanes(canvas, network)
    if links:
        _links(canvas, network)
    _things(canvas, network)
    return image


def write_png(image: Image, path: Path) -> None:
    """Writes a picture; the file appears whole or not at all.

    Raises:
        StorageError: The place cannot be written.
    """
    done, encoded = cv2.imencode(".png", image[:, :, ::-1])
    if not done:
        raise StorageError(f"The picture {path} could not be encoded as PNG.")
    half = path.with_name(f".half-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half.write_bytes(encoded.tobytes())
        os.replace(half, path)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise StorageError(f"The picture {path} cannot be written: {error}.") from error


def _ground(canvas: _Canvas, network: RoadNetwork) -> None:
    areas, junctions, buildings = network.areas, network.junctions, network.buildings
    for row in range(len(areas)):
        ring = areas.outline_m[areas.begin[row] : areas.begin[row + 1]]
        canvas.fill(ring, _AREA_COLORS[int(areas.kind[row])])
    for row in range(len(junctions)):
        ring = junctions.outline_m[junctions.begin[row] : junctions.begin[row + 1]]
        if len(ring) >= 3:
            canvas.fill(ring, _LANE_COLORS[LaneKind.DRIVE])
    for row in range(len(buildings)):
        ring = buildings.footprint_m[buildings.begin[row] : buildings.begin[row + 1]]
        canvas.fill(ring, _BUILDING)
        canvas.line(np.concatenate([ring, ring[:1]]), (120, 90, 74), 0.2)


def _lanes(canvas: _Canvas, network: RoadNetwork) -> None:
    lanes = network.lanes
    # Sidewalks below, crossings above.
    order = {LaneKind.SIDEWALK: 0, LaneKind.CROSSING: 2}
    rows = sorted(range(len(lanes)), key=lambda lane: order.get(LaneKind(int(lanes.kind[lane])), 1))
    for lane in rows:
        left, right = borders(network, lane)
        canvas.fill(np.concatenate([left, right[::-1]]), _LANE_COLORS[int(lanes.kind[lane])])
    for lane in rows:
        for line, kind, color in (
            (borders(network, lane)[0], lanes.left_mark[lane], lanes.left_color[lane]),
            (borders(network, lane)[1], lanes.right_mark[lane], lanes.right_color[lane]),
        ):
            if kind != MarkKind.NONE:
                shown = (236, 190, 60) if color == MarkColor.YELLOW else (240, 240, 240)
                _mark(canvas, line, int(kind), shown)
        if lanes.kind[lane] == LaneKind.DRIVE and lanes.junction[lane] < 0:
            _arrow(canvas, network, lane)


def _mark(canvas: _Canvas, line: Floats, kind: int, color: Color) -> None:
    if kind in (MarkKind.BROKEN, MarkKind.BROKEN_BROKEN, MarkKind.DOTS):
        for start in range(0, len(line) - 3, 9):
            canvas.line(line[start : start + 4], color, 0.15)
    else:
        canvas.line(line, color, 0.15)


def _arrow(canvas: _Canvas, network: RoadNetwork, lane: int) -> None:
    lanes = network.lanes
    x, y, _, heading = lanes.pose_at(lane, 0.5 * float(lanes.length_m[lane]))
    ahead = np.array([np.cos(heading), np.sin(heading)])
    left = np.array([-ahead[1], ahead[0]])
    tip = np.array([x, y]) + 1.8 * ahead
    canvas.fill(np.array([tip, tip - 3.0 * ahead + left, tip - 3.0 * ahead - left]), (250,) * 3)


def _links(canvas: _Canvas, network: RoadNetwork) -> None:
    links, lanes = network.links, network.lanes
    for row in range(len(links)):
        lane = int(links.connector[row])
        if lane >= 0:
            color = _CONTROL_COLORS[int(links.control[row])]
            canvas.line(lanes.xyz_m[lanes.rows(lane)], color, 0.25)
    for apart in np.flatnonzero((lanes.kind == LaneKind.DRIVE) & ~lanes.main):
        canvas.line(lanes.xyz_m[lanes.rows(int(apart))], (230, 0, 200), 0.4)


def _things(canvas: _Canvas, network: RoadNetwork) -> None:
    lines, props, signs = network.stop_lines, network.props, network.signs
    for row in range(len(lines)):
        ends = np.array([lines.left_xyz_m[row], lines.right_xyz_m[row]])
        canvas.line(ends, (255, 255, 255), 0.4)
    walks = network.walks
    for a, b, lane in zip(walks.node_a, walks.node_b, walks.lane, strict=True):
        if lane < 0:
            canvas.line(walks.xyz_m[[a, b]], (150, 120, 170), 0.15)
    for lane in sorted(set(walks.lane.tolist()) - {-1}):
        canvas.line(network.lanes.xyz_m[network.lanes.rows(lane)], (150, 120, 170), 0.15)
    for row in range(len(props)):
        kind, point = int(props.kind[row]), props.xyz_m[row]
        if kind in (PropKind.TREE, PropKind.CONIFER, PropKind.BUSH):
            canvas.disc(point, float(props.size_m[row, 0]), _TREE)
        elif kind == PropKind.LAMP:
            canvas.disc(point, 0.4, (240, 220, 90))
        else:
            canvas.disc(point, 0.4, (130, 110, 90))
    for row in range(len(signs)):
        canvas.disc(signs.xyz_m[row], 0.6, (220, 60, 60))
    for row in range(len(network.signals.head_signal)):
        canvas.disc(network.signals.head_xyz_m[row], 0.7, (20, 60, 30))


def borders(network: RoadNetwork, lane: int) -> tuple[Floats, Floats]:
    """Left and right border of a lane, (p, 3) each."""
    lanes = network.lanes
    rows = lanes.rows(lane)
    xyz, heading = lanes.xyz_m[rows], lanes.heading_rad[rows]
    return (
        offset(xyz, heading, lanes.width_left_m[rows]),
        offset(xyz, heading, -lanes.width_right_m[rows]),
    )
