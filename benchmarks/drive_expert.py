"""How well the expert drives: success and causes of failure over generated towns and map files.

    python benchmarks/drive_expert.py                       # 100 routes in ten towns
    python benchmarks/drive_expert.py --maps ../shared/maps --routes 60
    python benchmarks/drive_expert.py --task fleetloop/DriveDense-v0 --disturbance 0.5

A route counts as driven if the destination was reached without a collision, a red light, a stop
sign that was run, or leaving the road.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import Any

from fleetloop.agents.experts import EXPERTS
from fleetloop.agents.rollout import rollout
from fleetloop.core.errors import FleetloopError
from fleetloop.envs.maps.sources import config_of_file
from fleetloop.envs.registration import make_env

FIRST_TOWN = 100
"""Towns that no default of a task draws."""


def main() -> None:
    """See the module."""
    options = _options()
    places = _places(options)
    each, rest = divmod(options.routes, max(len(places), 1))
    causes: Counter[str] = Counter()
    done = good = 0
    began = time.process_time()
    for number, (name, where) in enumerate(places):
        count = each + (1 if number < rest else 0)
        if count == 0:
            continue
        try:
            won, found, seconds = _drive(options, where, count, options.first_seed + 1000 * number)
        except FleetloopError as error:
            print(f"{name:36} not driven: {error}")
            causes["map cannot be used"] += count
            done += count
            continue
        good, done = good + won, done + count
        causes.update(found)
        print(f"{name:36} {won:3d} of {count:3d}  {seconds:6.0f} s simulated  {dict(found)}",
              flush=True)  # fmt: skip
    cpu = time.process_time() - began
    print(f"\n{good} of {done} routes driven ({good / max(done, 1):.1%}), {cpu:.0f} s of CPU")
    for cause, count in causes.most_common():
        print(f"  {cause:24} {count}")


def _drive(
    options: argparse.Namespace, where: dict[str, Any], count: int, first_seed: int
) -> tuple[int, Counter[str], float]:
    task_options: dict[str, Any] = {"map": where, "disturbance": options.disturbance}
    if options.vehicles is not None:
        task_options["traffic"] = {"vehicles": options.vehicles}
    env = make_env(options.task, obs_mode="state", physics=options.physics, rig=[],
                   task_options=task_options)  # fmt: skip
    expert = EXPERTS.get(options.task)()
    found: Counter[str] = Counter()
    won, seconds = 0, 0.0
    try:
        for number in range(count):
            seed = first_seed + number
            outcome = rollout(env, expert, seed)
            seconds += outcome.duration_s
            won += outcome.success
            if not outcome.success:
                found[outcome.cause] += 1
                if options.verbose:
                    print(f"    seed {seed}: {outcome.cause} after {outcome.duration_s:.1f} s, "
                          f"{env.draws['map']}")  # fmt: skip
    finally:
        env.close()
    return won, found, seconds


def _places(options: argparse.Namespace) -> list[tuple[str, dict[str, Any]]]:
    """Name and the task's `map` of each place to drive in."""
    if options.maps is None:
        towns = range(options.first_town, options.first_town + options.towns)
        return [(f"town {seed}", {"town_seeds": [seed, seed + 1]}) for seed in towns]
    found = []
    for path in sorted(Path(options.maps).rglob("*")):
        if not path.is_file():
            continue
        try:
            config_of_file(path)
        except FleetloopError:
            continue
        found.append((path.name, {"source": str(path)}))
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--routes", type=int, default=100)
    parser.add_argument("--towns", type=int, default=10)
    parser.add_argument("--first-town", type=int, default=FIRST_TOWN)
    parser.add_argument("--first-seed", type=int, default=0, help="of the first place's routes")
    parser.add_argument("--maps", help="folder of map files, instead of towns")
    parser.add_argument("--task", default="fleetloop/Drive-v0")
    parser.add_argument("--physics", default="fast")
    parser.add_argument("--disturbance", type=float, default=0.0)
    parser.add_argument("--vehicles", type=int, default=None)
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
