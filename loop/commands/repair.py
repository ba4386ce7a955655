"""`fleetloop repair`: what can be saved of a damaged log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleetloop.loop.terminal import console


def repair(
    source: Annotated[Path, typer.Argument(help="A .part file, or a damaged log.")],
    target: Annotated[Path, typer.Argument(help="The log to write.")],
) -> None:
    """Save what can be read of a log that was cut or damaged."""
    from fleetloop.datasets.log.repair import repair as run

    result = run(source, target)
    console.print(
        f"{target}: {result.steps} steps in {result.messages} messages are saved; "
        f"{result.lost_messages} messages of a step that is not whole are not."
    )
    console.print(f"The reading ended with: {result.damage or 'the end of the file, no damage'}.")
