"""Mining keeps to its budget, its quotas and its word that nothing is taken twice."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.scenario import read_scenario
from fleetloop.loop.campaign.config import ClipConfig
from fleetloop.loop.campaign.mine import (
    Episode,
    freeze_failures,
    look_of,
    random_clips,
    triggered_clips,
)

RNG = np.random.default_rng(3)


def episode(name: str, hits=(), *, rows: int = 100, looks=None) -> Episode:
    look = RNG.normal(size=(rows, 6)) if looks is None else looks
    look = (look / np.linalg.norm(look, axis=1, keepdims=True)).astype(np.float32)
    return Episode(name=name, task="t", t_s=0.1 * np.arange(1, rows + 1), hits=hits, look=look)


def rows_of(clips) -> list[tuple[str, int]]:
    return [(clip.episode, row) for clip in clips for row in range(clip.first, clip.stop)]


@given(
    frames=st.integers(1, 320),
    plain=st.floats(0, 1),
    quota=st.floats(0, 1),
    hits=st.lists(
        st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 99), st.floats(0, 9)),
        max_size=25,
    ),
)
def test_any_hits_give_the_budget_exactly_and_no_frame_twice(frames, plain, quota, hits):
    episodes = [episode("e0", hits), episode("e1", hits[::2]), episode("e2")]
    config = ClipConfig(plain_part=plain, quota_part=quota, similarity=1.0)
    clips = triggered_clips(episodes, config, frames, np.random.default_rng(0))
    taken = rows_of(clips)
    assert len(taken) == len(set(taken)) == min(frames, 300)
    for trigger in "abc":
        assert sum(c.frames for c in clips if c.trigger == trigger) <= round(frames * quota)
    by_hits = sum(clip.frames for clip in clips if clip.trigger != "plain")
    assert by_hits <= round(frames * (1 - plain))
    random = random_clips(episodes, config, frames, np.random.default_rng(0), "random")
    assert len(rows_of(random)) == len(taken)
    assert all(0 <= clip.first < clip.stop <= 100 for clip in [*clips, *random])


def test_the_highest_scores_come_first_by_turns_of_the_triggers():
    found = [("a", 20, 1.0), ("a", 80, 5.0), ("b", 50, 0.1)]
    config = ClipConfig(pre_s=0.5, post_s=0.5, plain_part=0.0, quota_part=1.0)
    clips = triggered_clips([episode("e", found)], config, 22, np.random.default_rng(0))
    assert [(clip.trigger, clip.row) for clip in clips] == [("a", 80), ("b", 50)]
    assert [(clip.first, clip.stop) for clip in clips] == [(75, 86), (45, 56)]


def test_moments_that_look_the_same_are_taken_once():
    looks = np.tile([1.0, 0, 0, 0, 0, 0], (100, 1))
    looks[60:] = [0, 1.0, 0, 0, 0, 0]
    found = [("a", 10, 3.0), ("a", 30, 2.0), ("a", 80, 1.0)]
    config = ClipConfig(pre_s=0.2, post_s=0.2, plain_part=0.0, quota_part=1.0, similarity=0.98)
    clips = triggered_clips(
        [episode("e", found, looks=looks)], config, 10, np.random.default_rng(0)
    )
    assert [clip.row for clip in clips if clip.trigger == "a"] == [10, 80]


def test_looks_tell_other_pictures_and_other_wishes_apart():
    rng = np.random.default_rng(0)
    image = np.repeat(rng.integers(0, 255, (1, 1, 64, 64, 3), np.uint8), 3, axis=0)
    image[1] = rng.integers(0, 255, (1, 64, 64, 3), np.uint8)
    action = np.zeros((3, 4, 2), np.float32)
    action[2, 0] = [3.0, -3.0]
    look = look_of({"image": image, "action": action})
    assert np.linalg.norm(look, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert look[0] @ look[0] == pytest.approx(1.0, abs=1e-5)
    assert look[0] @ look[1] < 0.9
    assert look[0] @ look[2] < 0.9


def test_failures_become_scenarios_with_causes_by_turns(tmp_path):
    def told(seed, success, cause):
        end = {"success": success, "cause": cause, "digest": f"d{seed}"}
        return ("e", tmp_path, {"task": "x/T-v0", "seed": seed, "policy": "brain", "outcome": end})

    collected = [told(1, False, "off_road"), told(2, False, "off_road"), told(3, True, "done"),
                 told(4, False, "time"), told(5, False, "off_road")]  # fmt: skip
    args = {"scenarios": 3, "envs": {"x/T-v0": {"rig": "r"}}, "max_steps": {"x/T-v0": 9}}
    frozen = freeze_failures(args, collected, tmp_path / "s")
    assert [scenario.seed for scenario in frozen] == [1, 4, 2]
    back = [read_scenario(path) for path in sorted((tmp_path / "s").glob("*.json"))]
    assert sorted(back, key=lambda s: s.seed) == sorted(frozen, key=lambda s: s.seed)
    assert back[0].env == {"rig": "r"}
    assert json.loads(next((tmp_path / "s").glob("*.json")).read_text())["max_steps"] == 9
