"""Traffic from above, over the picture of its map."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.envs.maps.draw import draw_network
from fleetloop.envs.traffic.arrays import Table
from fleetloop.envs.traffic.audit import rectangles
from fleetloop.envs.traffic.config import VehicleKind
from fleetloop.envs.traffic.traffic import Traffic

Floats = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

MARGIN_M = 15.0
"""Around the map, as `draw_network` leaves it."""

_SHIFT = 4
_COLORS = {
    VehicleKind.CAR: (60, 110, 220),
    VehicleKind.VAN: (40, 160, 170),
    VehicleKind.TRUCK: (150, 90, 40),
    VehicleKind.BUS: (210, 60, 50),
    VehicleKind.EXTERNAL: (240, 40, 200),
    VehicleKind.BICYCLE: (240, 140, 20),
    VehicleKind.MOTORCYCLE: (130, 60, 190),
}
_PARKED, _PERSON, _HASTY = (150, 155, 165), (30, 110, 30), (200, 30, 30)


def draw_traffic(
    traffic: Traffic, *, center_m: tuple[float, float], width_m: float, largest_px: int = 1200
) -> Image:
    """Draws a square of a map with all road users, north up.

    Vehicles are coloured by kind with their front dark, parked cars are grey, people are green and
    those who take short cuts red.

    Args:
        traffic: Which.
        center_m: Middle of the picture.
        width_m: Its side.
        largest_px: Its side in pixels.

    Raises:
        ConfigError: The width is not positive.
    """
    if not 1.0 <= width_m <= 10_000.0:
        raise ConfigError(f"A picture of {width_m} m is not possible: use 1 to 10,000 m.")
    low_x, low_y, high_x, high_y = traffic.network.bounds_m
    extent = max(high_x - low_x, high_y - low_y) + 2.0 * MARGIN_M
    whole_px = min(round(largest_px * max(extent / width_m, 1.0)), 16384)
    image = draw_network(traffic.network, largest_px=whole_px, links=False)
    scale = whole_px / extent
    corner = (low_x - MARGIN_M, high_y + MARGIN_M)
    vehicles, parked, externals = traffic.vehicles, traffic.parked, traffic.externals
    for bodies, color in ((parked, _PARKED), (externals, _COLORS[VehicleKind.EXTERNAL])):
        _boxes(image, _poses(bodies), bodies, [color] * len(bodies), corner, scale)
    here = traffic.present
    colors = [_COLORS[VehicleKind(int(kind))] for kind in vehicles["kind"][here]]
    _boxes(image, traffic.poses()[here], vehicles[here], colors, corner, scale)
    for pose, hasty in zip(traffic.walker_poses(), traffic.walkers["hasty"], strict=True):
        x, y = _px(pose[None, :2], corner, scale)[0]
        radius = max(int(0.45 * scale * (1 << _SHIFT)), 3 << _SHIFT)
        color = _HASTY if hasty else _PERSON
        cv2.circle(image, (int(x), int(y)), radius, color, -1, cv2.LINE_AA, _SHIFT)
    middle = _px(np.array([center_m]), corner, scale)[0] >> _SHIFT
    half = round(0.5 * width_m * scale)
    top, left = max(int(middle[1]) - half, 0), max(int(middle[0]) - half, 0)
    return np.ascontiguousarray(image[top : top + 2 * half, left : left + 2 * half])


def _boxes(
    image: Image,
    poses: Floats,
    sizes: Table,
    colors: list[tuple[int, int, int]],
    corner: tuple[float, float],
    scale: float,
) -> None:
    boxes = rectangles(poses, sizes["length_m"], sizes["width_m"])
    for box, color in zip(boxes, colors, strict=True):
        cv2.fillPoly(image, [_px(box, corner, scale)], color, cv2.LINE_AA, _SHIFT)
        # The first two corners are those of the front.
        front = np.array([box[0], box[1], box[1] + 0.22 * (box[2] - box[1]),
                          box[0] + 0.22 * (box[3] - box[0])])  # fmt: skip
        dark = tuple(part // 3 for part in color)
        cv2.fillPoly(image, [_px(front, corner, scale)], dark, cv2.LINE_AA, _SHIFT)


def _poses(bodies: Table) -> Floats:
    names = ("x_m", "y_m", "z_m", "heading_rad")
    return np.stack([bodies[name] for name in names], axis=1)


def _px(points_m: Floats, corner: tuple[float, float], scale: float) -> npt.NDArray[np.int32]:
    """Pixels with `_SHIFT` bits of fraction."""
    flat = np.stack([points_m[:, 0] - corner[0], corner[1] - points_m[:, 1]], axis=1)
    return np.round(flat * scale * (1 << _SHIFT)).astype(np.int32)
