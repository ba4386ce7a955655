"""`fleetloop clips`: clips of recordings by request."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleetloop.loop.terminal import console


def clips(
    request: Annotated[str, typer.Argument(help="Such as '200 clips of pedestrians at night'.")],
    place: Annotated[Path, typer.Argument(help="A log, or a folder of logs.")],
    out: Annotated[Path, typer.Option(help="A new folder for the logs and `clips.json`.")],
) -> None:
    """Find clips by request, and put the logs that they are in into a new folder."""
    import json

    from fleetloop.core.config import to_json
    from fleetloop.datasets.recording import Recording
    from fleetloop.loop.progress import progress_bar
    from fleetloop.loop.query import find_clips, parse_query, place_clips

    query = parse_query(request)
    recording = Recording(place)
    with progress_bar(console) as progress:
        bar = progress.add_task("looking", total=len(recording))
        found = find_clips(
            recording, query, on_episode=lambda number: progress.update(bar, advance=1)
        )
    if not found:
        console.print("Nothing fits: loosen the request.")
        raise typer.Exit(1)
    place_clips(recording, found, out)
    told = {"request": request, "query": to_json(query), "clips": [to_json(c) for c in found]}
    (out / "clips.json").write_text(json.dumps(told, indent=1) + "\n")
    console.print(
        f"{len(found)} of {query.count} clips are told in {out / 'clips.json'}, with their logs "
        "beside it.",
        soft_wrap=True,
    )
