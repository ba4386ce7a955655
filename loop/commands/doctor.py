"""`fleetloop doctor`: what is installed, what is missing, how fast this machine is."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from fleetloop.loop.terminal import console


def doctor(
    speed: Annotated[bool, typer.Option(help="Also measure the speed of this machine.")] = True,
) -> None:
    """Tell what is installed, what is missing, and how fast this machine is."""
    from fleetloop.loop import doctor as checks

    sections: list[tuple[str, list[checks.Finding]]] = [
        ("Installed", checks.installed()),
        ("Optional", checks.extras()),
        ("Machine", checks.machine()),
    ]
    if speed:
        console.print("Measuring; on a new machine kernels are compiled first.")
        sections.append(("Speed, CPU time", checks.speed()))
    for title, findings in sections:
        table = Table("what", "found", "remedy", title=title, title_justify="left")
        for finding in findings:
            table.add_row(finding.what, finding.value, escape(finding.remedy))
        console.print(table)
