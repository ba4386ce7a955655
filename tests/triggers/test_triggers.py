"""Triggers fire where they should, on signals whose answers are known; all keep their contract."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.agents.lessons import ANSWERS, places
from fleetloop.core.errors import ConfigError
from fleetloop.core.types import Outcome
from fleetloop.loop.campaign.signals import Signals
from fleetloop.loop.triggers import TRIGGERS
from fleetloop.loop.triggers.base import Trigger, hits, windows

ROWS = 60


def outcome(*, success: bool, cause: str = "off_road") -> Outcome:
    return Outcome(
        steps=ROWS, duration_s=6.0, total_reward=0.0, success=success, cause=cause, digest=""
    )


def signals(**changes) -> Signals:
    """Six seconds of a car that drives straight on at 5 m/s, as expert and brain want it to."""
    t_s = 0.1 * (1 + np.arange(ROWS))
    quiet = {
        "task": "test/Quiet-v0",
        "robot": "car",
        "t_s": t_s,
        "done": np.zeros((ROWS, 2)),
        "acted": np.arange(ROWS) < ROWS - 1,
        "expert": np.zeros((ROWS, 2)),
        "brain": np.zeros((ROWS, 2)),
        "previous": np.zeros((ROWS, 2)),
        "spread": np.full(ROWS, 0.05),
        "answer": np.zeros((ROWS, ANSWERS)),
        "label": np.zeros((ROWS, ANSWERS)),
        "known": np.ones((ROWS, ANSWERS), bool),
        "events": [()] * ROWS,
        "truth": {"speed_m_s": np.full(ROWS, 5.0)},
        "sensed": {"wheels/speed_m_s": np.full((ROWS, 4), 5.0)},
        "near": np.full(ROWS, np.inf),
        "outcome": outcome(success=True, cause="done"),
    }
    return Signals(**(quiet | changes))


def fired(name: str, found: Signals) -> list[int]:
    trigger = TRIGGERS.get(name)
    return [hit.row for hit in hits(name, trigger, found, trigger.threshold, 1.0)]


@pytest.mark.parametrize("name", list(TRIGGERS))
def test_every_trigger_is_silent_where_nothing_happens_and_where_nothing_is_known(name):
    assert fired(name, signals()) == []
    unknown = signals(
        brain=None, previous=None, spread=None, answer=None, truth={}, sensed={}, near=np.zeros(0),
        known=np.zeros((ROWS, ANSWERS), bool), outcome=None,
    )  # fmt: skip
    assert fired(name, unknown) == []


def with_row(shape, row, value):
    array = np.zeros(shape)
    array[row] = value
    return array


def speeds(profile) -> dict:
    return {"speed_m_s": np.asarray(profile, float)}


def answers(question: str, row: int, value: float):
    array = np.zeros((ROWS, ANSWERS))
    array[row, places(question)] = value
    return array


CASES = {
    "expert_disagreement": ({"expert": with_row((ROWS, 2), 20, 0.6)}, 20),
    "version_disagreement": ({"previous": with_row((ROWS, 2), 30, -0.9)}, 30),
    "uncertainty": ({"spread": with_row(ROWS, 12, 0.8)}, 12),
    "before_failure": ({"outcome": outcome(success=False)}, 59),
    "hard_braking": ({"truth": speeds(np.where(np.arange(ROWS) < 30, 10.0, 4.0))}, {29, 30}),
    "jerk": ({"truth": speeds(np.where(np.arange(ROWS) < 30, 10.0, 4.0))}, {28, 29, 30, 31}),
    "near_miss": ({"near": np.where(np.arange(ROWS) == 33, 0.8, 9.0)}, 33),
    "slip": ({"sensed": {"wheels/speed_m_s": 5.0 + with_row((ROWS, 4), 15, 4.0)}}, 15),
    "stall": ({"truth": speeds(np.zeros(ROWS)), "expert": np.full((ROWS, 2), 0.5),
               "done": np.full((ROWS, 2), 0.5)}, {40, 41}),
    "fall": ({"events": [("fall",) if row == 50 else () for row in range(ROWS)]}, 50),
    "collision": ({"events": [("collision",) if row == 9 else () for row in range(ROWS)]}, 9),
    "left_the_way": ({"events": [("off_road",) if row == 9 else () for row in range(ROWS)]}, 9),
    "dropped_object": ({"events": [("dropped",) if row == 9 else () for row in range(ROWS)]}, 9),
    "broken_dish": ({"events": [("broken",) if row == 9 else () for row in range(ROWS)]}, 9),
    "range_camera": ({"answer": answers("distance", 25, 2.0)}, 25),
    "surprise": ({"answer": answers("motion", 25, 2.0)}, 25),
}  # fmt: skip


@pytest.mark.parametrize("name", list(TRIGGERS))
def test_every_trigger_fires_where_its_reason_is(name):
    changes, row = CASES[name]
    assert fired(name, signals(**changes))[0] in (row if isinstance(row, set) else {row})


def test_a_cool_down_keeps_the_highest_score_and_the_clip_has_its_pre_and_post_roll():
    score = np.zeros(ROWS)
    score[[10, 14, 40]] = [1.0, 3.0, 2.0]
    trigger = Trigger(threshold=0.5, unit="1", score=lambda found: score)
    found = hits("t", trigger, signals(), 0.5, cooldown_s=1.0)
    assert [(hit.row, hit.score) for hit in found] == [(14, 3.0), (40, 2.0)]
    assert [hit.row for hit in hits("t", trigger, signals(), 0.5, cooldown_s=0.0)] == [10, 14, 40]
    t_s = signals().t_s
    (first, stop), (start, end) = windows([14, 0], t_s, pre_s=1.0, post_s=0.5)
    assert t_s[first] == pytest.approx(t_s[14] - 1.0)
    assert t_s[stop - 1] == pytest.approx(t_s[14] + 0.5)
    assert (start, end) == (0, 6)


def test_a_trigger_that_breaks_its_contract_is_told():
    short = Trigger(threshold=0.5, unit="1", score=lambda found: np.zeros(3))
    with pytest.raises(ConfigError, match="'short' gives scores"):
        hits("short", short, signals(), 0.5, 1.0)
    odd = Trigger(threshold=0.5, unit="1", score=lambda found: np.full(len(found), np.nan))
    with pytest.raises(ConfigError, match="not finite"):
        hits("odd", odd, signals(), 0.5, 1.0)
