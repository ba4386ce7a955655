"""Vehicles that someone else moves: traffic follows them, yields to them, leaves them alone."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.envs.maps.kinds import Control
from fleetloop.envs.traffic.blocks import BODY, STRIP_M, find_blocks, no_blocks
from fleetloop.envs.traffic.config import TrafficConfig
from fleetloop.envs.traffic.traffic import STEP_S, Traffic

CARS = TrafficConfig(vehicles=6, shares=(1.0, 0.0, 0.0, 0.0), warm_up_s=0.0)
SIZE_M = [4.7, 1.85, 1.44]


def started(network, vehicles=6, seed=3):
    traffic = Traffic(network, TrafficConfig(vehicles=vehicles, shares=CARS.shares, warm_up_s=0.0))
    traffic.reset(seed)
    return traffic


def one_behind(network, s_m=20.0, speed_m_s=12.0):
    """Traffic of one car on the first lane."""
    traffic = started(network, 1)
    traffic.vehicles["lane"], traffic.vehicles["link"], traffic.vehicles["s_m"] = 0, 0, s_m
    traffic.vehicles["speed_m_s"] = speed_m_s
    return traffic


def place(traffic, x, y, heading=0.0, speed=0.0, size=SIZE_M):
    traffic.set_externals([[x, y, 0.0, heading]], [speed], [size])


def front_m(traffic):
    return float(traffic.vehicles["s_m"][0] + 0.5 * traffic.vehicles["length_m"][0])


@pytest.mark.parametrize("heading_rad", [0.0, 0.3, 0.8, np.pi / 2, np.pi, -2.0])
def test_who_stands_on_a_lane_is_stopped_behind(straight, touches, heading_rad):
    traffic = one_behind(straight().freeze())
    hardest = 0.0
    for _ in range(200):
        place(traffic, 120.0, 0.4, heading_rad)
        traffic.step(STEP_S)
        hardest = min(hardest, float(traffic.vehicles["accel_m_s2"][0]))
        assert touches(traffic) == []
    assert traffic.vehicles["speed_m_s"][0] < 0.05
    reach = 0.5 * (4.7 * abs(np.cos(heading_rad)) + 1.85 * abs(np.sin(heading_rad)))
    assert 120.0 - reach - 4.0 < front_m(traffic) < 120.0 - reach - 1.0
    assert hardest > -4.5


@pytest.mark.parametrize(("y_m", "stops"), [(1.5, True), (2.0, True), (2.6, False), (-4.0, False)])
def test_who_stands_beside_is_passed_if_there_is_room(straight, touches, y_m, stops):
    traffic = one_behind(straight().freeze())
    for _ in range(200):
        place(traffic, 120.0, y_m)
        traffic.step(STEP_S)
        assert touches(traffic) == []
    assert (front_m(traffic) < 120.0) == stops


def test_who_drives_is_followed_with_the_gap_of_the_model(straight):
    traffic = one_behind(straight(2000.0).freeze())
    x = 60.0
    for _ in range(1200):
        x += 6.0 * STEP_S
        place(traffic, x, -0.5, 0.0, 6.0)
        traffic.step(STEP_S)
    assert traffic.vehicles["speed_m_s"][0] == pytest.approx(6.0, abs=0.1)
    gap_m = x - 0.5 * 4.7 - front_m(traffic)
    headway_s, factor = traffic.vehicles["headway_s"][0], traffic.vehicles["factor"][0]
    expected = (2.0 + 6.0 * headway_s) / np.sqrt(1.0 - (6.0 / (14.0 * factor)) ** 4)
    assert gap_m == pytest.approx(expected, abs=1.2)


def test_a_cut_in_is_never_run_into(straight, touches):
    traffic = one_behind(straight().freeze(), s_m=50.0, speed_m_s=13.0)
    x, y = 62.0, 3.4
    for _ in range(120):
        x, y = x + 5.0 * STEP_S, max(y - 1.5 * STEP_S, 0.0)
        place(traffic, x, y, 0.0 if y == 0.0 else -0.3, 5.0)
        traffic.step(STEP_S)
        assert touches(traffic) == []


def test_who_comes_from_the_other_side_makes_one_stop(straight, touches):
    traffic = one_behind(straight().freeze(), s_m=20.0)
    for tick in range(300):
        place(traffic, 200.0 - min(0.6 * tick, 60.0), 0.0, np.pi, 6.0 if tick < 100 else 0.0)
        traffic.step(STEP_S)
        assert touches(traffic) == []
    assert traffic.vehicles["speed_m_s"][0] < 0.1


@pytest.mark.parametrize("control", [Control.FREE, Control.STOP])
def test_who_stands_in_a_junction_stops_those_in_its_way_until_it_goes(
    crossroads, touches, control
):
    traffic = started(crossroads(arm_m=120.0, controls=(control,) * 4).freeze(), 10)
    traffic.clear(0.0, 0.0, 25.0)
    for _ in range(600):
        place(traffic, 0.0, 0.0, 0.8)
        traffic.step(STEP_S)
        assert touches(traffic) == []
    traffic.set_externals(np.zeros((0, 4)), np.zeros(0), np.zeros((0, 3)))
    crossed = 0
    for _ in range(600):
        before = traffic.vehicles["lane"].copy()
        traffic.step(STEP_S)
        crossed += int((traffic.vehicles["lane"] != before).sum())
    assert crossed > 20


def test_those_who_yield_let_an_external_vehicle_pass(crossroads, touches):
    controls = (Control.FREE, Control.YIELD, Control.FREE, Control.YIELD)
    traffic = started(crossroads(arm_m=120.0, controls=controls).freeze(), 1)
    enters = []
    for x0 in (100.0, 60.0, 45.0):
        # One car waits on the way in from the north; the external one comes from the east.
        traffic.vehicles["lane"], traffic.vehicles["link"], traffic.vehicles["go"] = 2, -1, False
        traffic.vehicles["s_m"], traffic.vehicles["speed_m_s"] = 104.0, 0.0
        traffic.vehicles["tail_link"] = -1
        links = traffic.network.links
        across = (links.from_lane == 2) & (links.to_lane == 7)
        traffic.vehicles["link"] = np.flatnonzero(across)[0]
        for tick in range(100):
            x = x0 - 10.0 * STEP_S * tick
            place(traffic, x, 1.75, np.pi, 10.0)
            traffic.step(STEP_S)
            assert touches(traffic) == []
            if traffic.vehicles["lane"][0] != 2:
                enters.append(x)
                break
    assert len(enters) == 3
    # From far away there is time to go first; else it goes when the other one has passed.
    assert enters[0] > 40.0
    assert enters[2] < 5.0


def test_external_vehicles_are_in_the_snapshot(crossroads):
    traffic = started(crossroads(arm_m=120.0).freeze(), 8)
    place(traffic, 0.0, 0.0, 0.8)
    traffic.step(5.0)
    kept = traffic.snapshot()
    traffic.step(5.0)
    first = traffic.snapshot()
    traffic.restore(kept)
    traffic.step(5.0)
    for name, array in traffic.snapshot().items():
        np.testing.assert_array_equal(array, first[name])


def test_cleared_places_are_clear_and_nobody_appears_before_ones_eyes(crossroads):
    traffic = started(crossroads(arm_m=400.0).freeze(), 12)
    gone = traffic.clear(0.0, 0.0, 150.0)
    assert gone > 0
    assert not (np.hypot(*traffic.poses()[traffic.present, :2].T) < 150.0).any()
    for _ in range(50):
        before = traffic.present
        place(traffic, 0.0, 30.0)
        traffic.step(STEP_S)
        new = traffic.present & ~before
        assert (np.hypot(*(traffic.poses()[new, :2] - [0.0, 30.0]).T) > 75.0).all()
    assert traffic.present.sum() > 12 - gone


@pytest.mark.parametrize(
    ("pose", "speed", "size"),
    [
        ([[0.0, 0.0, 0.0]], [0.0], [SIZE_M]),
        ([[0.0, 0.0, 0.0, 0.0]], [0.0, 1.0], [SIZE_M]),
        ([[np.nan, 0.0, 0.0, 0.0]], [0.0], [SIZE_M]),
        ([[0.0, 0.0, 0.0, 0.0]], [0.0], [[0.0, 1.0, 1.0]]),
    ],
)
def test_impossible_external_vehicles_are_refused(straight, pose, speed, size):
    with pytest.raises(ConfigError, match="xternal"):
        started(straight().freeze()).set_externals(pose, speed, size)


def test_blocks_are_where_a_strip_of_the_lane_meets_the_body(straight):
    traffic = started(straight(60.0).freeze(), 0)
    blocks = no_blocks(len(traffic.network.lanes), 64)
    rng = np.random.default_rng(5)
    found = 0
    across, along = np.linspace(-STRIP_M, STRIP_M, 121), np.linspace(0.0, 60.0, 3001)
    x, y = np.meshgrid(along, across)
    for _ in range(60):
        body = np.zeros(1, BODY)
        body["x_m"], body["y_m"] = rng.uniform(5, 55), rng.uniform(-4, 4)
        body["heading_rad"], body["present"] = rng.uniform(-4, 4), True
        body["length_m"], body["width_m"] = rng.uniform(0.3, 9.0), rng.uniform(0.3, 2.5)
        body["speed_m_s"] = 3.0
        find_blocks(body, traffic._roadway, blocks)
        rows = [row for row in blocks.rows[: blocks.used[0]] if row["lane"] == 0]
        cosine, sine = np.cos(body["heading_rad"]), np.sin(body["heading_rad"])
        dx, dy = x - body["x_m"], y - body["y_m"]
        inside = (np.abs(dx * cosine + dy * sine) <= 0.5 * body["length_m"]) & (
            np.abs(dy * cosine - dx * sine) <= 0.5 * body["width_m"]
        )
        # The grid of points may miss a corner that is thinner than it.
        if not inside.any():
            continue
        found += 1
        assert len(rows) == 1
        assert rows[0]["low_m"] == pytest.approx(along[inside.any(axis=0)].min(), abs=0.08)
        assert rows[0]["high_m"] == pytest.approx(along[inside.any(axis=0)].max(), abs=0.08)
        nearest = np.abs(across[inside.any(axis=1)]).min()
        assert rows[0]["beside_m"] == pytest.approx(nearest, abs=0.08)
        assert rows[0]["speed_m_s"] == pytest.approx(3.0 * cosine[0])
    assert found > 25
