"""What each body learns in a campaign, and the proportions of a campaign that fits a laptop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fleetloop.core.errors import UnknownNameError
from fleetloop.loop.campaign.config import CampaignConfig, LearnConfig, PromoteConfig, TaskRow
from fleetloop.loop.triggers import TRIGGERS

ROWS: Mapping[str, tuple[TaskRow, ...]] = {
    "car": (
        TaskRow(
            task="fleetloop/LaneFollow-v0",
            env={
                "rig": "front64",
                "obs_mode": "camera",
                "physics": "fast",
                "task_options": {"distance_m": 80.0, "max_duration_s": 20.0},
            },
            first_episodes=8,
            round_episodes=10,
            dev_cases=10,
            test_cases=20,
            round_frames=500,
        ),
    ),
    "drive": (
        TaskRow(
            task="fleetloop/Drive-v0",
            env={
                "rig": "front64",
                "obs_mode": "camera",
                "physics": "fast",
                "task_options": {
                    "route_m": [60.0, 120.0],
                    "max_duration_s": 40.0,
                    "traffic": {"vehicles": 10, "pedestrians": 6},
                },
            },
            splits={
                "train": {"task_options": {"map": {"town_seeds": [0, 6]}}},
                "dev": {"task_options": {"map": {"town_seeds": [100, 102]}}},
                "test": {"task_options": {"map": {"town_seeds": [200, 204]}}},
            },
            first_episodes=8,
            round_episodes=10,
            dev_cases=10,
            test_cases=20,
            round_frames=600,
        ),
    ),
    "wipe": (
        TaskRow(
            task="fleetloop/HumanoidWipe-v0",
            env={"rig": "head64", "obs_mode": "camera"},
            first_episodes=4,
            round_episodes=4,
            dev_cases=4,
            test_cases=8,
            round_frames=400,
        ),
    ),
    "humanoid": (
        TaskRow(
            task="fleetloop/HumanoidWalk-v0",
            env={"rig": "head64", "obs_mode": "camera", "task_options": {"max_duration_s": 20.0}},
            first_episodes=4,
            round_episodes=4,
            dev_cases=4,
            test_cases=8,
            round_frames=300,
        ),
    ),
}
"""Tasks by what is asked for. `car` and `humanoid` are the quickest; `drive` has towns that are
held out, and `wipe` presses a sponge on a plate that breaks. Another is a line here."""

TYPICAL_STEPS: Mapping[str, int] = {
    "fleetloop/LaneFollow-v0": 90,
    "fleetloop/Drive-v0": 200,
    "fleetloop/HumanoidWipe-v0": 200,
    "fleetloop/HumanoidWalk-v0": 150,
}
"""Length of an expert's episode, for the forecast."""

USED = (
    "expert_disagreement",
    "version_disagreement",
    "uncertainty",
    "before_failure",
    "hard_braking",
    "near_miss",
    "slip",
    "stall",
    "fall",
    "collision",
    "left_the_way",
    "dropped_object",
    "broken_dish",
    "range_camera",
    "surprise",
)
"""Triggers of a campaign; `jerk` is there for those who drive more smoothly than a beginner."""


def campaign_of(
    robots: Sequence[str], spec: Mapping[str, Any], *, seed: int, rounds: int = 3
) -> CampaignConfig:
    """A campaign for bodies, with counts to be scaled to the time that there is.

    Raises:
        UnknownNameError: A body that has no row here.
    """
    return CampaignConfig(
        tasks=rows_of(robots),
        spec=spec,
        seed=seed,
        rounds=rounds,
        triggers={name: TRIGGERS.get(name).threshold for name in USED},
        learn=LearnConfig(),
        promote=PromoteConfig(),
        test_rounds=tuple(range(rounds + 1)),
    )


def rows_of(robots: Sequence[str]) -> tuple[TaskRow, ...]:
    """The tasks of these names of `ROWS`.

    Raises:
        UnknownNameError: A name that has no row here.
    """
    rows: list[TaskRow] = []
    for robot in robots:
        if robot not in ROWS:
            raise UnknownNameError("robot of a campaign", robot, ROWS)
        rows += ROWS[robot]
    return tuple(rows)
