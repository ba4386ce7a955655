"""The validator passes what is whole and finds what is planted."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.drafts import Phase
from fleetloop.envs.maps.kinds import JunctionKind, LaneKind, RoadClass, SignalState
from fleetloop.envs.maps.validate import validate


def _problem(builder):
    found = validate(builder.freeze())
    assert not found.ok
    with pytest.raises(ConfigError, match="cannot be used"):
        found.require()
    return " ".join(found.problems)


def test_a_whole_map_passes(crossroads):
    found = validate(crossroads().freeze())
    assert found.ok, found.text()
    assert found.figures["main share"] == 1.0
    found.require()


def test_a_gap_is_found(crossroads):
    builder = crossroads()
    lane = builder.drafts.lanes[0]
    lane.curve.xyz_m[-1, 0] += 0.5
    assert "do not meet" in _problem(builder)


def test_a_kink_is_found(crossroads):
    builder = crossroads()
    builder.drafts.lanes[0].curve.heading_rad[-1] += np.deg2rad(15.0)
    assert "15 degrees" in _problem(builder)


def test_a_short_lane_is_found(crossroads):
    builder = crossroads()
    builder.add_lane(LaneKind.DRIVE, [[100.0, 0.0], [100.5, 0.0]], width_m=3.0,
                     speed_limit_m_s=10.0, name="stub")  # fmt: skip
    assert "stub" in _problem(builder)


def test_a_narrow_lane_is_found(crossroads):
    builder = crossroads()
    builder.drafts.lanes[2].width_left_m[:] = 0.4
    builder.drafts.lanes[2].width_right_m[:] = 0.4
    assert "wide" in _problem(builder)


def test_an_idle_signal_is_found(crossroads):
    builder = crossroads()
    builder.add_signal(0, [Phase(duration_s=5.0, states=(SignalState.GREEN,))])
    assert "control nothing" in _problem(builder)


def test_a_signal_column_that_is_not_there_is_found(crossroads):
    builder = crossroads()
    signal = builder.add_signal(0, [Phase(duration_s=5.0, states=(SignalState.GREEN,))])
    builder.control_link(0, signal, 3)
    assert "column" in _problem(builder)


def test_lanes_apart_are_left_out_and_told(crossroads):
    builder = crossroads()
    for _ in range(2):
        builder.add_lane(LaneKind.DRIVE, [[0.0, 300.0], [50.0, 300.0]], width_m=3.0,
                         speed_limit_m_s=10.0)  # fmt: skip
    network = builder.freeze()
    assert not network.lanes.main[-1]
    assert any("drive lanes" in note for note in network.notes)
    assert validate(network).ok


def test_a_map_without_streets_is_refused():
    builder = NetworkBuilder(name="lawn", source="test", licence="", left_hand=False)
    builder.add_road("path", RoadClass.PATH)
    builder.add_junction(JunctionKind.PLAIN, (0.0, 0.0))
    with pytest.raises(ConfigError, match="no lane to drive on"):
        builder.freeze()


def test_the_digest_is_the_same_in_another_process(crossroads):
    code = (
        "import runpy; made = runpy.run_path('tests/conftest.py');"
        "print(made['make_crossroads']().freeze().digest())"
    )
    digests = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                       env={"PYTHONHASHSEED": seed}).stdout.strip()
        for seed in ("1", "2")
    }  # fmt: skip
    assert digests == {crossroads().freeze().digest()}
