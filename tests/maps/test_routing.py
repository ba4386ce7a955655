"""Fields and routes against a plain relaxation, places against a plain search."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.envs.maps.locate import LaneIndex
from fleetloop.envs.maps.routing import Router, lane_edges


@pytest.fixture(scope="module")
def network(crossroads):
    return crossroads().freeze()


def _relaxed(network, goal):
    """Bellman and Ford: as many rounds as there are lanes."""
    edges = lane_edges(network)
    count = len(network.lanes)
    best = np.full(count, np.inf)
    best[goal] = 0.0
    for _ in range(count):
        for lane in range(count):
            for row in range(edges.begin[lane], edges.begin[lane + 1]):
                best[lane] = min(best[lane], edges.cost_s[row] + best[edges.target[row]])
    return best


def test_fields_equal_plain_relaxation(network):
    router = Router(network)
    for goal in range(8):
        assert router.field(goal) == pytest.approx(_relaxed(network, goal), rel=1e-12)


def test_a_route_is_joined_and_as_long_as_its_field_says(network):
    router = Router(network)
    route = router.route(0, 3)
    assert route is not None
    assert route.lanes[0] == 0
    assert route.lanes[-1] == 3
    time = 0.0
    for before, after in zip(route.lanes[:-1], route.lanes[1:], strict=True):
        assert after in network.lanes.following(int(before))
        time += network.lanes.length_m[before] / network.lanes.speed_limit_m_s[before]
    assert time == pytest.approx(route.time_s)
    with pytest.raises(ConfigError):
        router.field(10_000)


def test_no_way_is_none(crossroads):
    router = Router(crossroads(turn_around=False).freeze())
    assert router.route(1, 0) is None


def test_nearest_equals_a_plain_search(network):
    rng = np.random.default_rng(5)
    points = rng.uniform(-70.0, 70.0, (200, 2))
    places = LaneIndex(network).nearest(points, reach_m=25.0)
    lanes = network.lanes
    for point, lane, s, t in zip(points, places.lane, places.s_m, places.t_m, strict=True):
        gaps = []
        for row in range(len(lanes)):
            flat = lanes.xyz_m[lanes.rows(row), :2]
            step = np.diff(flat, axis=0)
            share = ((point - flat[:-1]) * step).sum(axis=1) / (step**2).sum(axis=1)
            foot = flat[:-1] + np.clip(share, 0, 1)[:, None] * step
            gaps.append(np.sqrt(((foot - point) ** 2).sum(axis=1)).min())
        if min(gaps) >= 25.0:
            assert lane == -1
        else:
            assert gaps[lane] == pytest.approx(min(gaps), abs=1e-9)
            x, y, _, heading = lanes.pose_at(int(lane), float(s))
            if 0.0 < s < lanes.length_m[lane] and abs(t) < 4.0:
                back = [x - np.sin(heading) * t, y + np.cos(heading) * t]
                # Headings are interpolated within a step: an error of angle grows with t.
                assert np.hypot(*(back - point)) < 0.05 + 0.15 * abs(t)


def test_a_heading_chooses_among_lanes(network):
    index = LaneIndex(network)
    # On the arm to the east: lane 0 leads in (west), lane 1 leads out (east).
    there = index.nearest([[40.0, 0.0], [40.0, 0.0]], heading_rad=[np.pi, 0.0])
    assert there.lane.tolist() == [0, 1]
    assert there.t_m == pytest.approx([1.75, 1.75])
    assert there.inside.all()
