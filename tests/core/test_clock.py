"""Time is counted in ticks and never drifts."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.clock import NS_PER_S, Schedule, TickRate, ns_from_s, s_from_ns
from fleetloop.core.errors import ConfigError

rates = st.integers(1, 100_000).map(TickRate)


@given(rates, st.integers(0, 10**9))
def test_a_ticks_time_is_within_one_nanosecond_however_long_the_episode(rate, tick):
    exact = Fraction(tick * NS_PER_S, rate.hz)
    assert 0 <= exact - rate.ns(tick) < 1


@given(rates, st.integers(0, 10**12))
def test_the_tick_after_a_time_is_the_first_that_is_not_before_it(rate, t_ns):
    tick = rate.tick_at_or_after(t_ns)
    assert Fraction(tick * NS_PER_S, rate.hz) >= t_ns
    assert tick == 0 or Fraction((tick - 1) * NS_PER_S, rate.hz) < t_ns


@given(st.integers(1, 1000), st.data())
def test_a_schedule_captures_once_a_period(period, data):
    phase = data.draw(st.integers(0, period - 1))
    plan = Schedule(period, phase)
    due = [tick for tick in range(4 * period) if plan.is_due(tick)]
    assert due == list(range(phase, 4 * period, period)) == list(plan.due_ticks(-1, 4 * period - 1))
    assert [plan.sequence(tick) for tick in due] == list(range(len(due)))


@given(st.integers(1, 500), st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_how_time_is_split_into_steps_changes_nothing(period, a, b, c):
    plan = Schedule(period, period // 2)
    first, second, third = sorted((a, b, c))
    whole = list(plan.due_ticks(first, third))
    assert list(plan.due_ticks(first, second)) + list(plan.due_ticks(second, third)) == whole


@given(st.sampled_from([240, 1000, 100, 48]), st.integers(1, 240))
def test_periods_of_dividing_rates_are_exact(hz, period):
    rate = TickRate(hz)
    if hz / period >= 0.3:
        assert rate.period_ticks(hz / period) == period


@pytest.mark.parametrize(("hz", "rate_hz", "nearest"), [(240, 50, "48 and 60"), (240, 7, "6.8")])
def test_a_rate_that_does_not_divide_names_those_that_do(hz, rate_hz, nearest):
    with pytest.raises(ConfigError, match=nearest):
        TickRate(hz).period_ticks(rate_hz)


@pytest.mark.parametrize("rate_hz", [0.0, -10.0, math.nan, math.inf])
def test_rates_that_are_none_are_refused(rate_hz):
    with pytest.raises(ConfigError, match="use a number > 0"):
        TickRate(240).period_ticks(rate_hz)


def test_a_rate_faster_than_physics_is_refused():
    assert TickRate(240).period_ticks(240) == 1
    with pytest.raises(ConfigError, match="faster than physics at 240 Hz"):
        TickRate(240).period_ticks(480)


@pytest.mark.parametrize("hz", [0, -1, 100_001, 240.0, "240", True, None])
def test_physics_rates_that_are_none_are_refused(hz):
    with pytest.raises(ConfigError, match="physics rate"):
        TickRate(hz)


@pytest.mark.parametrize(
    ("period", "phase", "word"),
    [(0, 0, "at least 1"), (-1, 0, "at least 1"), (5, 5, "shift by"), (5, -1, "shift by")],
)
def test_schedules_that_are_none_are_refused(period, phase, word):
    with pytest.raises(ConfigError, match=word):
        Schedule(period, phase)


@pytest.mark.parametrize("time_s", [math.nan, math.inf, -math.inf])
def test_times_that_are_none_are_refused(time_s):
    with pytest.raises(ConfigError, match="not finite"):
        ns_from_s(time_s)


@given(st.floats(0, 1e6))
def test_seconds_and_nanoseconds(time_s):
    assert abs(Fraction(ns_from_s(time_s)) - Fraction(time_s) * NS_PER_S) <= Fraction(1, 2)


@given(st.integers(0, 2**52))
def test_nanoseconds_survive_seconds(t_ns):
    assert ns_from_s(s_from_ns(t_ns)) == pytest.approx(t_ns, abs=1)
