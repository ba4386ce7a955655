"""What a drive tells of the world around the car, beside the same in plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.core.frames import Pose
from fleetloop.envs.tasks.drive_eyes import (
    find_on_line,
    find_walker_on,
    note_walkers,
    see_points,
)
from fleetloop.envs.tasks.drive_future import STEPS
from fleetloop.envs.tasks.drive_route import DriveRoute, Gate
from fleetloop.envs.tasks.drive_truth import (
    ACTOR_REACH_M,
    ACTORS,
    GATES,
    NO_LEAD_M,
    PATH_POINTS,
    PATH_STEP_M,
    Viewpoint,
    actor_truth,
    coming_gates,
    lead_truth,
    nearest_actors,
    path_truth,
)


@pytest.fixture
def rng():
    return np.random.default_rng(8)


def viewpoint(rng):
    x, y = rng.uniform(-50.0, 50.0, 2)
    return Viewpoint.of(Pose.of(float(x), float(y), 0.0, yaw_rad=float(rng.uniform(-3.0, 3.0))))


def into_base(points_m, base):
    x, y = points_m[..., 0] - base.x_m, points_m[..., 1] - base.y_m
    return np.stack([base.cosine * x + base.sine * y, base.cosine * y - base.sine * x], axis=-1)


def crowd(rng, count):
    bodies = np.zeros((count, 7))
    bodies[:, :2] = rng.uniform(-90.0, 90.0, (count, 2))
    bodies[:, 2] = rng.uniform(-6.0, 6.0, count)
    bodies[:, 3:6] = rng.uniform(0.5, 6.0, (count, 3))
    bodies[:, 6] = rng.integers(0, 4, count)
    return bodies, rng.uniform(size=count) < 0.8


def wrapped(angle):
    return (angle + np.pi) % (2.0 * np.pi) - np.pi


def test_the_path_is_the_route_as_the_car_sees_it_and_its_end_is_held(rng):
    count = 120
    route = DriveRoute(
        xyz_m=rng.uniform(-9.0, 9.0, (count, 3)),
        heading_rad=rng.uniform(-9.0, 9.0, count),
        curvature_1_m=rng.uniform(-1.0, 1.0, count),
        limit_m_s=rng.uniform(5.0, 30.0, count),
        lane=np.zeros(count, np.int32), command=np.zeros(count, np.int32), length_m=30.0, gates=(),
    )  # fmt: skip
    base, row = viewpoint(rng), 17
    told = path_truth(route, row, base)
    rows = np.minimum(row + 2 * np.arange(PATH_POINTS), count - 1)
    np.testing.assert_allclose(told["path_m"], into_base(route.xyz_m[rows, :2], base), atol=1e-12)
    turn = wrapped(route.heading_rad[rows] - base.yaw_rad)
    np.testing.assert_allclose(told["path_heading_rad"], turn, atol=1e-12)
    np.testing.assert_array_equal(told["path_curvature_1_m"], route.curvature_1_m[rows])
    np.testing.assert_array_equal(told["path_limit_m_s"], route.limit_m_s[rows])


@pytest.mark.parametrize("count", [0, 1, 5, 16, 17, 80])
def test_the_nearest_who_are_there_come_first(rng, count):
    bodies, present = crowd(rng, count)
    base = viewpoint(rng)
    if count > 5:
        bodies[3, :2] = bodies[5, :2] = (base.x_m + 1.0, base.y_m)  # as near as each other
        present[[3, 5]] = True
    away = np.hypot(bodies[:, 0] - base.x_m, bodies[:, 1] - base.y_m)
    away = np.where(present & (away < ACTOR_REACH_M), away, np.inf)
    order = np.argsort(away, kind="stable")[:ACTORS]
    wanted = np.full(ACTORS, -1)
    wanted[: np.isfinite(away[order]).sum()] = order[np.isfinite(away[order])]
    np.testing.assert_array_equal(nearest_actors(bodies, present, base), wanted)


def test_actors_and_their_future_are_in_the_frame_of_the_car(rng):
    bodies, present = crowd(rng, 9)
    base = viewpoint(rng)
    rows = nearest_actors(bodies, present, base)
    future = rng.uniform(-40.0, 40.0, (ACTORS, STEPS, 3))
    told = actor_truth(bodies, rows, future, base)
    valid = rows >= 0
    np.testing.assert_array_equal(told["actor_valid"], valid)
    assert not told["actor"][~valid].any()
    assert not told["actor_future"][~valid].any()
    chosen = bodies[rows[valid]]
    np.testing.assert_allclose(told["actor"][valid, :2], into_base(chosen[:, :2], base), atol=1e-12)
    turn = wrapped(chosen[:, 2] - base.yaw_rad)
    np.testing.assert_allclose(told["actor"][valid, 2], turn, atol=1e-12)
    np.testing.assert_array_equal(told["actor"][valid, 3:], chosen[:, 3:])
    seen = told["actor_future"][valid]
    np.testing.assert_allclose(seen[..., :2], into_base(future[valid, :, :2], base), atol=1e-12)
    np.testing.assert_allclose(seen[..., 2], wrapped(future[valid, :, 2] - base.yaw_rad), atol=1e-9)


def lead_in_numpy(path, actor, valid, front, half_width):
    gap = actor[:, None, :2] - path[None]
    away = (gap * gap).sum(axis=2)
    near = away.argmin(axis=1)
    ahead = np.gradient(path, axis=0)
    turn = actor[:, 2] - np.arctan2(ahead[:, 1], ahead[:, 0])[near]
    cosine, sine = np.abs(np.cos(turn)), np.abs(np.sin(turn))
    half_long = 0.5 * (actor[:, 4] * cosine + actor[:, 5] * sine)
    half_wide = 0.5 * (actor[:, 4] * sine + actor[:, 5] * cosine)
    aside = np.sqrt(away[np.arange(len(near)), near])
    on = valid & (near > 0) & (near < len(path) - 1) & (aside < half_wide + half_width + 0.2)
    if not on.any():
        return NO_LEAD_M, 0.0, False
    room = np.where(on, near * PATH_STEP_M - half_long - front, np.inf)
    first = int(room.argmin())
    return room[first], actor[first, 3] * np.cos(turn[first]), True


def test_the_lead_is_the_first_on_the_way(rng):
    found = 0
    for _ in range(200):
        bend = rng.uniform(-0.03, 0.03)
        heading = bend * PATH_STEP_M * np.arange(PATH_POINTS)
        steps = PATH_STEP_M * np.stack([np.cos(heading), np.sin(heading)], axis=1)
        path = np.cumsum(steps, axis=0)
        actor, valid = crowd(rng, ACTORS)
        told = lead_truth(path, actor, valid, 2.3, 0.95)
        assert told == pytest.approx(lead_in_numpy(path, actor, valid, 2.3, 0.95))
        found += told[2]
    assert 20 < found < 200


def test_gates_are_told_in_the_order_of_their_lines_until_they_are_passed():
    def gate(line_m):
        return Gate(line_m=line_m, enter_m=line_m + 1.0, exit_m=line_m + 10.0, link=0, control=0,
                    signal=-1, signal_index=-1)  # fmt: skip

    gates = tuple(gate(line_m) for line_m in (50.0, 20.0, 5.0, 90.0, 70.0))
    assert coming_gates(gates, 0.0) == [2, 1, 0]
    assert coming_gates(gates, 22.0) == [1, 0, 4]
    assert coming_gates(gates, 200.0) == []
    assert len(coming_gates(gates, 0.0)) == GATES


def a_line(rng, count=60):
    turn = np.cumsum(rng.normal(0.0, 0.05, count))
    xy = np.cumsum(0.5 * np.stack([np.cos(turn), np.sin(turn)], axis=1), axis=0)
    return np.column_stack([xy, np.zeros(count)]), turn


def test_a_place_is_told_along_and_beside_the_nearest_row_of_a_line(rng):
    xyz, heading = a_line(rng)
    for _ in range(20):
        x, y = rng.uniform(-5.0, 25.0, 2)
        along, aside, row = find_on_line(xyz, heading, 10, 50, x, y)
        gap = np.array([x, y]) - xyz[10:50, :2]
        assert row == 10 + np.argmin((gap**2).sum(axis=1))
        forward = np.array([np.cos(heading[row]), np.sin(heading[row])])
        assert along == pytest.approx(gap[row - 10] @ forward)
        assert aside == pytest.approx(gap[row - 10] @ [-forward[1], forward[0]])


def test_way_points_are_rows_of_the_line_and_the_last_one_beyond_its_end(rng):
    xyz, _ = a_line(rng)
    base = viewpoint(rng)
    told = np.empty((8, 2), np.float32)
    see_points(xyz, 21.3, 2.0, 0.5, base.x_m, base.y_m, base.cosine, base.sine, told)
    rows = np.minimum(np.rint((21.3 + 2.0 * np.arange(8)) / 0.5).astype(int), len(xyz) - 1)
    np.testing.assert_allclose(told, into_base(xyz[rows, :2], base), rtol=1e-5)


def test_a_crossing_is_busy_with_who_is_on_its_road_or_walks_onto_it():
    line = np.stack([np.linspace(0.0, 12.0, 25), np.zeros(25)], axis=1)
    s = line[:, 0].copy()

    def busy(x, y, speed, kind=1.0, there=True):
        body = np.array([[x, y, 0.0, speed, 0.5, 0.5, kind]])
        return find_walker_on(line, s, 3.0, 9.0, 2.0, 0.6, body, np.array([there]), 1.0)

    assert busy(6.0, 1.5, 0.0)
    assert not busy(6.0, 2.5, 0.0), "beside the crossing"
    assert not busy(2.6, 0.0, 0.0), "waits at the kerb"
    assert busy(2.6, 0.0, 1.0), "about to step on it"
    assert not busy(6.0, 0.0, 1.0, kind=0.0), "a vehicle"
    assert not busy(6.0, 0.0, 1.0, there=False)


def test_people_go_where_their_velocity_points_and_who_stands_looks_somewhere(rng):
    states = rng.normal(size=(9, 7))
    states[:3, 3:5] = 0.0
    told = np.empty((9, 4))
    note_walkers(states, told)
    np.testing.assert_array_equal(told[:, :2], states[:, :2])
    np.testing.assert_array_equal(told[:3, 2], states[:3, 5])
    np.testing.assert_allclose(told[3:, 2], np.arctan2(states[3:, 4], states[3:, 3]))
    np.testing.assert_allclose(told[:, 3], np.hypot(states[:, 3], states[:, 4]))
