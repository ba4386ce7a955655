import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetloop.envs.sensors import geodesy
from fleetloop.envs.sensors.geodesy import TangentPlane

LATITUDE = st.floats(-math.pi / 2, math.pi / 2)
LONGITUDE = st.floats(-math.pi, math.pi)
ALTITUDE = st.floats(-10_000.0, 1_000_000.0)


def closed_form(ecef):
    """Second formulation: Vermeille 2002, direct transformation, no iteration."""
    a, e2 = geodesy.SEMI_MAJOR_M, geodesy.ECCENTRICITY_SQUARED
    x, y, z = (float(v) for v in ecef)
    p = (x * x + y * y) / a**2
    q = (1 - e2) / a**2 * z * z
    r = (p + q - e2**2) / 6
    s = e2**2 * p * q / (4 * r**3)
    t = (1 + s + math.sqrt(s * (2 + s))) ** (1 / 3)
    u = r * (1 + t + 1 / t)
    v = math.sqrt(u * u + e2**2 * q)
    w = e2 * (u + v - q) / (2 * v)
    k = math.sqrt(u + v + w * w) - w
    d = k * math.hypot(x, y) / (k + e2)
    altitude = (k + e2 - 1) / k * math.hypot(d, z)
    latitude = 2 * math.atan2(z, d + math.hypot(d, z))
    return latitude, math.atan2(y, x), altitude


def metres_apart(place, other):
    radius = geodesy.SEMI_MAJOR_M
    turn = math.remainder(place[1] - other[1], 2 * math.pi) * math.cos(place[0])
    return max(abs(place[0] - other[0]) * radius, abs(turn) * radius, abs(place[2] - other[2]))


def test_known_points():
    a, b = geodesy.SEMI_MAJOR_M, geodesy.SEMI_MINOR_M
    assert pytest.approx(6_356_752.314245, abs=1e-6) == b
    np.testing.assert_allclose(geodesy.ecef_from_geodetic(0, 0, 5.0), [a + 5.0, 0, 0])
    np.testing.assert_allclose(
        geodesy.ecef_from_geodetic(-math.pi / 2, 1.0, 5.0), [0, 0, -b - 5.0], atol=1e-9
    )


@given(LATITUDE, LONGITUDE, ALTITUDE)
@settings(max_examples=300, deadline=None)
def test_round_trip_is_exact(latitude, longitude, altitude):
    ecef = geodesy.ecef_from_geodetic(latitude, longitude, altitude)
    place = geodesy.geodetic_from_ecef(ecef)
    assert metres_apart((latitude, longitude, altitude), place) < 1e-7


@given(LATITUDE, LONGITUDE, ALTITUDE)
@settings(max_examples=300, deadline=None)
def test_it_agrees_with_a_second_formulation(latitude, longitude, altitude):
    ecef = geodesy.ecef_from_geodetic(latitude, longitude, altitude)
    assert metres_apart(closed_form(ecef), geodesy.geodetic_from_ecef(ecef)) < 1e-6


@given(LATITUDE, LONGITUDE)
@settings(max_examples=50, deadline=None)
def test_local_axes_point_east_north_up(latitude, longitude):
    rotation = geodesy.ecef_R_local(latitude, longitude)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-14)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    base = geodesy.ecef_from_geodetic(latitude, longitude, 0.0)
    above = geodesy.ecef_from_geodetic(latitude, longitude, 1000.0)
    np.testing.assert_allclose(rotation[:, 2], (above - base) / 1000.0, atol=1e-9)
    assert abs(rotation[2, 0]) < 1e-15


def test_small_steps_follow_the_radii_of_curvature():
    latitude, longitude = 0.8, 0.2
    plane = TangentPlane(latitude, longitude, 100.0)
    sine = math.sin(latitude)
    bend = 1.0 - geodesy.ECCENTRICITY_SQUARED * sine**2
    meridian = geodesy.SEMI_MAJOR_M * (1.0 - geodesy.ECCENTRICITY_SQUARED) / bend**1.5
    normal = geodesy.SEMI_MAJOR_M / math.sqrt(bend)
    there = plane.geodetic(np.array([1.0, 1.0, 0.0]))
    north = (there[0] - latitude) * (meridian + 100.0)
    east = (there[1] - longitude) * (normal + 100.0) * math.cos(latitude)
    assert north == pytest.approx(1.0, abs=1e-6)
    assert east == pytest.approx(1.0, abs=1e-6)


@given(st.tuples(*[st.floats(-5e4, 5e4)] * 3))
@settings(max_examples=100, deadline=None)
def test_the_tangent_plane_round_trips_below_a_micrometre(world):
    plane = TangentPlane(0.65, -2.13, 30.0)
    back = plane.world(*plane.geodetic(np.array(world)))
    np.testing.assert_allclose(back, world, atol=1e-6)


def test_the_earth_falls_away_from_the_tangent_plane():
    plane = TangentPlane(0.65, -2.13, 0.0)
    _, _, altitude = plane.geodetic(np.array([10_000.0, 0.0, 0.0]))
    assert altitude == pytest.approx(10_000.0**2 / 2 / 6.386e6, rel=1e-3)
