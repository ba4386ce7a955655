"""Reads the results of a campaign into plain values for the page; nothing is computed twice."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleetloop.core.errors import StorageError
from fleetloop.loop.campaign.config import CampaignConfig
from fleetloop.loop.campaign.drivers import BRAIN
from fleetloop.loop.campaign.graph import test_stages
from fleetloop.loop.campaign.judge import DECISION, read_results
from fleetloop.loop.campaign.launch import read_campaign
from fleetloop.loop.campaign.mine import read_clips
from fleetloop.loop.campaign.run import COSTS, INDEX
from fleetloop.loop.lineage import Ancestry, ancestry, lint

WATTS_PER_CORE = 12.0
"""What a busy core of a laptop takes, memory and losses included: an assumption, not a measurement.
Energy is processor time times this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How an arm did at a task after a round.

    Attributes:
        arm, number, task: What.
        success: Rate with Wilson's interval.
        progress: Mean part of the task, with the bootstrap's interval.
        cases: How many.
        causes: Of failures.
        stage: Name of the stage.
    """

    arm: str
    number: int
    task: str
    success: tuple[float, float, float]
    progress: tuple[float, float, float]
    cases: int
    causes: Mapping[str, int]
    stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A failure in pictures."""

    task: str
    cause: str
    times_s: Sequence[float]
    pictures: Sequence[str]
    scenario: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All that a report tells.

    Attributes:
        out: The campaign's folder.
        config: What was asked for.
        scores: By task, arm and round.
        paired: By task, comparisons of test results: name, difference, p, gained, lost.
        decisions: Of each round of the loop.
        clips: Frames by trigger, by round.
        lessons: By round and task, scores.
        shadows: By round and task.
        ablations: By task: whole, blind, shuffled.
        auto_labels: Sums over all labelled episodes.
        films: Failures.
        curves: Loss of the actions over the steps, by training.
        costs: Processor and wall seconds by kind of stage.
        ancestry: Of the last brain.
        leaks: Held-out worlds that were taught; none if all is well.
        brain: The last brain's folder.
    """

    out: Path
    config: CampaignConfig
    scores: Sequence[Score]
    paired: Mapping[str, Sequence[tuple[str, float, float, int, int]]]
    decisions: Mapping[int, Mapping[str, Any]]
    clips: Mapping[int, Mapping[str, int]]
    lessons: Mapping[int, Mapping[str, Mapping[str, float]]]
    shadows: Mapping[int, Mapping[str, Any]]
    ablations: Mapping[str, Mapping[str, tuple[float, float, float]]]
    auto_labels: Mapping[str, float]
    films: Sequence[Film]
    curves: Mapping[str, Sequence[tuple[float, float]]]
    costs: Mapping[str, tuple[float, float, int]]
    ancestry: Ancestry
    leaks: Sequence[str]
    brain: Path = field(default_factory=Path)


def gather(out: Path) -> Story:
    """Reads a finished campaign.

    Raises:
        StorageError: It is not finished, or not there.
    """
    config = read_campaign(out)
    names = _index(out)
    last = f"r{config.rounds}.loop.promote"
    if last not in names:
        raise StorageError(f"The campaign in {out} is not finished: run `fleetloop loop` again.")
    loop_rounds = range(1, config.rounds + 1)
    return Story(
        out=out,
        config=config,
        scores=_scores(config, names),
        paired=_paired(config, names),
        decisions={n: _json(names[f"r{n}.loop.promote"] / BRAIN / DECISION) for n in loop_rounds},
        clips={n: _clips(names[f"r{n}.loop.mine"]) for n in loop_rounds},
        lessons={
            n: _json(names[f"r{n}.loop.shadow"] / "shadow" / "lessons.json") for n in loop_rounds
        },
        shadows={
            n: _json(names[f"r{n}.loop.shadow"] / "shadow" / "shadow.json") for n in loop_rounds
        },
        ablations=_ablations(config, names),
        auto_labels=_auto_labels(names),
        films=_films(names["films"]),
        curves=_curves(names),
        costs=_costs(out),
        ancestry=ancestry(names[last]),
        leaks=lint(out),
        brain=names[last] / BRAIN / BRAIN,
    )


def _index(out: Path) -> dict[str, Path]:
    data: dict[str, str] = _json(out / INDEX)
    return {name: out / "stages" / folder for name, folder in data.items()}


def _json(path: Path) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise StorageError(f"Cannot read {path}: {error.strerror or error}.") from error


def _results(stage: Path) -> list[Any]:
    from fleetloop.agents.evaluate import CaseResult
    from fleetloop.core.config import from_json

    return [
        from_json(CaseResult, entry["result"])
        for entry in read_results(stage)
        if not entry["scenario"]
    ]


def _scores(config: CampaignConfig, names: Mapping[str, Path]) -> list[Score]:
    from fleetloop.agents.evaluate import summarise

    scores = []
    for (arm, number), stage in sorted(test_stages(config).items(), key=lambda item: item[1]):
        for summary in summarise(_results(names[stage]), seed=config.seed):
            success, progress = summary.success, summary.progress
            scores.append(
                Score(
                    arm=arm, number=number, task=summary.task,
                    success=(success.value, success.low, success.high),
                    progress=(progress.value, progress.low, progress.high),
                    cases=summary.cases, causes=summary.causes, stage=stage,
                )
            )  # fmt: skip
    return scores


def _paired(
    config: CampaignConfig, names: Mapping[str, Path]
) -> dict[str, list[tuple[str, float, float, int, int]]]:
    """Comparisons of the last brain of the loop with each other one on the same test cases."""
    from fleetloop.agents.evaluate import compare

    stages = test_stages(config)
    last = _results(names[stages["loop", config.rounds]])
    found: dict[str, list[tuple[str, float, float, int, int]]] = {}
    others = [("first brain", stages["loop", 0])]
    others += [(arm, stages[arm, config.rounds]) for arm in config.arms if arm != "loop"]
    for name, stage in others:
        for task, test in compare(_results(names[stage]), last).items():
            found.setdefault(task, []).append(
                (name, test.difference, test.p, test.gained, test.lost)
            )
    return found


def _clips(stage: Path) -> dict[str, int]:
    frames: Counter[str] = Counter()
    for clip in read_clips(stage):
        frames[clip.trigger] += clip.frames
    return dict(frames.most_common())


def _ablations(
    config: CampaignConfig, names: Mapping[str, Path]
) -> dict[str, dict[str, tuple[float, float, float]]]:
    """Success on the dev cases of the last brain: whole, blind and shuffled."""
    from fleetloop.agents.evaluate import summarise

    last = names[f"r{config.rounds}.loop.promote"]
    whole = [entry for entry in _json(last / BRAIN / "dev.json") if not entry["scenario"]]
    from fleetloop.agents.evaluate import CaseResult
    from fleetloop.core.config import from_json

    results = {"whole": [from_json(CaseResult, entry["result"]) for entry in whole]}
    for how in ("blind", "shuffled"):
        results[how] = _results(names[f"ablation.{how}"])
    found: dict[str, dict[str, tuple[float, float, float]]] = {}
    for how, entries in results.items():
        for summary in summarise(entries, seed=config.seed):
            interval = summary.success
            found.setdefault(summary.task, {})[how] = (
                interval.value, interval.low, interval.high,
            )  # fmt: skip
    return found


def _auto_labels(names: Mapping[str, Path]) -> dict[str, float]:
    """Errors of labels by odometry over all labelled episodes, weighted by their rows."""
    total: Counter[str] = Counter()
    rows = 0
    folders = sorted({path for name, path in names.items() if name.endswith("label")})
    for folder in folders:
        for path in sorted(folder.glob("*/auto_labels.json")):
            told = _json(path)
            count = int(told["rows"])
            rows += count
            if not count:
                continue
            for name in ("forward_m", "turn_rad", "as_now_forward_m", "as_now_turn_rad"):
                total[name] += told[name] ** 2 * count
            for name, value in told["stops"].items():
                total[f"stops_{name}"] += value
    if not rows:
        return {}
    result = {
        name: (value / rows) ** 0.5 if not name.startswith("stops_") else float(value)
        for name, value in total.items()
    }
    return {"rows": float(rows), **result}


def _films(stage: Path) -> list[Film]:
    films = []
    for folder in sorted(path.parent for path in stage.glob("*/film.json")):
        told = _json(folder / "film.json")
        pictures = [
            base64.b64encode((folder / f"{number}.jpg").read_bytes()).decode()
            for number in range(len(told["times_s"]))
        ]
        films.append(
            Film(
                task=told["task"],
                cause=told["cause"],
                times_s=told["times_s"],
                pictures=pictures,
                scenario=str(folder / "scenario.json"),
            )
        )
    return films


def _curves(names: Mapping[str, Path]) -> dict[str, list[tuple[float, float]]]:
    curves = {}
    for name, folder in names.items():
        if name.endswith(".train") and (name.startswith("r0") or ".loop." in name):
            told = _json(folder / BRAIN / "training.json")
            curves[name] = [(entry["step"], entry["action"]) for entry in told["curve"]
                            if "action" in entry]  # fmt: skip
    return curves


def _costs(out: Path) -> dict[str, tuple[float, float, int]]:
    """Processor seconds, wall seconds and jobs by kind of stage."""
    sums: dict[str, list[float]] = {}
    path = out / COSTS
    for line in path.read_text().splitlines() if path.exists() else ():
        entry = json.loads(line)
        if "cpu_s" in entry:
            kind = sums.setdefault(entry["kind"], [0.0, 0.0, 0.0])
            kind[0] += entry["cpu_s"]
            kind[1] += entry["wall_s"]
            kind[2] += 1
    return {kind: (cpu, wall, int(jobs)) for kind, (cpu, wall, jobs) in sorted(sums.items())}
