"""Hours of traffic on several maps: does it flow, does anybody touch anybody, what does it cost?

    python benchmarks/traffic_soak.py [--minutes 60] [--towns 5] [--maps FOLDER ...] [--vehicles 60]
                                       [--cyclists 4] [--parked 0.5] [--pushy 0.1]

Prints one row a map. `overlaps` and `walked into` count instants (two a second) at which two
vehicles overlap, or a person is inside a vehicle; `slowest` is the lowest mean speed of any minute;
`removed` counts vehicles that had been stuck for two minutes. Real maps are OpenDRIVE and
OpenStreetMap files, or folders of them.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from fleetloop.core.errors import ConfigError
from fleetloop.envs.maps.load import open_map
from fleetloop.envs.maps.network import RoadNetwork
from fleetloop.envs.maps.sources import config_of_file
from fleetloop.envs.maps.town.config import TownConfig
from fleetloop.envs.traffic.config import TrafficConfig
from fleetloop.envs.traffic.soak import HEADER, Soak, soak
from fleetloop.envs.traffic.traffic import Traffic


def maps_of(folder: Path) -> list[Path]:
    """The files of a folder that a map source reads."""
    found = []
    for path in sorted(folder.rglob("*")):
        try:
            config_of_file(path)
        except ConfigError:
            continue
        found.append(path)
    return found


def show(name: str, network: RoadNetwork, args: argparse.Namespace) -> Soak:
    """Runs one map and prints its row."""
    config = TrafficConfig(
        vehicles=args.vehicles,
        cyclists=args.cyclists,
        motorcyclists=args.motorcyclists,
        pushy=args.pushy,
        pedestrians=args.pedestrians,
        parked=args.parked,
    )
    traffic = Traffic(network, config)
    traffic.reset(args.seed)
    began = time.monotonic()

    def progress(done_s: float, total_s: float) -> None:
        left_s = (time.monotonic() - began) * (total_s - done_s) / max(done_s, 1e-9)
        text = f"{name}: {done_s / 60.0:.0f} of {total_s / 60.0:.0f} min, {left_s:.0f} s left"
        print(f"\r{text:<60}", end="", file=sys.stderr, flush=True)

    result = soak(traffic, 60.0 * args.minutes, progress=progress)
    print(f"\r{'':<60}\r", end="", file=sys.stderr, flush=True)
    print(result.row(name), flush=True)
    for t_s, one, two in (*result.overlaps[:3], *result.walked_into[:3]):
        print(f"    at {t_s:.1f} s rows {one} and {two} touch")
    for deadlock in result.deadlocks[:5]:
        print(
            f"    deadlock of {deadlock.vehicles} at {deadlock.place_m} since {deadlock.t_s:.0f} s"
        )
    return result


def main() -> None:
    """Runs all maps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--towns", type=int, default=5)
    parser.add_argument("--first-town", type=int, default=0, help="seed of the first town")
    parser.add_argument("--maps", type=Path, nargs="*", default=[], help="files, folders")
    parser.add_argument("--vehicles", type=int, default=60)
    parser.add_argument("--cyclists", type=int, default=4)
    parser.add_argument("--motorcyclists", type=int, default=2)
    parser.add_argument("--pushy", type=float, default=0.1)
    parser.add_argument("--pedestrians", type=int, default=40)
    parser.add_argument("--parked", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    print(HEADER)
    for seed in range(args.first_town, args.first_town + args.towns):
        show(f"town {seed}", open_map("town", TownConfig(seed=seed)), args)
    for place in args.maps:
        for path in maps_of(place) if place.is_dir() else [place]:
            show(path.name.split(".")[0], open_map(*config_of_file(path)), args)


if __name__ == "__main__":
    main()
