"""Positions on the WGS 84 ellipsoid: local tangent plane, Earth-centred axes, latitude, longitude.

The world's frame is the tangent plane at its geographic origin: x east, y north, z up. Everything
here is exact; nothing is flattened. Angles in radians, heights above the ellipsoid in metres.
Constants: NIMA TR8350.2, 3rd ed., table 3.1.
"""

from __future__ import annotations

import math

import numpy as np

from fleetloop.core.frames import FloatArray
from fleetloop.envs.trace.jit import inline, kernel

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

SEMI_MAJOR_M = 6_378_137.0
FLATTENING = 1.0 / 298.257223563
SEMI_MINOR_M = SEMI_MAJOR_M * (1.0 - FLATTENING)
ECCENTRICITY_SQUARED = FLATTENING * (2.0 - FLATTENING)


def ecef_from_geodetic(latitude_rad: float, longitude_rad: float, altitude_m: float) -> FloatArray:
    """Earth-centred, Earth-fixed position, (3,) metres (Hofmann-Wellenhof, "GNSS", 8.2.2)."""
    sine, cosine = math.sin(latitude_rad), math.cos(latitude_rad)
    normal_m = SEMI_MAJOR_M / math.sqrt(1.0 - ECCENTRICITY_SQUARED * sine * sine)
    across_m = (normal_m + altitude_m) * cosine
    along_m = (normal_m * (1.0 - ECCENTRICITY_SQUARED) + altitude_m) * sine
    return np.array(
        [across_m * math.cos(longitude_rad), across_m * math.sin(longitude_rad), along_m]
    )


def geodetic_from_ecef(ecef_m: FloatArray) -> tuple[float, float, float]:
    """Latitude and longitude, radians, and altitude, metres, of an Earth-centred position (3,).

    Bowring's formula with the parametric latitude iterated [Bowring 1976, "Transformation from
    spatial to geographical coordinates"]. Each round multiplies the error by less than 1e-5 near
    the surface, so four are exact to rounding from the sea floor to the satellites.
    """
    latitude, longitude, altitude = _geodetic(float(ecef_m[0]), float(ecef_m[1]), float(ecef_m[2]))
    return latitude, longitude, altitude


@kernel
def _geodetic(x_m: float, y_m: float, z_m: float) -> tuple[float, float, float]:
    """See `geodetic_from_ecef`."""
    found: tuple[float, float, float] = _bowring(x_m, y_m, z_m)
    return found


@inline
def _bowring(x_m, y_m, z_m):
    across_m = math.hypot(x_m, y_m)
    second = ECCENTRICITY_SQUARED / (1.0 - ECCENTRICITY_SQUARED)
    parametric = math.atan2(z_m * SEMI_MAJOR_M, across_m * SEMI_MINOR_M)
    latitude = 0.0
    for _ in range(4):
        sine, cosine = math.sin(parametric), math.cos(parametric)
        latitude = math.atan2(
            z_m + second * SEMI_MINOR_M * sine * sine * sine,
            across_m - ECCENTRICITY_SQUARED * SEMI_MAJOR_M * cosine * cosine * cosine,
        )
        parametric = math.atan2(
            SEMI_MINOR_M * math.sin(latitude), SEMI_MAJOR_M * math.cos(latitude)
        )
    sine, cosine = math.sin(latitude), math.cos(latitude)
    # Height along the normal: well-conditioned at the poles, where across/cosine is not.
    surface_m = SEMI_MAJOR_M * math.sqrt(1.0 - ECCENTRICITY_SQUARED * sine * sine)
    altitude_m = across_m * cosine + z_m * sine - surface_m
    return latitude, math.atan2(y_m, x_m), altitude_m


