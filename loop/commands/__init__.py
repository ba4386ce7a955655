"""The commands of `fleetloop`, by name. Adding one is one file and one line.

Each is a function whose options Typer reads. The modules are light: what a command works with is
imported inside it, so that `fleetloop --help` is quick and needs no physics.
"""

from __future__ import annotations

from collections.abc import Callable

from fleetloop.core.registry import Registry

COMMANDS: Registry[Callable[..., None]] = Registry(
    "command",
    {
        "record": "fleetloop.loop.commands.record:record",
        "replay": "fleetloop.loop.commands.replay:replay",
        "train": "fleetloop.loop.commands.train:train",
        "eval": "fleetloop.loop.commands.evaluate:evaluate",
        "repair": "fleetloop.loop.commands.repair:repair",
        "export": "fleetloop.loop.commands.export:export",
        "realism": "fleetloop.loop.commands.realism:realism",
        "validate": "fleetloop.loop.commands.validate:validate",
        "bench": "fleetloop.loop.commands.bench:bench",
        "stats": "fleetloop.loop.commands.curate:stats",
        "card": "fleetloop.loop.commands.curate:card",
        "merge": "fleetloop.loop.commands.curate:merge",
        "split": "fleetloop.loop.commands.curate:split",
        "filter": "fleetloop.loop.commands.curate:filter_logs",
        "view": "fleetloop.loop.commands.view:view",
        "sheet": "fleetloop.loop.commands.view:sheet",
        "film": "fleetloop.loop.commands.view:film",
        "rerender": "fleetloop.loop.commands.rerender:rerender",
        "map": "fleetloop.loop.commands.map:draw_map",
        "scenario": "fleetloop.loop.commands.scenario:scenario",
        "ask": "fleetloop.loop.commands.ask:ask",
        "doctor": "fleetloop.loop.commands.doctor:doctor",
        "warm": "fleetloop.loop.commands.warm:warm",
        "gallery": "fleetloop.loop.commands.gallery:gallery",
        "tour": "fleetloop.loop.commands.tour:tour",
        "loop": "fleetloop.loop.commands.loop:loop",
        "rerun": "fleetloop.loop.commands.rerun:rerun",
        "clips": "fleetloop.loop.commands.clips:clips",
        "lineage": "fleetloop.loop.commands.lineage:lineage",
        "diff": "fleetloop.loop.commands.lineage:diff",
        "list": "fleetloop.loop.commands.listing:list_names",
    },
)

GROUPS: dict[str, tuple[str, ...]] = {
    "The loop": ("loop", "train", "eval", "rerun", "clips", "lineage", "diff", "ask"),
    "Recordings": ("record", "replay", "rerender", "repair", "view", "sheet", "film"),
    "Data sets": ("export", "validate", "stats", "filter", "split", "merge", "card", "realism"),
    "Worlds": ("map", "scenario", "tour", "gallery"),
    "This installation": ("list", "doctor", "warm", "bench"),
}
"""How `fleetloop --help` sorts them. A command that is in none is shown under `More`."""
