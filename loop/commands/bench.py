"""`fleetloop bench`: sensors beside their rivals, environments, and the health of the kernels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from fleetloop.core.errors import UnknownNameError
from fleetloop.loop.progress import progress_bar
from fleetloop.loop.terminal import console

WHAT = ("sensors", "env", "guard", "all")


def bench(
    what: Annotated[str, typer.Argument(help="sensors, env, guard or all.")] = "all",
    out: Annotated[Path, typer.Option(help="Folder of the JSON file and the plot.")] = Path(
        "runs/bench"
    ),
    repeats: Annotated[int, typer.Option(help="Of each measurement; the smallest counts.")] = 15,
    threads: Annotated[int, typer.Option(help="Also measure ours with so many threads.")] = 1,
    rivals: Annotated[bool, typer.Option(help="Also measure what else is installed.")] = True,
    task: Annotated[
        list[str] | None, typer.Option(help="Of env: only this one; may be repeated.")
    ] = None,
    rig: Annotated[
        str | None, typer.Option(help="Of env: this preset of the robot, such as vision8_lidar.")
    ] = None,
    mode: Annotated[str | None, typer.Option(help="Of env: only this observation mode.")] = None,
    quick: Annotated[bool, typer.Option(help="One small size, few repeats: only a trial.")] = False,
) -> None:
    """Measure speed in CPU time: sensors and their rivals, environments, lost vectorisation."""
    if what not in WHAT:
        raise UnknownNameError("bench", what, WHAT)
    repeats = 2 if quick else repeats
    healthy = True
    if what in ("sensors", "all"):
        _sensors(out, repeats, threads, rivals, quick)
    if what in ("env", "all"):
        _env(5 if quick else 60, task or [], rig, mode)
    if what in ("guard", "all") and not (quick and what == "all"):
        healthy = _guard()
    if not healthy:
        raise typer.Exit(1)


def _sensors(out: Path, repeats: int, threads: int, rivals: bool, quick: bool) -> None:
    from fleetloop.loop.bench import agreement, cameras, report
    from fleetloop.loop.bench.rivals import RIVALS
    from fleetloop.loop.bench.rivals.plan import Plan
    from fleetloop.loop.bench.rivals.run import rows_of
    from fleetloop.loop.bench.timing import QUICK_SIZES, SIZES, Row

    sizes = QUICK_SIZES if quick else SIZES
    rows: list[Row] = []
    agreements: list[agreement.Agreement] = []
    names = list(RIVALS) if rivals else []
    with progress_bar(console) as progress:
        bar = progress.add_task("sensors", total=2 * (4 + len(names)))
        for scene in ("A", "B"):
            progress.update(bar, description=f"scene {scene}: cameras")
            rows += cameras.measure_cameras(scene, sizes, repeats, threads)
            progress.update(bar, advance=1, description=f"scene {scene}: LiDAR")
            rows += cameras.measure_lidar(scene, repeats)
            progress.update(bar, advance=1, description=f"scene {scene}: agreement")
            agreements.append(agreement.with_tiny(scene))
            progress.update(bar, advance=1)
            agreements.append(agreement.with_ray_test(scene))
            progress.update(bar, advance=1)
            for name in names:
                progress.update(bar, description=f"scene {scene}: {name}")
                plan = Plan(scene=scene, sizes=tuple(sizes), repeats=max(2, repeats // 3))
                for found in rows_of(name, plan):
                    if isinstance(found, str):
                        progress.console.print(escape(found), soft_wrap=True)
                    else:
                        rows.append(found)
                progress.update(bar, advance=1)
    _print_rows(rows, agreements)
    report.save(out / "sensors.json", rows, agreements)
    (out / "sensors.md").write_text(report.markdown(rows))
    console.print(f"All figures are in {out / 'sensors.json'}, as a table in {out / 'sensors.md'}.")
    try:
        report.plot(out / "sensors.png", rows)
        console.print(f"The plot is {out / 'sensors.png'}.")
    except ImportError:
        console.print(escape("No plot: matplotlib is not there (pip install 'fleetloop[bench]')."))


def _print_rows(rows: list[Any], agreements: list[Any]) -> None:
    from fleetloop.loop.bench import report

    table = Table(
        "scene", "what", "size", "whose", "CPU ms", "wall ms", "x ours", "asked", "not alike",
        title="CPU time of one frame or scan, the smallest of several; one thread",
    )  # fmt: skip
    order = sorted(rows, key=lambda row: (row.scene, row.what, _area(row.size)))
    for row in order:
        times, wanted = report.ratio(row, rows), report.asked(row)
        verdict = ""
        if times is not None and wanted is not None:
            verdict = f"{wanted:.0f} " + ("[green]ok[/green]" if times >= wanted else "[red]short")
        table.add_row(
            row.scene, row.what, row.size, row.who, f"{row.cost.cpu_ms:.3f}",
            f"{row.cost.wall_ms:.3f}", "" if times is None else f"{times:.1f}", verdict, row.note,
        )  # fmt: skip
    console.print(table)
    table = Table("scene", "against", "same ids", "within 1 mm", "compared", title="Agreement")
    for one in agreements:
        table.add_row(
            one.scene, one.rival, f"{one.ids:.3%}", f"{one.depth:.3%}", f"{one.compared:,}"
        )
    console.print(table)


def _area(size: str) -> int:
    sides = [int(side) for side in size.split("x") if side.isdigit()]
    return sides[0] * sides[-1] if sides else 0


def _env(steps: int, tasks: list[str], rig: str | None, only: str | None) -> None:
    from fleetloop.loop.bench import env

    headings = (
        "task", "obs mode", "physics", "CPU ms a step", "steps per CPU-s", "x real time",
        "CPU ms a reset",
    )  # fmt: skip
    table = Table(*headings, title="Random actions; resets after the first are timed apart")
    cases = [case for case in env.cases(tasks) if only in (None, case[1])]
    with progress_bar(console) as progress:
        bar = progress.add_task("environments", total=len(cases))
        for name, mode, kind in cases:
            progress.update(bar, description=f"{name}, {mode}, {kind}")
            speed = env.measure(name, mode, steps, kind, rig)
            row = (
                name, mode, kind, f"{speed.cpu_ms:.2f}", f"{speed.steps_per_cpu_s:.0f}",
                f"{speed.real_time:.1f}",
                f"{speed.reset_cpu_ms:.0f}" if speed.resets else "",
            )  # fmt: skip
            table.add_row(*row)
            # One by one, since all of them take minutes and may be stopped before the table.
            told = f"{name}, {mode}, {kind}: {row[3]} ms, {row[4]} steps per CPU-s"
            progress.console.print(told, soft_wrap=True, highlight=False)
            progress.update(bar, advance=1)
    console.print(table)


def _guard() -> bool:
    from fleetloop.loop.bench import guard

    console.print("Guard: kernels are compiled once more, without vectors; about a minute.")
    found = guard.gains()
    table = Table("stage", "us", "us without vectors", "gain", f"at least {guard.NEEDED_GAIN}")
    for gain in found:
        verdict = "[green]ok" if gain.healthy else "[red]has lost its vector instructions"
        table.add_row(
            gain.stage, f"{gain.us:.0f}", f"{gain.scalar_us:.0f}", f"{gain.gain:.1f}", verdict
        )
    console.print(table)
    return all(gain.healthy for gain in found)
