"""Towns of any seed pass the validator, and one seed is one town."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.envs.maps.kinds import (
    Control,
    JunctionKind,
    LaneKind,
    MarkKind,
    RoadClass,
    SignalState,
    Turn,
)
from fleetloop.envs.maps.load import open_map
from fleetloop.envs.maps.locate import LaneIndex
from fleetloop.envs.maps.signals import states_at
from fleetloop.envs.maps.town.config import TownConfig
from fleetloop.envs.maps.town.source import TOWN
from fleetloop.envs.maps.validate import validate


def _config(seed):
    """Sizes, layouts and sides of traffic in turn."""
    return TownConfig(
        seed=seed,
        blocks_x=2 + seed % 3,
        blocks_y=2 + seed // 4 % 3,
        left_hand=seed % 5 == 4,
        bend=(0.6, 0.0, 1.0)[seed % 3],
    )


@pytest.fixture(scope="module")
def town():
    return TOWN.build(TownConfig(seed=5)).freeze()


def _check(seed):
    network = TOWN.build(_config(seed)).freeze()
    found = validate(network)
    assert found.ok, found.text()
    assert found.figures["main share"] == 1.0
    assert not network.lanes.portal_in.any()
    assert not network.lanes.portal_out.any()


@pytest.mark.parametrize("seed", range(100, 105))
def test_a_town_passes_the_validator(seed):
    _check(seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(50))
def test_every_town_passes_the_validator(seed):
    _check(seed)


def test_a_town_has_all_that_makes_one(town):
    assert set(town.roads.road_class) >= {RoadClass.ARTERIAL, RoadClass.RESIDENTIAL}
    kinds = set(town.lanes.kind)
    assert kinds >= {LaneKind.DRIVE, LaneKind.SIDEWALK, LaneKind.CROSSING, LaneKind.PARKING}
    assert JunctionKind.SIGNAL in set(town.junctions.kind)
    assert len(town.crossings) > 5
    assert set(town.links.turn) >= {Turn.LEFT, Turn.RIGHT, Turn.STRAIGHT}


def test_every_crossing_crosses_lanes_and_can_be_walked(town):
    assert (np.diff(town.crossings.begin) >= 2).all()
    walked = set(town.walks.crossing.tolist()) - {-1}
    assert walked == set(range(len(town.crossings)))
    assert (town.crossings.exit_m > town.crossings.enter_m).all()


def test_signals_never_show_green_to_two_that_meet(town):
    """Whoever shares a green with a conflict has GREEN_YIELD, or the other one has."""
    links, signals = town.links, town.signals
    one = np.repeat(np.arange(len(links)), np.diff(links.conflict_begin))
    for signal in range(len(signals)):
        cycle = float(signals.duration_s[signals.begin[signal] : signals.begin[signal + 1]].sum())
        for t in np.arange(0.0, cycle, 0.5):
            state = states_at(signals, t)[signal]
            for a, b, yields in zip(one, links.conflict_link, links.conflict_yields, strict=True):
                if links.signal[a] != signal or links.from_lane[a] == links.from_lane[b]:
                    continue
                shown = state[links.signal_index[a]], state[links.signal_index[b]]
                both = all(s in (SignalState.GREEN, SignalState.GREEN_YIELD) for s in shown)
                if both and yields:
                    assert shown[0] == SignalState.GREEN_YIELD or links.turn[a] == links.turn[b]


def test_walkers_never_have_green_with_straight_traffic(town):
    links, crossings = town.links, town.crossings
    link_of = {int(lane): row for row, lane in enumerate(links.connector)}
    phases = town.signals.state
    for row in range(len(crossings)):
        signal = crossings.signal[row]
        if signal < 0:
            continue
        for entry in range(crossings.begin[row], crossings.begin[row + 1]):
            link = link_of.get(int(crossings.crossed_lane[entry]), -1)
            if link < 0 or links.turn[link] != Turn.STRAIGHT:
                continue
            for phase in phases[town.signals.begin[signal] : town.signals.begin[signal + 1]]:
                walk = phase[crossings.signal_index[row]] == SignalState.GREEN
                drive = phase[links.signal_index[link]] == SignalState.GREEN
                assert not (walk and drive)


def test_stop_lines_belong_to_controlled_lanes(town):
    ruled = {int(town.links.from_lane[k]) for k in np.flatnonzero(
        town.links.control != Control.FREE)}  # fmt: skip
    assert set(town.stop_lines.lane.tolist()) <= ruled


def test_left_hand_towns_are_mirror_images():
    right = TOWN.build(TownConfig(seed=8, blocks_x=2, blocks_y=2)).freeze()
    left = TOWN.build(TownConfig(seed=8, blocks_x=2, blocks_y=2, left_hand=True)).freeze()
    assert left.left_hand
    assert np.array_equal(left.lanes.xyz_m[:, 1], -right.lanes.xyz_m[:, 1])
    assert np.array_equal(left.lanes.left, right.lanes.right)
    assert np.array_equal(left.links.turn == Turn.LEFT, right.links.turn == Turn.RIGHT)
    assert (left.lanes.right_mark == MarkKind.BROKEN).any()


def test_one_seed_is_one_town_in_every_process():
    code = (
        "from fleetloop.envs.maps.town.source import TOWN;"
        "from fleetloop.envs.maps.town.config import TownConfig;"
        "print(TOWN.build(TownConfig(seed=11, blocks_x=2, blocks_y=2)).freeze().digest())"
    )
    config = TownConfig(seed=11, blocks_x=2, blocks_y=2)
    here = TOWN.build(config).freeze().digest()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          check=True, env={"PYTHONHASHSEED": "77"})  # fmt: skip
    assert done.stdout.strip() == here
    other = TownConfig(seed=12, blocks_x=2, blocks_y=2)
    assert here != TOWN.build(other).freeze().digest()


@pytest.mark.parametrize(
    "change", [{"blocks_x": 1}, {"block_m": 20.0}, {"layout": "star"}, {"bend": 2.0}]
)
def test_impossible_towns_are_refused(change):
    with pytest.raises(ConfigError):
        TownConfig(**change)


def test_signal_heads_hang_above_the_ground(town):
    signals = town.signals
    assert (signals.head_xyz_m[:, 2] > 2.0).all()
    assert (signals.pole_xyz_m[:, 2] == 0.0).all()


@pytest.mark.parametrize("seed", [1, 100, 102, 104])
def test_no_signal_pole_stands_in_a_lane(seed):
    network = open_map("town", TownConfig(seed=seed))
    places = LaneIndex(network).nearest(network.signals.pole_xyz_m[:, :2])
    assert not places.inside.any()
