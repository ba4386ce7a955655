"""`fleetloop map`: a road network from above, and what its validator says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from fleetloop.core.errors import ConfigError
from fleetloop.loop.terminal import console


def draw_map(
    file: Annotated[
        Path | None, typer.Argument(help="An OpenDRIVE or OpenStreetMap file; none for a town.")
    ] = None,
    town: Annotated[int | None, typer.Option(help="Seed of a generated town.")] = None,
    blocks: Annotated[int, typer.Option(help="Size of the town, blocks each way.")] = 3,
    left_hand: Annotated[bool, typer.Option(help="Traffic of the town keeps left.")] = False,
    out: Annotated[Path, typer.Option(help="The picture.")] = Path("map.png"),
    size: Annotated[int, typer.Option(help="Longer side of the picture, pixels.")] = 1600,
) -> None:
    """Draw a map from above, and say what was guessed and whether it can be used."""
    from fleetloop.envs.maps.draw import draw_network, write_png
    from fleetloop.envs.maps.load import open_map
    from fleetloop.envs.maps.sources import config_of_file
    from fleetloop.envs.maps.town.config import TownConfig
    from fleetloop.envs.maps.validate import validate

    if (file is None) == (town is None):
        raise ConfigError("Give a map file, or --town and a seed, and not both.")
    if file is not None:
        source, config = config_of_file(file)
    else:
        assert town is not None
        source = "town"
        config = TownConfig(seed=town, blocks_x=blocks, blocks_y=blocks, left_hand=left_hand)
    network = open_map(source, config)
    write_png(draw_network(network, largest_px=size), out)
    console.print(escape(validate(network).text()), highlight=False, soft_wrap=True)
    if network.licence:
        console.print(f"Licence of the map: {escape(network.licence)}", highlight=False)
    console.print(f"Drawn into {escape(str(out))}.", highlight=False, soft_wrap=True)
