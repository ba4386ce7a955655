"""The `fleetloop` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fleetloop.core.errors import FleetloopError, UnknownNameError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A fleet of simulated robots, what it senses, and the loop that teaches one brain.",
)
console = Console()

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as shells count."""

Seed = Annotated[int, typer.Option(help="Of the first episode; each further one has the next.")]
Threads = Annotated[int, typer.Option(help="Threads that trace rays; results do not depend on it.")]
_CORES = min(4, len(os.sched_getaffinity(0)))


@app.command()
def record(
    out: Annotated[Path, typer.Option(help="Folder of the logs, made if it is not there.")],
    task: Annotated[str, typer.Option(help="See `fleetloop list tasks`.")] = (
        "fleetloop/LaneFollow-v0"
    ),
    episodes: Annotated[int, typer.Option(help="How many.")] = 4,
    seed: Seed = 0,
    policy: Annotated[str, typer.Option(help="expert or random.")] = "expert",
    rig: Annotated[str, typer.Option(help="Sensors, see `fleetloop list rigs`.")] = "",
    obs_mode: Annotated[str, typer.Option(help="state, camera, range or all.")] = "all",
    max_steps: Annotated[int | None, typer.Option(help="Cuts each episode.")] = None,
    lossless: Annotated[bool, typer.Option(help="Keep camera pictures exact.")] = False,
    threads: Threads = _CORES,
) -> None:
    """Record episodes, one MCAP log each. Run it again to go on where it was stopped."""
    from fleetloop.core.types import Step
    from fleetloop.loop.progress import progress_bar
    from fleetloop.loop.record import Recorded, RecordPlan
    from fleetloop.loop.record import record as run

    plan = RecordPlan(
        out=out,
        task=task,
        episodes=episodes,
        seed=seed,
        policy=policy,
        max_steps=max_steps,
        lossless=lossless,
        env_options={"rig": rig or None, "obs_mode": obs_mode, "threads": threads},
    )
    console.print(
        f"Recording {episodes} episodes of {task} into {out}. The first run on a machine compiles "
        "kernels for some seconds."
    )
    with progress_bar(console) as progress:
        bar = progress.add_task("episodes", total=episodes)

        def on_step(number: int, step: Step) -> None:
            # An episode's length is not known before its end: steps are told, not counted on.
            progress.update(bar, description=f"episode {number + 1}, {step.t_ns * 1e-9:.1f} s")

        def on_episode(number: int, recorded: Recorded) -> None:
            progress.update(bar, advance=1)
            progress.console.print(_told(recorded), soft_wrap=True)

        done = run(plan, on_step, on_episode)
    wins = sum(recorded.outcome.success for recorded in done)
    console.print(f"{len(done)} episodes are in {out}; {wins} did their task.")


@app.command()
def replay(
    place: Annotated[Path, typer.Argument(help="A log, or a folder of logs.")],
    threads: Threads = _CORES,
) -> None:
    """Make recorded episodes again from seed and actions, and compare every byte."""
    from fleetloop.loop.progress import progress_bar
    from fleetloop.loop.replay import logs_in
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
            for line in result.other_versions if result.difference else ():
                progress.console.print(f"  recorded with another version: {line}")
            progress.update(bar, advance=1)
    if differing:
        raise typer.Exit(1)


@app.command()
def repair(
    source: Annotated[Path, typer.Argument(help="A .part file, or a damaged log.")],
    target: Annotated[Path, typer.Argument(help="The log to write.")],
) -> None:
    """Save what can be read of a log that was cut or damaged."""
    from fleetloop.datasets.log.repair import repair as run

    result = run(source, target)
    console.print(
        f"{target}: {result.steps} steps in {result.messages} messages are saved; "
        f"{result.lost_messages} messages of a step that is not whole are not."
    )
    console.print(f"The reading ended with: {result.damage or 'the end of the file, no damage'}.")


@app.command()
def doctor(
    speed: Annotated[bool, typer.Option(help="Also measure the speed of this machine.")] = True,
) -> None:
    """Tell what is installed, what is missing, and how fast this machine is."""
    from fleetloop.loop import doctor as checks

    sections: list[tuple[str, list[checks.Finding]]] = [
        ("Installed", checks.installed()),
        ("Optional", checks.extras()),
        ("Machine", checks.machine()),
    ]
    if speed:
        console.print("Measuring; on a new machine kernels are compiled first.")
        sections.append(("Speed, CPU time", checks.speed()))
    for title, findings in sections:
        table = Table("what", "found", "remedy", title=title, title_justify="left")
        for finding in findings:
            table.add_row(finding.what, finding.value, escape(finding.remedy))
        console.print(table)


@app.command("list")
def list_names(
    what: Annotated[
        str, typer.Argument(help="tasks, robots, rigs or sensors; all if left out.")
    ] = "",
) -> None:
    """Tell what can be chosen by name."""
    from fleetloop.loop.listing import LISTS

    if what and what not in LISTS:
        raise UnknownNameError("list", what, LISTS)
    for title in [what] if what else list(LISTS):
        _print_rows(title, LISTS[title]())


def main() -> None:
    """Runs the command; the library's own errors are told in one line, without a trace."""
    try:
        code = app(standalone_mode=False)
    except FleetloopError as error:
        line = f"[red]{type(error).__name__}[/red]: {escape(str(error))}"
        Console(stderr=True).print(line, highlight=False, soft_wrap=True)
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except typer.Exit as stop:
        code = stop.exit_code
    except Exception as error:
        # Click's own errors, such as an unknown option, print themselves.
        show: Any = getattr(error, "show", None)
        if show is None:
            raise
        show()
        code = getattr(error, "exit_code", 2)
    if code == INTERRUPTED:
        Console(stderr=True).print("Stopped. What is whole is kept; run it again to go on.")
    sys.exit(code if isinstance(code, int) else 0)


def _told(recorded: Any) -> str:  # noqa: ANN401 - Recorded, whose module is slow to import
    outcome = recorded.outcome
    end = "[green]done[/green]" if outcome.success else f"[yellow]{outcome.cause}[/yellow]"
    there = " (was there)" if recorded.was_there else ""
    return (
        f"{recorded.path.name}: {outcome.steps} steps, {outcome.duration_s:.1f} s, {end}, "
        f"digest {outcome.digest[:16]}{there}"
    )


def _print_rows(title: str, rows: Iterable[tuple[str, str]]) -> None:
    table = Table("name", "what it is", title=title, title_justify="left")
    for name, text in rows:
        table.add_row(name, text)
    console.print(table)


if __name__ == "__main__":
    main()
