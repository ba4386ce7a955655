"""Positions on the WGS 84 ellipsoid: local tangent plane, Earth-centred axes, latitude, longitude.

The world's frame is the tangent plane at its geographic origin: x east, y north, z up. Everything
here is exact; nothing is flattened. Angles in radians, heights above the ellipsoid in metres.
Constants: NIMA TR8350.2, 3rd ed., table 3.1.
"""

from __future__ import annotations

import math

import numpy as np

from fleetloop.core.frames import FloatArray

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
    x_m, y_m, z_m = (float(value) for value in ecef_m)
    across_m = math.hypot(x_m, y_m)
    second = ECCENTRICITY_SQUARED / (1.0 - ECCENTRICITY_SQUARED)
    parametric = math.atan2(z_m * SEMI_MAJOR_M, across_m * SEMI_MINOR_M)
    latitude = 0.0
    for _ in range(4):
        sine, cosine = math.sin(parametric), math.cos(parametric)
        latitude = math.atan2(
            z_m + second * SEMI_MINOR_M * sine**3,
            across_m - ECCENTRICITY_SQUARED * SEMI_MAJOR_M * cosine**3,
        )
        parametric = math.atan2(
            SEMI_MINOR_M * math.sin(latitude), SEMI_MAJOR_M * math.cos(latitude)
        )
    sine, cosine = math.sin(latitude), math.cos(latitude)
    # Height along the normal: well-conditioned at the poles, where across/cosine is not.
    surface_m = SEMI_MAJOR_M * math.sqrt(1.0 - ECCENTRICITY_SQUARED * sine * sine)
    altitude_m = across_m * cosine + z_m * sine - surface_m
    return latitude, math.atan2(y_m, x_m), altitude_m


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
