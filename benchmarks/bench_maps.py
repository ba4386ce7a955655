"""What maps cost to import and to open again, and what had to be guessed: one line each.

    python benchmarks/bench_maps.py FOLDER_OR_FILE ... [--towns 1]

CPU seconds: `import` reads the file, makes the network and validates it; `open` reads it from the
cache. `together` is the share of drive lanes that reach each other within the map, and in brackets
that with those that leave it and come back elsewhere. `guessed` counts the validator's notes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from fleetloop.core.errors import FleetloopError
from fleetloop.envs.maps.cache import read_network, write_network
from fleetloop.envs.maps.graph import largest_part, strong_parts
from fleetloop.envs.maps.kinds import LaneKind
from fleetloop.envs.maps.network import RoadNetwork
from fleetloop.envs.maps.sources import MAPS, config_of_file
from fleetloop.envs.maps.town.config import TownConfig
from fleetloop.envs.maps.validate import validate

ENDINGS = (".osm", ".xodr", ".xml", ".gz")
HEAD = ("map", "source", "import s", "open ms", "lanes", "km", "junctions", "lights", "together",
        "guessed", "fit")  # fmt: skip


def files_of(places: list[Path]) -> list[Path]:
    """Map files, those of folders included."""
    found: list[Path] = []
    for place in places:
        inside = sorted(place.rglob("*")) if place.is_dir() else [place]
        found += [path for path in inside if path.suffix in ENDINGS]
    return found


def share_within(network: RoadNetwork) -> float:
    """Share of the drive lanes in the largest strongly connected part, without the border."""
    lanes = network.lanes
    drive = lanes.kind == LaneKind.DRIVE
    edges = [lanes.following(lane).tolist() for lane in range(len(lanes))]
    for lane in np.flatnonzero(drive):
        for side, allowed in ((lanes.left, lanes.left_change), (lanes.right, lanes.right_change)):
            if side[lane] >= 0 and allowed[lane]:
                edges[lane].append(int(side[lane]))
    part = largest_part(strong_parts(edges), np.where(drive, lanes.length_m, 0.0)) & drive
    counted = drive & (lanes.junction < 0)
    return float((part & counted).sum() / max(int(counted.sum()), 1))


def measure(name: str, source: str, config: Any, folder: Path) -> tuple[str, ...]:  # noqa: ANN401
    """One line of the table."""
    begin = time.process_time()
    try:
        network = MAPS.get(source).build(config).freeze()
        found = validate(network)
    except FleetloopError as error:
        return (name, source, *("-",) * (len(HEAD) - 3), str(error)[:60])
    imported_s = time.process_time() - begin
    path = folder / "map.npz"
    write_network(network, path)
    begin = time.process_time()
    read_network(path)
    opened_ms = 1000.0 * (time.process_time() - begin)
    figures = found.figures
    return (
        name, source, f"{imported_s:.2f}", f"{opened_ms:.0f}", f"{figures['drive lanes']:.0f}",
        f"{figures['lane km']:.1f}", f"{figures['junctions']:.0f}", f"{figures['signals']:.0f}",
        f"{share_within(network):.0%} ({figures['main share']:.0%})",
        f"{sum(note.startswith('Guessed') for note in network.notes)}",
        "yes" if found.ok else "NO: " + found.problems[0][:50],
    )  # fmt: skip


def main() -> None:
    """Measures all maps that are named, and generated towns."""
    parser = argparse.ArgumentParser()
    parser.add_argument("places", nargs="*", type=Path)
    parser.add_argument("--towns", type=int, default=1)
    asked = parser.parse_args()
    wanted: list[tuple[str, str, Any]] = [
        (f"town {seed}", "town", TownConfig(seed=seed)) for seed in range(asked.towns)
    ]
    for path in files_of(asked.places):
        wanted.append((path.name.split(".")[0], *config_of_file(path)))
    print("| " + " | ".join(HEAD) + " |")
    print("|" + "---|" * len(HEAD))
    with tempfile.TemporaryDirectory() as name:
        for entry in wanted:
            print("| " + " | ".join(measure(*entry, Path(name))) + " |", flush=True)


if __name__ == "__main__":
    main()
