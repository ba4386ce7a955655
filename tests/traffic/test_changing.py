"""Changes of lane, bicycles and parked cars."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.envs.maps.kinds import LaneKind
from fleetloop.envs.maps.town.config import TownConfig
from fleetloop.envs.maps.town.source import TOWN
from fleetloop.envs.tasks.drive_future import STEP_S as FUTURE_STEP_S
from fleetloop.envs.tasks.drive_future import STEPS, futures
from fleetloop.envs.traffic.arrays import roadway_of
from fleetloop.envs.traffic.audit import overlapping_vehicles, people_in_vehicles
from fleetloop.envs.traffic.config import TrafficConfig, VehicleKind
from fleetloop.envs.traffic.traffic import STEP_S, Traffic

ALL_CARS = (1.0, 0.0, 0.0, 0.0)


def started(network, vehicles, seed=3, **more):
    config = TrafficConfig(vehicles=vehicles, shares=ALL_CARS, warm_up_s=0.0, **more)
    traffic = Traffic(network, config)
    traffic.reset(seed)
    return traffic


def two_on_a_lane(straight, lanes=2, lead_m_s=5.0, gap_m=40.0):
    """A car that would like to drive faster than the one ahead of it."""
    traffic = started(straight(900.0, lanes).freeze(), 2)
    vehicles = traffic.vehicles
    vehicles["lane"], vehicles["link"] = 0, 0
    vehicles["s_m"], vehicles["speed_m_s"] = [60.0, 60.0 + gap_m], [12.0, lead_m_s]
    vehicles["top_m_s"], vehicles["factor"] = [60.0, lead_m_s], 1.0
    vehicles["wants"] = 0
    return traffic


def test_who_is_held_up_overtakes_on_the_lane_beside(straight):
    traffic = two_on_a_lane(straight)
    sideways, steps = 0.0, 0
    before = traffic.poses()[0]
    for _ in range(400):
        traffic.step(STEP_S)
        pose = traffic.poses()[0]
        if traffic.vehicles["lane"][0] >= 2:
            break
        sideways = max(sideways, abs(float(pose[1] - before[1])))
        steps += int(0.2 < pose[1] < 3.3)
        before = pose
        assert overlapping_vehicles(traffic) == []
    first, second = traffic.poses()[:, 0]
    assert first > second + 30.0
    # It slides over: no jump, and it takes a few seconds.
    assert sideways < 1.2 * STEP_S
    assert steps * STEP_S > 2.0


def test_on_a_single_lane_it_stays_behind(straight):
    traffic = two_on_a_lane(straight, lanes=1)
    for _ in range(300):
        traffic.step(STEP_S)
        assert overlapping_vehicles(traffic) == []
    assert traffic.vehicles["s_m"][0] < traffic.vehicles["s_m"][1]
    assert traffic.vehicles["speed_m_s"][0] == pytest.approx(5.0, abs=0.5)


def test_nobody_changes_into_the_path_of_a_faster_one(straight):
    traffic = started(straight(900.0, 2).freeze(), 3)
    vehicles = traffic.vehicles
    vehicles["lane"], vehicles["link"] = [0, 0, 1], [0, 0, 1]
    vehicles["s_m"], vehicles["speed_m_s"] = [60.0, 85.0, 40.0], [8.0, 5.0, 14.0]
    vehicles["wants"] = 0
    vehicles["top_m_s"], vehicles["factor"] = [60.0, 5.0, 14.0], 1.0
    hardest, place = 0.0, []
    for _ in range(120):
        traffic.step(STEP_S)
        hardest = min(hardest, float(vehicles["accel_m_s2"][2]))
        place.append((int(vehicles["lane"][0]), bool(vehicles["s_m"][2] > vehicles["s_m"][0])))
        assert overlapping_vehicles(traffic) == []
    assert hardest > -4.5
    # When it changes, the fast one has passed.
    assert all(passed for lane, passed in place if lane == 1)


def test_who_stands_on_a_lane_is_driven_around(straight):
    traffic = two_on_a_lane(straight, gap_m=300.0)
    for _ in range(500):
        traffic.set_externals([[200.0, 0.0, 0.0, 0.0]], [0.0], [[4.7, 1.85, 1.4]])
        traffic.vehicles["s_m"][1] = 600.0
        traffic.step(STEP_S)
        if traffic.vehicles["lane"][0] == 1 and traffic.vehicles["s_m"][0] > 220.0:
            return
    pytest.fail("it waits behind for ever")


def on_lanes(traffic, pairs):
    """Those pairs of which none is on the way back to the begin of the road, which meets itself."""
    back = traffic.network.lanes.junction[traffic.vehicles["lane"]] >= 0
    return [pair for pair in pairs if not back[list(pair)].any()]


def test_a_crowd_on_three_lanes_never_overlaps_and_uses_them(straight):
    traffic = started(straight(600.0, 3).freeze(), 24, cyclists=4)
    changes = 0
    for _ in range(3000):
        before = traffic.vehicles["old_lane"].copy()
        traffic.step(STEP_S)
        changes += int(((before < 0) & (traffic.vehicles["old_lane"] >= 0)).sum())
        assert on_lanes(traffic, overlapping_vehicles(traffic)) == []
    assert changes > 20
    assert traffic.removed == 0


def into_one_gap(straight, rows):
    """Two cars beside each other on the outer of three lanes, both held up, and a gap between.

    Args:
        straight: Makes the road.
        rows: Of the one on the right, which is held up more, and of the one on the left.
    """
    traffic = started(straight(900.0, 3).freeze(), 24)
    vehicles = traffic.vehicles
    vehicles["lane"], vehicles["link"] = -1, -1
    vehicles["fixed"] = True  # nobody else comes in
    leaders = [row for row in range(24) if row not in rows][:2]
    for row, lane, s, speed in (
        (rows[0], 0, 60.0, 12.0), (rows[1], 2, 60.0, 12.0),
        (leaders[0], 0, 95.0, 6.5), (leaders[1], 2, 95.0, 7.5),
    ):  # fmt: skip
        vehicles["lane"][row], vehicles["link"][row] = lane, lane
        vehicles["s_m"][row], vehicles["speed_m_s"][row] = s, speed
        vehicles["top_m_s"][row], vehicles["length_m"][row] = 60.0, 4.5
        vehicles["fixed"][row] = False
    vehicles["top_m_s"][leaders] = [6.5, 7.5]
    vehicles["keep_m"][leaders] = 1e-9  # who keeps aside keeps its lane
    vehicles["factor"], vehicles["headway_s"], vehicles["wants"] = 1.0, 1.5, 0
    vehicles["gentle_m_s2"], vehicles["brake_m_s2"] = 1.6, 2.0
    return traffic


def test_of_two_who_want_one_gap_the_one_that_gains_more_gets_it_whoever_is_asked_first(straight):
    # Rows that think in the same step, in both orders.
    for rows in ((1, 11), (11, 1)):
        traffic = into_one_gap(straight, rows)
        vehicles, changed = traffic.vehicles, []
        for _ in range(12):
            traffic.step(STEP_S)
            changed = [row for row in rows if vehicles["lane"][row] == 1]
            if changed:
                break
        assert changed == [rows[0]]
        for _ in range(200):
            traffic.step(STEP_S)
            assert overlapping_vehicles(traffic) == []


def test_a_change_slides_over_within_seconds_and_blocks_both_lanes_on_its_way(straight):
    traffic = two_on_a_lane(straight)
    vehicles, both, headings = traffic.vehicles, 0, []
    for _ in range(400):
        traffic.step(STEP_S)
        if vehicles["aside_m"][0] != 0.0:
            both += 1
            headings.append(abs(float(traffic.poses()[0, 3])))
        elif both:
            break
    assert 3.0 < both * STEP_S < 8.0
    # It steers no sharper than a car does, and is straight at the end.
    assert max(headings) < 0.26
    assert np.abs(np.diff(headings)).max() < 0.05
    assert traffic.poses()[0, 1] == pytest.approx(3.5, abs=1e-6)


def test_the_future_that_is_told_slides_over_as_the_vehicle_then_does(straight):
    traffic = two_on_a_lane(straight)
    vehicles = traffic.vehicles
    while not 0.5 < abs(vehicles["aside_m"][0]) < 3.0:
        traffic.step(STEP_S)
    told = np.empty((1, STEPS, 3))
    futures(vehicles, roadway_of(traffic.network), np.zeros(1, np.int64), told)
    for step in range(6):
        traffic.step(FUTURE_STEP_S)
        x, y, _, heading = traffic.poses()[0]
        # Along the road it may speed up or brake; aside it goes as told.
        assert told[0, step, 0] == pytest.approx(x, abs=1.0 + 0.6 * step)
        assert told[0, step, 1] == pytest.approx(y, abs=0.25)
        assert told[0, step, 2] == pytest.approx(heading, abs=0.06)
    assert abs(told[0, 0, 1] - told[0, -1, 1]) > 0.3, "it does change its lane"


def test_the_future_of_cyclists_keeps_to_the_side(straight):
    traffic = started(straight(600.0).freeze(), 0, cyclists=3)
    traffic.step(10.0)
    rows = np.flatnonzero(traffic.vehicles["lane"] == 0)[:1]
    told = np.empty((1, STEPS, 3))
    futures(traffic.vehicles, roadway_of(traffic.network), rows, told)
    np.testing.assert_allclose(told[0, :, 1], traffic.poses()[rows[0], 1], atol=1e-6)


def gap_before_the_ego(straight, pushy):
    """The gap at which a car that passes the ego, and is held up then, comes onto its lane."""
    traffic = two_on_a_lane(straight, lead_m_s=10.0, gap_m=70.0)
    vehicles = traffic.vehicles
    vehicles["lane"], vehicles["link"], vehicles["speed_m_s"] = 1, 1, [13.0, 10.0]
    vehicles["pushy"] = pushy
    x = 90.0
    for _ in range(400):
        traffic.set_externals([[x, 0.0, 0.0, 0.0]], [10.0], [[4.7, 1.85, 1.4]])
        traffic.step(STEP_S)
        x += 10.0 * STEP_S
        if vehicles["lane"][0] == 0:
            return float(vehicles["s_m"][0] - x - 0.5 * (vehicles["length_m"][0] + 4.7))
    return np.inf


def test_pushy_drivers_cut_in_before_the_ego_and_others_do_not(straight):
    assert 2.0 < gap_before_the_ego(straight, pushy=True) < 8.0
    # Two seconds and more.
    assert gap_before_the_ego(straight, pushy=False) > 10.0


def test_cyclists_are_slow_narrow_and_keep_to_the_side(straight):
    traffic = started(straight(600.0).freeze(), 0, cyclists=3)
    traffic.step(30.0)
    bikes = traffic.vehicles
    assert (bikes["kind"] == VehicleKind.BICYCLE).all()
    assert 3.0 < bikes["speed_m_s"].mean() < 7.0
    on_lane = bikes["lane"] == 0
    np.testing.assert_allclose(traffic.poses()[on_lane, 1], -0.8, atol=1e-6)


@pytest.fixture(scope="module")
def town():
    """A small town."""
    return TOWN.build(TownConfig(seed=4, blocks_x=2, blocks_y=2)).freeze()


def test_parked_cars_stand_on_parking_lanes_clear_of_traffic(town):
    traffic = started(town, 30, parked=0.8, pedestrians=20, hasty=0.5)
    parked, lanes = traffic.parked, town.lanes
    assert len(parked) > 10
    kerbs = np.repeat(lanes.kind == LaneKind.PARKING, np.diff(lanes.begin))
    places = np.stack([parked["x_m"], parked["y_m"]], axis=1)
    away = np.linalg.norm(places[:, None] - lanes.xyz_m[kerbs, :2][None], axis=2).min(axis=1)
    assert away.max() < 0.7
    gaps = np.linalg.norm(places[:, None] - places[None], axis=2) + 99.0 * np.eye(len(places))
    assert gaps.min() > 4.5
    for _ in range(300):
        traffic.step(0.5)
        pose = np.stack([parked[name] for name in ("x_m", "y_m", "z_m", "heading_rad")], axis=1)
        people = traffic.walker_poses()
        dx, dy = (people[:, k, None] - pose[:, k] for k in (0, 1))
        along = np.abs(dx * np.cos(pose[:, 3]) + dy * np.sin(pose[:, 3]))
        across = np.abs(dy * np.cos(pose[:, 3]) - dx * np.sin(pose[:, 3]))
        inside = (along < 0.5 * parked["length_m"]) & (across < 0.5 * parked["width_m"])
        assert not inside.any()
        assert people_in_vehicles(traffic) == []


def test_the_share_of_parked_cars_decides_who_is_there_and_nothing_else(town):
    few, many = (started(town, 5, parked=share).parked for share in (0.3, 0.9))
    assert 0 < len(few) < len(many)
    rows = {tuple(row) for row in many.tolist()}
    assert all(tuple(row) in rows for row in few.tolist())


@pytest.mark.parametrize("wrong", [{"cyclists": -1}, {"parked": 1.2}, {"pushy": -0.1}])
def test_impossible_numbers_are_refused(wrong):
    with pytest.raises(ConfigError, match="use"):
        TrafficConfig(**wrong)
