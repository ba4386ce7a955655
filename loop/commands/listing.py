"""`fleetloop list`: what can be chosen by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.table import Table

from fleetloop.core.errors import UnknownNameError
from fleetloop.loop.terminal import console


def list_names(
    what: Annotated[
        str, typer.Argument(help="tasks, robots, rigs, sensors or formats; all if left out.")
    ] = "",
) -> None:
    """Tell what can be chosen by name."""
    from fleetloop.loop.listing import LISTS

    if what and what not in LISTS:
        raise UnknownNameError("list", what, LISTS)
    for title in [what] if what else list(LISTS):
        _print_rows(title, LISTS[title]())


def _print_rows(title: str, rows: Iterable[tuple[str, str]]) -> None:
    table = Table("name", "what it is", title=title, title_justify="left")
    for name, text in rows:
        table.add_row(name, text)
    console.print(table)
