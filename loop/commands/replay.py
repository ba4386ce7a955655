"""`fleetloop replay`: recorded episodes again, byte by byte."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleetloop.loop.terminal import CORES, Threads, console


def replay(
    place: Annotated[Path, typer.Argument(help="A log, or a folder of logs.")],
    threads: Threads = CORES,
) -> None:
    """Make recorded episodes again from seed and actions, and compare every byte."""
    from fleetloop.datasets.recording import logs_in
    from fleetloop.loop.progress import progress_bar
    from fleetloop.loop.replay import replay as run

    logs = logs_in(place)
    differing = 0
    with progress_bar(console) as progress:
        bar = progress.add_task("replaying", total=len(logs))
        for log in logs:
            result = run(log, threads=threads, on_step=lambda step: None)
            differing += bool(result.difference)
            verdict = (
                f"[red]differs[/red]: {result.difference}"
                if result.difference
                else f"[green]same bytes[/green], digest {result.digest[:16]}"
            )
            line = f"{log.name}: {result.steps} steps, {verdict}"
            progress.console.print(line, soft_wrap=True)
            if result.other_code:
                note = f"  [yellow]note[/yellow]: {result.other_code}"
                progress.console.print(note, soft_wrap=True)
            for line in result.other_versions if result.difference else ():
                progress.console.print(f"  recorded with another version: {line}")
            progress.update(bar, advance=1)
    if differing:
        raise typer.Exit(1)
