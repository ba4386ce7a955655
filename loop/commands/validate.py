"""`fleetloop validate`: is a recording what it claims to be?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleetloop.loop.terminal import console


def validate(
    place: Annotated[Path, typer.Argument(help="A log, or a folder of logs.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the report there as JSON.")
    ] = None,
) -> None:
    """Check checksums, counts, clocks, pictures, values, poses and geometry; exit 1 on errors."""
    import json

    from fleetloop.core.config import to_json
    from fleetloop.datasets.recording import Recording
    from fleetloop.datasets.validate.base import EpisodeReport
    from fleetloop.datasets.validate.run import told
    from fleetloop.datasets.validate.run import validate as run
    from fleetloop.loop.progress import progress_bar

    recording = Recording(place)
    with progress_bar(console) as progress:
        bar = progress.add_task("validating", total=len(recording))

        def on_episode(report: EpisodeReport) -> None:
            progress.update(bar, advance=1)
            for line in told(report):
                progress.console.print(line, soft_wrap=True, markup=False, highlight=False)

        report = run(recording, on_episode)
    if json_file is not None:
        json_file.write_text(json.dumps(to_json(report), indent=1) + "\n")
    failed = sum(episode.errors > 0 for episode in report.episodes)
    console.print(f"{len(report.episodes)} logs, {failed} with errors.")
    if report.errors:
        raise typer.Exit(1)
