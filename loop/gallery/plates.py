"""False colours: depth, normals, ids, flow and point clouds as pictures for people."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
"""(height, width, 3) sRGB."""


def depth_plate(depth_m: npt.NDArray[np.float32], far_m: float = 80.0) -> Picture:
    """Near is bright, on a logarithmic scale from 1 m; what is further than `far_m` is black."""
    share = 1.0 - np.log(np.clip(depth_m, 1.0, far_m)) / np.log(far_m)
    colored = _colormap(share, cv2.COLORMAP_INFERNO)
    colored[depth_m >= far_m] = 0
    return colored


def normal_plate(normal: npt.NDArray[np.float32]) -> Picture:
    """X, y, z of world axes as red, green, blue; grey where nothing was hit."""
    return np.asarray(np.rint(127.5 + 127.5 * normal)).astype(np.uint8)


def id_plate(ids: npt.NDArray[Any]) -> Picture:
    """A colour for each number, black for none; neighbouring numbers differ in hue."""
    hue = (ids.astype(np.int64) * 47) % 180
    value = np.where(ids > 0, 160 + (ids.astype(np.int64) * 29) % 96, 0)
    hsv = np.stack([hue, np.full_like(hue, 170), value], axis=-1).astype(np.uint8)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)


def flow_plate(
    flow_px: npt.NDArray[np.float32], occluded: npt.NDArray[np.bool_], top_px: float
) -> Picture:
    """Direction as hue, length as saturation up to `top_px`; black where there is no answer."""
    angle = np.arctan2(flow_px[..., 1], flow_px[..., 0])
    length = np.linalg.norm(flow_px, axis=-1)
    hue = np.rint((angle + np.pi) / (2.0 * np.pi) * 179.0)
    saturation = 255.0 * np.minimum(length / top_px, 1.0)
    hsv = np.stack([hue, saturation, np.where(occluded, 0, 255)], axis=-1).astype(np.uint8)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)


def cloud_plate(
    points_m: npt.NDArray[np.float32],
    values: npt.NDArray[np.float32],
    limits: tuple[float, float],
    size_px: tuple[int, int],
    reach_m: float,
) -> Picture:
    """Points from above, x upwards, coloured by a value; higher points lie on top.

    Args:
        points_m: (n, 3) in the sensor's level frame.
        values: (n,) for the colours.
        limits: Values of the first and the last colour.
        size_px: Width and height.
        reach_m: From the middle to the upper border.
    """
    width, height = size_px
    picture = np.full((height, width, 3), 14, np.uint8)
    scale = 0.5 * height / reach_m
    column = np.rint(0.5 * width - points_m[:, 1] * scale).astype(int)
    row = np.rint(0.5 * height - points_m[:, 0] * scale).astype(int)
    share = (values - limits[0]) / (limits[1] - limits[0])
    colors = _colormap(np.clip(share, 0.0, 1.0)[None], cv2.COLORMAP_TURBO)[0]
    order = np.argsort(points_m[:, 2], kind="stable")
    inside = (column >= 1) & (column < width - 1) & (row >= 1) & (row < height - 1)
    for point in order[inside[order]]:
        picture[row[point] : row[point] + 2, column[point] : column[point] + 2] = colors[point]
    return picture


def _colormap(share: npt.NDArray[Any], name: int) -> Picture:
    index = np.rint(255.0 * np.asarray(share)).astype(np.uint8)
    return np.ascontiguousarray(cv2.applyColorMap(index, name)[..., ::-1], dtype=np.uint8)
