"""Depth by matching two pictures: an active or passive stereo camera, without doing the matching.

A point at depth z is seen by the right imager d = f b / z pixels further left. Matching finds d
with an error of a part of a pixel, hence

    sd of depth = z^2 sd of disparity / (f b)

[Gallup et al. 2008, "Variable baseline/resolution stereo"; Grunnet-Jepsen, Sweetser and Woodfill,
"Tuning depth cameras for best performance", Intel RealSense documentation, rev. 2.0]. What the
right imager does not see has no match: the left rim of the picture, and a band to the left of
everything near. Both imagers are traced, so these are where geometry puts them. Windows that match
across an edge take the nearer side, so things near look a little fatter than they are, and
surfaces without texture have no match, unless a projector draws one on them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_not_negative
from fleetloop.core.errors import ConfigError
from fleetloop.envs.sensors.pixel_noise import Key, normal_image

Image = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class StereoModel:
    """Error model of a stereo camera.

    Attributes:
        baseline_m: b, from the left imager, which depth refers to, to the right one.
        disparity_sd_px: Standard deviation of a match.
        disparity_step_px: Matches are multiples of it.
        disparities_px: Largest disparity that is searched for: nearer things have no match.
        window_px: Width of the matching window, odd: noise is smooth over it, and edges of near
            things grow by a quarter of it.
        projector_reach_m: How far a projected pattern is matched on a facing white surface; 0 is
            a passive camera.
        texture_min: Contrast over the window (standard deviation over mean) that a surface needs
            for a match without the pattern; 0 takes every surface as textured, and saves the
            shading.
    """

    baseline_m: float = 0.05
    disparity_sd_px: float = 0.08
    disparity_step_px: float = 1.0 / 32.0
    disparities_px: int = 126
    window_px: int = 5
    projector_reach_m: float = 10.0
    texture_min: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.baseline_m) and self.baseline_m > 0.0):
            raise ConfigError(f"baseline_m of a stereo model is {self.baseline_m}: use > 0.")
        names = ("disparity_sd_px", "disparity_step_px", "projector_reach_m", "texture_min")
        check_not_negative(self, "a stereo model", *names)
        if not 1 <= self.disparities_px <= 4096:
            raise ConfigError(
                f"disparities_px of a stereo model is {self.disparities_px}: use 1 to 4096."
            )
        if not 1 <= self.window_px <= 63 or self.window_px % 2 == 0:
            raise ConfigError(
                f"window_px of a stereo model is {self.window_px}: use an odd number from 1 to 63."
            )


def measure_stereo(
    model: StereoModel, focal_px: float, left_m: Image, right_m: Image, key: Key | None
) -> tuple[Image, Mask]:
    """What matching finds.

    Args:
        model: Errors.
        focal_px: Horizontal focal length of both imagers.
        left_m, right_m: True depth images of both, (height, width).
        key: Names the noise; None leaves it out, but keeps steps, windows and occlusion.

    Returns:
        Depth (height, width) in metres, and which pixels have a match.
    """
    product = np.float32(focal_px * model.baseline_m)
    depth_m = fattened(left_m, (model.window_px - 1) // 4)
    disparity = product / depth_m
    valid = seen_by_both(disparity, depth_m, right_m)
    if key is not None and model.disparity_sd_px > 0.0:
        disparity = disparity + np.float32(model.disparity_sd_px) * _smooth(
            normal_image(key, depth_m.shape), model.window_px
        )
    if model.disparity_step_px > 0.0:
        step = np.float32(model.disparity_step_px)
        disparity = np.rint(disparity / step) * step
    valid &= (disparity > 0.0) & (disparity <= np.float32(model.disparities_px))
    found = product / np.where(valid, disparity, np.float32(1.0))
    return np.where(valid, found, np.float32(0.0)).astype(np.float32), valid


def seen_by_both(disparity: Image, left_m: Image, right_m: Image) -> Mask:
    """Which points of the left image the right one sees as well: nothing nearer is in the way.

    The right image is looked up at the two pixels around the match. A surface that is steep along
    a row changes from pixel to pixel; a point is hidden only if both are nearer by more than 2 %.
    """
    height, width = left_m.shape
    place = np.arange(width, dtype=np.float32) - disparity
    first = np.clip(np.floor(place).astype(np.int64), 0, width - 1)
    second = np.minimum(first + 1, width - 1)
    rows = np.arange(height)[:, None]
    farther = np.maximum(right_m[rows, first], right_m[rows, second])
    return np.asarray((place >= 0.0) & (farther >= np.float32(0.98) * left_m))


def fattened(depth_m: Image, by_px: int) -> Image:
    """Least depth within a square of so many pixels to each side."""
    for axis in (0, 1):
        nearest = depth_m
        for shift in range(1, by_px + 1):
            ahead = np.roll(depth_m, shift, axis)
            behind = np.roll(depth_m, -shift, axis)
            # What wrapped around the border is put back.
            first, last = [slice(None)] * 2, [slice(None)] * 2
            first[axis], last[axis] = slice(0, shift), slice(-shift, None)
            ahead[tuple(first)] = depth_m[tuple(first)]
            behind[tuple(last)] = depth_m[tuple(last)]
            nearest = np.minimum(nearest, np.minimum(ahead, behind))
        depth_m = nearest
    return depth_m


def has_texture(
    model: StereoModel, light: Image, left_m: Image, reflectivity: Image, incidence: Image
) -> Mask:
    """Where a match can be found: enough contrast in the picture, or the projector's pattern.

    Args:
        model: Thresholds.
        light: Radiance (height, width) of the left picture.
        left_m: Depth.
        reflectivity: In the infrared.
        incidence: Cosine between ray and normal.
    """
    mean = _box(light.astype(np.float64), model.window_px)
    square = _box(light.astype(np.float64) ** 2, model.window_px)
    contrast = np.sqrt(np.maximum(square - mean * mean, 0.0)) / np.maximum(mean, 1e-9)
    pattern = reflectivity * incidence * (model.projector_reach_m / np.maximum(left_m, 0.05)) ** 2
    return np.asarray((contrast >= model.texture_min) | (pattern >= 1.0))


def _smooth(noise: Image, window_px: int) -> Image:
    """Noise that is even over a window of half the width, with its standard deviation kept."""
    width = window_px // 2 | 1
    if width == 1:
        return noise
    return (_box(noise.astype(np.float64), width) * width).astype(np.float32)


def _box(image: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
    """Mean over squares of an odd width; the border repeats."""
    half = width // 2
    padded = np.pad(image, half, mode="edge")
    height, columns = image.shape
    rows = np.zeros((height, padded.shape[1]))
    total = np.zeros(image.shape)
    for k in range(width):
        rows += padded[k : k + height]
    for k in range(width):
        total += rows[:, k : k + columns]
    return total / (width * width)
