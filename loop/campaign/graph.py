"""The stages that follow from a config, as a list; nothing runs here.

first.collect -> first.trigger -> first.mine -> first.label -> r0.train -> r0.dev, r0.test
for each arm and round: collect -> trigger -> mine -> label -> train -> shadow
                        -> dev -> promote -> test
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleetloop.core.config import to_json
from fleetloop.loop.campaign.config import CampaignConfig, TaskRow
from fleetloop.loop.campaign.stage import Stage


def campaign_stages(config: CampaignConfig) -> list[Stage]:
    """All stages of a campaign."""
    stages = _first(config)
    for arm in config.arms:
        champion = "r0.train"
        for number in range(1, config.rounds + 1):
            stages += _round(config, arm, number, champion)
            champion = f"r{number}.{arm}.promote"
    stages += _ablations(config)
    stages.append(
        Stage(
            name="films",
            kind="film",
            options={"count": config.films},
            inputs={"results": _last_test(config, "loop"), "brain": champion_of(config, "loop")},
        )
    )
    return stages


def champion_of(config: CampaignConfig, arm: str) -> str:
    """The stage that holds an arm's last brain."""
    return f"r{config.rounds}.{arm}.promote"


def test_stages(config: CampaignConfig) -> dict[tuple[str, int], str]:
    """Stages of test results by arm and round; round 0 is shared by all arms."""
    found = {("loop", 0): "r0.test"}
    for arm in config.arms:
        for number in range(1, config.rounds + 1):
            if number == config.rounds or (arm == "loop" and number in config.test_rounds):
                found[arm, number] = f"r{number}.{arm}.test"
    return found


def _first(config: CampaignConfig) -> list[Stage]:
    """What all arms share: the expert's episodes, and the brain that learnt from them."""
    collect = _collect_options(config, "first", "expert")
    return [
        Stage(name="first.collect", kind="collect", options=collect),
        Stage(
            name="first.trigger",
            kind="trigger",
            options=_trigger_options(config, {}),
            inputs={"logs": "first.collect"},
        ),
        Stage(
            name="first.mine",
            kind="mine",
            options={"how": "all", "frames": {}, "clips": to_json(config.clips), "seed": 0},
            inputs={"logs": "first.collect", "rows": "first.trigger"},
        ),
        Stage(
            name="first.label",
            kind="label",
            options={"spec": config.spec},
            inputs={"clips": "first.mine", "rows": "first.trigger"},
        ),
        Stage(
            name="r0.train",
            kind="train",
            options=_train_options(config, "first", first=True),
            inputs={"shards0": "first.label"},
        ),
        Stage(
            name="r0.dev",
            kind="evaluate",
            options=_cases(config, "dev"),
            inputs={"brain": "r0.train"},
        ),
        Stage(
            name="r0.test",
            kind="evaluate",
            options=_cases(config, "test"),
            inputs={"brain": "r0.train"},
        ),
    ]


def _round(config: CampaignConfig, arm: str, number: int, champion: str) -> list[Stage]:
    name = f"r{number}.{arm}"
    driver = {} if arm == "expert" else {"brain": champion}
    # The expert's further episodes are of worlds that it has not seen, too.
    pool = f"round {number}" if arm != "expert" else f"expert {number}"
    shadows = dict(driver)
    if number > 1 and driver:
        shadows["previous"] = _brain_before(arm, number)
    triggers = dict(config.triggers) if arm == "loop" else {}
    labels = {"shards0": "first.label"} | {
        f"shards{past}": f"r{past}.{arm}.label" for past in range(1, number + 1)
    }
    stages = [
        Stage(
            name=f"{name}.collect",
            kind="collect",
            options=_collect_options(config, pool, "expert" if arm == "expert" else "brain"),
            inputs=driver,
        ),
        Stage(
            name=f"{name}.trigger",
            kind="trigger",
            options=_trigger_options(config, triggers),
            inputs={"logs": f"{name}.collect", **shadows},
        ),
        Stage(
            name=f"{name}.mine",
            kind="mine",
            options={
                "how": "triggers" if arm == "loop" else "random",
                "frames": {row.task: row.round_frames for row in config.tasks},
                "clips": to_json(config.clips),
                "seed": config.episode_seed("mine", name),
                "scenarios": config.promote.scenarios if arm == "loop" else 0,
                "envs": {row.task: row.options("train") for row in config.tasks},
                "max_steps": {row.task: row.max_steps for row in config.tasks},
            },
            inputs={"logs": f"{name}.collect", "rows": f"{name}.trigger"},
        ),
        Stage(
            name=f"{name}.label",
            kind="label",
            options={"spec": config.spec},
            inputs={"clips": f"{name}.mine", "rows": f"{name}.trigger"},
        ),
        Stage(
            name=f"{name}.train",
            kind="train",
            options=_train_options(config, name, first=False),
            inputs={**labels, "brain": champion},
        ),
    ]
    return stages + _judged(config, arm, number, champion)


