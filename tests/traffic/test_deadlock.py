"""Circles of waiting vehicles are found, queues are not; the audit sees what the oracle sees."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.envs.maps.town.config import TownConfig
from fleetloop.envs.maps.town.source import TOWN
from fleetloop.envs.traffic.audit import overlapping_vehicles
from fleetloop.envs.traffic.config import TrafficConfig
from fleetloop.envs.traffic.deadlock import deadlock_events, find_deadlocks
from fleetloop.envs.traffic.traffic import Traffic


def started(network, vehicles):
    traffic = Traffic(network, TrafficConfig(vehicles=vehicles, warm_up_s=0.0))
    traffic.reset(5)
    return traffic


def way(network, start, end):
    links = network.links
    return int(np.flatnonzero((links.from_lane == start) & (links.to_lane == end))[0])


def in_a_circle(network):
    """Four vehicles in a junction, each in the way of the next one."""
    traffic = started(network, 4)
    vehicles = traffic.vehicles
    for row, start in enumerate((0, 2, 4, 6)):
        link = way(network, start, (start + 5) % 8)
        vehicles["link"][row], vehicles["lane"][row] = link, start
        vehicles["s_m"][row] = network.lanes.length_m[start] - 3.0
        vehicles["go"][row], vehicles["waited_s"][row] = True, 60.0
    vehicles["speed_m_s"], vehicles["length_m"] = 0.0, 4.5
    return traffic


def test_a_circle_is_found_with_its_place_and_members(crossroads):
    traffic = in_a_circle(crossroads(arm_m=60.0).freeze())
    (found,) = find_deadlocks(traffic)
    assert found.vehicles == (0, 1, 2, 3)
    assert np.hypot(*found.place_m) < 3.0
    assert found.waited_s == 60.0


def test_a_deadlock_is_an_event_of_the_step_in_which_it_came_about(crossroads):
    traffic = in_a_circle(crossroads(arm_m=60.0).freeze())
    told = []
    for step in range(10):
        # As it adds up: in tenths of a second, not exactly.
        traffic.vehicles["waited_s"] = np.full(445 + step, 0.1).sum()
        told += deadlock_events(traffic, 100_000_000 * step, 0.1)
    (event,) = told
    assert (event.kind, event.t_ns) == ("deadlock", 500_000_000)
    assert event.detail["vehicles"] == "0 1 2 3"
    assert event.detail["x_m"] == pytest.approx(0.0, abs=3.0)


def test_who_has_just_moved_or_waits_in_a_queue_is_in_none(crossroads):
    traffic = in_a_circle(crossroads(arm_m=60.0).freeze())
    traffic.vehicles["waited_s"] = 10.0
    assert find_deadlocks(traffic) == []
    traffic.vehicles["waited_s"] = 60.0
    traffic.vehicles["lane"], traffic.vehicles["link"] = 0, 0
    traffic.vehicles["s_m"] = [10.0, 20.0, 30.0, 40.0]
    assert find_deadlocks(traffic) == []


def test_the_audit_agrees_with_the_plain_oracle(overlaps):
    traffic = started(TOWN.build(TownConfig(seed=4, blocks_x=2, blocks_y=2)).freeze(), 40)
    rng = np.random.default_rng(3)
    seen = 0
    for _ in range(20):
        # Anywhere on their lanes, without regard to others.
        lanes = traffic.vehicles["lane"]
        traffic.vehicles["s_m"] = (
            rng.uniform(size=len(lanes)) * traffic.network.lanes.length_m[lanes]
        )
        found = overlapping_vehicles(traffic)
        assert found == overlaps(traffic)
        seen += len(found)
    assert seen > 10
