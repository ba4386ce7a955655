"""`fleetloop warm`: compiles kernels before they are wanted."""

from __future__ import annotations

from typing import Annotated

import typer

from fleetloop.loop.progress import progress_bar
from fleetloop.loop.terminal import console


def warm(
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="How many compile at once; as many as cores if left out."),
    ] = None,
) -> None:
    """Compile the kernels of sensors, cars and humanoids now, instead of at their first use."""
    import os

    from fleetloop.envs.trace.jit import cache_root
    from fleetloop.loop.warm import jobs_here
    from fleetloop.loop.warm import warm as run

    with progress_bar(console) as progress:
        bar = progress.add_task("compiling kernels", total=len(jobs_here()))
        for _ in run(processes or len(os.sched_getaffinity(0))):
            progress.update(bar, advance=1)
    console.print(f"Compiled kernels are kept in {cache_root()}.", soft_wrap=True)
