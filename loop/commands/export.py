"""`fleetloop export`: recordings in the formats that other tools read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleetloop.loop.terminal import console, told_size


def export(
    name: Annotated[str, typer.Argument(metavar="FORMAT", help="See `fleetloop list formats`.")],
    source: Annotated[Path, typer.Argument(help="A log, or a folder of logs.")],
    out: Annotated[Path, typer.Argument(help="The folder to make.")],
    options: Annotated[
        list[str] | None, typer.Option("--set", help="An option of the format, as name=value.")
    ] = None,
) -> None:
    """Turn recordings into a format that other tools read. Run it again to go on."""
    from fleetloop.datasets.export import EXPORTERS
    from fleetloop.datasets.export.base import export as run
    from fleetloop.datasets.recording import Recording
    from fleetloop.loop.progress import progress_bar
    from fleetloop.loop.settings import parse_settings

    kind = EXPORTERS.get(name)
    settings = parse_settings(options or ())
    recording = Recording(source)
    with progress_bar(console) as progress:
        bar = progress.add_task(name, total=len(recording))

        def on_episode(number: int) -> None:
            progress.update(bar, advance=1)

        report = run(name, kind, recording, out, settings, on_episode)
    resumed = f"; {report.resumed} episodes were there" if report.resumed else ""
    console.print(
        f"{report.out}: {report.episodes} episodes, {report.frames} frames, "
        f"{told_size(report.size_bytes)}{resumed}",
        soft_wrap=True,
    )
    for title, lines in (("changed", report.lossy), ("left out", report.dropped)):
        for line in lines:
            console.print(f"  {title}: {line}", soft_wrap=True, highlight=False)
