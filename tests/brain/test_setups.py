"""Set-ups for learning: splits share no place, and pictures are fresh when they are used."""

from __future__ import annotations

import itertools

import pytest

from fleetloop.agents.training.setups import DECISIONS_HZ, car_rig, drive_setup
from fleetloop.core.errors import ConfigError
from fleetloop.envs.registration import make_env


def test_splits_share_no_town():
    setup = drive_setup()
    towns = {name: set(range(*options["map"]["town_seeds"])) for name, options in
             setup.splits.items()}  # fmt: skip
    for one, other in itertools.combinations(towns, 2):
        assert towns[one]
        assert not towns[one] & towns[other]
    with pytest.raises(ConfigError, match="'exam' is none of: train, dev, test"):
        setup.arguments("exam")


def test_the_task_takes_its_setup():
    setup = drive_setup()
    env = make_env(setup.task, **setup.arguments("train"))
    assert env.config.control_hz == DECISIONS_HZ
    assert list(env.rig.sensors)
    env.close()


def test_the_picture_was_taken_just_before_the_decision():
    env = make_env(
        "fleetloop/LaneFollow-v0", rig=car_rig(), obs_mode="camera", control_hz=DECISIONS_HZ
    )
    env.reset(seed=1)
    for _ in range(3):
        env.step([0.0, 0.2])
        (newest,) = env.rig.newest(env.t_ns)["front"]
        assert newest.t_capture_ns == env.t_ns - 50_000_000
    env.close()
