"""`fleetloop loop`: the whole campaign, from the first episode to the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from fleetloop.loop.terminal import console


def loop(
    out: Annotated[Path, typer.Option(help="Folder of the campaign; run again to go on.")] = (
        Path("runs/loop")
    ),
    minutes: Annotated[float, typer.Option(help="Of wall time; counts are scaled to it.")] = 10.0,
    robots: Annotated[str, typer.Option(help="Of car, humanoid, drive, wipe, carry, walk.")] = (
        "car,humanoid"
    ),
    map_file: Annotated[
        str, typer.Option("--map", help="A map file for `--robots drive`, see `fleetloop map`.")
    ] = "",
    engine: Annotated[str, typer.Option(help="inline, process or ray.")] = "process",
    workers: Annotated[int, typer.Option(help="Jobs at the same time.")] = 2,
    seed: Annotated[int, typer.Option(help="Everything random follows from it.")] = 0,
    rounds: Annotated[int, typer.Option(help="After the first training.")] = 3,
    smoke: Annotated[bool, typer.Option(help="As small as can be, to see that it runs.")] = False,
) -> None:
    """Collect, find failures, label, train, compare, promote; then write a report."""
    from fleetloop.loop.campaign.launch import (
        Wish,
        forecast,
        planned,
        remember,
        remembered,
        run_campaign,
    )
    from fleetloop.loop.fleet import make_fleet
    from fleetloop.loop.progress import progress_bar
    from fleetloop.loop.report.write import write_report

    wish = Wish(minutes=minutes, robots=tuple(filter(None, robots.split(","))), seed=seed,
                map_file=map_file, rounds=rounds, smoke=smoke)  # fmt: skip
    config = remembered(out, wish)
    fleet = make_fleet(engine, workers)
    try:
        if config is None:
            config, costs = planned(wish, fleet, lambda line: console.print(line))
            for name, told in forecast(config, costs, workers) if costs is not None else ():
                console.print(f"  {name:<16} {told}", soft_wrap=True, highlight=False)
            remember(out, wish, config)
        else:
            console.print(f"Going on with the campaign in {out}.")
        with progress_bar(console) as progress:
            run_campaign(config, out, fleet, _Watcher(progress))
    finally:
        fleet.close()
    report = write_report(out)
    console.print(f"The report is {report}; it opens in any browser.", soft_wrap=True)


class _Watcher:
    """Tells a bar how far it is."""

    def __init__(self, progress: Any) -> None:  # noqa: ANN401 - rich's Progress, imported late
        self._progress = progress
        self._bar = progress.add_task("starting", total=1000)

    def stage(self, stage: Any, state: str) -> None:  # noqa: ANN401 - Stage, imported late
        if state == "done":
            self._progress.console.print(f"{stage.name} is done", highlight=False)

    def part(self, done: float, of: float, running: Sequence[str]) -> None:
        part = round(1000 * done / of) if of else 1000
        self._progress.update(self._bar, completed=part, description=_shown(running))


def _shown(running: Sequence[str]) -> str:
    return ", ".join(running[:2]) + (f" and {len(running) - 2} more" if len(running) > 2 else "")
