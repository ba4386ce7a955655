"""`fleetloop rerender`: the same motion seen by other sensors, in another light."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleetloop.loop.terminal import CORES, Threads, console


def rerender(
    place: Annotated[Path, typer.Argument(help="A log, or a folder of logs.")],
    out: Annotated[Path, typer.Argument(help="Folder of the new logs.")],
    rig: Annotated[str, typer.Option(help="Other sensors, see `fleetloop list rigs`.")] = "",
    labels: Annotated[
        str, typer.Option(help="Labels of every camera, such as depth_m,normal; or all.")
    ] = "",
    light: Annotated[
        list[str] | None, typer.Option(help="Light or weather, such as fog_visibility_m=80.")
    ] = None,
    lossless: Annotated[bool, typer.Option(help="Keep camera pictures exact.")] = False,
    threads: Threads = CORES,
) -> None:
    """Record episodes again with another rig, labels or light; the motion stays the same."""
    from fleetloop.core.types import Step
    from fleetloop.datasets.recording import Recording
    from fleetloop.loop.progress import progress_bar
    from fleetloop.loop.rerender import NewSenses
    from fleetloop.loop.rerender import rerender as run
    from fleetloop.loop.rigs import label_names
    from fleetloop.loop.settings import parse_settings

    recording = Recording(place)
    senses = NewSenses(
        rig=rig or None,
        labels=label_names(labels) if labels else None,
        light=parse_settings(light) if light else None,
        lossless=lossless,
    )
    with progress_bar(console) as progress:
        bar = progress.add_task("rendering", total=len(recording))

        def on_step(step: Step) -> None:
            progress.update(bar, description=f"rendering, {step.t_ns * 1e-9:.1f} s")

        def on_episode(path: Path) -> None:
            progress.update(bar, advance=1)
            progress.console.print(f"{path}: the same motion", soft_wrap=True)

        run(recording, out, senses, threads=threads, on_step=on_step, on_episode=on_episode)
