"""LaneFollow in drawn weather: light and grip are told, and without it nothing has changed."""

from __future__ import annotations

import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.envs.registration import make_env

TASK = "fleetloop/LaneFollow-v0"


def reset(seed, **options):
    env = make_env(TASK, rig="front64", obs_mode="state", physics="fast", task_options=options)
    env.reset(seed=seed)
    draws, light, friction = env.draws, env.stage.scene.light, env.stage.ground.friction
    env.close()
    return draws, light, friction


def test_rain_is_seen_and_felt():
    draws, light, friction = reset(5, weather=["rain"])
    assert draws["weather"]["kind"] == "rain"
    assert light.rain_mm_h == draws["weather"]["rain_mm_h"] >= 2.5
    assert friction == pytest.approx(draws["weather"]["grip"])
    assert 0.55 < friction < 0.75


def test_a_road_keeps_its_light_and_grip_without_weather():
    draws, light, friction = reset(5)
    assert "weather" not in draws
    assert light.rain_mm_h == 0.0
    assert friction == 1.0


def test_kinds_are_drawn_by_the_seed():
    kinds = [reset(seed, weather=["clear", "fog"])[0]["weather"]["kind"] for seed in range(6)]
    assert set(kinds) == {"clear", "fog"}
    assert reset(3, weather=["clear", "fog"])[0]["weather"]["kind"] == kinds[3]


def test_unknown_weather_is_refused():
    with pytest.raises(ConfigError, match="hail"):
        make_env(TASK, task_options={"weather": ["hail"]})
