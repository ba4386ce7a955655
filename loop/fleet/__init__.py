"""Workers that do jobs: in this process, in processes of their own, or on a Ray cluster.

Adding an engine is one file and one line. Whatever the engine and the number of workers, a job is
the same function of the same plain values, and so are its files.
"""

from __future__ import annotations

from fleetloop.core.errors import ConfigError
from fleetloop.core.registry import Registry
from fleetloop.loop.fleet.base import Fleet, FleetFactory

ENGINES: Registry[FleetFactory] = Registry(
    "engine",
    {
        "inline": "fleetloop.loop.fleet.inline:InlineFleet",
        "process": "fleetloop.loop.fleet.process:ProcessFleet",
        "ray": "fleetloop.loop.fleet.on_ray:RayFleet",
    },
)

MOST_WORKERS = 4096


def make_fleet(engine: str = "process", workers: int = 2) -> Fleet:
    """Starts workers.

    Args:
        engine: Name in `ENGINES`.
        workers: How many; `inline` has one, whatever is asked for.

    Raises:
        UnknownNameError: No such engine.
        ConfigError: A number of workers that is not possible.
        MissingDependencyError: The engine needs a package that is not installed.
    """
    if (
        isinstance(workers, bool)
        or not isinstance(workers, int)
        or not 1 <= workers <= MOST_WORKERS
    ):
        raise ConfigError(f"workers is {workers!r}: use a whole number from 1 to {MOST_WORKERS}.")
    return ENGINES.get(engine)(workers)
