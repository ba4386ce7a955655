"""Traffic as a whole: it flows, it never overlaps, it obeys, and it is the same every time."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fleetloop.core.digest import digest_arrays
from fleetloop.core.errors import ConfigError
from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.drafts import Phase
from fleetloop.envs.maps.kinds import (
    Control,
    JunctionKind,
    LaneKind,
    RoadClass,
    SignalState,
)
from fleetloop.envs.maps.load import open_map
from fleetloop.envs.maps.sources import config_of_file
from fleetloop.envs.maps.town.config import TownConfig
from fleetloop.envs.maps.town.source import TOWN
from fleetloop.envs.traffic.config import TrafficConfig
from fleetloop.envs.traffic.soak import soak
from fleetloop.envs.traffic.traffic import STEP_S, Traffic

CARS = TrafficConfig(vehicles=8, shares=(1.0, 0.0, 0.0, 0.0), warm_up_s=0.0)
LIMIT_M_S = 14.0


def new_builder(name):
    return NetworkBuilder(name=name, source="test", licence="none", left_hand=False)


def ring(length_m=400.0):
    """A closed road of one lane: two half circles, joined end to begin."""
    builder = new_builder("ring")
    road = builder.add_road("ring", RoadClass.RESIDENTIAL)
    radius = length_m / (2.0 * np.pi)
    halves = []
    for half in range(2):
        angle = np.pi * half + np.linspace(0.0, np.pi, 200)
        points = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        halves.append(
            builder.add_lane(
                LaneKind.DRIVE, points, width_m=3.5, road=road, speed_limit_m_s=LIMIT_M_S
            )
        )
    builder.add_link(halves[0], halves[1])
    builder.add_link(halves[1], halves[0])
    return builder.freeze()


def lit_road(states):
    """A straight road over a junction with a light, which then comes back around."""
    builder = new_builder("lit")
    road = builder.add_road("lit", RoadClass.RESIDENTIAL)
    junction = builder.add_junction(JunctionKind.SIGNAL, (100.0, 0.0))
    one, two = (
        builder.add_lane(LaneKind.DRIVE, points, width_m=3.5, road=road, speed_limit_m_s=LIMIT_M_S)
        for points in ([(0, 0), (90, 0)], [(110, 0), (200, 0)])
    )
    link = builder.connect(one, two, junction=junction)
    back = builder.add_junction(JunctionKind.DEAD_END, (0.0, 50.0))
    builder.connect(two, one, junction=back)
    signal = builder.add_signal(
        junction, [Phase(duration_s=duration, states=(state,)) for duration, state in states]
    )
    builder.control_link(link, signal, 0)
    return builder.freeze(), one


def started(network, config=CARS, seed=3):
    traffic = Traffic(network, config)
    traffic.reset(seed)
    return traffic


def test_on_a_ring_all_drive_with_the_gap_of_the_model():
    config = replace(CARS, vehicles=14, speed_factor=(1.0, 1.0), headway_s=(1.5, 1.5))
    traffic = started(ring(), config)
    count = len(traffic.vehicles)
    assert count > 8
    traffic.vehicles["length_m"] = 4.5
    for _ in range(6000):
        traffic.step(STEP_S)
    vehicles = traffic.vehicles
    assert vehicles["speed_m_s"].std() < 0.05
    gap_m = traffic.network.lanes.length_m.sum() / count - 4.5
    # Equilibrium of the model: gap = (s0 + v T) / sqrt(1 - (v / v0)^4).
    v = float(vehicles["speed_m_s"].mean())
    wanted = min(LIMIT_M_S, float(np.sqrt(2.5 * 400.0 / (2.0 * np.pi))))
    expected = (2.0 + 1.5 * v) / np.sqrt(1.0 - (v / wanted) ** 4)
    assert gap_m == pytest.approx(expected, rel=0.05)


def test_nobody_passes_a_red_light_and_all_go_at_green():
    network, one = lit_road([(1000.0, SignalState.RED)])
    traffic = started(network, replace(CARS, vehicles=3))
    for _ in range(1200):
        traffic.step(STEP_S)
        waiting = traffic.vehicles["lane"] == one
        front = traffic.vehicles["s_m"] + 0.5 * traffic.vehicles["length_m"]
        assert (front[waiting] <= 90.0 + 1e-6).all()
    assert (traffic.vehicles["lane"] == one).all()
    first = int(np.argmax(traffic.vehicles["s_m"]))
    front = traffic.vehicles["s_m"][first] + 0.5 * traffic.vehicles["length_m"][first]
    assert 86.0 < front < 90.0
    green, _ = lit_road([(1000.0, SignalState.GREEN)])
    driving = started(green, replace(CARS, vehicles=3))
    for _ in range(600):
        driving.step(STEP_S)
    assert driving.vehicles["speed_m_s"].min() > 1.0


@pytest.mark.parametrize(("start_m", "goes"), [(30.0, False), (80.0, True)])
def test_at_amber_who_can_stop_does_and_who_cannot_goes_on(start_m, goes):
    network, one = lit_road([(3.0, SignalState.AMBER), (60.0, SignalState.RED)])
    traffic = started(network, replace(CARS, vehicles=1))
    traffic.vehicles["lane"], traffic.vehicles["s_m"] = one, start_m
    traffic.vehicles["speed_m_s"], traffic.vehicles["link"] = 13.0, 0
    hardest = 0.0
    for _ in range(80):
        traffic.step(STEP_S)
        hardest = min(hardest, float(traffic.vehicles["accel_m_s2"][0]))
    assert (traffic.vehicles["lane"][0] != one) == goes
    assert hardest > -6.0


@pytest.mark.parametrize("control", [Control.FREE, Control.YIELD, Control.STOP])
def test_a_crossroads_flows_without_overlaps(crossroads, overlaps, control):
    controls = (Control.FREE, control, Control.FREE, control)
    network = crossroads(arm_m=120.0, controls=controls).freeze()
    traffic = started(network, replace(CARS, vehicles=14))
    crossed, moving = 0, []
    last = traffic.vehicles["lane"].copy()
    for tick in range(6000):
        traffic.step(STEP_S)
        crossed += int((traffic.vehicles["lane"] != last).sum())
        last = traffic.vehicles["lane"].copy()
        moving.append(float(traffic.vehicles["speed_m_s"].mean()))
        if tick % 3 == 0:
            assert overlaps(traffic) == []
    assert crossed > 300
    assert min(np.reshape(moving, (10, -1)).mean(axis=1)) > 0.5
    assert traffic.removed == 0


@pytest.mark.parametrize(("waited_s", "goes"), [(0.0, False), (70.0, True)])
def test_who_has_waited_too_long_is_let_in_by_those_who_can_still_stop(crossroads, waited_s, goes):
    network = crossroads(arm_m=120.0).freeze()
    links = network.links
    row = int(np.flatnonzero(links.conflict_yields)[0])
    mine = int(np.searchsorted(links.conflict_begin, row, side="right")) - 1
    other = int(links.conflict_link[row])
    traffic = started(network, replace(CARS, vehicles=2))
    vehicles = traffic.vehicles
    # Row 0, who is asked first, comes on the way that goes first; row 1 waits at its line.
    vehicles["link"] = [other, mine]
    vehicles["lane"] = links.from_lane[[other, mine]]
    vehicles["length_m"], vehicles["speed_m_s"], vehicles["brake_m_s2"] = 4.5, [8.0, 0.0], 2.0
    line_m = traffic.network.lanes.length_m[vehicles["lane"]]
    vehicles["s_m"] = line_m - [26.0, 3.5]
    vehicles["waited_s"], vehicles["go"] = [0.0, waited_s], False
    for _ in range(8):
        traffic.step(STEP_S)
    assert vehicles["go"].tolist() == [not goes, goes]


def test_who_meets_a_stop_sign_stops(crossroads):
    network = crossroads(arm_m=120.0, controls=(Control.STOP,) * 4).freeze()
    traffic = started(network, replace(CARS, vehicles=6))
    slowest = np.full(len(traffic.vehicles), np.inf)
    stop_lanes = np.unique(network.links.from_lane[network.links.control == Control.STOP])
    passed = 0
    for _ in range(3000):
        before = traffic.vehicles["lane"].copy()
        traffic.step(STEP_S)
        near = np.isin(before, stop_lanes)
        slowest = np.where(near, np.minimum(slowest, traffic.vehicles["speed_m_s"]), slowest)
        left = near & (traffic.vehicles["lane"] != before)
        assert (slowest[left] < 0.3).all()
        passed += int(left.sum())
        slowest[left] = np.inf
    assert passed > 20


@pytest.fixture(scope="module")
def town():
    """A small town."""
    return TOWN.build(TownConfig(seed=4, blocks_x=2, blocks_y=2)).freeze()


def test_the_same_seed_drives_the_same_and_another_one_does_not(town):
    def driven(seed):
        traffic = Traffic(town, TrafficConfig(vehicles=40, warm_up_s=5.0))
        traffic.reset(seed)
        traffic.step(20.0)
        return digest_arrays({"poses": traffic.poses()})

    assert driven(1) == driven(1)
    assert driven(1) != driven(2)


def test_a_restored_traffic_goes_on_bit_for_bit(town):
    traffic = started(town, TrafficConfig(vehicles=40, warm_up_s=5.0), seed=7)
    traffic.step(10.0)
    kept = traffic.snapshot()
    traffic.step(30.0)
    first = traffic.snapshot()
    other = Traffic(town, TrafficConfig(vehicles=1))
    for again in (traffic, other):
        again.restore(kept)
        again.step(30.0)
        for name, array in again.snapshot().items():
            np.testing.assert_array_equal(array, first[name])


def test_long_times_are_cut_into_steps(town):
    one, two = (started(town, TrafficConfig(vehicles=10, warm_up_s=0.0)) for _ in range(2))
    one.step(1.0)
    for _ in range(10):
        two.step(0.1)
    assert one.t_s == pytest.approx(two.t_s)
    np.testing.assert_allclose(one.poses(), two.poses(), atol=1e-9)


def test_vehicles_keep_to_their_lanes(town):
    traffic = started(town, TrafficConfig(vehicles=30, warm_up_s=0.0))
    for _ in range(50):
        traffic.step(1.0)
        for pose, vehicle in zip(traffic.poses(), traffic.vehicles, strict=True):
            if vehicle["lane"] < 0:
                continue
            x, y, _, heading = town.lanes.pose_at(int(vehicle["lane"]), float(vehicle["s_m"]))
            room = 0.35 * vehicle["length_m"] + abs(vehicle["aside_m"])
            assert np.hypot(pose[0] - x, pose[1] - y) < room
            turn = pose[3] - heading
            assert abs(np.arctan2(np.sin(turn), np.cos(turn))) < 0.9


@pytest.mark.parametrize(
    "wrong",
    [
        {"vehicles": -1},
        {"shares": (0.0,) * 4},
        {"headway_s": (2.0, 1.0)},
        {"warm_up_s": -1.0},
        {"speed_factor": (0.0, 1.0)},
    ],
)
def test_impossible_traffic_is_refused(wrong):
    with pytest.raises(ConfigError, match="use"):
        TrafficConfig(**wrong)


def test_time_does_not_go_back(town):
    with pytest.raises(ConfigError, match="positive"):
        started(town).step(0.0)


def test_a_soak_sees_overlaps_and_counts_what_was_driven(town):
    traffic = started(town, TrafficConfig(vehicles=12, pedestrians=6, warm_up_s=0.0))
    told = []
    seen = soak(traffic, 120.0, progress=lambda done, whole: told.append((done, whole)))
    assert seen.overlaps == seen.walked_into == ()
    assert told == [(pytest.approx(60.0), 120.0), (pytest.approx(120.0), 120.0)]
    assert len(seen.speed_m_s) == 2
    assert seen.driven_km == pytest.approx(np.mean(seen.speed_m_s) * 0.12 * 12, rel=0.01)
    assert "12" in seen.row("town")
    # One on top of the other.
    for name in ("lane", "link", "s_m"):
        traffic.vehicles[name][1] = traffic.vehicles[name][0]
    assert soak(traffic, 0.1).overlaps[0][1:] == (0, 1)


def real_maps():
    """Map files that a source reads, named by the environment or beside the repository."""
    root = Path(__file__).parents[2]
    maps = Path(os.environ.get("FLEETLOOP_MAPS", root.parent / "shared" / "maps"))
    return sorted(maps.glob("xodr/*Town*.xodr.gz")) + sorted(maps.glob("xodr/*multi*.xodr"))


def check_hour(network, seed):
    config = TrafficConfig(vehicles=60, cyclists=4, pedestrians=40, parked=0.5)
    seen = soak(started(network, config, seed), 3600.0)
    assert seen.overlaps == ()
    assert seen.walked_into == ()
    assert seen.deadlocks == ()
    assert seen.removed <= 2
    assert min(seen.speed_m_s) > 0.5


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_an_hour_in_a_town_flows_and_nobody_touches_anybody(seed):
    check_hour(TOWN.build(TownConfig(seed=seed)).freeze(), seed)


@pytest.mark.long
@pytest.mark.skipif(not real_maps(), reason="no map files: set FLEETLOOP_MAPS")
@pytest.mark.parametrize("path", real_maps(), ids=lambda path: path.name)
def test_an_hour_on_a_real_map_flows_and_nobody_touches_anybody(path):
    check_hour(open_map(*config_of_file(path)), 1)
