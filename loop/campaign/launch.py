"""From "so many minutes" to a finished campaign with its report, and on from where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fleetloop.core.config import config_hash, from_json, to_json
from fleetloop.core.errors import ConfigError, DamagedFileError, StorageError
from fleetloop.loop.campaign.config import CampaignConfig, TaskRow
from fleetloop.loop.campaign.graph import campaign_stages
from fleetloop.loop.campaign.presets import TYPICAL_STEPS, campaign_of, rows_of
from fleetloop.loop.campaign.probe import Costs, expected_s, fitted, input_spec_of, probe
from fleetloop.loop.campaign.run import Result, Watcher, run_stages
from fleetloop.loop.campaign.store import write_whole
from fleetloop.loop.fleet.base import Fleet

CAMPAIGN = "campaign.json"
ON_MAPS = ("fleetloop/Drive-v0",)
"""Tasks that take a map's file. A map has no other towns to hold out: routes and traffic are."""

FILLED = 0.85
"""Part of the time that is planned for: workers wait for each other, and the report takes some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a user asks for.

    Attributes:
        minutes: Of wall time.
        robots: Who learns what, names of `presets.ROWS`.
        seed: Of everything.
        map_file: A map that the car drives on instead of generated towns; empty for these.
        rounds: After the first training.
        smoke: Whether the smallest campaign that has all its parts will do.
    """

    minutes: float
    robots: tuple[str, ...]
    seed: int = 0
    map_file: str = ""
    rounds: int = 3
    smoke: bool = False

    def __post_init__(self) -> None:
        if not 0.5 <= self.minutes <= 100_000.0:
            raise ConfigError(f"minutes is {self.minutes}: use 0.5 or more.")
        if not self.robots:
            raise ConfigError("No robot is asked for: name one or more, such as car,humanoid.")


def planned(
    wish: Wish, fleet: Fleet, tell: Callable[[str], None]
) -> tuple[CampaignConfig, Costs | None]:
    """The config of a campaign that fits the time, by a probe of this machine."""
    rows = _mapped(rows_of(wish.robots), wish.map_file)
    tell("Measuring this machine; the first time it compiles kernels for about a minute.")
    config = campaign_of(wish.robots, {}, seed=wish.seed, rounds=wish.rounds)
    spec = input_spec_of(rows, config.learn.horizon)
    config = replace(config, tasks=rows, spec=spec)
    if wish.smoke:
        return smoke(config), None
    costs = probe(config, TYPICAL_STEPS, fleet)
    return fitted(config, costs, wish.minutes * 60.0 * fleet.workers * FILLED), costs


def smoke(config: CampaignConfig) -> CampaignConfig:
    """The smallest campaign that has all its parts; it teaches nothing."""
    rows = tuple(
        replace(
            row, first_episodes=2, round_episodes=2, dev_cases=1, test_cases=1, round_frames=24,
            max_steps=12, splits=_one_town(row.splits),
        )
        for row in config.tasks
    )  # fmt: skip
    return replace(
        config,
        tasks=rows,
        rounds=1,
        test_rounds=(0, 1),
        films=1,
        learn=replace(config.learn, first_steps=10, next_steps=10),
        promote=replace(config.promote, scenarios=1),
    )


def forecast(config: CampaignConfig, costs: Costs, workers: int) -> list[tuple[str, str]]:
    """What will be done and how long it should take, in words."""
    parts = expected_s(config, costs)
    total = sum(parts.values())
    lines = [
        (
            row.task.split("/")[-1],
            f"{row.first_episodes} expert episodes, then {row.round_episodes} a round; "
            f"{row.round_frames} frames labelled a round and arm; {row.dev_cases} dev and "
            f"{row.test_cases} test cases; {costs.tasks[row.task].step_s * 1e3:.0f} CPU-ms a step",
        )
        for row in config.tasks
    ]
    lines.append(
        (
            "brain",
            f"{config.learn.first_steps} batches at first, {config.learn.next_steps} a round and "
            f"arm; {costs.batch_s * 1e3:.0f} CPU-ms a batch",
        )
    )
    shares = ", ".join(f"{name} {seconds / total:.0%}" for name, seconds in parts.items())
    lines.append(
        ("expected", f"{total:.0f} CPU-s, {total / workers / 60:.1f} min on {workers} workers")
    )
    lines.append(("of it", shares))
    return lines


def remembered(out: Path, wish: Wish) -> CampaignConfig | None:
    """The config of the campaign in a folder, to go on with; None if there is none.

    Raises:
        StorageError: The folder holds a campaign of other wishes.
        DamagedFileError: The file cannot be read.
    """
    path = out / CAMPAIGN
    if not path.exists():
        return None
    try:
        data = json.loads(path.read_text())
        config = from_json(CampaignConfig, data["config"])
    except (OSError, ValueError, KeyError) as error:
        raise DamagedFileError(
            f"{path} is no campaign ({error}): choose another folder."
        ) from error
    if data["wish"] != config_hash(wish):
        raise StorageError(
            f"{out} holds a campaign that was begun with other options: choose another folder, or "
            "give the same options to go on."
        )
    return config


def remember(out: Path, wish: Wish, config: CampaignConfig) -> None:
    """Freezes the config of a campaign."""
    out.mkdir(parents=True, exist_ok=True)
    data = {"wish": config_hash(wish), "config": to_json(config)}
    write_whole(out / CAMPAIGN, json.dumps(data, indent=1, sort_keys=True) + "\n")


def run_campaign(
    config: CampaignConfig, out: Path, fleet: Fleet, watcher: Watcher
) -> dict[str, Result]:
    """Runs all stages; see `run_stages`."""
    return run_stages(campaign_stages(config), out, fleet, watcher)


def read_campaign(out: Path) -> CampaignConfig:
    """The config of the campaign in a folder.

    Raises:
        StorageError: There is none.
        DamagedFileError: It cannot be read.
    """
    path = out / CAMPAIGN
    if not path.exists():
        raise StorageError(f"There is no campaign in {out}: give the folder of `fleetloop loop`.")
    try:
        return from_json(CampaignConfig, json.loads(path.read_text())["config"])
    except (OSError, ValueError, KeyError) as error:
        raise DamagedFileError(f"{path} is no campaign: {error}") from error


def _mapped(rows: Sequence[TaskRow], map_file: str) -> tuple[TaskRow, ...]:
    """The rows, with those that drive through towns on a map instead.

    Raises:
        ConfigError: A map is asked for, and no task drives on maps.
    """
    if not map_file:
        return tuple(rows)
    fits = [row.task in ON_MAPS for row in rows]
    if not any(fits):
        raise ConfigError(
            f"The map {map_file} is for tasks that drive through towns: ask for --robots drive."
        )
    return tuple(
        replace(row, env=_with_map(row.env, map_file), splits={}) if on_map else row
        for row, on_map in zip(rows, fits, strict=True)
    )


def _one_town(splits: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Splits that have one town each: making towns is most of the smallest campaign."""
    found: dict[str, dict[str, Any]] = {}
    for split, arguments in splits.items():
        options = dict(arguments.get("task_options", {}))
        place = options.get("map", {})
        if "town_seeds" in place:
            first = int(place["town_seeds"][0])
            options["map"] = {**place, "town_seeds": [first, first + 1]}
        found[split] = {**arguments, "task_options": options}
    return found


def _with_map(env: Mapping[str, Any], map_file: str) -> dict[str, Any]:
    options = dict(env.get("task_options", {})) | {"map": {"source": map_file}}
    return dict(env) | {"task_options": options}
