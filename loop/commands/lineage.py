"""`fleetloop lineage` and `fleetloop diff`: where a brain came from, and what sets two apart."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleetloop.loop.terminal import console

Model = Annotated[Path, typer.Argument(help="A brain's folder in a campaign, or the campaign's.")]


def lineage(model: Model) -> None:
    """Tell what a brain learnt from, back to the first episode; and look for held-out worlds."""
    from fleetloop.loop.campaign.run import INDEX
    from fleetloop.loop.lineage import ancestry, lint, stage_of, way_back

    stage = stage_of(model)
    for node in way_back(stage):
        role = f"{node.role}: " if node.role else ""
        console.print(
            f"{'  ' * node.depth}{role}{node.folder.name}  {node.manifest.digest[:12]}",
            highlight=False, soft_wrap=True,
        )  # fmt: skip
    told = ancestry(stage)
    console.print(f"\nBrain {told.weights_sha256[:16]}, {told.rows} labelled decisions.")
    for name, seeds in told.seeds.items():
        console.print(f"  {len(seeds)} episodes of {name}")
    for name, frames in told.triggers.items():
        console.print(f"  {frames} frames by {name}")
    versions = ", ".join(f"{name} {version}" for name, version in sorted(told.versions.items()))
    console.print(f"  trained with {versions}", soft_wrap=True, highlight=False)
    out = stage.parent.parent
    if (out / INDEX).exists():
        leaks = lint(out)
        for leak in leaks:
            console.print(f"[red]leak[/red] {leak}", soft_wrap=True, highlight=False)
        if leaks:
            raise typer.Exit(1)
        console.print("  no held-out world was taught")


def diff(first: Model, second: Model) -> None:
    """Tell what sets two brains apart: data, seeds, options, versions."""
    from rich.table import Table

    from fleetloop.loop.lineage import difference, stage_of

    lines = difference(stage_of(first), stage_of(second))
    if not lines:
        console.print("The same brain, from the same data.")
        return
    table = Table("", str(first), str(second))
    for line in lines:
        table.add_row(*line)
    console.print(table)
