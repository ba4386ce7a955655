"""`fleetloop view` and `fleetloop sheet`: recordings to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleetloop.loop.terminal import console, told_size


def view(
    place: Annotated[Path, typer.Argument(help="A log, or a folder of logs.")],
    out: Annotated[Path, typer.Argument(help="Folder of the pages.")],
    frames: Annotated[int, typer.Option(help="Most pictures of each camera.")] = 200,
    width: Annotated[int, typer.Option(help="Widest picture, pixels.")] = 640,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Write a recording for Rerun too (extra `rerun`).")
    ] = False,
) -> None:
    """Write an HTML page for each episode, which opens from disk without a network."""
    from fleetloop.datasets.export import EXPORTERS
    from fleetloop.datasets.export.base import make_exporter
    from fleetloop.datasets.export.rrd import RerunOptions, write_rrd
    from fleetloop.datasets.recording import Recording
    from fleetloop.datasets.view.gather import ViewOptions
    from fleetloop.datasets.view.page import write_page
    from fleetloop.loop.progress import progress_bar

    recording = Recording(place)
    if rerun:
        make_exporter(EXPORTERS.get("rerun"), {})  # tells what to install where it is missing
    options = ViewOptions(frames=frames, width_px=width)
    with progress_bar(console) as progress:
        bar = progress.add_task("pages", total=len(recording))
        for episode in recording:
            target = out / f"{episode.path.stem}.html"
            size = write_page(
                episode, target, options, lambda part: progress.update(bar, description=part)
            )
            progress.console.print(f"{target}: {told_size(size)}", soft_wrap=True)
            if rerun:
                film = target.with_suffix(".rrd")
                write_rrd(episode, film, RerunOptions())
                progress.console.print(f"{film}: rerun {film}", soft_wrap=True)
            progress.update(bar, advance=1, description="pages")
            episode.close()


def sheet(
    log: Annotated[Path, typer.Argument(help="A log.")],
    out: Annotated[Path, typer.Argument(help="The PNG to write.")],
    columns: Annotated[int, typer.Option(help="Moments of the episode.")] = 6,
    width: Annotated[int, typer.Option(help="Of each picture, pixels.")] = 240,
) -> None:
    """Write a contact sheet of all cameras of an episode."""
    from fleetloop.datasets.recording import RecordedEpisode
    from fleetloop.datasets.view.sheet import write_sheet

    size = write_sheet(RecordedEpisode(log), out, columns=columns, width_px=width)
    console.print(f"{out}: {size[0]} x {size[1]} pixels", soft_wrap=True)


def film(
    log: Annotated[Path, typer.Argument(help="A log.")],
    out: Annotated[Path, typer.Argument(help="The .mp4 to write.")],
    camera: Annotated[str, typer.Option(help="Which; the first if left out.")] = "",
    speed: Annotated[float, typer.Option(help="Simulated seconds a second.")] = 1.0,
) -> None:
    """Write a film of one camera (needs the extra `film`)."""
    from fleetloop.datasets.recording import RecordedEpisode
    from fleetloop.datasets.view.film import write_film
    from fleetloop.loop.progress import progress_bar

    episode = RecordedEpisode(log)
    with progress_bar(console) as progress:
        bar = progress.add_task("frames", total=None)
        count = write_film(
            episode, camera, out, speed=speed,
            on_frame=lambda number: progress.update(bar, completed=number + 1),
        )  # fmt: skip
        progress.update(bar, total=count)
    console.print(f"{out}: {count} frames, {told_size(out.stat().st_size)}", soft_wrap=True)
