"""`fleetloop tour`: what the car's eight cameras see of a place, in several weathers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from fleetloop.core.errors import ConfigError
from fleetloop.loop.terminal import CORES, Threads, console


def tour(
    file: Annotated[Path | None, typer.Argument(help="A map file; none for a town.")] = None,
    town: Annotated[int, typer.Option(help="Seed of the generated town.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the drive.")] = 3,
    weather: Annotated[
        str, typer.Option(help="Weathers, with commas between.")
    ] = "clear,rain,night",
    drive_s: Annotated[float, typer.Option(help="The expert drives for so long.")] = 6.0,
    out: Annotated[Path, typer.Option(help="Folder of the sheets.")] = Path("runs/tour"),
    threads: Threads = CORES,
) -> None:
    """Drive a while and write what all eight cameras see, one sheet for each weather."""
    from fleetloop.envs.maps.draw import write_png
    from fleetloop.envs.weather import KINDS
    from fleetloop.loop.gallery.tour import tour as sheets
    from fleetloop.loop.progress import progress_bar

    names = [name.strip() for name in weather.split(",") if name.strip()]
    unknown = [name for name in names if name not in KINDS]
    if unknown or not names:
        raise ConfigError(
            f"The weather {', '.join(unknown) or '(none)'} is unknown: use {', '.join(KINDS)}."
        )
    where: dict[str, Any] = (
        {"town_seeds": [town, town + 1]} if file is None else {"source": str(file)}
    )
    out.mkdir(parents=True, exist_ok=True)
    console.print("The first run on a machine compiles kernels for some seconds.")
    with progress_bar(console) as progress:
        bar = progress.add_task("weathers", total=len(names))
        made = sheets(where, seed, weathers=names, drive_s=drive_s, threads=threads)
        for name, sheet in made:
            write_png(sheet, out / f"{name}.png")
            progress.update(bar, advance=1, description=name)
    console.print(f"{len(names)} sheets are in {escape(str(out))}.")
