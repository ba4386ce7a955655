"""What all commands share: the console and options that many of them take."""

from __future__ import annotations

import os
from typing import Annotated

import typer
from rich.console import Console

console = Console()

Seed = Annotated[int, typer.Option(help="Of the first episode; each further one has the next.")]
Threads = Annotated[int, typer.Option(help="Threads that trace rays; results do not depend on it.")]

CORES = min(4, len(os.sched_getaffinity(0)))
"""Default of `Threads`."""


def told_size(size_bytes: int) -> str:
    """A size for people: kB below a megabyte, else MB."""
    return f"{size_bytes / 1e3:.0f} kB" if size_bytes < 999_500 else f"{size_bytes / 1e6:.1f} MB"
