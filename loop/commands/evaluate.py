"""`fleetloop eval`: how well a brain does, with intervals, beside another on the same cases."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from fleetloop.loop.terminal import Seed, console

OTHERS = ("expert", "random")


def evaluate(
    brain: Annotated[str, typer.Argument(help="Folder of a brain; or expert, or random.")],
    task: Annotated[str, typer.Option(help="See `fleetloop list tasks`; all that it knows.")] = "",
    episodes: Annotated[int, typer.Option(help="How many a task.")] = 20,
    seed: Seed = 1_000_000,
    rig: Annotated[str, typer.Option(help="Sensors; the task's own if empty.")] = "",
    obs_mode: Annotated[str, typer.Option(help="state, camera, range or all.")] = "all",
    physics: Annotated[str, typer.Option(help="As `record`; the task's usual if empty.")] = "",
    option: Annotated[list[str] | None, typer.Option(help="Of the task, as name=value.")] = None,
    replan: Annotated[int, typer.Option(help="Actions taken of each chunk.")] = 1,
    against: Annotated[str, typer.Option(help="Another brain, or expert, or random.")] = "",
    blank: Annotated[str, typer.Option(help="cameras or goal: what is hidden, as a test.")] = "",
    out: Annotated[Path | None, typer.Option(help="JSON file of all results.")] = None,
) -> None:
    """Measure a brain on fixed cases, and another on the very same ones."""
    from fleetloop.agents.evaluate import Case, CaseResult, compare, summarise
    from fleetloop.agents.evaluate import evaluate as run
    from fleetloop.core.config import to_json
    from fleetloop.loop.progress import progress_bar
    from fleetloop.loop.settings import parse_settings

    tasks = [task] if task else _tasks_of(brain)
    env: dict[str, Any] = {"rig": rig or None, "obs_mode": obs_mode}
    env |= {"physics": physics} if physics else {}
    env |= {"task_options": parse_settings(option)} if option else {}
    cases = [Case(task=name, seed=seed + n, env=env) for name in tasks for n in range(episodes)]
    runs: dict[str, list[CaseResult]] = {}
    with progress_bar(console) as progress:
        for name in filter(None, (brain, against)):
            bar = progress.add_task(name, total=len(cases))
            policies = _policies(name, replan, blank if name == brain else "")
            runs[name] = run(policies, cases, partial(_advance, progress, bar))
    for name, results in runs.items():
        _print(name, summarise(results))
    paired = compare(runs[against], runs[brain]) if against and against != brain else {}
    for name, test in paired.items():
        console.print(
            f"{name}: {100 * test.difference:+.0f} points against {against}, "
            f"{test.gained} cases gained, {test.lost} lost, p = {test.p:.3g} (McNemar)"
        )
    if out is not None:
        told = {"runs": to_json(runs), "paired": {n: to_json(t) for n, t in paired.items()}}
        out.write_text(json.dumps(told, indent=1))


def _advance(progress: Any, bar: Any, result: Any) -> None:  # noqa: ANN401 - of rich
    progress.advance(bar)


def _tasks_of(name: str) -> list[str]:
    from fleetloop.agents.brain.checkpoint import read_card
    from fleetloop.core.errors import ConfigError

    if name in OTHERS:
        raise ConfigError(f"{name} knows many tasks: say which with --task.")
    return [entry.task for entry in read_card(Path(name)).spec.tasks]


def _policies(name: str, replan: int, blank: str) -> Any:  # noqa: ANN401 - a function of two
    from fleetloop.agents.brain.policy import BrainPolicy
    from fleetloop.agents.brain.torch_need import need_torch
    from fleetloop.agents.hidden import Hidden
    from fleetloop.loop.record import make_policy

    def policy_of(task: str, env: Any) -> Any:  # noqa: ANN401
        if name in OTHERS:
            return make_policy(name, task, env)
        policy = BrainPolicy.load(Path(name), task, replan=replan)
        return Hidden(policy, blank) if blank else policy

    if name not in OTHERS:
        need_torch()
    return policy_of


def _print(name: str, summaries: Any) -> None:  # noqa: ANN401 - a list of Summary
    from rich.table import Table

    table = Table(title=name)
    for column in ("task", "cases", "success", "95 %", "progress", "failures by cause"):
        table.add_column(column)
    for row in summaries:
        table.add_row(
            row.task,
            str(row.cases),
            f"{100 * row.success.value:.0f} %",
            f"{100 * row.success.low:.0f} to {100 * row.success.high:.0f}",
            f"{100 * row.progress.value:.0f} %",
            ", ".join(f"{cause} {count}" for cause, count in row.causes.items()) or "none",
        )
    console.print(table)
