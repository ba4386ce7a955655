"""`fleetloop gallery`: pictures of what the sensor core sees, beside PyBullet's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleetloop.loop.terminal import CORES, Threads, console


def gallery(
    out: Annotated[Path, typer.Option(help="Folder of the pictures.")] = Path("runs/gallery"),
    threads: Threads = CORES,
) -> None:
    """Render the gallery: rivals side by side, a street in all weathers, lenses, labels, LiDAR."""
    from fleetloop.loop.gallery.make import PLATES, Plate, make_gallery
    from fleetloop.loop.progress import progress_bar

    console.print("The first run on a machine compiles kernels for some seconds.")
    with progress_bar(console) as progress:
        bar = progress.add_task("pictures", total=PLATES)

        def on_plate(plate: Plate) -> None:
            progress.update(bar, advance=1, description=plate.caption)

        sheet = make_gallery(out, threads=threads, on_plate=on_plate)
    console.print(f"{PLATES} pictures are in {out}; all of them on one sheet: {sheet}")
