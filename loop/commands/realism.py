"""`fleetloop realism`: the sensors' statistics beside those of real drives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from fleetloop.core.types import Episode, Step
from fleetloop.loop.terminal import CORES, Seed, Threads, console


def _whole(log: Path) -> Episode:
    from fleetloop.datasets.log.reader import EpisodeLog

    return EpisodeLog(log).episode()


def realism(
    task: Annotated[str, typer.Argument(help="A task of the car, see `fleetloop list tasks`.")] = (
        "fleetloop/LaneFollow-v0"
    ),
    recorded: Annotated[
        Path | None, typer.Option(help="A log, or a folder of logs, instead of new drives.")
    ] = None,
    episodes: Annotated[int, typer.Option(help="How many drives.")] = 5,
    seed: Seed = 0,
    max_steps: Annotated[int | None, typer.Option(help="Cuts each drive.")] = None,
    threads: Threads = CORES,
) -> None:
    """Compare LiDAR, inertial, wheel, radar and GNSS statistics with those of real drives."""
    from fleetloop.datasets.realism import FACTOR, compare
    from fleetloop.datasets.recording import logs_in
    from fleetloop.loop.progress import progress_bar

    with progress_bar(console) as progress:
        bar = progress.add_task("drives", total=episodes)

        def on_step(number: int, step: Step) -> None:
            text = f"drive {number + 1} of {episodes}, {step.t_ns * 1e-9:.0f} s"
            progress.update(bar, description=text, completed=number)

        if recorded is not None:
            logs = logs_in(recorded)
            rows = compare(progress.track(map(_whole, logs), task_id=bar, total=len(logs)))
        else:
            from fleetloop.loop.realism import drives

            rows = compare(
                drives(task, episodes, seed, threads=threads, max_steps=max_steps, on_step=on_step)
            )
        progress.update(bar, completed=progress.tasks[bar].total)
    table = Table("figure", "real", "ours", "unit", "agrees")
    for row in rows:
        real = row.real
        low, high = f"{real.low:.4g}", f"{real.high:.4g}"
        table.add_row(
            f"{real.sensor}: {real.what}",
            low if low == high else f"{low} to {high}",
            f"{row.ours:.4g}",
            real.unit,
            "yes" if row.agrees else "[red]no[/red]",
        )
    console.print(table)
    agreeing = sum(row.agrees for row in rows)
    console.print(
        f"{agreeing} of {len(rows)} figures lie within a factor of {FACTOR:g} of the real drives "
        "(angles, correlations and small shares: within a distance)."
    )