def _judged(config: CampaignConfig, arm: str, number: int, champion: str) -> list[Stage]:
    """Shadow, dev, promotion and test of a round's candidate."""
    name = f"r{number}.{arm}"
    stages: list[Stage] = []
    gate: dict[str, str] = {"candidate": f"{name}.train", "champion": champion}
    if arm == "loop":
        scenarios = {f"scenarios{past}": f"r{past}.loop.mine" for past in range(1, number + 1)}
        stages += [
            Stage(
                name=f"{name}.shadow",
                kind="shadow",
                options={"spec": config.spec},
                inputs={"candidate": f"{name}.train", "champion": champion,
                        "rows": f"{name}.trigger"},
            ),
            Stage(
                name=f"{name}.dev",
                kind="evaluate",
                options=_cases(config, "dev"),
                inputs={"brain": f"{name}.train", **scenarios},
            ),
        ]  # fmt: skip
        gate["dev"] = f"{name}.dev"
        gate["champion_dev"] = "r0.dev" if number == 1 else champion
    stages.append(
        Stage(
            name=f"{name}.promote",
            kind="promote",
            options=to_json(config.promote) | {"gated": arm == "loop"},
            inputs=gate,
        )
    )
    if (arm, number) in test_stages(config):
        stages.append(
            Stage(
                name=f"{name}.test",
                kind="evaluate",
                options=_cases(config, "test"),
                inputs={"brain": f"{name}.promote"},
            )
        )
    return stages


def _ablations(config: CampaignConfig) -> list[Stage]:
    """The last brain with its cameras covered, and with another request: success must fall."""
    brain = {"brain": champion_of(config, "loop")}
    return [
        Stage(
            name=f"ablation.{how}",
            kind="evaluate",
            options=_cases(config, "dev") | {"ablation": how},
            inputs=brain,
        )
        for how in ("blind", "shuffled")
    ]


def _last_test(config: CampaignConfig, arm: str) -> str:
    return test_stages(config)[arm, config.rounds]


def _brain_before(arm: str, number: int) -> str:
    """The brain before the one that drives in a round."""
    return "r0.train" if number == 2 else f"r{number - 2}.{arm}.promote"


def _collect_options(config: CampaignConfig, pool: str, policy: str) -> dict[str, Any]:
    def count(row: TaskRow) -> int:
        return row.first_episodes if pool == "first" else row.round_episodes

    episodes = [
        {
            "task": row.task,
            "env": row.options("train"),
            "seed": config.episode_seed("train", row.task, pool, number),
            "max_steps": row.max_steps,
        }
        for row in config.tasks
        for number in range(count(row))
    ]
    return {"policy": policy, "episodes": episodes}


def _trigger_options(config: CampaignConfig, triggers: Mapping[str, float]) -> dict[str, Any]:
    return {
        "spec": config.spec,
        "triggers": dict(triggers),
        "cooldown_s": config.clips.cooldown_s,
    }


def _train_options(config: CampaignConfig, name: str, *, first: bool) -> dict[str, Any]:
    return {
        "spec": config.spec,
        "learn": to_json(config.learn),
        "first": first,
        "seed": config.episode_seed("weights", name),
    }


def _cases(config: CampaignConfig, split: str) -> dict[str, Any]:
    counts: Mapping[str, int] = {
        row.task: row.dev_cases if split == "dev" else row.test_cases for row in config.tasks
    }
    return {
        "split": split,
        "cases": [
            {
                "task": row.task,
                "env": row.options(split),
                "seed": config.episode_seed(split, row.task, number),
                "max_steps": row.max_steps,
                "cluster": "",
            }
            for row in config.tasks
            for number in range(counts[row.task])
        ],
    }
