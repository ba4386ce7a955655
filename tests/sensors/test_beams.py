"""Beam tables: as their data sheets say, and refusing what no LiDAR is."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.errors import ConfigError, UnknownNameError
from fleetloop.envs.sensors.beams import BEAM_TABLES, BeamTable, beam_table
from fleetloop.envs.sensors.lidar import beam_directions

# From the data sheets: beams, highest and lowest elevation in degrees, columns, longest range,
# range at 10 % reflectivity.
SHEETS = {
    "vlp16": (16, 15.0, -15.0, 1800, 100.0, 50.0),
    "hdl32e": (32, 10.67, -30.67, 1085, 100.0, 50.0),
    "hdl64e": (64, 2.0, -24.33, 2083, 120.0, 50.0),
    "os1_128": (128, 21.2, -21.2, 1024, 200.0, 90.0),
    "hap": (64, 12.5, -12.5, 706, 200.0, 150.0),
    "tim571": (1, 0.0, 0.0, 811, 25.0, 8.0),
    "ust10lx": (1, 0.0, 0.0, 1081, 10.0, 4.0),
}


@pytest.mark.parametrize("name", SHEETS)
def test_presets_are_as_their_data_sheets_say(name):
    beams, top, bottom, azimuths, longest, at_10_percent = SHEETS[name]
    table = beam_table(name)
    assert len(table.elevations_rad) == beams
    assert math.degrees(table.elevations_rad[0]) == pytest.approx(top, abs=0.005)
    assert math.degrees(table.elevations_rad[-1]) == pytest.approx(bottom, abs=0.005)
    assert (table.azimuths, table.range_max_m, table.range_10_m) == (
        azimuths, longest, at_10_percent,
    )  # fmt: skip


@pytest.mark.parametrize("name", list(BEAM_TABLES))
def test_every_preset_lists_its_beams_from_top_to_bottom(name):
    table = beam_table(name)
    assert (np.diff(table.elevations_rad) < 0.0).all()
    assert table.range_min_m < table.range_10_m <= table.range_max_m


def test_beams_for_each_need_are_there():
    counts = {len(table.elevations_rad) for table in BEAM_TABLES.values()}
    assert {1, 16, 32, 64, 128} <= counts
    solid = beam_table("hap")
    assert math.degrees(solid.azimuth_to_rad - solid.azimuth_from_rad) == pytest.approx(120.0)
    assert len(solid.elevations_rad) * solid.azimuths * 10 == pytest.approx(452_000, rel=1e-3)


def test_elevations_of_the_hdl32e_are_those_of_its_manual():
    # Multiples of 4/3 degrees, from -30.67 to 10.67 [HDL-32E user's manual, firing sequence].
    manual = [10.67, 9.33, 8.00, 6.67, 5.33, 4.00, 2.67, 1.33, 0.0, -1.33, -2.67, -4.00, -5.33]
    ours = np.rad2deg(beam_table("hdl32e").elevations_rad)
    np.testing.assert_allclose(ours[: len(manual)], manual, atol=0.01)


@pytest.mark.parametrize(
    ("name", "first", "step_us", "column_us", "turn_s"),
    # Order of firing and times from the manuals, degrees and microseconds.
    [("vlp16", (-15.0, 1.0, -13.0, 3.0, -11.0, 5.0), 2.304, 55.296, 0.1),
     ("hdl32e", (-30.67, -9.33, -29.33, -8.0, -28.0, -6.67), 1.152, 46.08, 0.05)],
)  # fmt: skip
def test_beams_hop_as_in_the_manuals(name, first, step_us, column_us, turn_s):
    table = beam_table(name)
    order = np.argsort(table.firing_s)
    fired = np.rad2deg(np.array(table.elevations_rad)[order])
    np.testing.assert_allclose(fired[: len(first)], first, atol=0.01)
    np.testing.assert_allclose(np.diff(np.sort(table.firing_s)), 1e-6 * step_us, rtol=1e-6)
    assert turn_s / table.azimuths == pytest.approx(1e-6 * column_us, rel=0.006)


def test_later_beams_of_a_column_point_further_on():
    table = beam_table("vlp16")
    straight, turning = beam_directions(table), beam_directions(table, sweep_s=0.1)
    azimuth = [np.arctan2(d[..., 1], d[..., 0]).astype(float) for d in (straight, turning)]
    ahead = np.angle(np.exp(1j * (azimuth[1] - azimuth[0])))
    expected = 2.0 * math.pi * np.array(table.firing_s) / 0.1
    np.testing.assert_allclose(ahead, np.broadcast_to(expected[:, None], ahead.shape), atol=1e-6)
    assert math.degrees(expected.max()) == pytest.approx(15 * 2.304e-6 * 3600.0)


def test_the_two_blocks_of_the_hdl64e_are_spaced_by_a_third_and_half_a_degree():
    steps = -np.diff(np.rad2deg(beam_table("hdl64e").elevations_rad))
    np.testing.assert_allclose(steps[:31], 1.0 / 3.0, atol=1e-3)
    np.testing.assert_allclose(steps[31:], 0.5, atol=1e-2)


@pytest.mark.parametrize(("name", "step_deg"), [("tim571", 1 / 3), ("ust10lx", 0.25)])
def test_planar_scanners_step_evenly_about_their_middle(name, step_deg):
    directions = beam_directions(beam_table(name))[0]
    angles = np.rad2deg(np.unwrap(np.arctan2(directions[:, 1], directions[:, 0])))
    np.testing.assert_allclose(np.diff(angles), step_deg, atol=1e-4)
    assert angles[0] == pytest.approx(-135.0, abs=1e-3)
    assert angles[-1] == pytest.approx(135.0, abs=1e-3)


@given(
    left=st.floats(-1.0, 1.0), up=st.floats(-1.0, 1.0), top=st.floats(0.0, 1.2),
    wide=st.floats(1e-4, 0.05), tall=st.floats(1e-4, 0.05),
)  # fmt: skip
def test_a_spot_is_as_wide_as_the_beam_at_every_elevation(left, up, top, wide, tall):
    table = BeamTable(elevations_rad=(top, -0.3), azimuths=8, divergence_rad=(wide, tall))
    middle = beam_directions(table).astype(float)
    side = beam_directions(table, (left, 0.0)).astype(float)
    above = beam_directions(table, (0.0, up)).astype(float)
    np.testing.assert_allclose(np.linalg.norm(side, axis=-1), 1.0, atol=1e-6)
    angle = np.linalg.norm(np.cross(middle, side), axis=-1)
    np.testing.assert_allclose(angle, 0.5 * wide * abs(left), rtol=0.01, atol=2e-6)
    angle = np.linalg.norm(np.cross(middle, above), axis=-1)
    np.testing.assert_allclose(angle, 0.5 * tall * abs(up), rtol=0.01, atol=2e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"elevations_rad": ()},
        {"elevations_rad": (1.6,)},
        {"azimuths": 0},
        {"firing_s": (0.0, 1e-6)},
        {"firing_s": (-1e-6,) * 32},
        {"azimuth_from_rad": 1.0, "azimuth_to_rad": 1.0},
        {"azimuth_from_rad": -4.0, "azimuth_to_rad": 4.0},
        {"range_min_m": 120.0},
        {"range_min_m": -1.0},
        {"range_10_m": 0.0},
        {"separation_m": 0.0},
        {"range_sd_m": -0.1},
        {"overlap_m": (2.0, 1.0)},
        {"divergence_rad": (0.0, 0.1)},
        {"divergence_rad": (0.1, 0.3)},
    ],
    ids=str,
)
def test_impossible_tables_are_refused(wrong):
    with pytest.raises(ConfigError):
        replace(beam_table("generic32"), **wrong)


def test_an_unknown_preset_is_told_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="hdl32e"):
        beam_table("hdl23e")
