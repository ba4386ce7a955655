"""Conflicts in closed form, and who yields."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetloop.envs.maps.conflicts import Way, find_conflicts, overlap, yields
from fleetloop.envs.maps.kinds import ConflictKind, Control, Turn
from fleetloop.envs.maps.polyline import resample


def _way(link: int, start: float, *, turn: int = 0, control: int = 0, priority: int = 0) -> Way:
    """A straight way through the origin that starts with a heading."""
    along = np.array([np.cos(start), np.sin(start)])
    return Way(link=link, from_lane=2 * link, to_lane=2 * link + 1, half_width_m=1.0,
               curve=resample([-10 * along, 10 * along]), turn=turn, control=control,
               priority=priority)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    angle=st.floats(0.5, np.pi - 0.5),
    one=st.floats(0.5, 1.5),
    two=st.floats(0.5, 1.5),
    at=st.floats(15.0, 25.0),
)
def test_crossing_strips_overlap_for_their_widths_over_the_sine(angle, one, two, at):
    first = resample([[0.0, 0.0], [40.0, 0.0]], 0.5)
    along = np.array([np.cos(angle), np.sin(angle)])
    second = resample([[at, 0.0] - 30.0 * along, [at, 0.0] + 30.0 * along], 0.5)
    enter, leave = overlap(first, second, one + two)
    reach = (one + two) / np.sin(angle)
    assert enter == pytest.approx(at - reach, abs=1e-6)
    assert leave == pytest.approx(at + reach, abs=1e-6)


def test_lanes_side_by_side_do_not_conflict():
    first = resample([[0.0, 0.0], [40.0, 0.0]])
    second = resample([[0.0, 2.7], [40.0, 2.7]])
    assert overlap(first, second, 2.6) is None


@pytest.mark.parametrize("left_hand", [False, True])
def test_of_two_that_meet_exactly_one_yields_and_both_sides_say_the_same(crossroads, left_hand):
    links = crossroads(left_hand=left_hand).freeze().links
    seen = {}
    for link in range(len(links)):
        for row in range(links.conflict_begin[link], links.conflict_begin[link + 1]):
            seen[link, int(links.conflict_link[row])] = row
    assert seen
    for (one, two), row in seen.items():
        back = seen[two, one]
        assert links.conflict_kind[row] == links.conflict_kind[back]
        assert links.conflict_enter_m[row] == links.conflict_other_enter_m[back]
        assert links.conflict_exit_m[row] == links.conflict_other_exit_m[back]
        if links.conflict_kind[row] == ConflictKind.DIVERGE:
            assert not links.conflict_yields[row]
        else:
            assert links.conflict_yields[row] != links.conflict_yields[back]


def test_kinds_follow_from_shared_lanes(crossroads):
    links = crossroads().freeze().links
    for link in range(len(links)):
        for row in range(links.conflict_begin[link], links.conflict_begin[link + 1]):
            other = links.conflict_link[row]
            same_begin = links.from_lane[link] == links.from_lane[other]
            same_end = links.to_lane[link] == links.to_lane[other]
            kind = links.conflict_kind[row]
            assert (kind == ConflictKind.DIVERGE) == same_begin
            assert (kind == ConflictKind.MERGE) == (same_end and not same_begin)


def test_the_one_from_the_right_goes_first():
    east, north = _way(0, 0.0), _way(1, 0.5 * np.pi)
    # Who heads north comes from the right of who heads east.
    assert yields(east, north, left_hand=False)
    assert not yields(north, east, left_hand=False)


@pytest.mark.parametrize(("left_hand", "across"), [(False, Turn.LEFT), (True, Turn.RIGHT)])
def test_who_turns_across_oncoming_traffic_yields(left_hand, across):
    turning, oncoming = _way(0, 0.0, turn=across), _way(1, np.pi)
    assert yields(turning, oncoming, left_hand=left_hand)
    assert not yields(oncoming, turning, left_hand=left_hand)


def test_signs_rank_before_right_before_left_and_a_given_rank_before_all():
    east, north = _way(0, 0.0), _way(1, 0.5 * np.pi, control=Control.STOP)
    assert not yields(east, north, left_hand=False)
    assert yields(north, east, left_hand=False)
    ranked = _way(0, 0.0, priority=-1)
    assert yields(ranked, north, left_hand=False)


def test_conflicts_come_sorted():
    ways = [_way(link, 0.7 * link) for link in range(4)]
    found = find_conflicts(ways, left_hand=False)
    pairs = [(conflict.link, conflict.other) for conflict in found]
    assert pairs == sorted(pairs)
    assert len(pairs) == 12
