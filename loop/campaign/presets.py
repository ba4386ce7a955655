"""What each body learns in a campaign, and the proportions of a campaign that fits a laptop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fleetloop.agents.training.setups import TaskSetup, drive_setup, humanoid_setup
from fleetloop.core.errors import UnknownNameError
from fleetloop.loop.campaign.config import CampaignConfig, LearnConfig, PromoteConfig, TaskRow
from fleetloop.loop.triggers import TRIGGERS

LANE = TaskRow(
    task="fleetloop/LaneFollow-v0",
    env={
        "rig": "front64",
        "obs_mode": "camera",
        "physics": "fast",
        "task_options": {
            "distance_m": 120.0,
            "max_duration_s": 25.0,
            "start_offset_m": 0.8,
            "start_heading_rad": 0.12,
            "weather": ["clear", "cloudy", "low_sun", "rain", "fog"],
        },
    },
    first_episodes=4,
    round_episodes=6,
    dev_cases=5,
    test_cases=20,
    round_frames=600,
)


def _row(setup: TaskSetup, **counts: int) -> TaskRow:
    splits = {split: {"task_options": options} for split, options in setup.splits.items()}
    return TaskRow(task=setup.task, env=setup.env, splits=splits, **counts)


DRIVE = _row(
    drive_setup(), first_episodes=8, round_episodes=8, dev_cases=8, test_cases=24, round_frames=700
)
WIPE = _row(
    humanoid_setup("fleetloop/HumanoidWipe-v0", {"max_duration_s": 15.0}),
    first_episodes=5, round_episodes=8, dev_cases=5, test_cases=12, round_frames=600,
)  # fmt: skip
CARRY = _row(
    humanoid_setup(
        "fleetloop/HumanoidCarry-v0",
        {"room": {"size_m": [4.5, 5.5], "furniture": 2}, "max_duration_s": 45.0},
    ),
    first_episodes=3, round_episodes=4, dev_cases=4, test_cases=12, round_frames=500,
)  # fmt: skip
WALK = _row(
    humanoid_setup("fleetloop/HumanoidWalk-v0", {"max_duration_s": 30.0}),
    first_episodes=4, round_episodes=4, dev_cases=4, test_cases=12, round_frames=300,
)  # fmt: skip

ROWS: Mapping[str, tuple[TaskRow, ...]] = {
    "car": (LANE,),
    "humanoid": (WIPE,),
    "lane": (LANE,),
    "drive": (DRIVE,),
    "wipe": (WIPE,),
    "carry": (CARRY,),
    "walk": (WALK,),
}
"""Tasks by what is asked for. `car` and `humanoid` are the quickest; `drive` has towns that are
held out. Another is a line here."""

TYPICAL_STEPS: Mapping[str, tuple[int, int]] = {
    LANE.task: (150, 140),
    DRIVE.task: (150, 150),
    WIPE.task: (45, 90),
    CARRY.task: (250, 300),
    WALK.task: (150, 200),
}
"""Length of an episode of the expert, and of a brain that learns, for the forecast."""

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
