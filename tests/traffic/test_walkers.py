"""People on foot: they keep to their ways and around each other, and never meet a vehicle."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.drafts import Phase
from fleetloop.envs.maps.kinds import (
    CrossingKind,
    JunctionKind,
    LaneKind,
    RoadClass,
    SignalState,
)
from fleetloop.envs.maps.town.config import TownConfig
from fleetloop.envs.maps.town.source import TOWN
from fleetloop.envs.traffic.audit import overlapping_vehicles, people_in_vehicles
from fleetloop.envs.traffic.config import TrafficConfig
from fleetloop.envs.traffic.traffic import STEP_S, Traffic

ROAD_M = 160.0
HALF_ROAD_M = 3.5


def street(kind=CrossingKind.ZEBRA, phases=None, *, crossing=True):
    """Two lanes along x with sidewalks beside them, and a crossing in the middle."""
    builder = NetworkBuilder(name="street", source="test", licence="none", left_hand=False)
    road = builder.add_road("street", RoadClass.RESIDENTIAL)
    ends = ([(0, -1.75), (ROAD_M, -1.75)], [(ROAD_M, 1.75), (0, 1.75)])
    for points in ends:
        builder.add_lane(LaneKind.DRIVE, points, width_m=3.5, road=road, speed_limit_m_s=13.9)
    for y in (-5.0, 5.0):
        builder.add_lane(LaneKind.SIDEWALK, [(0, y), (ROAD_M, y)], width_m=2.4, road=road)
    for start, end in ((0, 1), (1, 0)):
        around = builder.add_junction(JunctionKind.DEAD_END, (0.0, 60.0))
        builder.connect(start, end, junction=around)
    if crossing:
        row = builder.add_crossing((80.0, -3.8), (80.0, 3.8), width_m=3.0, kind=kind)
        if phases is not None:
            place = builder.add_junction(JunctionKind.SIGNAL, (80.0, 0.0))
            signal = builder.add_signal(
                place, [Phase(duration_s=time, states=(state,)) for time, state in phases]
            )
            builder.control_crossing(row, signal, 0)
    return builder.freeze()


def started(network, vehicles=0, pedestrians=10, seed=2, **more):
    config = TrafficConfig(vehicles=vehicles, pedestrians=pedestrians, warm_up_s=0.0, **more)
    traffic = Traffic(network, config)
    traffic.reset(seed)
    return traffic


def on_road(traffic):
    return np.abs(traffic.walkers["y_m"]) < HALF_ROAD_M - 0.3


def test_one_alone_walks_as_fast_as_it_likes_along_its_side():
    traffic = started(street(crossing=False), pedestrians=1, hasty=0.0)
    walker = traffic.walkers
    walker["s_m"], walker["forward"], walker["side_m"] = 20.0, True, 0.5
    walker["x_m"], walker["y_m"] = 20.0, 5.0 * np.sign(walker["y_m"])
    before = walker.copy()
    traffic.step(40.0)
    moved = float(walker["x_m"][0] - before["x_m"][0])
    assert moved == pytest.approx(40.0 * float(walker["wish_m_s"][0]), rel=0.05)
    assert float(walker["y_m"][0]) == pytest.approx(float(before["y_m"][0]) - 0.5, abs=0.05)
    steps = moved / 1.4
    assert (traffic.walkers["phase_rad"][0] - before["phase_rad"][0]) % (2 * np.pi) == (
        pytest.approx(2 * np.pi * steps % (2 * np.pi), abs=0.5)
    )


def test_two_who_meet_pass_each_other():
    traffic = started(street(crossing=False), pedestrians=2, hasty=0.0)
    walkers = traffic.walkers
    walkers["edge"] = walkers["edge"][0]
    walkers["next_edge"] = walkers["edge"]
    walkers["forward"], walkers["side_m"], walkers["wish_m_s"] = [True, False], 0.0, 1.3
    y = walkers["y_m"][0] - np.sign(walkers["y_m"][0]) * (abs(walkers["y_m"][0]) - 5.0)
    walkers["x_m"], walkers["y_m"], walkers["s_m"] = [60.0, 80.0], y, [60.0, ROAD_M - 80.0]
    walkers["vx_m_s"], walkers["vy_m_s"] = [1.3, -1.3], [0.0, 0.02]
    nearest = np.inf
    for _ in range(200):
        traffic.step(STEP_S)
        gap = np.hypot(*(np.diff(walkers["x_m"]), np.diff(walkers["y_m"])))
        nearest = min(nearest, float(gap[0]))
    assert nearest > 0.35
    assert walkers["x_m"][0] > 75.0
    assert walkers["x_m"][1] < 65.0


@pytest.mark.parametrize("kind", [CrossingKind.ZEBRA, CrossingKind.UNMARKED])
def test_people_cross_between_vehicles_that_stop_for_them(kind):
    traffic = started(street(kind), vehicles=6, pedestrians=16, hasty=0.0)
    crossed, braked, side = 0, 0, np.sign(traffic.walkers["y_m"])
    for _ in range(4000):
        traffic.step(STEP_S)
        assert people_in_vehicles(traffic) == []
        away = np.abs(traffic.walkers["x_m"] - 80.0)
        assert (away[on_road(traffic)] < 1.6).all(), "people cross on the crossing"
        far = np.abs(traffic.walkers["y_m"]) > 3.6
        now = np.where(far, np.sign(traffic.walkers["y_m"]), side)
        crossed += int((now != side).sum())
        side = now
        near = np.abs(traffic.poses()[:, 0] - 80.0) < 15.0
        braked += int((near & (traffic.vehicles["speed_m_s"] < 0.3)).sum())
        assert overlapping_vehicles(traffic) == []
    assert crossed > 15
    assert traffic.removed == 0
    if kind == CrossingKind.ZEBRA:
        assert braked > 20


def test_nobody_starts_while_the_signal_is_red():
    phases = [(20.0, SignalState.GREEN), (40.0, SignalState.RED)]
    traffic = started(street(CrossingKind.SIGNAL, phases), pedestrians=20, hasty=0.0)
    before, started_at = on_road(traffic), []
    for _ in range(3000):
        traffic.step(STEP_S)
        now = on_road(traffic)
        started_at += [traffic.t_s % 60.0] * int((now & ~before).sum())
        before = now
    assert len(started_at) > 8
    # Who was let onto the crossing at the last moment still has the kerb before it.
    assert max(started_at) < 23.0


@pytest.mark.parametrize("hasty", [0.0, 1.0])
def test_those_in_a_haste_cross_anywhere_and_are_not_run_over(hasty):
    traffic = started(street(crossing=False), vehicles=6, pedestrians=12, hasty=hasty)
    seen = 0
    for _ in range(3000):
        traffic.step(STEP_S)
        assert people_in_vehicles(traffic) == []
        seen += int(on_road(traffic).sum())
    assert (seen > 50) == (hasty == 1.0)
    assert traffic.removed == 0


def test_people_do_not_walk_through_an_external_vehicle():
    traffic = started(street(), pedestrians=16, hasty=0.3)
    for tick in range(1500):
        # It drives over the sidewalk and back.
        x = 80.0 + 30.0 * np.sin(0.01 * tick)
        traffic.set_externals([[x, 5.0, 0.0, 0.0]], [2.0], [[4.7, 1.85, 1.4]])
        traffic.step(STEP_S)
        body, people = traffic.externals[0], traffic.walker_poses()
        inside = (np.abs(people[:, 0] - body["x_m"]) < 2.35) & (
            np.abs(people[:, 1] - body["y_m"]) < 0.92
        )
        assert not inside.any()


@pytest.fixture(scope="module")
def town():
    """A small town."""
    return TOWN.build(TownConfig(seed=4, blocks_x=2, blocks_y=2)).freeze()


def test_people_keep_to_where_people_walk(town):
    traffic = started(town, vehicles=20, pedestrians=40, hasty=0.0)
    lanes = town.lanes
    walk = np.isin(lanes.kind, [LaneKind.SIDEWALK, LaneKind.CROSSING])
    points = lanes.xyz_m[np.repeat(walk, np.diff(lanes.begin)), :2]
    points = np.concatenate([points, town.walks.xyz_m[:, :2]])
    moved = np.zeros(len(traffic.walkers))
    for _ in range(60):
        before = traffic.walker_poses()
        traffic.step(2.0)
        now = traffic.walker_poses()
        moved += np.hypot(*(now - before)[:, :2].T)
        away = np.linalg.norm(now[:, None, :2] - points[None], axis=2).min(axis=1)
        assert away.max() < 2.6
    assert np.median(moved) > 60.0


def test_people_are_the_same_every_time_and_after_a_restore(town):
    traffic = started(town, vehicles=30, pedestrians=40, hasty=0.5)
    traffic.step(20.0)
    kept = traffic.snapshot()
    traffic.step(20.0)
    first = traffic.snapshot()
    fresh = started(town, vehicles=30, pedestrians=40, hasty=0.5)
    fresh.step(40.0)
    empty = Traffic(town, TrafficConfig(vehicles=1))
    for other in (traffic, empty):
        other.restore(kept)
        other.step(20.0)
    for other in (traffic, empty, fresh):
        for name, array in other.snapshot().items():
            np.testing.assert_array_equal(array, first[name])


@pytest.mark.parametrize("wrong", [{"pedestrians": -1}, {"hasty": 1.5}])
def test_impossible_people_are_refused(wrong):
    with pytest.raises(ConfigError, match="use"):
        TrafficConfig(**wrong)


def test_a_vehicle_drives_on_from_beside_somebody_whom_it_keeps_from_crossing():
    """Both once waited for each other until the vehicle was taken off the road."""
    traffic = started(street(crossing=False), vehicles=1, pedestrians=1, hasty=1.0)
    walkers, vehicles = traffic.walkers, traffic.vehicles
    vehicles["lane"], vehicles["s_m"], vehicles["link"] = 0, 60.0, 0
    vehicles["speed_m_s"], vehicles["length_m"], vehicles["width_m"] = 0.0, 4.5, 1.85
    # On the road at the side of its front, on a way through it.
    cuts = traffic._walkway.cuts
    walkers["cut"], walkers["on_cut"] = 0, True
    away = np.abs(cuts["x_m"] - 61.5) + 100.0 * (cuts["y_m"] > 0.0)
    walkers["cut"] = int(np.argmin(away))
    walkers["x_m"], walkers["y_m"], walkers["vx_m_s"], walkers["vy_m_s"] = 61.5, -0.3, 0.0, 0.0
    for _ in range(100):
        traffic.step(STEP_S)
        assert people_in_vehicles(traffic) == []
    assert vehicles["s_m"][0] > 65.0
