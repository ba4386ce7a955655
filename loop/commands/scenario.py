"""`fleetloop scenario`: frozen situations as tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from fleetloop.core.errors import ConfigError
from fleetloop.loop.terminal import CORES, Threads, console


def scenario(
    files: Annotated[list[Path], typer.Argument(help="Scenario files, or folders of them.")],
    threads: Threads = CORES,
) -> None:
    """Run scenarios with the expert of their task; fails if one of them does not succeed."""
    from fleetloop.core.scenario import read_scenario
    from fleetloop.loop.progress import progress_bar
    from fleetloop.loop.scenario import ScenarioResult, run_scenario

    paths = [path for file in files for path in _found(file)]
    if not paths:
        raise ConfigError("There is no scenario in these folders: they end in .json.")
    results: list[ScenarioResult] = []
    with progress_bar(console) as progress:
        bar = progress.add_task("scenarios", total=len(paths))
        for path in paths:
            progress.update(bar, description=path.name)
            results.append(run_scenario(read_scenario(path), threads=threads))
            progress.update(bar, advance=1)
    table = Table("scenario", "task", "seed", "policy", "how it went", "steps", "frozen because")
    for result in results:
        frozen, outcome = result.scenario, result.outcome
        color = "green" if outcome.success else "red"
        told = f"[{color}]{escape(outcome.cause)}[/{color}]"
        table.add_row(escape(frozen.name), frozen.task, str(frozen.seed), result.policy, told,
                      str(outcome.steps), escape(frozen.why))  # fmt: skip
    console.print(table)
    won = sum(result.outcome.success for result in results)
    console.print(f"{won} of {len(results)} succeeded.")
    if won < len(results):
        raise typer.Exit(1)


def _found(file: Path) -> list[Path]:
    return sorted(file.rglob("*.json")) if file.is_dir() else [file]
