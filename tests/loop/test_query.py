"""Requests mean one thing, what is not understood is told, and clips are where the thing is."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from fleetloop.agents.experts import EXPERTS
from fleetloop.agents.rollout import rollout
from fleetloop.core.errors import ConfigError
from fleetloop.datasets.log.writer import EpisodeWriter
from fleetloop.datasets.recording import Recording
from fleetloop.datasets.weather import light_of
from fleetloop.envs.registration import make_env
from fleetloop.loop.query import (
    ClipQuery,
    find_clips,
    parse_query,
    place_clips,
)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("200 clips of pedestrians at night in rain",
         ClipQuery(count=200, things=("pedestrians",), times=("night",), weathers=("rain",))),
        ("clips", ClipQuery()),
        ("1 clip with off road by car",
         ClipQuery(count=1, events=("off_road",), robot="car")),
        ("5 clips of cars and buses in fog on LaneFollow-v0",
         ClipQuery(count=5, things=("cars", "buses"), weathers=("fog",), task="lanefollow-v0")),
        ("3 CLIPS In Snow At dusk", ClipQuery(count=3, weathers=("snow",), times=("dusk",))),
    ],
)  # fmt: skip
def test_requests_are_understood(text, query):
    assert parse_query(text) == query


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("show me rain", "does not begin"),
        ("9 clips of unicorns", "thing 'unicorns'"),
        ("9 clips in lava", "weather 'lava'"),
        ("9 clips at noon", "time 'noon'"),
        ("9 clips please", "'please'"),
        ("9 clips by car and humanoid", "name one"),
    ],
)
def test_what_is_not_understood_is_told(text, told):
    with pytest.raises(ConfigError, match=told):
        parse_query(text)


@pytest.fixture(scope="module")
def drives(tmp_path_factory):
    """Six steps by day, and six at night in rain."""
    out = tmp_path_factory.mktemp("drives")
    task = "fleetloop/LaneFollow-v0"
    for seed, light in ((1, {}), (2, {"sun_elevation_rad": -0.4, "rain_mm_h": 8.0})):
        env = make_env(task, rig="front64", obs_mode="camera", physics="fast", light=light)
        with EpisodeWriter(out) as writer:
            rollout(env, EXPERTS.get(task)(), seed, [writer], max_steps=6)
        env.close()
    return Recording(out)


def test_light_and_weather_choose_whole_episodes(drives, tmp_path):
    night = find_clips(drives, parse_query("9 clips at night in rain"))
    assert {clip.log for clip in night} == {"LaneFollow-v0-2.mcap"}
    assert find_clips(drives, parse_query("9 clips at day in rain")) == []
    assert {clip.log for clip in find_clips(drives, parse_query("9 clips at day in dry"))} == {
        "LaneFollow-v0-1.mcap"
    }
    assert light_of(drives[1])["rain_mm_h"] == 8.0
    assert [path.name for path in place_clips(drives, night, tmp_path / "o")] == [
        "LaneFollow-v0-2.mcap"
    ]


def test_things_are_looked_for_near_the_robot_and_counts_are_kept(drives):
    found = find_clips(drives, parse_query("1 clip of cars"), pre_s=0.2, post_s=0.1)
    for clip in found:
        distance_m = float(clip.why.split(" at ")[1].split()[0])
        assert distance_m < 25.0
        assert 0.0 <= clip.t_first_s < clip.t_last_s
    assert len(found) <= 1
    many = find_clips(drives, replace(parse_query("99 clips by car")), pre_s=0.1, post_s=0.1)
    assert len(many) > 2
    times = np.array([[clip.t_first_s, clip.t_last_s] for clip in many if "-1" in clip.log])
    assert (times[1:, 0] >= times[:-1, 1] - 1e-9).all()
    assert find_clips(drives, parse_query("9 clips of dishes")) == []
    assert math.isfinite(many[0].t_last_s)
