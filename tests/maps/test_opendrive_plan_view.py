"""Reference lines against closed forms, and against fine numerical integration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.envs.maps.opendrive.cubics import Cubics
from fleetloop.envs.maps.opendrive.plan_view import Geometry, PlanView

START = {"s_m": 3.0, "x_m": 10.0, "y_m": -4.0, "heading_rad": 0.7}
curvatures = st.floats(-0.1, 0.1).filter(lambda k: k == 0.0 or abs(k) > 1e-6)


def one(kind, length_m=30.0, **more) -> PlanView:
    return PlanView.of([Geometry(kind=kind, length_m=length_m, **START, **more)])


def walked(length_m, begin, end, steps=20_000):
    """End of a spiral by adding up small steps along its headings: the slow oracle."""
    step = length_m / steps
    s = (np.arange(steps) + 0.5) * step
    heading = START["heading_rad"] + s * (begin + 0.5 * (end - begin) / length_m * s)
    return (
        START["x_m"] + step * np.cos(heading).sum(),
        START["y_m"] + step * np.sin(heading).sum(),
    )


def test_a_line_is_straight():
    places = one("line").at([3.0, 13.0])
    np.testing.assert_allclose(places.x_m, [10.0, 10.0 + 10.0 * math.cos(0.7)])
    np.testing.assert_allclose(places.y_m, [-4.0, -4.0 + 10.0 * math.sin(0.7)])
    np.testing.assert_array_equal(places.curvature_1_m, 0.0)


@given(curvatures.filter(lambda k: k != 0.0), st.floats(0.0, 30.0))
def test_points_of_an_arc_lie_on_its_circle(curvature, along):
    places = one("arc", curvature_1_m=(curvature, curvature)).at([3.0 + along])
    center_x = 10.0 - math.sin(0.7) / curvature
    center_y = -4.0 + math.cos(0.7) / curvature
    away = np.hypot(places.x_m - center_x, places.y_m - center_y)
    np.testing.assert_allclose(away, abs(1.0 / curvature), rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(places.heading_rad, 0.7 + curvature * along, atol=1e-12)


@given(curvatures, curvatures)
def test_spirals_go_where_their_headings_lead(begin, end):
    plan = one("spiral", curvature_1_m=(begin, end))
    last = plan.at([plan.length_m])
    np.testing.assert_allclose([last.x_m[0], last.y_m[0]], walked(30.0, begin, end), atol=1e-6)
    assert last.curvature_1_m[0] == pytest.approx(end, abs=1e-12)
    assert last.heading_rad[0] == pytest.approx(0.7 + 15.0 * (begin + end))


def test_a_spiral_of_many_turns_is_still_exact():
    plan = one("spiral", length_m=400.0, curvature_1_m=(0.0, 0.2))
    last = plan.at([plan.length_m])
    np.testing.assert_allclose(
        [last.x_m[0], last.y_m[0]], walked(400.0, 0.0, 0.2, 400_000), atol=1e-5
    )


def test_a_spiral_without_a_change_is_an_arc():
    arc, spiral = (one(kind, curvature_1_m=(0.03, 0.03)) for kind in ("arc", "spiral"))
    for a, b in zip(arc.at([20.0]), spiral.at([20.0]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("normalised", [True, False])
def test_cubics_are_walked_in_arc_length(normalised):
    scale = 1.0 if normalised else 1.0 / 30.0
    u = (0.0, 30.0 * scale, 0.0, -4.0 * scale**3)
    v = (0.0, 0.0, 12.0 * scale**2, -5.0 * scale**3)
    p = np.linspace(0.0, 1.0 / scale, 200_001)
    x = u[1] * p + u[3] * p**3
    y = v[2] * p**2 + v[3] * p**3
    length = float(np.hypot(np.diff(x), np.diff(y)).sum())
    plan = one("paramPoly3", length_m=length if normalised else 30.0, u=u, v=v,
               normalised=normalised)  # fmt: skip
    s = np.linspace(3.0, plan.length_m, 500)
    places = plan.at(s)
    steps = np.hypot(np.diff(places.x_m), np.diff(places.y_m))
    np.testing.assert_allclose(steps, steps.mean(), rtol=1e-3)
    end = np.array([places.x_m[-1] - 10.0, places.y_m[-1] + 4.0])
    turned = np.array([[math.cos(0.7), -math.sin(0.7)], [math.sin(0.7), math.cos(0.7)]])
    np.testing.assert_allclose(end, turned @ [x[-1], y[-1]], atol=1e-6)
    direction = np.arctan2(np.diff(places.y_m), np.diff(places.x_m))
    middle = 0.5 * (places.heading_rad[1:] + places.heading_rad[:-1])
    np.testing.assert_allclose(direction, middle, atol=1e-4)


def test_poly3_has_its_stated_length():
    plan = one("poly3", length_m=25.0, v=(0.0, 0.0, 0.01, 0.0002))
    places = plan.at(np.linspace(3.0, 28.0, 20_001))
    walked_m = np.hypot(np.diff(places.x_m), np.diff(places.y_m)).sum()
    assert walked_m == pytest.approx(25.0, abs=1e-6)


def test_curvature_is_the_change_of_heading():
    plan = one("paramPoly3", u=(0, 30, 0, 0), v=(0, 0, 8, -3), normalised=True)
    s = np.linspace(4.0, 30.0, 2001)
    places = plan.at(s)
    scale = np.hypot(np.diff(places.x_m), np.diff(places.y_m))
    measured = np.diff(places.heading_rad) / scale
    middle = 0.5 * (places.curvature_1_m[1:] + places.curvature_1_m[:-1])
    np.testing.assert_allclose(measured, middle, atol=2e-5)


def test_gaps_between_pieces_are_found():
    line = Geometry(kind="line", s_m=0.0, x_m=0.0, y_m=0.0, heading_rad=0.0, length_m=10.0)
    good = Geometry(kind="line", s_m=10.0, x_m=10.0, y_m=0.0, heading_rad=0.0, length_m=5.0)
    bad = Geometry(kind="line", s_m=10.0, x_m=10.0, y_m=0.3, heading_rad=0.2, length_m=5.0)
    assert PlanView.of([good, line]).largest_gap() == (0.0, 0.0)
    assert PlanView.of([line, bad]).largest_gap() == pytest.approx((0.3, 0.2))


def test_piecewise_cubics_take_the_piece_that_started_last():
    cubics = Cubics.of([(10.0, 2.0, 0.5, 0.0, 0.0), (0.0, 1.0, 0.0, 0.1, 0.0)])
    np.testing.assert_allclose(cubics.value([0.0, 2.0, 9.999999, 10.0, 12.0]),
                               [1.0, 1.4, 11.0, 2.0, 3.0], rtol=1e-5)  # fmt: skip
    np.testing.assert_allclose(cubics.slope([2.0, 12.0]), [0.4, 0.5])
    assert Cubics.of([]).value([3.0]).tolist() == [0.0]
    assert Cubics.of([]).is_zero
