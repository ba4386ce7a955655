"""Lenses: which direction each pixel looks in, and where a direction lands in the image.

All models work in the optical frame (z forward, x right, y down) with pixel centres at whole
coordinates, as OpenCV has it:

* `pinhole` with Brown-Conrady distortion k1, k2, p1, p2, k3, k4, k5, k6 in OpenCV's order and
  formula [OpenCV documentation, "Camera calibration and 3D reconstruction"].
* `fisheye`, Kannala and Brandt's even polynomial theta (1 + k1 theta^2 + ... + k4 theta^8)
  [Kannala and Brandt 2006], in `cv2.fisheye`'s form.
* `panorama`, equirectangular: columns are even in azimuth, rows in elevation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_positive
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray

Model = Literal["pinhole", "fisheye", "panorama"]

_NEWTON_STEPS = 50
_CONVERGED = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """Projection of a camera.

    Attributes:
        model: `pinhole`, `fisheye` or `panorama`.
        width_px, height_px: Size of the image.
        fx_px, fy_px: Focal lengths; pixels per radian for a panorama.
        cx_px, cy_px: Principal point.
        distortion: Brown-Conrady (0, 4, 5 or 8 numbers) for a pinhole, Kannala-Brandt (0 or 4) for
            a fisheye, none for a panorama.

    Raises:
        ConfigError: Sizes, focal lengths or the number of coefficients are not possible.
    """

    model: Model = "pinhole"
    width_px: int = 640
    height_px: int = 480
    fx_px: float = 500.0
    fy_px: float = 500.0
    cx_px: float = 319.5
    cy_px: float = 239.5
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("width_px", "height_px"):
            value = getattr(self, name)
            if not isinstance(value, int) or not 1 <= value <= 16_384:
                raise ConfigError(f"{name} of a lens is {value!r}: use 1 to 16384 pixels.")
        check_positive(self, "a lens", "fx_px", "fy_px")
        if not (math.isfinite(self.cx_px) and math.isfinite(self.cy_px)):
            raise ConfigError(
                f"The principal point ({self.cx_px}, {self.cy_px}) of a lens is not finite: use "
                "the middle of the picture if it is not known."
            )
        counts = {"pinhole": (0, 4, 5, 8), "fisheye": (0, 4), "panorama": (0,)}
        if self.model not in counts:
            raise ConfigError(f"The lens model {self.model!r} is none of: {', '.join(counts)}.")
        if len(self.distortion) not in counts[self.model]:
            raise ConfigError(
                f"A {self.model} lens takes {counts[self.model]} distortion coefficients, got "
                f"{len(self.distortion)}."
            )

    @classmethod
    def of_fov(
        cls,
        width_px: int,
        height_px: int,
        fov_x_rad: float,
        *,
        model: Model = "pinhole",
        distortion: tuple[float, ...] = (),
    ) -> Lens:
        """A lens with square pixels and a centred principal point.

        Args:
            width_px, height_px: Size of the image.
            fov_x_rad: Horizontal field of view between the outer edges of the outer pixels, before
                distortion; below pi for a pinhole, up to 2 pi otherwise.
            model: Projection.
            distortion: Coefficients.

        Raises:
            ConfigError: The field of view does not fit the model.
        """
        limit = math.pi if model == "pinhole" else 2.0 * math.pi + 1e-9
        if not 0.0 < fov_x_rad < limit:
            raise ConfigError(
                f"A {model} lens has no field of view of {fov_x_rad} rad: use 0 to {limit:.4g}."
            )
        half = 0.5 * fov_x_rad
        focal = 0.5 * width_px / (math.tan(half) if model == "pinhole" else half)
        return cls(
            model=model,
            width_px=width_px,
            height_px=height_px,
            fx_px=focal,
            fy_px=focal,
            cx_px=0.5 * (width_px - 1),
            cy_px=0.5 * (height_px - 1),
            distortion=distortion,
        )

    @property
    def matrix(self) -> FloatArray:
        """Intrinsic matrix K, (3, 3)."""
        return np.array(
            [[self.fx_px, 0.0, self.cx_px], [0.0, self.fy_px, self.cy_px], [0.0, 0.0, 1.0]]
        )

    def directions(self) -> npt.NDArray[np.float32]:
        """Ray of every pixel, (height, width, 3), optical frame, for a tracer.

        Of z = 1 for a pinhole, of unit length otherwise.
        """
        columns, rows = np.meshgrid(np.arange(self.width_px), np.arange(self.height_px))
        return self.unproject(np.stack([columns, rows], axis=-1)).astype(np.float32)

    def unproject(self, pixels: npt.ArrayLike) -> FloatArray:
        """Directions (..., 3) of pixels (..., 2) (column, row); scaled as in `directions`."""
        pixels = np.asarray(pixels, dtype=np.float64)
        x = (pixels[..., 0] - self.cx_px) / self.fx_px
        y = (pixels[..., 1] - self.cy_px) / self.fy_px
        if self.model == "panorama":
            return np.stack([np.cos(y) * np.sin(x), np.sin(y), np.cos(y) * np.cos(x)], axis=-1)
        if self.model == "fisheye":
            return self._unproject_fisheye(x, y)
        if any(self.distortion):
            x, y = _undistort(x, y, self._brown)
        return np.stack([x, y, np.ones_like(x)], axis=-1)

    def project(self, points_m: npt.ArrayLike) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        """Pixels (..., 2) (column, row) of points (..., 3), and whether they can be seen at all.

        Points behind a pinhole cannot; the image's borders are not looked at.
        """
        points = np.asarray(points_m, dtype=np.float64)
        x, y, z = points[..., 0], points[..., 1], points[..., 2]
        if self.model == "panorama":
            u, v = np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))
            seen = np.linalg.norm(points, axis=-1) > 0.0
        elif self.model == "fisheye":
            across = np.hypot(x, y)
            theta = np.arctan2(across, z)
            bent = self._fisheye_radius(theta) / np.maximum(across, 1e-12)
            scale = np.where(across > 1e-12, bent, 1.0 / np.maximum(np.abs(z), 1e-12))
            u, v = x * scale, y * scale
            seen = np.linalg.norm(points, axis=-1) > 0.0
        else:
            seen = z > 0.0
            depth = np.where(seen, z, 1.0)
            u, v = _distort(x / depth, y / depth, self._brown)
        pixels = np.stack([self.fx_px * u + self.cx_px, self.fy_px * v + self.cy_px], axis=-1)
        return pixels, seen

    @property
    def _brown(self) -> tuple[float, ...]:
        return (*self.distortion, *(0.0,) * (8 - len(self.distortion)))

    def _fisheye_radius(self, theta: FloatArray) -> FloatArray:
        k = (*self.distortion, *(0.0,) * (4 - len(self.distortion)))
        square = theta * theta
        series = 1.0 + square * (k[0] + square * (k[1] + square * (k[2] + square * k[3])))
        return np.asarray(theta * series)

    def _unproject_fisheye(self, x: FloatArray, y: FloatArray) -> FloatArray:
        k = (*self.distortion, *(0.0,) * (4 - len(self.distortion)))
        radius = np.hypot(x, y)
        theta = np.minimum(radius, math.pi)
        for _ in range(_NEWTON_STEPS):
            square = theta * theta
            slope = 1.0 + square * (
                3 * k[0] + square * (5 * k[1] + square * (7 * k[2] + square * 9 * k[3]))
            )
            step = (self._fisheye_radius(theta) - radius) / np.where(slope > 0.1, slope, 0.1)
            theta = np.clip(theta - step, 0.0, math.pi)
            if float(np.abs(step).max(initial=0.0)) < _CONVERGED:
                break
        scale = np.where(radius > 1e-12, np.sin(theta) / np.maximum(radius, 1e-12), 1.0)
        return np.stack([x * scale, y * scale, np.cos(theta)], axis=-1)


def _distort(x: FloatArray, y: FloatArray, k: tuple[float, ...]) -> tuple[FloatArray, FloatArray]:
    """Brown-Conrady with the rational radial term, on normalised image coordinates."""
    k1, k2, p1, p2, k3, k4, k5, k6 = k
    r2 = x * x + y * y
    radial = (1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))) / (1.0 + r2 * (k4 + r2 * (k5 + r2 * k6)))
    distorted_x = x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x)
    distorted_y = y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y
    return distorted_x, distorted_y


def _undistort(x: FloatArray, y: FloatArray, k: tuple[float, ...]) -> tuple[FloatArray, FloatArray]:
    """Inverts `_distort` by Newton's method with a numerical Jacobian.

    Raises:
        ConfigError: The distortion folds the image over, so some pixels see no direction.
    """
    u, v = x.copy(), y.copy()
    step = 1e-6
    for _ in range(_NEWTON_STEPS):
        error_x, error_y = _distort(u, v, k)
        error_x, error_y = error_x - x, error_y - y
        if float(np.maximum(np.abs(error_x), np.abs(error_y)).max(initial=0.0)) < _CONVERGED:
            return u, v
        right, left = _distort(u + step, v, k), _distort(u - step, v, k)
        below, above = _distort(u, v + step, k), _distort(u, v - step, k)
        a, c = (right[0] - left[0]) / (2 * step), (right[1] - left[1]) / (2 * step)
        b, d = (below[0] - above[0]) / (2 * step), (below[1] - above[1]) / (2 * step)
        determinant = a * d - b * c
        determinant = np.where(np.abs(determinant) > 1e-6, determinant, 1e-6)
        u = u - (d * error_x - b * error_y) / determinant
        v = v - (a * error_y - c * error_x) / determinant
    if float(np.maximum(np.abs(error_x), np.abs(error_y)).max()) > 1e-8:
        raise ConfigError(
            f"The distortion {k} cannot be inverted over the whole image: it folds over near the "
            "corners. Use smaller coefficients or a smaller field of view."
        )
    return u, v