@kernel
def fix_of(
    origin_m: FloatArray, ecef_R_world: FloatArray, world_m: FloatArray, velocity_m_s: FloatArray,
    fix: FloatArray,
) -> None:  # fmt: skip
    """Writes what an ideal receiver would report.

    Args:
        origin_m, ecef_R_world: Of the `TangentPlane`.
        world_m, velocity_m_s: (3,) place and velocity of the antenna, world axes.
        fix: (6,) written: latitude, longitude, altitude, velocity east, north, up at the antenna.
    """
    ecef, fast = np.empty(3), np.empty(3)
    for i in range(3):
        ecef[i], fast[i] = origin_m[i], 0.0
        for k in range(3):
            ecef[i] += ecef_R_world[i, k] * world_m[k]
            fast[i] += ecef_R_world[i, k] * velocity_m_s[k]
    latitude, longitude, altitude = _bowring(ecef[0], ecef[1], ecef[2])
    sin_lat, cos_lat = math.sin(latitude), math.cos(latitude)
    sin_lon, cos_lon = math.sin(longitude), math.cos(longitude)
    fix[0], fix[1], fix[2] = latitude, longitude, altitude
    # Rows of `ecef_R_local`, transposed.
    fix[3] = cos_lon * fast[1] - sin_lon * fast[0]
    fix[4] = cos_lat * fast[2] - sin_lat * (cos_lon * fast[0] + sin_lon * fast[1])
    fix[5] = sin_lat * fast[2] + cos_lat * (cos_lon * fast[0] + sin_lon * fast[1])


@kernel
def place_of(
    origin_m: FloatArray, ecef_R_world: FloatArray, fix: FloatArray, world_m: FloatArray
) -> None:
    """Writes the world position (3,) of latitude, longitude and altitude, the first of a fix."""
    sine, cosine = math.sin(fix[0]), math.cos(fix[0])
    normal_m = SEMI_MAJOR_M / math.sqrt(1.0 - ECCENTRICITY_SQUARED * sine * sine)
    across_m = (normal_m + fix[2]) * cosine
    x = across_m * math.cos(fix[1]) - origin_m[0]
    y = across_m * math.sin(fix[1]) - origin_m[1]
    z = (normal_m * (1.0 - ECCENTRICITY_SQUARED) + fix[2]) * sine - origin_m[2]
    for i in range(3):
        world_m[i] = ecef_R_world[0, i] * x + ecef_R_world[1, i] * y + ecef_R_world[2, i] * z


def ecef_R_local(latitude_rad: float, longitude_rad: float) -> FloatArray:
    """Rotation, (3, 3), from east-north-up axes at a place to Earth-centred axes."""
    sin_lat, cos_lat = math.sin(latitude_rad), math.cos(latitude_rad)
    sin_lon, cos_lon = math.sin(longitude_rad), math.cos(longitude_rad)
    return np.array(
        [
            [-sin_lon, -sin_lat * cos_lon, cos_lat * cos_lon],
            [cos_lon, -sin_lat * sin_lon, cos_lat * sin_lon],
            [0.0, cos_lat, sin_lat],
        ]
    )


class TangentPlane:
    """The world's frame on the Earth.

    Args:
        latitude_rad: Of the world's origin.
        longitude_rad: Of the world's origin.
        altitude_m: Of the world's origin.
    """

    def __init__(self, latitude_rad: float, longitude_rad: float, altitude_m: float) -> None:
        self.origin_m = ecef_from_geodetic(latitude_rad, longitude_rad, altitude_m)
        self.ecef_R_world = ecef_R_local(latitude_rad, longitude_rad)

    def geodetic(self, world_m: FloatArray) -> tuple[float, float, float]:
        """Latitude, longitude, altitude of a world position (3,)."""
        return geodetic_from_ecef(self.origin_m + self.ecef_R_world @ world_m)

    def world(self, latitude_rad: float, longitude_rad: float, altitude_m: float) -> FloatArray:
        """World position (3,), metres, of a place."""
        ecef_m = ecef_from_geodetic(latitude_rad, longitude_rad, altitude_m)
        return np.asarray(self.ecef_R_world.T @ (ecef_m - self.origin_m))

    def local_R_world(self, latitude_rad: float, longitude_rad: float) -> FloatArray:
        """Rotation, (3, 3), from world axes to east-north-up at another place."""
        return np.asarray(ecef_R_local(latitude_rad, longitude_rad).T @ self.ecef_R_world)
