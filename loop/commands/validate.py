"""`fleetloop validate`: is a recording what it claims to be?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fleetloop.loop.terminal import console

if TYPE_CHECKING:
    from fleetloop.datasets.validate.base import Report


def validate(
    place: Annotated[Path, typer.Argument(help="A log, a folder of logs, or an export.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the report there as JSON.")
    ] = None,
) -> None:
    """Check checksums, counts, clocks, pictures, values, poses and geometry; exit 1 on errors."""
    from fleetloop.datasets.recording import Recording
    from fleetloop.datasets.validate.base import EpisodeReport
    from fleetloop.datasets.validate.exports.run import is_export, validate_export
    from fleetloop.datasets.validate.run import told
    from fleetloop.datasets.validate.run import validate as run
    from fleetloop.loop.progress import progress_bar

    if is_export(place):
        exported = validate_export(place)
        for line in told(exported.episodes[0]):
            console.print(line, soft_wrap=True, markup=False, highlight=False)
        _end(exported, json_file)
        return
    recording = Recording(place)
    with progress_bar(console) as progress:
        bar = progress.add_task("validating", total=len(recording))

        def on_episode(report: EpisodeReport) -> None:
            progress.update(bar, advance=1)
            for line in told(report):
                progress.console.print(line, soft_wrap=True, markup=False, highlight=False)

        report = run(recording, on_episode)
    failed = sum(episode.errors > 0 for episode in report.episodes)
    count = len(report.episodes)
    console.print(f"{count} {'log' if count == 1 else 'logs'}, {failed} with errors.")
    _end(report, json_file)


def _end(report: Report, json_file: Path | None) -> None:
    import json

    from fleetloop.core.config import to_json

    if json_file is not None:
        json_file.write_text(json.dumps(to_json(report), indent=1) + "\n")
    if report.errors:
        raise typer.Exit(1)
