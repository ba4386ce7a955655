"""The clock report against a plain reckoning, and on a real recording."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.datasets.clock_report import ClockBook, clock_lines

HOUR_NS = 3_600_000_000_000


def episode_of(number, captured, arrived, rate_hz=30.0, phase=0.0):
    """What the report asks of a recording, for one sensor and no step."""
    return SimpleNamespace(
        schemas={"eye": None},
        calibration=SimpleNamespace(sensors={"eye": SimpleNamespace(rate_hz=rate_hz, phase=phase)}),
        sequence=lambda name: np.asarray(number),
        times_ns=lambda name, clock="captured": np.asarray(
            captured if clock == "captured" else arrived
        ),
        step_times_ns=np.zeros(0, np.int64),
        meta=SimpleNamespace(config={}),
    )


def clock_of(*args, **kwargs):
    book = ClockBook()
    book.add(episode_of(*args, **kwargs))
    return book.clocks()[0]


@given(
    seed=st.integers(0, 1000),
    rate_hz=st.sampled_from([7.5, 30.0, 100.0, 240.0]),
    start_ns=st.integers(0, HOUR_NS),
)
def test_against_exact_fractions(seed, rate_hz, start_ns):
    from fractions import Fraction

    rng = np.random.default_rng(seed)
    number = np.cumsum(rng.integers(1, 4, 40))
    wrong = rng.integers(-5000, 5000, 40)
    wrong[0] = 0
    grid = [Fraction(int(k - number[0]) * 10**9) / Fraction(rate_hz) for k in number]
    captured = np.array(
        [start_ns + math.floor(g) + int(w) for g, w in zip(grid, wrong, strict=True)]
    )
    arrived = captured + rng.integers(0, 10**7, 40)
    # The reset comes first, off the grid.
    clock = clock_of([number[0] - 1, *number], [0, *captured], [0, *arrived], rate_hz)
    off = [float(int(c) - start_ns - g) for c, g in zip(captured, grid, strict=True)]
    assert clock.worst_us == pytest.approx(max(map(abs, off)) * 1e-3, abs=1e-6)
    assert clock.jitter_us == pytest.approx(np.std(off) * 1e-3, abs=1e-6)
    assert clock.missing == number[-1] - number[0] + 1 - 40
    assert clock.worst_delay_ms == pytest.approx((arrived - captured).max() * 1e-6)
    assert clock.holds == (max(map(abs, off)) < 1000.0)


def test_a_clock_that_drifts_is_told_by_name():
    number = np.arange(300)
    true = np.floor(number * 1e9 / 30.0).astype(np.int64)
    late = true + number * 10  # 10 ns a capture: 3 us after ten seconds
    assert clock_of(number, true, true).holds
    bad = clock_of(number, late, late)
    assert not bad.holds
    assert bad.worst_us == pytest.approx(2.98, abs=0.01)
    (verdict,) = list(clock_lines((bad,)))[-1:]
    assert "too much in /sensor/eye" in verdict


def test_a_real_recording_keeps_time(street):
    book = ClockBook()
    book.add(street)
    book.add(street)
    clocks = {clock.topic: clock for clock in book.clocks()}
    assert set(clocks) == {"/step", *(f"/sensor/{name}" for name in street.schemas)}
    assert all(clock.worst_us < 0.002 for clock in clocks.values())  # ticks end on whole ns
    imu = clocks["/sensor/imu"]
    assert imu.messages == 2 * street.count("imu")
    assert imu.measured_hz == pytest.approx(imu.rate_hz, rel=1e-6)
    slow = replace(clocks["/step"], worst_us=7.0)
    assert not slow.holds
